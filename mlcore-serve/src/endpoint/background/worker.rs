use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle, Thread};
use std::time::{Duration, Instant};

use mlcore::{Error, Result, interrupt};

use crate::endpoint::{Endpoint, Event};

/// Two threads that work for an endpoint until they are stopped or dropped: one calls [`Endpoint::process`], the other
/// [runs shadows](Endpoint::run_shadows), so that a slow shadow holds up no release.
pub struct Worker {
    phase: Arc<Phase>,
    processing: Option<JoinHandle<()>>,
    shadowing: Shadowing,
    endpoint: Endpoint,
}

/// The thread that runs shadows.
struct Shadowing {
    thread: Thread,
    /// Hangs up when the thread ends.
    ended: Receiver<()>,
}

/// How far the stop of a worker has come.
#[derive(Default)]
struct Phase(AtomicU8);

impl Phase {
    /// What waits is still worked off.
    const LAST_ROUND: u8 = 1;
    /// No other shadow is begun.
    const OVER: u8 = 2;

    fn reach(&self, phase: u8) {
        self.0.store(phase, Ordering::Release);
    }

    fn has_reached(&self, phase: u8) -> bool {
        self.0.load(Ordering::Acquire) >= phase
    }
}

impl Endpoint {
    /// Starts a worker: a thread that works off the queue and hands every event to `on_event`, and one that runs shadows. The
    /// first sleeps up to `interval` while nothing comes, the second until there is a shadow; the requests never have to
    /// wake them.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the system gives no thread.
    pub fn spawn_worker(
        &self,
        interval: Duration,
        mut on_event: impl FnMut(Event) + Send + 'static,
    ) -> Result<Worker> {
        let phase = Arc::<Phase>::default();
        let (end, ended) = sync_channel::<()>(0);
        let (endpoint, reached) = (self.clone(), phase.clone());
        let shadowing = spawn("mlcore-shadows", move || endpoint.run_shadows_until(&reached, end))?;
        let shadowing = Shadowing { thread: shadowing.thread().clone(), ended };
        let (endpoint, reached, shadows) = (self.clone(), phase.clone(), shadowing.thread.clone());
        let processing = spawn("mlcore-endpoint", move || {
            loop {
                // Read before the queue is: whatever was queued before the stop is still worked off.
                let last = reached.has_reached(Phase::LAST_ROUND);
                endpoint.process().into_iter().for_each(&mut on_event);
                if !endpoint.inner.shadows.is_empty() {
                    shadows.unpark();
                }
                if last {
                    return;
                }
                if endpoint.inner.queue.is_empty() {
                    thread::park_timeout(interval);
                }
            }
        });
        let processing = match processing {
            Ok(processing) => processing,
            Err(error) => {
                phase.reach(Phase::OVER);
                shadowing.thread.unpark();
                return Err(error);
            }
        };
        Ok(Worker { phase, processing: Some(processing), shadowing, endpoint: self.clone() })
    }

    /// Runs shadows until the worker is stopped; `end` hangs up with it.
    fn run_shadows_until(&self, phase: &Phase, end: SyncSender<()>) {
        loop {
            let last = phase.has_reached(Phase::LAST_ROUND);
            while !phase.has_reached(Phase::OVER) && self.run_shadow() {}
            if last {
                drop(end);
                return;
            }
            thread::park();
        }
    }
}

impl Worker {
    /// Works off what is queued, then ends the threads.
    ///
    /// Shadows that wait get a second to run; those that are left then are dropped and counted, and one that does not end
    /// is left to itself. Where the caller is to [stop](mlcore::interrupt), the threads end by themselves.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let Some(processing) = self.processing.take() else { return };
        self.phase.reach(Phase::LAST_ROUND);
        processing.thread().unpark();
        self.shadowing.thread.unpark();
        while interrupt::is_active() && !processing.is_finished() {
            if interrupt::sleep("stop worker", Duration::from_millis(1)).is_err() {
                self.phase.reach(Phase::OVER);
                return;
            }
        }
        // A panic in `on_event` was reported by the thread's own hook; there is nobody else to tell.
        drop(processing.join());
        let begin = Instant::now();
        let is_over = loop {
            match self.shadowing.ended.recv_timeout(LAST_SHADOWS.min(interrupt::INTERVAL)) {
                Err(RecvTimeoutError::Timeout) => {
                    if begin.elapsed() >= LAST_SHADOWS || interrupt::is_stopped() {
                        break false;
                    }
                }
                Ok(()) | Err(RecvTimeoutError::Disconnected) => break true,
            }
        };
        if !is_over {
            self.phase.reach(Phase::OVER);
            self.endpoint.inner.shadows.discard();
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

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    let builder = thread::Builder::new().name(name.into());
    builder.spawn(work).map_err(|cause| Error::from_io("start worker", "thread", cause))
}

/// How long a stop waits for shadows: nobody needs their answers, and a service that ends has little time.
const LAST_SHADOWS: Duration = Duration::from_secs(1);
