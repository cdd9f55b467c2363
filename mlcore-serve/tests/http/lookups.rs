//! Entities over HTTP: as inputs of the protocol that have the names of join keys, and beside raw records.

use std::sync::Arc;

use http::{Method, StatusCode};
use mlcore::schema::{DType, Field};
use mlcore::time::Timestamp;
use mlcore_features::store::key::EntityKey;
use mlcore_features::store::online::{
    Cell, Entry, MemoryStore, OnlineStore, PreparedQuery, Stamp, Table, TableId, WriteBatch,
};
use mlcore_serve::batching::BatchOptions;
use mlcore_serve::endpoint::{FeatureLookup, FeatureStatus, OnMissing};
use mlcore_serve::models::Models;
use serde_json::{Value, json};

use crate::planned;
use crate::support::Place;

/// The plan's `plan` is looked up: of user 1 it is `pro`, of others `free`.
fn lookup() -> FeatureLookup {
    let users = Table::new(TableId::new("shop", "users", 1).unwrap(), [Field::column("plan", DType::String)])
        .unwrap();
    let (store, now) = (Arc::new(MemoryStore::new()), Timestamp::from(std::time::SystemTime::now()));
    let row = users.pack(Stamp::new(now, now), &[Cell::from("pro")]).unwrap();
    let key = EntityKey::one("user_id", 1).unwrap();
    store.write(&users, &WriteBatch::rows(&[Entry::new(key, row)])).unwrap();
    let query = PreparedQuery::new(store, [(&users, "plan")]).unwrap();
    let lookup = FeatureLookup::new(Arc::new(query), [Field::column("user_id", DType::Int64)]).unwrap();
    [FeatureStatus::NullValue, FeatureStatus::NotFound, FeatureStatus::OutsideMaxAge]
        .into_iter()
        .fold(lookup.with_default("plan", "free").unwrap(), |lookup, status| {
            lookup.with_missing(status, OnMissing::Default).unwrap()
        })
}

#[expect(clippy::needless_pass_by_value, reason = "a test reads better with the values in place")]
fn column(name: &str, datatype: &str, data: Value) -> Value {
    let rows = data.as_array().unwrap().len();
    json!({"name": name, "shape": [rows, 1], "datatype": datatype, "data": data})
}

/// The pairs that the plan makes of `free` and `pro`.
fn pairs(answer: &Value) -> Vec<f64> {
    let outputs = answer["outputs"].as_array().unwrap();
    let pair = outputs.iter().find(|output| output["name"] == "pair").unwrap();
    pair["data"].as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

fn check(place: &Place) {
    let ages = column("age", "FP64", json!([20.0, 40.0]));
    let body = json!({"id": "r", "inputs": [column("user_id", "INT64", json!([1, 2])), ages]});
    let (status, answer) = place.post("/v2/models/m/infer", &body);
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!(pairs(&answer), [0.0, 1.0, 1.0, 0.0]);
    assert!(answer["parameters"]["mlcore-arm"] == "champion", "{answer}");
    // One entity for all rows.
    let ages = column("age", "FP64", json!([20.0, 40.0]));
    let body = json!({"inputs": [ages, column("user_id", "INT64", json!([1]))]});
    assert_eq!(pairs(&place.post("/v2/models/m/infer", &body).1), [0.0, 1.0, 0.0, 1.0]);

    for (inputs, expected) in [
        (
            json!([column("user_id", "INT64", json!([1, 2, 3])), column("age", "FP64", json!([1.0, 2.0]))]),
            "there are 3",
        ),
        (
            json!([column("user_id", "BYTES", json!(["1"])), column("age", "FP64", json!([1.0]))]),
            "another type",
        ),
        (json!([column("user_id", "FP64", json!([1.0])), column("age", "FP64", json!([1.0]))]), "is no key"),
        (json!([column("user_id", "INT64", json!([1]))]), "age"),
        (
            json!([column("user_id", "INT64", json!([1])), {"name": "input", "shape": [1, 3], "datatype": "FP32", "data": [1, 2, 3]}]),
            "raw columns beside the join keys",
        ),
    ] {
        let (status, answer) = place.post("/v2/models/m/infer", &json!({ "inputs": inputs }));
        let told = answer.to_string();
        assert!(status == StatusCode::BAD_REQUEST && told.contains(expected), "{status} {told}");
    }

    let path = "/mlcore/models/m/predict";
    let body = json!({"records": [{"age": 20.0}, {"age": 40}], "entities": [{"user_id": 2}, {"user_id": 1}]});
    let (status, answer) = place.post(path, &body);
    assert_eq!(status, StatusCode::OK, "{answer}");
    let told: Vec<&Value> =
        answer["predictions"].as_array().unwrap().iter().map(|row| &row["pair"]).collect();
    assert_eq!(told, [&json!([1.0, 0.0]), &json!([0.0, 1.0])]);
    let (status, answer) =
        place.post(path, &json!({"records": [{"age": 20.0}], "entities": [{"user_id": 1}]}));
    assert_eq!((status, &answer["predictions"][0]["pair"]), (StatusCode::OK, &json!([0.0, 1.0])), "{answer}");
    for (body, expected) in [
        (
            json!({"records": [{"age": 20.0, "plan": "pro"}], "entities": [{"user_id": 1}]}),
            "plan: the request brings",
        ),
        (json!({"records": [{"age": 20.0}], "entities": [{"user": 1}]}), "does not have this join key"),
        (
            json!({"records": [{"age": 20.0}], "entities": [{"user_id": [1]}]}),
            "no number, text or truth value",
        ),
        (json!({"records": [], "entities": []}), "there are none"),
    ] {
        let (status, answer) = place.post(path, &body);
        let told = answer.to_string();
        assert!(status == StatusCode::BAD_REQUEST && told.contains(expected), "{status} {told}");
    }
    assert_eq!(place.ask(Method::GET, "/v2/health/live", &[], b"").status, StatusCode::OK);
}

#[test]
fn entities_are_inputs_of_the_protocol_and_beside_records() {
    check(&Place::of(planned::endpoint().with_lookup(lookup())));
}

#[test]
fn entities_of_batched_requests_are_looked_up_too() {
    let place = Place::of(planned::endpoint().with_lookup(lookup()));
    let models = Models::new();
    models.insert_batched(place.endpoint.clone(), BatchOptions::default()).unwrap();
    check(&place.with_models(models));
}

#[cfg(feature = "validate")]
#[test]
fn what_does_not_meet_the_suite_is_a_bad_request() {
    use mlcore_features::validate::{Check, Suite};
    use mlcore_serve::endpoint::RequestValidation;

    let suite = Suite::new("ages")
        .with(Check::ColumnValuesToBeBetween { column: "age".into(), bounds: (0..=120).into() });
    let place = Place::of(planned::endpoint().with_validation(RequestValidation::new(suite)));
    let ask = |age: f64| {
        place.post("/mlcore/models/m/predict", &json!({"records": [{"age": age, "plan": "free"}]}))
    };
    assert_eq!(ask(30.0).0, StatusCode::OK);
    let (status, answer) = ask(300.0);
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(answer.to_string().contains("column_values_to_be_between(age"), "{answer}");
}
