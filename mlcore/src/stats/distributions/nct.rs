//! The noncentral t distribution: `scipy.stats.nct`.

use super::super::special::deviance::poisson_mass;
use super::super::special::incomplete_beta::regularized_beta;
use super::{norm, t};

/// `P(X <= x)` with `df > 0` degrees of freedom and the noncentrality `nc`.
///
/// ```
/// assert!((mlcore::stats::nct::cdf(2.0, 10.0, 1.5) - 0.659_154_072_442_190_9).abs() < 1e-13);
/// ```
#[must_use]
pub fn cdf(x: f64, df: f64, nc: f64) -> f64 {
    if x < 0.0 { upper(-x, df, -nc).0 } else { upper(x, df, nc).1 }
}

/// `P(X > x)` with `df > 0` degrees of freedom and the noncentrality `nc`: the power of a t-test whose critical value is `x`.
///
/// ```
/// assert!((mlcore::stats::nct::sf(2.0, 10.0, 1.5) - 0.340_845_927_557_809).abs() < 1e-13);
/// ```
#[must_use]
pub fn sf(x: f64, df: f64, nc: f64) -> f64 {
    if x < 0.0 { upper(-x, df, -nc).1 } else { upper(x, df, nc).0 }
}

/// `P(X > x)` and `P(X <= x)` for `x >= 0`.
///
/// The sum over a Poisson variable of half `nc^2` that begins at its mode, so that no term underflows before it counts.
/// Source: R. V. Lenth, algorithm AS 243 (1989); for the order of the terms, D. Benton and K. Krishnamoorthy (2003).
fn upper(x: f64, df: f64, nc: f64) -> (f64, f64) {
    if x.is_nan() || nc.is_nan() || df.is_nan() || df <= 0.0 {
        return (f64::NAN, f64::NAN);
    }
    if nc == 0.0 {
        return (t::sf(x, df), t::cdf(x, df));
    }
    if df == f64::INFINITY || df > NORMAL_FROM {
        return (norm::sf(x - nc), norm::cdf(x - nc));
    }
    if nc.abs() > MOST_NONCENTRAL {
        // All mass lies where the sign of `nc` says, far from every quantile of a test.
        let above = if nc > x { 1.0 } else { 0.0 };
        return (above, 1.0 - above);
    }
    let square = x * x;
    let share = if square == f64::INFINITY { 1.0 } else { square / (df + square) };
    let rest = if square == f64::INFINITY { 0.0 } else { df / (df + square) };
    let half = 0.5 * nc * nc;
    let sign = nc.signum();
    let term = |place: f64| {
        let (even, odd) = (poisson_mass(place, half), poisson_mass(place + 0.5, half) * sign);
        let (even_low, even_high) = regularized_beta(place + 0.5, 0.5 * df, share, rest);
        let (odd_low, odd_high) = regularized_beta(place + 1.0, 0.5 * df, share, rest);
        let weight = even + odd.abs();
        (even * even_high + odd * odd_high, even * even_low + odd * odd_low, weight)
    };
    let mode = half.floor();
    let (mut above, mut below) = (0.0, 0.0);
    // Beyond this the Poisson weights are smaller than any digit of the sum.
    let reach = (12.0 * half.sqrt() + 60.0).min(MOST_TERMS);
    let mut place = mode;
    while place >= 0.0 && mode - place <= reach {
        let (high, low, weight) = term(place);
        above += high;
        below += low;
        if weight < NEGLIGIBLE {
            break;
        }
        place -= 1.0;
    }
    place = mode + 1.0;
    while place - mode <= reach {
        let (high, low, weight) = term(place);
        above += high;
        below += low;
        if weight < NEGLIGIBLE {
            break;
        }
        place += 1.0;
    }
    ((0.5 * above).clamp(0.0, 1.0), (norm::cdf(-nc) + 0.5 * below).clamp(0.0, 1.0))
}

/// From so many degrees of freedom on the distribution is the normal one to all digits that the sum has.
const NORMAL_FROM: f64 = 1e15;
/// Beyond this noncentrality every test is decided, and the sum would take a million terms.
const MOST_NONCENTRAL: f64 = 1e4;
const MOST_TERMS: f64 = 1e6;
/// Weights below this do not reach the last digit of a probability that a test compares with anything.
const NEGLIGIBLE: f64 = 1e-20;
