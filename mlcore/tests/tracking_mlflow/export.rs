//! A database that MLflow opens: everything of ours in its tables, and back.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use mlcore::name::{ExperimentId, LoggedModelId, RunId};
use mlcore::time::Timestamp;
use mlcore::tracking::mlflow::{export_database, import_database};
use mlcore::tracking::{
    Batch, Dataset, DatasetInput, LoggedModelStatus, MemoryTracker, Metric, ModelOutput, NewExperiment,
    NewLoggedModel, NewRun, RunStatus, SqliteTracker, Tracker, TrackerExt,
};
use rusqlite::Connection;

use crate::{data, database, is_as_expected, told};

fn at(milliseconds: i64) -> Timestamp {
    Timestamp::from_millis(milliseconds)
}

fn run(id: &str) -> RunId {
    RunId::new(id).unwrap()
}

/// Something of everything that these tables can hold.
fn fill(tracker: &dyn Tracker) {
    let churn = tracker.default_experiment(at(5)).unwrap().id;
    tracker.set_experiment_tag(&churn, "team ü", "a\nb").unwrap();
    let place = "s3://bucket/ö";
    let other = NewExperiment::new(ExperimentId::new("802549359709497398").unwrap(), "ünï/", at(6))
        .with_artifact_location(place);
    let other = tracker.create_experiment(other).unwrap().id;
    let gone = tracker.create_numbered_experiment(|id| NewExperiment::new(id, "gone", at(7))).unwrap().id;
    for (number, experiment) in [&churn, &churn, &other, &gone].into_iter().enumerate() {
        let number = i64::try_from(number).unwrap();
        let id = run(&format!("r{number}"));
        tracker
            .start_run(NewRun::new(id.clone(), experiment.clone(), at(100 + number)).with_user_id("ana"))
            .unwrap();
        let values = [0.1, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, 5e-324];
        let points = (0..).zip(values).map(|(step, value)| Metric::new("odd", value, 7).at_step(step));
        let batch = points.fold(Batch::new(id.clone()), Batch::with_metric);
        let twice = [0.5, 0.25].map(|value| Metric::new("a/b c", value, 9).at_step(-3));
        let batch = twice.into_iter().fold(batch, Batch::with_metric);
        tracker
            .log_batch(batch.with_param("empty", "").with_param("p", "ü\0x").with_tag("t", "'quoted'"))
            .unwrap();
        let data = Dataset::new("iris", "d1", "local", "{}").with_schema("[]");
        let data = DatasetInput::new(data).with_context("train").with_tag("x", "");
        tracker
            .log_inputs(&id, vec![data, DatasetInput::new(Dataset::new("b", "d2", "s", "x"))], vec![])
            .unwrap();
    }
    tracker.end_run(&run("r1"), RunStatus::Killed, at(200)).unwrap();
    for (name, status, experiment) in [
        ("m-1", LoggedModelStatus::Ready, &churn),
        ("m-2", LoggedModelStatus::Failed, &churn),
        ("m-3", LoggedModelStatus::Pending, &other),
    ] {
        let id = LoggedModelId::new(name).unwrap();
        let new = NewLoggedModel::new(id.clone(), experiment.clone(), "forest", at(300)).with_tag("a", "b");
        let new = new.with_param("depth", "3").with_source_run(run("r0")).with_model_type("tree");
        tracker.create_logged_model(new).unwrap();
        tracker.log_outputs(&run("r0"), vec![ModelOutput::new(id.clone(), 4)]).unwrap();
        tracker.log_inputs(&run("r2"), vec![], vec![id.clone()]).unwrap();
        for (key, value) in [("acc", 0.5), ("lost", f64::NAN), ("far", f64::INFINITY)] {
            let point = Metric::new(format!("{key} {name}"), value, 3).at_step(2).of_model(id.clone());
            tracker.log_batch(Batch::new(run("r2")).with_metric(point.on_dataset("iris", "d1"))).unwrap();
        }
        tracker.finalize_logged_model(&id, status, at(301)).unwrap();
    }
    tracker
        .set_logged_model_tags(
            &LoggedModelId::new("m-1").unwrap(),
            BTreeMap::from([("late".into(), "x".into())]),
        )
        .unwrap();
    tracker.delete_run(&run("r1"), at(400)).unwrap();
    tracker.delete_experiment(&gone, at(401)).unwrap();
}

