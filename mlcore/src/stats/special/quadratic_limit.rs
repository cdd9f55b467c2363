//! Limiting distributions of the Cramer-von Mises and the Anderson-Darling statistic, both tails to full relative accuracy.
//!
//! Both are distributed in the limit as `sum_j w_j Z_j^2` with independent normal `Z_j`, where `w_j` is `1 / (j pi)^2`
//! (Cramer-von Mises) or `1 / (j (j + 1))` (Anderson-Darling). N. V. Smirnov (1936) wrote the upper tail of such a sum as
//! `1/pi sum_{k >= 1} (-1)^(k - 1)` times the integral of `exp(-x y / 2) / (y sqrt(-D(y)))` from `1 / w_(2k - 1)` to
//! `1 / w_(2k)`, with `D(y) = prod_j (1 - w_j y)`, whose sign is constant between two of its zeros. No term cancels another
//! in the tail, where one minus a distribution function has no digits left.

use super::bessel::scaled_bessel_k;
use std::f64::consts::PI;

/// `P(W > x)` for the limit of the Cramer-von Mises criterion.
///
/// By Smirnov's integrals; below [`SMALL`], where these cancel, from the distribution function as a series of Bessel functions
/// (T. W. Anderson and D. A. Darling 1952; S. Csorgo and J. J. Faraway 1996, equation 1.3).
pub(in crate::stats) fn cramer_von_mises_sf(x: f64) -> f64 {
    if x.is_nan() {
        return f64::NAN;
    }
    if x < SMALL {
        return 1.0 - small_cramer_von_mises_cdf(x);
    }
    // y = s^2, and D(y) = sin(s) / s, which is 0 at s = j pi.
    alternating(|k| {
        let start = (2.0 * k - 1.0) * PI;
        chebyshev(|passed, sine| {
            let s = start + PI * passed;
            (-x * s * s / 2.0).exp() * 2.0 * PI / (s * sine).sqrt()
        })
    })
}

/// `P(A > x)` for the limit of the Anderson-Darling criterion.
pub(in crate::stats) fn anderson_darling_sf(x: f64) -> f64 {
    if x.is_nan() {
        return f64::NAN;
    }
    if x < SMALLEST_ANDERSON_DARLING {
        return 1.0;
    }
    // y = r^2 / 4 - 1/4, and D(y) = -cos(pi r / 2) / (pi y), which is 0 at r = 2 j + 1.
    alternating(|k| {
        let start = 4.0 * k - 1.0;
        chebyshev(|passed, sine| {
            let r = start + 2.0 * passed;
            let y = (r * r - 1.0) / 4.0;
            (-x * y / 2.0).exp() * r / y / (sine / (PI * y)).sqrt()
        })
    })
}

/// `1/pi` times the alternating sum of integrals, until they do not count any more.
fn alternating(integral: impl Fn(f64) -> f64) -> f64 {
    let mut sum = 0.0;
    let mut sign = 1.0;
    for k in 1..=MOST_INTEGRALS {
        let term = integral(f64::from(k));
        sum += sign * term;
        sign = -sign;
        if term <= 1e-17 * sum {
            break;
        }
    }
    (sum / PI).clamp(0.0, 1.0)
}

/// The integral from 0 to 1 of a function of `u` and `sin(pi u)` with the inverse root of a zero at both ends, by Gauss and
/// Chebyshev's rule, which takes these for its weight.
fn chebyshev(function: impl Fn(f64, f64) -> f64) -> f64 {
    let node = |i: u32| {
        let half_angle = (f64::from(i) + 0.5) * PI / (2.0 * f64::from(NODES));
        let (sine, cosine) = half_angle.sin_cos();
        // The distances from both ends keep their digits as squares, and the sine of pi is that of either.
        let (passed, left) = (sine * sine, cosine * cosine);
        function(passed, (PI * passed.min(left)).sin()) * sine * cosine
    };
    (0..NODES).map(node).sum::<f64>() * PI / f64::from(NODES)
}

/// `P(W <= x)` for small `x`.
fn small_cramer_von_mises_cdf(x: f64) -> f64 {
    if x < SMALLEST_CRAMER_VON_MISES {
        return 0.0;
    }
    let mut sum = 0.0;
    // Gamma(k + 1/2) / Gamma(k + 1)
    let mut ratio = PI.sqrt();
    for k in 0..MOST_INTEGRALS {
        let y = 4.0 * f64::from(k) + 1.0;
        let q = y * y / (16.0 * x);
        let term = ratio * y.sqrt() * (-2.0 * q).exp() * scaled_bessel_k(0.25, q);
        sum += term;
        if term <= 1e-17 * sum {
            break;
        }
        ratio *= (f64::from(k) + 0.5) / (f64::from(k) + 1.0);
    }
    sum / (PI.powf(1.5) * x.sqrt())
}

const SMALL: f64 = 0.1;
/// Below these the distribution functions are less than 1e-18.
const SMALLEST_CRAMER_VON_MISES: f64 = 0.003;
const SMALLEST_ANDERSON_DARLING: f64 = 0.02;
/// More than any argument above these needs.
const MOST_INTEGRALS: u32 = 40;
/// Enough for tails of 1e-300, whose integrand falls by e^1500 between the ends.
const NODES: u32 = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tails_meet_where_the_methods_change() {
        let (below, above) = (cramer_von_mises_sf(SMALL.next_down()), cramer_von_mises_sf(SMALL));
        assert!((below / above - 1.0).abs() < 1e-13, "{below} {above}");
    }

    #[test]
    fn the_published_points_are_met() {
        // Anderson and Darling (1952, 1954); 0.05 and 0.01.
        for (x, p) in [(0.461_36, 0.05), (0.743_46, 0.01)] {
            assert!((cramer_von_mises_sf(x) / p - 1.0).abs() < 1e-4, "{x}: {}", cramer_von_mises_sf(x));
        }
        for (x, p) in [(2.492, 0.05), (3.878, 0.01)] {
            assert!((anderson_darling_sf(x) / p - 1.0).abs() < 1e-3, "{x}: {}", anderson_darling_sf(x));
        }
    }

    #[test]
    fn tails_fall_from_one_to_zero() {
        for sf in [cramer_von_mises_sf, anderson_darling_sf] {
            let tails: Vec<f64> = (0..2000).map(|i| sf(f64::from(i) * 0.01)).collect();
            assert!(tails[0] == 1.0 && tails.windows(2).all(|pair| pair[1] <= pair[0] + 1e-14), "{tails:?}");
            assert!(sf(1e6) == 0.0 && sf(f64::INFINITY) == 0.0 && sf(-1.0) == 1.0 && sf(f64::NAN).is_nan());
        }
    }
}
