use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;
use mlcore::arrow::array::RecordBatch;
use mlcore::artifact::ArtifactStore;
use mlcore::batch::Batch;
use mlcore::name::{Alias, Arm, ModelName};
use mlcore::registry::Registry;
use mlcore::rollout::{Candidates, Fixed, RolloutPolicy, Tolerance};
use mlcore::runner::RunOptions;
use mlcore::{Error, Result};
use mlcore_drift::catalog::Catalog;
use mlcore_drift::monitor::{Monitor, MonitorOptions};
use mlcore_features::transform::custom::Functions;

use super::background::{
    Consumer, Loss, RecordSink, Scoring, ShadowBudget, ShadowOptions, Shadows, Tally, Watch, Watched,
    as_micros,
};
use super::clock::{Clock, SystemClock};
use super::decide::{Deployment, OutcomeIds, Sequence};
use super::input::Columns;
use super::prepare::{FeatureLookup, Lookups, Preparation};
#[cfg(feature = "validate")]
use super::prepare::{RequestValidation, Validator};
use super::record::{Kept, Queue};
use super::release::{ArmAlias, KeptEvidence, ModelLoader, Progress, Resolver, Snapshot};
use super::{Endpoint, Event, EventKind, Inner};

/// Builds an [`Endpoint`]. By default everybody gets the version behind the alias `champion`, and there is no other arm.
#[must_use]
pub struct EndpointBuilder {
    model: ModelName,
    registry: Arc<dyn Registry>,
    artifacts: Arc<dyn ArtifactStore>,
    loader: Option<Arc<dyn ModelLoader>>,
    clock: Arc<dyn Clock>,
    actor: String,
    default_alias: Option<Alias>,
    aliases: Vec<Alias>,
    policy: Option<Arc<dyn RolloutPolicy>>,
    run_options: RunOptions,
    queue_capacity: usize,
    shadows: ShadowOptions,
    open_predictions: usize,
    seed: Option<u64>,
    follow_interval: Option<Duration>,
    pub(super) share_interval: Duration,
    snapshot: Option<PathBuf>,
    pub(super) evidence: Option<(String, Duration)>,
    scoring: Option<Scoring>,
    watched: Vec<Watched>,
    catalog: Option<Catalog>,
    functions: Functions,
    #[cfg(feature = "signatures")]
    signatures: Option<mlcore::artifact::VerifyPolicy>,
    counts: bool,
    sinks: Vec<Box<dyn RecordSink>>,
    preparation: PreparationOptions,
}

/// What the endpoint is to do with requests before they run.
#[derive(Default)]
struct PreparationOptions {
    lookups: Vec<FeatureLookup>,
    #[cfg(feature = "validate")]
    validation: Option<RequestValidation>,
}

impl PreparationOptions {
    fn build(self, resolver: &Resolver) -> Result<Preparation> {
        Ok(Preparation {
            lookups: Lookups::new(resolver.model.as_str(), self.lookups)?,
            #[cfg(feature = "validate")]
            validator: match self.validation {
                None => None,
                Some(validation) => {
                    if let Some(arm) = validation.arms().find(|arm| resolver.arm(arm).is_none()) {
                        let problem = "requests fall back to this arm, and the endpoint does not have it";
                        return Err(Error::invalid_input(BUILD, arm.as_str(), problem)
                            .remedy("build the endpoint with this arm"));
                    }
                    Some(Validator::new(validation)?)
                }
            },
        })
    }
}

impl EndpointBuilder {
    pub(super) fn new(
        model: ModelName,
        registry: Arc<dyn Registry>,
        artifacts: Arc<dyn ArtifactStore>,
    ) -> Self {
        Self {
            model,
            registry,
            artifacts,
            loader: default_loader(),
            clock: Arc::new(SystemClock::default()),
            actor: "endpoint".to_owned(),
            default_alias: None,
            aliases: Vec::new(),
            policy: None,
            run_options: RunOptions::default(),
            queue_capacity: DEFAULT_QUEUE_CAPACITY,
            shadows: ShadowOptions::default(),
            open_predictions: DEFAULT_OPEN_PREDICTIONS,
            seed: None,
            follow_interval: Some(DEFAULT_FOLLOW_INTERVAL),
            share_interval: DEFAULT_SHARE_INTERVAL,
            snapshot: None,
            evidence: None,
            scoring: None,
            watched: Vec::new(),
            catalog: Some(Catalog::default()),
            functions: Functions::new(),
            #[cfg(feature = "signatures")]
            signatures: None,
            counts: false,
            sinks: Vec::new(),
            preparation: PreparationOptions::default(),
        }
    }

