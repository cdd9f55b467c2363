//! Stores of MLflow: one that the stock client wrote (`testdata/mlflow/`), strange ones, and importing twice.
#![cfg(feature = "sqlite")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use mlcore::name::ExperimentId;
use mlcore::tracking::{
    ExperimentSearch, LifecycleStage, LoggedModelSearch, MemoryTracker, RunSearch, SqliteTracker, Tracker,
    TrackerExt, ViewType, mlflow,
};
use rusqlite::Connection;
use serde_json::Value;

fn data(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/mlflow");
    fs::read_to_string(folder.join(name)).unwrap()
}

/// The store as a file, after more statements.
fn store(folder: &Path, more: &str) -> PathBuf {
    let path = folder.join("mlflow.db");
    let database = Connection::open(&path).unwrap();
    // The statements are in the order of the tables' names.
    database.pragma_update(None, "foreign_keys", false).unwrap();
    database.execute_batch(&data("store.sql")).unwrap();
    database.execute_batch(more).unwrap();
    path
}

/// Everything that a tracker tells of runs and models.
fn told(tracker: &dyn Tracker) -> Vec<String> {
    let all = ExperimentSearch::default().with_view(ViewType::All).with_order("experiment_id");
    let experiments = tracker.search_experiments(&all).unwrap().items;
    let ids: Vec<ExperimentId> = experiments.iter().map(|found| found.id.clone()).collect();
    let mut lines: Vec<String> = experiments.iter().map(|found| format!("{found:?}")).collect();
    let runs = tracker.search_runs(&RunSearch::new(ids.clone()).with_view(ViewType::All)).unwrap().items;
    for run in &runs {
        lines.push(format!("{run:?}"));
        for key in run.data.metrics.keys() {
            lines.push(format!("{:?}", tracker.whole_history(&run.info.id, key).unwrap()));
        }
    }
    let models = tracker.search_logged_models(&LoggedModelSearch::new(ids).with_limit(1000)).unwrap().items;
    lines.extend(models.iter().map(|model| format!("{model:?}")));
    lines
}

fn shown(value: f64) -> String {
    // As Python writes it.
    if value.is_nan() { "nan".to_owned() } else { format!("{value:?}") }
}

#[test]
fn a_store_of_the_stock_client_is_taken_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = store(folder.path(), "");
    let trackers: [Box<dyn Tracker>; 2] = [
        Box::new(MemoryTracker::new()),
        Box::new(SqliteTracker::open(folder.path().join("tracking.db")).unwrap()),
    ];
    let expected: Value = serde_json::from_str(&data("expected.json")).unwrap();
    for tracker in &trackers {
        let imported = mlflow::import_database(&path, &**tracker).unwrap();
        assert_eq!(imported.left, Vec::<String>::new());
        for (id, about) in expected["experiments"].as_object().unwrap() {
            let found = tracker.experiment(&id.parse().unwrap()).unwrap();
            assert_eq!(
                (found.name.as_str(), found.lifecycle_stage.name()),
                (about[0].as_str().unwrap(), about[1].as_str().unwrap())
            );
            let search = RunSearch::new([found.id]).with_view(ViewType::All);
            assert_eq!(
                tracker.search_runs(&search).unwrap().items.len() as u64,
                expected["runs"][id].as_u64().unwrap()
            );
        }
        let first = expected["first"].as_str().unwrap().parse().unwrap();
        let run = tracker.run(&first).unwrap();
        assert_eq!(serde_json::to_value(&run.data.params).unwrap(), expected["params"]);
        assert_eq!(serde_json::to_value(&run.data.tags).unwrap(), expected["tags"]);
        for (key, points) in expected["history"].as_object().unwrap() {
            let mut due: Vec<_> = points
                .as_array()
                .unwrap()
                .iter()
                .map(|point| {
                    let value = point[0].as_str().unwrap().to_owned();
                    // The client is told the largest number in the place of infinity.
                    let value = if value.ends_with("e+308") {
                        value.replace("1.7976931348623157e+308", "inf")
                    } else {
                        value
                    };
                    (point[1].as_i64().unwrap(), point[2].as_i64().unwrap(), value)
                })
                .collect();
            let history = tracker.whole_history(&first, key).unwrap();
            let mut found: Vec<_> =
                history.iter().map(|point| (point.timestamp_ms, point.step, shown(point.value))).collect();
            due.sort();
            found.sort();
            assert_eq!(found, due, "{key}");
        }
        assert_eq!(run.inputs.datasets[0].dataset.name, "iris");
        let model = tracker.logged_model(&run.outputs[0].model).unwrap();
        assert_eq!((model.name.as_str(), model.status.name(), model.metrics.len()), ("forest", "READY", 1));
        assert_eq!((model.params["depth"].as_str(), model.metrics[0].metric.value), ("3", 0.9));

        let before = told(&**tracker);
        let again = mlflow::import_database(&path, &**tracker).unwrap();
        assert_eq!((again.left, again.experiments), (Vec::new(), imported.experiments));
        assert!(told(&**tracker) == before, "importing again changed something");
    }
    assert_eq!(told(&*trackers[0]), told(&*trackers[1]));
}

