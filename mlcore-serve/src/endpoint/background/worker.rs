use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle, Thread};
use std::time::{Duration, Instant};

use mlcore::{Error, Result, interrupt};

use crate::endpoint::{Endpoint, Event, EventKind};

/// Threads that work for an endpoint until they are stopped or dropped: one does what [`Endpoint::process`] does, one for each
/// shadow that has anything to run [runs it](Endpoint::run_shadow), and one follows the aliases, so that neither a slow shadow nor the
/// loading of a version holds up an outcome, a decision or another shadow.
///
/// A panic in what was handed to the endpoint, the handler of events too, ends none of them.
pub struct Worker {
    phase: Arc<Phase>,
    following: Option<Thread>,
    /// How many threads it has, and how many of them still run.
    threads: usize,
    running: Arc<AtomicUsize>,
    processing: Option<JoinHandle<()>>,
    shadowing: Shadowing,
    endpoint: Endpoint,
}

/// The thread that wakes those that run shadows, and begins them.
struct Shadowing {
    thread: Thread,
    /// Hangs up when it and all that it began have ended.
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
    /// Starts a worker: a thread that works off the queue and hands every event to `on_event`, one that begins another for each shadow
    /// that is to run, and one that follows the aliases. The first sleeps up to `interval` while nothing comes, the second until there is
    /// a shadow, the third until aliases are [looked at](crate::endpoint::EndpointBuilder::with_follow_interval) again; the requests never have to wake
    /// them.
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
        let running = Arc::<AtomicUsize>::default();
        let (endpoint, reached) = (self.clone(), phase.clone());
        let shadowing = spawn("mlcore-shadows", &running, move || endpoint.run_shadows_until(&reached, end))?;
        let shadowing = Shadowing { thread: shadowing.thread().clone(), ended };
        let (endpoint, reached, shadows) = (self.clone(), phase.clone(), shadowing.thread.clone());
        let processing = spawn("mlcore-endpoint", &running, move || {
            let caught = &endpoint.inner.tally.caught;
            loop {
                // Read before the queue is: whatever was queued before the stop is still worked off.
                let last = reached.has_reached(Phase::LAST_ROUND);
                for event in caught.guard("working off", || endpoint.work(false)).unwrap_or_default() {
                    caught.guard("the handler of events", || on_event(event));
                }
                if !endpoint.inner.shadows.is_empty() {
                    shadows.unpark();
                }
                if last {
                    endpoint.share_last(|event| {
                        let _ = caught.guard("the handler of events", || on_event(event));
                    });
                    return;
                }
                if endpoint.inner.queue.is_empty() {
                    thread::park_timeout(interval);
                }
            }
        });
        let mut worker = Worker {
            phase,
            following: None,
            threads: 2,
            running,
            processing: None,
            shadowing,
            endpoint: self.clone(),
        };
        // Where one of them is missing, the worker is dropped, and ends the others.
        worker.processing = Some(processing.inspect_err(|_| worker.end_others())?);
        if let Some(interval) = self.inner.follow_interval {
            let (endpoint, reached) = (self.clone(), worker.phase.clone());
            let following =
                spawn("mlcore-aliases", &worker.running, move || endpoint.follow_until(&reached, interval))?;
            worker.following = Some(following.thread().clone());
            worker.threads += 1;
        }
        Ok(worker)
    }

    /// What the policy has learnt until the end is shared with its replicas; told of where that fails.
    fn share_last(&self, on_event: impl FnOnce(Event)) {
        let shared = self.inner.tally.caught.guard("the policy", || self.share_policy());
        if let Some(Err(error)) = shared {
            let kind = EventKind::Failed { operation: "share policy".into(), error: error.to_string() };
            on_event(self.event(kind));
        }
    }

    /// Follows the aliases until the worker is stopped; what happens is told by the thread that works off.
    fn follow_until(&self, phase: &Phase, interval: Duration) {
        while !phase.has_reached(Phase::LAST_ROUND) {
            let events = self.inner.tally.caught.guard("following the aliases", || self.follow_aliases());
            self.pending().extend(events.unwrap_or_default());
            // The interval is one of the endpoint's clock, which need not be that of the system.
            thread::park_timeout(interval.clamp(SHORTEST_PAUSE, LONGEST_PAUSE));
        }
    }

    /// Wakes the threads of shadows that have something to run until the worker is stopped; each of them is begun with the first
    /// run of its shadow. `end` hangs up with the last of them.
    fn run_shadows_until(&self, phase: &Arc<Phase>, end: SyncSender<()>) {
        let mut runners: Vec<Option<Thread>> = vec![None; self.inner.shadows.lanes().len()];
        loop {
            let last = phase.has_reached(Phase::LAST_ROUND);
            for (number, runner) in runners.iter_mut().enumerate() {
                let waits = self.inner.shadows.lanes().get(number).is_some_and(|lane| !lane.is_empty());
                match runner {
                    // At the end all of them, to be told of it.
                    Some(thread) if waits || last => thread.unpark(),
                    None if waits && !phase.has_reached(Phase::OVER) => {
                        let (endpoint, reached, end) = (self.clone(), phase.clone(), end.clone());
                        let run = move || endpoint.run_lane_until(number, &reached, end);
                        // Where the system gives no thread its runs wait, up to their budget, for the next round.
                        let begun = spawn("mlcore-shadow", &Arc::default(), run);
                        *runner = begun.ok().map(|begun| begun.thread().clone());
                    }
                    Some(_) | None => {}
                }
            }
            if last {
                drop(end);
                return;
            }
            thread::park();
        }
    }

    /// Runs one shadow until the worker is stopped.
    fn run_lane_until(&self, number: usize, phase: &Phase, end: SyncSender<()>) {
        let Some(lane) = self.inner.shadows.lanes().get(number) else { return };
        loop {
            let last = phase.has_reached(Phase::LAST_ROUND);
            let run = || self.inner.tally.caught.guard("a shadow", || self.run_waiting(lane)).unwrap_or(true);
            while !phase.has_reached(Phase::OVER) && run() {}
            if last {
                drop(end);
                return;
            }
            thread::park();
        }
    }
}

