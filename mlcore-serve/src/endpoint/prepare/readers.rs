use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use mlcore::time::Timestamp;
use mlcore::{Error, Result, interrupt};
use mlcore_features::store::key::EntityKey;
use mlcore_features::store::online::FeatureReader;

use super::read::Read;
use crate::endpoint::release::words_of;

/// Threads on which a store is asked that may not answer in time. They start when they are needed, and end when nothing was asked for
/// two seconds.
#[derive(Default)]
pub(super) struct Readers {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    arrived: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Job>,
    threads: usize,
    idle: usize,
    is_closed: bool,
}

/// A question, and where its answer goes.
struct Job {
    reader: Arc<dyn FeatureReader>,
    keys: Vec<EntityKey>,
    features: usize,
    now: Timestamp,
    slot: Arc<Slot>,
}

#[derive(Default)]
struct Slot {
    answer: Mutex<Option<Result<Read>>>,
    is_ready: Condvar,
}

impl Readers {
    /// Asks the reader on another thread, and waits for it no longer than `left`.
    ///
    /// # Errors
    /// [`Error::Timeout`]; [`Error::Overloaded`] where far more reads wait for a thread than there are; [`Error::Interrupted`] where the
    /// caller's call is to stop; and those of the reader.
    pub(super) fn ask(
        &self,
        reader: &Arc<dyn FeatureReader>,
        keys: &[EntityKey],
        features: usize,
        now: Timestamp,
        left: Duration,
    ) -> Result<Read> {
        let end = Instant::now() + left;
        let slot = Arc::<Slot>::default();
        let job = Job { reader: reader.clone(), keys: keys.to_vec(), features, now, slot: slot.clone() };
        self.submit(job)?;
        let mut answer = lock(&slot.answer);
        loop {
            if let Some(answer) = answer.take() {
                return answer;
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Error::timeout(READ, "feature store", "it did not answer in time"));
            }
            interrupt::check(READ)?;
            let step = left.min(LOOK);
            answer = slot.is_ready.wait_timeout(answer, step).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn submit(&self, job: Job) -> Result<()> {
        let mut state = lock(&self.shared.state);
        if state.idle <= state.waiting.len() {
            if state.waiting.len() >= MOST_WAITING {
                let problem = format!("{MOST_WAITING} reads wait for it already");
                return Err(Error::overloaded(READ, "feature store", problem));
            }
            if state.threads < MOST_THREADS {
                let shared = self.shared.clone();
                let spawned =
                    thread::Builder::new().name("mlcore-lookup".into()).spawn(move || shared.work());
                match spawned {
                    Ok(_) => state.threads += 1,
                    Err(cause) if state.threads == 0 => return Err(Error::from_io(READ, "thread", cause)),
                    // The threads that there are do it.
                    Err(_) => {}
                }
            }
        }
        state.waiting.push_back(job);
        drop(state);
        self.shared.arrived.notify_one();
        Ok(())
    }
}

impl Shared {
    fn work(&self) {
        loop {
            let Some(job) = self.next() else { return };
            if Arc::strong_count(&job.slot) == 1 {
                // Nobody waits for the answer any more.
                continue;
            }
            let mut read = Read::default();
            // What a reader left half done it must cope with itself.
            let asked =
                catch_unwind(AssertUnwindSafe(|| read.ask(&*job.reader, &job.keys, job.features, job.now)));
            let answer = match asked {
                Ok(answer) => answer.map(|()| read),
                Err(panic) => Err(panicked(words_of(&*panic))),
            };
            *lock(&job.slot.answer) = Some(answer);
            job.slot.is_ready.notify_one();
        }
    }

    /// The next job; none where the thread is to end.
    fn next(&self) -> Option<Job> {
        let mut state = lock(&self.state);
        state.idle += 1;
        let end = Instant::now() + LONGEST_IDLE;
        let job = loop {
            if let Some(job) = state.waiting.pop_front() {
                break Some(job);
            }
            let left = end.saturating_duration_since(Instant::now());
            if state.is_closed || left.is_zero() {
                break None;
            }
            state = self.arrived.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        };
        state.idle -= 1;
        if job.is_none() {
            state.threads -= 1;
        }
        job
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        lock(&self.shared.state).is_closed = true;
        self.shared.arrived.notify_all();
    }
}

impl fmt::Debug for Readers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Readers").field("threads", &lock(&self.shared.state).threads).finish()
    }
}

/// The error for a reader that panicked.
pub(super) fn panicked(words: &str) -> Error {
    Error::internal(READ, "reader", format!("it panicked: {words}")).remedy("mend the reader")
}

// Nothing that holds a lock here panics half-way.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

const READ: &str = "look up features";
/// More reads at once than that do not help a store that does not answer.
const MOST_THREADS: usize = 32;
/// What waits longer than that has no time left when it is asked.
const MOST_WAITING: usize = 1024;
/// How often a thread that waits looks whether its caller wants to go on.
const LOOK: Duration = Duration::from_millis(50);
const LONGEST_IDLE: Duration = Duration::from_secs(2);
