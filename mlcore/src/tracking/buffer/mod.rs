//! Logging that never waits.

mod options;
mod queue;
mod record;
mod settle;
mod spool;
mod writer;

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

pub use self::options::BufferOptions;
use self::queue::Shared;
use self::record::{Item, Record};
use super::{Metric, Tracker};
use crate::error::{Error, Result};
use crate::interrupt;
use crate::name::RunId;

/// A queue in front of a [`Tracker`]: logging returns at once, and a thread writes in batches.
///
/// - **Accepted** is what a [`RunLog`] takes: it lies in memory. Of a process that is killed it is lost, unless it was spooled.
/// - **Acknowledged** is what [`flush`](Self::flush) answered: the tracker has it, and keeps it as it keeps everything.
/// - **A full queue** spills into a [spool](BufferOptions::spool) on disk, where there is one, and goes on from there once the tracker
///   keeps up. **A full spool**, or a full queue without one, drops the newest and counts it.
/// - **What the tracker refuses** (a parameter that changes, a key that is too long, a run that was deleted) is counted, and the
///   first refusal is told; what stands beside it is written.
/// - **A tracker that is away** is asked again until it is there.
///
/// Order is kept. What a process left in the spool when it was killed the next buffer with the same spool writes first.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::name::RunId;
/// use mlcore::time::Timestamp;
/// use mlcore::tracking::{BufferOptions, MemoryTracker, NewRun, Tracker, TrackerBuffer, TrackerExt};
///
/// let (tracker, at) = (Arc::new(MemoryTracker::new()), Timestamp::from_millis(1_000));
/// let experiment = tracker.default_experiment(at)?;
/// let run = tracker.start_run(NewRun::new(RunId::new("a1")?, experiment.id, at))?.info.id;
///
/// let buffer = TrackerBuffer::new(tracker.clone(), &BufferOptions::default())?;
/// let log = buffer.run(run.clone());
/// for step in 0..10_000 {
///     log.metric("loss", 1.0 / (step + 1) as f64, 1_000 + step, step);
/// }
/// log.param("depth", "8");
/// let flushed = buffer.finish()?;
/// assert_eq!((flushed.written, flushed.refused, flushed.dropped), (10_001, 0, 0));
/// assert_eq!(tracker.whole_history(&run, "loss")?.len(), 10_000);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Debug)]
pub struct TrackerBuffer {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// How much of what was accepted became of it, since the buffer was made.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Flushed {
    /// So many things the tracker has.
    pub written: u64,
    /// So many it refused.
    pub refused: u64,
    /// So many were not accepted, because the queue and the spool were full.
    pub dropped: u64,
    /// So many wait: in the queue or in the spool.
    pub waiting: u64,
}

/// Logs of one run, into a buffer. Cheap to clone, and to be shared by threads.
///
/// Each method returns at once, and answers whether the thing was accepted; what was not is counted by the buffer as dropped.
#[derive(Clone, Debug)]
pub struct RunLog {
    shared: Arc<Shared>,
    run: RunId,
}

impl TrackerBuffer {
    /// A buffer in front of `tracker`, with the threads that write.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a queue of no bytes, and where the spool's folder cannot be used or no thread be started.
    pub fn new(tracker: Arc<dyn Tracker>, options: &BufferOptions) -> Result<Self> {
        let shared = Arc::new(Shared::new(options)?);
        let mut threads = vec![start("mlcore-tracking", {
            let shared = Arc::clone(&shared);
            move || writer::write(&shared, &*tracker)
        })?];
        if shared.has_spool() {
            let own = Arc::clone(&shared);
            match start("mlcore-spool", move || writer::spool(&own)) {
                Ok(thread) => threads.push(thread),
                Err(error) => {
                    shared.close();
                    return Err(error);
                }
            }
        }
        Ok(Self { shared, threads: Mutex::new(threads) })
    }

