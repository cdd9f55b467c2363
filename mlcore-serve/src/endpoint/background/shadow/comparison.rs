use std::time::Duration;

use mlcore::Result;
use mlcore::batch::Batch;
use mlcore::name::{Arm, Version};
use serde::Serialize;

use crate::endpoint::background::news::News;
use crate::endpoint::record::{InvalidAnswer, as_seconds};
use crate::endpoint::release::EventKind;

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
    /// Requests on which it failed: by an error, or by an [invalid answer](crate::endpoint::InvalidAnswer).
    pub failures: u64,
    /// Of these failures, invalid answers.
    pub invalid_answers: u64,
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
    #[serde(skip)]
    news: News,
    /// What was wrong with the last invalid answer.
    #[serde(skip)]
    problem: &'static str,
}

impl ShadowComparison {
    pub(crate) fn new(arm: Arm, version: Version) -> Self {
        Self {
            arm,
            version,
            requests: 0,
            failures: 0,
            invalid_answers: 0,
            rows: 0,
            flips: 0,
            largest_difference: 0.0,
            mean_difference: 0.0,
            latency: Duration::ZERO,
            scores: 0,
            news: News::default(),
            problem: "",
        }
    }

    /// Adds one request: what the caller got and what the shadow answered. `fault_of` says what is wrong with an answer.
    pub(crate) fn add(
        &mut self,
        primary: &Batch,
        shadow: Result<Batch>,
        latency: Duration,
        fault_of: impl Fn(&Batch) -> Option<InvalidAnswer>,
    ) {
        self.requests += 1;
        self.latency += latency;
        let Ok(shadow) = shadow else {
            self.failures += 1;
            return;
        };
        if let Some(fault) = fault_of(&shadow) {
            (self.failures, self.invalid_answers) = (self.failures + 1, self.invalid_answers + 1);
            self.problem = fault.problem();
            self.news.add();
            return;
        }
        // With an answer that is no answer nothing is compared: every difference would be NaN.
        if fault_of(primary).is_some() {
            return;
        }
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
            // The difference of two finite numbers may be infinite, and the next mean NaN.
            for difference in a.iter().zip(b).map(|(a, b)| (a - b).abs().min(f64::MAX)) {
                self.scores += 1;
                self.mean_difference += (difference - self.mean_difference) / self.scores as f64;
                self.largest_difference = self.largest_difference.max(difference);
            }
        }
    }
}

impl ShadowComparison {
    /// Its invalid answers, where they are news.
    pub(crate) fn invalid_event(&mut self) -> Option<EventKind> {
        let count = self.news.tell()?;
        let (arm, version, problem) = (self.arm.clone(), self.version, self.problem.to_owned());
        Some(EventKind::InvalidAnswers { arm, version, count, problem })
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
        let mut add = |answer, micros| {
            comparison.add(&primary, answer, Duration::from_micros(micros), InvalidAnswer::of);
        };
        add(Ok(scores(vec![0.75, 0.25, 0.5, 0.5])), 3);
        add(Ok(Batch::default()), 0);
        assert_eq!((comparison.requests, comparison.failures), (2, 1));
        assert_eq!((comparison.rows, comparison.flips), (2, 1));
        assert_eq!((comparison.largest_difference, comparison.mean_difference), (0.5, 0.25));
    }

    #[test]
    fn an_answer_that_is_no_number_is_a_failure_and_no_likeness() {
        let scores = |values: Vec<f32>| Batch::single("p", Tensor::column(values));
        let mut comparison = ShadowComparison::new(Arm::new("shadow").unwrap(), Version::FIRST);
        let mut add = |primary, shadow| {
            comparison.add(&scores(primary), Ok(scores(shadow)), Duration::ZERO, InvalidAnswer::of);
        };
        add(vec![0.5, 0.5], vec![0.5, f32::NAN]);
        add(vec![0.5], vec![f32::INFINITY]);
        // The caller got NaN, and the shadow has no part in it.
        add(vec![f32::NAN], vec![0.5]);
        add(vec![0.5], vec![0.75]);
        assert_eq!((comparison.requests, comparison.failures, comparison.invalid_answers), (4, 2, 2));
        assert_eq!(
            (comparison.rows, comparison.largest_difference, comparison.mean_difference),
            (1, 0.25, 0.25)
        );
        let told = comparison.invalid_event().unwrap().to_string();
        assert!(told.contains("2 answers of version 1 (shadow)") && told.contains("NaN"), "{told}");
        assert!(comparison.invalid_event().is_none());
        // The largest doubles are finite, and their difference is not.
        let doubles = |value: f64| Batch::single("p", Tensor::column(vec![value]));
        comparison.add(&doubles(f64::MAX), Ok(doubles(-f64::MAX)), Duration::ZERO, InvalidAnswer::of);
        comparison.add(&doubles(1.0), Ok(doubles(1.0)), Duration::ZERO, InvalidAnswer::of);
        assert!(comparison.mean_difference.is_finite());
    }
}
