//! A model answers: from raw data to a release, in one process.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use mlcore::arrow::array::{Float64Array, RecordBatch, StringArray};
use mlcore::artifact::{ArtifactStoreExt, FolderStore};
use mlcore::batch::{Row, Value};
use mlcore::name::{Alias, ModelName, UnitId};
use mlcore::registry::{Change, Lineage, NewVersion, Registry, RegistryExt, SqliteRegistry, Stage};
use mlcore::runner::{Runner, ort::OnnxRunner};
use mlcore_features::pipeline::ColumnTransformer;
use mlcore_features::transform::{OneHotEncoder, StandardScaler};
use mlcore_serve::Endpoint;
use mlcore_serve::endpoint::Request;

fn main() -> Result<(), Box<dyn Error>> {
    // Features are fitted into a plan.
    let table = RecordBatch::try_from_iter([
        ("age", Arc::new(Float64Array::from(vec![20.0, 40.0, 60.0])) as _),
        ("visits", Arc::new(Float64Array::from(vec![0.0, 5.0, 1.0])) as _),
        ("plan", Arc::new(StringArray::from(vec!["free", "pro", "free"])) as _),
    ])?;
    let plan = ColumnTransformer::new()
        .with("scale", StandardScaler::default(), ["age", "visits"])
        .with("encode", OneHotEncoder::default(), ["plan"])
        .fit(&table)?;

    // A version is registered with its plan, and promoted in the place of the one before it.
    let registry = Arc::new(SqliteRegistry::open("models.db")?);
    let artifacts = Arc::new(FolderStore::open("artifacts")?);
    let (churn, champion) = (ModelName::new("churn")?, Alias::new("champion")?);
    let change = Change::new("ana", SystemTime::now().into()).with_reason("release of the week");
    let onnx = std::fs::read("churn.onnx")?;
    let signature = OnnxRunner::from_bytes(&onnx)?.signature().clone();
    let lineage =
        Lineage::default().with_plan(plan.digest().parse()?, artifacts.put_bytes(&plan.to_bytes()?)?);
    let new = NewVersion::new(churn.clone(), artifacts.put_bytes(&onnx)?, signature).with_lineage(lineage);
    let version = registry.register(&artifacts, new, &change)?.version;
    registry.transition(&churn, version, Stage::Dev, Stage::Staging, &change)?;
    let before = registry.alias(&churn, &champion)?;
    registry.promote(&churn, version, &champion, before.into(), &change)?;

    // An endpoint answers; its worker does what may take time, such as joining outcomes and changing releases.
    let endpoint = Endpoint::builder(churn, registry, artifacts).build()?;
    let worker = endpoint.spawn_worker(Duration::from_millis(50), |event| println!("{}", event.kind))?;
    let (user, values) = (UnitId::new("user-17")?, [Value::from(41.0), Value::from(2.0), Value::from("pro")]);
    let prediction = endpoint.predict(Request::row(&user, Row::new(&values, plan.input())?))?;
    let probabilities = prediction.outputs.tensor("output_probability")?;
    println!("version {} says {:?}", prediction.version, probabilities.values::<f32>()?);
    endpoint.report_outcome(prediction.outcome_id, 1.0)?;
    worker.stop();
    println!("{} outcome joined", endpoint.counts().outcomes);
    Ok(())
}
