//! Sample ratio mismatch: whether the arms have the units that they should have. Where they have not, no other number counts.

mod multinomial;

pub use self::multinomial::SequentialSrm;

use crate::error::{Error, Result};
use crate::stats::chi2;

/// The p-value of "the units were assigned by these weights", by the chi-square test at one look: gbstats' `check_srm`,
/// spotify-confidence's `sample_ratio_test`.
///
/// Looked at again and again it alarms too often; [`SequentialSrm`] does not. An arm of weight 0 has no part in the statistic, but in
/// the degrees of freedom, as in gbstats; without any unit the answer is 1.
///
/// # Errors
/// [`Error::InvalidInput`] where there are fewer than two arms, the numbers of counts and weights differ, a weight is negative or
/// not finite, or all are 0.
///
/// ```
/// use mlcore::experiment::srm_test;
///
/// assert!(srm_test(&[50_100, 49_900], &[0.5, 0.5])? > 0.5);
/// assert!(srm_test(&[53_000, 47_000], &[0.5, 0.5])? < 1e-50);
/// # Ok::<(), mlcore::Error>(())
/// ```
pub fn srm_test(counts: &[u64], weights: &[f64]) -> Result<f64> {
    let total_weight = check_weights(counts.len(), weights)?;
    let total: f64 = counts.iter().map(|count| *count as f64).sum();
    if total == 0.0 {
        return Ok(1.0);
    }
    let weighted = counts.iter().zip(weights).filter(|(_, weight)| **weight > 0.0);
    let statistic: f64 = weighted
        .map(|(count, weight)| {
            let expected = weight / total_weight * total;
            let excess = *count as f64 - expected;
            excess * excess / expected
        })
        .sum();
    Ok(chi2::sf(statistic, counts.len() as f64 - 1.0))
}

const OPERATION: &str = "test sample ratio";

/// The sum of the weights.
fn check_weights(arms: usize, weights: &[f64]) -> Result<f64> {
    if arms < 2 {
        return Err(Error::invalid_input(OPERATION, "counts", "there are fewer than two arms"));
    }
    if arms != weights.len() {
        let problem = format!("there are {arms} counts and {} weights", weights.len());
        return Err(Error::invalid_input(OPERATION, "weights", problem)
            .remedy("give the weight of each arm, in the order of the counts"));
    }
    if let Some((arm, weight)) =
        weights.iter().enumerate().find(|(_, weight)| weight.is_nan() || **weight < 0.0)
    {
        return Err(Error::invalid_input(
            OPERATION,
            format!("weights[{arm}]"),
            format!("{weight} is no weight"),
        ));
    }
    let total: f64 = weights.iter().sum();
    if total > 0.0 && total.is_finite() {
        return Ok(total);
    }
    Err(Error::invalid_input(OPERATION, "weights", format!("their sum is {total}"))
        .remedy("give positive weights, such as 0.5 and 0.5"))
}
