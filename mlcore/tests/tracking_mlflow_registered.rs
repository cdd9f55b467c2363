//! The registered models of an MLflow store, read from tables as MLflow 3.17 makes them. A store of the stock client is read in
//! `mlcore-serve/tests/clients/mlflow_import.py`.
#![cfg(feature = "sqlite")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use mlcore::time::Timestamp;
use mlcore::tracking::mlflow::registered_models;
use rusqlite::Connection;

const TABLES: &str = "
    CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL);
    INSERT INTO alembic_version VALUES ('dc11669786a5');
    CREATE TABLE experiments (experiment_id INTEGER PRIMARY KEY, name TEXT, artifact_location TEXT);
    CREATE TABLE registered_models (name VARCHAR(256) NOT NULL, creation_time BIGINT, last_updated_time BIGINT,
        description VARCHAR(5000), workspace VARCHAR(63) DEFAULT 'default' NOT NULL);
    CREATE TABLE model_versions (name VARCHAR(256) NOT NULL, version INTEGER NOT NULL, creation_time BIGINT,
        last_updated_time BIGINT, description VARCHAR(5000), user_id VARCHAR(256), current_stage VARCHAR(20),
        source VARCHAR(500), run_id VARCHAR(32), status VARCHAR(20), status_message VARCHAR(500), run_link VARCHAR(500),
        storage_location VARCHAR(500));
    CREATE TABLE model_version_tags (key VARCHAR(250), value TEXT, name VARCHAR(256), version INTEGER);
    CREATE TABLE registered_model_tags (key VARCHAR(250), value VARCHAR(5000), name VARCHAR(256));
    CREATE TABLE registered_model_aliases (alias VARCHAR(256), version INTEGER, name VARCHAR(256));
    INSERT INTO experiments VALUES (0, 'Default', 'mlflow-artifacts:/0'), (1, 'other', '/srv/1');
    INSERT INTO registered_models (name, creation_time, last_updated_time, description)
        VALUES ('b', 10, NULL, NULL), ('a', 20, 90, 'Lines\nof text');
    INSERT INTO model_versions VALUES
        ('a', 2, 31, 41, 'second', 'ana', 'Production', 'models:/m-1', 'r2', 'READY', NULL, 'http://run', 'mlflow-artifacts:/1/m-1'),
        ('a', 1, 30, NULL, NULL, NULL, 'None', '/srv/1/r1', '', 'READY', NULL, NULL, '/srv/1/r1'),
        ('a', 3, 32, 42, NULL, NULL, 'Deleted_Internal', 'REDACTED-SOURCE-PATH', 'REDACTED-RUN-ID', 'READY', NULL, NULL, NULL);
    INSERT INTO model_version_tags VALUES ('k', 'v', 'a', 2), ('gone', 'v', 'a', 3), ('empty', NULL, 'a', 2);
    INSERT INTO registered_model_tags VALUES ('team', 'x', 'a');
    INSERT INTO registered_model_aliases VALUES ('champion', 2, 'a')";

fn store(folder: &Path, more: &str) -> PathBuf {
    let path = folder.join("mlflow.db");
    let database = Connection::open(&path).unwrap();
    database.execute_batch(TABLES).unwrap();
    database.execute_batch(more).unwrap();
    path
}

#[test]
fn models_are_read_with_all_that_belongs_to_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = store(folder.path(), "");
    let registered = registered_models(&path).unwrap();
    let models = registered.models;
    let [a, b] = models.as_slice() else { panic!("{models:?}") };
    let at = Timestamp::from_millis;
    assert_eq!((b.name.as_str(), b.created_at, b.updated_at, b.last_version), ("b", at(10), at(10), 0));
    assert!(b.versions.is_empty() && b.tags.is_empty() && b.aliases.is_empty());
    assert_eq!(
        (a.description.as_str(), a.tags["team"].as_str(), a.aliases["champion"]),
        ("Lines\nof text", "x", 2)
    );
    assert_eq!((a.created_at, a.updated_at, a.last_version), (at(20), at(90), 3));
    let [first, second] = a.versions.as_slice() else { panic!("{a:?}") };
    assert_eq!((first.version, first.source.as_str(), first.stage.as_str()), (1, "/srv/1/r1", "None"));
    assert_eq!((&first.location, &first.run, &first.run_link, &first.user), (&None, &None, &None, &None));
    assert_eq!((first.created_at, first.updated_at), (at(30), at(30)));
    assert_eq!(
        (second.source.as_str(), second.location.as_deref()),
        ("models:/m-1", Some("mlflow-artifacts:/1/m-1"))
    );
    assert_eq!((second.run.as_deref(), second.run_link.as_deref()), (Some("r2"), Some("http://run")));
    assert_eq!(
        (second.user.as_deref(), second.status.as_str(), second.description.as_str()),
        (Some("ana"), "READY", "second")
    );
    assert_eq!((second.tags.len(), second.tags["k"].as_str(), second.tags["empty"].as_str()), (2, "v", ""));
    assert_eq!((second.created_at, second.updated_at), (at(31), at(41)));
    assert_eq!(registered.artifact_locations, ["mlflow-artifacts:/0", "/srv/1"]);
    assert_eq!(registered.left, Vec::<String>::new());
}