#[test]
fn what_is_written_is_read_back_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let sqlite = SqliteTracker::open(folder.path().join("tracking.db")).unwrap();
    let memory = MemoryTracker::new();
    for (number, tracker) in [&sqlite as &dyn Tracker, &memory].into_iter().enumerate() {
        fill(tracker);
        let file = folder.path().join(format!("mlflow {number}.db"));
        let exported = export_database(tracker, &file).unwrap();
        assert_eq!(exported.left, Vec::<String>::new());
        assert_eq!((exported.experiments, exported.runs, exported.models), (3, 4, 3));
        assert_eq!((exported.points, exported.params, exported.datasets), (4 * 8 + 9, 8 + 3, 8));
        let back = MemoryTracker::new();
        let imported = import_database(&file, &back).unwrap();
        assert_eq!(imported.left, Vec::<String>::new());
        assert_eq!(imported.points, exported.points);
        // What follows from the places of other experiments is theirs.
        assert_eq!(told(&back), told(tracker));
    }
}

/// There, and back, and the client would read the same as in the beginning.
#[test]
fn a_store_of_the_stock_client_goes_through() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (MemoryTracker::new(), MemoryTracker::new());
    import_database(database(folder.path(), ""), &first).unwrap();
    let file = folder.path().join("again.db");
    export_database(&first, &file).unwrap();
    import_database(&file, &second).unwrap();
    assert_eq!(told(&second), told(&first));
    is_as_expected(&second, &serde_json::from_str(&data("expected.json")).unwrap());

    // Row by row as MLflow wrote them, but for what it makes up: ids of datasets and of their uses.
    let rows = |file: &Path, sql: &str| -> Vec<String> {
        let database = Connection::open(file).unwrap();
        let mut statement = database.prepare(sql).unwrap();
        let columns = statement.column_count();
        let rows = statement.query_map((), |row| {
            (0..columns)
                .map(|column| row.get_ref(column).map(|value| format!("{value:?}")))
                .collect::<Result<Vec<_>, _>>()
        });
        let mut rows: Vec<String> = rows.unwrap().map(|row| row.unwrap().join(" ")).collect();
        rows.sort();
        rows
    };
    for sql in [
        "SELECT * FROM alembic_version",
        "SELECT experiment_id, name, lifecycle_stage, creation_time, last_update_time FROM experiments",
        "SELECT * FROM experiment_tags",
        "SELECT run_uuid, name, source_type, source_name, entry_point_name, user_id, status, start_time, end_time, source_version,
            lifecycle_stage, artifact_uri, experiment_id, deleted_time FROM runs",
        "SELECT * FROM params",
        "SELECT * FROM tags",
        "SELECT * FROM metrics",
        "SELECT experiment_id, name, digest, dataset_source_type, dataset_source, dataset_schema, dataset_profile FROM datasets",
        "SELECT source_type, destination_type, step FROM inputs",
        "SELECT * FROM logged_models",
        "SELECT * FROM logged_model_metrics",
        "SELECT * FROM logged_model_params",
        "SELECT * FROM logged_model_tags",
    ] {
        assert_eq!(rows(&file, sql), rows(&folder.path().join("mlflow.db"), sql), "{sql}");
    }
    // Each run shows the points that it showed.
    let shown = "SELECT count(*) FROM latest_metrics l JOIN metrics m USING (key, run_uuid, step, timestamp, value, is_nan)";
    let keys = "SELECT count(*) FROM (SELECT DISTINCT key, run_uuid FROM metrics)";
    assert_eq!(rows(&file, shown), rows(&file, keys));
}

