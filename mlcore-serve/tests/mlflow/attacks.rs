//! Names, filters and bodies that were made to do harm, sent to a server whose registry and runs lie in files.

use http::{Method, StatusCode};
use mlcore::registry::Registry as _;
use serde_json::{Value, json};

use crate::support::Place;

/// Texts that end a statement, begin another, or mean something in a pattern or a path.
const HOSTILE: [&str; 12] = [
    "'; DROP TABLE run; --",
    "\"; DROP TABLE model; --",
    "x') UNION SELECT id FROM run --",
    "%_%",
    "\\' OR 1=1",
    "`key` = 'x'",
    "?",
    "$1",
    "../../etc/passwd",
    "a\u{202e}b",
    "<script>alert(1)</script>",
    "e\u{301}",
];

#[test]
fn texts_are_only_texts() {
    let place = Place::in_files();
    for (number, text) in HOSTILE.iter().enumerate() {
        let run = place.run();
        let experiment = place.post("experiments/create", &json!({ "name": text }));
        // What would leave a path is no name.
        let is_path = text.contains("..");
        assert!(experiment.status.is_success(), "{text}: {:?}", experiment.refusal());
        let found = place.post(
            "experiments/search",
            &json!({"max_results": 50, "filter": format!("name = '{}'", text.replace('\'', "''"))}),
        );
        if !text.contains(['\'', '`', '"', '\\']) {
            assert_eq!(found.json()["experiments"].as_array().unwrap().len(), 1, "{text}");
        }
        let tag = json!({"run_id": run, "key": format!("k{number}"), "value": text});
        assert_eq!(place.post("runs/set-tag", &tag).status, StatusCode::OK, "{text}");
        let kept = place.get(&format!("runs/get?run_id={run}")).json();
        let tags = kept["run"]["data"]["tags"].as_array().unwrap();
        assert!(tags.iter().any(|tag| tag["value"] == *text), "{text}: {tags:?}");
        let named = place.post("runs/set-tag", &json!({"run_id": run, "key": text, "value": "v"}));
        assert!(named.status.is_success() || named.status == StatusCode::BAD_REQUEST, "{text}");
        let model = place.post("registered-models/create", &json!({ "name": text }));
        assert_eq!(model.status.is_success(), !text.contains(['/', ':']) && !is_path, "{text}");
        for (path, key) in
            [("runs/search", "filter"), ("experiments/search", "filter"), ("logged-models/search", "filter")]
        {
            let answer = place.post(path, &json!({"experiment_ids": ["0"], key: text, "max_results": 9}));
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path}: {text}");
            let order =
                if path.starts_with("logged") { json!([{ "field_name": text }]) } else { json!([text]) };
            let answer =
                place.post(path, &json!({"experiment_ids": ["0"], "order_by": order, "max_results": 9}));
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path}: order by {text}");
        }
        let coded: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
        for path in ["registered-models/search", "model-versions/search"] {
            let answer = place.get(&format!("{path}?max_results=9&filter={coded}"));
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path}: {text}");
        }
    }
    assert_eq!(
        place.post("runs/search", &json!({"experiment_ids": ["0"]})).json()["runs"].as_array().unwrap().len(),
        HOSTILE.len()
    );
    let models = place.get("registered-models/search?max_results=100").json();
    assert_eq!(models["registered_models"].as_array().unwrap().len(), HOSTILE.len() - 2);
    place.registry.verify().unwrap();
}

