//! The two-sample Cramer-von Mises test as a drift test.

use mlcore::Result;
use mlcore::stats::{CramerVonMisesMethod, CramerVonMisesOptions, cramervonmises_2samp_sorted};
use serde::{Deserialize, Serialize};

use super::ordered::Ordered;
use super::{CompiledTest, DriftTest, Effect, Score};
use crate::catalog::TestOptions;
use crate::sample::{Kind, Sample};

/// The mean squared difference of the two empirical distribution functions; where no two values are equal, statistic and p-value
/// are those of `scipy.stats.cramervonmises_2samp`. It is Evidently's `cramer_von_mises`.
///
/// It sees the whole of both distributions, where [`KolmogorovSmirnov`](super::KolmogorovSmirnov) sees the one place where they
/// differ most.
///
/// The effect size is the root of the mean of `(F - G)^2` over all observations: the usual share of rows by which the two
/// samples disagree about "how many are below x", from 0 to 1. A shift of a normal column by `s` standard deviations gives
/// about `0.3 s`. Evidently has a threshold of 0.1 for the p-value alone.
///
/// **Ties.** scipy's p-value assumes a continuous column: of two samples of different sizes that are half zeros it rejects every
/// pair, changed or not. By default ties enter statistic and p-value ([`CramerVonMisesMethod::AutoTies`]); the option `method`
/// gives scipy's. Samples of one value are refused.
///
/// Sources: scipy 1.17.1; evidently 0.7.23; T. W. Anderson, "On the distribution of the two-sample Cramer-von Mises criterion"
/// (1962).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct CramerVonMises {
    /// How the p-value is computed. Default: with ties, where there are any.
    pub method: CramerVonMisesMethod,
}

impl Default for CramerVonMises {
    fn default() -> Self {
        Self { method: CramerVonMisesMethod::AutoTies }
    }
}

impl CramerVonMises {
    /// The test with these options of the kernel's, such as scipy's defaults.
    #[must_use]
    pub fn new(options: CramerVonMisesOptions) -> Self {
        Self { method: options.method }
    }
}

impl DriftTest for CramerVonMises {
    fn name(&self) -> &str {
        "cramer_von_mises"
    }

    fn options(&self) -> Result<TestOptions> {
        TestOptions::of(self)
    }

    fn legend(&self) -> &str {
        "Root mean square of F - G (Cramer-von Mises): the usual share of rows by which the two samples disagree about \
         \u{201c}how many are below x\u{201d}."
    }

    fn applies_to(&self, kind: Kind) -> bool {
        kind == Kind::Numeric
    }

    /// 0.04: a shift of an eighth of a standard deviation.
    fn default_minimum_effect(&self) -> f64 {
        0.04
    }

    fn compile(&self, reference: &Sample) -> Result<Box<dyn CompiledTest>> {
        let options = CramerVonMisesOptions::default().with_method(self.method);
        Ok(Box::new(Compiled { reference: Ordered::new(OPERATION, reference)?, options }))
    }
}

const OPERATION: &str = "compare with cramer_von_mises";

#[derive(Debug)]
struct Compiled {
    reference: Ordered,
    options: CramerVonMisesOptions,
}

impl CompiledTest for Compiled {
    fn compare(&self, current: &Sample) -> Result<Score> {
        self.reference.compare(current, |x, y| {
            let result = cramervonmises_2samp_sorted(x, y, &self.options)?;
            Ok(Score::new(result.statistic, Effect::new("root mean square of F - G", result.distance))
                .with_pvalue(result.pvalue)
                .with_reference_len(x.len() as u64)
                .with_current_len(y.len() as u64))
        })
    }
}