#[test]
fn its_tables_are_mlflows() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mlflow.db");
    export_database(&MemoryTracker::new(), &file).unwrap();
    let tables = |database: &Connection| -> BTreeMap<String, String> {
        let mut statement =
            database.prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'table'").unwrap();
        statement.query_map((), |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect()
    };
    let made = tables(&Connection::open(&file).unwrap());
    let theirs = Connection::open_in_memory().unwrap();
    theirs.pragma_update(None, "foreign_keys", false).unwrap();
    theirs.execute_batch(&data("store.sql")).unwrap();
    let theirs = tables(&theirs);
    assert!(theirs.len() == 14 && made.len() > 50, "{} and {}", theirs.len(), made.len());
    // MLflow writes the constraints of a table in another order each time.
    let lines = |sql: &str| {
        let mut lines: Vec<String> =
            sql.lines().map(|line| line.trim_end_matches([',', ' ']).to_owned()).collect();
        lines.sort();
        lines
    };
    for (name, sql) in &theirs {
        assert_eq!(lines(&made[name]), lines(sql), "{name}");
    }
}

#[test]
fn what_its_tables_cannot_hold_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let tracker = MemoryTracker::new();
    for id in ["007", "word", "99999999999999999999"] {
        tracker.create_experiment(NewExperiment::new(ExperimentId::new(id).unwrap(), id, at(1))).unwrap();
    }
    let experiment = tracker.default_experiment(at(0)).unwrap().id;
    tracker.start_run(NewRun::new(run("a"), experiment.clone(), at(1))).unwrap();
    let max = [f64::MAX, f64::INFINITY].map(|value| Metric::new("max", value, 1));
    let batch = max.into_iter().fold(Batch::new(run("a")), Batch::with_metric);
    let points = (0..5).map(|step| Metric::new("on data", 0.5, 1).at_step(step).on_dataset("iris", "d"));
    tracker.log_batch(points.fold(batch, Batch::with_metric)).unwrap();
    let id = LoggedModelId::new("m-1").unwrap();
    tracker.create_logged_model(NewLoggedModel::new(id.clone(), experiment, "forest", at(1))).unwrap();
    tracker
        .log_batch(Batch::new(run("a")).with_metric(Metric::new("acc", 0.5, 1).of_model(id.clone())))
        .unwrap();
    tracker.delete_logged_model(&id, at(2)).unwrap();
    let exported = export_database(&tracker, folder.path().join("mlflow.db")).unwrap();
    let left = exported.left.join("\n");
    for words in [
        "experiment 007",
        "experiment word",
        "experiment 99999999999999999999",
        "a point of max",
        "on data was measured on",
        "logged model m-1",
    ] {
        assert!(left.contains(words), "{words} in\n{left}");
    }
    assert_eq!((exported.left_out, exported.points, exported.models), (6, 7, 0), "{left}");
}

#[test]
fn it_takes_no_place_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let taken = folder.path().join("taken.db");
    fs::write(&taken, "somebody's").unwrap();
    let tracker = MemoryTracker::new();
    assert_eq!(export_database(&tracker, &taken).unwrap_err().kind(), "already_exists");
    assert_eq!(fs::read(&taken).unwrap(), b"somebody's");
    assert_eq!(export_database(&tracker, folder.path()).unwrap_err().kind(), "already_exists");
    let nowhere = export_database(&tracker, folder.path().join("nowhere/m.db")).unwrap_err();
    assert!(nowhere.kind() == "not_found" && nowhere.to_string().contains("create the folder"), "{nowhere}");

    // One that is told to stop while it writes.
    fill(&tracker);
    let file = folder.path().join("m.db");
    let stopped = mlcore::interrupt::scope(|| true, || export_database(&tracker, &file));
    assert_eq!(stopped.unwrap_err().kind(), "interrupted");
    let names: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["taken.db"]);
    export_database(&tracker, &file).unwrap();
}
