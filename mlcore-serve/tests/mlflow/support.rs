//! A server in memory, with its artifacts in a folder of its own.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use mlcore::artifact::MemoryStore;
use mlcore::registry::{MemoryRegistry, Registry, SqliteRegistry};
use mlcore::tracking::{MemoryTracker, SqliteTracker, Tracker};
use mlcore_serve::auth::Auth;
use mlcore_serve::http::{HttpLimits, HttpService};
use mlcore_serve::mlflow::{ArtifactFolder, ArtifactTree, Mlflow};
use mlcore_serve::models::Models;
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

pub(crate) struct Place {
    pub(crate) service: HttpService,
    pub(crate) registry: Arc<dyn Registry>,
    pub(crate) store: MemoryStore,
    pub(crate) folder: TempDir,
    pub(crate) runtime: Runtime,
}

/// What was answered.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Status, code and message.
    pub(crate) fn refusal(&self) -> (u16, String, String) {
        let json = self.json();
        let text = |key: &str| json[key].as_str().unwrap_or_default().to_owned();
        (self.status.as_u16(), text("error_code"), text("message"))
    }
}

impl Place {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let tree = files(&folder);
        Self::of(folder, tree, Arc::new(MemoryTracker::new()), Arc::new(MemoryRegistry::new()))
    }

    /// The same with its registry and its runs in files.
    pub(crate) fn in_files() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let registry = SqliteRegistry::open(folder.path().join("registry.db")).unwrap();
        let tracker = SqliteTracker::open(folder.path().join("registry.db.tracking")).unwrap();
        let tree = files(&folder);
        Self::of(folder, tree, Arc::new(tracker), Arc::new(registry))
    }

    /// One whose artifacts lie elsewhere.
    #[cfg(feature = "server")]
    pub(crate) fn with_artifacts(tree: Arc<dyn ArtifactTree>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self::of(folder, tree, Arc::new(MemoryTracker::new()), Arc::new(MemoryRegistry::new()))
    }

    fn of(
        folder: TempDir,
        tree: Arc<dyn ArtifactTree>,
        tracker: Arc<dyn Tracker>,
        registry: Arc<dyn Registry>,
    ) -> Self {
        let store = MemoryStore::new();
        let mlflow = Mlflow::new(tracker)
            .unwrap()
            .with_artifacts(tree)
            .with_registry(registry.clone(), Arc::new(store.clone()));
        let mut limits = HttpLimits::default();
        limits.body_bytes = 1 << 20;
        let service =
            HttpService::with_limits(Models::new(), limits).with_auth(Auth::open()).with_mlflow(mlflow);
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        Self { service, registry, store, folder, runtime }
    }

    pub(crate) fn ask(&self, request: Request<Full<Bytes>>) -> Answer {
        self.runtime.block_on(async {
            let (parts, body) = self.service.answer(request).await.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            Answer { status: parts.status, headers: parts.headers, body }
        })
    }

    pub(crate) fn send(&self, method: Method, path: &str, body: impl Into<Bytes>) -> Answer {
        let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
        self.ask(request.body(Full::new(body.into())).unwrap())
    }

    /// A POST under MLflow's prefix.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, &format!("/api/2.0/mlflow/{path}"), body.to_string())
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, &format!("/api/2.0/mlflow/{path}"), "")
    }

    /// A new run of the experiment that is there.
    pub(crate) fn run(&self) -> String {
        let answer = self.post("runs/create", &serde_json::json!({"experiment_id": "0", "start_time": 1}));
        answer.json()["run"]["info"]["run_id"].as_str().unwrap().to_owned()
    }
}

/// A folder of artifacts, inside of another one that tests put other things into.
fn files(folder: &TempDir) -> Arc<dyn ArtifactTree> {
    Arc::new(ArtifactFolder::open(folder.path().join("files")).unwrap())
}
