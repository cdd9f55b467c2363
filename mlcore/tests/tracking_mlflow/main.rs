//! Stores of MLflow: taken over, written, and refused. What the stock client wrote lies in `testdata/mlflow/`.
#![cfg(feature = "sqlite")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod database;
mod export;
#[cfg(feature = "mlruns")]
mod folder;

use std::fs;
use std::path::{Path, PathBuf};

use mlcore::name::{ExperimentId, RunId};
use mlcore::tracking::mlflow::Imported;
use mlcore::tracking::{
    ExperimentSearch, LoggedModelSearch, MemoryTracker, RunSearch, SqliteTracker, Tracker, TrackerExt,
    ViewType,
};
use rusqlite::Connection;
use serde_json::Value;

fn data(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/mlflow");
    fs::read_to_string(folder.join(name)).unwrap()
}

/// The database as a file, after more statements.
fn database(folder: &Path, more: &str) -> PathBuf {
    let path = folder.join("mlflow.db");
    let database = Connection::open(&path).unwrap();
    // The statements are in the order of the tables' names.
    database.pragma_update(None, "foreign_keys", false).unwrap();
    // One flush for all of them.
    database.execute_batch(&format!("BEGIN; {}; {more}; COMMIT", data("store.sql"))).unwrap();
    path
}

/// Everything that a tracker tells of experiments, runs and models.
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

/// A number as Python writes it.
fn shown(value: f64) -> String {
    if value.is_nan() { "nan".to_owned() } else { format!("{value:?}") }
}

/// Takes a store of the stock client into trackers, once more, and compares with what that client reads.
fn takes_whole(expected: &str, import: impl Fn(&dyn Tracker) -> Imported) {
    let folder = tempfile::tempdir().unwrap();
    let trackers: [Box<dyn Tracker>; 2] = [
        Box::new(MemoryTracker::new()),
        Box::new(SqliteTracker::open(folder.path().join("tracking.db")).unwrap()),
    ];
    let expected: Value = serde_json::from_str(&data(expected)).unwrap();
    for tracker in &trackers {
        let imported = import(&**tracker);
        assert_eq!(imported.left, Vec::<String>::new());
        is_as_expected(&**tracker, &expected);
        let before = told(&**tracker);
        let again = import(&**tracker);
        assert_eq!((again.left, again.experiments), (Vec::new(), imported.experiments));
        assert!(told(&**tracker) == before, "importing again changed something");
    }
    assert_eq!(told(&*trackers[0]), told(&*trackers[1]));
}

fn is_as_expected(tracker: &dyn Tracker, expected: &Value) {
    for (id, about) in expected["experiments"].as_object().unwrap() {
        let found = tracker.experiment(&id.parse().unwrap()).unwrap();
        assert_eq!(
            (found.name.as_str(), found.lifecycle_stage.name()),
            (about[0].as_str().unwrap(), about[1].as_str().unwrap())
        );
        let search = RunSearch::new([found.id]).with_view(ViewType::All);
        let runs = tracker.search_runs(&search).unwrap().items.len() as u64;
        assert_eq!(runs, expected["runs"][id].as_u64().unwrap());
    }
    let first: RunId = expected["first"].as_str().unwrap().parse().unwrap();
    let run = tracker.run(&first).unwrap();
    assert_eq!(serde_json::to_value(&run.data.params).unwrap(), expected["params"]);
    assert_eq!(serde_json::to_value(&run.data.tags).unwrap(), expected["tags"]);
    for (key, points) in expected["history"].as_object().unwrap() {
        let mut due: Vec<_> = points.as_array().unwrap().iter().map(|point| due_point(key, point)).collect();
        let history = tracker.whole_history(&first, key).unwrap();
        let mut found: Vec<_> =
            history.iter().map(|point| (point.timestamp_ms, point.step, shown(point.value))).collect();
        due.sort();
        found.sort();
        assert_eq!(found, due, "{key}");
    }
    assert_eq!(run.inputs.datasets[0].dataset.name, "iris");
    assert_eq!(run.inputs.datasets[0].tags["mlflow.data.context"], "train");
    let model = tracker.logged_model(&run.outputs[0].model).unwrap();
    assert_eq!((model.name.as_str(), model.status.name(), model.metrics.len()), ("forest", "READY", 1));
    assert_eq!((model.params["depth"].as_str(), model.metrics[0].metric.value), ("3", 0.9));
    assert_eq!((model.tags["a"].as_str(), model.metrics[0].metric.step), ("1", 1));
}

/// A point as the client tells it.
fn due_point(key: &str, point: &Value) -> (i64, i64, String) {
    let value = point[0].as_str().unwrap().to_owned();
    // Of a database it is told the largest number in the place of infinity,
    let value = value.replace("1.7976931348623157e+308", "inf");
    // and of a folder the step 0 where a point has a dataset.
    let step = if key == "acc" { 1 } else { point[2].as_i64().unwrap() };
    (point[1].as_i64().unwrap(), step, value)
}
