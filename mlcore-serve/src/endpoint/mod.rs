//! Decide, run, record: how a request reaches a model version, and what follows from what came of it.
//!
//! [`Endpoint::predict`] is the whole path of a request, in three parts; between the first two, features of its entities are
//! [looked up](FeatureLookup) and what came of it is validated, where the endpoint is built so. [`decide`](Endpoint::decide): the policy chooses
//! an arm. [`run`](Endpoint::run): the arm's feature plan makes the model's input, and the model answers.
//! [`record`](Endpoint::record): a record goes into a bounded queue that never blocks. None of them takes a lock, waits
//! for anybody or does I/O.
//!
//! Everything else happens in [`Endpoint::process`], which the host calls when it likes, or leaves to a
//! [worker](Endpoint::spawn_worker): outcomes are joined with their predictions, monitors judge windows of traffic, and
//! what the policy decides is carried out: a step, a promotion or a rollback is one audited change in the registry and
//! one pointer swap here. Shadows run apart from that, in [`Endpoint::run_shadows`] or on threads of the worker's.
//!
//! # The parts by themselves
//! Between the parts there is room for what a server adds. A batcher decides each request, runs the rows of requests
//! together that reached the same model, and records each with its own rows:
//!
//! ```
//! # use std::sync::Arc;
//! # use mlcore::artifact::{ArtifactStore, ArtifactStoreExt, MemoryStore};
//! # use mlcore::batch::{Batch, Tensor};
//! # use mlcore::name::{Alias, ModelName, UnitId};
//! # use mlcore::registry::{Change, Expected, MemoryRegistry, ModelVersion, NewVersion, RegistryExt};
//! # use mlcore::time::Timestamp;
//! # use mlcore::runner::{FunctionRunner, Runner, RunOptions};
//! # use mlcore::schema::{DType, Field, Schema, Signature};
//! # use mlcore_serve::Endpoint;
//! use mlcore_serve::endpoint::{Answer, Request, ServedBy};
//!
//! # let (registry, artifacts) = (Arc::new(MemoryRegistry::new()), Arc::new(MemoryStore::new()));
//! # let one = |name| Schema::new([Field::column(name, DType::Float64)]);
//! # let signature = Signature::new(one("age")?, one("risk")?);
//! # let change = Change::new("ana", Timestamp::from_millis(0));
//! # let name = ModelName::new("risk")?;
//! # let new = NewVersion::new(name.clone(), artifacts.put_bytes(b"")?, signature.clone());
//! # let version = registry.register(&artifacts, new, &change)?.version;
//! # registry.set_alias(&name, &Alias::new("champion")?, Some(version), Expected::Absent, &change)?;
//! # let loader = move |_: &ModelVersion, _: &dyn ArtifactStore| {
//! #     let risk = |inputs: &Batch| {
//! #         let risks = inputs.tensor("age")?.values::<f64>()?.iter().map(|age| age / 100.0).collect();
//! #         Ok(Batch::single("risk", Tensor::column(risks)))
//! #     };
//! #     Ok(Arc::new(FunctionRunner::new(signature.clone(), risk)) as Arc<dyn Runner>)
//! # };
//! # let endpoint = Endpoint::builder(name, registry, artifacts).with_loader(loader).build()?;
//! let users = [UnitId::new("user-17")?, UnitId::new("user-18")?];
//! let ages = [41.0, 20.0].map(|age| Batch::single("age", Tensor::column(vec![age])));
//! let requests = [Request::tensors(&users[0], &ages[0]), Request::tensors(&users[1], &ages[1])];
//!
//! let decided = requests.map(|request| endpoint.decide(request));
//! assert!(Arc::ptr_eq(decided[0].model(), decided[1].model()));
//! let rows = [decided[0].inputs(requests[0].input)?, decided[1].inputs(requests[1].input)?];
//! let outputs = decided[0].model().runner().run(&Batch::concat_rows(&rows)?, &RunOptions::default())?;
//! for (row, (decided, request)) in decided.into_iter().zip(requests).enumerate() {
//!     let answer = Answer::computed(rows[row].clone(), outputs.rows_in(row..row + 1));
//!     let prediction = endpoint.record(decided, request, answer.with_served_by(ServedBy::Batch))?;
//!     assert_eq!(prediction.outputs.tensor("risk")?.values::<f64>()?, [[0.41], [0.2]][row]);
//! }
//!
//! // A cache decides, finds what this version answered to this input before, and skips the run:
//! let decided = endpoint.decide(requests[0]);
//! let known = Batch::single("risk", Tensor::column(vec![0.41]));
//! let prediction = endpoint.record(decided, requests[0], Answer::cached(known))?;
//! assert_eq!(prediction.served_by, ServedBy::Cache);
//!
//! endpoint.process();
//! assert_eq!(endpoint.counts().records, 3);
//! # Ok::<(), mlcore::Error>(())
//! ```

