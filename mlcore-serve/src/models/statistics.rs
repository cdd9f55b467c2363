use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mlcore::name::Version;

use crate::batching::BatchRun;

/// What one request took.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Spent {
    /// From its arrival until its features were made: reading it, deciding who answers.
    pub input: Duration,
    /// Of this, waiting for a thread when its body had arrived.
    pub wait: Duration,
    /// Waiting for the run: for a place in a batch.
    pub queue: Duration,
    /// Making the model's input by the version's feature plan, or taking the tensors as they are.
    pub features: Duration,
    /// The model; in a batch the run of all that shared it.
    pub compute: Duration,
    /// Writing the answer.
    pub output: Duration,
    /// From its arrival until the answer was written.
    pub total: Duration,
    /// The rows that it asked about.
    pub rows: u64,
    /// Whether its run was counted when it ran, because others may have shared it.
    pub is_batched: bool,
}

/// What the requests of a model took, version by version.
#[derive(Debug, Default)]
pub struct Statistics {
    versions: RwLock<BTreeMap<Version, Arc<Counters>>>,
}

/// What the requests of a version took together, in the terms of Triton's statistics.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct VersionStatistics {
    /// Requests that were answered.
    pub successes: u64,
    /// Requests that failed.
    pub failures: u64,
    /// Rows of the answered ones.
    pub rows: u64,
    /// Runs of the model for answered requests.
    pub executions: u64,
    /// When the last request was answered, in milliseconds since 1970.
    pub last_inference: u64,
    /// Nanoseconds of answered requests until the model ran.
    pub input: u64,
    /// Nanoseconds of answered requests in the queue of a batcher.
    pub queue: u64,
    /// Nanoseconds of answered requests in their features and in the model; each counts the whole run that it shared.
    pub compute: u64,
    /// Nanoseconds of writing answers.
    pub output: u64,
    /// Nanoseconds of failed requests.
    pub failed: u64,
}

/// The runs of a batched model of one size.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct BatchStatistics {
    /// The rows that ran together; beyond 1,024 the next power of two.
    pub rows: u64,
    /// How many such runs there were.
    pub executions: u64,
    /// Their nanoseconds in the model.
    pub compute: u64,
}

#[derive(Debug, Default)]
struct Counters {
    successes: AtomicU64,
    failures: AtomicU64,
    rows: AtomicU64,
    executions: AtomicU64,
    last_inference: AtomicU64,
    input: AtomicU64,
    queue: AtomicU64,
    compute: AtomicU64,
    output: AtomicU64,
    failed: AtomicU64,
    /// By rows, of batched models only.
    batches: Mutex<BTreeMap<u64, BatchStatistics>>,
}

impl Statistics {
    /// Counts an answered request.
    pub fn succeed(&self, version: Version, spent: Spent) {
        let counters = self.counters(version);
        let add = |counter: &AtomicU64, amount: u64| {
            counter.fetch_add(amount, Ordering::Relaxed);
        };
        add(&counters.successes, 1);
        add(&counters.executions, u64::from(!spent.is_batched));
        add(&counters.rows, spent.rows);
        add(&counters.input, nanos(spent.input));
        add(&counters.queue, nanos(spent.queue));
        add(&counters.compute, nanos(spent.features + spent.compute));
        add(&counters.output, nanos(spent.output));
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        counters.last_inference.store(u64::try_from(now.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Counts a request that failed.
    pub fn fail(&self, version: Version, spent: Spent) {
        let counters = self.counters(version);
        counters.failures.fetch_add(1, Ordering::Relaxed);
        counters
            .failed
            .fetch_add(nanos(spent.input + spent.queue + spent.features + spent.compute), Ordering::Relaxed);
    }

    /// Counts a run that requests may have shared.
    pub(super) fn run(&self, run: &BatchRun) {
        let counters = self.counters(run.version);
        counters.executions.fetch_add(1, Ordering::Relaxed);
        let rows = if run.rows > MOST_SIZES { run.rows.next_power_of_two() } else { run.rows } as u64;
        let mut batches = counters.batches();
        let own = batches.entry(rows).or_insert(BatchStatistics { rows, ..BatchStatistics::default() });
        own.executions += 1;
        own.compute += nanos(run.compute);
    }

    /// The runs of a version by their rows, the smallest first; none where requests are not batched.
    #[must_use]
    pub fn batches(&self, version: Version) -> Vec<BatchStatistics> {
        let known = self.versions.read().unwrap_or_else(PoisonError::into_inner).get(&version).cloned();
        known.map(|counters| counters.batches().values().copied().collect()).unwrap_or_default()
    }

    /// The statistics as they stand, in the order of the versions that have answered.
    #[must_use]
    pub fn of_versions(&self) -> Vec<(Version, VersionStatistics)> {
        let versions = self.versions.read().unwrap_or_else(PoisonError::into_inner);
        versions.iter().map(|(version, counters)| (*version, counters.read())).collect()
    }

    fn counters(&self, version: Version) -> Arc<Counters> {
        let known = self.versions.read().unwrap_or_else(PoisonError::into_inner).get(&version).cloned();
        known.unwrap_or_else(|| {
            let mut versions = self.versions.write().unwrap_or_else(PoisonError::into_inner);
            versions.entry(version).or_default().clone()
        })
    }
}

impl Counters {
    fn batches(&self) -> MutexGuard<'_, BTreeMap<u64, BatchStatistics>> {
        self.batches.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self) -> VersionStatistics {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        VersionStatistics {
            successes: read(&self.successes),
            failures: read(&self.failures),
            rows: read(&self.rows),
            executions: read(&self.executions),
            last_inference: read(&self.last_inference),
            input: read(&self.input),
            queue: read(&self.queue),
            compute: read(&self.compute),
            output: read(&self.output),
            failed: read(&self.failed),
        }
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Sizes of batches that are told apart one by one: clients choose the rows of a request.
const MOST_SIZES: usize = 1024;
