//! What is answered where there is too little data.

use serde::{Deserialize, Serialize};

/// A number that was asked for, or the reason why the data cannot give it. Nothing in here is ever NaN.
///
/// ```
/// use mlcore::experiment::{Answer, Estimate, NoVerdict};
///
/// let known = Estimate::new(100, 2.5, 4.0);
/// assert_eq!(known.known().map(|estimate| estimate.mean), Some(2.5));
/// let none = Estimate::new(1, 2.5, 0.0);
/// assert_eq!(none.reason(), Some(NoVerdict::TooFewUnits));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[must_use]
pub enum Answer<T> {
    /// The answer.
    Known(T),
    /// Why there is none.
    NoVerdict(NoVerdict),
}

impl<T> Answer<T> {
    /// The answer, where there is one.
    #[must_use]
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::NoVerdict(_) => None,
        }
    }

    /// Why there is no answer, where there is none.
    #[must_use]
    pub fn reason(&self) -> Option<NoVerdict> {
        match self {
            Self::Known(_) => None,
            Self::NoVerdict(reason) => Some(*reason),
        }
    }

    /// The answer or the reason as a `Result`, for `?` in functions that answer the same.
    ///
    /// # Errors
    /// The reason why there is no answer.
    pub fn into_result(self) -> Result<T, NoVerdict> {
        match self {
            Self::Known(value) => Ok(value),
            Self::NoVerdict(reason) => Err(reason),
        }
    }
}

impl<T> From<Result<T, NoVerdict>> for Answer<T> {
    fn from(result: Result<T, NoVerdict>) -> Self {
        match result {
            Ok(value) => Self::Known(value),
            Err(reason) => Self::NoVerdict(reason),
        }
    }
}

/// Why data gives no verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NoVerdict {
    /// An arm has fewer units, or clusters, than a variance needs: two.
    TooFewUnits,
    /// The arms have fewer units than a test needs that takes their variances for known.
    TooFewForTest,
    /// All units of an arm have the same value, so that nothing says how sure the answer is.
    NoVariance,
    /// The mean of the control is zero, so that there is no change relative to it.
    ControlIsZero,
    /// The denominator of a ratio is zero.
    DenominatorIsZero,
    /// A value was NaN or infinite, or a sum overflowed.
    NotFinite,
    /// The quantile lies so far out that its interval would need more units.
    QuantileOutOfReach,
    /// There are fewer days than the question needs.
    TooFewDays,
    /// Covariates determine each other, so that their parts cannot be told apart.
    CollinearCovariates,
}

crate::words! {
    NoVerdict, "reason":
    TooFewUnits = "too_few_units", TooFewForTest = "too_few_for_test", NoVariance = "no_variance", ControlIsZero = "control_is_zero",
    DenominatorIsZero = "denominator_is_zero", NotFinite = "not_finite", QuantileOutOfReach = "quantile_out_of_reach",
    TooFewDays = "too_few_days", CollinearCovariates = "collinear_covariates"
}

impl NoVerdict {
    /// The reason as a sentence, without its full stop.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::TooFewUnits => "an arm has fewer than two units",
            Self::TooFewForTest => {
                "the arms have too few units for a test that takes their variances for known"
            }
            Self::NoVariance => "all units of an arm have the same value",
            Self::ControlIsZero => "the mean of the control is zero",
            Self::DenominatorIsZero => "the denominator of the ratio is zero",
            Self::NotFinite => "a value is NaN or infinite, or a sum overflowed",
            Self::QuantileOutOfReach => "the quantile needs more units",
            Self::TooFewDays => "there are too few days",
            Self::CollinearCovariates => "covariates determine each other",
        }
    }
}
