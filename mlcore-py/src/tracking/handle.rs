//! The open tracker behind a handle, in this process and in those that are forked from it.

use std::path::PathBuf;
use std::process;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, TryLockError, Weak};
use std::thread;
use std::time::{Duration, SystemTime};

use mlcore::time::Timestamp;
use mlcore::tracking::{self, BufferOptions, TrackerBuffer, TrackerExt};
use mlcore::{Error, Result};
use pyo3::prelude::*;

use super::gate;
use super::witness::Witness;

/// What a tracker was opened with.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) url: String,
    pub(super) artifacts: Option<String>,
    pub(super) spool: Option<PathBuf>,
    pub(super) queue_bytes: usize,
    pub(super) patience: Duration,
}

/// A tracker by its URL: opened once in each process that uses it, because a child has neither the threads nor may use the
/// connections of its parent.
pub(super) struct Handle {
    pub(super) settings: Settings,
    process: u32,
    opened: RwLock<Option<Arc<Parts>>>,
    /// The handle of a process that was forked from this one. A lock of the parent may be held forever there: none is asked for.
    child: OnceLock<Box<Handle>>,
}

/// An open tracker, and the buffer in front of it once something was logged.
pub(super) struct Parts {
    pub(super) tracker: Arc<Witness>,
    buffer: OnceLock<TrackerBuffer>,
    starting: Mutex<()>,
    options: BufferOptions,
}

impl Handle {
    pub(super) fn open(settings: Settings) -> Result<Arc<Self>> {
        let handle = Arc::new(Self::opened(settings)?);
        all()?.push(Arc::downgrade(&handle));
        Ok(handle)
    }

    fn opened(settings: Settings) -> Result<Self> {
        let parts = Arc::new(Parts::open(&settings)?);
        Ok(Self {
            settings,
            process: process::id(),
            opened: RwLock::new(Some(parts)),
            child: OnceLock::new(),
        })
    }

    /// Says whether the next question opens the tracker again, in a process that was forked.
    pub(super) fn is_foreign(&self) -> bool {
        self.process != process::id() && self.child.get().is_none()
    }

    /// What is open in this process.
    pub(super) fn parts(&self) -> Result<Arc<Parts>> {
        if self.process != process::id() {
            return self.child()?.parts();
        }
        let opened = self.opened.read().unwrap_or_else(PoisonError::into_inner).clone();
        opened.ok_or_else(|| {
            Error::unavailable("use tracker", shown(&self.settings.url), "it is closed")
                .remedy("open it again")
        })
    }

    fn child(&self) -> Result<&Self> {
        if let Some(child) = self.child.get() {
            return Ok(child);
        }
        if self.settings.url == MEMORY {
            let problem = "it is in the memory of the process that this one was forked from";
            return Err(Error::unavailable("use tracker", MEMORY, problem)
                .remedy("keep it in a file: sqlite:///tracking.db"));
        }
        let child = Box::new(Self::opened(self.settings.clone())?);
        Ok(self.child.get_or_init(|| child))
    }

    /// Writes what waits, as far as the tracker takes it, and closes it. What is closed already stays so.
    pub(super) fn close(&self) -> Result<()> {
        if self.process != process::id() {
            return self.child.get().map_or(Ok(()), |child| child.close());
        }
        let parts = self.opened.write().unwrap_or_else(PoisonError::into_inner).take();
        let flushed = parts.as_ref().and_then(|parts| parts.buffer.get()).map(TrackerBuffer::flush);
        drop(parts);
        flushed.transpose().map(drop)
    }

