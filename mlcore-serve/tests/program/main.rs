//! The program `mlcore-serve`, started as its users start it.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test reports by panicking, in its helpers too")]

mod duties;
mod features;
mod import;
mod metrics;
mod mlflow;
mod monitor;
#[cfg(feature = "otel")]
mod otel;
mod place;
#[cfg(feature = "otel")]
#[path = "../grpc/protocol/mod.rs"]
mod protocol;
mod signals;
mod soak;
mod token;

use std::fs;
use std::sync::Arc;

use mlcore::artifact::{ArtifactStore, FolderStore};
use mlcore::batch::{Batch, Tensor};
use mlcore::name::{Alias, ModelName, Version};
use mlcore::registry::{Change, Expected, NewVersion, RegistryExt, SqliteRegistry, Stage};
use mlcore::runner::ort::{Limits, OnnxRunner, StoredModel};
use mlcore::runner::{RunOptions, Runner};
use mlcore::time::Timestamp;
use mlcore_serve::log::LogReader;
use serde_json::{Value, json};

use self::place::{Place, eventually, model};

/// What ONNX Runtime answers in this process.
fn expected(file: &str, row: &[f32]) -> Vec<f32> {
    let runner = OnnxRunner::from_file(model(file)).unwrap();
    let name = runner.signature().inputs.names().next().unwrap().to_owned();
    let inputs = Batch::single(name.as_str(), Tensor::new([1, row.len()], row.to_vec()).unwrap());
    let outputs = runner.run(&inputs, &RunOptions::default()).unwrap();
    outputs.tensor("probabilities").unwrap().values::<f32>().unwrap().to_vec()
}

fn row() -> Vec<f32> {
    (0..30_u8).map(|place| f32::from(place) * 0.1 - 1.0).collect()
}

fn infer(place: &Place, path: &str) -> Value {
    let input = json!({ "name": "input", "shape": [1, 30], "datatype": "FP32", "data": row() });
    place.post(path, &json!({ "inputs": [input] }))
}

fn probabilities(answer: &Value) -> Vec<f32> {
    let outputs = answer["outputs"].as_array().unwrap_or_else(|| panic!("{answer}"));
    let output = outputs.iter().find(|output| output["name"] == "probabilities").unwrap();
    output["data"].as_array().unwrap().iter().map(|value| value.as_f64().unwrap() as f32).collect()
}

#[test]
fn a_folder_is_served_by_one_command() {
    let place = Place::new();
    place.put("forest/1", "rf30.onnx");
    place.put("forest/3", "gb30.onnx");
    place.put("net/7", "mlp30.onnx");
    place.write("forest/config.pbtxt", "version_policy { all { } }");
    let place = place.serve(&["--model-repository", "models"]);
    assert_eq!(place.get("/v2/health/ready").0, 200);
    let forest = place.get("/v2/models/forest").1;
    assert_eq!((&forest["versions"], &forest["platform"]), (&json!(["1", "3"]), &json!("onnxruntime_onnx")));
    for (path, file, version) in [
        ("/v2/models/forest/infer", "gb30.onnx", "3"),
        ("/v2/models/forest/versions/1/infer", "rf30.onnx", "1"),
        ("/v2/models/forest/versions/3/infer", "gb30.onnx", "3"),
        ("/v2/models/net/infer", "mlp30.onnx", "7"),
    ] {
        let answer = infer(&place, path);
        assert_eq!(answer["model_version"], version, "{path}");
        assert_eq!(probabilities(&answer), expected(file, &row()), "{path}");
    }
    // It loads by itself, so that nobody else does.
    let refused = place.post("/v2/repository/models/net/unload", &json!({}));
    assert!(refused["error"].as_str().unwrap().contains("--model-control-mode explicit"), "{refused}");
    assert_eq!(place.stop(), Some(0));
}

#[test]
fn a_polled_folder_is_followed() {
    let place = Place::new();
    place.put("forest/1", "rf30.onnx");
    place.write("broken/1/model.onnx", "no model");
    place.write("empty/config.pbtxt", "");
    let poll =
        ["--model-repository", "models", "--model-control-mode", "poll", "--repository-poll-secs", "1"];
    let place = place.serve(&[&poll[..], &["--exit-on-error", "false"]].concat());
    assert_eq!(place.get("/v2/health/ready").0, 503, "a model is broken");
    let empty = place.get("/v2/models/empty");
    let why = "its folder has no version: no file such as 1/model.onnx";
    assert!(empty.0 == 503 && empty.1["error"].as_str().unwrap().contains(why), "{empty:?}");
    place.put("broken/1", "mlp30.onnx");
    assert_eq!(place.get("/v2/health/ready").0, 503, "another has no version");
    place.put("empty/1", "mlp30.onnx");
    place.put("forest/2", "gb30.onnx");
    place.put("new/1", "rf30.onnx");
    eventually("everything is loaded", || {
        let answers = ["broken", "empty", "new"].map(|name| place.get(&format!("/v2/models/{name}/ready")).0);
        answers == [200, 200, 200] && infer(&place, "/v2/models/forest/infer")["model_version"] == "2"
    });
    assert_eq!(place.get("/v2/health/ready").0, 200);
    fs::remove_dir_all(place.path("models/new")).unwrap();
    eventually("it is gone", || place.get("/v2/models/new").0 == 404);
    assert_eq!(place.get("/v2/health/ready").0, 200);
    assert_eq!(place.stop(), Some(0));
}

