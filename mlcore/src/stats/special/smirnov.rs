//! The survival function of the one-sided one-sample Kolmogorov-Smirnov statistic.
//!
//! `P(D+ >= x) = sum_{j=0}^{floor(n (1 - x))} C(n, j) x (x + j/n)^(j-1) (1 - x - j/n)^(n-j)` (Smirnov 1944,
//! Birnbaum and Tingey 1951). All terms are positive; there are `n` of them, and summed one after the other they
//! are three quarters of the time of a Kolmogorov-Smirnov test in scipy. The terms are samples of one smooth bump
//! that vanishes at both ends, so that by Poisson's summation formula a lattice a thousand times coarser has the
//! same sum to all digits: a hundred terms do.

use super::deviance::{log1p_minus, stirling_error, stirling_series};

/// Beyond this sample size scipy answers with the limit law of Maag and Dicaire, and so does this.
const LARGEST_SUMMED_SAMPLE: f64 = 1e6;
/// Smallest exponent that does not underflow, as in scipy (cephes `MINLOG`).
const SMALLEST_LOG: f64 = -7.083_964_185_322_641e2;
/// Fewer terms than this are simply summed.
const DIRECT_TERMS: f64 = 320.0;
/// The first term of the sum, relative to the whole, must be below `exp(-34) = 2e-15` for the lattice to be coarsened.
const NEGLIGIBLE_EXPONENT: f64 = 34.0;
/// Points of the first lattice; doubled until two agree.
const FIRST_LATTICE: u32 = 48;

/// `P(D+_n >= x)` for a sample of size `n`, scipy's `scipy.special.smirnov(n, x)`.
///
/// NaN unless `n` is a positive integer and `0 <= x <= 1`.
pub(in crate::stats) fn smirnov_sf(n: f64, x: f64) -> f64 {
    if !(n >= 1.0 && n.floor() == n && (0.0..=1.0).contains(&x)) {
        return f64::NAN;
    }
    let scaled = n * x;
    if x == 0.0 {
        1.0
    } else if n == 1.0 {
        1.0 - x
    } else if scaled < 1.0 || (scaled == 1.0 && n.mul_add(x, -1.0) <= 0.0) {
        // The product in full: scipy decides with twice the digits.
        1.0 - x * ((n - 1.0) * x.ln_1p()).exp()
    } else if -2.0 * scaled * x < SMALLEST_LOG {
        0.0
    } else if scaled >= n - 1.0 {
        (n * (-x).ln_1p()).exp()
    } else if n > LARGEST_SUMMED_SAMPLE {
        large_sample(n, x)
    } else if n > DIRECT_TERMS && scaled * (1.0 - 2.0 * x) > NEGLIGIBLE_EXPONENT {
        lattice_sum(n, scaled).unwrap_or_else(|| direct_sum(n, x, scaled))
    } else {
        direct_sum(n, x, scaled)
    }
}

/// `exp(-(6 n x + 1)^2 / 18 n)`, Maag and Dicaire (1971).
fn large_sample(n: f64, x: f64) -> f64 {
    let root = 6.0 * n * x + 1.0;
    (-(root * root) / 18.0 / n).exp()
}

/// One term of the sum at a real `0 < j < n - scaled`, in Loader's saddle-point form; `scaled = n x`.
#[inline]
fn term(n: f64, scaled: f64, stirling_n: f64, j: f64) -> f64 {
    let rest = n - j;
    let stirling = if j >= 15.0 && rest >= 15.0 {
        stirling_n - stirling_series(j) - stirling_series(rest)
    } else {
        stirling_n - stirling_error(j) - stirling_error(rest)
    };
    let exponent = stirling + j * log1p_minus(scaled / j) + rest * log1p_minus(-scaled / rest);
    scaled / (j + scaled) * (n / (std::f64::consts::TAU * j * rest)).sqrt() * exponent.exp()
}

/// Every term, outward from the middle until they no longer count.
fn direct_sum(n: f64, x: f64, scaled: f64) -> f64 {
    let stirling_n = stirling_error(n);
    let end = n - scaled;
    let middle = (end / 2.0).floor().max(1.0);
    let mut sum = 0.0;
    let mut j = middle;
    while j < end {
        let value = term(n, scaled, stirling_n, j);
        sum += value;
        if value < sum * 1e-19 {
            break;
        }
        j += 1.0;
    }
    j = middle - 1.0;
    while j >= 1.0 {
        sum += term(n, scaled, stirling_n, j);
        j -= 1.0;
    }
    sum + (n * (-x).ln_1p()).exp()
}

/// The sum over the integers by way of the trapezoidal rule on ever finer lattices; `None` if no lattice coarser than
/// the integers is fine enough, because the bump is all but a box.
fn lattice_sum(n: f64, scaled: f64) -> Option<f64> {
    let stirling_n = stirling_error(n);
    let end = n - scaled;
    let sample = |points: u32, offset: f64| {
        let step = end / f64::from(points);
        let inner = (0..points).map(|i| (f64::from(i) + offset) * step).filter(|&j| j > 0.0 && j < end);
        step * inner.map(|j| term(n, scaled, stirling_n, j)).sum::<f64>()
    };
    let mut points = FIRST_LATTICE;
    let mut coarse = sample(points, 0.0);
    while f64::from(2 * points) < n {
        let fine = 0.5 * (coarse + sample(points, 0.5));
        // The error falls like exp(-c sqrt(points)): where these agree to 1e-10 the finer one is good to 1e-14.
        if (fine - coarse).abs() <= 1e-10 * fine {
            return Some(fine);
        }
        coarse = fine;
        points *= 2;
    }
    None
}
