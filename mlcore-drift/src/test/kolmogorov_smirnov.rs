//! The two-sample Kolmogorov-Smirnov test as a drift test.

use mlcore::stats::{KsOptions, KsReference, KsResult, ks_2samp};
use mlcore::{Error, Result};

use super::{CompiledTest, DriftTest, Effect, Note, Score};
use crate::sample::{Kind, Sample};

/// The largest difference between the two empirical distribution functions; statistic and p-value are those of
/// `scipy.stats.ks_2samp`.
///
/// The effect size is the statistic `D` itself: the largest share of rows by which the two samples disagree about "how
/// many are below x". A shift of a normal column by `s` standard deviations gives about `0.4 s`.
///
/// The p-value assumes a continuous column. Where values repeat it is too large, so that the test misses changes and
/// never alarms falsely (at a nominal 5 %, 0.9 % for Poisson(1) and none for a rare flag); a score with more than
/// [`MOST_TIES`] of its values repeated carries [`Note::Ties`]. Use [`ChiSquare`](super::ChiSquare) for such columns, as
/// a monitor does by itself for at most 20 distinct values.
///
/// Sources: scipy 1.17.1; J. L. Hodges, "The Significance Probability of the Smirnov Two-Sample Test" (1958).
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct KolmogorovSmirnov {
    options: KsOptions,
}

/// The share of repeated values above which a score says that its p-value is conservative.
pub const MOST_TIES: f64 = 0.05;
/// How many values are looked at to find ties: enough to see a share of 5 %, and cheap beside the test.
const TIE_PROBES: usize = 1024;

impl KolmogorovSmirnov {
    /// The test with other options than scipy's defaults.
    #[must_use]
    pub fn new(options: KsOptions) -> Self {
        Self { options }
    }
}

impl DriftTest for KolmogorovSmirnov {
    fn name(&self) -> &str {
        "ks"
    }

    fn applies_to(&self, kind: Kind) -> bool {
        kind == Kind::Numeric
    }

    /// 0.05: one row in twenty is on the other side of some value, as after a shift of an eighth of a standard
    /// deviation.
    fn default_minimum_effect(&self) -> f64 {
        0.05
    }

    fn compile(&self, reference: &Sample) -> Result<Box<dyn CompiledTest>> {
        let values = reference.numbers_for(OPERATION, "reference")?;
        let compiled = KsReference::new(values)?;
        let ties = compiled.sorted().map_or_else(|| tie_share(values), tie_share_sorted);
        Ok(Box::new(Compiled { reference: compiled, ties, options: self.options }))
    }

    fn compare(&self, reference: &Sample, current: &Sample) -> Result<Score> {
        let (x, y) =
            (reference.numbers_for(OPERATION, "reference")?, current.numbers_for(OPERATION, "current")?);
        let ties = tie_share(x).max(tie_share(y));
        score(ks_2samp(x, y, &self.options)?, x.len(), y.len(), ties)
    }
}

#[derive(Debug)]
struct Compiled {
    reference: KsReference,
    ties: f64,
    options: KsOptions,
}

impl CompiledTest for Compiled {
    fn compare(&self, current: &Sample) -> Result<Score> {
        let values = current.numbers_for(OPERATION, "current")?;
        let result = self.reference.compare(values, &self.options)?;
        score(result, self.reference.len(), values.len(), self.ties.max(tie_share(values)))
    }
}

const OPERATION: &str = "compare with ks";

fn score(result: KsResult, reference_len: usize, current_len: usize, ties: f64) -> Result<Score> {
    if result.statistic.is_nan() {
        return Err(Error::internal(OPERATION, "sample", "a NaN reached the test"));
    }
    let notes = if ties > MOST_TIES { vec![Note::Ties { share: ties }] } else { Vec::new() };
    Ok(Score {
        statistic: result.statistic,
        pvalue: Some(result.pvalue),
        effect: Effect { name: "D".into(), value: result.statistic },
        reference_len: reference_len as u64,
        current_len: current_len as u64,
        notes,
    })
}

/// The share of values that equal another one, of a sample in ascending order.
fn tie_share_sorted(sorted: &[f64]) -> f64 {
    repeated(sorted.iter().copied(), sorted.len())
}

/// The share of values that equal another one, among at most [`TIE_PROBES`] of them.
fn tie_share(values: &[f64]) -> f64 {
    let step = values.len().div_ceil(TIE_PROBES).max(1);
    let mut probes: Vec<f64> = values.iter().copied().step_by(step).collect();
    probes.sort_unstable_by(f64::total_cmp);
    repeated(probes.iter().copied(), probes.len())
}

/// The share of values that equal another one.
pub(crate) fn repeated(ascending: impl Iterator<Item = f64>, len: usize) -> f64 {
    let (mut tied, mut run, mut last) = (0_usize, 0_usize, f64::NAN);
    for value in ascending {
        if value == last {
            run += 1;
            // The first of a run is tied too, once there is a second.
            tied += if run == 1 { 2 } else { 1 };
        } else {
            (run, last) = (0, value);
        }
    }
    tied as f64 / len.max(1) as f64
}