#[test]
fn clients_load_and_unload_where_they_may() {
    let place = Place::new();
    place.put("forest/1", "rf30.onnx");
    place.put("net/1", "mlp30.onnx");
    let place = place.serve(&[
        "--model-repository",
        "models",
        "--model-control-mode",
        "explicit",
        "--load-model",
        "net",
    ]);
    assert_eq!(place.get("/v2/models/net/ready").0, 200);
    assert_eq!(place.get("/v2/models/forest/ready").0, 404);
    assert_eq!(place.post("/v2/repository/models/forest/load", &json!({})), json!({}));
    assert_eq!(place.get("/v2/models/forest/ready").0, 200);
    assert_eq!(place.post("/v2/repository/models/net/unload", &json!({})), json!({}));
    assert_eq!(place.get("/v2/models/net/ready").0, 503);
    let files = json!({ "parameters": { "file:1/model.onnx": "AAAA" } });
    let refused = place.post("/v2/repository/models/net/load", &files);
    assert!(refused["error"].as_str().unwrap().contains("send a configuration, too"), "{refused}");
    let files = json!({ "parameters": { "config": "{}", "file:1/model.onnx": "AAAA" } });
    let refused = place.post("/v2/repository/models/net/load", &files);
    assert!(refused["error"].as_str().unwrap().contains("no ONNX model"), "{refused}");
    assert_eq!(place.post("/v2/repository/models/net/load", &json!({})), json!({}));
    assert_eq!(place.get("/v2/models/net/ready").0, 200);
    assert_eq!(place.stop(), Some(0));
}

/// A registry on disk with two versions, the first of which is the champion.
fn registry(place: &Place) -> (SqliteRegistry, ModelName) {
    let registry = SqliteRegistry::open(place.path("registry.db")).unwrap();
    let artifacts: Arc<dyn ArtifactStore> =
        Arc::new(FolderStore::open(place.path("registry.db.artifacts")).unwrap());
    let (forest, change) = (ModelName::new("forest").unwrap(), change());
    for (file, tag) in [("rf30.onnx", "v1.0.0"), ("gb30.onnx", "v1.1.0")] {
        let stored = StoredModel::from_file(&model(file), &*artifacts, &Limits::default()).unwrap();
        let new =
            NewVersion::new(forest.clone(), stored.artifact, stored.info.signature).with_tag("version", tag);
        let version = registry.register(&*artifacts, new, &change).unwrap().version;
        registry.transition(&forest, version, Stage::Dev, Stage::Staging, &change).unwrap();
    }
    registry.promote(&forest, Version::FIRST, &champion(), Expected::Absent, &change).unwrap();
    (registry, forest)
}

fn change() -> Change {
    Change::new("test", Timestamp::from_millis(1))
}

fn champion() -> Alias {
    Alias::new("champion").unwrap()
}

/// A folder that needs neither a registry nor a network; with keys, only what they signed.
#[test]
fn a_bundle_is_served_and_what_is_not_signed_is_not() {
    use mlcore::artifact::{KeyRing, SigningKey, TrustedKey};
    use mlcore::package::{Ask, Bundle, Lock, sign_version};
    use mlcore::registry::Registry;

    let place = Place::new();
    let (registry, forest) = registry(&place);
    let artifacts = FolderStore::open(place.path("registry.db.artifacts")).unwrap();
    let bundle = |name: &str| {
        let lock = Lock::resolve(&registry, &[Ask::Model(forest.clone())], Timestamp::default()).unwrap();
        Bundle::write(&lock, &artifacts, &place.path(name)).unwrap();
    };
    bundle("unsigned");
    let key = SigningKey::from_pem(
        "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----",
    );
    let key = key.unwrap();
    let first = registry.version(&forest, Version::FIRST).unwrap();
    sign_version(&registry, &artifacts, &first, &key, "test", &change()).unwrap();
    bundle("signed");
    let ring = KeyRing::new([TrustedKey::new(key.public_key(), "test").with_models(["forest"])]).unwrap();
    place.write_here("keys.json", ring.to_json().unwrap());
    drop((registry, artifacts));
    for file in ["registry.db", "registry.db.artifacts"] {
        drop(fs::rename(place.path(file), place.path(&format!("{file}.away"))));
    }

    let (code, failed) = place.fails(&["--bundle", "unsigned", "--trusted-keys", "keys.json"]);
    assert!(code == Some(1) && failed.contains("it is not signed"), "{failed}");
    for arguments in [&["--bundle", "unsigned"][..], &["--bundle", "signed", "--trusted-keys", "keys.json"]] {
        let place = place.again().serve(arguments);
        let answer = infer(&place, "/v2/models/forest/infer");
        assert_eq!(
            (&answer["model_version"], probabilities(&answer)),
            (&json!("1"), expected("rf30.onnx", &row()))
        );
        assert_eq!(place.stop(), Some(0));
    }
}

