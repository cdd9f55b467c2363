//! Decide, run, record: how a request reaches a model version, and what follows from what came of it.
//!
//! [`Endpoint::predict`] is the whole path of a request: the policy chooses an arm, the arm's feature plan makes the
//! model's input, the model answers, and a record goes into a bounded queue that never blocks. It takes no lock, waits
//! for nobody and does no I/O.
//!
//! Everything else happens in [`Endpoint::process`], which the host calls when it likes, or leaves to a
//! [worker thread](Endpoint::spawn_worker): outcomes are joined with their predictions, monitors judge windows of
//! traffic, shadows run, and what the policy decides is carried out: a step, a promotion or a rollback is one audited
//! change in the registry and one pointer swap here.

mod background;
mod builder;
mod clock;
mod decide;
mod input;
mod record;
mod release;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use mlcore::artifact::ArtifactStore;
use mlcore::batch::Batch;
use mlcore::name::{Arm, ModelName, Version};
use mlcore::registry::Registry;
use mlcore::rollout::{Ask, Decision, Draw, RolloutPolicy};
use mlcore::runner::RunOptions;
use mlcore::{Error, Result};
use mlcore_drift::monitor::Verdict;
use xxhash_rust::xxh3::xxh3_64;

use self::background::{Consumer, ShadowRun};
pub use self::background::{Counts, Loss, RecordSink, ShadowComparison, Worker};
pub use self::builder::EndpointBuilder;
pub use self::clock::{Clock, SystemClock};
use self::decide::Deployment;
pub use self::input::{Input, OutcomeId, Prediction, Request};
use self::record::{Item, Queue, Sequence, set};
pub use self::record::{Record, RecordedInput, RowBuffer};
#[cfg(feature = "ort")]
pub use self::release::OnnxLoader;
use self::release::Resolver;
pub use self::release::{Event, EventKind, LoadedModel, ModelLoader};

/// Answers the requests for one model, whichever of its versions that takes. Cloning shares it.
///
/// Arms are aliases of the registry: the default arm (usually `champion`) must exist, a canary or a shadow may.
#[derive(Clone)]
pub struct Endpoint {
    inner: Arc<Inner>,
}

struct Inner {
    resolver: Resolver,
    clock: Arc<dyn Clock>,
    actor: String,
    run_options: RunOptions,
    deployment: ArcSwap<Deployment>,
    /// Held while a deployment is replaced, never by a request.
    releasing: Mutex<()>,
    queue: Queue,
    /// Does anybody look at whole records?
    has_sinks: bool,
    /// Does anybody look at what requests brought?
    records_inputs: bool,
    /// Does anybody look at what was answered?
    records_outputs: bool,
    sequence: Sequence,
    seed: u64,
    consumer: Mutex<Consumer>,
}

/// What an answered request leaves behind for its record.
struct Answered {
    inputs: Batch,
    outputs: Batch,
}

impl Endpoint {
    /// Begins an endpoint for `model`, whose versions are in `registry` and their bytes in `artifacts`.
    pub fn builder(
        model: ModelName,
        registry: Arc<dyn Registry>,
        artifacts: Arc<dyn ArtifactStore>,
    ) -> EndpointBuilder {
        EndpointBuilder::new(model, registry, artifacts)
    }

    /// Answers one request.
    ///
    /// Safe to call from any number of threads. A record of it is queued even when it fails; nothing is ever waited for.
    ///
    /// # Errors
    /// [`Error::SchemaMismatch`] and [`Error::InvalidInput`] when the input does not fit the plan or the model: the caller's
    /// own mistakes, which do not count against the arm. Else what the runner documents: failures of the arm, also when it
    /// is the values of fitting inputs that it fails on.
    pub fn predict(&self, request: Request<'_>) -> Result<Prediction> {
        let started = Instant::now();
        let inner = &*self.inner;
        let outcome_id = match request.id {
            Some(id) => OutcomeId::of(id),
            None => OutcomeId::generated(inner.seed, inner.sequence.next()),
        };
        let deployment = inner.deployment.load();
        let draw = Draw::new(xxh3_64(&outcome_id.to_u128().to_le_bytes()));
        let assignment = deployment.policy.assign(&Ask::new(request.unit, &deployment.candidates, draw));
        let (arm, model) = deployment.at(assignment.position);

        let mut ran = false;
        let answer = model.inputs(request.input).and_then(|inputs| {
            ran = true;
            let outputs = model.run(&inputs, &inner.run_options)?;
            Ok(Answered { inputs, outputs })
        });
        let version = model.version();
        let mut slip = inner.queue.slip(arm, version.version);
        let counts = match &answer {
            // What fits the model and makes it fail is the model's failure: a release that cannot run must not look fine.
            Err(error) if ran => !matches!(error, Error::SchemaMismatch(_)),
            Err(error) => !error.is_caller_fault(),
            Ok(_) => true,
        };
        set(&mut slip.counts, counts);
        set(&mut slip.epoch, assignment.epoch);
        let record = &mut slip.record;
        record.outcome_id = outcome_id;
        set(&mut record.request, request.id.cloned());
        // Not cloned in vain: the count behind a long name is one that all threads share.
        if record.arm != *arm {
            record.arm.clone_from(arm);
        }
        set(&mut record.version, version.version);
        set(&mut record.propensity, assignment.propensity);
        set(&mut record.plan, version.lineage.plan_digest());
        set(&mut record.error, answer.as_ref().err().map(Error::kind));
        let features_digest = match &answer {
            Ok(answered) if inner.has_sinks => record::digest(&answered.inputs),
            _ => 0,
        };
        set(&mut record.features_digest, features_digest);
        if inner.records_inputs {
            slip.record.input.fill(request.input);
        }
        if let Ok(Answered { inputs, outputs }) = &answer {
            if inner.records_outputs {
                slip.outputs.pack(outputs);
            }
            for position in assignment.shadows.iter() {
                let (arm, model) = deployment.at(position);
                let (inputs, primary) = (inputs.clone(), outputs.clone());
                let run = ShadowRun { arm: arm.clone(), model: model.clone(), inputs, primary };
                inner.queue.push(Item::Shadow(Box::new(run)));
            }
        }
        slip.record.latency = started.elapsed();
        inner.queue.push(Item::Record(slip));
        Ok(Prediction {
            outputs: answer?.outputs,
            version: version.version,
            arm: arm.clone(),
            propensity: assignment.propensity,
            outcome_id,
        })
    }

