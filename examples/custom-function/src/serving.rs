//! A model that takes the plan's features, and an endpoint that serves both.

use std::sync::Arc;
use std::time::SystemTime;

use mlcore::Result;
use mlcore::artifact::{ArtifactStore, ArtifactStoreExt, MemoryStore};
use mlcore::batch::{Batch, Tensor};
use mlcore::name::{Alias, ModelName};
use mlcore::registry::{
    Change, Expected, Lineage, MemoryRegistry, ModelVersion, NewVersion, RegistryExt, Stage,
};
use mlcore::runner::{FunctionRunner, Runner};
use mlcore::schema::{DType, Dim, Field, Schema, Signature};
use mlcore_features::pipeline::Plan;
use mlcore_features::transform::custom::Functions;
use mlcore_serve::Endpoint;

/// Registers a version with this plan, and serves it with these functions.
pub fn serve(plan: &Plan, functions: Functions) -> Result<Endpoint> {
    let (registry, artifacts) = (Arc::new(MemoryRegistry::new()), Arc::new(MemoryStore::new()));
    let (fraud, champion) = (ModelName::new("fraud")?, Alias::new("champion")?);
    let change = Change::new("ana", SystemTime::now().into());
    let inputs = Field::tensor("features", DType::Float64, [Dim::Dynamic, Dim::Fixed(plan.width())]);
    let outputs = Field::column("score", DType::Float64);
    let signature = Signature::new(Schema::new([inputs])?, Schema::new([outputs])?);
    let lineage =
        Lineage::default().with_plan(plan.digest().parse()?, artifacts.put_bytes(&plan.to_bytes()?)?);
    let weights = artifacts.put_bytes(b"2 0.25 -3 0.5")?;
    let new = NewVersion::new(fraud.clone(), weights, signature).with_format("weights").with_lineage(lineage);
    registry.create_model(&fraud, &change)?;
    let version = registry.create_version(new, &change)?.version;
    registry.transition(&fraud, version, Stage::Dev, Stage::Staging, &change)?;
    registry.set_alias(&fraud, &champion, Some(version), Expected::Absent, &change)?;
    Endpoint::builder(fraud, registry, artifacts).with_loader(weighted).with_functions(functions).build()
}

/// Loads a model of one weight for each feature.
fn weighted(version: &ModelVersion, artifacts: &dyn ArtifactStore) -> Result<Arc<dyn Runner>> {
    let bytes = artifacts.read(&version.artifact)?;
    let words = String::from_utf8_lossy(&bytes).into_owned();
    let weights: Vec<f64> = words.split_whitespace().map(|word| word.parse().unwrap_or(f64::NAN)).collect();
    Ok(Arc::new(FunctionRunner::new(version.signature.clone(), move |inputs: &Batch| {
        let rows = inputs.tensor("features")?.values::<f64>()?.chunks(weights.len());
        let scores = rows.map(|row| row.iter().zip(&weights).map(|(value, weight)| value * weight).sum());
        Ok(Batch::single("score", Tensor::column(scores.collect::<Vec<f64>>())))
    })))
}