#[test]
fn the_aliases_of_a_registry_are_followed() {
    let place = Place::new();
    let (registry, forest) = registry(&place);
    let place = place.serve(&["--registry", "sqlite:///registry.db"]);
    let answer = infer(&place, "/v2/models/forest/infer");
    assert_eq!(
        (&answer["model_version"], probabilities(&answer)),
        (&json!("1"), expected("rf30.onnx", &row()))
    );
    let second = Version::new(2).unwrap();
    registry.promote(&forest, second, &champion(), Expected::Any, &change()).unwrap();
    eventually("the second version answers", || {
        infer(&place, "/v2/models/forest/infer")["model_version"] == "2"
    });
    assert_eq!(place.stop(), Some(0));
}

#[test]
fn a_deployment_of_mlflow_needs_no_arguments() {
    let place = Place::new();
    let (registry, forest) = registry(&place);
    for (word, version) in [("champion", "1"), ("2", "2"), ("v1.1.0", "2"), ("v1.0.0", "1")] {
        let place = place.again().with_variables(&[
            ("MLFLOW_TRACKING_URI", "sqlite:///registry.db"),
            ("MODEL_NAME", "forest"),
            ("MODEL_VERSION", word),
        ]);
        let place = place.serve(&[]);
        assert_eq!(infer(&place, "/v2/models/forest/infer")["model_version"], version, "{word}");
        assert_eq!(place.stop(), Some(0));
    }
    // Of these only an alias means another version when it is moved.
    let of = |word| {
        let variables = [
            ("MLFLOW_TRACKING_URI", "sqlite:///registry.db"),
            ("MODEL_NAME", "forest"),
            ("MODEL_VERSION", word),
        ];
        place.again().with_variables(&variables).serve(&[])
    };
    let (alias, number) = (of("champion"), of("1"));
    registry.promote(&forest, Version::new(2).unwrap(), &champion(), Expected::Any, &change()).unwrap();
    eventually("the alias is followed", || infer(&alias, "/v2/models/forest/infer")["model_version"] == "2");
    assert_eq!(infer(&number, "/v2/models/forest/infer")["model_version"], "1");
    assert_eq!((alias.stop(), number.stop()), (Some(0), Some(0)));
    let place = place.again().with_variables(&[
        ("MLFLOW_TRACKING_URI", "sqlite:///registry.db"),
        ("MODEL_NAME", "forest"),
        ("MODEL_VERSION", "v9"),
    ]);
    let (code, told) = place.fails(&[]);
    assert_eq!(code, Some(1));
    assert!(told.contains("\"v9\" is no alias, no number of a version, and no version's tag"), "{told}");
}

#[test]
fn releases_are_set_in_a_file() {
    let place = Place::new();
    place.put("forest/1", "rf30.onnx");
    place.put("forest/2", "gb30.onnx");
    place.write("forest/config.pbtxt", "version_policy { all { } }");
    place.write_here(
        "serve.toml",
        r#"
        model-repository = "models"
        [models.forest]
        aliases = { champion = 1, challenger = 2 }
        arms = ["challenger"]
        [models.forest.policy]
        kind = "weighted"
        salt = "spring"
        weights = { champion = 0.5, challenger = 0.5 }
        "#,
    );
    let place = place.serve(&["--config", "serve.toml"]);
    let versions: Vec<Value> =
        (0..60).map(|_| infer(&place, "/v2/models/forest/infer")["model_version"].clone()).collect();
    for version in ["1", "2"] {
        let share = versions.iter().filter(|answered| *answered == version).count();
        assert!((12..=48).contains(&share), "version {version} answered {share} of 60");
    }
    assert_eq!(place.stop(), Some(0));
}

