//! The suites of mlcore, run by a stranger on what a stranger made.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::fs::File;

use mlcore::artifact::{ArtifactStoreExt, MemoryStore};
use mlcore::batch::{Batch, Tensor};
use mlcore::conformance::{Persistence, Stickiness, artifact_store, registry, rollout_policy, runner};
use mlcore::name::{Arm, ModelName};
use mlcore::registry::{Change, MemoryRegistry, ModelVersion, NewVersion, Registry, RegistryExt};
use mlcore::schema::{DType, Field, Schema, Signature};
use mlcore::time::Timestamp;
use mlcore_drift::conformance::drift_test;
use mlcore_serve::conformance::{model_loader, record_sink};
use mlcore_serve::endpoint::ModelLoader;
use outside::drift::MeanShift;
use outside::policy::HalfUntil;
use outside::serving::{JsonLines, LinearLoader};
use outside::storage::{LineRegistry, Shelf};

fn registered(artifacts: &MemoryStore) -> ModelVersion {
    let column = |name| Field::column(name, DType::Float64);
    let inputs = Schema::new([column("age"), column("visits")]).unwrap();
    let signature = Signature::new(inputs, Schema::new([column("risk")]).unwrap());
    let weights = artifacts.put_bytes(b"[0.01, 0.2]").unwrap();
    let new = NewVersion::new(ModelName::new("risk").unwrap(), weights, signature).with_format("linear");
    let change = Change::new("ana", Timestamp::from_millis(0));
    let registry = MemoryRegistry::new();
    let version = registry.register(artifacts, new, &change).unwrap().version;
    registry.version(&ModelName::new("risk").unwrap(), version).unwrap()
}

#[test]
fn models_and_their_loader() {
    let artifacts = MemoryStore::new();
    let version = registered(&artifacts);
    model_loader(&LinearLoader, &version, &artifacts);
    let ages = Tensor::column(vec![20.0, 40.0, 60.0]);
    let sample = Batch::new([("age", ages), ("visits", Tensor::column(vec![3.0, 0.0, 1.0]))]).unwrap();
    runner(&LinearLoader.load(&version, &artifacts).unwrap(), &sample);
}

#[test]
fn record_sinks() {
    let mut sink = JsonLines(Vec::new(), 0);
    record_sink(&mut sink);
    assert!(sink.1 == 0 && sink.0.ends_with(b"}\n"));
}

#[test]
fn rollout_policies() {
    rollout_policy(
        || HalfUntil { trial: (Arm::new("challenger").unwrap(), 3), failures: 0.into() },
        Stickiness::Unit,
    );
}

#[test]
fn drift_tests() {
    drift_test(&MeanShift);
}

#[test]
fn artifact_stores() {
    artifact_store(Persistence::Ephemeral, |_| Box::new(Shelf::default()));
}

#[test]
fn registries() {
    let folder = tempfile::tempdir().unwrap();
    registry(Persistence::Exclusive, |place| {
        let path = folder.path().join(format!("{place}.log"));
        let file = File::options().read(true).append(true).create(true).open(path).unwrap();
        Box::new(LineRegistry::try_from(file).unwrap())
    });
}
