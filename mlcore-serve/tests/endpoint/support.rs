//! A model whose answers tell which version gave them, and a registry that holds several.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use mlcore::artifact::{ArtifactStore, ArtifactStoreExt, MemoryStore};
use mlcore::batch::{Batch, Tensor};
use mlcore::name::{Alias, Arm, ModelName, UnitId, Version};
use mlcore::registry::{
    AliasChange, AuditEntry, AuditHead, Change, Expected, MemoryRegistry, Model, ModelVersion, Mutation,
    NewVersion, Registry, RegistryExt, Stage,
};
use mlcore::runner::{FunctionRunner, RunOptions, Runner};
use mlcore::schema::{DType, Dim, Field, Schema, Signature};
use mlcore::time::Timestamp;
use mlcore::{Error, Result};
use mlcore_serve::Endpoint;
use mlcore_serve::endpoint::{Clock, EndpointBuilder, Request};

pub(crate) fn model() -> ModelName {
    ModelName::new("m").unwrap()
}

pub(crate) fn alias(name: &str) -> Alias {
    Alias::new(name).unwrap()
}

pub(crate) fn arm(name: &str) -> Arm {
    Arm::new(name).unwrap()
}

pub(crate) fn unit(number: usize) -> UnitId {
    UnitId::new(format!("unit-{number}")).unwrap()
}

pub(crate) fn change(reason: &str) -> Change {
    Change::new("test", Timestamp::from_millis(1)).with_reason(reason)
}

pub(crate) fn signature() -> Signature {
    Signature::new(
        Schema::new([Field::tensor("x", DType::Float32, [Dim::Dynamic, Dim::Fixed(2)])]).unwrap(),
        Schema::new([Field::tensor("y", DType::Float64, [Dim::Dynamic])]).unwrap(),
    )
}

/// A registry and a store in memory; artifacts are texts that say how the version behaves.
pub(crate) struct Place {
    pub(crate) registry: Arc<MemoryRegistry>,
    pub(crate) artifacts: Arc<MemoryStore>,
}

impl Place {
    pub(crate) fn new() -> Self {
        let registry = Arc::new(MemoryRegistry::new());
        registry.create_model(model(), &change("begin")).unwrap();
        Self { registry, artifacts: Arc::new(MemoryStore::new()) }
    }

    /// With version 1 in production as champion, and version 2, which behaves so, staged as challenger.
    pub(crate) fn with_trial(challenger: &str) -> Self {
        let place = Self::new();
        let champion = place.register("1");
        place.registry.transition(&model(), champion, Stage::Dev, Stage::Staging, &change("s")).unwrap();
        let first = change("first");
        place.registry.promote(&model(), champion, &alias("champion"), Expected::Absent, &first).unwrap();
        place.point("challenger", place.register(challenger));
        place
    }

    /// Registers a version: `number` answers that number for every row, `fails` fails, `chokes` says it is the inputs, `panics`
    /// panics, `hangs` takes its time to answer NaN, and `more rows`, `whole numbers` and `nothing` break the signature. Others do not load.
    pub(crate) fn register(&self, behaviour: &str) -> Version {
        let artifact = self.artifacts.put_bytes(behaviour.as_bytes()).unwrap();
        let new = NewVersion::new(model(), artifact, signature()).with_format("test");
        self.registry.create_version(new, &change("new")).unwrap().version
    }

    /// Lets the alias mean the version, which is staged for it where it is new.
    pub(crate) fn point(&self, name: &str, version: Version) {
        let stage = self.registry.version(&model(), version).unwrap().stage;
        if stage == Stage::Dev {
            self.registry.transition(&model(), version, stage, Stage::Staging, &change("stage")).unwrap();
        }
        self.registry
            .set_alias(&model(), &alias(name), Some(version), Expected::Any, &change("point"))
            .unwrap();
    }

    pub(crate) fn endpoint(&self) -> EndpointBuilder {
        Endpoint::builder(model(), self.registry.clone(), self.artifacts.clone())
            .with_loader(load)
            .with_seed(7)
    }
}

/// Loads a behaviour.
pub(crate) fn load(version: &ModelVersion, artifacts: &dyn ArtifactStore) -> Result<Arc<dyn Runner>> {
    if version.format != "test" {
        return Err(Error::unsupported("load model", version.format.clone(), "only tests are run"));
    }
    let behaviour = String::from_utf8(artifacts.read(&version.artifact)?).unwrap();
    if let Some(odd) = Odd::of(&behaviour) {
        return Ok(Arc::new(odd));
    }
    let number = match behaviour.as_str() {
        "fails" | "chokes" => None,
        other => Some(
            other.parse::<f64>().map_err(|_| Error::invalid_model("load model", "behaviour", "unknown"))?,
        ),
    };
    let runner = FunctionRunner::new(signature(), move |inputs| {
        let rows = inputs.rows().unwrap_or(0);
        let number = number.ok_or_else(|| match behaviour.as_str() {
            "chokes" => Error::invalid_input("run model", "m", "it failed on these inputs"),
            _ => Error::internal("run model", "m", "it always fails"),
        })?;
        Ok(Batch::single("y", Tensor::column(vec![number; rows])))
    });
    Ok(Arc::new(runner))
}