impl Worker {
    /// Whether all of its threads run. They end when the worker is stopped; nothing else is known to end one, and where one is
    /// gone, [`Endpoint::since_processed`] grows.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.running.load(Ordering::Acquire) == self.threads
    }

    /// Works off what is queued, then ends the threads.
    ///
    /// Shadows that wait get a second to run; those that are left then are dropped and counted, and one that does not end
    /// is left to itself. Where the caller is to [stop](mlcore::interrupt), the threads end by themselves.
    pub fn stop(mut self) {
        self.end();
    }

    /// Ends what runs beside the thread that works off.
    fn end_others(&self) {
        self.phase.reach(Phase::OVER);
        self.shadowing.thread.unpark();
    }

    fn end(&mut self) {
        let Some(processing) = self.processing.take() else { return };
        self.phase.reach(Phase::LAST_ROUND);
        // Not waited for: it may be loading a version.
        if let Some(following) = &self.following {
            following.unpark();
        }
        processing.thread().unpark();
        self.shadowing.thread.unpark();
        while interrupt::is_active() && !processing.is_finished() {
            if interrupt::sleep("stop worker", Duration::from_millis(1)).is_err() {
                self.phase.reach(Phase::OVER);
                return;
            }
        }
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
        f.debug_struct("Worker").field("is_alive", &self.is_alive()).finish_non_exhaustive()
    }
}

/// Starts a thread that is counted while it runs.
fn spawn(
    name: &str,
    running: &Arc<AtomicUsize>,
    work: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>> {
    running.fetch_add(1, Ordering::AcqRel);
    let counted = Counted(running.clone());
    let builder = thread::Builder::new().name(name.into());
    let spawned = builder.spawn(move || {
        let _counted = counted;
        work();
    });
    spawned.map_err(|cause| Error::from_io("start worker", "thread", cause))
}

/// Counts a thread out when it ends, or was never started.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// So long the thread that follows the aliases sleeps at least.
const SHORTEST_PAUSE: Duration = Duration::from_millis(1);
/// And so long at most, because a clock may be set forwards in a test.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How long a stop waits for shadows: nobody needs their answers, and a service that ends has little time.
const LAST_SHADOWS: Duration = Duration::from_secs(1);
