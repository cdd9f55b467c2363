//! Whether the share of rows that lack a value changed.

use mlcore::stats::{Chi2Options, chi2_two_sample};
use mlcore::{Result, interrupt};
use serde::{Deserialize, Serialize};

use super::{CompiledTest, DriftTest, Effect, LooksFor, Needs, Score};
use crate::catalog::TestOptions;
use crate::sample::{Kind, Sample};

/// Compares the shares of missing rows (nulls and NaNs) of two samples: the test of two proportions, as Pearson's
/// chi-square of the 2 x 2 table with Yates' correction, which keeps it honest where few rows are missing.
///
/// The effect size is the difference of the two rates, from 0 to 1. With no missing row on either side, or nothing but
/// missing rows on both, the answer is effect 0 and p-value 1. Samples without rows are an error; samples without values
/// are not, because that is what the test is for.
///
/// Source: `scipy.stats.chi2_contingency` (scipy 1.17.1) of `[[missing, present], [missing, present]]`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct MissingRate {}

impl DriftTest for MissingRate {
    fn name(&self) -> &str {
        "missing_rate"
    }

    fn options(&self) -> Result<TestOptions> {
        TestOptions::of(self)
    }

    fn looks_for(&self) -> LooksFor {
        LooksFor::MissingRows
    }

    fn legend(&self) -> &str {
        "Missing rows (null or NaN) are compared as a rate of their own and never enter a test of values."
    }

    fn applies_to(&self, _kind: Kind) -> bool {
        true
    }

    /// 0.02: two rows in a hundred lost or gained their value.
    fn default_minimum_effect(&self) -> f64 {
        0.02
    }

    fn compile(&self, reference: &Sample) -> Result<Box<dyn CompiledTest>> {
        require_rows(reference, "reference")?;
        Ok(Box::new(Compiled { missing: reference.missing(), present: reference.len() }))
    }
}

#[derive(Debug)]
struct Compiled {
    missing: u64,
    present: u64,
}

impl CompiledTest for Compiled {
    fn compare(&self, current: &Sample) -> Result<Score> {
        require_rows(current, "current")?;
        let (reference, current) = ([self.missing, self.present], [current.missing(), current.len()]);
        let [reference_rows, current_rows] = [reference, current].map(|counts| counts.iter().sum::<u64>());
        let [before, after] =
            [reference, current].map(|[missing, present]| missing as f64 / (missing + present) as f64);
        let varies = reference[0] + current[0] > 0 && reference[1] + current[1] > 0;
        let (statistic, pvalue) = if varies {
            let result = chi2_two_sample(&reference, &current, &Chi2Options::default())?;
            (result.statistic, result.pvalue)
        } else {
            (0.0, 1.0)
        };
        Ok(Score::new(statistic, Effect::new("difference of rates", (after - before).abs()))
            .with_pvalue(pvalue)
            .with_reference_len(reference_rows)
            .with_current_len(current_rows))
    }

    fn needs(&self) -> Needs {
        Needs::Rows
    }
}

fn require_rows(sample: &Sample, side: &'static str) -> Result<()> {
    interrupt::check("compare missing rates")?;
    if sample.rows() > 0 {
        return Ok(());
    }
    Err(mlcore::Error::invalid_input("compare missing rates", side, "the sample has no rows")
        .remedy("pass at least one row in each sample"))
}
