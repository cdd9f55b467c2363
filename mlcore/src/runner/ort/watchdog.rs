//! Stops what takes too long.
//!
//! A [`Timer`] is a cell that says when its work is due. One thread for the whole process, started by the first timer,
//! looks at the cells when the earliest is due. Setting and clearing a timer is two writes to its own cell: requests with
//! deadlines wait for no lock and wake nobody, but for the first after a quiet spell. Without a deadline nothing here is
//! touched.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use super::fork;
use crate::error::{Error, Result};

/// Work that can be stopped at a time. One at a time per timer.
pub(super) struct Timer(Arc<Cell>);

/// A deadline, until dropped or [finished](Deadline::finish).
pub(super) struct Deadline<'a>(&'a Cell);

/// Own cache lines: the cells are written by different threads.
#[repr(align(128))]
struct Cell {
    /// Nanoseconds since [`epoch`], or one of the constants below.
    due: AtomicU64,
    stop: Box<dyn Fn() + Send + Sync>,
}

/// No deadline is set.
const IDLE: u64 = u64::MAX;
/// The watchdog is calling `stop`.
const STOPPING: u64 = u64::MAX - 1;
/// The watchdog has called `stop`.
const STOPPED: u64 = u64::MAX - 2;

pub(super) struct State {
    cells: Vec<Weak<Cell>>,
}

static STATE: Mutex<State> = Mutex::new(State { cells: Vec::new() });
/// Whether the thread runs, in this process.
static IS_WATCHING: AtomicBool = AtomicBool::new(false);
static EARLIER: Condvar = Condvar::new();
/// When the thread looks next by itself. It is woken only for what is due before. While it looks, this is the end of
/// time, so that a run whose deadline it may just have missed wakes it.
static LOOKS_AT: AtomicU64 = AtomicU64::new(u64::MAX);

impl Timer {
    /// A timer that calls `stop`, from the watchdog's thread, when a deadline passes.
    pub(super) fn new(stop: impl Fn() + Send + Sync + 'static) -> Self {
        fork::watch();
        let cell = Arc::new(Cell { due: AtomicU64::new(IDLE), stop: Box::new(stop) });
        let mut state = state();
        state.cells.retain(|cell| cell.strong_count() > 0);
        state.cells.push(Arc::downgrade(&cell));
        Self(cell)
    }

    /// Sets the deadline.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the watchdog's thread cannot be started.
    pub(super) fn set(&mut self, timeout: Duration) -> Result<Deadline<'_>> {
        let due = nanoseconds(epoch().elapsed()).saturating_add(nanoseconds(timeout)).min(STOPPED - 1);
        self.0.due.store(due, Ordering::SeqCst);
        let deadline = Deadline(&self.0);
        if due < LOOKS_AT.load(Ordering::SeqCst) || !IS_WATCHING.load(Ordering::Relaxed) {
            wake()?;
        }
        Ok(deadline)
    }
}

impl Deadline<'_> {
    /// Ends the deadline, and says whether it had passed.
    pub(super) fn finish(self) -> bool {
        let passed = self.0.clear();
        std::mem::forget(self);
        passed
    }
}

impl Drop for Deadline<'_> {
    fn drop(&mut self) {
        self.0.clear();
    }
}

impl Cell {
    /// No deadline from here on; answers whether one passed. `stop` is not running when this returns.
    fn clear(&self) -> bool {
        loop {
            let due = self.due.load(Ordering::Acquire);
            if due == STOPPING && IS_WATCHING.load(Ordering::Acquire) {
                thread::yield_now();
            } else if self.due.compare_exchange(due, IDLE, Ordering::AcqRel, Ordering::Acquire).is_ok() {
                // A fork leaves a watchdog behind that was stopping: this was due, then.
                return due == STOPPED || due == STOPPING;
            }
        }
    }

    /// Stops the work if it is due at `now`; else answers when it is.
    fn look(&self, now: u64) -> u64 {
        let due = self.due.load(Ordering::SeqCst);
        if due > now {
            return if due >= STOPPED { u64::MAX } else { due };
        }
        if self.due.compare_exchange(due, STOPPING, Ordering::AcqRel, Ordering::Acquire).is_ok() {
            (self.stop)();
            self.due.store(STOPPED, Ordering::Release);
        }
        u64::MAX
    }
}

