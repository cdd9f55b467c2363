//! The Mann-Whitney U test as a drift test.

use mlcore::Result;
use mlcore::stats::{MannWhitneyOptions, mannwhitneyu_sorted};
use serde::{Deserialize, Serialize};

use super::ordered::Ordered;
use super::{CompiledTest, DriftTest, Effect, Score};
use crate::catalog::TestOptions;
use crate::sample::{Kind, Sample};

/// Whether current values tend to be larger or smaller than those of the reference; statistic and p-value are those of
/// `scipy.stats.mannwhitneyu`. It is Evidently's `mannw`.
///
/// Evidently asks for current values that are *larger* (`alternative="less"`: the reference is the smaller one) and sees
/// no fall of a column; the default here is either way, and
/// [`with_alternative`](MannWhitneyOptions::with_alternative) gives Evidently's numbers.
///
/// The effect size is the size of the rank-biserial correlation, `|2 U / (n m) - 1|`: the share of pairs of rows, one of each
/// sample, in which the current one is larger, less the share in which it is smaller. From 0 to 1, it does not grow with the
/// samples; a shift of a normal column by `s` standard deviations gives about `0.56 s`. A column that only spreads has none.
///
/// Sources: scipy 1.17.1; evidently 0.7.23; H. B. Mann and D. R. Whitney (1947); D. S. Kerby, "The simple difference formula"
/// (2014).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MannWhitney {
    options: MannWhitneyOptions,
}

impl MannWhitney {
    /// The test with other options than scipy's defaults.
    #[must_use]
    pub fn new(options: MannWhitneyOptions) -> Self {
        Self { options }
    }
}

impl DriftTest for MannWhitney {
    fn name(&self) -> &str {
        "mannw"
    }

    fn options(&self) -> Result<TestOptions> {
        TestOptions::of(self)
    }

    fn legend(&self) -> &str {
        "r (Mann-Whitney): of all pairs of a row of the reference and a current one, the share in which the current one is \
         larger less the share in which it is smaller."
    }

    fn applies_to(&self, kind: Kind) -> bool {
        kind == Kind::Numeric
    }

    /// 0.07: a shift of an eighth of a standard deviation.
    fn default_minimum_effect(&self) -> f64 {
        0.07
    }

    fn compile(&self, reference: &Sample) -> Result<Box<dyn CompiledTest>> {
        Ok(Box::new(Compiled { reference: Ordered::new(OPERATION, reference)?, options: self.options }))
    }
}

const OPERATION: &str = "compare with mannw";

#[derive(Debug)]
struct Compiled {
    reference: Ordered,
    options: MannWhitneyOptions,
}

impl CompiledTest for Compiled {
    fn compare(&self, current: &Sample) -> Result<Score> {
        self.reference.compare(current, |x, y| {
            let result = mannwhitneyu_sorted(x, y, &self.options)?;
            let pairs = x.len() as f64 * y.len() as f64;
            let effect = ((2.0 * result.statistic - pairs) / pairs).abs();
            Ok(Score::new(result.statistic, Effect::new("rank-biserial correlation", effect))
                .with_pvalue(result.pvalue)
                .with_reference_len(x.len() as u64)
                .with_current_len(y.len() as u64))
        })
    }
}
