use std::time::Duration;

use mlcore::Result;
use mlcore::batch::Batch;
use mlcore::name::{Arm, Version};
use serde::Serialize;

use crate::endpoint::record::as_seconds;

/// How a shadow's answers compare with those that callers got.
#[non_exhaustive]
#[derive(Clone, Debug, Serialize)]
pub struct ShadowComparison {
    /// The shadow's arm.
    pub arm: Arm,
    /// Its version.
    pub version: Version,
    /// Requests that it ran.
    pub requests: u64,
    /// Requests on which it failed.
    pub failures: u64,
    /// Rows whose answers were compared.
    pub rows: u64,
    /// Rows on which the largest of the scores stood elsewhere: a different class.
    pub flips: u64,
    /// The largest difference of one score.
    pub largest_difference: f64,
    /// The mean absolute difference of the scores.
    pub mean_difference: f64,
    /// The time its answers took, together.
    #[serde(rename = "latency_seconds", serialize_with = "as_seconds")]
    pub latency: Duration,
    #[serde(skip)]
    scores: u64,
}

impl ShadowComparison {
    pub(crate) fn new(arm: Arm, version: Version) -> Self {
        Self {
            arm,
            version,
            requests: 0,
            failures: 0,
            rows: 0,
            flips: 0,
            largest_difference: 0.0,
            mean_difference: 0.0,
            latency: Duration::ZERO,
            scores: 0,
        }
    }

    /// Adds one request: what the caller got and what the shadow answered.
    pub(crate) fn add(&mut self, primary: &Batch, shadow: Result<Batch>, latency: Duration) {
        self.requests += 1;
        self.latency += latency;
        let Ok(shadow) = shadow else {
            self.failures += 1;
            return;
        };
        // Scores are floats; labels follow from them.
        for (name, scores) in primary.iter().filter(|(_, tensor)| tensor.dtype().is_float()) {
            let Some(others) = shadow.find(name).filter(|others| others.shape() == scores.shape()) else {
                self.failures += 1;
                return;
            };
            if let (Ok(a), Ok(b)) = (scores.to_f64(), others.to_f64()) {
                self.compare(&a, &b, scores.row_len());
            }
        }
    }

    fn compare(&mut self, a: &[f64], b: &[f64], width: usize) {
        for (a, b) in a.chunks(width.max(1)).zip(b.chunks(width.max(1))) {
            self.rows += 1;
            self.flips += u64::from(width > 1 && largest(a) != largest(b));
            for difference in a.iter().zip(b).map(|(a, b)| (a - b).abs()) {
                self.scores += 1;
                self.mean_difference += (difference - self.mean_difference) / self.scores as f64;
                self.largest_difference = self.largest_difference.max(difference);
            }
        }
    }
}

fn largest(scores: &[f64]) -> Option<usize> {
    scores.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).map(|(position, _)| position)
}

#[cfg(test)]
mod tests {
    use mlcore::batch::Tensor;

    use super::*;

    #[test]
    fn flips_and_differences_are_counted_by_row() {
        let scores = |values: Vec<f32>| Batch::single("p", Tensor::new([2, 2], values).unwrap());
        let mut comparison = ShadowComparison::new(Arm::new("shadow").unwrap(), Version::FIRST);
        let primary = scores(vec![0.25, 0.75, 0.5, 0.5]);
        comparison.add(&primary, Ok(scores(vec![0.75, 0.25, 0.5, 0.5])), Duration::from_micros(3));
        comparison.add(&primary, Ok(Batch::default()), Duration::ZERO);
        assert_eq!((comparison.requests, comparison.failures), (2, 1));
        assert_eq!((comparison.rows, comparison.flips), (2, 1));
        assert_eq!((comparison.largest_difference, comparison.mean_difference), (0.5, 0.25));
    }
}
