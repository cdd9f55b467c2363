//! The models that a server answers for, whatever protocol asks: endpoints by name, what is known of each, and the loading and
//! unloading of them while requests go on.

mod description;
pub(crate) mod exchange;
mod named;
mod raw;
mod served;
mod source;
mod statistics;
pub(crate) mod work;
mod workers;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use mlcore::name::ModelName;
use mlcore::{Error, Result, interrupt};

pub(crate) use self::description::{
    BACKEND, Described, DescribedStatistics, EXTENSIONS, MODEL_FILE, PLATFORM, SERVER, TensorDescription,
    version_of,
};
pub use self::served::{Asked, Inference, Served};
pub use self::source::{
    CanarySettings, GuardrailSettings, ModelOptions, ModelSource, MonitorSettings, PolicyOptions,
    ShadowOptions, SourceOptions,
};
#[cfg(feature = "ort")]
pub use self::source::{FolderSource, RegistrySource};
#[cfg(feature = "mlflow")]
pub use self::source::{MirrorReport, MlflowCredentials, MlflowOptions, MlflowSource};
#[cfg(feature = "mlflow")]
pub(crate) use self::source::{MlModel, Temporary};
pub use self::statistics::{BatchStatistics, Spent, Statistics, VersionStatistics};
use self::workers::Workers;
use crate::Endpoint;
use crate::batching::BatchOptions;
use crate::v2::{Parameters, shortened};

/// The tag of a version that lists, in JSON, the columns of a data frame in the order in which its only input takes them side by
/// side. A version of MLflow has it from its signature.
#[cfg(any(feature = "http", feature = "mlflow"))]
pub(crate) const INPUT_COLUMNS_TAG: &str = "mlflow.input_columns";

/// The models of a server. Cloning shares them.
///
/// ```
/// # use mlcore_serve::Endpoint;
/// use mlcore_serve::models::Models;
///
/// # fn serve(endpoint: Endpoint) -> mlcore::Result<()> {
/// let models = Models::new();
/// models.insert(endpoint);
/// let served = models.index(true)?;
/// assert_eq!(served.len(), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct Models {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    served: ArcSwap<BTreeMap<ModelName, Arc<Served>>>,
    source: Option<Arc<dyn ModelSource>>,
    /// What became of models that are not served.
    away: Mutex<BTreeMap<ModelName, Away>>,
    /// What the source said of models when they were last loaded from it, or could not be.
    states: Mutex<BTreeMap<ModelName, Option<u64>>>,
    workers: Workers,
    /// Whether clients may load and unload.
    is_fixed: AtomicBool,
    /// Held while a model is loaded or unloaded: one change at a time, and no request waits for it.
    changing: Mutex<()>,
    /// Whether the server is about to stop, so that nobody should send more.
    is_draining: AtomicBool,
    /// Whether models are yet to be loaded.
    is_loading: AtomicBool,
}

/// Why a model is not served.
#[derive(Clone, Debug)]
enum Away {
    Loading,
    Unloaded,
    Failed(String),
}

/// A model, or a version of one, in the index of a server.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Indexed {
    /// The model.
    pub name: ModelName,
    /// The version; none for a model that is not served.
    pub version: Option<mlcore::name::Version>,
    /// Whether it answers.
    pub state: ModelState,
    /// Why it does not; empty where there is nothing to say.
    pub reason: String,
}

/// Whether a model answers.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ModelState {
    /// It answers.
    Ready,
    /// It is being loaded.
    Loading,
    /// It does not answer.
    Unavailable,
}

mlcore::words! {
    ModelState, "state": Ready = "READY", Loading = "LOADING", Unavailable = "UNAVAILABLE"
}

impl Models {
    /// No models, and none to load: endpoints are put in by [`insert`](Self::insert).
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// No models yet, and those of `source` to load by name.
    #[must_use]
    pub fn of(source: impl ModelSource + 'static) -> Self {
        Self { inner: Arc::new(Inner { source: Some(Arc::new(source)), ..Inner::default() }) }
    }

    /// Serves an endpoint under its model's name, in the place of one that was served under it.
    pub fn insert(&self, endpoint: Endpoint) {
        let _changing = self.changing();
        self.put(&Arc::new(Served::new(endpoint)));
    }

    /// Serves an endpoint as [`insert`](Self::insert) does, and lets its requests share runs.
    ///
    /// # Errors
    /// As [`BatchOptions::check`].
    pub fn insert_batched(&self, endpoint: Endpoint, options: BatchOptions) -> Result<()> {
        let served = Arc::new(Served::new(endpoint).with_batching(options)?);
        let _changing = self.changing();
        self.put(&served);
        Ok(())
    }

    fn put(&self, model: &Arc<Served>) {
        self.away().remove(model.name());
        let before = self.inner.served.rcu(|served| {
            let mut served = BTreeMap::clone(served);
            served.insert(model.name().clone(), model.clone());
            served
        });
        self.inner.workers.replace(before.get(model.name()), Some(model));
    }

