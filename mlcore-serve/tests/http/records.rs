//! Raw records by name, and what came of them.

use std::sync::Arc;

use http::StatusCode;
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
use serde_json::{Value, json};

use crate::support::Place;

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

fn endpoint() -> EndpointBuilder {
    let (change, name) = (Change::new("test", Timestamp::from_millis(1)), ModelName::new("m").unwrap());
    let (registry, artifacts) = (Arc::new(MemoryRegistry::new()), Arc::new(MemoryStore::new()));
    let plan = plan();
    let stored = artifacts.put_bytes(&plan.to_bytes().unwrap()).unwrap();
    let lineage = Lineage::default().with_plan(plan.digest().parse().unwrap(), stored);
    let dense = |name, width| Field::tensor(name, DType::Float32, [Dim::Dynamic, Dim::Fixed(width)]);
    let score = Field::tensor("score", DType::Float64, [Dim::Dynamic]);
    let signature = Signature::new(
        Schema::new([dense("input", 3)]).unwrap(),
        Schema::new([score, dense("pair", 2)]).unwrap(),
    );
    registry.create_model(name.clone(), &change).unwrap();
    let artifact = artifacts.put_bytes(b"model").unwrap();
    let new = NewVersion::new(name.clone(), artifact, signature).with_lineage(lineage);
    let version = registry.create_version(new, &change).unwrap().version;
    let champion = Alias::new("champion").unwrap();
    registry.set_alias(&name, &champion, Some(version), Expected::Any, &change).unwrap();
    Endpoint::builder(name, registry, artifacts)
        .with_loader(load)
        .with_loss_function(|outputs, label| Ok((outputs.tensor("score")?.values::<f64>()?[0] - label).abs()))
}

const PREDICT: &str = "/mlcore/models/m/predict";
const OUTCOMES: &str = "/mlcore/models/m/outcomes";

#[test]
fn records_are_answered_row_by_row_with_what_their_outcome_needs() {
    let place = Place::of(endpoint());
    let records = json!([{"age": 40, "plan": "pro"}, {"plan": "free", "age": 60.0}]);
    let (status, answer) = place.post(PREDICT, &json!({"records": records, "unit": "user-17"}));
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!(
        (&answer["model"], &answer["version"], &answer["arm"]),
        (&"m".into(), &1.into(), &"champion".into())
    );
    let predictions = answer["predictions"].as_array().unwrap();
    assert_eq!(predictions[0], json!({"score": 0.0, "pair": [0.0, 1.0]}));
    assert_eq!(predictions[1]["pair"], json!([1.0, 0.0]));
    // One record alone goes another way, and says the same.
    let (_, one) = place.post(PREDICT, &json!({"records": [records[1]]}));
    assert_eq!(one["predictions"][0], predictions[1]);
    let (status, _) = place.post("/mlcore/models/m/versions/1/predict", &json!({"records": records}));
    assert_eq!(status, StatusCode::OK);
    assert_eq!(
        place.post("/mlcore/models/m/versions/2/predict", &json!({"records": records})).0,
        StatusCode::NOT_FOUND
    );
}

#[test]
fn outcomes_find_their_predictions_by_either_name() {
    let place = Place::of(endpoint());
    let record = json!({"age": 40, "plan": "pro"});
    let (_, answer) = place.post(PREDICT, &json!({"records": [record], "id": "order-1"}));
    let id = answer["outcome_id"].clone();
    let (_, other) = place.post(PREDICT, &json!({"records": [record]}));
    place.endpoint.process();
    let outcomes = json!([{"id": "order-1", "label": 1}, {"outcome_id": other["outcome_id"], "label": 0.5}]);
    assert_eq!(place.post(OUTCOMES, &json!({"outcomes": outcomes})), (StatusCode::OK, json!({"taken": 2})));
    place.endpoint.process();
    assert_eq!((place.endpoint.counts().outcomes, place.endpoint.counts().orphans), (2, 0));
    for (wrong, words) in [
        (json!({"label": 1}), "one of outcome_id and id"),
        (json!({"outcome_id": id, "id": "order-1", "label": 1}), "one of outcome_id and id"),
        (json!({"outcome_id": id}), "it needs a label"),
        (json!({"outcome_id": "xyz", "label": 1}), "body"),
        (json!({"outcome_id": id, "label": 1, "other": 2}), "other"),
    ] {
        let (status, refused) = place.post(OUTCOMES, &json!({"outcomes": [wrong]}));
        assert_eq!(status, StatusCode::BAD_REQUEST, "{wrong}");
        assert!(refused["error"].as_str().unwrap().contains(words), "{refused}");
    }
}

