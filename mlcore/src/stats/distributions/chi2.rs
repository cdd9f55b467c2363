//! The chi-square distribution: `scipy.stats.chi2`.

use super::super::special::incomplete_gamma::regularized_gamma;

/// `P(X <= x)` with `dof > 0` degrees of freedom.
///
/// ```
/// assert!((mlcore::stats::chi2::cdf(2.0, 2.0) - 0.632_120_558_828_557_7).abs() < 1e-15);
/// ```
#[must_use]
pub fn cdf(x: f64, dof: f64) -> f64 {
    tails(x, dof).0
}

/// `P(X > x)` with `dof > 0` degrees of freedom: the p-value of a chi-square statistic.
///
/// ```
/// let p = mlcore::stats::chi2::sf(1400.0, 3.0);
/// assert!((p / 2.945_619_361_016_308_7e-303 - 1.0).abs() < 1e-9);
/// ```
#[must_use]
pub fn sf(x: f64, dof: f64) -> f64 {
    tails(x, dof).1
}

fn tails(x: f64, dof: f64) -> (f64, f64) {
    regularized_gamma(dof / 2.0, if x < 0.0 { 0.0 } else { x / 2.0 })
}
