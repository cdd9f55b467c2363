//! Models and their versions: what becomes one that mlcore serves, what stays external, and who did what.

use std::fs;
use std::path::Path;

use http::Method;
use mlcore::artifact::ArtifactStoreExt as _;
use mlcore::name::ModelName;
use mlcore::registry::{NewModel, Registry, Stage};
use serde_json::{Value, json};

use crate::support::Place;

/// The file MLmodel of a model with the ONNX flavor.
const MLMODEL: &str = "flavors:\n  onnx:\n    data: model.onnx\nsignature:\n  inputs: '[{\"type\": \"double\", \"name\": \"age\"}]'\n";

impl Place {
    fn send_file(&self, path: &str, bytes: Vec<u8>) {
        let answer = self.send(Method::PUT, &format!("/api/2.0/mlflow-artifacts/artifacts/{path}"), bytes);
        assert_eq!(answer.status, 200, "{path}");
    }

    /// A logged model with these files; its id.
    fn logged(&self, files: &[(&str, Vec<u8>)]) -> (String, String) {
        let run = self.run();
        let body = json!({"experiment_id": "0", "name": "forest", "source_run_id": run});
        let model = self.post("logged-models", &body).json();
        let info = &model["model"]["info"];
        let place = info["artifact_uri"].as_str().unwrap().strip_prefix("mlflow-artifacts:/").unwrap();
        files.iter().for_each(|(name, bytes)| self.send_file(&format!("{place}/{name}"), bytes.clone()));
        (info["model_id"].as_str().unwrap().to_owned(), run)
    }

    fn register(&self, name: &str, model: &str) -> Value {
        let body = json!({"name": name, "source": format!("models:/{model}"), "model_id": model});
        let answer = self.post("model-versions/create", &body);
        assert_eq!(answer.status, 200, "{:?}", answer.refusal());
        answer.json()["model_version"].clone()
    }

    fn stage(&self, name: &str, version: &str, stage: &str) -> (u16, String, String) {
        let body = json!({"name": name, "version": version, "stage": stage});
        self.post("model-versions/transition-stage", &body).refusal()
    }

    fn model(&self, title: &str) -> ModelName {
        NewModel::titled(title).name
    }
}

fn forest() -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/models/runner");
    fs::read(folder.join("rf30.onnx")).unwrap()
}

#[test]
fn a_checked_onnx_file_becomes_a_version_that_is_served() {
    let place = Place::new();
    place.post("registered-models/create", &json!({"name": "forest"}));
    let (model, run) = place.logged(&[("MLmodel", MLMODEL.into()), ("model.onnx", forest())]);
    let version = place.register("forest", &model);
    assert_eq!(
        (&version["version"], &version["run_id"]),
        (&json!("1"), &json!(run)),
        "the server fills the run in"
    );
    let name = place.model("forest");
    let kept = place.registry.versions(&name, None, 9).unwrap().remove(0);
    assert!(!kept.is_external() && kept.format == "onnx");
    assert_eq!(place.store.read(&kept.artifact).unwrap(), forest());
    assert_eq!(kept.signature.inputs.fields().len(), 1);
    assert_eq!(kept.tags["mlflow.input_columns"], "[\"age\"]");
    assert_eq!(kept.lineage.logged_model.as_ref().unwrap().as_str(), model);
    assert_eq!(kept.lineage.source, Some(format!("models:/{model}")));

    // Two steps in one entry, and one version at a time.
    let before = place.registry.verify().unwrap().sequence;
    assert_eq!(place.stage("forest", "1", "Production").0, 200);
    assert_eq!(place.registry.verify().unwrap().sequence, before + 1);
    let entry = place.registry.audit(before + 1, 1).unwrap().remove(0);
    assert_eq!((entry.event.stage_moves().len(), entry.actor.as_str()), (2, "anonymous"));
    let (second, _) = place.logged(&[("MLmodel", MLMODEL.into()), ("model.onnx", forest())]);
    place.register("forest", &second);
    let (status, code, message) = place.stage("forest", "2", "Production");
    assert_eq!((status, code.as_str()), (409, "RESOURCE_CONFLICT"), "{message}");
    let body =
        json!({"name": "forest", "version": "2", "stage": "Production", "archive_existing_versions": true});
    assert_eq!(place.post("model-versions/transition-stage", &body).status, 200);
    let stages: Vec<Stage> =
        place.registry.versions(&name, None, 9).unwrap().iter().map(|version| version.stage).collect();
    assert_eq!(stages, [Stage::Archived, Stage::Production]);
    assert_eq!(
        place
            .send(Method::DELETE, "/api/2.0/mlflow/registered-models/delete", "{\"name\": \"forest\"}")
            .status,
        409
    );
    let tag = place.get(&format!("logged-models/{model}")).json()["model"]["info"]["tags"][0].clone();
    assert_eq!(tag["key"], "mlflow.modelVersions");
    assert!(tag["value"].as_str().unwrap().contains("\"name\": \"forest\""), "{tag}");
}

