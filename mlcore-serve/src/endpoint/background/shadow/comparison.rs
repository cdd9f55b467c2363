use std::time::Duration;

use mlcore::Result;
use mlcore::batch::{Batch, Tensor};
use mlcore::name::{Arm, Version};
use mlcore::rollout::{Comparison, Draw, Reply, Tolerance};
use mlcore::schema::DType;
use serde::{Serialize, Serializer};
use xxhash_rust::xxh3::xxh3_64;

use crate::endpoint::background::news::News;
use crate::endpoint::record::{InvalidAnswer, as_seconds};
use crate::endpoint::release::EventKind;

/// How a shadow's answers compare with those that callers got: the most important numbers, and the [comparison](Self::comparison) with
/// the others, which also judges whether the two agree.
#[non_exhaustive]
#[derive(Clone, Debug, Serialize)]
pub struct ShadowComparison {
    /// The shadow's arm.
    pub arm: Arm,
    /// Its version.
    pub version: Version,
    /// Requests that it ran: of those that were answered, and of those that the arm failed which was to answer.
    pub requests: u64,
    /// Requests on which it failed: by an error, by an [invalid answer](crate::endpoint::InvalidAnswer), or by an answer of
    /// another shape.
    pub failures: u64,
    /// Of these failures, invalid answers.
    pub invalid_answers: u64,
    /// Rows whose answers were compared.
    pub rows: u64,
    /// Rows on which the largest of the scores stood elsewhere, or the label was another one: a different class.
    pub flips: u64,
    /// The largest difference of one score.
    pub largest_difference: f64,
    /// The mean over the rows of the largest difference of their scores.
    pub mean_difference: f64,
    /// The time its answers took, together.
    #[serde(rename = "latency_seconds", serialize_with = "as_seconds")]
    pub latency: Duration,
    #[serde(rename = "report", serialize_with = "as_report")]
    comparison: Comparison,
}

impl ShadowComparison {
    /// All that was found: shares within tolerance, quantiles of differences and latencies, the confusion of labels, the rank
    /// correlation. `Comparison::agreement` judges it, and comparisons of replicas add up.
    ///
    /// ```
    /// # use mlcore_serve::Endpoint;
    /// use mlcore::rollout::{AgreementOptions, AgreementVerdict};
    ///
    /// # fn judged(endpoint: &Endpoint) -> mlcore::Result<()> {
    /// let options = AgreementOptions::default().with_max_flip_share(0.01).with_max_failure_share(0.01);
    /// for shadow in endpoint.shadows() {
    ///     println!("{}: {}", shadow.arm, shadow.comparison().agreement(&options)?);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn comparison(&self) -> &Comparison {
        &self.comparison
    }
}

/// The report, because the comparison itself is written for replicas and not for people.
fn as_report<S: Serializer>(comparison: &Comparison, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    comparison.report().serialize(serializer)
}

/// The comparison of one version of a shadow, while it grows.
#[derive(Clone, Debug)]
pub(crate) struct Compared {
    arm: Arm,
    version: Version,
    comparison: Comparison,
    invalid_answers: u64,
    latency: Duration,
    news: News,
    /// What was wrong with the last invalid answer.
    problem: &'static str,
}

/// What one request tells: who answered what, and how fast.
pub(super) struct Pair<'a> {
    /// The outputs that the caller got, where there are any.
    pub(super) live: Option<&'a Batch>,
    pub(super) live_latency: Duration,
    pub(super) shadow: Result<Batch>,
    pub(super) latency: Duration,
    pub(super) draw: Draw,
}

impl Compared {
    pub(super) fn new(arm: Arm, version: Version, tolerance: Tolerance) -> Self {
        Self {
            arm,
            version,
            comparison: Comparison::new(tolerance),
            invalid_answers: 0,
            latency: Duration::ZERO,
            news: News::default(),
            problem: "",
        }
    }

