//! Two teams on one server: whoever may use some models and experiments reads and changes nothing of the others', by whatever name.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use mlcore::artifact::MemoryStore;
use mlcore::registry::MemoryRegistry;
use mlcore::tracking::MemoryTracker;
use mlcore_serve::auth::{Principal, Resources, Role};
use mlcore_serve::http::HttpService;
use mlcore_serve::mlflow::{ArtifactFolder, Mlflow, routes};
use mlcore_serve::models::Models;
use mlcore_serve::page::Pages;
use serde_json::{Value, json};

use crate::auth;

/// A team, and what it has: an experiment, a run, a logged model, a model of the registry.
struct Team {
    principal: Principal,
    experiment: String,
    run: String,
    logged: String,
    model: &'static str,
}

struct Place {
    service: HttpService,
    _folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let tree = ArtifactFolder::open(folder.path()).unwrap();
        let mlflow = Mlflow::new(Arc::new(MemoryTracker::new()))
            .unwrap()
            .with_artifacts(Arc::new(tree))
            .with_registry(Arc::new(MemoryRegistry::new()), Arc::new(MemoryStore::new()));
        let pages = Pages::new().with_registry(Arc::new(MemoryRegistry::new()));
        let service = HttpService::new(Models::new()).with_auth(auth()).with_mlflow(mlflow).with_pages(pages);
        Self { service, _folder: folder }
    }

    fn ask(&self, who: &Principal, method: &str, path: &str, body: &Value) -> (StatusCode, Value) {
        let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
        let mut request = request.body(Full::new(Bytes::from(body.to_string()))).unwrap();
        request.extensions_mut().insert(who.clone());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (parts, body) = self.service.answer(request).await.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            (parts.status, serde_json::from_slice(&body).unwrap_or(Value::Null))
        })
    }

    /// What an administrator is answered.
    fn admin(&self, path: &str, body: &Value) -> Value {
        let everything = Principal::new("admin", Role::ALL);
        let (status, answer) = self.ask(&everything, "POST", &format!("/api/2.0/mlflow/{path}"), body);
        assert_eq!(status, StatusCode::OK, "{path}: {answer}");
        answer
    }

    fn team(&self, name: &'static str) -> Team {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let experiment = text(&self.admin("experiments/create", &json!({ "name": name }))["experiment_id"]);
        let run = self.admin("runs/create", &json!({"experiment_id": experiment, "start_time": 1}));
        let run = text(&run["run"]["info"]["run_id"]);
        let logged = self.admin("logged-models", &json!({"experiment_id": experiment, "name": "forest"}));
        let logged = text(&logged["model"]["info"]["model_id"]);
        self.admin("registered-models/create", &json!({ "name": name }));
        self.admin("model-versions/create", &json!({"name": name, "source": "s3://models/forest"}));
        let resources = Resources::default().with_model(name).with_experiment(&*experiment);
        let principal = Principal::new(name, Role::ALL).with_resources(resources);
        Team { principal, experiment, run, logged, model: name }
    }
}

