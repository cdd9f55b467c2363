//! Models that run beside the one that answers, apart from everything else: a shadow that never ends stops no outcome and
//! no release.

mod comparison;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crossbeam_queue::ArrayQueue;
use crossbeam_utils::CachePadded;
use mlcore::batch::{Batch, RowScratch};
use mlcore::runner::RunOptions;
use mlcore::{Error, Result, interrupt};

pub use self::comparison::ShadowComparison;
use crate::endpoint::Endpoint;
use crate::endpoint::decide::Deployment;
use crate::endpoint::record::RecordedInput;
use crate::endpoint::release::EventKind;

/// A model to be run beside the one that answered.
#[derive(Debug)]
pub(crate) struct ShadowRun {
    pub(crate) deployment: Arc<Deployment>,
    /// Where the shadow stands in it.
    pub(crate) position: usize,
    pub(crate) input: ShadowInput,
    /// The outputs that the caller got.
    pub(crate) primary: Batch,
}

/// The input of a shadow.
#[derive(Debug)]
pub(crate) enum ShadowInput {
    /// The tensors that the answering model took: both versions have the same feature plan.
    Shared(Batch),
    /// The request's own data, of which the shadow's plan makes something else.
    Own(RecordedInput),
}

/// The runs that wait, and how the answers of those that ran compare.
#[derive(Debug)]
pub(crate) struct Shadows {
    waiting: ArrayQueue<Box<ShadowRun>>,
    dropped: CachePadded<AtomicU64>,
    /// Held for the moment in which one run is added, never while a model runs.
    comparisons: Mutex<Vec<ShadowComparison>>,
}

impl Endpoint {
    /// Runs the shadows that wait, under the endpoint's run options, and answers how many ran. Where those have no timeout, a
    /// shadow has ten seconds: nobody waits for its answer, but other shadows wait for its end.
    ///
    /// [`Endpoint::process`] runs no shadow, so that none holds up an outcome or a release. A
    /// [worker](Endpoint::spawn_worker) calls this on a thread of its own; a host without a worker calls it whenever it has
    /// time to spare. What waits meanwhile is bounded, and dropped and counted beyond that.
    pub fn run_shadows(&self) -> usize {
        // Those that come meanwhile wait for the next call, so that this one ends.
        let waiting = 0..self.inner.shadows.waiting.len();
        waiting.take_while(|_| !interrupt::is_stopped() && self.run_shadow()).count()
    }

    /// Runs the shadow that waits longest, if there is one.
    pub(crate) fn run_shadow(&self) -> bool {
        let shadows = &self.inner.shadows;
        let Some(run) = shadows.waiting.pop() else { return false };
        if !run.deployment.still_serves(&self.inner.deployment.load()) {
            shadows.drop_one();
            return true;
        }
        let started = self.inner.clock.elapsed();
        let mut options = self.inner.run_options.clone();
        options.timeout.get_or_insert(LONGEST_RUN);
        let answer = run.answer(&options);
        // That the caller stopped it says nothing about the shadow.
        if let Err(Error::Interrupted(_)) = answer {
            shadows.drop_one();
            return true;
        }
        let latency = self.inner.clock.elapsed().saturating_sub(started);
        let mut comparisons = shadows.comparisons();
        // Looked at again under the lock under which a release forgets: it may have come while the model ran.
        if !run.deployment.still_serves(&self.inner.deployment.load()) {
            shadows.drop_one();
            return true;
        }
        let (arm, model) = run.deployment.at(run.position);
        let version = model.version().version;
        let known = comparisons.iter().position(|shadow| shadow.arm == *arm && shadow.version == version);
        let position = known.unwrap_or(comparisons.len());
        if known.is_none() {
            comparisons.push(ShadowComparison::new(arm.clone(), version));
        }
        if let Some(comparison) = comparisons.get_mut(position) {
            comparison.add(&run.primary, answer, latency, |outputs| self.inner.resolver.fault_of(outputs));
        }
        true
    }
}

impl ShadowRun {
    fn answer(&self, options: &RunOptions) -> Result<Batch> {
        let (_, model) = self.deployment.at(self.position);
        let run = || {
            let inputs = match &self.input {
                ShadowInput::Shared(inputs) => inputs.clone(),
                ShadowInput::Own(input) => {
                    let nothing = || Err(Error::internal("run shadow", "input", "none was kept"));
                    let inputs = input.with(&mut RowScratch::default(), |input| {
                        self.deployment.inputs(self.position, input)
                    });
                    inputs.unwrap_or_else(nothing)?
                }
            };
            model.runner().run(&inputs, options)
        };
        // Nobody asked for this run, so nobody may suffer from it: a panic is a failure of the shadow.
        catch_unwind(AssertUnwindSafe(run))
            .unwrap_or_else(|_| Err(Error::internal("run shadow", "model", "it panicked")))
    }
}

impl Shadows {
    /// Lets so many runs wait.
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            waiting: ArrayQueue::new(capacity.max(1)),
            dropped: CachePadded::new(AtomicU64::new(0)),
            comparisons: Mutex::default(),
        }
    }

    /// Puts a run in, or drops it and counts.
    pub(crate) fn push(&self, run: ShadowRun) {
        if self.waiting.push(Box::new(run)).is_err() {
            self.drop_one();
        }
    }

    /// Drops and counts the runs that wait.
    pub(crate) fn discard(&self) {
        while self.waiting.pop().is_some() {
            self.drop_one();
        }
    }

    fn drop_one(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    pub(crate) fn comparisons(&self) -> MutexGuard<'_, Vec<ShadowComparison>> {
        // Nothing that runs under it panics half-way through a comparison.
        self.comparisons.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The shadows whose answers were invalid, where that is news.
    pub(crate) fn invalid_answers(&self) -> Vec<EventKind> {
        self.comparisons().iter_mut().filter_map(ShadowComparison::invalid_event).collect()
    }

    /// Begins to compare anew where a release has replaced or withdrawn a version: what shadows were compared with is
    /// not what callers get now.
    pub(crate) fn follow(&self, before: &Deployment, after: &Deployment) {
        if !before.still_serves(after) {
            self.discard();
            self.comparisons().clear();
        }
    }
}

/// How long a shadow may take by default.
const LONGEST_RUN: Duration = Duration::from_secs(10);
