use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use mlcore::Error;
use mlcore::name::{Arm, Version};
use serde::Serialize;

use super::caught::Caught;
use super::latencies::Latencies;

/// Counts of what went by since the start, for a status page or a metric.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Counts {
    /// Requests recorded.
    pub records: u64,
    /// Of these, requests that the arm failed: by an error, by an [invalid answer](super::InvalidAnswer), or by an answer of
    /// which no loss could be computed.
    pub failures: u64,
    /// Of these failures, answers that were given: invalid ones, and those of which no loss could be computed.
    pub invalid_answers: u64,
    /// Outcomes joined with their prediction, or with a row of it.
    pub outcomes: u64,
    /// Outcomes whose prediction is unknown: never made, abandoned, forgotten, or joined already.
    pub orphans: u64,
    /// Outcomes that do not fit the request that they name: of another number of rows, for a row that is not there or has its
    /// outcome. The prediction still waits.
    pub refused_outcomes: u64,
    /// Outcomes whose loss could not be computed, or is not a finite number.
    pub unscored: u64,
    /// Numbers and verdicts that reached the policy.
    pub measures: u64,
    /// Numbers and verdicts about a version that does not answer, or about a prediction that does not wait for its outcome.
    pub stale_measures: u64,
    /// Predictions forgotten before their outcome came, because too many were open.
    pub expired: u64,
    /// Decisions that were dropped without being recorded.
    pub abandoned: u64,
    /// Panics that were caught in what was handed to the endpoint: sinks, losses, policies, handlers of events. A runner's are
    /// failures of its arm.
    pub panics: u64,
    /// Rows that a monitor could not take, because they do not fit its reference.
    pub unmonitored: u64,
    /// Records that did not fit into their queue.
    pub dropped_records: u64,
    /// Outcomes, numbers and verdicts that did not fit into their queues.
    pub dropped_outcomes: u64,
    /// Shadow runs that were dropped, for [whatever reason](super::ShadowCounts).
    pub dropped_shadows: u64,
}

impl Counts {
    /// Records, outcomes and shadow runs that were dropped, together.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped_records + self.dropped_outcomes + self.dropped_shadows
    }
}

/// Counts of one arm while one version answered behind it, since the start.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct ArmCounts {
    /// The arm.
    pub arm: Arm,
    /// The version.
    pub version: Version,
    /// Requests recorded, answered or not.
    pub requests: u64,
    /// Rows that were answered.
    pub predictions: u64,
    /// Requests without a good answer, by the [kind](mlcore::Error::kind) of the error, the caller's mistakes too;
    /// `invalid_answer` for an [answer](super::InvalidAnswer) that counts as a failure. Kinds that did not occur are left out.
    pub failures: Vec<(&'static str, u64)>,
    /// Outcomes joined with a prediction, or with a row of it. One that comes when another version answers counts there.
    pub outcomes: u64,
}

/// What went by of one arm and version; the consumer writes it.
#[derive(Debug)]
pub(crate) struct ArmTally {
    pub(crate) arm: Arm,
    pub(crate) version: Version,
    pub(crate) requests: AtomicU64,
    pub(crate) predictions: AtomicU64,
    pub(crate) outcomes: AtomicU64,
    /// By kind, and at the end the invalid answers.
    failures: [AtomicU64; Error::KINDS.len() + 1],
}

impl ArmTally {
    pub(crate) fn new(arm: Arm, version: Version) -> Self {
        Self {
            arm,
            version,
            requests: AtomicU64::new(0),
            predictions: AtomicU64::new(0),
            outcomes: AtomicU64::new(0),
            failures: [const { AtomicU64::new(0) }; Error::KINDS.len() + 1],
        }
    }

    /// Counts a failure of this kind; an invalid answer where there is none.
    pub(crate) fn fail(&self, kind: Option<&str>) {
        let place = kind.and_then(|kind| Error::KINDS.iter().position(|own| *own == kind));
        if let Some(failures) = self.failures.get(place.unwrap_or(Error::KINDS.len())) {
            count(failures);
        }
    }

    fn counts(&self) -> ArmCounts {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let kinds = Error::KINDS.iter().copied().chain([INVALID_ANSWER]);
        let failures = kinds.zip(self.failures.iter().map(read)).filter(|(_, failures)| *failures > 0);
        ArmCounts {
            arm: self.arm.clone(),
            version: self.version,
            requests: read(&self.requests),
            predictions: read(&self.predictions),
            failures: failures.collect(),
            outcomes: read(&self.outcomes),
        }
    }
}

const INVALID_ANSWER: &str = "invalid_answer";

/// What went by, in a form that any thread reads at once, whatever the worker is doing.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) records: AtomicU64,
    pub(crate) failures: AtomicU64,
    pub(crate) invalid_answers: AtomicU64,
    pub(crate) outcomes: AtomicU64,
    pub(crate) orphans: AtomicU64,
    pub(crate) refused_outcomes: AtomicU64,
    pub(crate) unscored: AtomicU64,
    pub(crate) measures: AtomicU64,
    pub(crate) stale_measures: AtomicU64,
    pub(crate) expired: AtomicU64,
    pub(crate) unmonitored: AtomicU64,
    pub(crate) latencies: Latencies,
    pub(crate) caught: Caught,
    pub(crate) arms: ArcSwap<Vec<Arc<ArmTally>>>,
    /// Unlike the others written by any thread.
    abandoned: AtomicU64,
}

/// Adds one to a count of which one thread at a time is the only writer: the one that holds the consumer.
///
/// So it needs no instruction that locks the memory, which a record would pay for several times.
pub(crate) fn count(count: &AtomicU64) {
    count.store(count.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
}

impl Tally {
    /// Counts a decision that was dropped without a record.
    pub(crate) fn abandon(&self) {
        self.abandoned.fetch_add(1, Ordering::Relaxed);
    }

    /// The counts of every arm and version, in the order in which they began to answer.
    pub(crate) fn of_arms(&self) -> Vec<ArmCounts> {
        self.arms.load().iter().map(|arm| arm.counts()).collect()
    }

    /// The counts as they stand, without what queues dropped.
    pub(crate) fn counts(&self) -> Counts {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Counts {
            records: read(&self.records),
            failures: read(&self.failures),
            invalid_answers: read(&self.invalid_answers),
            outcomes: read(&self.outcomes),
            orphans: read(&self.orphans),
            refused_outcomes: read(&self.refused_outcomes),
            unscored: read(&self.unscored),
            measures: read(&self.measures),
            stale_measures: read(&self.stale_measures),
            expired: read(&self.expired),
            abandoned: read(&self.abandoned),
            panics: self.caught.count(),
            unmonitored: read(&self.unmonitored),
            ..Counts::default()
        }
    }
}