/// Requests that name something of a team: method, path, body.
fn requests(of: &Team) -> Vec<(&'static str, String, Value)> {
    let Team { experiment, run, logged, model, .. } = of;
    let api = |path: &str| format!("/api/2.0/mlflow/{path}");
    let metric = json!({"key": "loss", "value": 1.0, "timestamp": 1});
    vec![
        ("GET", api(&format!("experiments/get?experiment_id={experiment}")), Value::Null),
        ("GET", api(&format!("experiments/get-by-name?experiment_name={model}")), Value::Null),
        ("POST", api("experiments/update"), json!({"experiment_id": experiment, "new_name": model})),
        (
            "POST",
            api("experiments/set-experiment-tag"),
            json!({"experiment_id": experiment, "key": "k", "value": "v"}),
        ),
        ("POST", api("experiments/search-datasets"), json!({"experiment_ids": [experiment]})),
        ("POST", api("runs/create"), json!({"experiment_id": experiment, "start_time": 2})),
        ("GET", api(&format!("runs/get?run_id={run}")), Value::Null),
        ("GET", api(&format!("runs/get?run_uuid={run}")), Value::Null),
        ("POST", api("runs/set-tag"), json!({"run_uuid": run, "key": "k", "value": "v"})),
        ("POST", api("runs/log-metric"), json!({"run_id": run, "key": "loss", "value": 1.0, "timestamp": 1})),
        ("POST", api("runs/log-batch"), json!({"run_id": run, "metrics": [metric]})),
        ("POST", api("runs/log-inputs"), json!({"run_id": run, "models": [{"model_id": logged}]})),
        ("POST", api("runs/outputs"), json!({"run_id": run, "models": [{"model_id": logged, "step": 0}]})),
        ("POST", api("runs/search"), json!({"experiment_ids": [experiment]})),
        ("GET", api(&format!("metrics/get-history?run_id={run}&metric_key=loss")), Value::Null),
        (
            "GET",
            format!("/ajax-api/2.0/mlflow/metrics/get-history-bulk?run_id={run}&metric_key=loss"),
            Value::Null,
        ),
        (
            "GET",
            api(&format!("metrics/get-history-bulk-interval?run_ids={run}&metric_key=loss")),
            Value::Null,
        ),
        (
            "POST",
            api("logged-models"),
            json!({"experiment_id": experiment, "name": "tree", "source_run_id": run}),
        ),
        ("POST", api("logged-models/search"), json!({"experiment_ids": [experiment]})),
        ("GET", api(&format!("logged-models/{logged}")), Value::Null),
        (
            "PATCH",
            api(&format!("logged-models/{logged}/tags")),
            json!({"tags": [{"key": "k", "value": "v"}]}),
        ),
        ("GET", api(&format!("artifacts/list?run_id={run}")), Value::Null),
        (
            "PUT",
            format!("/api/2.0/mlflow-artifacts/artifacts/{experiment}/{run}/artifacts/note"),
            json!("a note"),
        ),
        (
            "GET",
            format!("/api/2.0/mlflow-artifacts/artifacts/{experiment}/{run}/artifacts/note"),
            Value::Null,
        ),
        ("GET", format!("/api/2.0/mlflow-artifacts/artifacts?path={experiment}/{run}"), Value::Null),
        ("GET", format!("/get-artifact?path=note&run_uuid={run}"), Value::Null),
        ("POST", format!("/ajax-api/2.0/mlflow/upload-artifact?run_uuid={run}&path=note2"), json!("x")),
        ("GET", api(&format!("registered-models/get?name={model}")), Value::Null),
        ("POST", api("registered-models/set-tag"), json!({"name": model, "key": "k", "value": "v"})),
        ("POST", api("registered-models/alias"), json!({"name": model, "alias": "best", "version": "1"})),
        ("GET", api(&format!("registered-models/alias?name={model}&alias=best")), Value::Null),
        ("GET", api(&format!("model-versions/get?name={model}&version=1")), Value::Null),
        (
            "POST",
            api("model-versions/create"),
            json!({"name": model, "source": format!("models:/{model}/1")}),
        ),
        (
            "POST",
            api("model-versions/create"),
            json!({"name": model, "source": format!("models:/{logged}"), "model_id": logged}),
        ),
        (
            "POST",
            api("model-versions/transition-stage"),
            json!({"name": model, "version": "1", "stage": "Staging"}),
        ),
    ]
}

