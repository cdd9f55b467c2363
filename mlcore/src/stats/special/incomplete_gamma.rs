//! The regularized incomplete gamma functions, both tails to full relative accuracy.

use super::deviance::poisson_mass;
use super::gamma::ln_gamma_of_one_plus;
use super::temme::{LARGE_FROM, large_regularized_gamma};

/// More terms than any argument below [`LARGE_FROM`] needs (about `10 sqrt(a)`).
const MOST_TERMS: u32 = 20_000;
/// Keeps Lentz' algorithm away from a division by zero.
const TINY: f64 = 1e-300;

/// `P(a, x)` and `Q(a, x) = 1 - P(a, x)` for `a > 0`, `x >= 0`; NaN outside.
///
/// By the series of P below `x = a + 1`, Legendre's continued fraction of Q above, and Temme's expansion for large `a`.
pub(in crate::stats) fn regularized_gamma(a: f64, x: f64) -> (f64, f64) {
    if !(a > 0.0 && a < f64::INFINITY && x >= 0.0) {
        return (f64::NAN, f64::NAN);
    }
    if x == 0.0 {
        return (0.0, 1.0);
    }
    if x == f64::INFINITY {
        return (1.0, 0.0);
    }
    if a >= LARGE_FROM {
        return large_regularized_gamma(a, x);
    }
    if x < 1.0 && a < 0.5 {
        return small_shape(a, x);
    }
    if x < a + 1.0 {
        let lower = (poisson_mass(a, x) * lower_series(a, x)).min(1.0);
        return (lower, 1.0 - lower);
    }
    let upper = (poisson_mass(a, x) * a * upper_fraction(a, x)).min(1.0);
    (1.0 - upper, upper)
}

/// `1 + x/(a+1) + x^2/((a+1)(a+2)) + ...`
fn lower_series(a: f64, x: f64) -> f64 {
    let (mut sum, mut term, mut shifted) = (1.0, 1.0, a);
    for _ in 0..MOST_TERMS {
        shifted += 1.0;
        term *= x / shifted;
        sum += term;
        if term < sum * 1e-17 {
            break;
        }
    }
    sum
}

/// `Gamma(a, x) e^x x^-a` as a continued fraction, by the modified Lentz algorithm.
fn upper_fraction(a: f64, x: f64) -> f64 {
    let mut b = x + 1.0 - a;
    let mut c = 1.0 / TINY;
    let mut d = 1.0 / b;
    let mut fraction = d;
    for i in 1..MOST_TERMS {
        let i = f64::from(i);
        let numerator = i * (a - i);
        b += 2.0;
        d = away_from_zero(numerator * d + b).recip();
        c = away_from_zero(b + numerator / c);
        let factor = c * d;
        fraction *= factor;
        if (factor - 1.0).abs() < 1e-16 || factor.is_nan() {
            break;
        }
    }
    fraction
}

fn away_from_zero(value: f64) -> f64 {
    if value.abs() < TINY { TINY } else { value }
}

/// Both tails for `a < 1/2`, `x < 1`, where either may be close to one while the other carries the digits.
fn small_shape(a: f64, x: f64) -> (f64, f64) {
    // P = x^a / Gamma(1 + a) * (1 + a s) with s = sum_{n >= 1} (-x)^n / (n! (a + n)).
    let (mut sum, mut term) = (0.0, 1.0);
    for n in 1..100 {
        let n = f64::from(n);
        term *= -x / n;
        sum += term / (a + n);
        if term.abs() < 1e-18 {
            break;
        }
    }
    let exponent = a * x.ln() - ln_gamma_of_one_plus(a);
    let lower = exponent.exp() * (1.0 + a * sum);
    let upper = -exponent.exp_m1() - exponent.exp() * a * sum;
    (lower.clamp(0.0, 1.0), upper.clamp(0.0, 1.0))
}