    /// Makes `alias` the default arm, which answers everybody who is assigned to no other; `champion` by default.
    pub fn with_default_arm(mut self, alias: Alias) -> Self {
        self.default_alias = Some(alias);
        self
    }

    /// Adds an arm of this alias' name, such as a canary or a shadow. It answers while the alias exists.
    pub fn with_arm(mut self, alias: Alias) -> Self {
        self.aliases.push(alias);
        self
    }

    /// Lets `policy` assign the arms from the start; by default everybody gets the default arm.
    pub fn with_policy(mut self, policy: impl RolloutPolicy + 'static) -> Self {
        self.policy = Some(Arc::new(policy));
        self
    }

    /// The same with a policy that others hold, too.
    pub fn with_shared_policy(mut self, policy: Arc<dyn RolloutPolicy>) -> Self {
        self.policy = Some(policy);
        self
    }

    /// Loads versions with `loader`. By default ONNX models are loaded, where the feature `ort` is on.
    pub fn with_loader(mut self, loader: impl ModelLoader + 'static) -> Self {
        self.loader = Some(Arc::new(loader));
        self
    }

    /// Loads only versions that `policy` verifies, by the signature that their tag [`SIGNATURE_TAG`](mlcore::package::SIGNATURE_TAG)
    /// names: the model, its feature plan and its monitor's reference. What is refused is not released, and what was served before
    /// goes on; a start with a version that is refused fails.
    #[cfg(feature = "signatures")]
    pub fn with_verify_policy(mut self, policy: mlcore::artifact::VerifyPolicy) -> Self {
        self.signatures = Some(policy);
        self
    }

    /// Runs models, and shadows, with these options: above all with a deadline.
    pub fn with_run_options(mut self, options: RunOptions) -> Self {
        self.run_options = options;
        self
    }

    /// Takes the time from `clock` instead of from the operating system.
    pub fn with_clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Names `actor` in the audit log for what the endpoint does by itself; `endpoint` by default.
    pub fn with_actor(mut self, actor: impl Into<String>) -> Self {
        self.actor = actor.into();
        self
    }

    /// Scores each answer with `loss` when its outcome is reported. Without a loss outcomes are joined and counted, and say
    /// nothing to the policy. A version whose outputs the loss cannot be computed from is refused when it is loaded.
    pub fn with_loss(mut self, loss: Loss) -> Self {
        self.scoring = Some(Scoring::Named(loss));
        self
    }

    /// Scores each answer with a function of the outputs of one request and its reported outcome; less is better.
    pub fn with_loss_function(
        mut self,
        loss: impl Fn(&Batch, f64) -> Result<f64> + Send + Sync + 'static,
    ) -> Self {
        self.scoring = Some(Scoring::Function(Arc::new(loss)));
        self
    }

    /// Compares the raw input of all answered requests with `reference`, such as the rows that the version was trained on.
    ///
    /// Watched are the columns that the arms read, or those of them that the options name. Of versions without a feature plan those
    /// are the columns of their tensors: one of `[rows]` or `[rows, 1]` under its name, one of `[rows, width]` as `NAME_0`, `NAME_1`
    /// and so on; the only tensor of a model takes the names of the reference's columns instead, where they are as many. After a release that reads
    /// other columns those are watched, and an [event](super::EventKind::Unmonitored) names the ones that the reference lacks.
    pub fn with_reference(mut self, reference: RecordBatch, options: MonitorOptions) -> Self {
        self.watched.push(Watched::Reference(reference, Box::new(options)));
        self
    }

