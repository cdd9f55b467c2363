//! Fisher's exact test of a category with two values.

use mlcore::Result;
use mlcore::stats::{Alternative, fisher_exact};
use serde::{Deserialize, Serialize};

use super::one_against_rest::OneAgainstRest;
use super::{CompiledTest, DriftTest, Needs, Score};
use crate::catalog::TestOptions;
use crate::sample::{Categories, Kind, Sample};

/// Fisher's exact test of how often each of two samples has one of two values: `scipy.stats.fisher_exact`, two-sided, exact however
/// small the samples and rare the value.
///
/// The statistic is the odds ratio of the second value, in the order of their text, above 1 where it became more frequent (the
/// largest float where it is infinite, 1 where there is but one value); the effect is the difference of its rates, from 0 to 1.
///
/// **More than two values** are compared one by one with all others, those with fewer than five expected rows together, and
/// the p-value is Simes' of all of them: [`ChiSquare`](super::ChiSquare) sees more there. Numbers are compared by value. Evidently
/// refuses more than two values, and samples of different sizes, which are compared here.
///
/// Sources: R. A. Fisher, "Statistical Methods for Research Workers" (1934), 21.02; R. J. Simes, "An improved Bonferroni procedure
/// for multiple tests of significance" (1986); scipy 1.17.1; evidently 0.7.23.
///
/// ```
/// use mlcore_drift::Sample;
/// use mlcore_drift::two_sample::{DriftTest, Fisher};
///
/// let sample = |no: usize, yes: usize| Sample::categorical([vec!["no"; no], vec!["yes"; yes]].concat());
/// let score = Fisher::default().compare(&sample(30, 0), &sample(24, 6))?;
/// assert!((score.pvalue.unwrap() - 0.023_73).abs() < 1e-5 && (score.effect.value - 0.2).abs() < 1e-15);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Fisher {}

impl DriftTest for Fisher {
    fn name(&self) -> &str {
        "fisher"
    }

    fn options(&self) -> Result<TestOptions> {
        TestOptions::of(self)
    }

    fn legend(&self) -> &str {
        "Fisher: how much the rate of a value changed, against all others; two even halves that move to 55:45 give 0.05."
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

fn test([a, b]: [u64; 2], [n, m]: [u64; 2]) -> Result<(f64, f64)> {
    let result = fisher_exact(&[[b, m - b], [a, n - a]], Alternative::TwoSided)?;
    let odds_ratio = if result.statistic.is_nan() { 1.0 } else { result.statistic.min(f64::MAX) };
    Ok((odds_ratio, result.pvalue))
}

const OPERATION: &str = "compare with fisher";
