//! The two-sided Kolmogorov-Smirnov statistic of one sample: `scipy.stats.kstwo`.

use super::super::special::kolmogorov::kolmogorov_sf;

/// `P(D_n >= x)` for a sample of size `n`; NaN unless `n` is a positive integer.
///
/// Equal to scipy's to 1e-9 relative. Usually takes microseconds whatever `n` is; where scipy's choice is a matrix power
/// (`n <= 100000` and a statistic close to zero) it can take milliseconds.
///
/// ```
/// let p = mlcore::stats::kstwo::sf(0.05, 500.0);
/// assert!((p / 0.158_662_602_238_153_87 - 1.0).abs() < 1e-9);
/// ```
#[must_use]
pub fn sf(x: f64, n: f64) -> f64 {
    kolmogorov_sf(n, x)
}