    pub(super) fn is_closed(&self) -> bool {
        if self.process != process::id() {
            return self.child.get().is_some_and(|child| child.is_closed());
        }
        self.opened.read().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    /// Waits for what was logged in this process, where anything was.
    pub(super) fn flush(&self) -> Result<()> {
        if self.process != process::id() {
            return self.child.get().map_or(Ok(()), |child| child.flush());
        }
        let opened = self.opened.read().unwrap_or_else(PoisonError::into_inner).clone();
        let flushed = opened.as_ref().and_then(|parts| parts.buffer.get()).map(TrackerBuffer::flush);
        flushed.transpose().map(drop)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let opened = self.opened.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if self.process != process::id() {
            // Waiting for threads that the fork did not bring along would never end, and the connections are the parent's.
            std::mem::forget(opened);
            return;
        }
        // What waits is written now: other Python threads go on meanwhile.
        let mut opened = Some(opened);
        if Python::try_attach(|py| {
            let opened = opened.take();
            py.detach(|| drop(opened));
        })
        .is_none()
        {
            drop(opened);
        }
    }
}

impl Parts {
    fn open(settings: &Settings) -> Result<Self> {
        let tracker = gate::pass(|| {
            let tracker = tracking::open(&settings.url)?;
            tracker.default_experiment(now())?;
            Ok(tracker)
        })?;
        let mut options =
            BufferOptions::default().with_queue_bytes(settings.queue_bytes).with_patience(settings.patience);
        if let Some(spool) = &settings.spool {
            options = options.with_spool(spool);
        }
        let tracker = Arc::new(Witness::new(tracker));
        Ok(Self { tracker, buffer: OnceLock::new(), starting: Mutex::new(()), options })
    }

    /// The buffer, whose threads are started by the first thing that is logged.
    pub(super) fn buffer(&self) -> Result<&TrackerBuffer> {
        if let Some(buffer) = self.buffer.get() {
            return Ok(buffer);
        }
        let starting = self.starting.lock().unwrap_or_else(PoisonError::into_inner);
        if self.buffer.get().is_none() {
            let made = TrackerBuffer::new(self.tracker.clone(), &self.options)?;
            // Nobody else sets it while the lock is held.
            drop(self.buffer.set(made));
        }
        drop(starting);
        self.buffer.get().ok_or_else(|| Error::internal("start tracking", "buffer", "it did not start"))
    }

    /// Waits for what was logged, where anything was.
    pub(super) fn flush(&self) -> Result<()> {
        self.buffer.get().map_or(Ok(()), |buffer| buffer.flush().map(drop))
    }

    /// How much of what was logged waits, of all runs.
    pub(super) fn waiting(&self) -> u64 {
        self.buffer.get().map_or(0, |buffer| buffer.progress().waiting)
    }
}

/// Waits for what was logged through every tracker of this process: at its end.
pub(super) fn flush_all() -> Result<()> {
    let handles: Vec<Arc<Handle>> = {
        let mut all = all()?;
        all.retain(|handle| handle.strong_count() > 0);
        all.iter().filter_map(Weak::upgrade).collect()
    };
    let flushed: Vec<Result<()>> = handles.iter().map(|handle| handle.flush()).collect();
    flushed.into_iter().collect()
}

/// Every handle of the process, for its end.
fn all() -> Result<MutexGuard<'static, Vec<Weak<Handle>>>> {
    static ALL: Mutex<Vec<Weak<Handle>>> = Mutex::new(Vec::new());
    // A fork may have left it locked by a thread that is not there: it is held for an instant, and nobody waits longer.
    for _ in 0..1000 {
        match ALL.try_lock() {
            Ok(all) => return Ok(all),
            Err(TryLockError::Poisoned(poisoned)) => return Ok(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => thread::sleep(Duration::from_millis(1)),
        }
    }
    Err(Error::unavailable(OPEN, "process", "it was forked while another thread opened a tracker")
        .remedy("open trackers before or after the fork"))
}

/// The time now, which a tracker is told.
pub(super) fn now() -> Timestamp {
    Timestamp::from(SystemTime::now())
}

/// The URL as errors and notebooks may show it: without a password.
pub(super) fn shown(url: &str) -> String {
    match url.rsplit_once('@') {
        Some((before, host)) if !url.starts_with("sqlite:") => {
            let scheme = before.split_once("://").map_or("", |(scheme, _)| scheme);
            format!("{scheme}://***@{host}")
        }
        _ => url.to_owned(),
    }
}

pub(super) const MEMORY: &str = "memory:";
const OPEN: &str = "open tracker";
