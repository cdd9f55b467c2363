use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use mlcore::batch::Batch;
use mlcore::name::{ModelName, RequestId, UnitId, Version};
use mlcore::{Error, Result};
use tracing::Instrument as _;

use super::named::check_outputs;
use super::statistics::{Spent, Statistics};
use crate::Endpoint;
use crate::batching::{BatchOptions, Batched, Batcher, Call, Pending};
use crate::endpoint::{Answer, Decided, LoadedModel, Prediction, Prepared, Request, not_served};
#[cfg(feature = "metrics")]
use crate::metrics::{RequestMetrics, names};
use crate::trace::{self, stage, stage_span};
use crate::v2::InferRequest;

/// A model that is served: its endpoint, and what its requests took.
pub struct Served {
    name: ModelName,
    endpoint: Endpoint,
    statistics: Arc<Statistics>,
    /// Where requests share runs.
    batcher: Option<Batcher>,
    /// The smoothed time of a run, in nanoseconds.
    expected: AtomicU64,
    /// Counts requests of nobody in particular, from a place of its own in each process.
    strangers: AtomicU64,
    /// Requests that are being worked on.
    in_flight: AtomicI64,
    #[cfg(feature = "metrics")]
    metrics: Arc<RequestMetrics>,
}

/// The answer to a request of a protocol: the prediction, and the model that made it.
#[non_exhaustive]
#[derive(Debug)]
pub struct Inference {
    /// What the endpoint answered.
    pub prediction: Prediction,
    /// The model behind it.
    pub model: Arc<LoadedModel>,
    /// What it took.
    pub spent: Spent,
    /// Whether the inputs of a request of the protocol were taken as raw columns.
    pub is_raw: bool,
}

/// A request that was decided and whose answer may still be to come.
#[derive(Debug)]
struct Begun {
    decided: Decided,
    prepared: Prepared,
    pending: Pending,
    /// What it took until then.
    spent: Spent,
}

/// How a request is to be answered.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// The version that is to answer; that of the assigned arm where there is none.
    pub version: Option<Version>,
    /// How long it may take since it arrived.
    pub timeout: Option<Duration>,
    /// When it arrived.
    pub arrived: Instant,
    /// The rows that it asks about.
    pub rows: usize,
    /// Its priority, of which 1 is the highest; 0 names none. It counts where requests are batched.
    pub priority: u32,
    /// Whether no run may hold up the thread that asks, where requests are batched.
    pub elsewhere: bool,
}

impl Served {
    pub(super) fn new(endpoint: Endpoint) -> Self {
        Self {
            name: endpoint.model_name().clone(),
            #[cfg(feature = "metrics")]
            metrics: Arc::new(RequestMetrics::new(endpoint.model_name().clone())),
            in_flight: AtomicI64::new(0),
            endpoint,
            statistics: Arc::default(),
            batcher: None,
            expected: AtomicU64::new(u64::MAX),
            strangers: AtomicU64::new(RandomState::new().hash_one(0)),
        }
    }

