//! The hypergeometric distribution: `scipy.stats.hypergeom`.
//!
//! Arguments are scipy's, in its order: `k` of the `N` that are drawn are of the sort, of which there are `n` among `M`.

use super::super::special::hypergeometric::Hypergeometric;
use crate::interrupt::Pace;

/// `P(X = k)`; NaN where `n` or `N` is larger than `M`.
///
/// ```
/// use mlcore::stats::hypergeom;
///
/// assert!((hypergeom::pmf(2, 20, 7, 12) - 0.047_678_018_575_851_39).abs() < 1e-15);
/// ```
#[must_use]
#[expect(non_snake_case, reason = "scipy's names of the parameters, which differ in case alone")]
pub fn pmf(k: u64, M: u64, n: u64, N: u64) -> f64 {
    of(M, n, N).map_or(f64::NAN, |hypergeometric| hypergeometric.mass(k))
}

/// `P(X <= k)`.
///
/// ```
/// use mlcore::stats::hypergeom;
///
/// assert!((hypergeom::cdf(2, 20, 7, 12) - 0.052_115_583_075_335_4).abs() < 1e-15);
/// ```
#[must_use]
#[expect(non_snake_case, reason = "scipy's names of the parameters, which differ in case alone")]
pub fn cdf(k: u64, M: u64, n: u64, N: u64) -> f64 {
    of(M, n, N).map_or(f64::NAN, |hypergeometric| hypergeometric.at_most(k, &mut Pace::default()))
}

/// `P(X > k)`.
#[must_use]
#[expect(non_snake_case, reason = "scipy's names of the parameters, which differ in case alone")]
pub fn sf(k: u64, M: u64, n: u64, N: u64) -> f64 {
    let above = |of: Hypergeometric| match k.checked_add(1) {
        Some(next) => of.at_least(next, &mut Pace::default()),
        None => 0.0,
    };
    of(M, n, N).map_or(f64::NAN, above)
}

fn of(total: u64, marked: u64, drawn: u64) -> Option<Hypergeometric> {
    Hypergeometric::new(marked, total.checked_sub(marked)?, drawn)
}
