//! What reaches a tracker passes here, so that a fork can wait until nothing is on its way.
//!
//! A child inherits every lock as it was in the instant of the fork. Those that a thread of the parent held stay locked there
//! forever: SQLite's own, and those of a tracker. Numbers that are read and written at once are no locks.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use pyo3::prelude::*;

/// How many calls are on their way.
static PASSING: AtomicUsize = AtomicUsize::new(0);
/// Whether a process is about to be forked.
static CLOSED: AtomicBool = AtomicBool::new(false);

/// Does something that a fork waits for.
pub(super) fn pass<T>(work: impl FnOnce() -> T) -> T {
    /// Counted even where the work panics.
    struct Passing;
    impl Drop for Passing {
        fn drop(&mut self) {
            PASSING.fetch_sub(1, Ordering::SeqCst);
        }
    }
    loop {
        PASSING.fetch_add(1, Ordering::SeqCst);
        let passing = Passing;
        if !CLOSED.load(Ordering::SeqCst) {
            let done = work();
            drop(passing);
            return done;
        }
        drop(passing);
        thread::sleep(SHORT);
    }
}

/// Before a fork: waits until nothing is on its way, and lets nothing pass. Called by `os.fork`.
#[pyfunction]
pub(super) fn _before_fork(py: Python<'_>) {
    py.detach(|| {
        CLOSED.store(true, Ordering::SeqCst);
        let started = Instant::now();
        // What takes longer is stuck: the fork goes on as it would without mlcore.
        while PASSING.load(Ordering::SeqCst) > 0 && started.elapsed() < LONGEST {
            thread::sleep(SHORT);
        }
    });
}

/// After a fork, in the parent and in the child, in which nothing is on its way.
#[pyfunction]
pub(super) fn _after_fork(is_child: bool) {
    if is_child {
        PASSING.store(0, Ordering::SeqCst);
    }
    CLOSED.store(false, Ordering::SeqCst);
}

const SHORT: Duration = Duration::from_micros(100);
const LONGEST: Duration = Duration::from_secs(30);
