//! A model behind a feature plan, which other tests ask as well.

use std::sync::Arc;

use mlcore::arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use mlcore::artifact::{ArtifactStore, ArtifactStoreExt, MemoryStore};
use mlcore::batch::{Batch, Tensor};
use mlcore::name::{Alias, ModelName};
use mlcore::registry::{Change, Expected, Lineage, MemoryRegistry, ModelVersion, NewVersion, RegistryExt};
use mlcore::runner::{FunctionRunner, Runner};
use mlcore::schema::{DType, Dim, Field, Schema, Signature};
use mlcore::time::Timestamp;
use mlcore_features::pipeline::{ColumnTransformer, Plan};
use mlcore_features::transform::{OneHotEncoder, StandardScaler};
use mlcore_serve::Endpoint;
use mlcore_serve::endpoint::EndpointBuilder;

fn plan() -> Plan {
    let ages = Float64Array::from(vec![20.0, 40.0, 60.0]);
    let plans = StringArray::from(vec!["free", "pro", "free"]);
    let table = RecordBatch::try_from_iter([("age", Arc::new(ages) as ArrayRef), ("plan", Arc::new(plans))]);
    ColumnTransformer::new()
        .with("scale", StandardScaler::default(), ["age"])
        .with("encode", OneHotEncoder::default(), ["plan"])
        .fit(&table.unwrap())
        .unwrap()
}

/// Answers the first feature as the score, and a pair of scores.
fn load(version: &ModelVersion, _: &dyn ArtifactStore) -> mlcore::Result<Arc<dyn Runner>> {
    Ok(Arc::new(FunctionRunner::new(version.signature.clone(), |inputs| {
        let features = inputs.tensor("input")?.values::<f32>()?;
        let score: Vec<f64> = features.chunks(3).map(|row| f64::from(row[0])).collect();
        let pair: Vec<f32> = features.chunks(3).flat_map(|row| [row[1], row[2]]).collect();
        let rows = score.len();
        Batch::new([("score", Tensor::column(score)), ("pair", Tensor::new([rows, 2], pair)?)])
    })))
}

/// An endpoint of the model `m` with this plan.
fn planned(plan: &Plan, inputs: Vec<Field>, outputs: Vec<Field>) -> EndpointBuilder {
    let (change, name) = (Change::new("test", Timestamp::from_millis(1)), ModelName::new("m").unwrap());
    let (registry, artifacts) = (Arc::new(MemoryRegistry::new()), Arc::new(MemoryStore::new()));
    let stored = artifacts.put_bytes(&plan.to_bytes().unwrap()).unwrap();
    let lineage = Lineage::default().with_plan(plan.digest().parse().unwrap(), stored);
    let signature = Signature::new(Schema::new(inputs).unwrap(), Schema::new(outputs).unwrap());
    registry.create_model(name.clone(), &change).unwrap();
    let artifact = artifacts.put_bytes(b"model").unwrap();
    let new = NewVersion::new(name.clone(), artifact, signature).with_lineage(lineage);
    let version = registry.create_version(new, &change).unwrap().version;
    let champion = Alias::new("champion").unwrap();
    registry.set_alias(&name, &champion, Some(version), Expected::Any, &change).unwrap();
    Endpoint::builder(name, registry, artifacts)
}

/// A model whose plan reads an age and a plan, and makes one matrix of them.
pub(crate) fn endpoint() -> EndpointBuilder {
    let dense = |name, width| Field::tensor(name, DType::Float32, [Dim::Dynamic, Dim::Fixed(width)]);
    let score = Field::tensor("score", DType::Float64, [Dim::Dynamic]);
    planned(&plan(), vec![dense("input", 3)], vec![score, dense("pair", 2)])
        .with_loader(load)
        .with_loss_function(|outputs, label| Ok((outputs.tensor("score")?.values::<f64>()?[0] - label).abs()))
}

/// A model that takes an age that its plan has scaled, under the same name, and repeats it.
pub(crate) fn same_names() -> EndpointBuilder {
    let ages = Arc::new(Float64Array::from(vec![20.0, 60.0])) as ArrayRef;
    let plan = ColumnTransformer::new()
        .with("scale", StandardScaler::default(), ["age"])
        .verbose_feature_names_out(false)
        .fit(&RecordBatch::try_from_iter([("age", ages)]).unwrap())
        .unwrap();
    let load = |version: &ModelVersion, _: &dyn ArtifactStore| {
        let run = |inputs: &Batch| Ok(Batch::single("scaled", inputs.tensor("age")?.clone()));
        Ok(Arc::new(FunctionRunner::new(version.signature.clone(), run)) as Arc<dyn Runner>)
    };
    let column = |name| Field::tensor(name, DType::Float64, [Dim::Dynamic]);
    planned(&plan, vec![column("age")], vec![column("scaled")]).with_loader(load)
}
