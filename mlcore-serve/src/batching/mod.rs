//! Requests that arrive while a model runs share its next run: dynamic batching in front of an [`Endpoint`].
//!
//! A request is decided first and recorded last, by itself: it keeps its own arm, outcome id, record, latency and deadline. Between
//! the two its rows run beside those of others, of the same version, arm, and shapes and types of inputs. Whatever asks for
//! different outputs takes them from its own rows.
//!
//! ```
//! # use mlcore_serve::Endpoint;
//! # use mlcore_serve::endpoint::Request;
//! use mlcore_serve::batching::{BatchOptions, Batcher, Call};
//!
//! # async fn serve(endpoint: &Endpoint, request: Request<'_>) -> mlcore::Result<()> {
//! let batcher = Batcher::new(endpoint, BatchOptions::default().with_max_batch_size(32))?;
//! // A thread waits for its answer,
//! let prediction = batcher.predict(request, Call::default())?;
//! // and a future on any runtime holds none.
//! let prediction = batcher.predict_async(request, Call::default()).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # When a batch runs
//! A request that comes while nothing runs for its version runs at once, on the thread that asked. Those that arrive meanwhile
//! gather, and run together when it has ended. So an idle model answers as fast as without batching, and batches grow with the load. Only
//! where [`max_queue_delay`](BatchOptions::max_queue_delay) is set do requests wait for others while nothing runs.
//!
//! # What fails
//! A batch that fails is run again in halves, down to the request that fails alone. Where the time of a run is limited,
//! no more halves are tried than it takes to find one such request, and the others fail with it. A panic is such a failure, too. A request whose time is over before
//! its run fails alone, and the policy learns nothing from it. One that is dropped leaves the queue.
//!
//! # Which models
//! Those of which every input and every output has a dynamic first axis. Requests for others, and requests that do not fit the
//! signature or bring optional inputs, run by themselves, at once.
//!
//! # Threads
//! Batches run on threads of the batcher, which start when requests gather and end when none have come for two seconds.

mod options;
mod pending;
mod schedule;
mod slot;
mod worker;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use mlcore::batch::Batch;
use mlcore::name::Version;
use mlcore::schema::{Dim, Schema};
use mlcore::{Error, Result};
use xxhash_rust::xxh3::Xxh3;

pub use self::options::BatchOptions;
pub use self::pending::Pending;
pub use self::schedule::{Arrival, Next, Place, Schedule};
pub use self::slot::Batched;
use self::slot::{Run, Slot, options_until};
use self::worker::Shared;
use crate::Endpoint;
use crate::endpoint::{Answer, Decided, LoadedModel, Prediction, Prepared, Request};

/// Runs the requests of an endpoint in batches.
///
/// Dropping it loses nothing: what waits is still run.
pub struct Batcher {
    shared: Arc<Shared>,
}

/// How one request is to be run.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default)]
pub struct Call {
    /// How long the answer may take from now; none by default.
    pub timeout: Option<Duration>,
    /// Its priority, of which 1 is the highest; 0, the default, names none.
    pub priority: u32,
    /// Whether the caller's thread must not be held up by a run: an idle model then runs on a thread of the batcher.
    pub elsewhere: bool,
}

/// A run that gave answers, as [`Batcher::with_on_run`] hears of it.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BatchRun {
    /// The version that ran.
    pub version: Version,
    /// The rows that ran together.
    pub rows: usize,
    /// The requests that they belong to.
    pub requests: usize,
    /// What it took.
    pub compute: Duration,
}

impl Call {
    /// The same with an answer within `timeout`.
    #[must_use]
    pub fn with_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.timeout = timeout.into();
        self
    }

    /// The same of this priority, of which 1 is the highest; 0 names none.
    #[must_use]
    pub fn with_priority(mut self, priority: u32) -> Self {
        self.priority = priority;
        self
    }

    /// The same for a thread that no run may hold up.
    #[must_use]
    pub fn with_elsewhere(mut self, elsewhere: bool) -> Self {
        self.elsewhere = elsewhere;
        self
    }
}

