//! Stops what takes too long. One thread for the whole process, started by the first deadline; without a deadline,
//! nothing here is touched.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{process, thread};

use crate::error::{Error, Result};

/// What to do when time is up.
type Stop = Box<dyn FnOnce() + Send>;

/// A deadline, until dropped.
pub(super) struct Deadline {
    key: Option<(Instant, u64)>,
    passed: Arc<AtomicBool>,
}

#[derive(Default)]
struct State {
    pending: BTreeMap<(Instant, u64), (Stop, Arc<AtomicBool>)>,
    next: u64,
    /// When the thread will look next by itself; it is woken only for an earlier deadline. A stream of requests with equal
    /// timeouts thus costs one wake-up per timeout, not one per request.
    looks_at: Option<Instant>,
    /// The process in which the thread runs: a fork leaves it behind.
    process: Option<u32>,
}

static STATE: Mutex<State> =
    Mutex::new(State { pending: BTreeMap::new(), next: 0, looks_at: None, process: None });
static EARLIER: Condvar = Condvar::new();

impl Deadline {
    /// Calls `stop` from the watchdog's thread after `timeout`, unless dropped before.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the thread cannot be started.
    pub(super) fn after(timeout: Duration, stop: impl FnOnce() + Send + 'static) -> Result<Self> {
        let passed = Arc::new(AtomicBool::new(false));
        // A deadline past the end of time never comes.
        let Some(at) = Instant::now().checked_add(timeout) else { return Ok(Self { key: None, passed }) };
        let mut state = state();
        ensure_thread(&mut state)?;
        let key = (at, state.next);
        state.next += 1;
        state.pending.insert(key, (Box::new(stop), passed.clone()));
        if state.looks_at.is_none_or(|looks_at| at < looks_at) {
            EARLIER.notify_one();
        }
        Ok(Self { key: Some(key), passed })
    }

    /// Has time run out?
    pub(super) fn has_passed(&self) -> bool {
        self.passed.load(Ordering::Acquire)
    }
}

impl Drop for Deadline {
    fn drop(&mut self) {
        if let Some(key) = &self.key {
            let stop = state().pending.remove(key);
            // Dropped without the lock: it may release what takes long.
            drop(stop);
        }
    }
}

fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn ensure_thread(state: &mut State) -> Result<()> {
    let process = process::id();
    if state.process == Some(process) {
        return Ok(());
    }
    thread::Builder::new().name("mlcore-watchdog".into()).spawn(watch).map_err(|cause| {
        Error::unavailable(
            "run with a deadline",
            "watchdog",
            format!("its thread cannot be started: {cause}"),
        )
        .caused_by(cause)
    })?;
    state.process = Some(process);
    state.looks_at = None;
    Ok(())
}

fn watch() {
    let mut state = state();
    loop {
        let now = Instant::now();
        while let Some(entry) = state.pending.first_entry().filter(|entry| entry.key().0 <= now) {
            let (stop, passed) = entry.remove();
            passed.store(true, Ordering::Release);
            stop();
        }
        let next = state.pending.keys().next().map(|(at, _)| *at);
        state.looks_at = next;
        state = match next {
            Some(at) => {
                let rest = at.saturating_duration_since(Instant::now());
                EARLIER
                    .wait_timeout(state, rest)
                    .map_or_else(|poisoned| poisoned.into_inner().0, |(state, _)| state)
            }
            None => EARLIER.wait(state).unwrap_or_else(PoisonError::into_inner),
        };
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn deadlines_pass_in_their_order_and_not_after_they_are_dropped() {
        let (sender, receiver) = mpsc::channel();
        let after = |ms: u64| {
            let sender = sender.clone();
            Deadline::after(Duration::from_millis(ms), move || sender.send(ms).unwrap()).unwrap()
        };
        let (late, dropped, early) = (after(80), after(50), after(20));
        drop(dropped);
        assert!(!late.has_passed());
        assert_eq!(receiver.recv_timeout(Duration::from_secs(5)).unwrap(), 20);
        assert_eq!(receiver.recv_timeout(Duration::from_secs(5)).unwrap(), 80);
        assert!(early.has_passed() && late.has_passed());
    }

    #[test]
    fn an_endless_deadline_is_none() {
        let endless = Deadline::after(Duration::MAX, || panic!("it passed")).unwrap();
        assert!(!endless.has_passed());
    }
}