    /// Works off what the models answer, on threads of their own: monitors, releases, records. Each model gets a
    /// [worker](crate::endpoint::Worker), those that are served already and those that come; what its release does is told by
    /// `tracing`. Without it whoever inserts an endpoint works it off.
    ///
    /// # Errors
    /// What the system says, where it has no more threads.
    pub fn spawn_workers(&self, interval: Duration) -> Result<()> {
        let _changing = self.changing();
        self.inner.workers.start(interval);
        self.served().iter().try_for_each(|model| self.inner.workers.spawn(model))
    }

    /// Ends the workers, after they have worked off what is there.
    pub fn stop_workers(&self) {
        self.inner.workers.stop();
    }

    /// Forbids clients to load and unload models, or allows it: where a server loads by itself what its source has.
    pub fn set_fixed(&self, is_fixed: bool) {
        self.inner.is_fixed.store(is_fixed, Ordering::Release);
    }

    /// Nothing where clients may load and unload models.
    pub(crate) fn require_control(&self, name: &ModelName) -> Result<()> {
        if self.inner.is_fixed.load(Ordering::Acquire) {
            let problem = "this server loads its models by itself";
            return Err(Error::unsupported("load or unload model", name.as_str(), problem)
                .remedy("start it with --model-control-mode explicit"));
        }
        Ok(())
    }

    /// Loads what the source has and is not served as it is there now, and unloads what it has no longer. A model that failed is
    /// tried again when it changed, and each time where the source cannot tell, or the failure may pass.
    ///
    /// # Errors
    /// What reading the source answers. A model that cannot be loaded is no error of the others: it is told by `tracing`, and
    /// stands in the index.
    pub fn follow_source(&self) -> Result<()> {
        let Some(source) = &self.inner.source else { return Ok(()) };
        let names = source.names()?;
        for name in &names {
            let state = source.state(name)?;
            if self.states().get(name) == Some(&state) || source.is_for_others(name)? {
                continue;
            }
            if let Err(error) = self.load(name, &Parameters::new()) {
                tracing::error!(model = name.as_str(), %error, "a model was not loaded");
            }
        }
        let gone: Vec<ModelName> =
            self.states().keys().filter(|name| !names.contains(name)).cloned().collect();
        for name in gone {
            self.states().remove(&name);
            self.away().remove(&name);
            if self.unload(&name).is_ok() {
                self.away().remove(&name);
                tracing::info!(model = name.as_str(), "a model was unloaded: its source has it no longer");
            }
        }
        Ok(())
    }

    fn states(&self) -> MutexGuard<'_, BTreeMap<ModelName, Option<u64>>> {
        self.inner.states.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The model of this name.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a name that there is not, and [`Error::Unavailable`] for a model that is not loaded.
    pub fn get(&self, name: &str) -> Result<Arc<Served>> {
        // A name is never looked up as anything but a key: not as a path.
        let served = self.inner.served.load();
        let model = ModelName::new(name).ok();
        if let Some(model) = model.as_ref().and_then(|name| served.get(name)) {
            return Ok(model.clone());
        }
        match model.and_then(|name| self.away().get(&name).cloned().map(|away| (name, away))) {
            Some((name, away)) => Err(Error::unavailable("find model", name.as_str(), away.to_string())),
            None => {
                let problem = "no model of this name is served here";
                Err(Error::not_found("find model", shortened(name), problem)
                    .remedy("the index of the repository lists the models that are"))
            }
        }
    }

    /// The models that are served.
    #[must_use]
    pub fn served(&self) -> Vec<Arc<Served>> {
        self.inner.served.load().values().cloned().collect()
    }

    /// Says that the servers of these models are not ready, from now on or no longer, while they answer on: so that a load
    /// balancer sends its requests elsewhere before they stop.
    pub fn set_draining(&self, is_draining: bool) {
        self.inner.is_draining.store(is_draining, Ordering::Release);
    }

    /// Whether requests should be sent elsewhere, or not yet, and why.
    ///
    /// # Errors
    /// [`Error::Unavailable`] for a server that is stopping, and for a model that is being loaded or could not be.
    pub fn check_ready(&self) -> Result<()> {
        if self.inner.is_draining.load(Ordering::Acquire) {
            return Err(Error::unavailable("serve", "models", "the server is stopping"));
        }
        if self.is_ready() {
            return Ok(());
        }
        let problem = "a model is being loaded, or could not be; the index of the repository says which";
        Err(Error::unavailable("serve", "models", problem))
    }

    /// Says that models are yet to be loaded, so that nothing is ready; or that they are.
    pub fn set_loading(&self, is_loading: bool) {
        self.inner.is_loading.store(is_loading, Ordering::Release);
    }