#[test]
fn what_is_against_the_rules_is_left_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = store(
        folder.path(),
        "INSERT INTO tags SELECT '../evil', 'x', run_uuid FROM runs WHERE name = 'run 0';
        INSERT INTO params SELECT 'huge', printf('%.*c', 7000, 'x'), run_uuid FROM runs WHERE name = 'run 0';
        INSERT INTO metrics SELECT 'early', 1.0, -5, run_uuid, 0, 0 FROM runs WHERE name = 'run 0';
        UPDATE runs SET artifact_uri = 's3://elsewhere' WHERE name = 'run 1';
        UPDATE experiments SET artifact_location = 'runs:/x' WHERE name = 'deleted one'",
    );
    let tracker = MemoryTracker::new();
    let imported = mlflow::import_database(&path, &tracker).unwrap();
    let left = imported.left.join("\n");
    for words in ["tag key", "param value", "before 1970", "s3://elsewhere", "experiment 2 with its runs"] {
        assert!(left.contains(words), "{words} in {left}");
    }
    assert_eq!(imported.left_out, 5);
    assert_eq!(tracker.experiment(&"1".parse().unwrap()).unwrap().lifecycle_stage, LifecycleStage::Active);
}

#[test]
fn what_is_no_store_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let tracker = MemoryTracker::new();
    let refused = |path: &Path| {
        let error = mlflow::import_database(path, &tracker).unwrap_err();
        (error.kind(), error.to_string())
    };
    assert_eq!(refused(&folder.path().join("absent.db")).0, "not_found");
    assert_eq!(refused(folder.path()).0, "invalid_input");
    let text = folder.path().join("text.db");
    fs::write(&text, "no database, but long enough for the header of one ".repeat(20)).unwrap();
    assert_eq!(refused(&text).0, "corrupt");
    let ours = folder.path().join("ours.db");
    drop(SqliteTracker::open(&ours).unwrap());
    assert_eq!(refused(&ours).0, "invalid_input");

    let newer = store(folder.path(), "UPDATE alembic_version SET version_num = 'ffffffffffff'");
    let (kind, text) = refused(&newer);
    assert!(
        kind == "unsupported" && text.contains("ffffffffffff") && text.contains("newer mlcore"),
        "{text}"
    );
    fs::remove_file(&newer).unwrap();
    let strange = store(folder.path(), "UPDATE runs SET start_time = 'soon' WHERE name = 'run 0'");
    assert_eq!(refused(&strange).0, "corrupt");
    let other = MemoryTracker::new();
    let at = mlcore::time::Timestamp::from_millis(0);
    other.create_numbered_experiment(|id| mlcore::tracking::NewExperiment::new(id, "mine", at)).unwrap();
    assert_eq!(mlflow::import_database(&strange, &other).unwrap_err().kind(), "already_exists");
}
