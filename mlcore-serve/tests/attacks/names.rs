//! Names of models, versions and requests: keys and never paths, and never more of an answer or a log than one line.

use serde_json::json;
use tonic::Code;

use crate::place::{Place, eventually};
use crate::protocol::inference::ModelInferRequest;
use crate::server::{Attacked, INFER};
use crate::support::request;
use crate::web::infer_body;

#[test]
fn names_of_models_and_versions_are_no_paths() {
    let attacked = Attacked::new();
    for (name, version, status) in [
        ("../m", "", 404),
        ("..", "", 404),
        ("m/../m", "", 404),
        ("/etc/passwd", "", 404),
        ("\u{43c}", "", 404),
        ("m\u{200b}", "", 404),
        ("M", "", 404),
        ("m ", "", 404),
        ("m\0", "", 404),
        ("m\r\nSet-Cookie: a=b", "", 404),
        ("\u{1b}[2J", "", 404),
        (&"m".repeat(4000), "", 404),
        ("m", "latest?", 400),
        ("m", "-1", 400),
        ("m", "+1", 400),
        ("m", "0", 400),
        ("m", "1e0", 400),
        ("m", "01x", 400),
        ("m", "\u{661}", 400),
        ("m", "../1", 400),
        ("m", "18446744073709551616", 400),
        ("m", "18446744073709551615", 404),
        ("m", "3", 404),
    ] {
        let body = infer_body(&[[0.5, 1.0]]).to_string();
        let path = match version {
            "" => format!("/v2/models/{}/infer", escaped(name)),
            version => format!("/v2/models/{}/versions/{}/infer", escaped(name), escaped(version)),
        };
        let answer = attacked.post(&path, body.as_bytes());
        assert_eq!(answer.status, status, "{name:.20?} {version:?}: {}", answer.body);
        let problem = answer.problem();
        assert!(problem.len() < 500 && !problem.contains("/etc/") | name.contains("etc"), "{problem}");
        assert!(!answer.head.contains("set-cookie"), "{}", answer.head);
        let asked = ModelInferRequest {
            model_name: name.to_owned(),
            model_version: version.to_owned(),
            ..request(&[[0.5, 1.0]])
        };
        let refused = attacked.call(asked).unwrap_err();
        let code = if status == 404 { Code::NotFound } else { Code::InvalidArgument };
        assert_eq!((refused.code(), refused.message()), (code, &*problem), "{name:.20?} {version:?}");
    }
    // What is decoded once is not decoded again, and what spells no text is no path.
    for path in [
        "/v2/models/%252e%252e/infer",
        "/v2/models/%c0%ae/infer",
        "/v2/models/%2/infer",
        "/v2/models/%+1/infer",
    ] {
        assert_eq!(attacked.post(path, b"{}").status, 404, "{path}");
    }
    attacked.check();
}

fn escaped(name: &str) -> String {
    name.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

#[test]
fn ids_are_short_and_of_one_line() {
    let attacked = Attacked::new();
    for (id, words) in [
        ("a\r\nSet-Cookie: a=b", "control characters"),
        ("\u{1b}[31m", "control characters"),
        ("\u{85}", "control characters"),
        (&*"a".repeat(1 << 20), "at most 256"),
        (&*"a".repeat(257), "at most 256"),
    ] {
        let mut body = infer_body(&[[0.5, 1.0]]);
        body["id"] = id.into();
        let answer = attacked.post(INFER, body.to_string().as_bytes());
        assert_eq!(answer.status, 400, "{}", answer.body);
        let problem = answer.problem();
        assert!(problem.contains(words) && !answer.head.contains("set-cookie"), "{problem}");
        let refused =
            attacked.call(ModelInferRequest { id: id.to_owned(), ..request(&[[0.5, 1.0]]) }).unwrap_err();
        assert_eq!((refused.code(), refused.message()), (Code::InvalidArgument, &*problem));
        // Raw records have one, too.
        let records = json!({"id": id, "records": [{"x": 1}]});
        assert_eq!(attacked.post("/mlcore/models/m/predict", records.to_string().as_bytes()).status, 400);
    }
    // Ids of requests that stand in headers come back as they are, or not at all.
    for id in ["a".repeat(2000), "\u{e9}".to_owned(), "a\tb".to_owned()] {
        let answer = attacked.ask("GET", "/v2", &format!("x-request-id: {id}\r\n"), b"");
        let back =
            answer.head.lines().find_map(|line| line.strip_prefix("x-request-id: ")).unwrap_or_default();
        assert!(
            answer.status == 200 && back.len() < 300 && !back.contains(char::is_control),
            "{}",
            answer.head
        );
    }
    attacked.check();
}

/// The log of the program is read by people and by other programs.
#[test]
fn no_name_ends_or_colours_a_line_of_the_log() {
    let place = Place::new();
    place.put("net/1", "mlp30.onnx");
    let filter = "debug,mlcore_serve=trace";
    let place = place.serve(&["--model-repository", "models", "--log-filter", filter]);
    let evil = "%1b%5b2J%0d%0aERROR%20forged%0a";
    for path in
        [format!("/v2/models/{evil}"), format!("/v2/repository/models/{evil}/load"), format!("/{evil}")]
    {
        place.raw(
            &format!("POST {path} HTTP/1.1\r\nx-request-id: a\u{9b}31m\r\ntraceparent: {evil}\r\n"),
            "{}",
        );
    }
    let body = json!({"id": "\u{1b}[2J\nERROR forged", "inputs": [{"name": "\u{1b}[2J\nERROR forged", "shape": [1], "datatype": "FP32", "data": [1]}]});
    place.post("/v2/models/net/infer", &body);
    place.get("/v2/health/ready");
    let wait = || place.log().lines().count() > 3;
    eventually("something is logged", wait);
    let log = place.log();
    let odd = |c: char| c.is_control() && c != '\n';
    assert!(!log.contains(odd), "{:?}", log.lines().find(|line| line.contains(odd)));
    assert!(!log.lines().any(|line| line.trim_start().starts_with("ERROR forged")), "{log}");
    assert_eq!(place.stop(), Some(0));
}
