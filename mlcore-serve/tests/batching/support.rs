//! An endpoint whose model answers what it was asked, waits at a gate, and remembers its runs.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, ThreadId};
use std::time::Duration;

use mlcore::artifact::{ArtifactStore, ArtifactStoreExt, MemoryStore};
use mlcore::batch::{Batch, Tensor};
use mlcore::name::{Alias, ModelName, UnitId};
use mlcore::registry::{Change, Expected, MemoryRegistry, ModelVersion, NewVersion, RegistryExt, Stage};
use mlcore::runner::{RunOptions, Runner};
use mlcore::schema::{DType, Dim, Field, Schema, Signature};
use mlcore::time::Timestamp;
use mlcore::{Error, Result};
use mlcore_serve::Endpoint;
use mlcore_serve::batching::{Batched, Batcher, Call, Pending};
use mlcore_serve::endpoint::{Decided, EndpointBuilder, Prediction, Request};

/// What the models of a place share.
#[derive(Default)]
pub(crate) struct Watched {
    /// The rows and the thread of each run.
    pub(crate) runs: Mutex<Vec<(usize, ThreadId)>>,
    /// What each run was asked.
    pub(crate) asked: Mutex<Vec<Vec<f32>>>,
    pub(crate) at_once: AtomicUsize,
    pub(crate) most_at_once: AtomicUsize,
    is_shut: AtomicBool,
    gate: (Mutex<()>, Condvar),
}

impl Watched {
    /// Runs wait from now on.
    pub(crate) fn shut(&self) {
        self.is_shut.store(true, Ordering::SeqCst);
    }

    pub(crate) fn open(&self) {
        let _guard = self.gate.0.lock().unwrap();
        self.is_shut.store(false, Ordering::SeqCst);
        self.gate.1.notify_all();
    }

    /// The rows of each run.
    pub(crate) fn rows(&self) -> Vec<usize> {
        self.runs.lock().unwrap().iter().map(|(rows, _)| *rows).collect()
    }

    /// Waits until so many runs have begun.
    pub(crate) fn until(&self, runs: usize) {
        wait_until(|| self.runs.lock().unwrap().len() >= runs);
    }
}

pub(crate) fn wait_until(mut holds: impl FnMut() -> bool) {
    let waits = (0..20_000).take_while(|_| !holds());
    let rounds = waits.map(|_| thread::sleep(Duration::from_micros(500))).count();
    assert!(rounds < 20_000, "it never came");
}

/// Answers its inputs under the names of its outputs, and the version's number.
struct Echo {
    signature: Signature,
    number: f64,
    watched: Arc<Watched>,
}

/// Rows whose first number in `x` is one of these fail.
pub(crate) const FAILS: f32 = 13.0;
pub(crate) const PANICS: f32 = 14.0;
pub(crate) const HANGS: f32 = 15.0;

impl Runner for Echo {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn run(&self, inputs: &Batch, options: &RunOptions) -> Result<Batch> {
        inputs.check(&self.signature.inputs)?;
        let rows = inputs.rows().unwrap_or(1);
        self.watched.runs.lock().unwrap().push((rows, thread::current().id()));
        let now = self.watched.at_once.fetch_add(1, Ordering::SeqCst) + 1;
        self.watched.most_at_once.fetch_max(now, Ordering::SeqCst);
        let mut guard = self.watched.gate.0.lock().unwrap();
        while self.watched.is_shut.load(Ordering::SeqCst) {
            guard = self.watched.gate.1.wait(guard).unwrap();
        }
        drop(guard);
        self.watched.at_once.fetch_sub(1, Ordering::SeqCst);
        let x = inputs.find("x").and_then(|x| x.values::<f32>().ok()).unwrap_or_default();
        self.watched.asked.lock().unwrap().push(x.to_vec());
        if x.contains(&HANGS) {
            let most = options.timeout.unwrap_or(Duration::from_secs(5));
            thread::sleep(most);
            return Err(Error::timeout("run model", "m", "it hangs on 15"));
        }
        assert!(!x.contains(&PANICS), "the runner panics on 14, as it should in this test");
        if x.contains(&FAILS) {
            return Err(Error::internal("run model", "m", "it fails on 13"));
        }
        let same = inputs.iter().map(|(name, tensor)| (format!("{name}_out"), tensor.clone()));
        let number = self.signature.outputs.field("version").map(|field| {
            let shape = if field.shape().first() == Some(&Dim::Dynamic) { vec![rows] } else { vec![1] };
            let count = shape.iter().product();
            ("version".to_owned(), Tensor::new(shape, vec![self.number; count]).unwrap())
        });
        Batch::new(same.chain(number))
    }
}