    pub(super) fn is_of(&self, arm: &Arm, version: Version) -> bool {
        self.arm == *arm && self.version == version
    }

    /// Adds one request. `fault_of` says what is wrong with an answer.
    pub(super) fn add(&mut self, pair: Pair<'_>, fault_of: impl Fn(&Batch) -> Option<InvalidAnswer>) {
        self.latency += pair.latency;
        let mut shadow = pair.shadow.ok();
        if let Some(fault) = shadow.as_ref().and_then(&fault_of) {
            self.invalid_answers += 1;
            self.problem = fault.problem();
            self.news.add();
            shadow = None;
        }
        // With an answer that is no answer nothing is compared: every difference would be NaN.
        let live = pair.live.filter(|outputs| fault_of(outputs).is_none());
        let reply =
            |is_there: bool, latency| if is_there { Reply::Answered { latency } } else { Reply::Failed };
        self.comparison
            .add_request(reply(live.is_some(), pair.live_latency), reply(shadow.is_some(), pair.latency));
        if let (Some(live), Some(shadow)) = (live, shadow)
            && self.compare(live, &shadow, pair.draw).is_none()
        {
            self.comparison.add_mismatch();
        }
    }

    /// Compares two answers; `None` where they are not of one shape. Scores are floats, and labels follow from them: without scores
    /// the labels themselves are compared.
    fn compare(&mut self, live: &Batch, shadow: &Batch, draw: Draw) -> Option<()> {
        let has_scores = live.iter().any(|(_, tensor)| tensor.dtype().is_float());
        for (name, own) in live.iter().filter(|(_, tensor)| tensor.dtype().is_float() == has_scores) {
            let other = shadow.find(name).filter(|other| other.shape() == own.shape())?;
            if has_scores {
                let (own_scores, other) = (own.to_f64().ok()?, other.to_f64().ok()?);
                self.comparison.add_scores(&own_scores, &other, own.row_len().max(1), draw).ok()?;
            } else {
                self.comparison.add_labels(&labels(own)?, &labels(other)?).ok()?;
            }
        }
        Some(())
    }

    /// Its invalid answers, where they are news.
    pub(super) fn invalid_event(&mut self) -> Option<EventKind> {
        let count = self.news.tell()?;
        let (arm, version, problem) = (self.arm.clone(), self.version, self.problem.to_owned());
        Some(EventKind::InvalidAnswers { arm, version, count, problem })
    }

    pub(crate) fn told(self) -> ShadowComparison {
        let report = self.comparison.report();
        let differences = report.differences;
        ShadowComparison {
            arm: self.arm,
            version: self.version,
            requests: report.requests,
            failures: report.shadow_failures + report.mismatches,
            invalid_answers: self.invalid_answers,
            rows: report.rows,
            flips: report.flips,
            largest_difference: differences.map_or(0.0, |found| found.greatest),
            mean_difference: differences.map_or(0.0, |found| found.mean),
            latency: self.latency,
            comparison: self.comparison,
        }
    }
}

/// Labels as numbers: texts by a hash, of which equal ones are equal.
fn labels(tensor: &Tensor) -> Option<Vec<i64>> {
    if tensor.dtype() == DType::String {
        return Some(tensor.texts().ok()?.map(|text| xxh3_64(text.as_bytes()).cast_signed()).collect());
    }
    match tensor.values::<i64>() {
        Ok(labels) => Some(labels.to_vec()),
        Err(_) => Some(tensor.to_f64().ok()?.into_iter().map(|label| label as i64).collect()),
    }
}

#[cfg(test)]
mod tests {
    use mlcore::Error;

    use super::*;

    fn compared() -> Compared {
        Compared::new(Arm::new("shadow").unwrap(), Version::FIRST, Tolerance::default())
    }

