//! The energy distance of two samples as a drift test.

use mlcore::Result;
use mlcore::stats::energy_distance_sorted;
use serde::{Deserialize, Serialize};

use super::located::bounded;
use super::ordered::Ordered;
use super::{CompiledTest, DriftTest, Effect, Score};
use crate::catalog::TestOptions;
use crate::sample::{Kind, Sample};

/// The energy distance of one column: `scipy.stats.energy_distance`. It is Evidently's `ed`, with its threshold.
///
/// The root of twice the area under the squared difference of the two distribution functions. There is no p-value: the effect
/// size is the distance itself, which does not grow with the samples. **Its unit is the root of the column's unit**, so that one
/// threshold cannot serve every column, and small samples of one distribution are some way apart: 0.15 at a hundred rows
/// each of a standard normal column. [`CramerVonMises`](super::CramerVonMises) compares the same functions without a unit and with a
/// p-value; for whole rows there is the [test of tables](crate::table::Energy) named `energy`.
///
/// Integers past 2^53 are compared as the nearest floats. Distances beyond the floats, as of infinities on one side, are the
/// largest float.
///
/// Sources: scipy 1.17.1; evidently 0.7.23; G. Szekely, "E-statistics: the energy of statistical samples" (2002).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct EnergyDistance {}

impl DriftTest for EnergyDistance {
    fn name(&self) -> &str {
        "ed"
    }

    fn options(&self) -> Result<TestOptions> {
        TestOptions::of(self)
    }

    fn legend(&self) -> &str {
        "Energy distance: the root of twice the area between the squared distribution functions, in the root of the column's unit."
    }

    fn applies_to(&self, kind: Kind) -> bool {
        kind == Kind::Numeric
    }

    /// 0.1: Evidently's threshold, for columns of about unit variance.
    fn default_minimum_effect(&self) -> f64 {
        0.1
    }

    fn compile(&self, reference: &Sample) -> Result<Box<dyn CompiledTest>> {
        Ok(Box::new(Compiled { reference: Ordered::new(OPERATION, reference)? }))
    }
}

const OPERATION: &str = "compare with ed";

#[derive(Debug)]
struct Compiled {
    reference: Ordered,
}

impl CompiledTest for Compiled {
    fn compare(&self, current: &Sample) -> Result<Score> {
        self.reference.compare_values(current, |x, y| {
            let distance = bounded(energy_distance_sorted(x, y)?);
            Ok(Score::new(distance, Effect::new("energy distance", distance))
                .with_reference_len(x.len() as u64)
                .with_current_len(y.len() as u64))
        })
    }
}
