//! The binomial distribution: `scipy.stats.binom`.

use super::super::special::deviance::binomial_mass;
use super::super::special::incomplete_beta::regularized_beta;

/// `P(X = k)` in `n` trials of success probability `p`.
///
/// ```
/// assert!((mlcore::stats::binom::pmf(3, 10, 0.5) - 0.117_187_5).abs() < 1e-15);
/// ```
#[must_use]
pub fn pmf(k: u64, n: u64, p: f64) -> f64 {
    if p.is_nan() || !(0.0..=1.0).contains(&p) {
        return f64::NAN;
    }
    if k > n { 0.0 } else { binomial_mass(k as f64, (n - k) as f64, p, 1.0 - p) }
}

/// `P(X <= k)` in `n` trials of success probability `p`.
///
/// ```
/// assert!((mlcore::stats::binom::cdf(50_000_000, 100_000_000, 0.5) - 0.500_039_894_228_040_2).abs() < 1e-10);
/// ```
#[must_use]
pub fn cdf(k: u64, n: u64, p: f64) -> f64 {
    tails(k, n, p).0
}

/// `P(X > k)` in `n` trials of success probability `p`.
#[must_use]
pub fn sf(k: u64, n: u64, p: f64) -> f64 {
    tails(k, n, p).1
}

fn tails(k: u64, n: u64, p: f64) -> (f64, f64) {
    if p.is_nan() || !(0.0..=1.0).contains(&p) {
        return (f64::NAN, f64::NAN);
    }
    if k >= n {
        return (1.0, 0.0);
    }
    let (above, below) = regularized_beta(k as f64 + 1.0, (n - k) as f64, p, 1.0 - p);
    (below, above)
}
