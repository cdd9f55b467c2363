//! `mlcore.Endpoint`: how requests reach a model version, and what follows from what came of them.

mod answer;
mod counts;
mod event;
mod input;
mod loss;
mod outcomes;
mod view;
mod worker;

use std::path::PathBuf;

use mlcore::Error;
use mlcore::name::{Alias, ModelName, RequestId, UnitId};
use mlcore::runner::RunOptions;
use mlcore::runner::ort::OnnxOptions;
use mlcore_serve::endpoint::{self as serve, OnnxLoader, OutcomeId};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use self::answer::Prediction;
use self::event::Event;
use self::worker::Worker;
use crate::door::{Text, type_name};
use crate::drift::{Verdict, monitor_parts};
use crate::error::{detached, entry, invalid, raise, wrong_type};
use crate::plain::plain;
use crate::registry::Registry;
use crate::rollout::{Said, policy};
use crate::runner::{Probe, duration, own_library};
use crate::signing::KeyRing;
use crate::telemetry::{self, Collect};

#[pymodule(submodule, module = "mlcore", name = "endpoint")]
pub(crate) mod native {
    #[pymodule_export]
    use super::Endpoint;
    #[pymodule_export]
    use super::answer::Prediction;
    #[pymodule_export]
    use super::event::Event;
    #[pymodule_export]
    use super::worker::Worker;
}

/// Answers the requests for one model, whichever of its versions that takes: chooses an arm, makes the features, runs the
/// model and records it; joins outcomes, judges drift, and carries out what the policy decides.
///
/// An answer that holds NaN or an infinite number, or one that the loss cannot take, is given to the caller and counts as a
/// failure of its arm.
///
/// Any number of threads may call :meth:`predict`, which takes no lock and does no I/O. Everything else happens in
/// :meth:`process`, which is called when it suits or left to a :meth:`worker`.
///
/// Steps of a release are kept in the registry, as the tag ``mlcore.release.<arm>`` of the model: a policy with the same options
/// goes on there after a restart, and in every replica.
///
/// Arms are aliases of the registry: the default arm must exist, another answers while its alias does. The endpoint keeps
/// the registry's file open by itself: closing ``registry`` does not end it. Build it after a ``fork``, not before.
///
/// Parameters
/// ----------
/// registry : Registry
///     Where the versions are.
/// model : str
///     Which model is served. Its versions must be ONNX.
/// default_arm : str, optional
///     The alias whose version everybody gets who is assigned to no other arm. Default ``champion``.
/// arms : list of str, optional
///     The aliases of a canary, of shadows.
/// policy : Policy, optional
///     Who gets which arm. Default: everybody the default arm.
/// reference : table, optional
///     Rows the model was trained on: a monitor compares the raw records of all answered requests with it. It watches the
///     columns that the feature plan reads, or without a plan those of the tensors, unless ``monitor_options`` name others among them.
///     Default: what the version itself brings, which was registered with ``monitor=``.
/// monitor_options : dict, optional
///     As :class:`mlcore.drift.Monitor` takes them, such as ``{"window_rows": 5000}``.
/// loss : str or callable, optional
///     How wrong an answer was; less is better. ``"log_loss"`` of the positive class, ``"squared_error"``,
///     ``"absolute_error"``, ``"zero_one"``, or a function of the outputs (a dict of arrays) and the reported label. What
///     it raises goes to ``sys.unraisablehook``. An answer for which it raises, or answers what is no finite number, counts
///     as unscored and as a failure of its arm. Default: outcomes are counted and say nothing.
/// timeout : float, optional
///     Seconds after which a run is stopped. Default: none.
/// actor : str, optional
///     Who is named in the audit log for what the endpoint does by itself. Default ``endpoint``.
/// queue_capacity : int, optional
///     How many records, and how many outcomes, may wait for :meth:`process`; what comes then is dropped and
///     counted. Default 65,536 of each.
/// open_predictions : int, optional
///     How many predictions may wait for their outcome; then the oldest is forgotten and counted. Default 262,144.
/// seed : int, optional
///     Derives all outcome ids, and so all draws, from it: to replay a log. Who knows it can guess the ids; by default their
///     key is drawn at random.
/// follow_interval : float, optional
///     Seconds between two looks at the aliases, in :meth:`process` and in a worker: what somebody else moved is followed. None:
///     only :meth:`refresh` follows. Default 1.
/// snapshot : str or os.PathLike, optional
///     A file that keeps what is served: an endpoint that starts while the registry cannot be read serves that, with the models
///     of the artifact store, and an event says so. Default: none, and such a start fails.
/// strict : bool, optional
///     Refuse a record or a table with a name that no feature plan reads, which may be a slip of the pen. Default: such names
///     are passed over.
/// probe : mlcore.runner.Probe, optional
///     A process of its own that tries each version before it is loaded here. Default: none.
/// fleet_counts : bool, optional
///     Counts rows for a :class:`mlcore.drift.Fleet`, by the reference that the version brings. Default: no.
/// trust : mlcore.signing.KeyRing, optional
///     The keys of which one must have signed each version: what is refused is not released, and what was served before goes on. Default:
///     signatures are not asked for.
/// functions : list of mlcore.features.CustomTransformer, optional
///     The classes of the functions that the versions' feature plans name. A version whose plan names another is refused. Default:
///     none.
///
/// Raises
/// ------
/// NotFoundError
///     When the model or the default arm's alias does not exist.
/// InvalidInputError
///     For impossible options: an arm named twice, a loss that cannot be computed from the model's outputs, a reference for
///     a version that reads no columns; and for a policy that could never come to a decision: about an arm that is not in
///     ``arms``, with a guardrail on the loss without a ``loss``, with the default arm on trial, or with a version on trial
///     that could not be promoted from its stage: one in ``dev``.
/// UnsupportedError
///     For a version that is no ONNX model.
///
/// Examples
/// --------
/// >>> import mlcore
/// >>> endpoint = mlcore.Endpoint(registry, "churn")                             # doctest: +SKIP
/// >>> with endpoint.worker():                                                   # doctest: +SKIP
/// ...     answer = endpoint.predict({"age": 41.0, "plan": "pro"}, unit="user-17")
/// ...     endpoint.report_outcome(answer.outcome_id, 1.0)
#[pyclass(module = "mlcore", frozen)]
pub(crate) struct Endpoint {
    endpoint: mlcore_serve::Endpoint,
    readers: input::Readers,
    model: String,
    /// The process that built it: neither its connections nor its ids may be used in a child.
    process: u32,
    /// Kept, so that it is asked for what it counted.
    _collect: Collect,
}

