//! Student's t distribution: `scipy.stats.t`.

use super::super::special::deviance::stirling_error;
use super::super::special::incomplete_beta::{inverse_regularized_beta, regularized_beta};
use super::norm;

/// Beyond this the square of `t` would overflow, and the leading term of the tail is the whole of it.
const FAR: f64 = 1e150;

/// `P(X <= x)` with `df > 0` degrees of freedom.
#[must_use]
pub fn cdf(x: f64, df: f64) -> f64 {
    sf(-x, df)
}

/// `P(X > x)` with `df > 0` degrees of freedom; infinitely many are the normal distribution.
///
/// ```
/// assert!((mlcore::stats::t::sf(2.0, 10.0) - 0.036_694_017_385_370_18).abs() < 1e-15);
/// ```
#[must_use]
pub fn sf(x: f64, df: f64) -> f64 {
    if x.is_nan() || df.is_nan() || df <= 0.0 {
        return f64::NAN;
    }
    if df == f64::INFINITY {
        return norm::sf(x);
    }
    let tail = if x.abs() > FAR {
        (log_far_constant(df) - df * x.abs().ln()).exp()
    } else {
        let square = x * x;
        0.5 * regularized_beta(df / 2.0, 0.5, df / (df + square), square / (df + square)).0
    };
    if x < 0.0 { 1.0 - tail } else { tail }
}

/// The `x` with `cdf(x, df) = p`: minus infinity at 0, infinity at 1, NaN outside `[0, 1]`.
///
/// ```
/// assert!((mlcore::stats::t::ppf(0.975, 7.0) - 2.364_624_251_592_784).abs() < 1e-13);
/// ```
#[must_use]
pub fn ppf(p: f64, df: f64) -> f64 {
    if p.is_nan() || df.is_nan() || df <= 0.0 || !(0.0..=1.0).contains(&p) {
        return f64::NAN;
    }
    if df == f64::INFINITY {
        return norm::ppf(p);
    }
    let both_tails = 2.0 * p.min(1.0 - p);
    let (x, y) = inverse_regularized_beta(df / 2.0, 0.5, both_tails, 1.0 - both_tails);
    let near = (df * (y / x)).sqrt();
    // With hundredths of a degree of freedom the beta distribution has no float for what lies that far.
    let log_far = (log_far_constant(df) - (0.5 * both_tails).ln()) / df;
    let is_far = near > FAR.sqrt() && log_far > FAR.ln() && both_tails > 0.0;
    let quantile = if is_far { log_far.exp() } else { near };
    quantile.copysign(p - 0.5)
}

/// The logarithm of the constant in the tail `constant * x^-df` that is left where `x^2` dwarfs `df`.
fn log_far_constant(df: f64) -> f64 {
    let a = df / 2.0;
    // ln(Gamma(a + 1/2) / Gamma(a + 1)), from Stirling's formula and what it leaves out.
    let log_ratio = if a > 0.5 {
        a * (-0.5 / a).ln_1p() + 0.5 + stirling_error(a - 0.5) - stirling_error(a) - 0.5 * a.ln()
    } else {
        // Gamma(a + 1/2) = Gamma(a + 3/2) / (a + 1/2).
        let shifted = a + 0.5;
        (shifted + 0.5) * shifted.ln() - shifted + stirling_error(shifted)
            - shifted.ln()
            - ((a + 0.5) * a.ln() - a + stirling_error(a))
    };
    log_ratio - 0.5 * std::f64::consts::PI.ln() - std::f64::consts::LN_2 + a * df.ln()
}