#[test]
fn what_is_not_checked_is_external_and_says_why() {
    let place = Place::new();
    for name in ["forest", "Wald (Süd)"] {
        place.post("registered-models/create", &json!({"name": name}));
    }
    let damaged = place.logged(&[("MLmodel", MLMODEL.into()), ("model.onnx", b"no model".to_vec())]).0;
    let missing = place.logged(&[("MLmodel", MLMODEL.into())]).0;
    let outside = MLMODEL.replace("data: model.onnx", "data: ../../../secret.onnx");
    let outside = place.logged(&[("MLmodel", outside.into()), ("model.onnx", forest())]).0;
    let pickled = place.logged(&[("MLmodel", b"flavors:\n  sklearn:\n    data: model.pkl\n".to_vec())]).0;
    for model in [&damaged, &missing, &outside, &pickled] {
        place.register("forest", model);
    }
    let versions = place.registry.versions(&place.model("forest"), None, 9).unwrap();
    assert!(versions.iter().all(mlcore::registry::ModelVersion::is_external));
    let reasons: Vec<bool> =
        versions.iter().map(|version| version.tags.contains_key("mlcore.unchecked")).collect();
    assert_eq!(reasons, [true, true, true, false], "a model without the flavor is what it is");

    // A name that mlcore cannot serve takes nothing that it could.
    let (good, _) = place.logged(&[("MLmodel", MLMODEL.into()), ("model.onnx", forest())]);
    place.register("Wald (Süd)", &good);
    let titled = place.registry.versions(&place.model("Wald (Süd)"), None, 9).unwrap().remove(0);
    assert!(titled.is_external());

    // MLflow's rules: straight to production, several at once.
    for version in ["1", "2"] {
        assert_eq!(place.stage("forest", version, "production").0, 200);
    }
    let found = place.get("model-versions/search?filter=name%3D%27forest%27&max_results=100").json();
    let production = |version: &&Value| version["current_stage"] == "Production";
    assert_eq!(found["model_versions"].as_array().unwrap().iter().filter(production).count(), 2);
    let uri = place.get("model-versions/get-download-uri?name=forest&version=1").json();
    assert!(uri["artifact_uri"].as_str().unwrap().starts_with("mlflow-artifacts:/0/models/m-"), "{uri}");
    let file =
        place.send(Method::GET, "/model-versions/get-artifact?name=forest&version=1&path=model.onnx", "");
    assert_eq!(&*file.body, b"no model");
}

#[test]
fn many_that_register_at_once_get_numbers_of_their_own() {
    let place = Place::new();
    place.post("registered-models/create", &json!({"name": "busy"}));
    let mut numbers: Vec<u64> = std::thread::scope(|scope| {
        let place = &place;
        let register = move || {
            let body = json!({"name": "busy", "source": "s3://models/busy"});
            let answers = (0..10).map(|_| place.post("model-versions/create", &body).json());
            let number =
                |answer: Value| answer["model_version"]["version"].as_str().unwrap().parse::<u64>().unwrap();
            answers.map(number).collect::<Vec<_>>()
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(register)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=80).collect::<Vec<_>>());
    assert_eq!(place.registry.verify().unwrap().sequence, 81);
}

/// A source must not make the server read its own disk, nor ask another host.
#[test]
fn sources_that_lead_elsewhere_are_refused() {
    let place = Place::new();
    place.post("registered-models/create", &json!({"name": "m"}));
    for source in [
        "/etc/passwd",
        "file:///etc/passwd",
        "./x",
        "http://169.254.169.254/latest",
        "https://example.com/m",
        "s3://bucket/../x",
        "s3://bucket/%252e%252e/x",
        "mlflow-artifacts:/0/other/artifacts",
        "runs:/somebody/model",
        "models:/absent/1",
        "models:/m-1",
        "ftp://host/x",
        "s3://bucket/a\u{0}b",
    ] {
        let answer = place.post("model-versions/create", &json!({"name": "m", "source": source}));
        assert!(answer.status.is_client_error(), "{source}: {}", answer.status);
    }
    assert!(place.registry.versions(&place.model("m"), None, 9).unwrap().is_empty());
    let long = json!({"name": "m", "source": format!("s3://bucket/{}", "x".repeat(20_000))});
    assert_eq!(place.post("model-versions/create", &long).refusal().1, "INVALID_PARAMETER_VALUE");
}
