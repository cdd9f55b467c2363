//! The one-sided Kolmogorov-Smirnov statistic of one sample: `scipy.stats.ksone`.

use super::super::special::smirnov::smirnov_sf;

/// `P(D+_n >= x)` for a sample of size `n`, as `scipy.special.smirnov(n, x)`; NaN unless `n` is a positive integer
/// and `0 <= x <= 1`.
///
/// ```
/// let p = mlcore::stats::ksone::sf(0.1, 1000.0);
/// assert!((p / 1.851_843_548_408_855_4e-9 - 1.0).abs() < 1e-9);
/// ```
#[must_use]
pub fn sf(x: f64, n: f64) -> f64 {
    smirnov_sf(n, x)
}
