//! The regularized incomplete beta function and its inverse, both tails to full relative accuracy.

use super::deviance::{binomial_mass, deviance};
use super::erf::scaled_erfc;

/// Where the smaller shape is at least this, the leading term of the uniform expansion is exact to 1e-10.
const LARGE_FROM: f64 = 1e9;
/// The continued fraction needs at most 80 terms and ten times the square root of the smaller shape; this is more.
const MOST_TERMS: f64 = 500.0;
const MOST_TERMS_PER_ROOT: f64 = 30.0;
/// Keeps Lentz' algorithm away from a division by zero.
const TINY: f64 = 1e-300;
/// Steps of the safeguarded Newton iteration; ten are usual, and bisection alone ends within this many.
const MOST_STEPS: u32 = 120;
/// `logit(x)` outside this is zero or one in double precision.
const WIDEST_LOGIT: f64 = 745.0;

/// `I_x(a, b)` and `1 - I_x(a, b)` for `a, b > 0`, where `x + y = 1`; NaN outside the domain.
///
/// The caller gives both `x` and `y`, so that neither loses digits next to one.
pub(in crate::stats) fn regularized_beta(a: f64, b: f64, x: f64, y: f64) -> (f64, f64) {
    let positive = |shape: f64| shape > 0.0 && shape < f64::INFINITY;
    if !(positive(a) && positive(b) && (0.0..=1.0).contains(&x) && (0.0..=1.0).contains(&y)) {
        return (f64::NAN, f64::NAN);
    }
    if x == 0.0 {
        return (0.0, 1.0);
    }
    if y == 0.0 {
        return (1.0, 0.0);
    }
    if a.min(b) >= LARGE_FROM {
        return large_shapes(a, b, x, y);
    }
    let mass = weighted_density(a, b, x, y);
    if mass == 0.0 {
        return if x * (a + b) < a { (0.0, 1.0) } else { (1.0, 0.0) };
    }
    if x * (a + b + 2.0) <= a + 1.0 {
        let lower = (mass * fraction(a, b, x, y)).min(1.0);
        (lower, 1.0 - lower)
    } else {
        let upper = (mass * fraction(b, a, y, x)).min(1.0);
        (1.0 - upper, upper)
    }
}

/// `x^a y^b / B(a, b)`: the density times `x y`, which is the derivative of `I_x` by `ln(x / y)`.
pub(in crate::stats) fn weighted_density(a: f64, b: f64, x: f64, y: f64) -> f64 {
    binomial_mass(a, b, x, y) * (a / (a + b)) * b
}

/// `I_x(a, b) B(a, b) / (x^a y^b)` as a continued fraction, by the modified Lentz algorithm.
///
/// Source: A. R. DiDonato and A. H. Morris, algorithm 708 (1992), eq. 9: the even part of DLMF 8.17.22, arranged around
/// `a y - b x`, so that nothing cancels where `a` is huge and `x` next to one.
fn fraction(a: f64, b: f64, x: f64, y: f64) -> f64 {
    let excess = a * y - b * x + 1.0;
    let mut c = 1.0 / TINY;
    let mut d = away_from_zero(a / (a + 1.0) * excess).recip();
    let mut value = d;
    let most = (MOST_TERMS + MOST_TERMS_PER_ROOT * a.min(b).sqrt()) as u32;
    for n in 1..most {
        let n = f64::from(n);
        let odd = a + 2.0 * n - 1.0;
        let weight = n * (b - n) * x / odd;
        let numerator = (a + n - 1.0) / odd * (a + b + n - 1.0) * weight * x;
        let denominator = n + weight + (a + n) / (odd + 2.0) * (excess + n * (1.0 + y));
        d = away_from_zero(denominator + numerator * d).recip();
        c = away_from_zero(denominator + numerator / c);
        let factor = d * c;
        value *= factor;
        if (factor - 1.0).abs() < 2e-16 || factor.is_nan() {
            break;
        }
    }
    value
}

/// Temme's expansion for two large shapes, leading term: DLMF 8.18.9.
fn large_shapes(a: f64, b: f64, x: f64, y: f64) -> (f64, f64) {
    let n = a + b;
    let (x0, y0) = (a / n, b / n);
    let exponent = deviance(a, n * x) + deviance(b, n * y);
    let eta = (2.0 * exponent / n).sqrt();
    let spread = (x0 * y0).sqrt();
    let below = x < x0;
    // The two poles at the mean cancel; next to it their difference is known.
    let coefficient = if eta < 1e-5 {
        let limit = (y0 - x0) / (3.0 * spread);
        if below { limit } else { -limit }
    } else {
        spread / (x - x0).abs() - 1.0 / eta
    };
    let correction = coefficient / (std::f64::consts::TAU * n).sqrt();
    let tail = (-exponent).exp() * (0.5 * scaled_erfc(exponent.sqrt()) + correction);
    let tail = if tail.is_nan() { tail } else { tail.clamp(0.0, 1.0) };
    if below { (tail, 1.0 - tail) } else { (1.0 - tail, tail) }
}

fn away_from_zero(value: f64) -> f64 {
    if value.abs() < TINY { TINY } else { value }
}

/// The `x` (and `1 - x`) with `I_x(a, b) = lower` and `1 - I_x(a, b) = upper`, where `lower + upper = 1`.
///
/// Newton's method for the logarithm of the smaller tail as a function of `ln(x / y)`, which is almost a straight line
/// in the tails, held inside a shrinking bracket.
pub(in crate::stats) fn inverse_regularized_beta(a: f64, b: f64, lower: f64, upper: f64) -> (f64, f64) {
    if !((0.0..=1.0).contains(&lower) && (0.0..=1.0).contains(&upper) && a > 0.0 && b > 0.0) {
        return (f64::NAN, f64::NAN);
    }
    if lower == 0.0 {
        return (0.0, 1.0);
    }
    if upper == 0.0 {
        return (1.0, 0.0);
    }
    let from_below = lower <= upper;
    let (mut low, mut high) = (-WIDEST_LOGIT, WIDEST_LOGIT);
    let mut logit = (a / b).ln().clamp(low, high);
    for _ in 0..MOST_STEPS {
        let (x, y) = logistic(logit);
        let (below, above) = regularized_beta(a, b, x, y);
        // How much too far to the right, on the logarithmic scale of the smaller tail.
        let (excess, tail) =
            if from_below { ((below / lower).ln(), below) } else { (-(above / upper).ln(), above) };
        if excess.is_nan() {
            return (f64::NAN, f64::NAN);
        }
        if excess == 0.0 {
            break;
        }
        if excess > 0.0 {
            high = logit;
        } else {
            low = logit;
        }
        // d ln I / d ln(x / y) is the weighted density by the tail.
        let newton = logit - excess * tail / weighted_density(a, b, x, y);
        let next = if newton > low && newton < high { newton } else { 0.5 * (low + high) };
        let moved = (next - logit).abs();
        logit = next;
        if moved <= 2e-16 * logit.abs().max(1.0) {
            break;
        }
    }
    logistic(logit)
}

fn logistic(logit: f64) -> (f64, f64) {
    (1.0 / (1.0 + (-logit).exp()), 1.0 / (1.0 + logit.exp()))
}
