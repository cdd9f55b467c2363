//! Proportions: intervals for one, a test for two, with statsmodels' names and numbers.

use super::{Alternative, beta, norm};
use crate::error::{Error, Result};

/// How [`proportion_confint`] makes its interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
#[non_exhaustive]
pub enum ProportionMethod {
    /// `wilson`: the score interval; coverage close to nominal at any size.
    #[default]
    Wilson,
    /// `beta`: Clopper and Pearson's exact interval; coverage never below nominal.
    ClopperPearson,
}

crate::words! { ProportionMethod, "method": Wilson = "wilson", ClopperPearson = "beta" }

/// A confidence interval.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct ConfidenceInterval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// The two-sided confidence interval of a proportion, of level `1 - alpha`:
/// `statsmodels.stats.proportion.proportion_confint(count, nobs, alpha, method)`.
///
/// # Errors
///
/// [`Error::InvalidInput`] if there are no trials, more successes than trials, or `alpha` is not inside `(0, 1)`.
///
/// ```
/// use mlcore::stats::{ProportionMethod, proportion_confint};
///
/// let wilson = proportion_confint(3, 10, 0.05, ProportionMethod::Wilson)?;
/// assert!((wilson.low - 0.107_791_267_406_301_04).abs() < 1e-14);
/// assert!((wilson.high - 0.603_221_852_538_854_6).abs() < 1e-14);
/// # Ok::<(), mlcore::Error>(())
/// ```
pub fn proportion_confint(
    count: u64,
    nobs: u64,
    alpha: f64,
    method: ProportionMethod,
) -> Result<ConfidenceInterval> {
    check_counts("proportion_confint", count, nobs)?;
    if !(alpha > 0.0 && alpha < 1.0) {
        return Err(Error::invalid_input(
            "proportion_confint",
            "alpha",
            format!("{alpha} is not inside (0, 1)"),
        ));
    }
    Ok(match method {
        ProportionMethod::Wilson => wilson(count as f64, nobs as f64, alpha / 2.0),
        ProportionMethod::ClopperPearson => clopper_pearson(count, nobs, alpha / 2.0),
    })
}

fn wilson(count: f64, nobs: f64, tail: f64) -> ConfidenceInterval {
    let share = count / nobs;
    let critical = norm::isf(tail);
    if critical == f64::INFINITY {
        return ConfidenceInterval { low: 0.0, high: 1.0 };
    }
    let critical2 = critical * critical;
    let denominator = 1.0 + critical2 / nobs;
    let centre = (share + critical2 / (2.0 * nobs)) / denominator;
    let variance = share * (1.0 - share) / nobs + critical2 / (4.0 * nobs * nobs);
    let distance = critical * variance.sqrt() / denominator;
    // Without a success the lower end is zero, and rounding must not move it.
    ConfidenceInterval {
        low: if count == 0.0 { 0.0 } else { (centre - distance).clamp(0.0, 1.0) },
        high: if count == nobs { 1.0 } else { (centre + distance).clamp(0.0, 1.0) },
    }
}

fn clopper_pearson(count: u64, nobs: u64, tail: f64) -> ConfidenceInterval {
    let (successes, failures) = (count as f64, (nobs - count) as f64);
    ConfidenceInterval {
        low: if count == 0 { 0.0 } else { beta::ppf(tail, successes, failures + 1.0) },
        high: if count == nobs { 1.0 } else { beta::isf(tail, successes + 1.0, failures) },
    }
}

/// What [`proportions_ztest`] found.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct ZTestResult {
    /// The difference of the proportions over its pooled standard error.
    pub statistic: f64,
    /// The probability of such a statistic, or one further out, if the proportions are equal.
    pub pvalue: f64,
}

/// Tests whether two samples have the same proportion of successes:
/// `statsmodels.stats.proportion.proportions_ztest(count, nobs, alternative=..)`, where [`Alternative::Less`] is its
/// `smaller` and [`Alternative::Greater`] its `larger`.
///
/// Without any success, or without any failure, in both samples the pooled error is zero and the answer NaN.
///
/// # Errors
///
/// [`Error::InvalidInput`] if a sample has no trials, or more successes than trials.
///
/// ```
/// use mlcore::stats::{Alternative, proportions_ztest};
///
/// let test = proportions_ztest([5, 12], [83, 99], Alternative::TwoSided)?;
/// assert!((test.pvalue - 0.159_181_291_811_569_92).abs() < 1e-14);
/// # Ok::<(), mlcore::Error>(())
/// ```
pub fn proportions_ztest(count: [u64; 2], nobs: [u64; 2], alternative: Alternative) -> Result<ZTestResult> {
    for (count, nobs) in count.into_iter().zip(nobs) {
        check_counts("proportions_ztest", count, nobs)?;
    }
    let [count1, count2] = count.map(|count| count as f64);
    let [nobs1, nobs2] = nobs.map(|nobs| nobs as f64);
    let pooled = (count1 + count2) / (nobs1 + nobs2);
    let error = (pooled * (1.0 - pooled) * (1.0 / nobs1 + 1.0 / nobs2)).sqrt();
    let statistic = (count1 / nobs1 - count2 / nobs2) / error;
    let pvalue = match alternative {
        Alternative::TwoSided => 2.0 * norm::sf(statistic.abs()),
        Alternative::Less => norm::cdf(statistic),
        Alternative::Greater => norm::sf(statistic),
    };
    Ok(ZTestResult { statistic, pvalue })
}

pub(super) fn check_counts(operation: &'static str, count: u64, nobs: u64) -> Result<()> {
    if nobs == 0 {
        return Err(Error::invalid_input(operation, "nobs", "there are no trials"));
    }
    if count > nobs {
        return Err(Error::invalid_input(operation, "count", format!("{count} successes in {nobs} trials")));
    }
    Ok(())
}