    /// Whether every model that was to be loaded answers.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        !self.inner.is_loading.load(Ordering::Acquire)
            && !self.away().values().any(|away| matches!(away, Away::Loading | Away::Failed(_)))
    }

    /// The models that the source has, loaded or not.
    ///
    /// # Errors
    /// What reading it answers.
    pub fn source_names(&self) -> Result<Vec<ModelName>> {
        self.inner.source.as_ref().map_or_else(|| Ok(Vec::new()), |source| source.names())
    }

    /// Those that the source does not leave to others.
    #[cfg(feature = "server")]
    pub(crate) fn servable_names(&self) -> Result<Vec<ModelName>> {
        let Some(source) = &self.inner.source else { return Ok(Vec::new()) };
        let mut servable = source.names()?;
        let mut problem = Ok(());
        servable.retain(|name| match source.is_for_others(name) {
            Ok(true) => {
                tracing::warn!(model = name.as_str(), "a model is not served: its file is kept elsewhere");
                false
            }
            Ok(false) => true,
            Err(error) => {
                problem = Err(error);
                true
            }
        });
        problem.map(|()| servable)
    }

    /// All models in order: the versions of those that answer, and, unless only `ready` ones are asked for, the others.
    ///
    /// # Errors
    /// What reading the source answers.
    pub fn index(&self, ready: bool) -> Result<Vec<Indexed>> {
        let served = self.inner.served.load();
        let mut index = Vec::new();
        for (name, model) in served.iter() {
            index.extend(model.versions().into_iter().map(|version| Indexed {
                name: name.clone(),
                version: Some(version),
                state: ModelState::Ready,
                reason: String::new(),
            }));
        }
        if ready {
            return Ok(index);
        }
        let known = match &self.inner.source {
            Some(source) => source.names()?,
            None => Vec::new(),
        };
        let away = self.away();
        let others = known.iter().chain(away.keys()).filter(|name| !served.contains_key(*name));
        let others: std::collections::BTreeSet<&ModelName> = others.collect();
        index.extend(others.into_iter().map(|name| {
            let (state, reason) = match away.get(name) {
                Some(Away::Loading) => (ModelState::Loading, String::new()),
                Some(away) => (ModelState::Unavailable, away.to_string()),
                None => (ModelState::Unavailable, String::new()),
            };
            Indexed { name: name.clone(), version: None, state, reason }
        }));
        drop(away);
        index.sort_by(|a, b| (&a.name, a.version).cmp(&(&b.name, b.version)));
        Ok(index)
    }

    /// Loads a model from the source, or loads it anew. Requests go on with what was served until it is ready; where it fails
    /// they go on after that, too.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where there is no source, and what opening the model answers.
    pub fn load(&self, name: &ModelName, parameters: &Parameters) -> Result<()> {
        let Some(source) = &self.inner.source else {
            let problem = "the models of this server are given by the program that it is part of";
            return Err(Error::unsupported("load model", name.as_str(), problem));
        };
        let _changing = interrupt::lock("load model", &self.inner.changing)?;
        let is_served = self.inner.served.load().contains_key(name);
        if !is_served {
            self.away().insert(name.clone(), Away::Loading);
        }
        // Before it is opened: what changes meanwhile is another state.
        if let Ok(state) = source.state(name) {
            self.states().insert(name.clone(), state);
        }
        let opened = source.open(name, parameters).and_then(|endpoint| {
            let served = Served::new(endpoint);
            match source.batching(name, parameters)? {
                Some(options) => served.with_batching(options),
                None => Ok(served),
            }
        });
        match opened {
            Ok(served) => {
                self.put(&Arc::new(served));
                Ok(())
            }
            Err(error) => {
                // What is missing may be a part of a model that there is.
                let is_known = || source.names().is_ok_and(|names| names.contains(name));
                let is_unknown = matches!(error, Error::NotFound(_)) && !is_known();
                if error.is_transient() || is_unknown || self.states().get(name) == Some(&None) {
                    self.states().remove(name);
                }
                let mut away = self.away();
                if is_unknown {
                    away.remove(name);
                } else if !is_served {
                    away.insert(name.clone(), Away::Failed(error.to_string()));
                }
                Err(error)
            }
        }
    }

    /// Stops serving a model. Requests that are under way end on it.
    ///
    /// # Errors
    /// [`Error::NotFound`] where no model of this name is served.
    pub fn unload(&self, name: &ModelName) -> Result<()> {
        let _changing = self.changing();
        if !self.inner.served.load().contains_key(name) {
            return Err(Error::not_found(
                "unload model",
                name.as_str(),
                "no model of this name is served here",
            ));
        }
        self.away().insert(name.clone(), Away::Unloaded);
        let before = self.inner.served.rcu(|served| {
            let mut served = BTreeMap::clone(served);
            served.remove(name);
            served
        });
        self.inner.workers.replace(before.get(name), None);
        Ok(())
    }

    /// How many models are being loaded, and how many do not answer, of those that were asked for.
    #[cfg(feature = "metrics")]
    pub(crate) fn away_by_number(&self) -> (usize, usize) {
        let away = self.away();
        let loading = away.values().filter(|away| matches!(away, Away::Loading)).count();
        (loading, away.len() - loading)
    }

    fn away(&self) -> MutexGuard<'_, BTreeMap<ModelName, Away>> {
        self.inner.away.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn changing(&self) -> MutexGuard<'_, ()> {
        self.inner.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Models {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Models")
            .field("served", &self.inner.served.load().keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Away {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Loading => f.write_str("it is being loaded"),
            Self::Unloaded => f.write_str("unloaded"),
            Self::Failed(error) => f.write_str(error),
        }
    }
}