pub(crate) fn any(name: &str, dtype: DType) -> Field {
    Field::tensor(name, dtype, [Dim::Dynamic, Dim::Dynamic])
}

/// The signature of a model that answers these inputs and its version's number.
pub(crate) fn echoes(inputs: impl IntoIterator<Item = Field>) -> Signature {
    let inputs: Vec<Field> = inputs.into_iter().collect();
    let outputs = inputs
        .iter()
        .map(|field| Field::tensor(format!("{}_out", field.name()), field.dtype(), field.shape().to_vec()));
    let number = Field::tensor("version", DType::Float64, [Dim::Dynamic]);
    Signature::new(
        Schema::new(inputs.clone()).unwrap(),
        Schema::new(outputs.chain([number]).collect::<Vec<_>>()).unwrap(),
    )
}

pub(crate) struct Place {
    pub(crate) registry: Arc<MemoryRegistry>,
    pub(crate) watched: Arc<Watched>,
    pub(crate) endpoint: Endpoint,
}

pub(crate) fn name() -> ModelName {
    ModelName::new("m").unwrap()
}

pub(crate) fn unit() -> UnitId {
    UnitId::new("somebody").unwrap()
}

fn change() -> Change {
    Change::new("test", Timestamp::from_millis(1))
}

impl Place {
    pub(crate) fn new() -> Self {
        Self::of(echoes([any("x", DType::Float32)]), |builder| builder)
    }

    /// Of a model with two versions, of which the first is the champion.
    pub(crate) fn of(signature: Signature, options: impl FnOnce(EndpointBuilder) -> EndpointBuilder) -> Self {
        let (registry, artifacts) = (Arc::new(MemoryRegistry::new()), Arc::new(MemoryStore::new()));
        registry.create_model(name(), &change()).unwrap();
        for number in 1..=2_u8 {
            let artifact = artifacts.put_bytes(&[number]).unwrap();
            let new = NewVersion::new(name(), artifact, signature.clone()).with_format("test");
            let version = registry.create_version(new, &change()).unwrap().version;
            registry.transition(&name(), version, Stage::Dev, Stage::Staging, &change()).unwrap();
        }
        let watched = Arc::<Watched>::default();
        let place = Self {
            endpoint: {
                point(&registry, 1);
                let shared = watched.clone();
                let load = move |version: &ModelVersion, _: &dyn ArtifactStore| {
                    let number = version.version.get() as f64;
                    let (signature, watched) = (signature.clone(), shared.clone());
                    Ok(Arc::new(Echo { signature, number, watched }) as Arc<dyn Runner>)
                };
                let builder = Endpoint::builder(name(), registry.clone(), artifacts).with_loader(load);
                options(builder).build().unwrap()
            },
            registry,
            watched,
        };
        place.watched.runs.lock().unwrap().clear();
        place
    }

    /// Lets the champion be this version, and follows.
    pub(crate) fn swap(&self, version: u64) {
        point(&self.registry, version);
        self.endpoint.refresh().unwrap();
    }
}

fn point(registry: &MemoryRegistry, version: u64) {
    let version = mlcore::name::Version::new(version).unwrap();
    let champion = Alias::new("champion").unwrap();
    registry.set_alias(&name(), &champion, Some(version), Expected::Any, &change()).unwrap();
}

/// Rows whose numbers are these, one each.
pub(crate) fn rows(values: &[f32]) -> Batch {
    Batch::single("x", Tensor::new([values.len(), 1], values.to_vec()).unwrap())
}

/// A request that was begun.
pub(crate) struct Begun {
    decided: Decided,
    inputs: Batch,
    pub(crate) pending: Pending,
}

/// Begins a request on a thread of the batcher.
pub(crate) fn begin(place: &Place, batcher: &Batcher, inputs: Batch, call: Call) -> Begun {
    let unit = unit();
    let decided = place.endpoint.decide(Request::tensors(&unit, &inputs));
    let pending = batcher.run(&decided, Request::tensors(&unit, &inputs), call.with_elsewhere(true));
    Begun { decided, inputs, pending }
}

/// Waits for its answer, and records it.
pub(crate) fn end(place: &Place, begun: Begun) -> Result<Prediction> {
    let Batched { answer, .. } = begun.pending.wait();
    place.endpoint.record(begun.decided, Request::tensors(&unit(), &begun.inputs), answer)
}

/// Shuts the gate behind a request that runs, so that others gather.
pub(crate) fn occupy(place: &Place, batcher: &Batcher) -> Begun {
    place.watched.shut();
    let begun = begin(place, batcher, rows(&[0.0]), Call::default());
    place.watched.until(1);
    begun
}
