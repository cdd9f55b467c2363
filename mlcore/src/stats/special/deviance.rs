//! The two pieces from which binomial, Poisson, gamma and beta densities are put together without cancellation.
//!
//! Source: C. Loader, "Fast and Accurate Computation of Binomial Probabilities" (2000). A density is written as
//! `exp(stirling errors - deviances) / sqrt(..)`, where every term is computed to full relative accuracy; the
//! textbook form subtracts log-factorials of the size `n ln n` and loses as many digits as `n` has.

/// `ln(sqrt(2 pi))`.
pub(in crate::stats) const LN_SQRT_TWO_PI: f64 = 0.918_938_533_204_672_741_780_329_736_406;

/// From here on the Stirling series with the seven terms below is exact to the last bit.
const STIRLING_FROM: f64 = 15.0;

/// `ln Gamma(x + 1) - (x + 1/2) ln x + x - ln sqrt(2 pi)` for `x > 0`: what Stirling's formula leaves out.
pub(in crate::stats) fn stirling_error(x: f64) -> f64 {
    let mut shifted = x;
    let mut correction = 0.0;
    while shifted < STIRLING_FROM {
        let inverse = 1.0 / shifted;
        // (x + 1/2) ln(1 + 1/x) - 1, in the form whose terms are the smaller ones.
        correction += if shifted < 1.0 {
            (shifted + 0.5) * inverse.ln_1p() - 1.0
        } else {
            (shifted + 0.5) * log1p_minus(inverse) + 0.5 * inverse
        };
        shifted += 1.0;
    }
    correction + stirling_series(shifted)
}

/// The asymptotic series of [`stirling_error`], for `x >= 15`.
#[inline]
pub(in crate::stats) fn stirling_series(x: f64) -> f64 {
    // B_{2k} / (2k (2k - 1)): from this size on five terms leave less than 1e-16.
    const C: [f64; 7] = [
        1.0 / 12.0,
        -1.0 / 360.0,
        1.0 / 1260.0,
        -1.0 / 1680.0,
        1.0 / 1188.0,
        -691.0 / 360_360.0,
        1.0 / 156.0,
    ];
    let inverse = 1.0 / x;
    inverse * horner(&C, inverse * inverse)
}

/// The polynomial with these coefficients, the constant one first, from the highest power down.
#[inline]
fn horner(coefficients: &[f64], x: f64) -> f64 {
    coefficients.iter().rev().fold(0.0, |sum, coefficient| coefficient + x * sum)
}

/// `ln(1 + u) - u` for `u > -1`, to full relative accuracy around `u = 0`.
#[inline]
pub(in crate::stats) fn log1p_minus(u: f64) -> f64 {
    if !(-0.34..=0.5).contains(&u) {
        return u.ln_1p() - u;
    }
    // ln(1 + u) = 2 artanh(r) with r = u / (2 + u), and 2 r - u = -u r exactly, so the linear terms never meet.
    let r = u / (2.0 + u);
    let z = r * r;
    const C: [f64; 12] = [
        1.0 / 3.0,
        1.0 / 5.0,
        1.0 / 7.0,
        1.0 / 9.0,
        1.0 / 11.0,
        1.0 / 13.0,
        1.0 / 15.0,
        1.0 / 17.0,
        1.0 / 19.0,
        1.0 / 21.0,
        1.0 / 23.0,
        1.0 / 25.0,
    ];
    let series = horner(&C, z);
    r * (2.0 * z * series - u)
}

/// Loader's `bd0(x, mean) = x ln(x / mean) + mean - x >= 0`, the deviance of one Poisson observation.
pub(in crate::stats) fn deviance(x: f64, mean: f64) -> f64 {
    if x == 0.0 {
        return mean;
    }
    let relative = (mean - x) / x;
    if (-0.34..=0.5).contains(&relative) {
        return -x * log1p_minus(relative);
    }
    let ratio = x / mean;
    // Two logarithms where their ratio is out of range; otherwise one, which rounds once.
    let log_ratio = if ratio > 0.0 && ratio < f64::INFINITY { ratio.ln() } else { x.ln() - mean.ln() };
    x * log_ratio + (mean - x)
}

/// The Poisson mass `exp(-mean) mean^x / Gamma(x + 1)`, for real `x >= 0` and `mean > 0`.
pub(in crate::stats) fn poisson_mass(x: f64, mean: f64) -> f64 {
    if x == 0.0 {
        return (-mean).exp();
    }
    (-stirling_error(x) - deviance(x, mean)).exp() / (std::f64::consts::TAU * x).sqrt()
}

/// The binomial mass `C(k + l, k) p^k q^l` with `p + q = 1`, for real `k, l >= 0`.
///
/// Successes and failures are given apart, because their sum may have rounded the smaller one away.
pub(in crate::stats) fn binomial_mass(k: f64, l: f64, p: f64, q: f64) -> f64 {
    if k == 0.0 {
        return power(q, p, l);
    }
    if l == 0.0 {
        return power(p, q, k);
    }
    let n = k + l;
    let exponent =
        stirling_error(n) - stirling_error(k) - stirling_error(l) - deviance(k, n * p) - deviance(l, n * q);
    // n / (k l), arranged so that no product overflows.
    exponent.exp() * (n / (std::f64::consts::TAU * k) / l).sqrt()
}

/// `base^n` where `complement = 1 - base` is known without rounding.
fn power(base: f64, complement: f64, n: f64) -> f64 {
    if complement < 0.5 { (n * (-complement).ln_1p()).exp() } else { base.powf(n) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(actual: f64, expected: f64, relative: f64) {
        assert!((actual - expected).abs() <= relative * expected.abs(), "{actual:e} is not {expected:e}");
    }

    #[test]
    fn stirling_error_at_small_and_large_arguments() {
        // ln(n!) - ln(stirling(n)), 20 digits from the exact factorials.
        check(stirling_error(1.0), 0.081_061_466_795_327_26, 4e-15);
        check(stirling_error(5.0), 0.016_644_691_189_821_193, 2e-14);
        check(stirling_error(15.0), 0.005_554_733_551_962_801, 1e-15);
        check(stirling_error(1e9), 1.0 / 12e9, 1e-15);
    }

    #[test]
    fn log1p_minus_keeps_relative_accuracy() {
        check(log1p_minus(1e-10), -4.999_999_999_666_667e-21, 1e-15);
        check(log1p_minus(-0.34), -0.075_515_443_961_665_83, 1e-14);
        check(log1p_minus(0.5), -0.094_534_891_891_835_62, 1e-15);
        check(log1p_minus(3.0), 4f64.ln() - 3.0, 1e-16);
    }

    #[test]
    fn masses_add_up_to_one() {
        let binomial: f64 = (0..=40).map(|k| binomial_mass(f64::from(k), f64::from(40 - k), 0.3, 0.7)).sum();
        check(binomial, 1.0, 1e-14);
        let poisson: f64 = (0..200).map(|k| poisson_mass(f64::from(k), 30.0)).sum();
        check(poisson, 1.0, 1e-14);
    }
}