mod background;
mod builder;
mod clock;
mod decide;
mod input;
mod measures;
mod prepare;
mod record;
mod release;
mod run;

use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;
use mlcore::artifact::ArtifactStore;
use mlcore::name::{Arm, ModelName, Version};
use mlcore::registry::Registry;
use mlcore::rollout::RolloutPolicy;
use mlcore::runner::RunOptions;
use mlcore::schema::Schema;
use mlcore::{Error, Result};
use mlcore_drift::monitor::Verdict;

pub use self::background::{
    ArmCounts, Counts, Loss, RecordSink, ShadowBudget, ShadowComparison, ShadowCounts, Worker,
};
use self::background::{Consumer, REPORT, Shadows, Tally, check_finite};
pub use self::builder::EndpointBuilder;
#[cfg(feature = "http")]
pub(crate) use self::builder::champion;
pub use self::clock::{Clock, SystemClock};
pub(crate) use self::decide::OutcomeIds;
#[cfg(feature = "http")]
pub(crate) use self::decide::not_served;
pub use self::decide::{Decided, OutcomeId};
use self::decide::{Deployment, Sequence};
pub use self::input::{Input, Records, Request, check_plan};
pub use self::measures::MeasureSubject;
use self::prepare::Preparation;
pub use self::prepare::{
    FeatureCounts, FeatureLookup, FeatureStatus, LookupCounts, OnConflict, OnFailure, OnMissing, Prepared,
};
#[cfg(feature = "validate")]
pub use self::prepare::{OnInvalid, RequestValidation, ValidationCounts};
pub use self::record::{
    ContextBuffer, InvalidAnswer, LookedUp, OutcomeRecord, OutcomeStatus, Prediction, Record, RecordedInput,
};
use self::record::{Kept, Queue, Reported};
#[cfg(feature = "log")]
pub(crate) use self::record::{KeyObject, Pairs, Read, Written, key_of};
#[cfg(feature = "ort")]
pub use self::release::OnnxLoader;
#[cfg(feature = "http")]
pub(crate) use self::release::words_of;
pub use self::release::{Event, EventKind, LoadedModel, ModelLoader};
use self::release::{KeptEvidence, Progress, Resolver, Snapshot};
pub use self::run::{Answer, ServedBy};

