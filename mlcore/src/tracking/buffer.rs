use std::mem;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::limits::{MOST_METRICS, MOST_PARAMS_OR_TAGS, OPERATION};
use super::{Batch, Edit, Metric, Tracker};
use crate::error::{Error, Result};
use crate::name::RunId;
use crate::time::Timestamp;

/// How a [`Buffer`] queues.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BufferOptions {
    /// The most entries that wait: what comes then is dropped, and counted. Default 100,000, some 20 MB.
    pub capacity: usize,
    /// How long an entry waits at most before it is written. Default 200 ms: a chart that is watched moves, and a thousand
    /// steps a second are five transactions.
    pub interval: Duration,
}

impl Default for BufferOptions {
    fn default() -> Self {
        Self { capacity: 100_000, interval: Duration::from_millis(200) }
    }
}

impl BufferOptions {
    /// Lets so many entries wait.
    #[must_use]
    pub fn with_capacity(mut self, entries: usize) -> Self {
        self.capacity = entries;
        self
    }

    /// Writes at least so often.
    #[must_use]
    pub fn with_interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }
}

/// What became of what was logged, since the buffer was made.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Flushed {
    /// Entries that the tracker has acknowledged.
    pub written: u64,
    /// Entries that the tracker refused, for instance another value of a parameter.
    pub refused: u64,
    /// Entries that found the queue full.
    pub dropped: u64,
}

/// Logs without waiting: `log_*` puts an entry into a bounded queue, and a thread writes what waits, many entries as one
/// transaction.
///
/// Accepted is not acknowledged: what was logged is durable once [`flush`](Self::flush) or [`finish`](Self::finish) has
/// answered. Entries are written in the order in which one thread logged them. While the tracker cannot be written, entries
/// wait, and those that find the queue full are dropped and counted, the newest first; training never waits and never fails.
/// A buffer that is dropped writes what waits, if the tracker takes it at once.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::name::RunId;
/// use mlcore::time::Timestamp;
/// use mlcore::tracking::{Buffer, BufferOptions, MemoryTracker, NewRun, Tracker, TrackerExt};
///
/// let (tracker, at) = (MemoryTracker::new(), Timestamp::from_millis(0));
/// let experiment = tracker.default_experiment(at)?.id;
/// let run = tracker.start_run(NewRun::new(RunId::new("a")?, experiment, at))?.info.id;
/// let buffer = Buffer::new(Arc::new(tracker.clone()), BufferOptions::default())?;
/// for step in 0..1000 {
///     buffer.log_metric(&run, "loss", 0.5, at, step);
/// }
/// let flushed = buffer.finish()?;
/// assert_eq!((flushed.written, flushed.dropped), (1000, 0));
/// assert_eq!(tracker.whole_history(&run, "loss")?.len(), 1000);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Debug)]
pub struct Buffer {
    shared: Arc<Shared>,
    worker: Option<JoinHandle<()>>,
    turn: Mutex<()>,
}

impl Buffer {
    /// A buffer before a tracker, with a thread of its own.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where no thread can be started.
    pub fn new(tracker: Arc<dyn Tracker>, options: BufferOptions) -> Result<Self> {
        let shared = Arc::new(Shared {
            options,
            state: Mutex::default(),
            wake: Condvar::new(),
            tried: Condvar::new(),
        });
        let worker = std::thread::Builder::new().name("mlcore-tracking".to_owned()).spawn({
            let shared = Arc::clone(&shared);
            move || shared.work(&*tracker)
        });
        let worker = worker.map_err(|cause| Error::from_io(OPERATION, "buffer", cause))?;
        Ok(Self { shared, worker: Some(worker), turn: Mutex::default() })
    }

    /// Logs a point of a metric. False where it was dropped.
    pub fn log_metric(&self, run: &RunId, key: &str, value: f64, at: Timestamp, step: i64) -> bool {
        self.log(run, Entry::Metric(Metric::new(key, value, super::millis(at)).at_step(step)))
    }

    /// Logs a point of a metric with all that is known of it. False where it was dropped.
    pub fn log_point(&self, run: &RunId, metric: Metric) -> bool {
        self.log(run, Entry::Metric(metric))
    }

    /// Logs a parameter. False where it was dropped.
    pub fn log_param(&self, run: &RunId, key: &str, value: impl Into<String>) -> bool {
        self.log(run, Entry::Param(key.to_owned(), value.into()))
    }

    /// Sets a tag. False where it was dropped.
    pub fn set_tag(&self, run: &RunId, key: &str, value: impl Into<String>) -> bool {
        self.log(run, Entry::Tag(key.to_owned(), value.into()))
    }

    fn log(&self, run: &RunId, entry: Entry) -> bool {
        let run = run.clone();
        let mut state = self.shared.state();
        if state.waiting.len() >= self.shared.options.capacity {
            state.flushed.dropped += 1;
            return false;
        }
        state.waiting.push((run, entry));
        // Once for each batch: to wake a thread takes longer than all the rest.
        if state.waiting.len() == MOST_METRICS {
            self.shared.wake.notify_one();
        }
        true
    }

