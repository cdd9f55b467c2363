//! Every route of MLflow's tracking server, with the key of every role and without.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use mlcore::tracking::MemoryTracker;
use mlcore_serve::auth::{Auth, Role};
use mlcore_serve::http::HttpService;
use mlcore_serve::mlflow::{Mlflow, routes};
use mlcore_serve::models::Models;

use crate::{auth, bearer};

/// What writes or deletes, by the end of its path.
const WRITES: [&str; 31] = [
    "POST experiments/create",
    "POST experiments/delete",
    "POST experiments/restore",
    "POST experiments/update",
    "POST experiments/set-experiment-tag",
    "POST experiments/delete-experiment-tag",
    "POST runs/create",
    "POST runs/update",
    "POST runs/delete",
    "POST runs/restore",
    "POST runs/set-tag",
    "POST runs/delete-tag",
    "POST runs/log-model",
    "POST runs/log-metric",
    "POST runs/log-parameter",
    "POST runs/log-batch",
    "POST runs/log-inputs",
    "POST runs/outputs",
    "POST mlflow/logged-models",
    "PATCH logged-models/{}",
    "DELETE logged-models/{}",
    "PATCH logged-models/{}/tags",
    "DELETE logged-models/{}/tags/{}",
    "POST logged-models/{}/params",
    "POST artifacts/presigned-upload-url",
    "PUT artifacts/{*}",
    "DELETE artifacts/{*}",
    "POST mpu/create/{*}",
    "POST mpu/complete/{*}",
    "POST mpu/abort/{*}",
    "POST mlflow/upload-artifact",
];

fn is_write(method: &str, path: &str) -> bool {
    WRITES
        .iter()
        .filter_map(|write| write.split_once(' '))
        .any(|(own, end)| own == method && path.ends_with(end))
}

fn service(auth: Auth) -> HttpService {
    let mlflow = Mlflow::new(Arc::new(MemoryTracker::new())).unwrap();
    HttpService::new(Models::new()).with_auth(auth).with_mlflow(mlflow)
}

fn status(service: &HttpService, method: &str, path: &str, authorization: Option<&str>) -> StatusCode {
    let mut request = Request::builder().method(method).uri(path).header("content-type", "application/json");
    if let Some(value) = authorization {
        request = request.header("authorization", value);
    }
    let request = request.body(Full::new(Bytes::from_static(b"{}"))).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (parts, body) = service.answer(request).await.into_parts();
        drop(body.collect().await);
        parts.status
    })
}

#[test]
fn every_route_of_mlflow_asks_for_its_role() {
    let (guarded, unguarded) = (service(auth()), service(Auth::default()));
    let mut writes = 0;
    for (method, template) in routes() {
        let path = template.replace("{*}", "a/b").replace("{}", "m-1");
        let ask = |role: Option<Role>| {
            status(&guarded, method, &path, role.map(|role| bearer(Some(role))).as_deref())
        };
        let is_denied =
            |status: StatusCode| status == StatusCode::UNAUTHORIZED || status == StatusCode::FORBIDDEN;
        if template == "/health" {
            assert_eq!(ask(None), StatusCode::OK);
            continue;
        }
        assert_eq!(ask(None), StatusCode::UNAUTHORIZED, "{method} {path}");
        assert_eq!(
            status(&guarded, method, &path, Some(&bearer(None))),
            StatusCode::UNAUTHORIZED,
            "{method} {path}"
        );
        for role in [Role::Write, Role::Admin] {
            assert!(!is_denied(ask(Some(role))), "{method} {path} by {role}");
        }
        let is_write = is_write(method, template);
        writes += usize::from(is_write);
        assert_eq!(ask(Some(Role::Predict)) == StatusCode::FORBIDDEN, is_write, "{method} {path}");
        // Without keys nobody writes but somebody on this machine.
        let nobody = status(&unguarded, method, &path, None);
        assert_eq!(nobody == StatusCode::FORBIDDEN, is_write, "{method} {path}: {nobody}");
    }
    assert_eq!(writes, WRITES.len());
    // The page's prefix is no way around.
    let path = "/ajax-api/2.0/mlflow/runs/create";
    assert_eq!(status(&guarded, "POST", path, None), StatusCode::UNAUTHORIZED);
}
