//! The z-test of two proportions of a category with two values.

use mlcore::Result;
use mlcore::stats::{Alternative, proportions_ztest};
use serde::{Deserialize, Serialize};

use super::one_against_rest::OneAgainstRest;
use super::{CompiledTest, DriftTest, Needs, Score};
use crate::catalog::TestOptions;
use crate::sample::{Categories, Kind, Sample};

/// The z-test of how often each of two samples has one of two values: `statsmodels.stats.proportion.proportions_ztest` with the
/// pooled standard error, two-sided, which is Evidently's `z`.
///
/// The statistic is that of the second value in the order of their text, positive where it became rarer, and 0 where there is but
/// one value; the effect is the difference of its rates, from 0 to 1. The normal distribution holds where each sample has some
/// rows of both values; [`Fisher`](super::Fisher) holds everywhere. Evidently's p-value is `2 (1 - cdf(|z|))`, which is 0 from 8.3
/// standard errors on; here the tail keeps its digits.
///
/// **More than two values** are compared one by one with all others, those with fewer than five expected rows together, and
/// the p-value is Simes' of all of them (Evidently compares the first value with the others): [`ChiSquare`](super::ChiSquare) sees
/// more there. Numbers are compared by value.
///
/// Sources: R. J. Simes, "An improved Bonferroni procedure for multiple tests of significance" (1986); statsmodels 0.15; evidently
/// 0.7.23.
///
/// ```
/// use mlcore_drift::Sample;
/// use mlcore_drift::two_sample::{DriftTest, TwoProportionZ};
///
/// let sample = |no: usize, yes: usize| Sample::categorical([vec!["no"; no], vec!["yes"; yes]].concat());
/// let score = TwoProportionZ::default().compare(&sample(80, 20), &sample(65, 35))?;
/// assert!((score.statistic + 2.375_423).abs() < 1e-6 && (score.effect.value - 0.15).abs() < 1e-15);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct TwoProportionZ {}

impl DriftTest for TwoProportionZ {
    fn name(&self) -> &str {
        "z"
    }

    fn options(&self) -> Result<TestOptions> {
        TestOptions::of(self)
    }

    fn legend(&self) -> &str {
        "z: how much the rate of a value changed, against all others; two even halves that move to 55:45 give 0.05."
    }

    fn applies_to(&self, _kind: Kind) -> bool {
        true
    }

    /// 0.05: an even split that moves to 55:45. (Evidently decides by the p-value alone.)
    fn default_minimum_effect(&self) -> f64 {
        0.05
    }

    fn compile(&self, reference: &Sample) -> Result<Box<dyn CompiledTest>> {
        let counts = reference.require_counts(OPERATION, "reference")?.into_owned();
        Ok(Box::new(Compiled { kind: reference.kind(), counts }))
    }
}

#[derive(Debug)]
struct Compiled {
    kind: Kind,
    counts: Categories,
}

impl CompiledTest for Compiled {
    fn compare(&self, current: &Sample) -> Result<Score> {
        let counted = current.require_counts(OPERATION, "current")?;
        current.require_kind(OPERATION, self.kind)?;
        OneAgainstRest { operation: OPERATION, test }.score(&self.counts, &counted)
    }

    fn needs(&self) -> Needs {
        Needs::Counts
    }
}

fn test(count: [u64; 2], rows: [u64; 2]) -> Result<(f64, f64)> {
    let result = proportions_ztest(count, rows, Alternative::TwoSided)?;
    // No row has the value, or every row.
    Ok(if result.pvalue.is_nan() { (0.0, 1.0) } else { (result.statistic, result.pvalue) })
}

const OPERATION: &str = "compare with z";
