//! Values whose outliers are moved to caps.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::profile::Ranks;
use crate::stats::Moments;

/// The least and the largest value that counts; what lies beyond counts as the cap.
///
/// ```
/// use mlcore::experiment::Caps;
///
/// let caps = Caps::new(0.0, 100.0)?;
/// assert_eq!([caps.apply(-3.0), caps.apply(40.0), caps.apply(1e9)], [0.0, 40.0, 100.0]);
/// assert!(Caps::new(1.0, 0.0).is_err());
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Ends", into = "Ends")]
pub struct Caps {
    low: f64,
    high: f64,
}

/// Caps as they are stored; no cap is none.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct Ends {
    low: Option<f64>,
    high: Option<f64>,
}

impl TryFrom<Ends> for Caps {
    type Error = Error;

    fn try_from(ends: Ends) -> Result<Self> {
        Self::new(ends.low.unwrap_or(f64::NEG_INFINITY), ends.high.unwrap_or(f64::INFINITY))
    }
}

impl From<Caps> for Ends {
    fn from(caps: Caps) -> Self {
        let finite = |end: f64| end.is_finite().then_some(end);
        Self { low: finite(caps.low), high: finite(caps.high) }
    }
}

impl Caps {
    /// Caps at given values; an infinity is no cap.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for NaN, and where the lower cap is above the upper one.
    pub fn new(low: f64, high: f64) -> Result<Self> {
        if low.is_nan() || high.is_nan() || low > high {
            let problem = format!("the caps are {low} and {high}");
            return Err(Error::invalid_input("winsorise", "caps", problem)
                .remedy("give a lower cap that is not above the upper one"));
        }
        Ok(Self { low, high })
    }

    /// Caps at the quantiles that a profile of both arms together knows: `lower` of the values lie below, `upper` of them not above.
    /// They are as exact as [`Ranks::rank_error`] says.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for shares outside of `[0, 1]`, and for a profile without values.
    pub fn of_ranks(ranks: &Ranks, lower: f64, upper: f64) -> Result<Self> {
        match (ranks.quantile(lower), ranks.quantile(upper)) {
            (Some(low), Some(high)) => Self::new(low, high),
            _ => Err(Error::invalid_input(
                "winsorise",
                "quantiles",
                format!("there is no quantile {lower} and {upper} of {} values", ranks.len()),
            )
            .remedy("give shares from 0 to 1, and a profile that has seen values")),
        }
    }

    /// The lower cap; minus infinity for none.
    #[must_use]
    pub fn low(&self) -> f64 {
        self.low
    }

    /// The upper cap; infinity for none.
    #[must_use]
    pub fn high(&self) -> f64 {
        self.high
    }

    /// The value that counts. NaN stays NaN.
    #[must_use]
    pub fn apply(&self, value: f64) -> f64 {
        if value < self.low {
            self.low
        } else if value > self.high {
            self.high
        } else {
            value
        }
    }
}

/// The moments of values between caps, and how many values were moved to each: a metric of money or time whose outliers would
/// drown every effect.
///
/// Both arms have the same caps, or the effect is that of the caps.
///
/// ```
/// use mlcore::experiment::{Caps, Estimate, WinsorisedMoments};
///
/// let mut spent = WinsorisedMoments::new(Caps::new(0.0, 50.0)?);
/// spent.extend([10.0, 20.0, 4_000.0]);
/// assert_eq!((spent.moments().mean().round(), spent.capped()), (27.0, [0, 1]));
/// assert!(Estimate::of_mean(spent.moments()).known().is_some());
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct WinsorisedMoments {
    caps: Caps,
    moments: Moments,
    capped: [u64; 2],
}

impl WinsorisedMoments {
    /// Of no value.
    #[must_use]
    pub fn new(caps: Caps) -> Self {
        Self { caps, moments: Moments::new(), capped: [0; 2] }
    }

    /// Adds a value.
    pub fn push(&mut self, value: f64) {
        self.moments.push(self.caps.apply(value));
        self.capped[0] += u64::from(value < self.caps.low);
        self.capped[1] += u64::from(value > self.caps.high);
    }

    /// The moments of both streams together.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] where the caps differ.
    pub fn merge(&self, other: &Self) -> Result<Self> {
        if self.caps != other.caps {
            let problem = format!("the caps {:?} and {:?} differ", self.caps, other.caps);
            return Err(Error::invalid_input("merge winsorised moments", "caps", problem)
                .remedy("winsorise both streams by the same caps"));
        }
        let capped = [0, 1].map(|end| self.capped[end].saturating_add(other.capped[end]));
        Ok(Self { caps: self.caps, moments: self.moments.merge(&other.moments), capped })
    }

    /// The moments of the values that count.
    #[must_use]
    pub fn moments(&self) -> &Moments {
        &self.moments
    }

    /// How many values lay below the lower cap, and above the upper one.
    #[must_use]
    pub fn capped(&self) -> [u64; 2] {
        self.capped
    }
}

impl Extend<f64> for WinsorisedMoments {
    fn extend<I: IntoIterator<Item = f64>>(&mut self, values: I) {
        values.into_iter().for_each(|value| self.push(value));
    }
}