    /// Logs of a run, whether or not the tracker knows it yet.
    #[must_use]
    pub fn run(&self, run: RunId) -> RunLog {
        RunLog { shared: Arc::clone(&self.shared), run }
    }

    /// How much became of what was accepted so far, without waiting.
    #[must_use]
    pub fn progress(&self) -> Flushed {
        self.shared.progress()
    }

    /// The first thing that the tracker refused, in words.
    #[must_use]
    pub fn first_refusal(&self) -> Option<String> {
        self.shared.first_refusal()
    }

    /// Waits until everything that was accepted before has been written or refused.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the tracker was away for longer than the [patience](BufferOptions::patience): what waits goes on
    /// waiting. [`Error::Interrupted`].
    pub fn flush(&self) -> Result<Flushed> {
        let wanted = self.shared.begin_flush();
        let started = Instant::now();
        let outcome = loop {
            if let Some(flushed) = self.shared.wait_settled(wanted) {
                break Ok(flushed);
            }
            if let Err(stopped) = interrupt::check(FLUSH) {
                break Err(stopped);
            }
            if started.elapsed() >= self.shared.options().patience {
                break Err(self.shared.away());
            }
        };
        self.shared.end_flush();
        outcome
    }

    /// Flushes, and ends the buffer: its logs accept nothing from now on. What the tracker does not take in time stays in the
    /// spool for the next buffer, and counts as [waiting](Flushed::waiting).
    ///
    /// # Errors
    /// [`Error::Unavailable`] when something waits and there is no spool: it is lost. [`Error::Interrupted`], after which the buffer
    /// is ended too.
    pub fn finish(self) -> Result<Flushed> {
        let flushed = self.flush();
        let before = self.shared.progress();
        self.close();
        let left = self.shared.progress();
        match flushed {
            Err(error @ Error::Interrupted(_)) => Err(error),
            // Nothing was accepted in between that could have been dropped otherwise.
            Err(error) if left.dropped > before.dropped => {
                let lost = left.dropped - before.dropped;
                Err(Error::unavailable(
                    FLUSH,
                    "tracker",
                    format!("{lost} things are lost: {}", error.context().problem()),
                )
                .remedy("give the buffer a spool, in which they wait for the next one"))
            }
            Ok(_) | Err(_) => Ok(left),
        }
    }

    fn close(&self) {
        self.shared.close();
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            // A panic of a tracker has been told by the thread's own message.
            drop(thread.join());
        }
        // Logs may outlive the buffer; its files are the next one's.
        self.shared.release_spool();
    }
}

impl Drop for TrackerBuffer {
    /// Writes once what waits, without patience, and leaves the rest to the spool.
    fn drop(&mut self) {
        self.close();
    }
}

impl RunLog {
    /// The run.
    #[must_use]
    pub fn run(&self) -> &RunId {
        &self.run
    }

    /// Logs a point of a metric: its value at a time, in milliseconds since 1970, and a step.
    pub fn metric(&self, key: &str, value: f64, timestamp_ms: i64, step: i64) -> bool {
        self.point(Metric::new(key, value, timestamp_ms).at_step(step))
    }

    /// Logs a point of a metric with all that is known of it.
    pub fn point(&self, metric: Metric) -> bool {
        self.push(Item::Metric(metric))
    }

    /// Logs a parameter, whose value never changes.
    pub fn param(&self, key: impl Into<String>, value: impl Into<String>) -> bool {
        self.push(Item::Param(key.into(), value.into()))
    }

    /// Sets a tag.
    pub fn tag(&self, key: impl Into<String>, value: impl Into<String>) -> bool {
        self.push(Item::Tag(key.into(), value.into()))
    }

    fn push(&self, item: Item) -> bool {
        self.shared.push(Record { run: self.run.clone(), item })
    }
}

fn start(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    let started = thread::Builder::new().name(name.to_owned()).spawn(work);
    started.map_err(|cause| Error::from_io("start tracking", name, cause))
}

const FLUSH: &str = "flush tracking";