#[test]
fn what_is_no_store_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("nowhere.db");
    assert_eq!(registered_models(&nowhere).unwrap_err().kind(), "not_found");
    let path = store(
        folder.path(),
        "INSERT INTO registered_models (name, creation_time, workspace) VALUES ('a', 1, 'another')",
    );
    let error = registered_models(&path).unwrap_err();
    assert!(error.kind() == "corrupt" && error.to_string().contains("in several workspaces"), "{error}");
}

/// A folder as MLflow 3.17 writes it, and what no client wrote.
#[cfg(feature = "mlruns")]
#[test]
fn a_folder_has_registered_models_too() {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write(
        "0/meta.yaml",
        "artifact_location: file:///srv/mlruns/0\nexperiment_id: '0'\nlifecycle_stage: active\nname: Default\n",
    );
    let model = "creation_timestamp: 20\ndescription: 'Lines\n\n  of text'\nlast_updated_timestamp: 90\nname: with space \u{fc}\n";
    write("models/with space \u{fc}/meta.yaml", model);
    write("models/with space \u{fc}/tags/team", "x");
    write("models/with space \u{fc}/aliases/champion", "2");
    write("models/with space \u{fc}/aliases/odd", "two");
    for (number, stage) in [(1, "None"), (2, "Production"), (10, "Deleted_Internal")] {
        let meta = format!(
            "creation_timestamp: 3{number}\ncurrent_stage: {stage}\ndescription: null\nlast_updated_timestamp: 4{number}\n\
             model_id: m-1\nname: with space \u{fc}\nrun_id: r{number}\nrun_link: null\nsource: models:/m-1\nstatus: READY\n\
             storage_location: file:///srv/m-1\nuser_id: null\nversion: {number}\n"
        );
        write(&format!("models/with space \u{fc}/version-{number}/meta.yaml"), &meta);
        write(&format!("models/with space \u{fc}/version-{number}/tags/place"), &number.to_string());
    }
    write("models/half/meta.yaml", "name: half\ncreation_timestamp: [");
    write("models/other/meta.yaml", "name: somebody else\n");
    let found = registered_models(folder.path()).unwrap();
    assert_eq!(found.artifact_locations, ["file:///srv/mlruns/0"]);
    let [model] = found.models.as_slice() else { panic!("{found:?}") };
    assert_eq!((model.name.as_str(), model.description.as_str()), ("with space \u{fc}", "Lines\nof text"));
    assert_eq!((model.tags["team"].as_str(), model.aliases.len(), model.aliases["champion"]), ("x", 1, 2));
    assert_eq!((model.last_version, model.versions.len()), (10, 2));
    let second = &model.versions[1];
    assert_eq!((second.version, second.stage.as_str(), second.run.as_deref()), (2, "Production", Some("r2")));
    assert_eq!(
        (second.source.as_str(), second.location.as_deref()),
        ("models:/m-1", Some("file:///srv/m-1"))
    );
    assert_eq!((second.tags["place"].as_str(), &second.user, &second.run_link), ("2", &None, &None));
    assert_eq!(
        (second.created_at, second.updated_at),
        (Timestamp::from_millis(32), Timestamp::from_millis(42))
    );
    let left = found.left.join("; ");
    assert!(
        found.left.len() == 3
            && left.contains("odd")
            && left.contains("half")
            && left.contains("somebody else"),
        "{left}"
    );
}
