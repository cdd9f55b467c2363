//! The database of a server.

use std::fs;
use std::path::Path;

use mlcore::tracking::{LifecycleStage, MemoryTracker, SqliteTracker, Tracker, TrackerExt, mlflow};

use crate::{data, database, takes_whole, told};

#[test]
fn a_database_of_the_stock_client_is_taken_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = database(folder.path(), "");
    takes_whole("expected.json", |tracker| mlflow::import_database(&path, tracker).unwrap());
    // The door for both takes it for what it is.
    let (one, other) = (MemoryTracker::new(), MemoryTracker::new());
    mlflow::import(&path, &one).unwrap();
    mlflow::import_database(&path, &other).unwrap();
    assert_eq!(told(&one), told(&other));
}

/// MLflow stores 0 in the place of NaN for a model, and says so nowhere.
#[test]
fn nan_of_a_model_is_nan() {
    let folder = tempfile::tempdir().unwrap();
    let path = database(
        folder.path(),
        "INSERT INTO metrics SELECT 'lost', 0, 7, run_uuid, 2, 1 FROM runs WHERE name = 'run 0';
        INSERT INTO metrics SELECT 'zero', 0, 7, run_uuid, 2, 0 FROM runs WHERE name = 'run 0';
        INSERT INTO logged_model_metrics SELECT model_id, 'lost', 7, 2, 0, experiment_id, source_run_id, NULL, NULL, NULL
            FROM logged_models WHERE name = 'forest';
        INSERT INTO logged_model_metrics SELECT model_id, 'zero', 7, 2, 0, experiment_id, source_run_id, NULL, NULL, NULL
            FROM logged_models WHERE name = 'forest'",
    );
    let tracker = MemoryTracker::new();
    assert_eq!(mlflow::import_database(&path, &tracker).unwrap().left, Vec::<String>::new());
    let expected: serde_json::Value = serde_json::from_str(&data("expected.json")).unwrap();
    let run = expected["first"].as_str().unwrap().parse().unwrap();
    for (key, is_nan) in [("lost", true), ("zero", false)] {
        let points = tracker.whole_history(&run, key).unwrap();
        assert!(
            points.len() == 1 && points[0].value.is_nan() == is_nan && points[0].model.is_some(),
            "{points:?}"
        );
    }
}

#[test]
fn what_is_against_the_rules_is_left_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = database(
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

    let newer = database(folder.path(), "UPDATE alembic_version SET version_num = 'ffffffffffff'");
    let (kind, text) = refused(&newer);
    assert!(
        kind == "unsupported" && text.contains("ffffffffffff") && text.contains("newer mlcore"),
        "{text}"
    );
    fs::remove_file(&newer).unwrap();
    let strange = database(folder.path(), "UPDATE runs SET start_time = 'soon' WHERE name = 'run 0'");
    assert_eq!(refused(&strange).0, "corrupt");
    let other = MemoryTracker::new();
    let at = mlcore::time::Timestamp::from_millis(0);
    other.create_numbered_experiment(|id| mlcore::tracking::NewExperiment::new(id, "mine", at)).unwrap();
    assert_eq!(mlflow::import_database(&strange, &other).unwrap_err().kind(), "already_exists");
}
