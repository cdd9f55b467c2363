//! A `DriftTest`: by how many standard deviations of the reference has the mean moved?

use mlcore::{Error, Result};
use mlcore_drift::sample::{Kind, Sample};
use mlcore_drift::two_sample::{CompiledTest, DriftTest, Effect, Score};

const OPERATION: &str = "compare with mean_shift";

/// Glass's delta, without a p-value.
#[derive(Clone, Copy, Debug)]
pub struct MeanShift;

/// The mean of a sample, its standard deviation and its length.
#[derive(Debug)]
struct Moments(f64, f64, u64);

fn moments(sample: &Sample, side: &'static str) -> Result<Moments> {
    let values = sample.require_numbers(OPERATION, side)?;
    let average = |sum: f64| sum / values.len() as f64;
    let mean = average(values.iter().sum());
    let deviation = average(values.iter().map(|value| (value - mean).powi(2)).sum()).sqrt();
    Ok(Moments(mean, deviation, sample.len()))
}

impl DriftTest for MeanShift {
    fn name(&self) -> &str {
        "mean_shift"
    }

    fn applies_to(&self, kind: Kind) -> bool {
        kind == Kind::Numeric
    }

    fn default_minimum_effect(&self) -> f64 {
        0.5
    }

    fn compile(&self, reference: &Sample) -> Result<Box<dyn CompiledTest>> {
        Ok(Box::new(moments(reference, "reference")?))
    }
}

impl CompiledTest for Moments {
    fn compare(&self, current: &Sample) -> Result<Score> {
        let shift = (moments(current, "current")?.0 - self.0).abs();
        let delta = if shift == 0.0 { 0.0 } else { shift / self.1 };
        if !delta.is_finite() {
            return Err(Error::invalid_input(OPERATION, "samples", "their moments have no ratio"));
        }
        let score = Score::new(delta, Effect::new("standard deviations", delta));
        Ok(score.with_reference_len(self.2).with_current_len(current.len()))
    }
}
