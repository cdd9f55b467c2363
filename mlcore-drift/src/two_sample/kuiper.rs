//! Kuiper's test as a drift test.

use mlcore::Result;
use mlcore::stats::kuiper_two;
use serde::{Deserialize, Serialize};

use super::ordered::Ordered;
use super::{CompiledTest, DriftTest, Effect, Score};
use crate::catalog::TestOptions;
use crate::sample::{Kind, Sample};

/// The largest differences of the two empirical distribution functions both ways, added; statistic and p-value are those of
/// `astropy.stats.kuiper_two` ([`kuiper_two`] says where the p-value is another).
///
/// A shift gives about the `D` of [`KolmogorovSmirnov`](super::KolmogorovSmirnov) and a spread twice as much, and for values on
/// a circle, such as hours or angles, it does not matter where the circle begins. frouros' `KuiperTest` compares `D` itself
/// with Kuiper's distribution, so that it misses nearly everything.
///
/// The effect size is the statistic `V`, from 0 to 1, which does not grow with the samples. The p-value assumes a continuous
/// column; where values repeat it is too large, so that the test misses and never alarms falsely.
///
/// Sources: astropy 8.0.2; N. H. Kuiper, "Tests concerning random points on a circle" (1960).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Kuiper {}

impl DriftTest for Kuiper {
    fn name(&self) -> &str {
        "kuiper"
    }

    fn options(&self) -> Result<TestOptions> {
        TestOptions::of(self)
    }

    fn legend(&self) -> &str {
        "V (Kuiper): the largest shares of rows by which the two samples disagree about \u{201c}how many are below x\u{201d}, \
         either way, added."
    }

    fn applies_to(&self, kind: Kind) -> bool {
        kind == Kind::Numeric
    }

    /// 0.07: a shift of an eighth of a standard deviation, and what chance adds at a thousand rows.
    fn default_minimum_effect(&self) -> f64 {
        0.07
    }

    fn compile(&self, reference: &Sample) -> Result<Box<dyn CompiledTest>> {
        Ok(Box::new(Compiled { reference: Ordered::new(OPERATION, reference)? }))
    }
}

const OPERATION: &str = "compare with kuiper";

#[derive(Debug)]
struct Compiled {
    reference: Ordered,
}

impl CompiledTest for Compiled {
    fn compare(&self, current: &Sample) -> Result<Score> {
        self.reference.compare(current, |x, y| {
            let result = kuiper_two(x.values().unwrap_or_default(), y.values().unwrap_or_default())?;
            Ok(Score::new(result.statistic, Effect::new("V", result.statistic))
                .with_pvalue(result.pvalue)
                .with_reference_len(x.len() as u64)
                .with_current_len(y.len() as u64))
        })
    }
}
