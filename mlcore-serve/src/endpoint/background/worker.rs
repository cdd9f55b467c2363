use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use mlcore::{Error, Result};

use crate::endpoint::{Endpoint, Event};

/// A thread that calls [`Endpoint::process`] until it is stopped or dropped.
pub struct Worker {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Endpoint {
    /// Starts a thread that works off the queue and hands every event to `on_event`. It sleeps up to `interval` while
    /// nothing comes; the requests never have to wake it.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the system gives no thread.
    pub fn spawn_worker(
        &self,
        interval: Duration,
        mut on_event: impl FnMut(Event) + Send + 'static,
    ) -> Result<Worker> {
        let stop = Arc::new(AtomicBool::new(false));
        let (endpoint, stopped) = (self.clone(), stop.clone());
        let thread = std::thread::Builder::new()
            .name("mlcore-endpoint".into())
            .spawn(move || {
                loop {
                    // Read before the queue is: whatever was queued before the stop is still worked off.
                    let last = stopped.load(Ordering::Acquire);
                    endpoint.process().into_iter().for_each(&mut on_event);
                    if last {
                        return;
                    }
                    if endpoint.is_idle() {
                        std::thread::park_timeout(interval);
                    }
                }
            })
            .map_err(|cause| Error::from_io("start worker", "thread", cause))?;
        Ok(Worker { stop, thread: Some(thread) })
    }

    fn is_idle(&self) -> bool {
        self.inner.queue.is_empty()
    }
}

impl Worker {
    /// Works off what is queued, then ends the thread.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // A panic in `on_event` was reported by the thread's own hook; there is nobody else to tell.
            drop(thread.join());
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.end();
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").finish_non_exhaustive()
    }
}