#[test]
fn names_that_no_model_has_are_refused() {
    let place = Place::in_files();
    let long = "n".repeat(300);
    for name in ["", " ", "a/b", "..", ".", "a:b", "a\u{0}b", "/etc/passwd", "C:\\x", "file:///x"] {
        let answer = place.post("registered-models/create", &json!({ "name": name }));
        assert_eq!(answer.refusal().0, 400, "{name:?}");
    }
    for (name, alias) in [("m", "a b"), ("m", "v1"), ("m", "a/b"), ("m", ""), ("m", "latest"), ("m", &*long)]
    {
        place.post("registered-models/create", &json!({ "name": name }));
        let answer =
            place.post("registered-models/alias", &json!({"name": name, "alias": alias, "version": "1"}));
        assert!(answer.status.is_client_error(), "{alias:?}: {}", answer.status);
    }
    for version in ["0", "-1", "1.5", "18446744073709551616", "1 OR 1=1", "../1", "\u{661}"] {
        let coded: String = version.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let answer = place.get(&format!("model-versions/get?name=m&version={coded}"));
        assert!(answer.status.is_client_error(), "{version}: {}", answer.status);
    }
    let huge = json!({ "name": "n".repeat(10 << 20) });
    assert_eq!(place.post("registered-models/create", &huge).status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(
        place
            .post("registered-models/create", &json!({ "name": "n".repeat(1 << 19) }))
            .status
            .is_client_error()
    );
}

#[test]
fn filters_have_an_end() {
    let place = Place::in_files();
    let run = place.run();
    let value = "ab".repeat(2000);
    place.post("runs/set-tag", &json!({"run_id": run, "key": "k", "value": value}));
    let refused = [
        "(".repeat(10_000),
        format!("{}params.a = '1'{}", "(".repeat(5000), ")".repeat(5000)),
        "NOT ".repeat(10_000) + "params.a = '1'",
        format!("params.a IN ({}", "(".repeat(20_000)),
        "'".repeat(100_001),
        "\u{0}".repeat(1000),
    ];
    for filter in &refused {
        let answer = place.post("runs/search", &json!({"experiment_ids": ["0"], "filter": filter}));
        assert_eq!(answer.refusal().0, 400, "{}", &filter[..20]);
        assert!(answer.body.len() < 2000, "{} bytes of an answer", answer.body.len());
    }
    let many = vec!["tags.k LIKE '%a%'"; 20_000].join(" AND ");
    let answer = place.post("runs/search", &json!({"experiment_ids": ["0"], "filter": many}));
    assert!(answer.status == StatusCode::OK || answer.refusal().0 == 400, "{}", answer.status);
    // What a regular expression would go back and forth on.
    let pattern = format!("tags.k LIKE '{}z'", "%a%b".repeat(100));
    let answer = place.post("runs/search", &json!({"experiment_ids": ["0"], "filter": pattern}));
    assert_eq!(answer.json()["runs"], Value::Null, "{}", answer.status);
    let found = place.post("runs/search", &json!({"experiment_ids": ["0"], "filter": "tags.k LIKE '%ba%b'"}));
    assert_eq!(found.json()["runs"].as_array().unwrap().len(), 1);
    let order: Vec<String> = (0..5000).map(|place| format!("metrics.m{place} DESC")).collect();
    let answer = place.post("runs/search", &json!({"experiment_ids": ["0"], "order_by": order}));
    assert!(answer.status == StatusCode::OK || answer.refusal().0 == 400, "{}", answer.status);
}

#[test]
fn a_body_of_a_million_tags_changes_nothing() {
    let place = Place::in_files();
    let run = place.run();
    let tags = |count: usize| -> Vec<Value> {
        (0..count).map(|place| json!({"key": format!("k{place}"), "value": ""})).collect()
    };
    let many = place.post("runs/log-batch", &json!({"run_id": run, "tags": tags(101)}));
    assert_eq!(many.refusal().1, "INVALID_PARAMETER_VALUE");
    let body = json!({"run_id": run, "tags": tags(1_000_000)}).to_string();
    let answer = place.send(Method::POST, "/api/2.0/mlflow/runs/log-batch", body);
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    let kept = place.get(&format!("runs/get?run_id={run}")).json();
    let own = kept["run"]["data"]["tags"].as_array().unwrap();
    assert!(own.iter().all(|tag| tag["key"].as_str().unwrap().starts_with("mlflow.")), "{own:?}");
}
