//! Power for two proportions, with statsmodels' names and numbers.

use super::solve::check_share;
use crate::error::{Error, Result};
use crate::stats::{Alternative, norm};

/// Cohen's h, the standardised effect between two proportions for [`PowerAnalysis`](super::PowerAnalysis):
/// `statsmodels.stats.proportion.proportion_effectsize(prop1, prop2)`.
///
/// # Errors
/// [`Error::InvalidInput`] for a proportion outside of `[0, 1]`.
///
/// ```
/// use mlcore::experiment::proportion_effectsize;
///
/// assert!((proportion_effectsize(0.5, 0.4)? - 0.201_357_920_790_330_74).abs() < 1e-15);
/// # Ok::<(), mlcore::Error>(())
/// ```
pub fn proportion_effectsize(prop1: f64, prop2: f64) -> Result<f64> {
    check_proportion("prop1", prop1)?;
    check_proportion("prop2", prop2)?;
    Ok(2.0 * (prop1.sqrt().asin() - prop2.sqrt().asin()))
}

/// How often the z-test with the pooled variance sees that the first proportion is `prop2 + diff`, with `nobs1` units in the first
/// arm and `ratio` times as many in the second: `power_proportions_2indep`.
///
/// # Errors
/// [`Error::InvalidInput`] for proportions outside of `(0, 1)`, and for parameters that cannot be meant.
///
/// ```
/// use mlcore::experiment::power_proportions_2indep;
/// use mlcore::stats::Alternative;
///
/// let power = power_proportions_2indep(0.01, 0.05, 8_000.0, 1.0, 0.05, Alternative::TwoSided)?;
/// assert!(power > 0.79 && power < 0.81);
/// # Ok::<(), mlcore::Error>(())
/// ```
pub fn power_proportions_2indep(
    diff: f64,
    prop2: f64,
    nobs1: f64,
    ratio: f64,
    alpha: f64,
    alternative: Alternative,
) -> Result<f64> {
    let (of_null, of_alternative) = deviations(diff, prop2, ratio)?;
    check_share("alpha", alpha)?;
    check_positive("nobs1", nobs1)?;
    let scale = of_null / of_alternative;
    let shift = diff * nobs1.sqrt() / of_alternative;
    let above = |tail: f64| norm::sf(norm::isf(tail) * scale - shift);
    let below = |tail: f64| norm::cdf(norm::ppf(tail) * scale - shift);
    Ok(match alternative {
        Alternative::TwoSided => above(alpha / 2.0) + below(alpha / 2.0),
        Alternative::Greater => above(alpha),
        Alternative::Less => below(alpha),
    })
}

/// The units of the first arm that give a power, the far tail of a two-sided test left out:
/// `samplesize_proportions_2indep_onetail`.
///
/// # Errors
/// [`Error::InvalidInput`] for proportions outside of `(0, 1)`, no difference, and for parameters that cannot be meant.
///
/// ```
/// use mlcore::experiment::samplesize_proportions_2indep_onetail;
/// use mlcore::stats::Alternative;
///
/// let nobs1 = samplesize_proportions_2indep_onetail(0.01, 0.05, 0.8, 1.0, 0.05, Alternative::TwoSided)?;
/// assert!(nobs1 > 8_000.0 && nobs1 < 8_300.0);
/// # Ok::<(), mlcore::Error>(())
/// ```
pub fn samplesize_proportions_2indep_onetail(
    diff: f64,
    prop2: f64,
    power: f64,
    ratio: f64,
    alpha: f64,
    alternative: Alternative,
) -> Result<f64> {
    let (of_null, of_alternative) = deviations(diff, prop2, ratio)?;
    check_share("alpha", alpha)?;
    check_share("power", power)?;
    if diff == 0.0 {
        return Err(Error::invalid_input(OPERATION, "diff", "no number of units shows a difference of 0"));
    }
    let tail = if alternative == Alternative::TwoSided { alpha / 2.0 } else { alpha };
    let needed = (norm::isf(tail) * of_null - norm::isf(power) * of_alternative).max(0.0) / diff;
    Ok(needed * needed)
}

const OPERATION: &str = "analyse power";

/// The standard deviations of the difference under the null hypothesis and under the alternative, for one unit of the first arm.
fn deviations(diff: f64, prop2: f64, ratio: f64) -> Result<(f64, f64)> {
    check_positive("ratio", ratio)?;
    let prop1 = prop2 + diff;
    for (subject, share) in [("prop2", prop2), ("prop2 + diff", prop1)] {
        if !(share > 0.0 && share < 1.0) {
            return Err(Error::invalid_input(OPERATION, subject, format!("{share} is not inside (0, 1)")));
        }
    }
    let pooled = (prop1 + prop2 * ratio) / (1.0 + ratio);
    let deviation =
        |first: f64, second: f64| (first * (1.0 - first) + second * (1.0 - second) / ratio).sqrt();
    Ok((deviation(pooled, pooled), deviation(prop1, prop2)))
}

fn check_proportion(subject: &'static str, share: f64) -> Result<()> {
    if (0.0..=1.0).contains(&share) {
        return Ok(());
    }
    Err(Error::invalid_input(OPERATION, subject, format!("{share} is not in [0, 1]")))
}

fn check_positive(subject: &'static str, number: f64) -> Result<()> {
    if number > 0.0 && number.is_finite() {
        return Ok(());
    }
    Err(Error::invalid_input(OPERATION, subject, format!("{number} is not positive and finite")))
}
