//! A model whose answers tell which version gave them, and a registry that holds several.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use mlcore::artifact::{ArtifactStore, ArtifactStoreExt, MemoryStore};
use mlcore::batch::{Batch, Tensor};
use mlcore::name::{Alias, Arm, ModelName, UnitId, Version};
use mlcore::registry::{Change, Expected, MemoryRegistry, ModelVersion, NewVersion, RegistryExt};
use mlcore::runner::{FunctionRunner, Runner};
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

    /// Registers a version: `number` answers that number for every row, `fails` fails, `chokes` says it is the inputs,
    /// `panics on load` does not load.
    pub(crate) fn register(&self, behaviour: &str) -> Version {
        let artifact = self.artifacts.put_bytes(behaviour.as_bytes()).unwrap();
        let new = NewVersion::new(model(), artifact, signature()).with_format("test");
        self.registry.create_version(new, &change("new")).unwrap().version
    }

    pub(crate) fn point(&self, name: &str, version: Version) {
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
