//! Spearman's rank correlation, with scipy's numbers.

use super::{Alternative, t};
use crate::error::{Error, Result};
use crate::interrupt;

/// What [`spearmanr`] found.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct SpearmanResult {
    /// The correlation of the ranks, -1 to 1.
    pub statistic: f64,
    /// The probability of such a correlation, or one further out, if the two are independent.
    pub pvalue: f64,
}

/// Tests whether two numbers of each observation rise and fall together: `scipy.stats.spearmanr(a, b, alternative=..)`.
///
/// The statistic is Pearson's correlation of the ranks, of which ties share the mean. The p-value is that of Student's distribution with
/// `n - 2` degrees of freedom, an approximation that scipy itself calls good from some 500 observations on.
///
/// A NaN anywhere, fewer than two observations, or a sample whose values are all equal make both NaN, as in scipy; two observations
/// make the p-value NaN. Infinities are values like others.
///
/// # Errors
///
/// [`Error::InvalidInput`] for samples of different lengths.
///
/// # Source
///
/// C. Spearman, "The proof and measurement of association between two things" (1904); M. G. Kendall and A. Stuart, "The advanced
/// theory of statistics", volume 2 (1973), section 31.18, for the p-value.
///
/// ```
/// use mlcore::stats::{Alternative, spearmanr};
///
/// let found = spearmanr(&[1.0, 2.0, 3.0, 4.0, 5.0], &[5.0, 6.0, 7.0, 8.0, 7.0], Alternative::TwoSided)?;
/// assert!((found.statistic - 0.820_782_681_668_123_3).abs() < 1e-15);
/// assert!((found.pvalue - 0.088_587_005_313_543_8).abs() < 1e-12);
/// # Ok::<(), mlcore::Error>(())
/// ```
pub fn spearmanr(a: &[f64], b: &[f64], alternative: Alternative) -> Result<SpearmanResult> {
    if a.len() != b.len() {
        let problem = format!("it has {} values, and a has {}", b.len(), a.len());
        return Err(Error::invalid_input(OPERATION, "b", problem)
            .remedy("pass the two numbers of the same observations, in the same order"));
    }
    let is_nan = |sample: &[f64]| sample.iter().any(|value| value.is_nan());
    if a.len() < 2 || is_nan(a) || is_nan(b) {
        return Ok(SpearmanResult { statistic: f64::NAN, pvalue: f64::NAN });
    }
    let a = ranks(a);
    interrupt::check(OPERATION)?;
    let b = ranks(b);
    interrupt::check(OPERATION)?;
    let (observations, statistic) = (a.len() as f64, correlation(&a, &b));
    let df = observations - 2.0;
    let t = statistic * (df / ((statistic + 1.0) * (1.0 - statistic))).max(0.0).sqrt();
    let pvalue = match alternative {
        Alternative::TwoSided => 2.0 * t::sf(t.abs(), df),
        Alternative::Less => t::cdf(t, df),
        Alternative::Greater => t::sf(t, df),
    };
    Ok(SpearmanResult { statistic, pvalue })
}

/// Twice the rank of each value, less that of the middle one: whole numbers, of which ties share the mean.
fn ranks(sample: &[f64]) -> Vec<i64> {
    let mut order: Vec<(f64, usize)> = sample.iter().copied().zip(0..).collect();
    interrupt::sort_unstable_by(&mut order, |a, b| a.0.total_cmp(&b.0));
    let middle = sample.len() as i64 + 1;
    let mut ranks = vec![0; sample.len()];
    let mut before = 0_i64;
    // Zeros of either sign are equal.
    for tied in order.chunk_by(|a, b| a.0 == b.0) {
        let together = tied.len() as i64;
        for (_, place) in tied {
            if let Some(rank) = ranks.get_mut(*place) {
                *rank = 2 * before + together + 1 - middle;
            }
        }
        before += together;
    }
    ranks
}

/// Pearson's correlation, of sums in whole numbers, with the roundings of numpy's `corrcoef`: of a perfect order it is 1 or the float
/// below, which the p-value tells apart.
fn correlation(a: &[i64], b: &[i64]) -> f64 {
    let sum = |a: &[i64], b: &[i64]| -> f64 {
        let doubled: i128 = a.iter().zip(b).map(|(a, b)| i128::from(*a) * i128::from(*b)).sum();
        doubled as f64 / 4.0
    };
    let factor = 1.0 / (a.len() as f64 - 1.0);
    let (covariance, spread_a, spread_b) =
        (sum(a, b) * factor, (sum(a, a) * factor).sqrt(), (sum(b, b) * factor).sqrt());
    (covariance / spread_b / spread_a).clamp(-1.0, 1.0)
}

const OPERATION: &str = "spearmanr";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_share_their_mean_rank_and_zeros_are_equal() {
        // Ranks 4, 2, 4, 1, 4 of five, less 3, doubled.
        assert_eq!(ranks(&[2.0, 1.0, 2.0, 0.0, 2.0]), [2, -2, 2, -4, 2]);
        assert_eq!(ranks(&[-0.0, 0.0]), [0, 0]);
    }

    #[test]
    fn what_has_no_correlation_is_nan() {
        let nan = |a: &[f64], b: &[f64]| spearmanr(a, b, Alternative::TwoSided).unwrap().statistic.is_nan();
        assert!(nan(&[], &[]) && nan(&[1.0], &[2.0]));
        assert!(nan(&[1.0, f64::NAN, 2.0], &[1.0, 2.0, 3.0]) && nan(&[1.0, 1.0, 1.0], &[1.0, 2.0, 3.0]));
        let two = spearmanr(&[1.0, 2.0], &[f64::NEG_INFINITY, f64::INFINITY], Alternative::Greater).unwrap();
        assert!(two.statistic > 0.999 && two.pvalue.is_nan(), "{two:?}");
        let error = spearmanr(&[1.0], &[], Alternative::TwoSided).unwrap_err().to_string();
        assert!(error.contains("it has 0 values, and a has 1"), "{error}");
    }

    #[test]
    fn extreme_numbers_have_ranks_like_others() {
        let extremes =
            [f64::MAX, f64::NEG_INFINITY, 5e-324, -0.0, 0.0, f64::INFINITY, -1e300, f64::MIN_POSITIVE];
        let plain = [7.0, 1.0, 5.0, 4.0, 4.0, 8.0, 2.0, 6.0];
        let falling = plain.map(|rank: f64| -rank);
        let of = |b: &[f64]| spearmanr(&extremes, b, Alternative::Less).unwrap();
        assert!(of(&plain).statistic > 1.0 - 1e-15 && of(&plain).pvalue > 1.0 - 1e-15);
        assert!(of(&falling).statistic < -1.0 + 1e-15 && of(&falling).pvalue < 1e-40);
    }
}
