//! MLflow's scoring server: its forms of a request, its answers and its errors.

use std::sync::Arc;

use http::{Method, StatusCode, header};
use mlcore::artifact::{ArtifactStore, ArtifactStoreExt, MemoryStore};
use mlcore::batch::Batch;
use mlcore::name::{Alias, ModelName};
use mlcore::registry::{Change, Expected, MemoryRegistry, ModelVersion, NewVersion, RegistryExt};
use mlcore::runner::{FunctionRunner, Runner};
use mlcore::schema::{DType, Dim, Field, Schema, Signature};
use mlcore::time::Timestamp;
use mlcore_serve::endpoint::EndpointBuilder;
use serde_json::{Value, json};

use crate::planned;
use crate::support::{Got, Place};

const JSON: &str = "application/json";

fn invoke(place: &Place, kind: &str, body: &str) -> (StatusCode, Value) {
    let got = place.ask(Method::POST, "/invocations", &[("content-type", kind)], body.as_bytes());
    (got.status, serde_json::from_slice(&got.body).unwrap_or(Value::Null))
}

fn ask(place: &Place, body: &Value) -> Value {
    let (status, answer) = invoke(place, JSON, &body.to_string());
    assert_eq!(status, StatusCode::OK, "{answer}");
    answer["predictions"].clone()
}