#[pymethods]
impl Endpoint {
    #[new]
    #[pyo3(signature = (
        registry, model, *, default_arm = None, arms = None, policy = None, reference = None,
        monitor_options = None, loss = None, timeout = None, actor = None, queue_capacity = None,
        open_predictions = None, seed = None, follow_interval = 1.0, snapshot = None, strict = false,
        probe = None, fleet_counts = false, trust = None, functions = None
    ))]
    #[expect(clippy::too_many_arguments, reason = "keyword-only options of a Python signature")]
    fn new(
        py: Python<'_>,
        registry: &Bound<'_, Registry>,
        model: Text,
        default_arm: Option<Text>,
        arms: Option<Vec<Text>>,
        policy: Option<&Bound<'_, PyAny>>,
        reference: Option<&Bound<'_, PyAny>>,
        monitor_options: Option<&Bound<'_, PyDict>>,
        loss: Option<&Bound<'_, PyAny>>,
        timeout: Option<f64>,
        actor: Option<Text>,
        queue_capacity: Option<usize>,
        open_predictions: Option<usize>,
        seed: Option<u64>,
        follow_interval: Option<f64>,
        snapshot: Option<PathBuf>,
        strict: bool,
        probe: Option<&Bound<'_, Probe>>,
        fleet_counts: bool,
        trust: Option<&Bound<'_, KeyRing>>,
        functions: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        entry(py, |py| {
            telemetry::prepare();
            let (backend, artifacts) = registry.get().halves(py)?;
            let raised = |error: Error| raise(py, &error);
            let name = ModelName::new(&model).map_err(raised)?;
            let mut builder = mlcore_serve::Endpoint::builder(name, backend.clone(), artifacts.clone());
            if let Some(alias) = default_arm {
                builder = builder.with_default_arm(Alias::new(alias).map_err(raised)?);
            }
            for alias in arms.unwrap_or_default() {
                builder = builder.with_arm(Alias::new(alias).map_err(raised)?);
            }
            if let Some(policy) = policy {
                builder = builder.with_policy(self::policy(policy)?);
            }
            if let Some(seconds) = timeout {
                let timeout = duration(py, BUILD, "timeout", seconds)?;
                builder = builder.with_run_options(RunOptions::default().with_timeout(timeout));
            }
            if let Some(actor) = actor {
                builder = builder.with_actor(actor.into_string());
            }
            if let Some(items) = queue_capacity {
                builder = builder.with_queue_capacity(items);
            }
            if let Some(predictions) = open_predictions {
                builder = builder.with_open_predictions(predictions);
            }
            if let Some(seed) = seed {
                builder = builder.with_seed(seed);
            }
            let interval = follow_interval.map(|seconds| duration(py, BUILD, "follow_interval", seconds));
            builder = builder.with_follow_interval(interval.transpose()?);
            if let Some(path) = snapshot {
                builder = builder.with_snapshot(path);
            }
            if let Some(loss) = loss {
                builder = loss::with_loss(builder, loss)?;
            }
            match (reference, monitor_options) {
                (Some(reference), options) => {
                    let (reference, options) = monitor_parts(reference, options)?;
                    builder = builder.with_reference(reference, options);
                }
                (None, None) => {}
                (None, Some(_)) => {
                    let problem = "there is nothing to compare with";
                    return Err(invalid(py, BUILD, "monitor_options", problem, "pass reference= too"));
                }
            }
            if fleet_counts {
                builder = builder.with_fleet_counts();
            }
            if let Some(ring) = trust {
                builder = builder.with_verify_policy(ring.get().policy());
            }
            builder = builder.with_functions(crate::features::functions(functions)?.0);
            let mut options = match own_library(py)? {
                Some(library) => OnnxOptions::default().with_library(library),
                None => OnnxOptions::default(),
            };
            if let Some(probe) = probe {
                options = options.with_probe(probe.get().native.clone());
            }
            let readers = input::Readers::new(strict);
            let endpoint = detached(py, || builder.with_loader(OnnxLoader::new(options)).build())?;
            let told = endpoint.clone();
            let _collect = telemetry::watch(move || told.collect_metrics());
            Ok(Self { endpoint, readers, model: model.into_string(), process: std::process::id(), _collect })
        })
    }

    /// Answers one request.
    ///
    /// Parameters
    /// ----------
    /// data : dict or table
    ///     One raw record, a dict of column to value, or a table of raw records: a frame, a dict of columns, a list of
    ///     records. The feature plan of the version makes the model's input of it. A record names every column that the plan
    ///     reads, with ``None`` where it is missing; dates and times are those of ``datetime``, numpy and pandas, or ISO 8601
    ///     text. A row of pandas (``df.iloc[0]``), a named tuple and a record of numpy are records too. For a version without
    ///     a plan: what :meth:`mlcore.Runner.run` takes.
    /// unit : str
    ///     Whom the policy assigns to an arm, and always to the same: a user, a session, a device.
    /// request_id : str, optional
    ///     Your own id of the request, under which its outcome may be reported. Not 32 hexadecimal digits, which an outcome
    ///     id is.
    /// context : dict, optional
    ///     What the request says of itself to the policy: see :meth:`mlcore.rollout.Policy.assign`.
    /// features : array_like, optional
    ///     The numbers that a bandit with a context looks at.
    ///
    /// Returns
    /// -------
    /// Prediction
    ///
    /// Raises
    /// ------
    /// SchemaMismatchError
    ///     For a column that is missing, of another type or, in a strict endpoint, unknown. It does not count
    ///     against the arm.
    /// InvalidInputError
    ///     For a value that a step of the plan refuses.
    /// TimeoutError
    ///     When the run took too long.
    #[pyo3(signature = (data, unit, request_id = None, *, context = None, features = None))]
    fn predict(
        &self,
        py: Python<'_>,
        data: &Bound<'_, PyAny>,
        unit: Text,
        request_id: Option<Text>,
        context: Option<&Bound<'_, PyAny>>,
        features: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Prediction> {
        entry(py, |py| {
            self.usable(py)?;
            let raised = |error: Error| raise(py, &error);
            let unit = UnitId::new(unit).map_err(raised)?;
            let id = request_id.map(RequestId::new).transpose().map_err(raised)?;
            if let Some(id) = id.as_ref().filter(|id| id.as_str().parse::<OutcomeId>().is_ok()) {
                let problem = format!("{id:?} could not be told from an outcome id");
                let remedy = "put something before it, such as \"request-\"";
                return Err(invalid(py, "predict", "request_id", problem, remedy));
            }
            let said = Said::read(context, features, "predict")?;
            let given = input::Given::read(&self.endpoint, &self.readers, data)?;
            let asker = input::Asker { unit: &unit, id: id.as_ref(), said: &said };
            let prediction = detached(py, || given.ask(&self.endpoint, &self.readers, asker))?;
            Prediction::new(py, &prediction)
        })
    }

    /// Works off what the requests have queued, and carries out what the policy then decides.
    ///
    /// Returns
    /// -------
    /// list of Event
    ///     What happened, oldest first. A release that waits for an arm that does not answer is an event at once (``held``), and
    ///     one that waits for anything else after an hour. A change that failed is an event too, once for each reason, changes
    ///     nothing and is tried again: by the next call, and then ever more seldom, up to a minute. What somebody else moved in
    ///     the registry is followed: evidence about other versions is gathered anew (``renewed``), and a trial that somebody else
    ///     ended is over (``trial_ended``).
    fn process(&self, py: Python<'_>) -> PyResult<Vec<Event>> {
        let process = |endpoint: &mlcore_serve::Endpoint| {
            let events = endpoint.process();
            telemetry::upkeep();
            Ok(events)
        };
        self.ask(py, process).map(events)
    }

    /// Runs the shadows that wait, and answers how many ran. :meth:`process` runs none, so that a slow shadow holds up no
    /// outcome and no release; a :meth:`worker` runs them in a thread of their own.
    fn run_shadows(&self, py: Python<'_>) -> PyResult<usize> {
        self.ask(py, |endpoint| Ok(endpoint.run_shadows()))
    }

    /// Gives the release to another policy and resolves all arms anew: begins a canary, or ends one by hand.
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     For a policy that could never come to a decision here, as the constructor says. Then, as after any other error, the
    ///     old one stays.
    #[pyo3(signature = (policy))]
    fn set_policy(&self, py: Python<'_>, policy: &Bound<'_, PyAny>) -> PyResult<Vec<Event>> {
        let policy = entry(py, |_| self::policy(policy))?;
        self.ask(py, |endpoint| endpoint.set_policy(policy)).map(events)
    }

    /// Reads the aliases again and serves what they mean now. Versions that are new here are loaded and warmed before the
    /// first request reaches them. :meth:`process` and a worker do it by themselves, once in ``follow_interval``.
    ///
    /// Raises
    /// ------
    /// NotFoundError
    ///     When the default arm's alias is gone. Then, as after any other error, nothing changes.
    fn refresh(&self, py: Python<'_>) -> PyResult<Vec<Event>> {
        self.ask(py, mlcore_serve::Endpoint::refresh).map(events)
    }

    /// The name of the model.
    #[getter]
    fn model(&self) -> &str {
        &self.model
    }

    /// The arms that answer now and their versions, the default first.
    #[getter]
    fn arms<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        entry(py, |py| {
            let arms = PyDict::new(py);
            for (arm, version) in self.endpoint.arms() {
                arms.set_item(arm.as_str(), version.get())?;
            }
            Ok(arms)
        })
    }

    /// Counts since the start: ``records``, of these ``failures``, and of those ``invalid_answers`` (NaN, an infinite number,
    /// what the loss cannot take); ``outcomes`` joined, ``orphans`` without a prediction, ``refused_outcomes`` that are
    /// about no row of theirs, ``unscored`` without a loss;
    /// predictions ``expired``; rows ``unmonitored``; ``panics`` that were caught in Rust; what did not fit into its queue: ``dropped_records``,
    /// ``dropped_outcomes``, ``dropped_shadows``. Never waits.
    fn counts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let counts = self.ask(py, |endpoint| Ok(endpoint.counts()))?;
        plain(py, "read counts", &counts)
    }

    /// The seconds since records were worked off last, or the endpoint was built: a sign of life for a health check. It grows
    /// where no :meth:`worker` runs and nobody calls :meth:`process`. Never waits.
    fn since_processed(&self, py: Python<'_>) -> PyResult<f64> {
        self.ask(py, |endpoint| Ok(endpoint.since_processed().as_secs_f64()))
    }

    /// The seconds within which a share ``q`` of the answered requests was answered, to 5 %; 0 before the first.
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     For a ``q`` outside of 0 to 1.
    fn latency_quantile(&self, py: Python<'_>, q: f64) -> PyResult<f64> {
        if !(0.0..=1.0).contains(&q) {
            let problem = format!("{q} is no share between 0 and 1");
            return Err(invalid(py, "read latency", "q", problem, "pass 0.99 for the 99th percentile"));
        }
        self.ask(py, |endpoint| Ok(endpoint.latency_quantile(q).as_secs_f64()))
    }

    /// How the answers of the shadows compare with those given, one dict for each arm and version: ``requests``,
    /// ``failures``, of these ``invalid_answers``, ``rows`` compared, ``flips`` of the highest score,
    /// ``largest_difference``, ``mean_difference``, and ``latency_seconds`` that its answers took together. ``report`` has the rest:
    /// rows ``within_tolerance``, quantiles of ``differences`` and latencies, the ``confusion`` of labels, the ``rank_correlation``.
    fn shadows<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let compared = self.ask(py, |endpoint| Ok(endpoint.shadows()))?;
        plain(py, "read shadows", &compared)
    }

    /// Judges the rows that the monitor has seen in its present window, which goes on. Empty where nothing is watched.
    fn judge_now(&self, py: Python<'_>) -> PyResult<Vec<Verdict>> {
        let verdicts = self.ask(py, mlcore_serve::Endpoint::judge_now)?;
        Ok(verdicts.into_iter().map(Verdict::new).collect())
    }

    /// A thread that calls :meth:`process` again and again while a ``with`` block lasts, and one that runs shadows; at its
    /// end everything that is queued is worked off, and shadows that still wait after a second are dropped.
    ///
    /// Parameters
    /// ----------
    /// interval : float
    ///     Seconds for which it sleeps while nothing comes.
    /// on_event : callable, optional
    ///     Called in that thread with each :class:`mlcore.endpoint.Event`. What it raises goes to ``sys.unraisablehook``.
    #[pyo3(signature = (interval = 0.1, on_event = None))]
    fn worker(&self, py: Python<'_>, interval: f64, on_event: Option<Py<PyAny>>) -> PyResult<Worker> {
        entry(py, |py| {
            self.usable(py)?;
            let interval = duration(py, "start worker", "interval", interval)?;
            if let Some(callable) = on_event.as_ref().map(|on_event| on_event.bind(py))
                && !callable.is_callable()
            {
                let problem = format!("a function is expected, and it is a {}", type_name(callable));
                return Err(wrong_type(
                    py,
                    "start worker",
                    "on_event",
                    problem,
                    "pass a function of an Event",
                ));
            }
            Ok(Worker::new(self.endpoint.clone(), interval, on_event))
        })
    }
}

