//! `mlcore-serve import` of a server, and what it refuses. Stores that the stock client wrote are taken over in
//! `tests/clients/mlflow_import.py`.

use std::fs;
use std::process::Stdio;

use mlcore::name::{ModelName, RunId, Version};
use mlcore::registry::{Registry, SqliteRegistry, Stage};
use mlcore::time::Timestamp;
use mlcore::tracking::{NewRun, SqliteTracker, TrackerExt};
use serde_json::json;

use crate::mlflow::Mlflow;
use crate::place::Place;
use crate::{champion, expected, infer, probabilities, row};

/// Runs the import; answers its code, what it printed, and what it told.
fn import(place: &Place, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = place.command(&[&["import"], arguments].concat()).stdout(Stdio::piped()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_models_of_a_server_are_mirrored_and_served() {
    let (mlflow, place) = (Mlflow::usual(), Place::new());
    let source = format!("mlflow+{}", mlflow.address);
    let (registry, files) = (["--registry", "sqlite:///registry.db"], ["--artifacts", "files"]);
    for new in ["2", "0"] {
        let (code, printed, told) = import(&place, &[&[source.as_str()], &registry[..], &files[..]].concat());
        assert_eq!(code, Some(0), "{printed}{told}");
        let due = format!(
            "registered models: 1\nversions: 2\nversions that are new: {new}\naliases: 1\nleft out: 0\n"
        );
        assert_eq!(printed, due);
        assert!(told.contains("\"two words\"") && !told.contains("a prompt"), "{told}");
    }
    let own = SqliteRegistry::open(place.path("registry.db")).unwrap();
    let forest = ModelName::new("forest").unwrap();
    for number in [1, 2] {
        let version = own.version(&forest, Version::new(number).unwrap()).unwrap();
        assert_eq!((version.stage, version.is_external()), (Stage::Dev, false));
        let lineage = version.lineage.source.unwrap();
        assert_eq!(lineage, format!("mlflow+{}/models/forest/{number}", mlflow.address));
        assert_eq!(version.tags["version"], format!("v{number}.0.0"));
    }
    assert_eq!(own.alias(&forest, &champion()).unwrap(), Some(Version::FIRST));
    mlflow.stop();
    // The server is gone; the alias and the files are here.
    let running = place.again().serve(&[&registry[..], &files[..]].concat());
    assert_eq!(probabilities(&infer(&running, "/v2/models/forest/infer")), expected("rf30.onnx", &row()));
    assert_eq!(running.stop(), Some(0));
}

/// What MLflow's clients keep there in another format does not hold up the server, which starts again beside it.
#[test]
fn a_server_starts_beside_models_that_it_cannot_run() {
    let arguments = ["--registry", "sqlite:///registry.db", "--artifacts", "files"];
    let poll = ["--model-control-mode", "poll", "--repository-poll-secs", "1"];
    let place = Place::new();
    let running = place.again().serve(&arguments);
    running.post("/api/2.0/mlflow/registered-models/create", &json!({"name": "pickled"}));
    let new = json!({"name": "pickled", "source": "s3://bucket/model"});
    let version = running.post("/api/2.0/mlflow/model-versions/create", &new);
    assert_eq!(version["model_version"]["version"], "1", "{version}");
    let alias = json!({"name": "pickled", "alias": "champion", "version": "1"});
    running.post("/api/2.0/mlflow/registered-models/alias", &alias);
    assert_eq!(running.stop(), Some(0));
    let running = place.again().serve(&[&arguments[..], &poll[..]].concat());
    assert_eq!(running.get("/v2/health/ready").0, 200);
    assert!(running.log().contains("its file is kept elsewhere"), "{}", running.log());
    assert_eq!(running.get("/v2/models/pickled").0, 404);
    std::thread::sleep(std::time::Duration::from_millis(1500));
    assert_eq!(running.get("/v2/health/ready").0, 200, "it was not tried meanwhile: {}", running.log());
    assert_eq!(running.stop(), Some(0));
    let (code, told) = place.fails(&[&arguments[..], &["--load-model", "pickled"]].concat());
    assert!(code == Some(1) && told.contains("it is external"), "{code:?}: {told}");
}

/// What cannot be mirrored is told, and the others are taken.
#[test]
fn versions_without_an_onnx_file_are_left_out() {
    let (place, mlflow) = (Place::new(), Mlflow::without_onnx("m2"));
    let source = format!("mlflow+{}", mlflow.address);
    // Flags in front of the word count as those behind it.
    let output = place
        .command(&["--registry", "sqlite:///registry.db", "import", &source])
        .stdout(Stdio::piped())
        .output()
        .unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(3), "{printed}");
    assert!(printed.contains("versions: 1\n") && printed.contains("left out: 1\n- "), "{printed}");
    assert!(printed.contains("its flavors are sklearn, and onnx is none of them"), "{printed}");
}

#[test]
fn runs_are_exported_and_come_back() {
    let place = Place::new();
    drop(SqliteRegistry::open(place.path("registry.db")).unwrap());
    let export = |arguments: &[&str]| {
        let output =
            place.command(&[&["export"], arguments].concat()).stdout(Stdio::piped()).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let own = ["mlflow.db", "--registry", "sqlite:///registry.db"];
    let (code, _, told) = export(&own);
    assert!(code == Some(1) && told.contains("nothing was tracked beside this registry"), "{told}");
    let tracker = SqliteTracker::open(place.path("registry.db.tracking")).unwrap();
    let at = Timestamp::from_millis(1);
    let experiment = tracker.default_experiment(at).unwrap();
    let run = tracker
        .start_run(NewRun::new(RunId::new("a".repeat(32)).unwrap(), experiment.id, at))
        .unwrap()
        .info
        .id;
    tracker.log_metric(&run, "loss", f64::INFINITY, at, 0).unwrap();
    let (code, printed, told) = export(&own);
    assert_eq!(code, Some(0), "{told}");
    assert!(printed.contains("runs: 1\n") && printed.contains("left out: 0\n"), "{printed}");
    let (code, _, told) = export(&own);
    assert!(code == Some(1) && told.contains("there is a file of this name"), "{told}");
    let (code, _, told) = export(&["another.db"]);
    assert!(code == Some(2) && told.contains("nothing says which registry's runs are exported"), "{told}");

    let (code, printed, told) = import(&place, &["sqlite:///mlflow.db", "--registry", "sqlite:///copy.db"]);
    // Its files are behind a proxy, and nobody said where.
    assert_eq!(code, Some(3), "{printed}{told}");
    let copy = SqliteTracker::open(place.path("copy.db.tracking")).unwrap();
    assert_eq!(copy.whole_history(&run, "loss").unwrap()[0].value, f64::INFINITY);
}

#[test]
fn what_cannot_be_imported_is_one_line() {
    let place = Place::new();
    place.write_here("text.db", "no database");
    fs::create_dir_all(place.path("files/mlflow")).unwrap();
    let into = ["--registry", "sqlite:///registry.db", "--artifacts", "files"];
    let server = ["mlflow+http://127.0.0.1:9", "--registry", "sqlite:///registry.db"];
    for (arguments, code, problem) in [
        (&["mlflow.db"][..], 2, "nothing says which registry is imported into; give --registry"),
        (&[&["nowhere.db"], &into[..]].concat(), 1, "nowhere.db: there is no such file"),
        (&[&["sqlite:///nowhere.db"], &into[..]].concat(), 1, "nowhere.db: there is no such file"),
        (&[&["text.db"], &into[..]].concat(), 1, "text.db"),
        (&[&["mysql://ana:secret@host/ml"], &into[..]].concat(), 1, "its scheme is mysql"),
        (&[&["text.db", "--artifacts-from", "nowhere"], &into[..]].concat(), 2, "there is no such folder"),
        (
            &[&["text.db", "--artifacts-from", "files"], &into[..]].concat(),
            2,
            "it is where the files of this server lie",
        ),
        (
            &[&["text.db", "--artifacts-from", "files/mlflow"], &into[..]].concat(),
            2,
            "it is where the files of this server lie",
        ),
        (
            &[&server[..], &["--artifacts-from", "files"]].concat(),
            2,
            "the files of a running server come from it",
        ),
        (&["mlflow.db", "--registry", "mlflow+http://127.0.0.1:9"], 2, "nothing says which registry"),
        (&[], 2, "<SOURCE>"),
    ] {
        let (found, _, told) = import(&place, arguments);
        assert_eq!(found, Some(code), "{arguments:?}: {told}");
        assert!(told.contains(problem) && !told.contains("secret") && !told.contains("panicked"), "{told}");
    }
}