    /// Reports what came of a prediction: its true label or value, as the endpoint's loss takes it. Never blocks; an
    /// outcome for an id that is unknown, forgotten or already joined is counted and has no effect.
    pub fn report_outcome(&self, id: OutcomeId, label: f64) {
        self.inner.queue.push_outcome(id, label);
    }

    /// Works off what the requests have queued, and carries out what the policy then decides. Answers what happened,
    /// oldest first.
    ///
    /// A change that fails (the registry is locked, an alias was moved by somebody else) is an event, changes nothing and
    /// is tried again by the next call; requests go on meanwhile.
    pub fn process(&self) -> Vec<Event> {
        let mut consumer = self.consumer();
        let deployment = self.inner.deployment.load_full();
        let outcomes = self.inner.queue.outcomes();
        self.inner.queue.drain(|item| consumer.take(item, &*deployment.policy));
        for _ in 0..outcomes {
            let Some((id, label)) = self.inner.queue.pop_outcome() else { break };
            consumer.outcome(id, label, &*deployment.policy);
        }
        consumer.counts.dropped = self.inner.queue.dropped();
        let mut events: Vec<Event> = consumer
            .verdicts
            .drain(..)
            .map(|verdict| self.event(EventKind::Judged { verdict: Box::new(verdict) }))
            .collect();
        let decision = deployment.policy.decide(self.inner.clock.elapsed());
        if !matches!(decision, Decision::Hold { .. }) {
            events.extend(self.carry_out(&mut consumer, &deployment, decision));
        }
        events
    }

    /// Gives the release to another policy, and resolves all arms anew: the way to begin a canary, or to end one by hand.
    ///
    /// # Errors
    /// As [`Endpoint::refresh`]; then the old policy stays.
    pub fn set_policy(&self, policy: Arc<dyn RolloutPolicy>) -> Result<Vec<Event>> {
        self.deploy(policy)
    }

    /// Reads the aliases again and serves what they mean now. Versions that are new here are loaded and warmed before the
    /// first request reaches them, and requests that are under way finish on the version they began with.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the default arm's alias is gone; what loading a version answers otherwise. Nothing
    /// changes then.
    pub fn refresh(&self) -> Result<Vec<Event>> {
        self.deploy(self.inner.deployment.load().policy.clone())
    }

    /// The arms that answer now, the default first, with their versions.
    #[must_use]
    pub fn arms(&self) -> Vec<(Arm, Version)> {
        let deployment = self.inner.deployment.load();
        deployment.arms().iter().map(|(arm, model)| (arm.clone(), model.version().version)).collect()
    }

    /// The model behind an arm, if it answers now.
    #[must_use]
    pub fn model(&self, arm: &Arm) -> Option<Arc<LoadedModel>> {
        self.inner.deployment.load().arm(arm).cloned()
    }

    /// Counts since the start.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let counts = self.consumer().counts.clone();
        Counts { dropped: self.inner.queue.dropped(), ..counts }
    }

    /// The time below which a `share` of the answered requests stayed, within 5 %.
    #[must_use]
    pub fn latency_quantile(&self, share: f64) -> Duration {
        self.consumer().latency_quantile(share)
    }

    /// How the shadows' answers compare with those given.
    #[must_use]
    pub fn shadows(&self) -> Vec<ShadowComparison> {
        self.consumer().shadows.clone()
    }

    /// Judges the monitors' windows as they stand, without ending them.
    ///
    /// # Errors
    /// As [`mlcore_drift::Monitor::evaluate_now`].
    pub fn judge_now(&self) -> Result<Vec<Verdict>> {
        self.consumer().monitors.iter().map(mlcore_drift::Monitor::evaluate_now).collect()
    }

    fn consumer(&self) -> MutexGuard<'_, Consumer> {
        // Only counters and joins live behind it: what a panic left there is still usable.
        self.inner.consumer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn event(&self, kind: EventKind) -> Event {
        Event { at: self.inner.clock.now(), kind }
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("model", &self.inner.resolver.model)
            .field("arms", &self.arms())
            .finish_non_exhaustive()
    }
}
