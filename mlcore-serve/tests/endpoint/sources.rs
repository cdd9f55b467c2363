//! Feature plans with functions of the host, from every place where a server finds its models.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use mlcore::Error;
use mlcore::arrow::array::{ArrayRef, Float64Array, RecordBatch};
use mlcore::artifact::{ArtifactStoreExt, MemoryStore};
use mlcore::registry::{Expected, Lineage, MemoryRegistry, NewVersion, RegistryExt, Stage};
use mlcore::runner::Runner;
use mlcore::runner::ort::OnnxRunner;
use mlcore_features::pipeline::{ColumnTransformer, Plan};
use mlcore_features::transform::custom::{CustomTransformer, Functions, RowFunction};
use mlcore_serve::endpoint::Request;
use mlcore_serve::models::{FolderSource, ModelSource, Models, RegistrySource, SourceOptions};

use crate::support::{alias, change, model, unit};

const COLUMNS: usize = 30;

/// Each number by two.
fn halves() -> RowFunction {
    RowFunction::new("halves", 1, (0..COLUMNS).map(|column| format!("half_{column}")), |row, features| {
        for (feature, number) in features.iter_mut().zip(row.numbers()) {
            *feature = number / 2.0;
        }
        Ok(())
    })
}

fn table() -> RecordBatch {
    let column = |column: usize| {
        let values = (0..5).map(|row| ((row * 7 + column * 3) % 11) as f64 - 5.0);
        (format!("x{column}"), Arc::new(Float64Array::from_iter_values(values)) as ArrayRef)
    };
    RecordBatch::try_from_iter((0..COLUMNS).map(column)).unwrap()
}

fn plan() -> Plan {
    let columns = (0..COLUMNS).map(|column| format!("x{column}"));
    ColumnTransformer::new().with("halves", CustomTransformer::new(halves()), columns).fit(&table()).unwrap()
}

fn onnx() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/models/runner/mlp30.onnx")
}

/// What the model answers when its features are made by the plan itself.
fn expected() -> Vec<i64> {
    let runner = OnnxRunner::from_file(onnx()).unwrap();
    let features = plan().transform_dense::<f32>(&table()).unwrap();
    let inputs = mlcore::batch::Batch::single("input", features);
    let outputs = runner.run(&inputs, &Default::default()).unwrap();
    outputs.tensor("label").unwrap().values::<i64>().unwrap().to_vec()
}

/// Serves the model with its function; without it the model is refused, and the refusal names what is lacking.
fn check<S: ModelSource + 'static>(source: impl Fn(SourceOptions) -> S) {
    let bare = Models::of(source(SourceOptions::default()));
    let refused = bare.load(&model(), &Default::default()).unwrap_err();
    assert!(matches!(refused, Error::Unsupported(_)), "{refused}");
    assert!(refused.to_string().contains("halves version 1"), "{refused}");

    let models = Models::of(source(SourceOptions::default().with_functions(Functions::new().with(halves()))));
    models.load(&model(), &Default::default()).unwrap();
    let served = models.get(model().as_str()).unwrap();
    let answer = served.endpoint().predict(Request::table(&unit(0), &Arc::new(table()))).unwrap();
    assert_eq!(answer.outputs.tensor("label").unwrap().values::<i64>().unwrap(), expected());
}

#[test]
fn a_folder_serves_plans_with_functions_of_the_host() {
    let folder = tempfile::tempdir().unwrap();
    let version = folder.path().join(model().as_str()).join("1");
    fs::create_dir_all(&version).unwrap();
    fs::copy(onnx(), version.join("model.onnx")).unwrap();
    fs::write(version.join("plan.json"), plan().to_bytes().unwrap()).unwrap();
    check(|options| FolderSource::open(folder.path(), options).unwrap());
}

#[test]
fn a_registry_serves_plans_with_functions_of_the_host() {
    let (registry, artifacts) = (Arc::new(MemoryRegistry::new()), Arc::new(MemoryStore::new()));
    let signature = OnnxRunner::from_file(onnx()).unwrap().signature().clone();
    let plan = plan();
    let stored = artifacts.put_bytes(&plan.to_bytes().unwrap()).unwrap();
    let lineage = Lineage::default().with_plan(plan.digest().parse().unwrap(), stored);
    let artifact = artifacts.put_bytes(&fs::read(onnx()).unwrap()).unwrap();
    let new = NewVersion::new(model(), artifact, signature).with_format("onnx").with_lineage(lineage);
    registry.create_model(model(), &change("new")).unwrap();
    let version = registry.create_version(new, &change("new")).unwrap().version;
    registry.transition(&model(), version, Stage::Dev, Stage::Staging, &change("trial")).unwrap();
    registry
        .set_alias(&model(), &alias("champion"), Some(version), Expected::Absent, &change("first"))
        .unwrap();
    check(|options| RegistrySource::new(registry.clone(), artifacts.clone(), options));
}
