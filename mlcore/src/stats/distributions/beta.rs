//! The beta distribution: `scipy.stats.beta`.

use super::super::special::incomplete_beta::{inverse_regularized_beta, regularized_beta, weighted_density};

/// `P(X <= x)` with shapes `a, b > 0`.
///
/// ```
/// assert!((mlcore::stats::beta::cdf(0.3, 2.0, 5.0) - 0.579_825).abs() < 1e-15);
/// ```
#[must_use]
pub fn cdf(x: f64, a: f64, b: f64) -> f64 {
    tails(x, a, b).0
}

/// `P(X > x)` with shapes `a, b > 0`.
#[must_use]
pub fn sf(x: f64, a: f64, b: f64) -> f64 {
    tails(x, a, b).1
}

/// The density of the logarithm of the odds, `ln(X / (1 - X))`, at `log_odds`: that of `X` times `x (1 - x)`, accurate in both
/// tails.
///
/// ```
/// // Of the uniform distribution it is that of the logistic one.
/// assert!((mlcore::stats::beta::logit_pdf(0.0, 1.0, 1.0) - 0.25).abs() < 1e-15);
/// ```
#[must_use]
pub fn logit_pdf(log_odds: f64, a: f64, b: f64) -> f64 {
    let positive = |shape: f64| shape > 0.0 && shape < f64::INFINITY;
    if !positive(a) || !positive(b) || log_odds.is_nan() {
        return f64::NAN;
    }
    let (x, y) = (1.0 / (1.0 + (-log_odds).exp()), 1.0 / (1.0 + log_odds.exp()));
    if x == 0.0 || y == 0.0 { 0.0 } else { weighted_density(a, b, x, y) }
}

/// The `x` with `cdf(x, a, b) = p`.
///
/// ```
/// // The lower Clopper-Pearson bound of 3 successes in 10 trials.
/// assert!((mlcore::stats::beta::ppf(0.025, 3.0, 8.0) - 0.066_739_511_177_735_49).abs() < 1e-14);
/// ```
#[must_use]
pub fn ppf(p: f64, a: f64, b: f64) -> f64 {
    inverse_regularized_beta(a, b, p, 1.0 - p).0
}

/// The `x` with `sf(x, a, b) = q`, accurate for small `q`.
#[must_use]
pub fn isf(q: f64, a: f64, b: f64) -> f64 {
    inverse_regularized_beta(a, b, 1.0 - q, q).0
}

fn tails(x: f64, a: f64, b: f64) -> (f64, f64) {
    let x = if x.is_nan() { x } else { x.clamp(0.0, 1.0) };
    regularized_beta(a, b, x, 1.0 - x)
}
