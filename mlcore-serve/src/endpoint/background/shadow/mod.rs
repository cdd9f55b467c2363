//! Models that run beside the one that answers, apart from everything else: a shadow that never ends stops no outcome and
//! no release.

mod budget;
mod comparison;
mod lanes;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use mlcore::batch::{Batch, RowScratch};
use mlcore::name::Arm;
use mlcore::rollout::Draw;
use mlcore::runner::RunOptions;
use mlcore::{Error, Result, interrupt};

pub use self::budget::ShadowBudget;
use self::comparison::Pair;
pub use self::comparison::ShadowComparison;
pub use self::lanes::ShadowCounts;
use self::lanes::{Dropped, Lane};
pub(crate) use self::lanes::{ShadowOptions, Shadows};
use crate::endpoint::Endpoint;
use crate::endpoint::decide::Deployment;
use crate::endpoint::record::RecordedInput;

/// A model to be run beside the one that answered.
#[derive(Debug)]
pub(crate) struct ShadowRun {
    pub(crate) deployment: Arc<Deployment>,
    /// Where the shadow stands in it.
    pub(crate) position: usize,
    pub(crate) input: ShadowInput,
    /// The outputs that the caller got; none where the arm failed that was to answer.
    pub(crate) primary: Option<Batch>,
    /// The time from the choice of an arm to its answer.
    pub(crate) latency: Duration,
    /// Says whether its rows are in the sample of the comparison.
    pub(crate) draw: Draw,
}

/// The input of a shadow.
#[derive(Debug)]
pub(crate) enum ShadowInput {
    /// The tensors that the answering model took: both versions have the same feature plan.
    Shared(Batch),
    /// The request's own data, of which the shadow's plan makes something else.
    Own(RecordedInput),
}

impl Endpoint {
    /// Runs the shadows that wait, under the endpoint's run options, and answers how many ran. Where those have no timeout, a
    /// run has ten seconds: nobody waits for its answer, but other runs of the shadow wait for its end.
    ///
    /// [`Endpoint::process`] runs no shadow, so that none holds up an outcome or a release. A
    /// [worker](Endpoint::spawn_worker) runs each shadow on a thread of its own; a host without a worker calls this whenever it has
    /// time to spare, or [`run_shadow`](Self::run_shadow) on threads of its own, so that a slow shadow holds up no other. Here they take
    /// turns. What waits meanwhile is bounded by its [budget](ShadowBudget), and dropped and counted beyond that.
    pub fn run_shadows(&self) -> usize {
        // Those that come meanwhile wait for the next call, so that this one ends.
        let mut left: Vec<(&Lane, usize)> =
            self.inner.shadows.lanes().iter().map(|lane| (lane, lane.len())).collect();
        let mut ran = 0;
        while !left.is_empty() {
            left.retain_mut(|(lane, runs)| {
                let goes_on = *runs > 0 && !interrupt::is_stopped() && self.run_waiting(lane);
                *runs = runs.saturating_sub(1);
                ran += usize::from(goes_on);
                goes_on
            });
        }
        ran
    }

    /// As [`run_shadows`](Self::run_shadows), of one shadow.
    pub fn run_shadow(&self, arm: &Arm) -> usize {
        let Some(lane) = self.inner.shadows.lanes().iter().find(|lane| lane.arm() == arm) else { return 0 };
        (0..lane.len()).take_while(|_| !interrupt::is_stopped() && self.run_waiting(lane)).count()
    }

    /// Runs what waits longest of a shadow, if anything does: whatever a budget leaves of it.
    pub(super) fn run_waiting(&self, lane: &Lane) -> bool {
        let Some(run) = lane.pop() else { return false };
        let started = self.inner.clock.elapsed();
        if !run.deployment.still_serves(&self.inner.deployment.load()) {
            lane.drop_one(Dropped::Superseded);
        } else if !lane.meter.admits(started) {
            lane.drop_one(Dropped::OverBudget);
        } else if let Some((answer, latency)) = self.run_metered(lane, &run, started) {
            self.compare(lane, &run, answer, latency);
        } else {
            // That the caller stopped it says nothing about the shadow.
            lane.drop_one(Dropped::Superseded);
        }
        true
    }

    /// The answer of a run with the time it took, which its budget pays for; none of one that was stopped.
    fn run_metered(
        &self,
        lane: &Lane,
        run: &ShadowRun,
        started: Duration,
    ) -> Option<(Result<Batch>, Duration)> {
        let mut options = self.inner.run_options.clone();
        options.timeout.get_or_insert(LONGEST_RUN);
        lane.meter.begin(started);
        let answer = run.answer(&options);
        let now = self.inner.clock.elapsed();
        lane.meter.end(started, now);
        let is_stopped = matches!(answer, Err(Error::Interrupted(_)));
        (!is_stopped).then(|| (answer, now.saturating_sub(started)))
    }

    fn compare(&self, lane: &Lane, run: &ShadowRun, shadow: Result<Batch>, latency: Duration) {
        let shadows = &self.inner.shadows;
        let mut comparisons = shadows.comparisons();
        // Looked at again under the lock under which a release forgets: it may have come while the model ran.
        if !run.deployment.still_serves(&self.inner.deployment.load()) {
            lane.drop_one(Dropped::Superseded);
            return;
        }
        let (arm, model) = run.deployment.at(run.position);
        let pair =
            Pair { live: run.primary.as_ref(), live_latency: run.latency, shadow, latency, draw: run.draw };
        if let Some(compared) = shadows.compared(&mut comparisons, (arm, model.version().version)) {
            compared.add(pair, |outputs| self.inner.resolver.fault_of(outputs));
        }
        lane.count_done();
    }
}

impl ShadowRun {
    /// The shadow.
    fn arm(&self) -> &Arm {
        &self.deployment.at(self.position).0
    }

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

/// How long a run of a shadow may take by default.
const LONGEST_RUN: Duration = Duration::from_secs(10);