    /// Writes what was logged before, and answers what became of everything.
    ///
    /// # Errors
    /// Those of [`Tracker::write`] that say nothing about an entry, such as [`Error::Unavailable`]: what was logged waits on,
    /// and is written when that is possible.
    pub fn flush(&self) -> Result<Flushed> {
        // One at a time, so that each hears of its own failure.
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = self.shared.state();
        state.asked += 1;
        let ask = state.asked;
        self.shared.wake.notify_one();
        while state.answered < ask {
            state = self.shared.tried.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        match state.failure.take() {
            Some(failure) => Err(failure),
            None => Ok(state.flushed),
        }
    }

    /// Writes what was logged, and ends the thread.
    ///
    /// # Errors
    /// As [`flush`](Self::flush); what could not be written is lost.
    pub fn finish(self) -> Result<Flushed> {
        self.flush()
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.shared.state().is_closing = true;
        self.shared.wake.notify_one();
        if let Some(worker) = self.worker.take() {
            // A panic of the tracker was told where it happened.
            drop(worker.join());
        }
    }
}

#[derive(Clone, Debug)]
enum Entry {
    Metric(Metric),
    Param(String, String),
    Tag(String, String),
}

#[derive(Debug)]
struct Shared {
    options: BufferOptions,
    state: Mutex<State>,
    wake: Condvar,
    tried: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<(RunId, Entry)>,
    flushed: Flushed,
    /// How many flushes were asked for, and answered.
    asked: u64,
    answered: u64,
    /// Why the last try wrote nothing.
    failure: Option<Error>,
    is_closing: bool,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self, tracker: &dyn Tracker) {
        let interval = self.options.interval.max(LEAST_INTERVAL);
        let is_unasked = |state: &mut State| state.asked == state.answered && !state.is_closing;
        let is_idle = |state: &mut State| state.waiting.len() < MOST_METRICS && is_unasked(state);
        let mut held = Vec::new();
        let mut failed = false;
        loop {
            let state = self.state();
            // After a failure a full queue is no reason to hurry.
            let waited = match failed {
                true => self.wake.wait_timeout_while(state, interval, is_unasked),
                false => self.wake.wait_timeout_while(state, interval, is_idle),
            };
            let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
            let (asked, is_closing) = (state.asked, state.is_closing);
            mem::swap(&mut held, &mut state.waiting);
            drop(state);

            let mut now = Flushed::default();
            let tried = panic::catch_unwind(AssertUnwindSafe(|| write(tracker, &mut held, &mut now)));
            let tried =
                tried.unwrap_or_else(|_| Err(Error::internal(OPERATION, "buffer", "the tracker panicked")));

            let mut state = self.state();
            failed = tried.is_err();
            if !held.is_empty() {
                // What was not written comes before what was logged meanwhile.
                held.append(&mut state.waiting);
                let most = self.options.capacity;
                now.dropped += held.len().saturating_sub(most) as u64;
                held.truncate(most);
                mem::swap(&mut held, &mut state.waiting);
            }
            state.flushed.written += now.written;
            state.flushed.refused += now.refused;
            state.flushed.dropped += now.dropped;
            state.failure = tried.err();
            state.answered = asked;
            self.tried.notify_all();
            if is_closing && (failed || state.waiting.is_empty()) {
                return;
            }
        }
    }
}

/// Writes entries, as many as one transaction takes at once; what is left in `held` was not written. Of what is refused as a
/// whole each entry is tried alone, so that one bad entry takes no other with it.
fn write(tracker: &dyn Tracker, held: &mut Vec<(RunId, Entry)>, flushed: &mut Flushed) -> Result<()> {
    while !held.is_empty() {
        let count = held.len().min(MOST_WRITTEN_AT_ONCE);
        let chunk = held.get(..count).unwrap_or_default();
        match tracker.write(&edits(chunk)) {
            Ok(()) => flushed.written += count as u64,
            Err(error) if !error.is_caller_fault() => return Err(error),
            Err(_) => {
                for (done, entry) in chunk.iter().enumerate() {
                    match tracker.write(&edits(std::slice::from_ref(entry))) {
                        Ok(()) => flushed.written += 1,
                        Err(error) if error.is_caller_fault() => flushed.refused += 1,
                        Err(error) => {
                            held.drain(..done);
                            return Err(error);
                        }
                    }
                }
            }
        }
        held.drain(..count);
    }
    Ok(())
}

/// The entries as batches within the limits, in their order.
fn edits(entries: &[(RunId, Entry)]) -> Vec<Edit> {
    let mut batches: Vec<Batch> = Vec::new();
    for (run, entry) in entries {
        let fits = |batch: &Batch| {
            batch.run == *run
                && batch.len() < MOST_METRICS
                && batch.tags.len() < MOST_PARAMS_OR_TAGS
                && batch.params.len() < MOST_PARAMS_OR_TAGS
                // A batch has each parameter once.
                && !matches!(entry, Entry::Param(key, _) if batch.params.iter().any(|(other, _)| other == key))
        };
        let mut batch = match batches.pop() {
            Some(last) if fits(&last) => last,
            Some(last) => {
                batches.push(last);
                Batch::new(run.clone())
            }
            None => Batch::new(run.clone()),
        };
        match entry.clone() {
            Entry::Metric(metric) => batch.metrics.push(metric),
            Entry::Param(key, value) => batch.params.push((key, value)),
            Entry::Tag(key, value) => batch.tags.push((key, value)),
        }
        batches.push(batch);
    }
    batches.into_iter().map(|batch| Edit::Log(Box::new(batch))).collect()
}

/// One transaction of so many entries takes some 50 ms, during which others wait to write.
const MOST_WRITTEN_AT_ONCE: usize = 10_000;
/// Below it, a thread would do nothing but look.
const LEAST_INTERVAL: Duration = Duration::from_millis(1);