#[test]
fn a_team_uses_its_own_and_nothing_of_another() {
    let place = Place::new();
    let (own, other) = (place.team("churn"), place.team("risk"));
    for (method, path, body) in requests(&own) {
        let (status, answer) = place.ask(&own.principal, method, &path, &body);
        assert!(status.is_success(), "{method} {path}: {status} {answer}");
        let (status, answer) = place.ask(&other.principal, method, &path, &body);
        assert_eq!(status, StatusCode::FORBIDDEN, "{method} {path}: {answer}");
        assert_eq!(answer["error_code"], "PERMISSION_DENIED", "{method} {path}");
    }
    // Beside something of one's own, too, and where it is hidden in a list, in a name or in a path.
    let api = |path: &str| format!("/api/2.0/mlflow/{path}");
    let metric = |model: &str| json!({"key": "loss", "value": 1.0, "timestamp": 1, "model_id": model});
    for (method, path, body) in [
        ("POST", api("runs/search"), json!({"experiment_ids": [own.experiment, other.experiment]})),
        ("POST", api("runs/search"), json!({"experimentIds": [format!(" 0{}", other.experiment)]})),
        ("POST", api("runs/search"), json!({"experiment_ids": []})),
        (
            "POST",
            api("runs/log-metric"),
            json!({"run_id": own.run, "key": "k", "value": 1, "timestamp": 1, "model_id": other.logged}),
        ),
        (
            "POST",
            api("runs/log-batch"),
            json!({"run_id": own.run, "metrics": [metric(&own.logged), metric(&other.logged)]}),
        ),
        ("POST", api("runs/log-inputs"), json!({"run_id": own.run, "models": [{"model_id": other.logged}]})),
        (
            "POST",
            api("runs/outputs"),
            json!({"run_id": own.run, "models": [{"modelId": other.logged, "step": 0}]}),
        ),
        (
            "POST",
            api("runs/set-tag"),
            json!({"run_id": own.run, "run_uuid": other.run, "key": "k", "value": "v"}),
        ),
        (
            "GET",
            format!(
                "/ajax-api/2.0/mlflow/metrics/get-history-bulk?run_id={}&run_id={}&metric_key=loss",
                own.run, other.run
            ),
            Value::Null,
        ),
        ("GET", format!("/get-artifact?path=note&run_uuid={}&run_id={}", own.run, other.run), Value::Null),
        ("POST", api("logged-models"), json!({"experiment_id": own.experiment, "source_run_id": other.run})),
        (
            "GET",
            format!("/api/2.0/mlflow-artifacts/artifacts/{}/../{}/x", own.experiment, other.experiment),
            Value::Null,
        ),
        (
            "GET",
            format!("/api/2.0/mlflow-artifacts/artifacts/%{:x}/x", other.experiment.as_bytes()[0]),
            Value::Null,
        ),
        ("GET", "/api/2.0/mlflow-artifacts/artifacts".to_owned(), Value::Null),
        ("PUT", format!("/api/2.0/mlflow-artifacts/artifacts/{}/x", other.experiment), json!("x")),
        (
            "DELETE",
            format!("/api/2.0/mlflow-artifacts/artifacts/{}/{}", other.experiment, other.run),
            Value::Null,
        ),
        ("POST", api("registered-models/rename"), json!({"name": own.model, "new_name": "taken"})),
        ("POST", api("model-versions/create"), json!({"name": own.model, "source": "models:/risk/1"})),
        ("POST", api("model-versions/create"), json!({"name": own.model, "source": "models:/risk@best"})),
        ("POST", api("model-versions/create"), json!({"name": own.model, "source": "models://risk/1"})),
        (
            "POST",
            api("model-versions/create"),
            json!({"name": own.model, "source": "s3://b/x", "run_id": other.run}),
        ),
        ("POST", api("registered-models/create"), json!({"name": "churn2"})),
        ("POST", api("experiments/create"), json!({"name": "mine"})),
        ("POST", api("experiments/search"), json!({"max_results": 10})),
        ("GET", api("registered-models/search"), Value::Null),
        ("GET", api("model-versions/search"), Value::Null),
        (
            "POST",
            "/graphql".to_owned(),
            json!({"operationName": "GetRun", "variables": {"data": {"runId": own.run}}}),
        ),
        ("GET", "/ui/".to_owned(), Value::Null),
        ("GET", api("runs/get?run_id=absent"), Value::Null),
        ("GET", api("experiments/get-by-name?experiment_name=absent"), Value::Null),
    ] {
        let (status, answer) = place.ask(&own.principal, method, &path, &body);
        // A request that says two things is refused for that where it is.
        let is_odd =
            answer["message"].as_str().is_some_and(|text| text.starts_with("Request specifies both"));
        assert!(status == StatusCode::FORBIDDEN || is_odd, "{method} {path} {body}: {status} {answer}");
    }
    // Nothing of the other team's changed.
    let versions =
        place.ask(&other.principal, "GET", &api("registered-models/get?name=risk"), &Value::Null).1;
    assert_eq!(versions["registered_model"]["latest_versions"].as_array().unwrap().len(), 1);
    let run =
        place.ask(&other.principal, "GET", &api(&format!("runs/get?run_id={}", other.run)), &Value::Null).1;
    assert!(
        run["run"]["data"]["metrics"].is_null() && run["run"]["info"]["lifecycle_stage"] == "active",
        "{run}"
    );
}

/// A route that is added says what it is about, or refuses.
#[test]
fn a_route_that_names_nothing_of_a_team_is_refused() {
    let place = Place::new();
    let team = place.team("churn");
    for (method, template) in routes() {
        let path = template.replace("{*}", "a/b").replace("{}", "m-1");
        let (status, answer) = place.ask(&team.principal, method, &path, &json!({}));
        let is_free = FREE.contains(&template);
        // What must be there and is missing may be told before.
        let is_missing = answer["message"].as_str().is_some_and(|text| text.starts_with("Missing value"));
        assert_eq!(
            status == StatusCode::FORBIDDEN || is_missing,
            !is_free,
            "{method} {path}: {status} {answer}"
        );
    }
    let nobody = Principal::new("nobody", Role::ALL).with_resources(Resources::default());
    for (method, path, body) in requests(&team) {
        assert_eq!(place.ask(&nobody, method, &path, &body).0, StatusCode::FORBIDDEN, "{method} {path}");
    }
}

/// What is nobody's own.
const FREE: [&str; 8] = [
    "/ajax-api/2.0/mlflow/gateway-proxy",
    "/ajax-api/3.0/mlflow/assistant/config",
    "/ajax-api/3.0/mlflow/assistant/providers",
    "/api/3.0/mlflow/server-info",
    "/health",
    "/version",
    "/",
    "/static-files/{*}",
];