const BUILD: &str = "build endpoint";

impl Endpoint {
    /// Asks the endpoint with the interpreter released: its locks may be held by a thread that waits for it.
    fn ask<T: Send>(
        &self,
        py: Python<'_>,
        question: impl FnOnce(&mlcore_serve::Endpoint) -> mlcore::Result<T> + Send,
    ) -> PyResult<T> {
        entry(py, |py| {
            self.usable(py)?;
            detached(py, || question(&self.endpoint))
        })
    }

    /// The endpoint itself, for a server.
    pub(crate) fn native(&self, py: Python<'_>) -> PyResult<mlcore_serve::Endpoint> {
        self.usable(py)?;
        Ok(self.endpoint.clone())
    }

    fn usable(&self, py: Python<'_>) -> PyResult<()> {
        let refuse = |problem: &str, remedy: &str| {
            Err(raise(py, &Error::unavailable("use endpoint", self.model.as_str(), problem).remedy(remedy)))
        };
        if std::process::id() != self.process {
            return refuse("it was built before this process was forked", "build it again in the child");
        }
        if loss::is_scoring() {
            return refuse("a loss must not use the endpoint that asks it", "report from on_event instead");
        }
        Ok(())
    }
}

fn events(events: Vec<serve::Event>) -> Vec<Event> {
    events.into_iter().map(Event::new).collect()
}