    /// Watches the raw input of all answered requests with a monitor that there is already. An
    /// [event](super::EventKind::Unmonitored) says which of its columns the arms read no longer after a release.
    pub fn with_monitor(mut self, monitor: Monitor) -> Self {
        self.watched.push(Watched::Monitor(Box::new(monitor)));
        self
    }

    /// Finds the tests of the versions' own monitors in `catalog`, where the hosts' own tests are among them.
    ///
    /// A version whose lineage names a [monitor](mlcore::registry::Lineage::with_monitor) brings the reference that its traffic
    /// is compared with: that of the default arm's version watches the raw input of all answered requests, from the first one on,
    /// and after a release that of the next. The canary's does so once it is promoted. An endpoint that was given a
    /// [reference](Self::with_reference) or a [monitor](Self::with_monitor) watches by these alone.
    pub fn with_catalog(mut self, catalog: Catalog) -> Self {
        self.catalog = Some(catalog);
        self
    }

    /// Loads feature plans with these functions of the host, which the plans name. A version whose plan names another is refused
    /// when it is loaded, by the names and versions of all that are not here. None by default.
    pub fn with_functions(mut self, functions: Functions) -> Self {
        self.functions = functions;
        self
    }

    /// Counts the rows that the version's own monitor sees, too: for a [`Fleet`](mlcore_drift::monitor::Fleet), which judges
    /// what all replicas see together. [`Endpoint::take_counts`] hands the counts out.
    pub fn with_fleet_counts(mut self) -> Self {
        self.counts = true;
        self
    }

    /// Watches nothing by itself, also where a version brings its monitor's reference.
    pub fn without_version_monitors(mut self) -> Self {
        self.catalog = None;
        self
    }

    /// Hands every record to `sink`, off the path of the requests.
    pub fn with_sink(mut self, sink: impl RecordSink + 'static) -> Self {
        self.sinks.push(Box::new(sink));
        self
    }

    /// Looks features up by the entities of requests: [`Request::entity`](super::Request::entity),
    /// [`Request::with_entity`](super::Request::with_entity). Several lookups may have join keys of their own; an entity has those of all.
    ///
    /// What is looked up is raw columns of the feature plans of all arms. When the endpoint is built, and before a version comes to
    /// answer, it is made sure that every plan takes the types, that it allows nulls where a feature may be missing, and that defaults are
    /// there where they may be asked for. A record has the entities, and status and age of every feature.
    pub fn with_lookup(mut self, lookup: FeatureLookup) -> Self {
        self.preparation.lookups.push(lookup);
        self
    }

    /// Validates each request, after its features were looked up and before it runs.
    #[cfg(feature = "validate")]
    pub fn with_validation(mut self, validation: RequestValidation) -> Self {
        self.preparation.validation = Some(validation);
        self
    }

    /// Lets `items` records wait, and as many outcomes; what comes beyond is dropped and counted. 65,536 of each by default:
    /// half a second of traffic at the rate of one busy core.
    pub fn with_queue_capacity(mut self, items: usize) -> Self {
        self.queue_capacity = items;
        self
    }

    /// Lets `runs` of each shadow wait; what comes beyond is dropped and counted. 4,096 by default: see [`ShadowBudget`].
    pub fn with_shadow_capacity(mut self, runs: usize) -> Self {
        self.shadows.budget.waiting = runs;
        self
    }

    /// Gives each shadow this budget, but for those that have [one of their own](Self::with_shadow_budget_of).
    pub fn with_shadow_budget(mut self, budget: ShadowBudget) -> Self {
        self.shadows.budget = budget;
        self
    }

    /// Gives the shadow `arm` a budget of its own.
    pub fn with_shadow_budget_of(mut self, arm: Arm, budget: ShadowBudget) -> Self {
        self.shadows.budgets.push((arm, budget));
        self
    }

    /// Compares the answers of shadows under this tolerance; numpy's by default, which allows for rounding.
    pub fn with_shadow_tolerance(mut self, tolerance: Tolerance) -> Self {
        self.shadows.tolerance = tolerance;
        self
    }

