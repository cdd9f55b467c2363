use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use mlcore_features::store::online::Status;
use serde::Serialize;

/// What became of a feature that was looked up.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum FeatureStatus {
    /// The store had a value that counts.
    Present,
    /// The newest row of the store says that there is no value.
    NullValue,
    /// The store has no row of the entity.
    NotFound,
    /// The newest row is older than its time to live.
    OutsideMaxAge,
    /// The store did not answer, and the value that was read last still counts.
    LastKnown,
    /// The store did not answer, and the default took the value's place.
    Unavailable,
    /// The request brought a value of its own, which took the place of the store's.
    Sent,
}

mlcore::words! {
    FeatureStatus, "status of a feature":
    Present = "PRESENT",
    NullValue = "NULL_VALUE",
    NotFound = "NOT_FOUND",
    OutsideMaxAge = "OUTSIDE_MAX_AGE",
    LastKnown = "LAST_KNOWN",
    Unavailable = "UNAVAILABLE",
    Sent = "SENT",
}

impl From<Status> for FeatureStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Present => Self::Present,
            Status::NullValue => Self::NullValue,
            Status::NotFound => Self::NotFound,
            Status::OutsideMaxAge => Self::OutsideMaxAge,
        }
    }
}

/// Counts of a feature that is looked up, since the start.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct FeatureCounts {
    /// The feature.
    pub feature: String,
    /// How often it had which status; statuses that did not occur are left out.
    pub statuses: Vec<(FeatureStatus, u64)>,
    /// How old the value was that was handed to a model last, in seconds; none before the first.
    pub last_age_seconds: Option<f64>,
}

/// Counts of the reads of one lookup, since the start.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct LookupCounts {
    /// The join keys, with commas between them.
    pub lookup: String,
    /// Requests whose entities the store answered.
    pub read: u64,
    /// Requests for which the store failed or was too slow.
    pub failed: u64,
    /// Of these, requests that got what was known last, all of it.
    pub last_known: u64,
    /// Of these, requests that got defaults, in whole or in part.
    pub defaults: u64,
    /// Of these, requests that were refused.
    pub refused: u64,
    /// Each feature.
    pub features: Vec<FeatureCounts>,
}

/// The same while it is counted, by any thread.
#[derive(Debug, Default)]
pub(super) struct LookupTally {
    pub(super) read: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) last_known: AtomicU64,
    pub(super) defaults: AtomicU64,
    pub(super) refused: AtomicU64,
}

/// The same of a feature.
#[derive(Debug)]
pub(super) struct FeatureTally {
    statuses: [AtomicU64; FeatureStatus::ALL.len()],
    /// In microseconds.
    last_age: AtomicI64,
}

/// No age.
const NO_AGE: i64 = i64::MIN;

impl Default for FeatureTally {
    fn default() -> Self {
        Self {
            statuses: [const { AtomicU64::new(0) }; FeatureStatus::ALL.len()],
            last_age: AtomicI64::new(NO_AGE),
        }
    }
}

pub(super) fn add(count: &AtomicU64) {
    count.fetch_add(1, Ordering::Relaxed);
}

impl FeatureTally {
    /// Counts a feature of an entity.
    pub(super) fn count(&self, status: FeatureStatus, age_micros: Option<i64>) {
        if let Some(count) = self.statuses.get(status as usize) {
            add(count);
        }
        if let (FeatureStatus::Present | FeatureStatus::LastKnown, Some(age)) = (status, age_micros) {
            self.last_age.store(age, Ordering::Relaxed);
        }
    }

    pub(super) fn counts(&self, feature: &str) -> FeatureCounts {
        let read = self.statuses.iter().map(|count| count.load(Ordering::Relaxed));
        let statuses = FeatureStatus::ALL.iter().copied().zip(read).filter(|(_, count)| *count > 0);
        let age = Some(self.last_age.load(Ordering::Relaxed)).filter(|age| *age != NO_AGE);
        FeatureCounts {
            feature: feature.to_owned(),
            statuses: statuses.collect(),
            last_age_seconds: age.map(seconds),
        }
    }
}

impl LookupTally {
    pub(super) fn counts(&self, lookup: &str, features: Vec<FeatureCounts>) -> LookupCounts {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        LookupCounts {
            lookup: lookup.to_owned(),
            read: read(&self.read),
            failed: read(&self.failed),
            last_known: read(&self.last_known),
            defaults: read(&self.defaults),
            refused: read(&self.refused),
            features,
        }
    }
}

/// Microseconds, which may be negative where the clock of a writer runs ahead, as seconds.
pub(crate) fn seconds(micros: i64) -> f64 {
    let length = Duration::from_micros(micros.unsigned_abs()).as_secs_f64();
    if micros < 0 { -length } else { length }
}
