use http::{Method, Request, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};

use crate::support::Place;

#[test]
fn a_run_is_logged_and_found() {
    let place = Place::new();
    let created =
        place.post("experiments/create", &json!({"name": "churn", "tags": [{"key": "team", "value": "a"}]}));
    assert_eq!(created.json(), json!({"experiment_id": "1"}));
    let run =
        place.post("runs/create", &json!({"experimentId": "1", "start_time": "7", "run_name": "forest"}));
    let id = run.json()["run"]["info"]["run_id"].as_str().unwrap().to_owned();
    assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
    let batch = json!({
        "run_id": id,
        "metrics": [{"key": "loss", "value": 0.5, "timestamp": 1, "step": 0}, {"key": "loss", "value": "NaN", "timestamp": 2, "step": 1}],
        "params": [{"key": "depth", "value": "v".repeat(7000)}],
    });
    assert_eq!(place.post("runs/log-batch", &batch).json(), json!({}));
    let found = place.post("runs/search", &json!({"experiment_ids": ["1"], "filter": "run_name = 'forest'"}));
    let data = &found.json()["runs"][0]["data"];
    assert_eq!(data["metrics"], json!([{"key": "loss", "value": "NaN", "timestamp": 2, "step": 1}]));
    assert_eq!(data["params"][0]["value"].as_str().unwrap().len(), 6000, "MLflow cuts it");
    let history = place.get(&format!("metrics/get-history?run_id={id}&metric_key=loss&max_results=1"));
    assert_eq!(history.json()["metrics"][0]["value"], 0.5);
    let token = history.json()["next_page_token"].as_str().unwrap().to_owned();
    let next = place
        .get(&format!("metrics/get-history?run_id={id}&metric_key=loss&max_results=1&page_token={token}"));
    assert_eq!(next.json(), json!({"metrics": [{"key": "loss", "value": "NaN", "timestamp": 2, "step": 1}]}));
}

#[test]
fn what_is_missing_or_of_a_wrong_type_is_refused_in_mlflows_words() {
    let place = Place::new();
    let docs = " See the API docs for more information about request parameters.";
    for (path, body, message) in [
        ("runs/log-metric", json!({}), "Missing value for required parameter 'run_id'."),
        (
            "runs/log-metric",
            json!({"run_uuid": "a", "key": "k", "timestamp": 1}),
            "Missing value for required parameter 'value'.",
        ),
        (
            "experiments/create",
            json!({"name": 3}),
            "Invalid value 3 for parameter 'name' supplied:  Hint: Value was of type 'int'.",
        ),
        (
            "runs/search",
            json!({"max_results": 1.5}),
            "Invalid value 1.5 for parameter 'max_results' supplied:  Hint: Value was of type 'float'.",
        ),
        (
            "runs/log-batch",
            json!({"run_id": "a", "metrics": [{"value": 1}]}),
            "Missing value for required parameter 'metrics[0].key'.",
        ),
        (
            "runs/log-batch",
            json!({"run_id": "a", "metrics": [3]}),
            "Invalid value [3] for parameter 'metrics' supplied:  Hint: Value was of type 'list'.",
        ),
    ] {
        let due = (400, "INVALID_PARAMETER_VALUE".to_owned(), format!("{message}{docs}"));
        assert_eq!(place.post(path, &body).refusal(), due, "{path} {body}");
    }
    let both = json!({"experiment_id": "0", "experimentId": "0"});
    assert!(place.post("experiments/delete", &both).refusal().2.starts_with("Request specifies both"));
    let run = place.run();
    let bare = format!("{{\"run_id\": \"{run}\", \"key\": \"k\", \"value\": -Infinity, \"timestamp\": 1}}");
    assert_eq!(place.send(Method::POST, "/api/2.0/mlflow/runs/log-metric", bare).status, StatusCode::OK);
    let shown = place.get(&format!("runs/get?run_id={run}")).json();
    assert_eq!(shown["run"]["data"]["metrics"][0]["value"], "-Infinity");
    let named = place.send(Method::POST, "/api/2.0/mlflow/experiments/create", "{\"name\": NaN}");
    assert_eq!(named.status, StatusCode::BAD_REQUEST);
}