fn epoch() -> Instant {
    static EPOCH: OnceLock<Instant> = OnceLock::new();
    *EPOCH.get_or_init(Instant::now)
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// The cells, locked: also by a fork, so that no child inherits them half changed.
pub(super) fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// In a child after a fork, which leaves the thread behind: the next deadline starts another.
pub(super) fn forget_thread() {
    IS_WATCHING.store(false, Ordering::Release);
    LOOKS_AT.store(u64::MAX, Ordering::SeqCst);
}

/// Makes the thread look again, and starts it where there is none.
fn wake() -> Result<()> {
    let state = state();
    if !IS_WATCHING.load(Ordering::Relaxed) {
        thread::Builder::new().name("mlcore-watchdog".into()).spawn(watch).map_err(|cause| {
            Error::unavailable("set deadline", "watchdog", format!("its thread cannot be started: {cause}"))
                .caused_by(cause)
        })?;
        IS_WATCHING.store(true, Ordering::Release);
    }
    drop(state);
    EARLIER.notify_one();
    Ok(())
}

fn watch() {
    let mut state = state();
    loop {
        LOOKS_AT.store(u64::MAX, Ordering::SeqCst);
        let now = nanoseconds(epoch().elapsed());
        let next =
            state.cells.iter().filter_map(Weak::upgrade).map(|cell| cell.look(now)).min().unwrap_or(u64::MAX);
        if next == u64::MAX {
            state = EARLIER.wait(state).unwrap_or_else(PoisonError::into_inner);
            continue;
        }
        LOOKS_AT.store(next, Ordering::SeqCst);
        let rest = Duration::from_nanos(next.saturating_sub(nanoseconds(epoch().elapsed())));
        state = EARLIER
            .wait_timeout(state, rest)
            .map_or_else(|poisoned| poisoned.into_inner().0, |(state, _)| state);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, channel};

    use super::*;

    fn timer() -> (Timer, Receiver<Instant>) {
        let (sender, receiver) = channel();
        (Timer::new(move || sender.send(Instant::now()).unwrap()), receiver)
    }

    #[test]
    fn a_deadline_passes_once_and_not_after_it_is_finished() {
        let ((mut early, early_stop), (mut late, late_stop), (mut done, done_stop)) =
            (timer(), timer(), timer());
        let begin = Instant::now();
        let slow = late.set(Duration::from_millis(80)).unwrap();
        let quick = early.set(Duration::from_millis(20)).unwrap();
        assert!(!done.set(Duration::from_millis(40)).unwrap().finish());
        let stopped = early_stop.recv_timeout(Duration::from_secs(5)).unwrap();
        assert!(stopped - begin >= Duration::from_millis(20));
        assert!(late_stop.recv_timeout(Duration::from_secs(5)).unwrap() - begin >= Duration::from_millis(80));
        assert!(quick.finish() && slow.finish());
        assert!(done_stop.try_recv().is_err() && early_stop.try_recv().is_err());
        // The same timer serves again.
        let again = early.set(Duration::from_millis(1)).unwrap();
        early_stop.recv_timeout(Duration::from_secs(5)).unwrap();
        assert!(again.finish());
    }

    #[test]
    fn an_endless_deadline_does_not_pass() {
        let (mut timer, stop) = timer();
        assert!(!timer.set(Duration::MAX).unwrap().finish());
        assert!(stop.try_recv().is_err());
    }

    #[test]
    fn many_threads_set_and_clear_while_deadlines_pass() {
        let threads: Vec<_> = (0..8_u64)
            .map(|seed| {
                thread::spawn(move || {
                    let (mut timer, stop) = timer();
                    for turn in 0..500 {
                        let deadline = timer.set(Duration::from_micros((turn * 7 + seed * 13) % 60)).unwrap();
                        if turn % 5 == 0 {
                            stop.recv_timeout(Duration::from_secs(5)).unwrap();
                            assert!(deadline.finish());
                        } else {
                            // Stopped exactly when the deadline passed, and never after it is finished.
                            assert_eq!(deadline.finish(), stop.try_recv().is_ok());
                        }
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
    }
}
