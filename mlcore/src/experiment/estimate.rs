//! What one arm says about a metric: a mean, and how sure it is.

use serde::{Deserialize, Serialize};

use super::{Answer, NoVerdict};
use crate::stats::Moments;

/// The mean of a metric in one arm with its variance, whatever kind of mean it is: of units, a proportion, a ratio, a mean
/// adjusted by covariates, a quantile. Effects, powers and intervals ask for nothing else.
///
/// `variance / count` is the squared standard error of `mean`. Every number is finite, and the variance is positive.
///
/// # Source
/// gbstats 0.8, `models/statistics.py`: `n`, `mean`, `unadjusted_mean`, `variance`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Estimate {
    /// Units, or clusters.
    pub count: u64,
    /// The mean.
    pub mean: f64,
    /// The mean before it was adjusted by covariates, to which relative changes refer.
    pub unadjusted_mean: f64,
    /// The variance of one unit.
    pub variance: f64,
}

impl Estimate {
    /// Of numbers kept elsewhere. No verdict for fewer than two units, no variance, or a number that is not finite.
    pub fn new(count: u64, mean: f64, variance: f64) -> Answer<Self> {
        Self::checked(count, mean, mean, variance).into()
    }

    /// Of the moments of the units' values: `SampleMeanStatistic`.
    ///
    /// ```
    /// use mlcore::experiment::Estimate;
    /// use mlcore::stats::Moments;
    ///
    /// let estimate = Estimate::of_mean(&Moments::from_slice(&[1.0, 2.0, 4.0, 8.0]));
    /// assert_eq!(estimate.known().map(|estimate| estimate.mean), Some(3.75));
    /// ```
    pub fn of_mean(moments: &Moments) -> Answer<Self> {
        if moments.count() < 2 {
            return Answer::NoVerdict(NoVerdict::TooFewUnits);
        }
        Self::new(moments.count(), moments.mean(), moments.variance())
    }

    /// Of units that succeed or not: `ProportionStatistic`, whose variance is `p (1 - p)`. More successes than units are no
    /// verdict.
    ///
    /// ```
    /// use mlcore::experiment::{Estimate, NoVerdict};
    ///
    /// assert_eq!(Estimate::of_proportion(10, 40).known().map(|estimate| estimate.variance), Some(0.1875));
    /// assert_eq!(Estimate::of_proportion(0, 40).reason(), Some(NoVerdict::NoVariance));
    /// ```
    pub fn of_proportion(successes: u64, count: u64) -> Answer<Self> {
        if successes > count {
            return Answer::NoVerdict(NoVerdict::NotFinite);
        }
        let share = if count == 0 { 0.0 } else { successes as f64 / count as f64 };
        Self::new(count, share, share * (1.0 - share))
    }

    /// The standard error of the mean.
    #[must_use]
    pub fn standard_error(&self) -> f64 {
        self.squared_error().sqrt()
    }

    pub(super) fn squared_error(&self) -> f64 {
        self.variance / self.count as f64
    }

    pub(super) fn checked(
        count: u64,
        mean: f64,
        unadjusted_mean: f64,
        variance: f64,
    ) -> Result<Self, NoVerdict> {
        if count < 2 {
            return Err(NoVerdict::TooFewUnits);
        }
        if !(mean.is_finite() && unadjusted_mean.is_finite() && variance.is_finite()) {
            return Err(NoVerdict::NotFinite);
        }
        if variance <= 0.0 {
            return Err(NoVerdict::NoVariance);
        }
        Ok(Self { count, mean, unadjusted_mean, variance })
    }
}
