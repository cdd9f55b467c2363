//! A straight line through numbers that are known more or less surely.

use serde::{Deserialize, Serialize};

use crate::experiment::NoVerdict;
use crate::stats::norm;

/// A line through estimates, weighted by how sure each is, with a normal test of its slope.
///
/// The errors are taken as known, so that the slope's variance is that of weighted least squares without a scale:
/// statsmodels' `WLS(y, X, 1 / se**2).fit(cov_type="fixed scale")`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Trend {
    /// How many estimates.
    pub days: u64,
    /// What an estimate changes by in one unit of what it is compared with.
    pub slope: f64,
    /// The estimate where that is 0.
    pub intercept: f64,
    /// The standard error of the slope.
    pub standard_error: f64,
    /// The two-sided p-value of "there is no trend".
    pub pvalue: f64,
}

impl Trend {
    /// Of triples of what is compared with, estimate, and standard error.
    pub(super) fn of(points: &[(f64, f64, f64)]) -> Result<Self, NoVerdict> {
        if points.len() < FEWEST_DAYS {
            return Err(NoVerdict::TooFewDays);
        }
        let (first, last) = points.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), point| {
            (low.min(point.0), high.max(point.0))
        });
        if first == last {
            return Err(NoVerdict::NoVariance);
        }
        let weighted = |of: &dyn Fn(&(f64, f64, f64)) -> f64| -> f64 {
            points.iter().map(|point| of(point) / (point.2 * point.2)).sum()
        };
        let total = weighted(&|_| 1.0);
        let (x, y) = (weighted(&|point| point.0) / total, weighted(&|point| point.1) / total);
        let squares = weighted(&|point| (point.0 - x) * (point.0 - x));
        let slope = weighted(&|point| (point.0 - x) * (point.1 - y)) / squares;
        let standard_error = (1.0 / squares).sqrt();
        let pvalue = 2.0 * norm::sf((slope / standard_error).abs());
        let intercept = y - slope * x;
        if [slope, standard_error, intercept, pvalue].iter().all(|number| number.is_finite()) {
            return Ok(Self { days: points.len() as u64, slope, intercept, standard_error, pvalue });
        }
        Err(NoVerdict::NotFinite)
    }
}

/// Two points are always on a line.
const FEWEST_DAYS: usize = 3;
