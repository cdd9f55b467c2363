//! Metrics that must not get worse by more than a margin.

use serde::{Deserialize, Serialize};

use super::{Difference, EffectOptions};
use crate::error::{Error, Result};
use crate::experiment::Estimate;
use crate::stats::Alternative;

/// Whether more of a metric is better; the words are spotify-confidence's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
#[non_exhaustive]
pub enum PreferredDirection {
    /// More is better.
    #[default]
    Increase,
    /// Less is better.
    Decrease,
}

crate::words! { PreferredDirection, "preferred direction": Increase = "increase", Decrease = "decrease" }

impl PreferredDirection {
    /// The alternative hypothesis that the treatment is better.
    #[must_use]
    pub fn better(self) -> Alternative {
        match self {
            Self::Increase => Alternative::Greater,
            Self::Decrease => Alternative::Less,
        }
    }

    /// Whether a difference is on the better side of `value`.
    #[must_use]
    pub fn prefers(self, difference: f64, value: f64) -> bool {
        match self {
            Self::Increase => difference > value,
            Self::Decrease => difference < value,
        }
    }
}

/// A non-inferiority margin: the treatment passes where it is shown to be worse by less than the margin.
///
/// # Source
/// spotify-confidence 4.1, `nims_and_mdes.py`: the margin is a share of the control's mean, and the test is one-sided.
///
/// ```
/// use mlcore::experiment::{EffectOptions, Estimate, NonInferiority, PreferredDirection};
/// use mlcore::stats::Alternative;
///
/// let control = Estimate::of_proportion(500, 1000).known().copied().unwrap();
/// let margin = NonInferiority::new(0.02, PreferredDirection::Increase)?;
/// let options = margin.options(&EffectOptions::default(), &control);
/// assert_eq!((options.value, options.alternative), (-0.02, Alternative::Greater));
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct NonInferiority {
    /// How much worse is still good enough, as a share of the control's mean.
    pub margin: f64,
    /// Which direction is better.
    pub preferred_direction: PreferredDirection,
}

impl NonInferiority {
    /// A margin, as a share of the control's mean.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] where the margin is not positive and finite.
    pub fn new(margin: f64, preferred_direction: PreferredDirection) -> Result<Self> {
        if margin > 0.0 && margin.is_finite() {
            return Ok(Self { margin, preferred_direction });
        }
        Err(Error::invalid_input("compare arms", "margin", format!("{margin} is not positive and finite"))
            .remedy("give the share of the control's mean that may be lost, such as 0.01"))
    }

    /// The options of the test: one-sided, against the margin. An absolute difference is compared with the margin times the
    /// control's mean.
    #[must_use]
    pub fn options(&self, options: &EffectOptions, control: &Estimate) -> EffectOptions {
        let margin = match options.difference {
            Difference::Relative => self.margin,
            Difference::Absolute => self.margin * control.mean,
        };
        let value = match self.preferred_direction {
            PreferredDirection::Increase => -margin,
            PreferredDirection::Decrease => margin,
        };
        options.with_value(value).with_alternative(self.preferred_direction.better())
    }
}
