//! Evidently's normed Wasserstein distance, which its choice of a test needs.

use mlcore::Result;
use mlcore::stats::wasserstein_distance;

use crate::sample::{Kind, Sample};
use crate::two_sample::{CompiledTest, DriftTest, Effect, Score};

/// The Wasserstein distance in standard deviations of the reference, or in thousandths where these are smaller: Evidently's
/// `wasserstein`, without a p-value.
#[derive(Debug)]
pub(super) struct NormedWasserstein;

impl DriftTest for NormedWasserstein {
    fn name(&self) -> &str {
        "wasserstein"
    }

    fn legend(&self) -> &str {
        "W (Wasserstein): how far rows have to be moved on average, in standard deviations of the reference."
    }

    fn applies_to(&self, kind: Kind) -> bool {
        kind == Kind::Numeric
    }

    /// 0.1: Evidently's threshold.
    fn default_minimum_effect(&self) -> f64 {
        0.1
    }

    fn compile(&self, reference: &Sample) -> Result<Box<dyn CompiledTest>> {
        let values = reference.require_numbers(OPERATION, "reference")?.to_vec();
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
        Ok(Box::new(Compiled { values, norm: variance.sqrt().max(LEAST_NORM) }))
    }
}

#[derive(Debug)]
struct Compiled {
    values: Vec<f64>,
    norm: f64,
}

impl CompiledTest for Compiled {
    fn compare(&self, current: &Sample) -> Result<Score> {
        let values = current.require_numbers(OPERATION, "current")?;
        let distance = wasserstein_distance(&self.values, values, None, None)? / self.norm;
        Ok(Score::new(distance, Effect::new("W", distance))
            .with_reference_len(self.values.len() as u64)
            .with_current_len(current.len()))
    }
}

const LEAST_NORM: f64 = 0.001;
const OPERATION: &str = "compare with wasserstein";