    /// Lets `predictions` wait for their outcome; beyond, the oldest is forgotten and counted. 262,144 by default. Each
    /// keeps its outputs where a loss is computed from them, and else only a few words.
    pub fn with_open_predictions(mut self, predictions: usize) -> Self {
        self.open_predictions = predictions;
        self
    }

    /// Derives the generated outcome ids, and so all draws, from `seed`: for the replay of a log. Who knows the seed can guess
    /// the ids; without one their key is drawn at random.
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Lets [`process`](Endpoint::process) and a worker look so often, by the endpoint's clock, whether somebody else moved an
    /// alias, and follow it; with `None` only [`refresh`](Endpoint::refresh) does. A second by default: a look is a read by
    /// key for each arm.
    pub fn with_follow_interval(mut self, interval: impl Into<Option<Duration>>) -> Self {
        self.follow_interval = interval.into();
        self
    }

    /// Keeps what is served in the file `path`, and serves that where the registry is away when the endpoint starts: an
    /// [event](super::EventKind::Failed) says so, and the aliases are followed as soon as they can be read. The models are those
    /// of the artifact store, found by digest: give it a store, or a cache, that is at hand then.
    pub fn with_snapshot(mut self, path: impl Into<PathBuf>) -> Self {
        self.snapshot = Some(path.into());
        self
    }

    /// Resolves the arms, loads and warms their versions.
    ///
    /// Steps of a release are kept in the registry, as the tag `mlcore.release.<arm>` of the model, each with an audit entry. A
    /// policy with the options of the one that took them goes on there: units keep their arms over a restart, and get the same
    /// one from every replica. What is kept is gone when the trial is over.
    ///
    /// A policy that learns without end, such as a bandit, shares what it learns as the tag `mlcore.policy.<name>`: it goes on from
    /// there after a restart, and each outcome counts once, whichever replica saw it. The tag stays; evidence belongs to versions.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the model or the default arm's alias does not exist, or a reference lacks a column that is
    /// to be watched; [`Error::InvalidInput`] for an arm that is named twice, a missing loader, a loss that cannot be
    /// computed from a version's outputs, a policy that could never come to a decision (as
    /// [`Endpoint::set_policy`] says), or a monitor where no version reads columns; what a [lookup](Self::with_lookup) or a validation is
    /// refused for; and what loading a version answers.
    pub fn build(mut self) -> Result<Endpoint> {
        let (sinks, watched) = (std::mem::take(&mut self.sinks), std::mem::take(&mut self.watched));
        if !watched.is_empty() {
            self.catalog = None;
        }
        let kept = Kept {
            records: !sinks.is_empty(),
            inputs: !sinks.is_empty() || !watched.is_empty(),
            outputs: !sinks.is_empty() || self.scoring.is_some(),
        };
        let resolver = self.resolver()?;
        let default_arm = resolver.default_arm.arm.clone();
        let policy = self.policy.unwrap_or_else(|| Arc::new(Fixed::new(default_arm)));
        resolver.check(&*policy)?;
        let preparation = self.preparation.build(&resolver)?;
        let tally = Arc::<Tally>::default();
        let snapshot = self.snapshot.as_deref().map(Snapshot::new);
        let evidence = self
            .evidence
            .take()
            .map(|(replica, interval)| KeptEvidence::new(replica, interval))
            .transpose()?;
        let mut pending = Vec::new();
        let resolved = resolver
            .resolve(&[], &*policy)
            .and_then(|found| Ok((found, resolver.resume(&*policy, evidence.as_ref())?)));
        let (found, place) = match (resolved, &snapshot) {
            (Err(error), Some(snapshot)) if error.is_transient() => {
                let found = snapshot.read(&resolver, &*policy)?;
                let operation = "read aliases, so that the snapshot is served".to_owned();
                let kind = EventKind::Failed { operation, error: error.to_string() };
                pending.push(Event::new(self.clock.now(), kind));
                (found, None)
            }
            (resolved, _) => resolved?,
        };
        if let Some((_, error)) = found.unfit {
            return Err(error);
        }
        let deployment = Deployment::new(found, policy, &Columns::default(), tally.clone(), &preparation)?;
        let renewed = deployment.policy.follow(&deployment.candidates);
        pending.extend(renewed.map(|reason| Event::new(self.clock.now(), EventKind::Renewed { reason })));
        if let Some(snapshot) = &snapshot {
            snapshot.write(&resolver.model, &deployment)?;
        }
        let now = self.clock.elapsed();
        let columns = deployment.columns.clone();
        let watches =
            watched.into_iter().map(|watched| Watch::new(watched, &columns)).collect::<Result<Vec<_>>>()?;
        let mut consumer = Consumer::new(
            &self.model,
            self.open_predictions,
            self.scoring,
            (watches, columns),
            sinks,
            tally.clone(),
        );
        consumer.count_for_fleet(self.counts);
        pending
            .extend(consumer.follow(&deployment).into_iter().map(|kind| Event::new(self.clock.now(), kind)));
        let arms: Vec<Arm> = [&resolver.default_arm]
            .into_iter()
            .chain(&resolver.arms)
            .map(|alias| alias.arm.clone())
            .collect();
        let shadows = Shadows::new(&self.shadows, &arms)?;
        Ok(Endpoint {
            inner: Arc::new(Inner {
                resolver,
                clock: self.clock,
                actor: self.actor,
                run_options: self.run_options,
                deployment: ArcSwap::from_pointee(deployment),
                releasing: Mutex::new(Progress::since(now, place)),
                follow_interval: self.follow_interval,
                share_interval: self.share_interval,
                snapshot,
                evidence,
                pending: Mutex::new(pending),
                processed: AtomicU64::new(as_micros(now)),
                queue: Queue::new(self.queue_capacity)?,
                shadows,
                kept,
                tally,
                preparation,
                sequence: Sequence::new(),
                ids: self.seed.map_or_else(OutcomeIds::random, OutcomeIds::seeded),
                consumer: Mutex::new(consumer),
                #[cfg(feature = "metrics")]
                told: Mutex::default(),
            }),
        })
    }