#[test]
fn each_form_reaches_the_only_input() {
    let place = Place::new();
    let records = json!([{"y": 1.0, "text": "0.5"}, {"y": 1.0, "text": "2"}]);
    let lists = json!({"y": [1.0, 1.0], "text": ["0.5", "2"]});
    let rows = json!([[0.5, 1.0], [2.0, 3.0]]);
    for (body, expected) in [
        (json!({"dataframe_split": {"columns": ["a", "b"], "index": [7, 8], "data": rows}}), &records),
        (json!({"dataframe_split": {"data": rows}}), &records),
        (json!({"dataframe_split": {"columns": [0, 1], "data": rows}}), &records),
        (json!({"dataframe_records": [{"a": 0.5, "b": 1}, {"b": 3, "a": 2}]}), &records),
        (json!({"instances": rows}), &lists),
        (json!({"instances": [{"x": [0.5, 1]}, {"x": [2, 3]}]}), &lists),
        (json!({"inputs": rows}), &lists),
        (json!({"inputs": {"x": rows}}), &lists),
        (json!({"inputs": rows, "params": {"unit": "user-17", "other": [1], "temperature": 0.5}}), &lists),
        (json!({"inputs": rows, "params": null, "more": 1}), &lists),
    ] {
        assert_eq!(ask(&place, &body), *expected, "{body}");
    }
    for (kind, text) in [
        ("text/csv", "a,b\n0.5,1\n2,3\n"),
        ("text/csv; charset=utf-8", "a,b\r\n0.5,\"1\"\r\n2,3"),
        ("text/csv;charset=UTF-8", "\u{feff}a,b\n0.5,1\n\n2,3\n"),
    ] {
        let (status, answer) = invoke(&place, kind, text);
        assert_eq!((status, &answer["predictions"]), (StatusCode::OK, &records), "{answer}");
    }
    let (status, answer) = invoke(&place, "application/json; charset=utf-8", r#"{"inputs": [[NaN, 1]]}"#);
    assert_eq!((status, &answer["predictions"]["text"]), (StatusCode::OK, &json!(["NaN"])));
    // In the order of the first record, whatever that of the others; what a record lacks is null.
    let missing = r#"{"dataframe_records": [{"b": 1, "a": null}, {"a": 2, "b": 3}, {"a": 4}]}"#;
    let (status, answer) = invoke(&place, JSON, missing);
    let texts: Vec<&Value> = (0..3).map(|row| &answer["predictions"][row]["text"]).collect();
    assert_eq!((status, texts), (StatusCode::OK, vec![&json!("1"), &json!("3"), &json!("NaN")]), "{answer}");
    assert_eq!(ask(&place, &json!({"dataframe_split": {"columns": ["a", "b"], "data": []}})), json!([]));
}

#[test]
fn a_path_names_the_model_where_there_are_several() {
    let place = Place::new();
    let body = json!({"inputs": [[0.5, 1.0]]}).to_string();
    let at = |path: &str| {
        let got = place.ask(Method::POST, path, &[("content-type", JSON)], body.as_bytes());
        (got.status, serde_json::from_slice::<Value>(&got.body).unwrap(), got.headers)
    };
    let (status, answer, headers) = at("/mlcore/models/m/versions/2/invocations");
    assert_eq!((status, &answer["predictions"]["y"]), (StatusCode::OK, &json!([2.0])));
    assert_eq!(headers["mlcore-arm"], "challenger");
    assert!(headers.contains_key("mlcore-outcome-id"));
    let (status, answer, _) = at("/mlcore/models/m/versions/3/invocations");
    assert_eq!((status, &answer["error_code"]), (StatusCode::NOT_FOUND, &json!("RESOURCE_DOES_NOT_EXIST")));
    assert_eq!(place.post("/v2/repository/models/other/load", &json!({})).0, StatusCode::OK);
    let (status, answer, _) = at("/invocations");
    assert_eq!((status, &answer["error_code"]), (StatusCode::BAD_REQUEST, &json!("BAD_REQUEST")));
    let message = answer["message"].as_str().unwrap();
    assert!(
        message.contains("2 are served here (m, other); send the request to /mlcore/models/NAME/invocations")
    );
    assert_eq!(at("/mlcore/models/m/invocations").0, StatusCode::OK);
    for name in ["m", "other"] {
        assert_eq!(place.post(&format!("/v2/repository/models/{name}/unload"), &json!({})).0, StatusCode::OK);
    }
    assert_eq!(at("/invocations").0, StatusCode::NOT_FOUND);
    assert_eq!(place.ask(Method::GET, "/ping", &[], b"").status, StatusCode::NOT_FOUND);
    assert_eq!(place.post("/v2/repository/models/broken/load", &json!({})).0, StatusCode::BAD_REQUEST);
    assert_eq!(at("/invocations").0, StatusCode::SERVICE_UNAVAILABLE);
    let got = place.ask(Method::GET, "/health", &[], b"");
    let answer: Value = serde_json::from_slice(&got.body).unwrap();
    assert_eq!(
        (got.status, &answer["error_code"]),
        (StatusCode::SERVICE_UNAVAILABLE, &json!("TEMPORARILY_UNAVAILABLE"))
    );
}

#[test]
fn probes_are_answered_in_mlflows_words() {
    let place = Place::new();
    for (path, body) in [("/ping", "\n"), ("/health", "\n"), ("/version", "3.17.2")] {
        let Got { status, headers, body: got } = place.ask(Method::GET, path, &[], b"");
        assert_eq!((status, &*got), (StatusCode::OK, body.as_bytes()), "{path}");
        assert_eq!(headers[header::CONTENT_TYPE], JSON);
    }
    // It still answers, so that whoever restarts what is dead leaves it alone.
    place.service.models().set_draining(true);
    assert_eq!(place.ask(Method::GET, "/health", &[], b"").status, StatusCode::OK);
}

#[test]
fn what_is_wrong_is_told_as_mlflow_tells_it() {
    let place = Place::new();
    for (kind, message) in [
        ("application/xml", "This predictor only supports the following content types"),
        ("application/json; charset=latin-1", "The scoring server only supports UTF-8"),
        ("application/json; format=pandas-split", "Unrecognized content type parameters: format"),
    ] {
        let got = place.ask(Method::POST, "/invocations", &[("content-type", kind)], b"{}");
        assert_eq!(got.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{kind}");
        assert_eq!(got.headers[header::CONTENT_TYPE], "text/plain; charset=utf-8");
        assert!(String::from_utf8_lossy(&got.body).starts_with(message), "{:?}", got.body);
    }
    let got = place.ask(Method::POST, "/invocations", &[], b"{}");
    assert_eq!(got.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    for (body, problem) in [
        ("{\"inputs\": ", "EOF while parsing"),
        ("", "EOF while parsing"),
        ("[1, 2]", "it is no JSON object"),
        ("{}", "it has the fields []"),
        (r#"{"inputs": [[1, 2]], "instances": [[1, 2]]}"#, "it has the fields [inputs, instances]"),
        (r#"{"columns": ["a"], "data": [[1]]}"#, "it has the fields [columns, data]"),
        (r#"{"dataframe_split": [[1, 2]]}"#, "it is an object with data"),
        (r#"{"dataframe_split": {"columns": ["a"]}}"#, "it has no data"),
        (r#"{"dataframe_split": {"data": [[1, 2]], "dtype": 1}}"#, "and not dtype"),
        (r#"{"dataframe_split": {"columns": ["a", "b"], "data": [[1, 2], [3]]}}"#, "row 1 has 1 cells"),
        (r#"{"dataframe_split": {"columns": ["a", "a"], "data": [[1, 2]]}}"#, "the column a twice"),
        (r#"{"dataframe_split": {"columns": [["a"], "b"], "data": [[1, 2]]}}"#, "named by texts or numbers"),
        (r#"{"dataframe_records": {"a": 1}}"#, "invalid type"),
        (r#"{"dataframe_records": [{"a": 1, "b": 2, "c": 3}]}"#, "x: "),
        (r#"{"dataframe_records": [{"a": "high", "b": 2}]}"#, "a text is no float32"),
        (r#"{"inputs": {"z": [[1, 2]]}}"#, "the model has no input z; it has x"),
        (r#"{"inputs": {}}"#, "the input x is missing"),
        (r#"{"inputs": []}"#, "there are none"),
        (r#"{"inputs": 5}"#, "x: "),
        (r#"{"inputs": {"x": "high"}}"#, "a text is no float32"),
        (r#"{"inputs": [[1, 2], [3]]}"#, "does not fit"),
        (r#"{"inputs": [[13, 2]]}"#, "it fails on 13"),
        (r#"{"inputs": [[1, 2]], "params": [1]}"#, "params: invalid type"),
        (r#"{"inputs": [[1, 2]], "params": {"timeout": "soon"}}"#, "it is a number of microseconds"),
    ] {
        let (status, answer) = invoke(&place, JSON, body);
        let (code, expected) = match problem {
            "it fails on 13" => ("INTERNAL_ERROR", StatusCode::INTERNAL_SERVER_ERROR),
            _ => ("BAD_REQUEST", StatusCode::BAD_REQUEST),
        };
        assert_eq!((status, &answer["error_code"]), (expected, &json!(code)), "{body}: {answer}");
        assert!(answer["message"].as_str().unwrap().contains(problem), "{body}: {answer}");
    }
    let (status, answer) = invoke(&place, "text/csv", "a,b\n1\n");
    assert_eq!((status, &answer["error_code"]), (StatusCode::BAD_REQUEST, &json!("BAD_REQUEST")));
    let bytes = place.ask(Method::POST, "/invocations", &[("content-type", "text/csv")], b"a\n\xff\n");
    assert_eq!(bytes.status, StatusCode::BAD_REQUEST);
    assert_eq!(place.ask(Method::GET, "/invocations", &[], b"").status, StatusCode::METHOD_NOT_ALLOWED);
}

/// A model that repeats its inputs, one of numbers and one of texts; or one whose only input takes three columns that it names.
fn columns(tag: Option<&str>) -> EndpointBuilder {
    let (change, name) = (Change::new("test", Timestamp::from_millis(1)), ModelName::new("m").unwrap());
    let (registry, artifacts) = (Arc::new(MemoryRegistry::new()), Arc::new(MemoryStore::new()));
    let one = |name| Field::tensor(name, DType::Float32, [Dim::Dynamic, Dim::Fixed(1)]);
    let inputs = match tag {
        None => vec![one("age"), Field::tensor("plan", DType::String, [Dim::Dynamic])],
        Some(_) => vec![Field::tensor("x", DType::Float32, [Dim::Dynamic, Dim::Fixed(3)])],
    };
    let signature = Signature::new(Schema::new(inputs.clone()).unwrap(), Schema::new(inputs).unwrap());
    registry.create_model(name.clone(), &change).unwrap();
    let mut new = NewVersion::new(name.clone(), artifacts.put_bytes(b"model").unwrap(), signature);
    if let Some(tag) = tag {
        new = new.with_tag("mlflow.input_columns", tag);
    }
    let version = registry.create_version(new, &change).unwrap().version;
    registry
        .set_alias(&name, &Alias::new("champion").unwrap(), Some(version), Expected::Any, &change)
        .unwrap();
    let load = |version: &ModelVersion, _: &dyn ArtifactStore| -> mlcore::Result<Arc<dyn Runner>> {
        Ok(Arc::new(FunctionRunner::new(version.signature.clone(), |inputs: &Batch| Ok(inputs.clone()))))
    };
    mlcore_serve::Endpoint::builder(name, registry, artifacts).with_loader(load)
}

#[test]
fn a_column_goes_to_the_input_of_its_name() {
    let place = Place::of(columns(None));
    let expected = json!([{"age": 41.0, "plan": "pro"}, {"age": 7.0, "plan": "007"}]);
    let records = json!([{"plan": "pro", "more": true, "age": 41}, {"age": 7, "plan": "007", "more": null}]);
    assert_eq!(ask(&place, &json!({"dataframe_records": records})), expected);
    let split = json!({"columns": ["plan", "age"], "data": [["pro", 41], ["007", 7.0]]});
    assert_eq!(ask(&place, &json!({"dataframe_split": split})), expected);
    // A column of texts keeps what would read as a number.
    let (_, answer) = invoke(&place, "text/csv", ",plan,age\n0,pro,41\n1,007,7\n");
    assert_eq!(answer["predictions"], expected);
    let lists = json!({"age": [[41.0], [7.0]], "plan": ["pro", "007"]});
    assert_eq!(ask(&place, &json!({"inputs": {"age": [41, 7], "plan": ["pro", "007"]}})), lists);
    assert_eq!(ask(&place, &json!({"inputs": {"age": [[41], [7]], "plan": ["pro", "007"]}})), lists);
    let objects = json!([{"age": 41, "plan": "pro"}, {"plan": "007", "age": 7}]);
    assert_eq!(ask(&place, &json!({"instances": objects})), lists);
    for (body, problem) in [
        (json!({"dataframe_records": [{"age": 41}]}), "it lacks the column plan"),
        (json!({"instances": [[41, "pro"]]}), "the model has the inputs age, plan"),
        (json!({"dataframe_records": [{"age": 41, "plan": null}]}), "null is no string"),
    ] {
        let (status, answer) = invoke(&place, JSON, &body.to_string());
        assert_eq!(status, StatusCode::BAD_REQUEST, "{answer}");
        assert!(answer["message"].as_str().unwrap().contains(problem), "{answer}");
    }
}

#[test]
fn columns_that_a_version_names_are_put_into_their_order() {
    let place = Place::of(columns(Some(r#"["a", "b", "c"]"#)));
    let flat = json!([{"x": 1.0}, {"x": 2.0}, {"x": 3.0}]);
    assert_eq!(ask(&place, &json!({"dataframe_records": [{"c": 3, "a": 1, "more": "", "b": 2}]})), flat);
    assert_eq!(invoke(&place, "text/csv", "b,c,a\n2,3,1\n").1["predictions"], flat);
    let (status, answer) = invoke(&place, JSON, r#"{"dataframe_records": [{"c": 3, "a": 1}]}"#);
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(
        answer["message"].as_str().unwrap().contains("it lacks the column b; send the columns a, b, c"),
        "{answer}"
    );
    let broken = Place::of(columns(Some("a, b")));
    let (status, answer) = invoke(&broken, JSON, r#"{"dataframe_records": [{"c": 3}]}"#);
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR, "{answer}");
}

#[test]
fn a_feature_plan_takes_its_raw_columns() {
    let place = Place::of(planned::endpoint());
    let expected = json!([{"score": 0.0, "pair": [0.0, 1.0]}, {"score": 1.0, "pair": [1.0, 0.0]}]);
    let check = |answer: &Value| {
        assert_eq!(answer[0], expected[0]);
        assert_eq!((&answer[1]["pair"], answer.as_array().unwrap().len()), (&expected[1]["pair"], 2));
    };
    let records = json!([{"age": 40, "plan": "pro"}, {"plan": "free", "age": 60}]);
    check(&ask(&place, &json!({"dataframe_records": records, "params": {"unit": "user-17"}})));
    let split = json!({"columns": ["plan", "age"], "data": [["pro", 40], ["free", 60]]});
    check(&ask(&place, &json!({"dataframe_split": split})));
    check(&invoke(&place, "text/csv", "plan,age\npro,40\nfree,60.0\n").1["predictions"]);
    let lists = ask(&place, &json!({"inputs": {"age": [40, 60], "plan": ["pro", "free"]}}));
    assert_eq!(lists["pair"], json!([[0.0, 1.0], [1.0, 0.0]]));
    assert_eq!(ask(&place, &json!({"instances": records})), lists);
    // What is ready for the model passes the plan by.
    let tensor = ask(&place, &json!({"inputs": [[0.5, 0, 1]]}));
    assert_eq!(tensor, json!({"score": [0.5], "pair": [[0.0, 1.0]]}));
    assert_eq!(ask(&place, &json!({"inputs": {"input": [[0.5, 0, 1]]}})), tensor);
    for (body, problem) in [
        (json!({"dataframe_records": [{"age": 40}]}), "plan"),
        (json!({"dataframe_records": [{"age": 40, "plan": "pro", "more": 1}]}), "more"),
        (
            json!({"inputs": {"age": [40, 60], "plan": ["pro"]}}),
            "it has 1 values, and the first column has 2",
        ),
    ] {
        let (status, answer) = invoke(&place, JSON, &body.to_string());
        assert_eq!((status, &answer["error_code"]), (StatusCode::BAD_REQUEST, &json!("BAD_REQUEST")));
        assert!(answer["message"].as_str().unwrap().contains(problem), "{answer}");
    }
}