#[test]
fn bodies_that_are_no_json_are_empty_ones() {
    let place = Place::new();
    let path = "/api/2.0/mlflow/experiments/create";
    let deep = format!("{{\"name\": {}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    for body in ["", "{", "null", "\u{feff}", &*deep, "{\"name\": \"\\ud800\"}"] {
        let (status, _, message) = place.send(Method::POST, path, body.to_owned()).refusal();
        assert_eq!(status, 400, "{}", body.len());
        assert!(message.starts_with("Missing value for required parameter 'name'"), "{message}");
    }
    for body in ["[]", "3", "true", "\"text\""] {
        assert_eq!(place.send(Method::POST, path, body).refusal().0, 400, "{body}");
    }
    let twice = place.send(Method::POST, path, r#""{\"name\": \"a\", \"name\": \"coded twice\"}""#);
    assert_eq!(twice.status, StatusCode::OK);
    let large = place.send(Method::POST, path, vec![b' '; (1 << 20) + 1]);
    assert_eq!(large.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(large.json()["error_code"].is_string(), "in MLflow's form");
}

#[test]
fn text_that_a_page_can_send_is_not_taken_for_json() {
    let place = Place::new();
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"] {
        let request = Request::post("/api/2.0/mlflow/experiments/create").header("content-type", kind);
        let answer = place.ask(request.body(Full::from("{\"name\": \"x\"}")).unwrap());
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{kind}");
    }
    let request = Request::post("/graphql").body(Full::from("{}")).unwrap();
    assert_eq!(place.ask(request).status, StatusCode::BAD_REQUEST);
}

#[test]
fn a_token_belongs_to_its_search() {
    let place = Place::new();
    for _ in 0..3 {
        place.run();
    }
    let search = |token: Value, filter: &str| {
        place.post(
            "runs/search",
            &json!({"experiment_ids": ["0"], "max_results": 1, "page_token": token, "filter": filter}),
        )
    };
    let token = search(Value::Null, "").json()["next_page_token"].clone();
    assert_eq!(search(token.clone(), "").status, StatusCode::OK);
    for (token, filter) in [
        (token, "status = 'RUNNING'"),
        (json!("eyJvZmZzZXQiOiAxfQ=="), ""),
        (json!("00"), ""),
        (json!("zz"), ""),
    ] {
        let (status, code, _) = search(token, filter).refusal();
        assert_eq!((status, &*code), (400, "INVALID_PARAMETER_VALUE"));
    }
}

#[test]
fn experiments_that_are_created_at_once_get_numbers_of_their_own() {
    let place = Place::new();
    let create = |name: String| {
        let body = json!({"name": name}).to_string();
        let request =
            Request::post("/api/2.0/mlflow/experiments/create").header("content-type", "application/json");
        let (service, request) =
            (place.service.clone(), request.body(Full::<bytes::Bytes>::from(body)).unwrap());
        place.runtime.spawn(async move { service.answer(request).await.status() })
    };
    let asked: Vec<_> = (0..200).map(|number| create(format!("e{}", number / 2))).collect();
    let statuses: Vec<_> = asked.into_iter().map(|asked| place.runtime.block_on(asked).unwrap()).collect();
    assert_eq!(statuses.iter().filter(|status| status.is_success()).count(), 100, "each name once");
    assert!(statuses.iter().all(|status| status.is_success() || *status == StatusCode::BAD_REQUEST));
    let all = place.post("experiments/search", &json!({"max_results": 1000})).json();
    let mut ids: Vec<u64> = all["experiments"]
        .as_array()
        .unwrap()
        .iter()
        .map(|found| found["experiment_id"].as_str().unwrap().parse().unwrap())
        .collect();
    ids.sort_unstable();
    assert_eq!(ids, (0..=100).collect::<Vec<_>>());
}

#[test]
fn paths_that_are_not_there_are_told_to_clients_of_newer_servers() {
    let place = Place::new();
    let absent = place.get("absent");
    assert_eq!(absent.refusal(), (404, "ENDPOINT_NOT_FOUND".to_owned(), "there is no such path".to_owned()));
    assert_eq!(place.get("runs/create").status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(
        place.send(Method::HEAD, "/api/2.0/mlflow/experiments/get?experiment_id=0", "").status,
        StatusCode::OK
    );
    assert_eq!(&*place.send(Method::GET, "/health", "").body, b"OK");
    assert_eq!(&*place.send(Method::GET, "/version", "").body, b"3.17.2");
}