/// Answers the requests for one model, each with the version of the arm that the policy assigns. Cloning shares it.
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
    releasing: Mutex<Progress>,
    /// How often the aliases are looked at; never by itself where there is none.
    follow_interval: Option<Duration>,
    /// How often the policy exchanges with its replicas what it has learnt.
    share_interval: Duration,
    snapshot: Option<Snapshot>,
    evidence: Option<KeptEvidence>,
    /// What happened on other threads and nobody was told of yet.
    pending: Mutex<Vec<Event>>,
    /// When records were worked off last, in microseconds of the clock.
    processed: AtomicU64,
    queue: Queue,
    shadows: Shadows,
    kept: Kept,
    tally: Arc<Tally>,
    preparation: Preparation,
    sequence: Sequence,
    ids: OutcomeIds,
    consumer: Mutex<Consumer>,
    #[cfg(feature = "metrics")]
    told: Mutex<crate::metrics::Told>,
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

    #[cfg(feature = "metrics")]
    pub(crate) fn told(&self) -> &Mutex<crate::metrics::Told> {
        &self.inner.told
    }

    /// Answers one request.
    ///
    /// Safe to call from any number of threads. A record of it is queued even when it fails; nothing is ever waited for.
    ///
    /// # Errors
    /// [`Error::SchemaMismatch`] and [`Error::InvalidInput`] when the input does not fit the plan or the model: the caller's
    /// own mistakes, which do not count against the arm. Else what the runner documents: failures of the arm, also when it
    /// is the values of fitting inputs that it fails on. And what [preparing](Self::prepare) it answers: above all
    /// [`Error::Unavailable`] from a feature store that does not answer.
    pub fn predict(&self, request: Request<'_>) -> Result<Prediction> {
        let mut decided = self.decide(request);
        let mut prepared = self.prepare(&mut decided, request, self.inner.run_options.timeout);
        let known = prepared.take_answer();
        let request = request.with_prepared(&prepared);
        let answer = known.unwrap_or_else(|| self.run(&decided, request));
        self.record(decided, request, answer)
    }

    /// Reports what came of a prediction: its true label or value, as the endpoint's loss takes it. Of a prediction of several
    /// rows a named loss takes an outcome for each: [`report_outcomes`](Self::report_outcomes). Never blocks; an outcome for an id that is unknown, forgotten or already joined is counted and has no effect.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a label that is not a finite number, or not one of those that
    /// the endpoint's [`Loss`] knows. The prediction is not used up: the right label may still be reported.
    pub fn report_outcome(&self, id: OutcomeId, label: f64) -> Result<()> {
        self.check_label(label)?;
        self.inner.queue.push_outcome(Reported::of_request(id, label));
        Ok(())
    }

    /// Reports what came of every row of a prediction: a label for each, in the order of its rows. Each row's loss is an
    /// observation of its own for the policy. Never blocks.
    ///
    /// The number of rows is known where outcomes are joined: where it is another one, or a row has its outcome already, the
    /// outcome is counted as [refused](Counts::refused_outcomes), an [event](EventKind::RefusedOutcomes) says why, and the
    /// prediction still waits. [`Prediction::rows`] is the number.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for no labels, and as
    /// [`report_outcome`](Self::report_outcome), naming the row. Nothing is reported then.
    ///
    /// ```
    /// # use mlcore_serve::Endpoint;
    /// # use mlcore_serve::endpoint::Prediction;
    /// # fn late(endpoint: &Endpoint, prediction: &Prediction) -> mlcore::Result<()> {
    /// // Of a table of three rows the labels arrive together,
    /// endpoint.report_outcomes(prediction.outcome_id, &[0.0, 1.0, 0.0])?;
    /// // and of another one at a time, in any order.
    /// endpoint.report_outcome_of_row(prediction.outcome_id, 2, 1.0)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn report_outcomes(&self, id: OutcomeId, labels: &[f64]) -> Result<()> {
        if labels.is_empty() {
            return Err(Error::invalid_input(REPORT, "labels", "there are none"));
        }
        for (row, label) in labels.iter().enumerate() {
            self.check_label(*label).map_err(|error| {
                let context = error.context();
                let problem = format!("row {row}: {}", context.problem());
                let error = Error::invalid_input(REPORT, "labels", problem);
                error.remedy("report the rows whose label is known one by one; the others still wait")
            })?;
        }
        for (row, label) in labels.iter().enumerate() {
            self.inner.queue.push_outcome(Reported::of_row(id, *label, row, Some(labels.len())));
        }
        Ok(())
    }

    /// Reports what came of one row of a prediction, counted from 0, as its label arrives; otherwise as
    /// [`report_outcomes`](Self::report_outcomes).
    ///
    /// # Errors
    /// As [`report_outcome`](Self::report_outcome).
    pub fn report_outcome_of_row(&self, id: OutcomeId, row: usize, label: f64) -> Result<()> {
        self.check_label(label)?;
        self.inner.queue.push_outcome(Reported::of_row(id, label, row, None));
        Ok(())
    }

    fn check_label(&self, label: f64) -> Result<()> {
        match &self.inner.resolver.scoring {
            Some(scoring) => scoring.check_label(label),
            None => check_finite(label),
        }
    }

    /// Gives the release to another policy, and resolves all arms anew: the way to begin a canary, or to end one by hand.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a policy that could never come to a decision here: about an arm
    /// that the endpoint does not have, on trial with the default arm, or waiting for losses where none are computed; and for a
    /// version on trial whose stage is one from which it could not be promoted. Else as [`Endpoint::refresh`]. The old policy
    /// stays then.
    pub fn set_policy(&self, policy: Arc<dyn RolloutPolicy>) -> Result<Vec<Event>> {
        self.deploy(Some(policy))
    }

    /// Reads the aliases again and serves what they mean now. Versions that are new here are loaded and warmed before the
    /// first request reaches them, and requests that are under way finish on the version they began with.
    ///
    /// [`process`](Self::process) and a worker do it by themselves, [once a second](EndpointBuilder::with_follow_interval).
    /// A trial begins anew where another version answers for one of its arms, and is over where the alias on trial is gone or
    /// its version became the default arm's: an [event](EventKind) says so. A version on trial that could not be promoted from
    /// its stage does not answer.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the default arm's alias is gone; what loading a version answers otherwise. Nothing
    /// changes then.
    pub fn refresh(&self) -> Result<Vec<Event>> {
        self.deploy(None)
    }

    /// The model whose versions it serves.
    #[must_use]
    pub fn model_name(&self) -> &ModelName {
        &self.inner.resolver.model
    }

    /// The options under which models run where a request brings none.
    #[must_use]
    pub fn run_options(&self) -> &RunOptions {
        &self.inner.run_options
    }

    /// The clock that it measures by.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.inner.clock
    }

    /// The arms that answer now, the default first, with their models: of one moment, whatever is released meanwhile.
    #[must_use]
    pub fn models(&self) -> Vec<(Arm, Arc<LoadedModel>)> {
        self.inner.deployment.load().arms().to_vec()
    }

    /// The arms that answer now, the default first, with their versions.
    #[must_use]
    pub fn arms(&self) -> Vec<(Arm, Version)> {
        let deployment = self.inner.deployment.load();
        deployment.arms().iter().map(|(arm, model)| (arm.clone(), model.version().version)).collect()
    }

    /// The raw columns that the arms read between them, each once: the schema of rows that any of them can answer. Empty
    /// where no version has a feature plan.
    ///
    /// A column that not every arm needs is nullable, and one that is [looked up](FeatureLookup) is, too. After a release that reads other columns rows of the order before
    /// are still answered, as long as they hold what the new plan reads.
    #[must_use]
    pub fn columns(&self) -> Arc<Schema> {
        self.inner.deployment.load().columns.all().clone()
    }

    /// Whether any version that answers has a feature plan.
    #[cfg(feature = "http")]
    pub(crate) fn has_columns(&self) -> bool {
        !self.inner.deployment.load().columns.all().is_empty()
    }

    /// The model behind an arm, if it answers now.
    #[must_use]
    pub fn model(&self, arm: &Arm) -> Option<Arc<LoadedModel>> {
        self.inner.deployment.load().arm(arm).cloned()
    }

    /// Counts since the start. Never waits, whatever the worker is doing.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let (dropped_records, dropped_outcomes) = self.inner.queue.dropped();
        let dropped_shadows = self.inner.shadows.dropped();
        Counts { dropped_records, dropped_outcomes, dropped_shadows, ..self.inner.tally.counts() }
    }

    /// Counts of each arm and version since the start, in the order in which they began to answer. Never waits.
    ///
    /// As [`counts`](Self::counts), which also counts what belongs to no arm.
    #[must_use]
    pub fn arm_counts(&self) -> Vec<ArmCounts> {
        self.inner.tally.of_arms()
    }

    /// The arms that answer now, the default first, with their versions and the share of the traffic that the policy gives them: of
    /// requests without context. The share is unknown where the policy cannot tell it.
    #[must_use]
    pub fn shares(&self) -> Vec<(Arm, Version, Option<f64>)> {
        let deployment = self.inner.deployment.load();
        deployment.shares()
    }

    /// The time below which a `share` of the answered requests stayed, within 5 %: 0.99 for the 99th percentile. A share beyond
    /// 0 to 1 counts as the nearer of the two. Never waits.
    #[must_use]
    pub fn latency_quantile(&self, share: f64) -> Duration {
        self.inner.tally.latencies.quantile(share)
    }

    /// How the shadows' answers compare with those given, since a release began the comparison. Never waits for a shadow that runs.
    #[must_use]
    pub fn shadows(&self) -> Vec<ShadowComparison> {
        let compared = self.inner.shadows.comparisons().clone();
        compared.into_iter().map(|compared| compared.told()).collect()
    }

    /// What became of the runs of each shadow since the start: done, waiting, dropped and why. Never waits.
    #[must_use]
    pub fn shadow_counts(&self) -> Vec<ShadowCounts> {
        self.inner.shadows.counts()
    }

    /// Judges the monitors' windows as they stand, without ending them. Waits for a [`process`](Endpoint::process) that is
    /// under way.
    ///
    /// # Errors
    /// As [`mlcore_drift::Monitor::evaluate_now`].
    pub fn judge_now(&self) -> Result<Vec<Verdict>> {
        self.consumer()?.judge_now()
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
