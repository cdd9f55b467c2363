//! The probability that one of two samples is the larger, with its interval: the effect behind the Mann-Whitney test.

use super::sorted::{SortedSample, both, visit_tied};
use super::{Alternative, ConfidenceInterval, norm, t};
use crate::error::Result;
use crate::interrupt;

/// What [`rank_compare_2indep`] found; the names are statsmodels'.
///
/// ```
/// use mlcore::stats::{Alternative, rank_compare_2indep};
///
/// let compared = rank_compare_2indep(&[1.0, 2.0, 3.0, 4.0], &[3.0, 4.0, 5.0, 6.0], true)?;
/// assert_eq!(compared.prob1, 0.125);
/// let interval = compared.conf_int(0.05, Alternative::TwoSided);
/// assert!(interval.low < 0.125 && interval.high > 0.125);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct RankCompareResult {
    /// The statistic of Brunner and Munzel for "each sample is as often the larger one".
    pub statistic: f64,
    /// Its two-sided p-value.
    pub pvalue: f64,
    /// `P(x1 > x2) + P(x1 = x2) / 2`.
    pub prob1: f64,
    /// The variance of `prob1`.
    pub var_prob: f64,
    /// Degrees of freedom; infinite where the normal distribution was asked for.
    pub df: f64,
}

impl RankCompareResult {
    /// The interval for `prob1` of level `1 - alpha`; [`Alternative::Greater`] bounds it from below only, and
    /// [`Alternative::Less`] from above only. The ends may leave `[0, 1]`, as statsmodels' do.
    #[must_use]
    pub fn conf_int(&self, alpha: f64, alternative: Alternative) -> ConfidenceInterval {
        let error = self.var_prob.sqrt();
        let width = |tail: f64| t::ppf(1.0 - tail, self.df) * error;
        let (low, high) = match alternative {
            Alternative::TwoSided => (self.prob1 - width(alpha / 2.0), self.prob1 + width(alpha / 2.0)),
            Alternative::Greater => (self.prob1 - width(alpha), f64::INFINITY),
            Alternative::Less => (f64::NEG_INFINITY, self.prob1 + width(alpha)),
        };
        ConfidenceInterval { low, high }
    }

    /// Statistic and p-value of "`prob1` is `value`": `test_prob_superior(value, alternative)`.
    #[must_use]
    pub fn test_prob_superior(&self, value: f64, alternative: Alternative) -> (f64, f64) {
        let statistic = (self.prob1 - value) / self.var_prob.sqrt();
        let pvalue = match alternative {
            Alternative::TwoSided => 2.0 * t::sf(statistic.abs(), self.df),
            Alternative::Greater => t::sf(statistic, self.df),
            Alternative::Less => t::cdf(statistic, self.df),
        };
        (statistic, pvalue)
    }
}

/// Estimates how likely a value of `x1` is the larger of a pair, ties counted as halves:
/// `statsmodels.stats.nonparametric.rank_compare_2indep(x1, x2, use_t)`.
///
/// Ranks are counted in whole numbers. A NaN in the data, a sample of one value, or samples that do not overlap and so have no
/// variance make the answers that need a variance NaN or infinite, as in statsmodels.
///
/// # Errors
///
/// [`Error::InvalidInput`](crate::Error::InvalidInput) for an empty sample.
///
/// # Source
///
/// E. Brunner and U. Munzel, "The nonparametric Behrens-Fisher problem" (2000); statsmodels 0.15, `stats/nonparametric.py`.
pub fn rank_compare_2indep(x1: &[f64], x2: &[f64], use_t: bool) -> Result<RankCompareResult> {
    let x1 = SortedSample::of(OPERATION, "x1", x1)?;
    let x2 = SortedSample::of(OPERATION, "x2", x2)?;
    let Some((x1, x2)) = both(&x1, &x2) else {
        let nan = f64::NAN;
        return Ok(RankCompareResult { statistic: nan, pvalue: nan, prob1: nan, var_prob: nan, df: nan });
    };
    let mut placements = [Placements::default(); 2];
    visit_tied(x1, x2, |tied| {
        let count = |sample: usize| (tied.upto[sample] - tied.before[sample]) as u128;
        for (sample, other) in [(0, 1), (1, 0)] {
            let doubled = 2 * tied.before[other] as u128 + count(other);
            placements[sample].sum += count(sample) * doubled;
            placements[sample].squares += count(sample) * doubled * doubled;
        }
    });
    interrupt::check(OPERATION)?;
    let [n1, n2] = [x1.len() as f64, x2.len() as f64];
    let [s1, s2] = [placements[0].variance(x1.len()), placements[1].variance(x2.len())];
    let prob1 = placements[0].sum as f64 / 2.0 / n1 / n2;
    // The mean ranks of the two samples in the pooled sample differ by this.
    let difference = (prob1 - 0.5) * (n1 + n2);
    let spread = n1 * s1 + n2 * s2;
    let statistic = n1 * n2 * difference / ((n1 + n2) * spread.sqrt());
    let df = if use_t {
        let part = |n: f64, s: f64| (n * s) * (n * s) / (n - 1.0);
        spread * spread / (part(n1, s1) + part(n2, s2))
    } else {
        f64::INFINITY
    };
    let pvalue = 2.0 * if use_t { t::sf(statistic.abs(), df) } else { norm::sf(statistic.abs()) };
    let var_prob = s1 / (n2 * n2) / n1 + s2 / (n1 * n1) / n2;
    Ok(RankCompareResult { statistic, pvalue, prob1, var_prob, df })
}

const OPERATION: &str = "rank_compare_2indep";

/// Twice the number of values of the other sample that lie below each value, ties counted as halves: their sum, and that of their
/// squares. 2^30 values of at most 2^31 each leave room in 128 bits.
#[derive(Clone, Copy, Default)]
struct Placements {
    sum: u128,
    squares: u128,
}

impl Placements {
    /// The unbiased variance of the placements of `count` values.
    fn variance(&self, count: usize) -> f64 {
        let count = count as u128;
        let deviations = (count * self.squares).saturating_sub(self.sum * self.sum);
        if count < 2 { f64::NAN } else { deviations as f64 / 4.0 / count as f64 / (count - 1) as f64 }
    }
}
