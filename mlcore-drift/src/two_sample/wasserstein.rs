//! The Wasserstein distance of two samples as a drift test, plain and in standard deviations.

use mlcore::Result;
use mlcore::stats::{Moments, SortedSample, wasserstein_distance_sorted};
use serde::{Deserialize, Serialize};

use super::located::{Located, bounded};
use super::ordered::Ordered;
use super::{CompiledTest, DriftTest, Effect, Score};
use crate::catalog::TestOptions;
use crate::sample::{Kind, Sample};

/// The first Wasserstein distance: `scipy.stats.wasserstein_distance`. It is NannyML's `wasserstein`.
///
/// How far, on average, values have to be moved to make one sample of the other. There is no p-value: the effect size is the
/// distance itself, which does not grow with the samples. **Its unit is the column's**, so that a threshold must be chosen for each
/// column (NannyML takes three standard deviations over the chunks of its reference); [`NormedWasserstein`] has one for all.
///
/// Integers past 2^53 are compared as the nearest floats. Distances beyond the floats, as of infinities on one side, are the
/// largest float.
///
/// Sources: scipy 1.17.1; nannyml 0.13.1.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Wasserstein {}

impl DriftTest for Wasserstein {
    fn name(&self) -> &str {
        "wasserstein_distance"
    }

    fn options(&self) -> Result<TestOptions> {
        TestOptions::of(self)
    }

    fn legend(&self) -> &str {
        "Wasserstein distance: how far, on average, values have to be moved to make one sample of the other, in the column's unit."
    }

    fn applies_to(&self, kind: Kind) -> bool {
        kind == Kind::Numeric
    }

    /// 0.1, for columns of about unit variance. Choose one for the column's unit.
    fn default_minimum_effect(&self) -> f64 {
        0.1
    }

    fn compile(&self, reference: &Sample) -> Result<Box<dyn CompiledTest>> {
        Ok(Box::new(Plain { reference: Ordered::new("compare with wasserstein_distance", reference)? }))
    }
}

#[derive(Debug)]
struct Plain {
    reference: Ordered,
}

impl CompiledTest for Plain {
    fn compare(&self, current: &Sample) -> Result<Score> {
        self.reference.compare_values(current, |x, y| {
            let distance = bounded(wasserstein_distance_sorted(x, y)?);
            Ok(Score::new(distance, Effect::new("Wasserstein distance", distance))
                .with_reference_len(x.len() as u64)
                .with_current_len(y.len() as u64))
        })
    }
}

/// The first Wasserstein distance in standard deviations of the reference. It is Evidently's `wasserstein`, with its threshold, and
/// what Evidently compares numbers with in more than a thousand rows.
///
/// The distance is divided by the standard deviation of the reference (that of a population, `ddof=0`), or by 0.001 where that is
/// smaller, as Evidently does. There is no p-value: the effect size is the quotient, which does not grow with the samples. A shift
/// by `s` standard deviations gives `s`; chance alone gives about 0.16 at a hundred rows each and 0.05 at a thousand.
///
/// Infinite values are left out ([`Note::InfinitiesDropped`](super::Note::InfinitiesDropped)).
///
/// Sources: scipy 1.17.1; evidently 0.7.23.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct NormedWasserstein {}

impl DriftTest for NormedWasserstein {
    fn name(&self) -> &str {
        "wasserstein"
    }

    fn options(&self) -> Result<TestOptions> {
        TestOptions::of(self)
    }

    fn legend(&self) -> &str {
        "Wasserstein distance, normed: how far, on average, values have to be moved to make one sample of the other, in standard \
         deviations of the reference."
    }

    fn applies_to(&self, kind: Kind) -> bool {
        kind == Kind::Numeric
    }

    /// 0.1: Evidently's threshold, a shift by a tenth of a standard deviation.
    fn default_minimum_effect(&self) -> f64 {
        0.1
    }

    fn compile(&self, reference: &Sample) -> Result<Box<dyn CompiledTest>> {
        let reference = Located::new("compare with wasserstein", reference)?;
        let sorted = SortedSample::new(reference.values())?;
        Ok(Box::new(Normed { reference, sorted }))
    }
}

/// Evidently divides by no less.
const LEAST_DEVIATION: f64 = 0.001;

#[derive(Debug)]
struct Normed {
    reference: Located,
    sorted: SortedSample,
}

impl CompiledTest for Normed {
    fn compare(&self, current: &Sample) -> Result<Score> {
        self.reference.compare(current, |pair| {
            let current = SortedSample::new(&pair.current)?;
            let distance = if pair.scale == 1.0 {
                wasserstein_distance_sorted(&self.sorted, &current)?
            } else {
                wasserstein_distance_sorted(&SortedSample::new(&pair.reference)?, &current)?
            };
            let deviation = population_deviation(&pair.reference_moments);
            let distance = bounded(distance / deviation.max(LEAST_DEVIATION * pair.scale));
            Ok(Score::new(distance, Effect::new("Wasserstein distance in standard deviations", distance)))
        })
    }
}

fn population_deviation(moments: &Moments) -> f64 {
    match moments.count() {
        0 | 1 => 0.0,
        count => moments.standard_deviation() * ((count - 1) as f64 / count as f64).sqrt(),
    }
}
