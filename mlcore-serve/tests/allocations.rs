//! A warm request allocates what its model and its input do, and nothing else.

use std::sync::Arc;

use mlcore::arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use mlcore::artifact::{ArtifactStore, ArtifactStoreExt, MemoryStore};
use mlcore::batch::{Batch, Row, Tensor, Value};
use mlcore::name::{Alias, ModelName, UnitId};
use mlcore::registry::{Change, Expected, Lineage, MemoryRegistry, ModelVersion, NewVersion, RegistryExt};
use mlcore::runner::{FunctionRunner, RunOptions, Runner};
use mlcore::schema::{DType, Dim, Field, Schema, Signature};
use mlcore::time::Timestamp;
use mlcore_features::pipeline::ColumnTransformer;
use mlcore_features::store::key::EntityKey;
use mlcore_features::store::online::{
    Cell, Entry, MemoryStore as OnlineMemory, OnlineStore, PreparedQuery, Stamp, Table, TableId, WriteBatch,
};
use mlcore_features::transform::{HandleUnknown, OneHotEncoder, StandardScaler};
use mlcore_serve::Endpoint;
use mlcore_serve::endpoint::{FeatureLookup, Record, Request};

#[path = "../../benches/src/allocations.rs"]
mod allocations;

const CALLS: u64 = 1_000;

fn allocations_per_call(mut call: impl FnMut()) -> f64 {
    let before = allocations::of_this_thread();
    (0..CALLS).for_each(|_| call());
    (allocations::of_this_thread() - before) as f64 / CALLS as f64
}

/// What 1,000 warm requests allocate, without what `process` does.
fn spent(endpoint: &Endpoint, mut predict: impl FnMut()) -> f64 {
    for _ in 0..2 {
        (0..100).for_each(|_| predict());
        endpoint.process();
    }
    let mut spent = 0;
    for _ in 0..CALLS / 100 {
        let before = allocations::of_this_thread();
        (0..100).for_each(|_| predict());
        spent += allocations::of_this_thread() - before;
        endpoint.process();
    }
    spent as f64 / CALLS as f64
}

#[test]
fn what_is_looked_up_allocates_nothing_beside_the_same_that_is_sent() {
    let columns: [(&str, ArrayRef, bool); 3] = [
        ("amount", Arc::new(Float64Array::from(vec![1.0, 3.0])), false),
        ("trips", Arc::new(Float64Array::from(vec![Some(0.0), None])), true),
        ("city", Arc::new(StringArray::from(vec![Some("Porto"), None])), true),
    ];
    let table = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
    let plan = ColumnTransformer::new()
        .with("scale", StandardScaler::default(), ["amount", "trips"])
        .with("encode", OneHotEncoder::default().handle_unknown(HandleUnknown::Ignore), ["city"])
        .fit(&table)
        .unwrap();
    let x = Field::tensor("x", DType::Float64, [Dim::Dynamic, Dim::Fixed(plan.width())]);
    let y = Field::tensor("y", DType::Float64, [Dim::Dynamic]);
    let signature = Signature::new(Schema::new([x]).unwrap(), Schema::new([y]).unwrap());
    let builder = || {
        let (registry, artifacts) = (Arc::new(MemoryRegistry::new()), Arc::new(MemoryStore::new()));
        let (name, change) = (ModelName::new("m").unwrap(), Change::new("test", Timestamp::from_millis(0)));
        let stored = artifacts.put_bytes(&plan.to_bytes().unwrap()).unwrap();
        let lineage = Lineage::default().with_plan(plan.digest().parse().unwrap(), stored);
        let new = NewVersion::new(name.clone(), artifacts.put_bytes(b"").unwrap(), signature.clone());
        let version = registry.register(&artifacts, new.with_lineage(lineage), &change).unwrap().version;
        let champion = Alias::new("champion").unwrap();
        registry.set_alias(&name, &champion, Some(version), Expected::Absent, &change).unwrap();
        let load = |version: &ModelVersion, _: &dyn ArtifactStore| {
            let answer = |_: &Batch| Ok(Batch::single("y", Tensor::from_slice([1], &[0.5_f64])?));
            Ok(Arc::new(FunctionRunner::new(version.signature.clone(), answer)) as Arc<dyn Runner>)
        };
        Endpoint::builder(name, registry, artifacts).with_loader(load).with_sink(|_: &Record| {})
    };
    let unit = UnitId::new("a").unwrap();
    let sending = builder().build().unwrap();
    let values = [Value::Float(1.0), Value::Float(3.0), Value::Text("Porto")];
    let sent =
        spent(&sending, || drop(sending.predict(Request::row(&unit, Row::unchecked(&values))).unwrap()));

    let features = [Field::column("trips", DType::Float64), Field::column("city", DType::String)];
    let drivers = Table::new(TableId::new("taxi", "drivers", 1).unwrap(), features).unwrap();
    let (store, now) = (Arc::new(OnlineMemory::new()), Timestamp::from(std::time::SystemTime::now()));
    let key = EntityKey::one("driver_id", 7).unwrap();
    let row = drivers.pack(Stamp::new(now, now), &[Cell::from(3.0), Cell::from("Porto")]).unwrap();
    store.write(&drivers, &WriteBatch::rows(&[Entry::new(key.clone(), row)])).unwrap();
    let query = PreparedQuery::new(store, [(&drivers, "trips"), (&drivers, "city")]).unwrap();
    let lookup = FeatureLookup::new(Arc::new(query), [Field::column("driver_id", DType::Int64)]).unwrap();
    let lookup = lookup.with_last_known(10, std::time::Duration::from_secs(60));
    let looking = builder().with_lookup(lookup).build().unwrap();
    let own = &values[..1];
    let request = Request::row(&unit, Row::unchecked(own)).with_entity(&key);
    let looked_up = spent(&looking, || drop(looking.predict(request).unwrap()));
    assert_eq!(looked_up, sent);
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
