//! JSON that parsers differ about, at every route that reads some.

use crate::server::{Attacked, INFER};

/// Every route with a body.
const ROUTES: [&str; 9] = [
    INFER,
    "/v2/models/m/versions/1/infer",
    "/v1/models/m:predict",
    "/mlcore/models/m/predict",
    "/mlcore/models/m/outcomes",
    "/v2/repository/index",
    "/v2/repository/models/none/load",
    "/v2/logging",
    "/v2/trace/setting",
];

#[test]
fn what_is_no_json_is_refused_at_every_route() {
    let attacked = Attacked::new();
    let deep = |open: &str| format!("{{\"inputs\":{}", open.repeat(200_000));
    for (what, body) in [
        ("lists in lists", deep("[").into_bytes()),
        ("objects in objects", deep("{\"a\":").into_bytes()),
        ("a mark before it", "\u{feff}{}".into()),
        ("no UTF-8", b"{\"a\":\"\xff\"}".to_vec()),
        ("another value behind it", b"{} {}".to_vec()),
        ("a comment", b"{/**/}".to_vec()),
        ("a comma too many", b"{\"a\":1,}".to_vec()),
        ("single quotes", b"{'a':1}".to_vec()),
        ("a number without a digit", b"{\"a\":-}".to_vec()),
        ("a bare control character", b"{\"a\":\"\x01\"}".to_vec()),
        ("NUL", vec![0; 100]),
        ("half of it", b"{\"inputs\":[{\"name\":".to_vec()),
    ] {
        for route in ROUTES {
            let answer = attacked.post(route, &body);
            assert_eq!(answer.status, 400, "{what} at {route}: {}", answer.body);
            assert!(answer.problem().len() < 1000, "{what} at {route}");
        }
    }
    attacked.check();
}

#[test]
fn names_that_occur_twice_are_refused() {
    let attacked = Attacked::new();
    let x = r#"{"name":"x","shape":[1,2],"datatype":"FP32","data":[1,2]}"#;
    for (route, body) in [
        (INFER, format!(r#"{{"inputs":[{x}],"inputs":[{x}]}}"#)),
        (INFER, format!(r#"{{"id":"a","id":"b","inputs":[{x}]}}"#)),
        (INFER, format!(r#"{{"inputs":[{x},{x}]}}"#)),
        (
            INFER,
            r#"{"inputs":[{"name":"x","name":"x","shape":[1,2],"datatype":"FP32","data":[1,2]}]}"#.into(),
        ),
        (
            INFER,
            r#"{"inputs":[{"name":"x","shape":[1,2],"shape":[2,1],"datatype":"FP32","data":[1,2]}]}"#.into(),
        ),
        (INFER, format!(r#"{{"parameters":{{"timeout":1,"timeout":0}},"inputs":[{x}]}}"#)),
        (INFER, format!(r#"{{"outputs":[{{"name":"y"}},{{"name":"y"}}],"inputs":[{x}]}}"#)),
        ("/v1/models/m:predict", r#"{"instances":[[1,2]],"instances":[[3,4]]}"#.into()),
        ("/v1/models/m:predict", r#"{"instances":[{"x":[1,2],"x":[3,4]}]}"#.into()),
        ("/mlcore/models/m/predict", r#"{"records":[{"x":1}],"records":[{"x":2}]}"#.into()),
        ("/mlcore/models/m/outcomes", r#"{"outcomes":[{"id":"a","label":0,"label":1}]}"#.into()),
        ("/v2/logging", r#"{"log_info":true,"log_info":false}"#.into()),
        ("/v2/trace/setting", r#"{"trace_rate":"1","trace_rate":"2"}"#.into()),
        ("/v2/repository/models/none/load", r#"{"parameters":{"a":1,"a":2}}"#.into()),
        ("/v2/repository/index", r#"{"ready":true,"ready":false}"#.into()),
    ] {
        let answer = attacked.post(route, body.as_bytes());
        assert_eq!(answer.status, 400, "{route} {body}: {}", answer.body);
        let problem = answer.problem();
        assert!(
            ["twice", "duplicate"].iter().any(|word| problem.contains(word)),
            "{route} {body}: {problem}"
        );
    }
    attacked.check();
}
