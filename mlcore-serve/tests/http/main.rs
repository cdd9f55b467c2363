//! The protocol over HTTP, asked in process: what each path answers, and what is refused before it costs anything.
#![expect(clippy::unwrap_used, reason = "a test reports by panicking, in its helpers too")]

mod batching;
mod bodies;
mod lookups;
mod mlflow;
mod planned;
mod records;
mod repository;
mod support;

use http::{Method, StatusCode, header};
use serde_json::{Value, json};

use crate::support::{Place, infer_body};

#[test]
fn the_server_says_what_it_is() {
    let place = Place::new();
    let (status, server) = place.get("/v2");
    assert_eq!(status, StatusCode::OK);
    assert_eq!((&server["name"], &server["version"]), (&"mlcore".into(), &env!("CARGO_PKG_VERSION").into()));
    let extensions = server["extensions"].as_array().unwrap();
    assert!(extensions.contains(&"binary_tensor_data".into()));
    assert!(!extensions.iter().any(|name| name.as_str().unwrap().contains("shared_memory")));
    assert_eq!(place.get("/v2/health/live"), (StatusCode::OK, json!({"live": true})));
    assert_eq!(place.get("/v2/health/ready"), (StatusCode::OK, json!({"ready": true})));
    assert_eq!(place.get("/v2/models/m/ready"), (StatusCode::OK, json!({"name": "m", "ready": true})));
    assert_eq!(place.get("/v2/models/m/versions/2/ready").0, StatusCode::OK);
    assert_eq!(place.get("/v2/models/m/versions/3/ready").0, StatusCode::NOT_FOUND);
    // A probe that only reads the status is spared the body.
    let response = place.ask(Method::HEAD, "/v2/health/live", &[], b"");
    assert_eq!((response.status, response.body.len()), (StatusCode::OK, 0));
}

#[test]
fn a_model_says_what_it_takes() {
    let place = Place::new();
    let expected = json!({
        "name": "m",
        "versions": ["1", "2"],
        "platform": "onnxruntime_onnx",
        "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 2]}],
        "outputs": [
            {"name": "y", "datatype": "FP64", "shape": [-1]},
            {"name": "text", "datatype": "BYTES", "shape": [-1]},
        ],
    });
    assert_eq!(place.get("/v2/models/m"), (StatusCode::OK, expected.clone()));
    assert_eq!(place.get("/v2/models/m/versions/2"), (StatusCode::OK, expected));
    let (_, config) = place.get("/v2/models/m/config");
    assert_eq!(config["input"], json!([{"name": "x", "data_type": "TYPE_FP32", "dims": [-1, 2]}]));
    assert_eq!(config["output"][1], json!({"name": "text", "data_type": "TYPE_STRING", "dims": [-1]}));
    assert_eq!((&config["max_batch_size"], &config["backend"]), (&0.into(), &"onnxruntime".into()));
}

#[test]
fn a_request_is_answered_by_its_version() {
    let place = Place::new();
    let (status, answer) = place.post("/v2/models/m/infer", &infer_body(&[[0.5, 1.0], [2.0, 3.0]]));
    assert_eq!(status, StatusCode::OK);
    assert_eq!(
        answer,
        json!({"model_name": "m", "model_version": "1", "id": "r", "outputs": [
            {"name": "y", "datatype": "FP64", "shape": [2], "data": [1.0, 1.0]},
            {"name": "text", "datatype": "BYTES", "shape": [2], "data": ["0.5", "2"]},
        ]})
    );
    let (_, answer) = place.post("/v2/models/m/versions/2/infer", &infer_body(&[[0.5, 1.0]]));
    assert_eq!((&answer["model_version"], &answer["outputs"][0]["data"]), (&"2".into(), &json!([2.0])));
    for (version, status) in [
        ("3", StatusCode::NOT_FOUND),
        ("latest", StatusCode::BAD_REQUEST),
        ("0", StatusCode::BAD_REQUEST),
        ("99999999999999999999", StatusCode::BAD_REQUEST),
        ("-1", StatusCode::BAD_REQUEST),
    ] {
        let (found, refused) =
            place.post(&format!("/v2/models/m/versions/{version}/infer"), &infer_body(&[[0.5, 1.0]]));
        assert_eq!(found, status, "{version}");
        assert!(refused["error"].as_str().unwrap().contains(version), "{refused}");
    }
}

#[test]
fn the_answer_names_its_arm_and_the_id_for_its_outcome() {
    let place = Place::new();
    let response =
        place.ask(Method::POST, "/v2/models/m/infer", &[], infer_body(&[[0.5, 1.0]]).to_string().as_bytes());
    assert_eq!(response.headers["mlcore-arm"], "champion");
    let id = response.headers["mlcore-outcome-id"].to_str().unwrap().parse().unwrap();
    place.endpoint.report_outcome(id, 1.0).unwrap();
    place.endpoint.process();
    assert_eq!((place.endpoint.counts().outcomes, place.endpoint.counts().orphans), (1, 0));
}

#[test]
fn a_version_that_is_asked_for_by_number_is_no_evidence_about_its_arm() {
    let place = Place::with_canary();
    for number in 0..500 {
        let mut body = infer_body(&[[0.5, 1.0]]);
        body["id"] = number.to_string().into();
        assert_eq!(place.post("/v2/models/m/versions/2/infer", &body).0, StatusCode::OK);
    }
    assert_eq!(place.endpoint.process().len(), 0, "500 good answers by request would have been enough");
    assert_eq!(place.endpoint.counts().records, 500);
}