    /// From aliases to models, as the options say.
    fn resolver(&self) -> Result<Resolver> {
        let loader = self.loader.clone().ok_or_else(|| {
            Error::invalid_input(BUILD, self.model.as_str(), "there is no model loader")
                .remedy("give the endpoint a model loader, or build mlcore-serve with the feature ort")
        })?;
        if self.aliases.len() >= Candidates::MOST {
            let problem = format!("it has more than {} arms", Candidates::MOST);
            return Err(Error::invalid_input(BUILD, self.model.as_str(), problem));
        }
        let default_alias = self.default_alias.clone().map_or_else(champion, Ok)?;
        Ok(Resolver {
            model: self.model.clone(),
            registry: self.registry.clone(),
            artifacts: self.artifacts.clone(),
            loader,
            default_arm: ArmAlias::new(default_alias)?,
            arms: self.aliases.iter().cloned().map(ArmAlias::new).collect::<Result<_>>()?,
            scoring: self.scoring.clone(),
            catalog: self.catalog.clone(),
            functions: self.functions.clone(),
            #[cfg(feature = "signatures")]
            signatures: self.signatures.clone(),
        })
    }
}

impl std::fmt::Debug for EndpointBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EndpointBuilder").field("model", &self.model).finish_non_exhaustive()
    }
}

#[cfg(feature = "ort")]
fn default_loader() -> Option<Arc<dyn ModelLoader>> {
    Some(Arc::new(super::release::OnnxLoader::default()))
}

#[cfg(not(feature = "ort"))]
fn default_loader() -> Option<Arc<dyn ModelLoader>> {
    None
}

const BUILD: &str = "build endpoint";
/// The alias of the default arm, where no other is named.
pub(crate) fn champion() -> Result<Alias> {
    Alias::new("champion")
}

const DEFAULT_FOLLOW_INTERVAL: Duration = Duration::from_secs(1);
const DEFAULT_SHARE_INTERVAL: Duration = Duration::from_secs(60);
const DEFAULT_QUEUE_CAPACITY: usize = 65_536;
const DEFAULT_OPEN_PREDICTIONS: usize = 262_144;