impl Batcher {
    /// A batcher in front of `endpoint`, whose clock and run options it takes.
    ///
    /// # Errors
    /// As [`BatchOptions::check`].
    pub fn new(endpoint: &Endpoint, options: BatchOptions) -> Result<Self> {
        options.check()?;
        Ok(Self { shared: Arc::new(Shared::new(endpoint.clone(), options)) })
    }

    /// Tells `on_run` of every run that gave answers, on the thread that ran. Called before any request was asked; a batcher that has
    /// requests already stays as it is.
    #[must_use]
    pub fn with_on_run(mut self, on_run: impl Fn(&BatchRun) + Send + Sync + 'static) -> Self {
        if let Some(shared) = Arc::get_mut(&mut self.shared) {
            shared.on_run = Some(Box::new(on_run));
        }
        self
    }

    /// Its options.
    #[must_use]
    pub fn options(&self) -> &BatchOptions {
        &self.shared.options
    }

    /// Decides, runs and records one request; the thread waits for its answer.
    ///
    /// # Errors
    /// As [`Endpoint::predict`]; [`Error::Timeout`] where its time is over before its run, and [`Error::Overloaded`] where too many
    /// requests wait.
    pub fn predict(&self, request: Request<'_>, call: Call) -> Result<Prediction> {
        let endpoint = &self.shared.endpoint;
        let mut decided = endpoint.decide(request);
        let (prepared, pending) = self.begin(&mut decided, request, call);
        let batched = pending.wait();
        endpoint.record(decided, request.with_prepared(&prepared), batched.answer)
    }

    /// As [`predict`](Self::predict), without a thread that waits. An idle model still runs on the thread that polls, unless the
    /// call asks for it [elsewhere](Call::elsewhere).
    ///
    /// # Errors
    /// As [`predict`](Self::predict).
    pub async fn predict_async(&self, request: Request<'_>, call: Call) -> Result<Prediction> {
        let endpoint = &self.shared.endpoint;
        let mut decided = endpoint.decide(request);
        let (prepared, pending) = self.begin(&mut decided, request, call);
        let batched = pending.await;
        endpoint.record(decided, request.with_prepared(&prepared), batched.answer)
    }

    /// Prepares a request and lets it run, where there is no answer before that.
    fn begin(&self, decided: &mut Decided, request: Request<'_>, call: Call) -> (Prepared, Pending) {
        let mut prepared = self.shared.endpoint.prepare(decided, request, call.timeout);
        let left = call.timeout.map(|timeout| timeout.saturating_sub(prepared.spent()));
        let pending = match prepared.take_answer() {
            Some(answer) => Pending::of_answer(answer),
            None => self.run(decided, request.with_prepared(&prepared), call.with_timeout(left)),
        };
        (prepared, pending)
    }

    /// Makes the model's input of a request and lets it run, alone or beside others: what [`Endpoint::run`] does for a request by
    /// itself. The features are made on this thread.
    pub fn run(&self, decided: &Decided, request: Request<'_>, call: Call) -> Pending {
        self.run_inputs(decided, decided.inputs_of(request), call)
    }

    /// As [`run`](Self::run), of inputs that were made.
    pub(crate) fn run_inputs(&self, decided: &Decided, inputs: Result<Batch>, call: Call) -> Pending {
        match inputs {
            Ok(inputs) => self.submit(decided, inputs, call),
            Err(error) => Pending::ready(Batched::unrun(Answer::refused(error), Duration::ZERO)),
        }
    }

    /// Requests that wait for their run.
    #[cfg(all(feature = "http", feature = "metrics"))]
    pub(crate) fn waiting(&self) -> usize {
        self.shared.lanes().waiting()
    }