    /// The same model, whose requests share runs.
    pub(super) fn with_batching(mut self, options: BatchOptions) -> Result<Self> {
        let statistics = self.statistics.clone();
        #[cfg(feature = "metrics")]
        let metrics = self.metrics.clone();
        let batcher = Batcher::new(&self.endpoint, options)?.with_on_run(move |run| {
            statistics.run(run);
            #[cfg(feature = "metrics")]
            metrics.ran(run);
        });
        self.batcher = Some(batcher);
        Ok(self)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &ModelName {
        &self.name
    }

    /// The endpoint.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The versions that answer, each once, lowest first.
    #[must_use]
    pub fn versions(&self) -> Vec<Version> {
        let mut versions: Vec<Version> =
            self.endpoint.arms().into_iter().map(|(_, version)| version).collect();
        versions.sort_unstable();
        versions.dedup();
        versions
    }

    /// The model of a version; that of the default arm where none is named.
    ///
    /// # Errors
    /// [`Error::NotFound`] naming the versions that answer.
    pub fn model(&self, version: Option<Version>) -> Result<Arc<LoadedModel>> {
        let models = self.endpoint.models();
        // There is always a default arm, and it comes first.
        let is_asked = |model: &LoadedModel| version.is_none_or(|asked| model.version().version == asked);
        let found = models.iter().find(|(_, model)| is_asked(model)).map(|(_, model)| model.clone());
        found.ok_or_else(|| not_served(&self.name, version.unwrap_or(Version::FIRST), &models))
    }

    /// How its requests share runs, where they do.
    #[must_use]
    pub fn batching(&self) -> Option<&BatchOptions> {
        self.batcher.as_ref().map(Batcher::options)
    }

    /// What its requests took, version by version.
    #[must_use]
    pub fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    /// Counts an answered request, with what it took.
    pub(crate) fn answered(&self, prediction: &Prediction, spent: Spent) {
        self.statistics.succeed(prediction.version, spent);
        #[cfg(feature = "metrics")]
        self.metrics.answered(prediction.version, &prediction.arm, &spent);
    }

    /// Tells what was counted since the last call, and how the model stands.
    #[cfg(feature = "metrics")]
    pub(crate) fn collect_metrics(&self) {
        let name = self.name.as_str();
        names::IN_FLIGHT.gauge(&[name]).set(self.in_flight.load(Ordering::Relaxed) as f64);
        if let Some(batcher) = &self.batcher {
            names::BATCH_QUEUE.gauge(&[name]).set(batcher.waiting() as f64);
        }
        self.endpoint.collect_metrics();
    }

    /// Answers a request that arrived at `arrived` and was read since. With a version it is that one that answers, else the one
    /// of the arm that the policy assigns to the request's unit: its parameter `unit`, its `sequence_id`, its id, or, where it
    /// has none of them, somebody new.
    ///
    /// Inputs that have the names of raw columns, and not of the model's inputs, go through the version's feature plan; the parameter
    /// `raw_records` says which they are where the names do not.
    ///
    /// Inputs that have the names of [join keys](Endpoint::join_keys) name the entities whose features are looked up, one for each row, and
    /// stay raw columns where a plan reads them as well.
    ///
    /// The parameter `timeout`, in microseconds, is the deadline; what it took to arrive here counts. Where requests are batched,
    /// the parameter `priority` says who goes first, 1 before 2, and the thread waits for its place.
    ///
    /// # Errors
    /// As [`Endpoint::predict`]; [`Error::Timeout`] for a deadline that passed before the model ran, and [`Error::Overloaded`]
    /// where too many requests wait.
    pub fn infer(
        &self,
        request: &InferRequest,
        version: Option<Version>,
        arrived: Instant,
    ) -> Result<Inference> {
        let named = self.named(request, version, arrived)?;
        let inference =
            self.predict(named.request(request), named.asked, |model| check_outputs(request, model))?;
        Ok(Inference { is_raw: named.is_raw(), ..inference })
    }

    /// As [`infer`](Self::infer), on any runtime, without a thread that waits for others' runs. A run that the request does not
    /// share goes on on the thread that polls; `elsewhere` forbids that where requests are batched.
    ///
    /// # Errors
    /// As [`infer`](Self::infer).
    pub async fn infer_async(
        &self,
        request: &InferRequest,
        version: Option<Version>,
        arrived: Instant,
        elsewhere: bool,
    ) -> Result<Inference> {
        let named = self.named(request, version, arrived)?;
        let asked = Asked { elsewhere, ..named.asked };
        let check = |model: &LoadedModel| check_outputs(request, model);
        let inference = self.predict_async(named.request(request), asked, check).await?;
        Ok(Inference { is_raw: named.is_raw(), ..inference })
    }

    /// As [`predict`](Self::predict), without a thread that waits for others' runs.
    ///
    /// # Errors
    /// As [`predict`](Self::predict).
    pub async fn predict_async(
        &self,
        request: Request<'_>,
        asked: Asked,
        check: impl FnOnce(&LoadedModel) -> Result<()>,
    ) -> Result<Inference> {
        let _in_flight = InFlight::new(&self.in_flight);
        let Some(batcher) = &self.batcher else { return self.predict_alone(request, asked, check) };
        let Begun { decided, prepared, pending, spent } = self.begin(batcher, request, asked, check)?;
        let batched = pending.instrument(stage_span!("batch")).await;
        self.finish(decided, request.with_prepared(&prepared), batched, spent)
    }

    /// Answers a request of any kind. Where requests are batched, the thread waits for its place.
    ///
    /// # Errors
    /// As [`infer`](Self::infer), and what `check` answers about the model before it runs: a mistake of the client's.
    pub fn predict(
        &self,
        request: Request<'_>,
        asked: Asked,
        check: impl FnOnce(&LoadedModel) -> Result<()>,
    ) -> Result<Inference> {
        let _in_flight = InFlight::new(&self.in_flight);
        let Some(batcher) = &self.batcher else { return self.predict_alone(request, asked, check) };
        let begun = self.begin(batcher, request, asked, check)?;
        let batched = stage_span!("batch").in_scope(|| begun.pending.wait());
        self.finish(begun.decided, request.with_prepared(&begun.prepared), batched, begun.spent)
    }

    /// Answers a request by a run of its own.
    fn predict_alone(
        &self,
        request: Request<'_>,
        asked: Asked,
        check: impl FnOnce(&LoadedModel) -> Result<()>,
    ) -> Result<Inference> {
        let began = Instant::now();
        let mut options = self.endpoint.run_options().clone();
        if let Some(left) = self.left(&asked)? {
            let own = options.timeout.map_or(left, |own| own.min(left));
            options = options.with_timeout(own);
        }
        let mut decided = self.decide(request, &asked)?;
        check(decided.model())?;
        let before = Instant::now();
        let mut prepared = self.endpoint.prepare(&mut decided, request, options.timeout);
        let known = prepared.take_answer();
        let request = request.with_prepared(&prepared);
        let model = decided.model().clone();
        let inputs = if known.is_none() { make(&decided, request) } else { Ok(Batch::default()) };
        let made = Instant::now();
        let answer = match (known, self.left(&asked)) {
            (Some(answer), _) => answer,
            (None, Err(error)) => Answer::shed(error),
            (None, Ok(left)) => {
                let _compute = stage!("compute");
                if let Some(left) = left {
                    let own = options.timeout.map_or(left, |own| own.min(left));
                    options = options.with_timeout(own);
                }
                decided.run(inputs, &options)
            }
        };
        let (features, compute) = (made - before, made.elapsed());
        self.learn(features + compute);
        let prediction = self.endpoint.record(decided, request, answer);
        let input = before.saturating_duration_since(asked.arrived.min(began));
        let spent = Spent { input, features, compute, rows: asked.rows as u64, ..Spent::default() };
        self.ended(prediction, model, spent)
    }

    /// Decides a request and lets it wait for its run.
    fn begin(
        &self,
        batcher: &Batcher,
        request: Request<'_>,
        asked: Asked,
        check: impl FnOnce(&LoadedModel) -> Result<()>,
    ) -> Result<Begun> {
        let began = Instant::now();
        let (left, call) = (self.left(&asked)?, Call::default().with_priority(asked.priority));
        let mut decided = self.decide(request, &asked)?;
        check(decided.model())?;
        let before = Instant::now();
        let input = before.saturating_duration_since(asked.arrived.min(began));
        let mut prepared = self.endpoint.prepare(&mut decided, request, left);
        let (pending, features) = match prepared.take_answer() {
            Some(answer) => (Pending::of_answer(answer), before.elapsed()),
            None => {
                let inputs = make(&decided, request.with_prepared(&prepared));
                let (features, left) = (before.elapsed(), self.left(&asked));
                let pending = match left {
                    Ok(left) => {
                        let call = call.with_timeout(left).with_elsewhere(asked.elsewhere);
                        batcher.run_inputs(&decided, inputs, call)
                    }
                    Err(error) => Pending::of_answer(Answer::shed(error)),
                };
                (pending, features)
            }
        };
        let rows = asked.rows as u64;
        Ok(Begun {
            decided,
            prepared,
            pending,
            spent: Spent { input, features, rows, is_batched: true, ..Spent::default() },
        })
    }

    /// Records the answer to a request that was begun.
    fn finish(
        &self,
        decided: Decided,
        request: Request<'_>,
        batched: Batched,
        spent: Spent,
    ) -> Result<Inference> {
        let model = decided.model().clone();
        let Batched { answer, queued: queue, compute, rows: run_rows, .. } = batched;
        if run_rows > 0 {
            self.learn(compute);
        }
        let prediction = self.endpoint.record(decided, request, answer);
        let spent = Spent { queue, compute, ..spent };
        self.ended(prediction, model, spent)
    }

    fn decide(&self, request: Request<'_>, asked: &Asked) -> Result<Decided> {
        let decided = match asked.version {
            Some(version) => self.endpoint.decide_version(request, version)?,
            None => self.endpoint.decide(request),
        };
        let version = decided.model().version().version;
        trace::decided(self.name.as_str(), version.get(), decided.arm().as_str(), asked.rows);
        Ok(decided)
    }

    fn ended(
        &self,
        prediction: Result<Prediction>,
        model: Arc<LoadedModel>,
        spent: Spent,
    ) -> Result<Inference> {
        match prediction {
            Ok(prediction) => Ok(Inference { prediction, model, spent, is_raw: false }),
            Err(error) => {
                self.statistics.fail(model.version().version, spent);
                Err(error)
            }
        }
    }

    /// Whom a policy assigns: the unit that a request names, its id where it names none, and somebody new where it has neither, so
    /// that a canary gets its share of such requests.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a name that cannot be a unit's.
    pub fn unit(&self, named: Option<String>, id: Option<&RequestId>) -> Result<UnitId> {
        match (named, id) {
            (Some(unit), _) => UnitId::new(unit),
            (None, Some(id)) => UnitId::new(id.as_str()),
            (None, None) => {
                let number = self.strangers.fetch_add(1, Ordering::Relaxed);
                // Short enough to lie in place.
                UnitId::new(format!("stranger-{:x}", number & LAST_STRANGER))
            }
        }
    }

    /// About how long a run takes by those before it; the longest of all times before the first.
    #[must_use]
    pub fn expected(&self) -> Duration {
        Duration::from_nanos(self.expected.load(Ordering::Relaxed))
    }

    /// Of threads that learn at once one may be forgotten.
    fn learn(&self, compute: Duration) {
        let nanos = u64::try_from(compute.as_nanos()).unwrap_or(u64::MAX);
        let smoothed = match self.expected.load(Ordering::Relaxed) {
            u64::MAX => nanos,
            before => before - before / 8 + nanos / 8,
        };
        self.expected.store(smoothed, Ordering::Relaxed);
    }

    /// What is left of the request's own time.
    fn left(&self, asked: &Asked) -> Result<Option<Duration>> {
        let Some(timeout) = asked.timeout else { return Ok(None) };
        let left = timeout.checked_sub(asked.arrived.elapsed()).filter(|left| !left.is_zero());
        left.map(Some).ok_or_else(|| {
            let problem = format!("its {timeout:?} passed before the model ran");
            Error::timeout("predict", self.name.as_str(), problem)
        })
    }
}

/// The model's input.
fn make(decided: &Decided, request: Request<'_>) -> Result<Batch> {
    let _features = stage!("features");
    decided.inputs_of(request)
}

/// Counts a request that is being worked on.
struct InFlight<'c>(&'c AtomicI64);

impl<'c> InFlight<'c> {
    fn new(count: &'c AtomicI64) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Served")
            .field("name", &self.name)
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

/// So many digits that "stranger-" and a number lie in place.
const LAST_STRANGER: u64 = (1 << 52) - 1;