#[test]
fn what_a_record_lacks_is_told_with_its_place() {
    let place = Place::of(endpoint());
    let fine = json!({"age": 40, "plan": "pro"});
    let of = |records: Value| place.post(PREDICT, &json!({ "records": records }));
    for (records, words) in [
        (json!([]), "there are none"),
        (json!([fine, {"age": "old", "plan": "pro"}]), "record 1, age"),
        (json!([{"age": 40, "plan": "pro", "aeg": 1}]), "aeg"),
        (json!([{"age": 40}]), "plan"),
        (json!([fine, {"age": 40}]), "plan"),
        (json!([fine, 3]), "record 1"),
        (json!({"age": 40}), "body"),
    ] {
        let (status, refused) = of(records.clone());
        assert_eq!(status, StatusCode::BAD_REQUEST, "{records}: {refused}");
        assert!(refused["error"].as_str().unwrap().contains(words), "{records}: {refused}");
    }
    let (status, refused) = place.post(PREDICT, &json!({"records": [fine], "units": "x"}));
    assert!(
        status == StatusCode::BAD_REQUEST && refused["error"].as_str().unwrap().contains("units"),
        "{refused}"
    );
    // A model of tensors alone says what to send instead.
    let (status, refused) = Place::new().post(PREDICT, &json!({"records": [{"x": 1}]}));
    assert_eq!(status, StatusCode::BAD_REQUEST, "{refused}");
}

/// The protocol's own route still takes what the model takes.
#[test]
fn tensors_pass_the_plan_by() {
    let place = Place::of(endpoint().with_loss_function(|_, _| Ok(0.0)));
    let body =
        json!({"inputs": [{"name": "input", "shape": [1, 3], "datatype": "FP32", "data": [0.5, 1, 0]}]});
    let (status, answer) = place.post("/v2/models/m/infer", &body);
    assert_eq!((status, &answer["outputs"][0]["data"]), (StatusCode::OK, &json!([0.5])));
}

#[test]
fn the_first_protocol_of_kserve_takes_records_rows_and_named_inputs() {
    let place = Place::of(endpoint());
    let of = |place: &Place, instances: Value| {
        place.post("/v1/models/m:predict", &json!({ "instances": instances }))
    };
    assert_eq!(place.get("/v1/models"), (StatusCode::OK, json!({"models": ["m"]})));
    assert_eq!(place.get("/v1/models/m"), (StatusCode::OK, json!({"name": "m", "ready": true})));
    assert_eq!(place.get("/v1/models/none").0, StatusCode::NOT_FOUND);
    let records = json!([{"age": 40, "plan": "pro"}, {"age": 40, "plan": "free"}]);
    let expected =
        json!({"predictions": [{"score": 0.0, "pair": [0.0, 1.0]}, {"score": 0.0, "pair": [1.0, 0.0]}]});
    assert_eq!(of(&place, records), (StatusCode::OK, expected.clone()));
    assert_eq!(of(&place, json!([[0, 0, 1], [0, 1, 0]])), (StatusCode::OK, expected));
    for (instances, words) in [
        (json!([]), "there are none"),
        (json!([[0, 0, 1], [0, 1]]), "input input"),
        (json!([[0, 0], [0, 1]]), "input"),
        (json!([["a", 0, 1]]), "element 0"),
        (json!([{"age": 40, "plan": "pro"}, [0, 0, 1]]), "expected an element"),
    ] {
        let (status, refused) = of(&place, instances.clone());
        assert_eq!(status, StatusCode::BAD_REQUEST, "{instances}: {refused}");
        assert!(refused["error"].as_str().unwrap().contains(words), "{instances}: {refused}");
    }
    // Without a plan an object names inputs.
    let plain = Place::new();
    let (status, answer) = of(&plain, json!([{"x": [0.5, 1]}, {"x": [2, 3]}]));
    let expected = json!({"predictions": [{"y": 1.0, "text": "0.5"}, {"y": 1.0, "text": "2"}]});
    assert_eq!((status, answer), (StatusCode::OK, expected));
    for (instances, words) in [(json!([{"z": 1}]), "no input z"), (json!([{"x": [1, 2]}, {}]), "instance 1")]
    {
        let (status, refused) = of(&plain, instances);
        assert!(
            status == StatusCode::BAD_REQUEST && refused["error"].as_str().unwrap().contains(words),
            "{refused}"
        );
    }
}
