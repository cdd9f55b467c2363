//! Two independent proportions without a pooled variance: test and intervals, with statsmodels' names and numbers.

use super::proportion::check_counts;
use super::{Alternative, ConfidenceInterval, ProportionMethod, ZTestResult, norm, proportion_confint};
use crate::error::{Error, Result};

/// How [`confint_proportions_2indep`] makes the interval of a difference; the words are statsmodels'.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
#[non_exhaustive]
pub enum ProportionDifferenceMethod {
    /// `newcomb`: from the score intervals of the two proportions; coverage close to nominal at any size.
    #[default]
    Newcomb,
    /// `wald`: the difference and its unpooled standard error.
    Wald,
    /// `agresti-caffo`: the same with one success and one failure more in each sample.
    AgrestiCaffo,
}

crate::words! {
    ProportionDifferenceMethod, "method": Newcomb = "newcomb", Wald = "wald", AgrestiCaffo = "agresti-caffo"
}

/// The two-sided confidence interval of `count1 / nobs1 - count2 / nobs2`, of level `1 - alpha`:
/// `statsmodels.stats.proportion.confint_proportions_2indep(.., method=.., compare="diff", alpha=..)`.
///
/// # Errors
///
/// [`Error::InvalidInput`] if a sample has no trials, more successes than trials, or `alpha` is not inside `(0, 1)`.
///
/// ```
/// use mlcore::stats::{ProportionDifferenceMethod, confint_proportions_2indep};
///
/// let interval = confint_proportions_2indep([7, 1], [34, 34], 0.05, ProportionDifferenceMethod::Newcomb)?;
/// assert!((interval.low - 0.018_921_443_885_772_937).abs() < 1e-12);
/// # Ok::<(), mlcore::Error>(())
/// ```
pub fn confint_proportions_2indep(
    count: [u64; 2],
    nobs: [u64; 2],
    alpha: f64,
    method: ProportionDifferenceMethod,
) -> Result<ConfidenceInterval> {
    for (count, nobs) in count.into_iter().zip(nobs) {
        check_counts("confint_proportions_2indep", count, nobs)?;
    }
    if !(alpha > 0.0 && alpha < 1.0) {
        let problem = format!("{alpha} is not inside (0, 1)");
        return Err(Error::invalid_input("confint_proportions_2indep", "alpha", problem));
    }
    let wald = |more: f64| {
        let part = |at: usize| {
            let (count, nobs) = (count[at] as f64 + more, nobs[at] as f64 + 2.0 * more);
            let share = count / nobs;
            (share, share * (1.0 - share) / nobs)
        };
        let ((first, variance1), (second, variance2)) = (part(0), part(1));
        let distance = norm::isf(alpha / 2.0) * (variance1 + variance2).sqrt();
        let difference = first - second;
        ConfidenceInterval { low: difference - distance, high: difference + distance }
    };
    Ok(match method {
        ProportionDifferenceMethod::Wald => wald(0.0),
        ProportionDifferenceMethod::AgrestiCaffo => wald(1.0),
        ProportionDifferenceMethod::Newcomb => {
            let [first, second] = [count[0] as f64 / nobs[0] as f64, count[1] as f64 / nobs[1] as f64];
            let of1 = proportion_confint(count[0], nobs[0], alpha, ProportionMethod::Wilson)?;
            let of2 = proportion_confint(count[1], nobs[1], alpha, ProportionMethod::Wilson)?;
            ConfidenceInterval {
                low: first - second - (first - of1.low).hypot(of2.high - second),
                high: first - second + (second - of2.low).hypot(of1.high - first),
            }
        }
    })
}

/// Tests whether two proportions differ by `value`, with the variance of each sample by itself:
/// `statsmodels.stats.proportion.test_proportions_2indep(.., value=.., method="wald", compare="diff", correction=False)`.
///
/// Samples of nothing but successes or failures have no variance, and the answer is NaN or infinite.
///
/// # Errors
///
/// [`Error::InvalidInput`] if a sample has no trials, or more successes than trials.
///
/// ```
/// use mlcore::stats::{Alternative, test_proportions_2indep};
///
/// let test = test_proportions_2indep([7, 1], [34, 34], 0.0, Alternative::TwoSided)?;
/// assert!((test.statistic - 2.348_087_203_132_267_5).abs() < 1e-12);
/// # Ok::<(), mlcore::Error>(())
/// ```
pub fn test_proportions_2indep(
    count: [u64; 2],
    nobs: [u64; 2],
    value: f64,
    alternative: Alternative,
) -> Result<ZTestResult> {
    for (count, nobs) in count.into_iter().zip(nobs) {
        check_counts("test_proportions_2indep", count, nobs)?;
    }
    let [first, second] = [count[0] as f64 / nobs[0] as f64, count[1] as f64 / nobs[1] as f64];
    let variance = |share: f64, nobs: u64| share * (1.0 - share) / nobs as f64;
    let error = (variance(first, nobs[0]) + variance(second, nobs[1])).sqrt();
    let statistic = (first - second - value) / error;
    let pvalue = match alternative {
        Alternative::TwoSided => 2.0 * norm::sf(statistic.abs()),
        Alternative::Less => norm::cdf(statistic),
        Alternative::Greater => norm::sf(statistic),
    };
    Ok(ZTestResult { statistic, pvalue })
}
