//! The two-sample Kolmogorov-Smirnov test as a drift test.

use mlcore::stats::{KsOptions, KsReference, KsResult, ks_2samp};
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use super::{CompiledTest, DriftTest, Effect, Note, Score};
use crate::bins::share_on_atoms;
use crate::catalog::TestOptions;
use crate::sample::{Kind, Sample};

/// The largest difference between the two empirical distribution functions; statistic and p-value are those of
/// `scipy.stats.ks_2samp`.
///
/// The effect size is the statistic `D` itself: the largest share of rows by which the two samples disagree about "how
/// many are below x". A shift of a normal column by `s` standard deviations gives about `0.4 s`.
///
/// The p-value assumes a continuous column. Where values repeat it is too large, so that the test misses changes and
/// never alarms falsely (at a nominal 5 %, 0.9 % for Poisson(1) and none for a rare flag); with more than [`MOST_TIES`] of
/// the reference on single, frequent values a score carries [`Note::Ties`]. Use [`ChiSquare`](super::ChiSquare) for such columns, as
/// a monitor does by itself for at most 20 distinct values.
///
/// Sources: scipy 1.17.1; J. L. Hodges, "The Significance Probability of the Smirnov Two-Sample Test" (1958).
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KolmogorovSmirnov {
    options: KsOptions,
}

/// The share of the reference on single, frequent values above which a score says that its p-value is conservative.
pub const MOST_TIES: f64 = 0.05;

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

    fn options(&self) -> Result<TestOptions> {
        TestOptions::of(self)
    }

    fn legend(&self) -> &str {
        "D (Kolmogorov-Smirnov): the largest share of rows by which the two samples disagree about \u{201c}how many are below x\u{201d}."
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
        let values = reference.require_numbers(OPERATION, "reference")?;
        let ties = share_on_atoms(values, reference.range());
        let reference = KsReference::new(values)?;
        Ok(Box::new(Compiled { reference, ties, options: self.options }))
    }

    fn compare(&self, reference: &Sample, current: &Sample) -> Result<Score> {
        let (x, y) = (
            reference.require_numbers(OPERATION, "reference")?,
            current.require_numbers(OPERATION, "current")?,
        );
        score(ks_2samp(x, y, &self.options)?, x.len(), y.len(), share_on_atoms(x, reference.range()))
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
        let values = current.require_numbers(OPERATION, "current")?;
        let result = self.reference.compare(values, &self.options)?;
        score(result, self.reference.len(), values.len(), self.ties)
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
        effect: Effect::new("D", result.statistic),
        reference_len: reference_len as u64,
        current_len: current_len as u64,
        notes,
    })
}
