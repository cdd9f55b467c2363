use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// When two scores are alike, and from where on a score is a label.
///
/// As numpy's `isclose`: `|shadow - live| <= absolute + relative * |live|`, infinities of one sign are alike, and NaN is like nothing.
/// By default numpy's own `atol` and `rtol`, which allow for little more than rounding.
///
/// ```
/// use mlcore::rollout::Tolerance;
///
/// let tolerance = Tolerance::new(0.01, 0.0)?.with_threshold(0.5)?;
/// assert!(tolerance.is_close(0.25, 0.2575) && !tolerance.is_close(0.25, 0.27));
/// assert!(Tolerance::new(f64::NAN, 0.0).is_err());
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Tolerance {
    absolute: f64,
    relative: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    threshold: Option<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unchecked {
    absolute: f64,
    relative: f64,
    #[serde(default)]
    threshold: Option<f64>,
}

impl Default for Tolerance {
    fn default() -> Self {
        Self { absolute: 1e-8, relative: 1e-5, threshold: None }
    }
}

impl Tolerance {
    /// Scores are alike up to `absolute` and `relative` times the score that was given.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for one that is negative or not finite.
    pub fn new(absolute: f64, relative: f64) -> Result<Self> {
        for (subject, value) in [("absolute", absolute), ("relative", relative)] {
            if !(value >= 0.0 && value.is_finite()) {
                let problem = format!("{value} is no tolerance; it must be 0 or more, and finite");
                return Err(Error::invalid_input(OPERATION, subject, problem));
            }
        }
        Ok(Self { absolute, relative, threshold: None })
    }

    /// Makes a label of a single score, and of the second of two: 1 from `threshold` on, 0 below. Of more scores the class with the
    /// largest is the label, as it is of two without a threshold.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a threshold that is not finite.
    pub fn with_threshold(mut self, threshold: f64) -> Result<Self> {
        if !threshold.is_finite() {
            return Err(Error::invalid_input(OPERATION, "threshold", format!("{threshold} is not finite")));
        }
        self.threshold = Some(threshold);
        Ok(self)
    }

    /// The absolute part.
    #[must_use]
    pub fn absolute(&self) -> f64 {
        self.absolute
    }

    /// The part that grows with the score.
    #[must_use]
    pub fn relative(&self) -> f64 {
        self.relative
    }

    /// The score from which on the label is 1, if there is one.
    #[must_use]
    pub fn threshold(&self) -> Option<f64> {
        self.threshold
    }

    /// Whether the score of a shadow is alike to the one that was given.
    #[must_use]
    pub fn is_close(&self, live: f64, shadow: f64) -> bool {
        live == shadow
            || (live.is_finite() && (shadow - live).abs() <= self.absolute + self.relative * live.abs())
    }

    /// The class that these scores of one row mean, where they mean one.
    pub(super) fn label(&self, scores: &[f64]) -> Option<i64> {
        if scores.iter().any(|score| score.is_nan()) {
            return None;
        }
        match (scores, self.threshold) {
            ([score] | [_, score], Some(threshold)) => Some(i64::from(*score >= threshold)),
            ([] | [_], _) => None,
            (scores, _) => largest(scores),
        }
    }
}

impl TryFrom<Unchecked> for Tolerance {
    type Error = Error;

    fn try_from(read: Unchecked) -> Result<Self> {
        let tolerance = Self::new(read.absolute, read.relative)?;
        read.threshold.map_or(Ok(tolerance), |threshold| tolerance.with_threshold(threshold))
    }
}

/// The place of the largest score, the first of equal ones, as numpy's `argmax`.
pub(super) fn largest(scores: &[f64]) -> Option<i64> {
    let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    scores.iter().position(|score| *score == largest).and_then(|place| i64::try_from(place).ok())
}

const OPERATION: &str = "build tolerance";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_numpys_isclose() {
        // numpy.isclose(shadow, live, rtol=0.1, atol=0.5).
        let tolerance = Tolerance::new(0.5, 0.1).unwrap();
        for (shadow, live, expected) in [
            (10.0, 11.6, true),
            (10.0, 11.7, false),
            (-10.0, -8.7, true),
            (0.4, 0.0, true),
            (0.6, 0.0, false),
            (f64::INFINITY, f64::INFINITY, true),
            (f64::INFINITY, f64::NEG_INFINITY, false),
            (1.0, f64::INFINITY, false),
            (f64::NAN, f64::NAN, false),
            (f64::NAN, 1.0, false),
        ] {
            assert_eq!(tolerance.is_close(live, shadow), expected, "{shadow} {live}");
        }
    }

    #[test]
    fn labels_are_the_largest_score_or_follow_from_the_threshold() {
        let plain = Tolerance::default();
        let at = plain.with_threshold(0.7).unwrap();
        assert_eq!([plain.label(&[0.9]), plain.label(&[0.5, 0.5]), plain.label(&[])], [None, Some(0), None]);
        assert_eq!(plain.label(&[0.1, 0.3, 0.6]), Some(2));
        assert_eq!(
            [at.label(&[0.7]), at.label(&[0.4, 0.6]), at.label(&[0.2, 0.8])],
            [Some(1), Some(0), Some(1)]
        );
        assert_eq!([at.label(&[0.1, 0.3, 0.6]), at.label(&[f64::NAN])], [Some(2), None]);
    }

    #[test]
    fn what_is_no_tolerance_is_refused_also_when_it_is_read() {
        assert!(Tolerance::new(-1.0, 0.0).is_err() && Tolerance::new(0.0, f64::INFINITY).is_err());
        assert!(Tolerance::default().with_threshold(f64::NAN).is_err());
        let read = |text: &str| serde_json::from_str::<Tolerance>(text);
        assert_eq!(read(r#"{"absolute":1e-8,"relative":1e-5}"#).unwrap(), Tolerance::default());
        assert!(read(r#"{"absolute":-1,"relative":0}"#).unwrap_err().to_string().contains("absolute"));
        assert!(read(r#"{"absolute":1,"relative":0,"rtol":1}"#).is_err());
    }
}