/// Stock clients name neither themselves nor their requests: a canary gets its share of them all the same.
#[test]
fn requests_of_nobody_in_particular_are_shared_out() {
    let place = Place::with_canary();
    let mut body = infer_body(&[[0.5, 1.0]]);
    body.as_object_mut().unwrap().remove("id");
    let versions = |body: &Value| -> Vec<Value> {
        (0..200).map(|_| place.post("/v2/models/m/infer", body).1["model_version"].take()).collect()
    };
    let of_the_canary = versions(&body).iter().filter(|version| **version == "2").count();
    assert!((60..140).contains(&of_the_canary), "{of_the_canary} of 200, and half was due");
    // Who says who it is stays with its version.
    body["parameters"] = json!({"unit": "user-17"});
    let of_one = versions(&body);
    assert!(of_one.iter().all(|version| *version == of_one[0]));
    body["parameters"] = json!({"sequence_id": 0});
    assert!(versions(&body).iter().any(|version| *version == "2"), "no sequence is no unit");
}

#[test]
fn what_is_wrong_is_told_with_its_status() {
    let place = Place::new();
    let mut strange = infer_body(&[[0.5, 1.0]]);
    strange["inputs"][0]["name"] = "z".into();
    let mut narrow = infer_body(&[[0.5, 1.0]]);
    narrow["inputs"][0]["shape"] = json!([2, 1]);
    let mut unknown_output = infer_body(&[[0.5, 1.0]]);
    unknown_output["outputs"] = json!([{"name": "z"}]);
    let mut late = infer_body(&[[0.5, 1.0]]);
    late["parameters"] = json!({"timeout": 1});
    let mut region = infer_body(&[[0.5, 1.0]]);
    region["inputs"][0] = json!({"name": "x", "shape": [1, 2], "datatype": "FP32", "parameters": {"shared_memory_region": "r"}});
    for (body, status, words) in [
        (strange, StatusCode::BAD_REQUEST, "z: not one of x"),
        (narrow, StatusCode::BAD_REQUEST, "x"),
        (unknown_output, StatusCode::BAD_REQUEST, "it has y, text"),
        (late, StatusCode::GATEWAY_TIMEOUT, "1µs"),
        (region, StatusCode::BAD_REQUEST, "shares no memory"),
        (json!([]), StatusCode::BAD_REQUEST, "expected a request"),
        (infer_body(&[[13.0, 13.0]]), StatusCode::INTERNAL_SERVER_ERROR, "it fails on 13"),
    ] {
        let (found, refused) = place.post("/v2/models/m/infer", &body);
        assert_eq!(found, status, "{refused}");
        assert!(refused["error"].as_str().unwrap().contains(words), "{refused}");
        assert_eq!(refused.as_object().unwrap().len(), 1);
    }
    let path = |method, path: &str| place.ask(method, path, &[], b"").status;
    assert_eq!(path(Method::GET, "/v2/models/none"), StatusCode::NOT_FOUND);
    assert_eq!(path(Method::GET, "/v2/models/..%2Fm"), StatusCode::NOT_FOUND);
    assert_eq!(path(Method::GET, "/v2/models/m/other"), StatusCode::NOT_FOUND);
    let response = place.ask(Method::DELETE, "/v2/models/m/infer", &[], b"");
    assert_eq!(
        (response.status, response.headers[header::ALLOW].to_str().unwrap()),
        (StatusCode::METHOD_NOT_ALLOWED, "POST")
    );
}

#[test]
fn shared_memory_is_refused_in_one_sentence() {
    let place = Place::new();
    for kind in ["systemsharedmemory", "cudasharedmemory"] {
        assert_eq!(place.get(&format!("/v2/{kind}/status")), (StatusCode::OK, json!([])));
        assert_eq!(place.get(&format!("/v2/{kind}/region/r/status")), (StatusCode::OK, json!([])));
        for call in ["region/r/register", "region/r/unregister", "unregister"] {
            let (status, refused) = place.post(&format!("/v2/{kind}/{call}"), &json!({}));
            assert_eq!(status, StatusCode::BAD_REQUEST);
            assert!(refused["error"].as_str().unwrap().contains("shares no memory"), "{refused}");
        }
    }
}

#[test]
fn statistics_count_what_was_answered_and_what_failed() {
    let place = Place::new();
    for _ in 0..3 {
        place.post("/v2/models/m/infer", &infer_body(&[[0.5, 1.0], [0.5, 1.0]]));
    }
    place.post("/v2/models/m/infer", &infer_body(&[[13.0, 1.0]]));
    let of = |path: &str| place.get(path).1["model_stats"].clone();
    let first = of("/v2/models/m/versions/1/stats");
    let stats = &first[0];
    assert_eq!(first.as_array().unwrap().len(), 1);
    assert_eq!((&stats["inference_count"], &stats["execution_count"]), (&6.into(), &3.into()));
    let inference = &stats["inference_stats"];
    assert_eq!((&inference["success"]["count"], &inference["fail"]["count"]), (&3.into(), &1.into()));
    let nanos = |part: &str| inference[part]["ns"].as_u64().unwrap();
    assert_eq!(nanos("success"), nanos("compute_input") + nanos("compute_infer") + nanos("compute_output"));
    assert!(nanos("compute_infer") > 0 && stats["last_inference"].as_u64().unwrap() > 0);
    let versions = |stats: &Value| {
        stats.as_array().unwrap().iter().map(|own| own["version"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(versions(&of("/v2/models/m/stats")), ["1", "2"]);
    assert_eq!(versions(&of("/v2/models/stats")), ["1", "2"]);
}
