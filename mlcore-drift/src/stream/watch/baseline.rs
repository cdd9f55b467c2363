//! What a number is compared with, and how surely that is known.

use std::fmt;

use mlcore::stats::{Moments, ProportionMethod, proportion_confint};
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::stream::is_finite_number;
use crate::stream::parameters::require_share;

/// The interval in which the mean lay while all was well; an alarm says that the mean has left it.
///
/// ```
/// use mlcore_drift::stream::Baseline;
///
/// let agreed = Baseline::fixed(0.9);
/// assert_eq!(agreed.bounds(), (0.9, 0.9));
/// // 900 of 1,000 approved: the rate is known to two and a half points.
/// let approvals: Vec<f64> = (0..1000).map(|i| f64::from(u8::from(i % 10 > 0))).collect();
/// let (low, high) = Baseline::of_sample(&approvals, (0.0, 1.0), 0.99)?.bounds();
/// assert!(low > 0.87 && low < 0.88 && high > 0.92 && high < 0.93);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(from = "(f64, f64)", into = "(f64, f64)")]
pub struct Baseline {
    low: f64,
    high: f64,
}

impl Baseline {
    /// A mean that is known, or agreed upon.
    #[must_use]
    pub fn fixed(mean: f64) -> Self {
        Self { low: mean, high: mean }
    }

    /// A mean that lies between these two.
    #[must_use]
    pub fn between(low: f64, high: f64) -> Self {
        Self { low, high }
    }

    /// The mean of values like these, which lie in `range`, with a probability of `confidence` at least: for zeros and ones
    /// the interval of Clopper and Pearson, else the empirical Bernstein bound of Maurer and Pontil (2009), which holds for
    /// every distribution.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for fewer than two values, values outside the range or no numbers, and a confidence outside
    /// `(0, 1)`.
    pub fn of_sample(values: &[f64], (low, high): (f64, f64), confidence: f64) -> Result<Self> {
        require_share("baseline", "confidence", confidence)?;
        let refuse = |problem: String| Err(Error::invalid_input("make baseline", "sample", problem));
        if values.len() < 2 {
            return refuse(format!("it has {} values; two are needed at least", values.len()));
        }
        let inside = |value: &f64| is_finite_number(*value) && (low..=high).contains(value);
        if let Some(outside) = values.iter().find(|value| !inside(value)) {
            return refuse(format!("it holds {outside}, which is not between {low} and {high}"));
        }
        let alpha = 1.0 - confidence;
        let is_bit = |value: &f64| *value == 0.0 || *value == 1.0;
        if (low, high) == (0.0, 1.0) && values.iter().all(is_bit) {
            let ones = values.iter().filter(|value| **value == 1.0).count() as u64;
            let interval =
                proportion_confint(ones, values.len() as u64, alpha, ProportionMethod::ClopperPearson)?;
            return Ok(Self { low: interval.low, high: interval.high });
        }
        let moments = Moments::from_slice(values);
        let (n, log) = (values.len() as f64, (4.0 / alpha).ln());
        let margin =
            (2.0 * moments.variance() * log / n).sqrt() + 7.0 * (high - low) * log / (3.0 * (n - 1.0));
        Ok(Self { low: (moments.mean() - margin).max(low), high: (moments.mean() + margin).min(high) })
    }

    /// The ends of the interval.
    #[must_use]
    pub fn bounds(&self) -> (f64, f64) {
        (self.low, self.high)
    }
}

impl From<(f64, f64)> for Baseline {
    fn from((low, high): (f64, f64)) -> Self {
        Self { low, high }
    }
}

impl From<Baseline> for (f64, f64) {
    fn from(baseline: Baseline) -> Self {
        baseline.bounds()
    }
}

impl fmt::Display for Baseline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.low == self.high {
            write!(f, "{}", self.low)
        } else {
            write!(f, "{} to {}", self.low, self.high)
        }
    }
}