/// A runner that somebody wrote who has not read the contract.
struct Odd {
    signature: Signature,
    run: fn(usize) -> Batch,
}

impl Odd {
    #[expect(clippy::panic, reason = "this is what is tested")]
    fn of(behaviour: &str) -> Option<Self> {
        let run: fn(usize) -> Batch = match behaviour {
            "panics" => |_| panic!("the runner panics, as it should in this test"),
            "more rows" => |rows| Batch::single("y", Tensor::column(vec![1.0; rows + 5])),
            "whole numbers" => |rows| Batch::single("y", Tensor::column(vec![1_i64; rows])),
            "nothing" => |_| Batch::default(),
            "hangs" => |rows| {
                std::thread::sleep(Duration::from_millis(40));
                Batch::single("y", Tensor::column(vec![f64::NAN; rows]))
            },
            _ => return None,
        };
        Some(Self { signature: signature(), run })
    }
}

impl Runner for Odd {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn run(&self, inputs: &Batch, _: &RunOptions) -> Result<Batch> {
        Ok((self.run)(inputs.rows().unwrap_or(0)))
    }
}

pub(crate) fn row() -> Batch {
    Batch::single("x", Tensor::new([1, 2], vec![0.5_f32, -1.0]).unwrap())
}

/// Asks for one row as `unit`; the number that the version answers.
pub(crate) fn ask(endpoint: &Endpoint, number: usize) -> Result<f64> {
    let answer = endpoint.predict(Request::tensors(&unit(number), &row()))?;
    Ok(answer.outputs.tensor("y")?.values::<f64>()?[0])
}

/// A clock that moves when it is told to.
#[derive(Clone, Default)]
pub(crate) struct ManualClock {
    micros: Arc<AtomicI64>,
    looks: Arc<AtomicU64>,
}

impl ManualClock {
    pub(crate) fn advance(&self, by: Duration) {
        self.micros.fetch_add(by.as_micros() as i64, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.looks.fetch_add(1, Ordering::SeqCst);
        Timestamp::from_micros(1_700_000_000_000_000 + self.micros.load(Ordering::SeqCst))
    }

    fn elapsed(&self) -> Duration {
        Duration::from_micros(self.micros.load(Ordering::SeqCst) as u64)
    }
}

/// When the n-th change fails.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Failing {
    /// Before it is made: another process holds the registry.
    Before,
    /// After it was made: the answer is lost.
    After,
}

type Fails = dyn Fn(usize) -> Option<Failing> + Send + Sync;

/// A registry of which some changes fail, counted from 1, and whose aliases cannot be read now and then.
pub(crate) struct Faulty {
    inner: Arc<MemoryRegistry>,
    fails: Box<Fails>,
    pub(crate) changes: AtomicUsize,
    pub(crate) unreadable: AtomicBool,
}

impl Faulty {
    pub(crate) fn new(
        place: &Place,
        fails: impl Fn(usize) -> Option<Failing> + Send + Sync + 'static,
    ) -> Arc<Self> {
        let (changes, unreadable) = (AtomicUsize::new(0), AtomicBool::new(false));
        Arc::new(Self { inner: place.registry.clone(), fails: Box::new(fails), changes, unreadable })
    }
}

impl Registry for Faulty {
    fn apply(&self, mutation: &Mutation, change: &Change) -> Result<AuditEntry> {
        let failing = (self.fails)(self.changes.fetch_add(1, Ordering::SeqCst) + 1);
        if failing == Some(Failing::Before) {
            return Err(Error::unavailable("change registry", "test", "another process holds the registry"));
        }
        let entry = self.inner.apply(mutation, change)?;
        if failing == Some(Failing::After) {
            return Err(Error::outcome_unknown("change registry", "test", "the connection was lost"));
        }
        Ok(entry)
    }

    fn model(&self, name: &ModelName) -> Result<Model> {
        self.inner.model(name)
    }

    fn models(&self, after: Option<&ModelName>, limit: usize) -> Result<Vec<Model>> {
        self.inner.models(after, limit)
    }

    fn version(&self, model: &ModelName, version: Version) -> Result<ModelVersion> {
        self.inner.version(model, version)
    }

    fn versions(&self, model: &ModelName, after: Option<Version>, limit: usize) -> Result<Vec<ModelVersion>> {
        self.inner.versions(model, after, limit)
    }

    fn alias(&self, model: &ModelName, alias: &Alias) -> Result<Option<Version>> {
        if self.unreadable.load(Ordering::SeqCst) {
            return Err(Error::unavailable("read registry", "test", "the server is away"));
        }
        self.inner.alias(model, alias)
    }

    fn aliases(&self, model: &ModelName) -> Result<Vec<(Alias, Version)>> {
        self.inner.aliases(model)
    }

    fn alias_history(&self, model: &ModelName, alias: &Alias) -> Result<Vec<AliasChange>> {
        self.inner.alias_history(model, alias)
    }

    fn audit(&self, from: u64, limit: usize) -> Result<Vec<AuditEntry>> {
        self.inner.audit(from, limit)
    }

    fn verify(&self) -> Result<AuditHead> {
        self.inner.verify()
    }
}
