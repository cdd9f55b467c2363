use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use mlcore::name::{ModelName, RequestId, UnitId, Version};
use mlcore::runner::RunOptions;
use mlcore::{Error, Result};

use super::statistics::{Spent, Statistics};
use crate::Endpoint;
use crate::endpoint::{LoadedModel, Prediction, Request, not_served};
use crate::v2::{InferRequest, Parameter};

/// A model that is served: its endpoint, and what its requests took.
pub struct Served {
    name: ModelName,
    endpoint: Endpoint,
    statistics: Statistics,
    /// The smoothed time of a run, in nanoseconds.
    expected: AtomicU64,
    /// Counts requests of nobody in particular, from a place of its own in each process.
    strangers: AtomicU64,
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
}

impl Served {
    pub(super) fn new(endpoint: Endpoint) -> Self {
        Self {
            name: endpoint.model_name().clone(),
            endpoint,
            statistics: Statistics::default(),
            expected: AtomicU64::new(u64::MAX),
            strangers: AtomicU64::new(RandomState::new().hash_one(0)),
        }
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

    /// What its requests took, version by version.
    #[must_use]
    pub fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    /// Answers a request that arrived at `arrived` and was read since. With a version it is that one that answers, else the one
    /// of the arm that the policy assigns to the request's unit: its parameter `unit`, its `sequence_id`, its id, or, where it
    /// has none of them, somebody new.
    ///
    /// The parameter `timeout`, in microseconds, is the deadline; what it took to arrive here counts.
    ///
    /// # Errors
    /// As [`Endpoint::predict`]; [`Error::Timeout`] for a deadline that passed before the model ran.
    pub fn infer(
        &self,
        request: &InferRequest,
        version: Option<Version>,
        arrived: Instant,
    ) -> Result<Inference> {
        let id = match request.id.as_deref() {
            Some(id) if !id.is_empty() => Some(RequestId::new(id)?),
            _ => None,
        };
        // Clients send the sequence 0 where there is none.
        let named = |key: &str| request.parameters.get(key).map(Parameter::to_string);
        let sequence = || named("sequence_id").filter(|id| id != "0" && !id.is_empty());
        let unit = self.unit(named("unit").or_else(sequence), id.as_ref())?;
        let mut asked_for = Request::tensors(&unit, &request.inputs);
        if let Some(id) = &id {
            asked_for = asked_for.with_id(id);
        }
        let asked = Asked {
            version,
            timeout: timeout_of(request)?,
            arrived,
            rows: request.inputs.rows().unwrap_or(1),
        };
        self.predict(asked_for, asked, |model| {
            crate::v2::check_asked(&request.outputs, &model.runner().signature().outputs)
        })
    }

    /// Answers a request of any kind.
    ///
    /// # Errors
    /// As [`infer`](Self::infer), and what `check` answers about the model before it runs: a mistake of the client's.
    pub fn predict(
        &self,
        request: Request<'_>,
        asked: Asked,
        check: impl FnOnce(&LoadedModel) -> Result<()>,
    ) -> Result<Inference> {
        let began = Instant::now();
        let options = self.options(&asked)?;
        let decided = match asked.version {
            Some(version) => self.endpoint.decide_version(request, version)?,
            None => self.endpoint.decide(request),
        };
        let model = decided.model().clone();
        check(&model)?;
        let before = Instant::now();
        let answer = self.endpoint.run_with(&decided, request, &options);
        let compute = before.elapsed();
        self.learn(compute);
        let prediction = self.endpoint.record(decided, request, answer);
        let input = before.saturating_duration_since(asked.arrived.min(began));
        let spent = Spent { input, compute, output: Duration::ZERO, rows: asked.rows as u64 };
        match prediction {
            Ok(prediction) => Ok(Inference { prediction, model, spent }),
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

    /// The run options of the endpoint, with what is left of the request's own time.
    fn options(&self, asked: &Asked) -> Result<RunOptions> {
        let mut options = self.endpoint.run_options().clone();
        if let Some(timeout) = asked.timeout {
            let left = timeout.checked_sub(asked.arrived.elapsed()).filter(|left| !left.is_zero());
            let left = left.ok_or_else(|| {
                let problem = format!("its {timeout:?} passed before the model ran");
                Error::timeout("predict", self.name.as_str(), problem)
            })?;
            let own = options.timeout.map_or(left, |own| own.min(left));
            options = options.with_timeout(own);
        }
        Ok(options)
    }
}

/// The deadline that a request brings, in microseconds. Triton's clients send 0 for none.
fn timeout_of(request: &InferRequest) -> Result<Option<Duration>> {
    let Some(timeout) = request.parameters.get("timeout") else { return Ok(None) };
    let micros = timeout.as_u64().ok_or_else(|| {
        let problem = format!("it is {timeout}, and it is a number of microseconds");
        Error::invalid_input("read request", "parameter timeout", problem)
    })?;
    Ok(Some(Duration::from_micros(micros)).filter(|timeout| !timeout.is_zero()))
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