    fn submit(&self, decided: &Decided, inputs: Batch, call: Call) -> Pending {
        let shared = &self.shared;
        let now = shared.now();
        let deadline = call.timeout.map(|timeout| now.saturating_add(timeout));
        let (model, arm) = (decided.model(), decided.arm());
        let rows = Some(&inputs)
            .filter(|inputs| is_batched(model) && inputs.check(&model.runner().signature().inputs).is_ok())
            .and_then(Batch::rows);
        let is_shared = rows.is_some();
        if !is_shared && !call.elsewhere {
            return Pending::ready(self.run_alone(model, inputs, (now, deadline)));
        }
        let mut lanes = shared.lanes();
        let lane = lanes.lane(model, arm, is_shared, &shared.options);
        if !call.elsewhere && lane.schedule.begin_alone() {
            drop(lanes);
            let batched = self.run_alone(model, inputs, (now, deadline));
            shared.ended_alone(model, arm, batched.compute);
            return Pending::ready(batched);
        }
        if lane.schedule.is_full() {
            drop(lanes);
            return Pending::ready(Batched::unrun(Answer::shed(self.overloaded(model)), Duration::ZERO));
        }
        let most = Some(shared.options.default_timeout).filter(|most| !most.is_zero());
        let expires = [deadline, most.map(|most| now.saturating_add(most))].into_iter().flatten().min();
        let arrival =
            Arrival::new(rows.unwrap_or(1)).with_kind(kind_of(&inputs)).with_priority(call.priority);
        let rows = rows.or_else(|| inputs.rows()).unwrap_or(1);
        let slot = Slot::new((model, arm, is_shared), inputs, rows, (now, deadline));
        let slot = Arc::new(slot);
        match lane.schedule.push(now, arrival.with_expiry(expires), slot.clone()) {
            Some(place) => {
                shared.summon(lanes);
                Pending::waiting(shared.clone(), slot, place)
            }
            // It was not full.
            None => Pending::ready(Batched::unrun(Answer::shed(self.overloaded(model)), Duration::ZERO)),
        }
    }

    /// Runs a request on this thread.
    fn run_alone(
        &self,
        model: &Arc<LoadedModel>,
        inputs: Batch,
        (now, deadline): (Duration, Option<Duration>),
    ) -> Batched {
        let shared = &self.shared;
        let options = options_until(shared.endpoint.run_options(), [deadline], now);
        let outputs = model.runner().run(&inputs, &options);
        let (rows, compute) = (inputs.rows().unwrap_or(1), shared.now().saturating_sub(now));
        if outputs.is_ok() {
            shared.tell(model, Run { began: now, compute, rows, requests: 1 });
        }
        Batched { answer: Answer::computed(inputs, outputs), queued: Duration::ZERO, compute, rows }
    }

    fn overloaded(&self, model: &LoadedModel) -> Error {
        let problem = format!("{} requests wait for it already", self.options().max_queue_size);
        Error::overloaded("predict", model.version().model.as_str(), problem)
            .remedy("ask again later, or let more wait by max_queue_size")
    }
}

/// Whether the rows of requests for this model may run together: each input and each output has one for each.
#[must_use]
pub fn is_batched(model: &LoadedModel) -> bool {
    let signature = model.runner().signature();
    let has_rows = |schema: &Schema| {
        let mut fields = schema.fields().iter();
        fields.all(|field| field.shape().first() == Some(&Dim::Dynamic) && !field.is_of_any_shape())
    };
    !signature.inputs.is_empty() && has_rows(&signature.inputs) && has_rows(&signature.outputs)
}

/// Equal for inputs whose rows can be joined: the same names in the same order, with the same types and shapes but for the rows.
fn kind_of(inputs: &Batch) -> u128 {
    let mut hasher = Xxh3::new();
    for (name, tensor) in inputs.iter() {
        hasher.update(&name.len().to_le_bytes());
        hasher.update(name.as_bytes());
        hasher.update(&[u8::try_from(tensor.shape().len()).unwrap_or(u8::MAX)]);
        for axis in tensor.shape().iter().skip(1) {
            hasher.update(&axis.to_le_bytes());
        }
    }
    hasher.digest128()
}

impl Drop for Batcher {
    fn drop(&mut self) {
        self.shared.close();
    }
}

impl fmt::Debug for Batcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batcher").field("options", self.options()).finish_non_exhaustive()
    }
}