#[test]
fn predictions_are_logged() {
    let place = Place::new();
    place.put("forest/1", "rf30.onnx");
    place.write_here(
        "serve.toml",
        "model-repository = \"models\"\nprediction-log = \"log\"\n[log]\nmax_rows = 4\n",
    );
    let running = place.again().serve(&["--config", "serve.toml"]);
    for _ in 0..10 {
        infer(&running, "/v2/models/forest/infer");
    }
    assert_eq!(running.stop(), Some(0));
    let logged = LogReader::new(place.path("log"));
    let logged: Vec<_> = logged.predictions().unwrap().map(Result::unwrap).collect();
    assert_eq!(logged.len(), 10);
    assert!(logged.iter().all(|row| row.model.as_str() == "forest" && row.arm.as_str() == "champion"));
}

#[test]
fn what_is_wrong_is_one_line() {
    let place = Place::new();
    place.put("forest/1", "rf30.onnx");
    place.write("broken/1/model.onnx", "no model");
    place.write_here("unknown.toml", "model-repository = \"models\"\nhttp-prot = 1\n");
    place.write_here("damaged.toml", "http-port = 8000\n[models\n");
    place.write_here("policy.toml", "[models.forest.policy]\nkind = \"cannary\"\n");
    place.write_here(
        "steps.toml",
        "model-repository = \"models\"\nload-model = [\"forest\"]\n[models.forest.policy]\nkind = \"canary\"\ncanary = \"new\"\n\
         salt = \"s\"\nsteps = [2.0]\nguardrails = []\n",
    );
    for (arguments, code, problem) in [
        (&[][..], 2, "give --model-repository DIR, --registry URL, --bundle DIR or --feature-store DIR"),
        (&["--model-repository", "nowhere"], 1, "nowhere"),
        (&["--model-repository", "models"], 1, "broken version 1, model.onnx: it is no ONNX model"),
        (&["--model-repository", "models", "--load-model", "other"], 1, "has no folder of this name"),
        (
            &["--model-repository", "models", "--snapshots", "s"],
            2,
            "snapshots: it is given, and no registry is",
        ),
        (&["--artifacts", "a"], 2, "artifacts: it is given, and no registry is"),
        (&["--registry", "redis://host"], 2, "there is no kind of registry called redis"),
        (&["--config", "unknown.toml"], 2, "http-prot"),
        (&["--config", "damaged.toml"], 2, "damaged.toml: line 2: "),
        (&["--config", "policy.toml"], 2, "policy.toml: line "),
        (&["--config", "steps.toml"], 2, "step"),
        (&["--config", "nothing.toml"], 1, "nothing.toml"),
        #[cfg(not(feature = "otel"))]
        (
            &["--model-repository", "models", "--otlp-endpoint", "http://localhost:4318"],
            2,
            "otlp-endpoint: it asks for spans to be exported, and this build of mlcore-serve cannot",
        ),
        #[cfg(feature = "otel")]
        (
            &["--model-repository", "models", "--otlp-endpoint", "localhost:4318"],
            2,
            "otlp-endpoint: it is no URL of a collector; write http://host:4318",
        ),
        (&["--http-prot", "1"], 2, "--http-port"),
        (
            &["--model-repository", "models", "--load-model", "forest", "--log-filter", "=="],
            2,
            "is no filter of log lines",
        ),
    ] {
        let (found, told) = place.again().fails(arguments);
        assert_eq!(found, Some(code), "{arguments:?}: {told}");
        assert!(told.contains(problem), "{arguments:?}: {told}");
        // The lines of the log before it name their places.
        let last = told.lines().last().unwrap();
        assert!(!last.contains("::") && !told.contains("panicked"), "{told}");
    }
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let arguments = ["--model-repository", "models", "--http-port", port.as_str()];
    let (code, told) = place.again().fails(&arguments);
    assert_eq!(code, Some(1));
    assert!(told.contains("another program listens there already"), "{told}");
}

/// What the README's first screen does.
#[test]
fn the_readme_serves_a_model_by_one_command() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let command = readme.lines().find(|line| line.contains("--model-repository")).unwrap();
    let folder = command.rsplit(' ').next().unwrap();
    let call = readme.split("curl localhost:8000").nth(1).unwrap();
    let (path, rest) = call.split_once(" --json '").unwrap();
    let request: Value = serde_json::from_str(rest.split_once('\'').unwrap().0).unwrap();
    let place = Place::new().serve(&["--model-repository", root.join(folder).to_str().unwrap()]);
    let probabilities = probabilities(&place.post(path, &request));
    assert!(probabilities.len() == 2 && (probabilities.iter().sum::<f32>() - 1.0).abs() < 1e-6);
    assert_eq!(place.stop(), Some(0));
}
