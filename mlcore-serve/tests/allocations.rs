//! A warm request allocates what its model and its input do, and nothing else.

use std::sync::Arc;

use mlcore::artifact::{ArtifactStore, ArtifactStoreExt, MemoryStore};
use mlcore::batch::{Batch, Tensor};
use mlcore::name::{Alias, ModelName, UnitId};
use mlcore::registry::{Change, Expected, MemoryRegistry, ModelVersion, NewVersion, RegistryExt};
use mlcore::runner::{FunctionRunner, RunOptions, Runner};
use mlcore::schema::{DType, Field, Schema, Signature};
use mlcore::time::Timestamp;
use mlcore_serve::Endpoint;
use mlcore_serve::endpoint::{Record, Request};

#[path = "../../benches/src/allocations.rs"]
mod allocations;

const CALLS: u64 = 1_000;

fn allocations_per_call(mut call: impl FnMut()) -> f64 {
    let before = allocations::of_this_thread();
    (0..CALLS).for_each(|_| call());
    (allocations::of_this_thread() - before) as f64 / CALLS as f64
}

#[test]
fn a_request_allocates_nothing_beside_its_model() {
    let schema = |name| Schema::new([Field::column(name, DType::Float64)]).unwrap();
    let signature = Signature::new(schema("x"), schema("y"));
    let model = FunctionRunner::new(signature.clone(), |inputs| {
        Ok(Batch::single("y", Tensor::from_slice([1], inputs.tensor("x")?.values::<f64>()?)?))
    });
    let runner: Arc<dyn Runner> = Arc::new(model);
    let (registry, artifacts) = (Arc::new(MemoryRegistry::new()), Arc::new(MemoryStore::new()));
    let (name, change) = (ModelName::new("m").unwrap(), Change::new("test", Timestamp::from_millis(0)));
    let new = NewVersion::new(name.clone(), artifacts.put_bytes(b"").unwrap(), signature);
    let version = registry.register(&artifacts, new, &change).unwrap().version;
    let champion = Alias::new("champion").unwrap();
    registry.set_alias(&name, &champion, Some(version), Expected::Absent, &change).unwrap();
    let loaded = runner.clone();
    let endpoint = Endpoint::builder(name, registry, artifacts)
        .with_loader(move |_: &ModelVersion, _: &dyn ArtifactStore| Ok(loaded.clone()))
        .with_loss_function(|_, label| Ok(label))
        .with_sink(|_: &Record| {})
        .build()
        .unwrap();
    let (unit, input) = (UnitId::new("a").unwrap(), Batch::single("x", Tensor::column(vec![0.5])));

    // `process` gives the records back; a warm endpoint has enough of them.
    for _ in 0..2 {
        (0..100).for_each(|_| drop(endpoint.predict(Request::tensors(&unit, &input)).unwrap()));
        endpoint.process();
    }
    let options = RunOptions::default();
    let bare = allocations_per_call(|| drop(runner.run(&input.clone(), &options).unwrap()));
    // The record shares the tensors that came, as the model does: its list of them is one allocation.
    let recorded = allocations_per_call(|| drop(input.clone()));
    let predict = || {
        for _ in 0..100 {
            drop(endpoint.predict(Request::tensors(&unit, &input)).unwrap());
        }
    };
    let mut spent = 0;
    for _ in 0..CALLS / 100 {
        let before = allocations::of_this_thread();
        predict();
        spent += allocations::of_this_thread() - before;
        endpoint.process();
    }
    assert_eq!(spent as f64 / CALLS as f64, bare + recorded);
}