    fn pair(live: Option<&Batch>, shadow: Result<Batch>, micros: u64) -> Pair<'_> {
        let latency = Duration::from_micros(micros);
        Pair { live, live_latency: latency, shadow, latency, draw: Draw::new(micros) }
    }

    #[test]
    fn flips_and_differences_are_counted_by_row() {
        let scores = |values: Vec<f32>| Batch::single("p", Tensor::new([2, 2], values).unwrap());
        let mut comparison = compared();
        let primary = scores(vec![0.25, 0.75, 0.5, 0.5]);
        let mut add =
            |answer, micros| comparison.add(pair(Some(&primary), answer, micros), InvalidAnswer::of);
        add(Ok(scores(vec![0.75, 0.25, 0.5, 0.5])), 3);
        add(Ok(Batch::default()), 0);
        let told = comparison.told();
        assert_eq!((told.requests, told.failures), (2, 1));
        assert_eq!((told.rows, told.flips), (2, 1));
        assert_eq!((told.largest_difference, told.mean_difference), (0.5, 0.25));
        assert_eq!(told.comparison().report().mismatches, 1);
    }

    #[test]
    fn an_answer_that_is_no_number_is_a_failure_and_no_likeness() {
        let scores = |values: Vec<f32>| Batch::single("p", Tensor::column(values));
        let mut comparison = compared();
        let mut add = |primary, shadow| {
            comparison.add(pair(Some(&scores(primary)), Ok(scores(shadow)), 0), InvalidAnswer::of);
        };
        add(vec![0.5, 0.5], vec![0.5, f32::NAN]);
        add(vec![0.5], vec![f32::INFINITY]);
        // The caller got NaN, and the shadow has no part in it.
        add(vec![f32::NAN], vec![0.5]);
        add(vec![0.5], vec![0.75]);
        let event = comparison.invalid_event().unwrap().to_string();
        assert!(event.contains("2 answers of version 1 (shadow)") && event.contains("NaN"), "{event}");
        assert!(comparison.invalid_event().is_none());
        // The largest doubles are finite, and their difference is not.
        let doubles = |value: f64| Batch::single("p", Tensor::column(vec![value]));
        let mut largest = comparison.clone();
        let told = comparison.told();
        assert_eq!((told.requests, told.failures, told.invalid_answers), (4, 2, 2));
        assert_eq!((told.rows, told.largest_difference, told.mean_difference), (1, 0.25, 0.25));
        assert_eq!(told.comparison().report().live_failures, 1);
        largest.add(pair(Some(&doubles(f64::MAX)), Ok(doubles(-f64::MAX)), 0), InvalidAnswer::of);
        largest.add(pair(Some(&doubles(1.0)), Ok(doubles(1.0)), 0), InvalidAnswer::of);
        assert!(largest.told().mean_difference.is_finite());
    }

    #[test]
    fn labels_without_scores_are_compared_and_failures_of_both_are_told_apart() {
        let whole = |values: Vec<i32>| Batch::single("label", Tensor::column(values));
        let words = |values: [&str; 2]| Batch::single("label", Tensor::strings([2], values).unwrap());
        let mut comparison = compared();
        comparison.add(pair(Some(&whole(vec![1, 0, 2])), Ok(whole(vec![1, 2, 2])), 1), InvalidAnswer::of);
        comparison.add(pair(Some(&words(["yes", "no"])), Ok(words(["yes", "yes"])), 1), InvalidAnswer::of);
        comparison.add(pair(None, Ok(whole(vec![1])), 1), InvalidAnswer::of);
        let failed = || Err(Error::internal("run model", "m", "it failed"));
        comparison.add(pair(None, failed(), 1), InvalidAnswer::of);
        comparison.add(pair(Some(&whole(vec![1])), failed(), 1), InvalidAnswer::of);
        let report = comparison.told().comparison().report();
        assert_eq!((report.rows, report.flips, report.labelled), (5, 2, 5));
        assert_eq!((report.live_failures, report.shadow_failures, report.both_failures), (2, 2, 1));
    }
}
