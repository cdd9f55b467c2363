//! Files that are not as they were written: edited, cut, of another program, project or version.

use std::path::{Path, PathBuf};

use mlcore::registry::Change;
use mlcore::schema::DType;
use mlcore::time::Timestamp;
use mlcore_features::store::definition::{
    Definition, Entity, FeatureService, FeatureView, Field, Source, ViewVersion,
};
use mlcore_features::store::registry::{
    Changes, Definitions, Interval, SqliteAccess, SqliteDefinitions, SqliteOptions,
};
use rusqlite::Connection;

fn change() -> Change {
    Change::new("ana", Timestamp::from_millis(0))
}

fn view(fields: &[&str]) -> Definition {
    let schema = fields.iter().map(|name| Field::new(*name, DType::Int64));
    FeatureView::builder("stats_view", ["driver"]).schema(schema).source("stats").build().unwrap().into()
}

fn made(folder: &Path) -> PathBuf {
    let path = folder.join("store.db");
    let definitions = SqliteDefinitions::open(&path, "rides").unwrap();
    let all: [Definition; 4] = [
        Entity::builder("driver").value_type(DType::Int64).build().unwrap().into(),
        Source::file("stats.parquet").name("stats").timestamp_field("at").build().unwrap().into(),
        view(&["a"]),
        FeatureService::builder("service").feature("stats_view").build().unwrap().into(),
    ];
    definitions.apply(&Changes::of(all), &change()).unwrap();
    definitions.apply(&Changes::of([view(&["a", "b"])]), &change()).unwrap();
    let day = Interval::new(Timestamp::from_millis(0), Timestamp::from_millis(1)).unwrap();
    definitions.record_materialised("stats_view", ViewVersion::new(1), day).unwrap();
    definitions.verify().unwrap();
    path
}

fn edit(path: &Path, sql: &str) {
    let connection = Connection::open(path).unwrap();
    connection.execute_batch(sql).unwrap();
}

#[test]
fn every_edited_row_is_found() {
    let edits = [
        "UPDATE definition SET body = replace(body, 'int64', 'int32') WHERE name = 'stats_view'",
        "UPDATE definition SET body = replace(body, 'driver', 'rider')",
        "UPDATE definition SET name = 'other' WHERE kind = 'entity'",
        "UPDATE definition SET body = 'null' WHERE kind = 'entity'",
        "UPDATE definition SET body = '{}'",
        "UPDATE definition SET record = replace(record, 'v1', 'v0') WHERE name = 'stats_view'",
        "UPDATE definition SET record = '[]'",
        "DELETE FROM definition WHERE name = 'service'",
        "INSERT INTO definition SELECT kind, 'another', replace(body, 'service', 'another'), record FROM definition WHERE name = 'service'",
        "UPDATE audit SET body = replace(body, 'ana', 'ben') WHERE revision = 2",
        "UPDATE audit SET hash = zeroblob(32) WHERE revision = 2",
        "UPDATE audit SET hash = x'00' WHERE revision = 2",
        "UPDATE audit SET revision = -5 WHERE revision = 2",
        "UPDATE audit SET revision = 9 WHERE revision = 2; PRAGMA foreign_keys = OFF",
        "DELETE FROM view_version WHERE revision = 2; DELETE FROM audit WHERE revision = 2",
        "DELETE FROM project",
        "DROP TABLE materialised",
        "CREATE TRIGGER t AFTER INSERT ON audit BEGIN DELETE FROM definition; END",
    ];
    for sql in edits {
        let folder = tempfile::tempdir().unwrap();
        let path = made(folder.path());
        edit(&path, &format!("PRAGMA foreign_keys = OFF; {sql}"));
        let error = SqliteDefinitions::open(&path, "rides").unwrap_err();
        assert_eq!(error.kind(), "corrupt", "{sql}: {error}");
        assert!(error.context().remedy().is_some_and(|remedy| remedy.contains("backup")), "{error}");
    }
}

#[test]
fn what_is_read_seldom_is_checked_when_it_is_read() {
    let edits = [
        "UPDATE view_version SET body = replace(body, '\"a\"', '\"z\"') WHERE version = 0",
        "UPDATE view_version SET body = '[]' WHERE version = 0",
        "UPDATE view_version SET revision = 2 WHERE version = 0",
        "UPDATE view_version SET version = 7 WHERE version = 0",
        "UPDATE audit SET body = replace(body, 'ana', 'ben') WHERE revision = 1",
    ];
    for sql in edits {
        let folder = tempfile::tempdir().unwrap();
        let path = made(folder.path());
        edit(&path, sql);
        let definitions = SqliteDefinitions::open(&path, "rides").unwrap();
        assert_eq!(definitions.verify().unwrap_err().kind(), "corrupt", "{sql}");
        let kind = definitions.version("stats_view", ViewVersion::new(0)).map_err(|error| error.kind());
        assert!(matches!(kind, Err("corrupt" | "not_found")), "{sql}: {kind:?}");
        // What is there now is whole, and can be read and changed.
        definitions.apply(&Changes::of([view(&["b"])]), &change()).unwrap();
    }
    for sql in [
        "UPDATE materialised SET intervals = replace(intervals, '1970', '1969')",
        "UPDATE materialised SET version = 0",
        "UPDATE materialised SET intervals = 'x'",
        "UPDATE materialised SET digest = x'00'",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = made(folder.path());
        edit(&path, sql);
        let definitions = SqliteDefinitions::open(&path, "rides").unwrap();
        assert_eq!(definitions.materialised("stats_view").unwrap_err().kind(), "corrupt", "{sql}");
        assert_eq!(definitions.verify().unwrap_err().kind(), "corrupt", "{sql}");
    }
}

#[test]
fn a_file_of_a_newer_version_is_refused_by_its_number() {
    let folder = tempfile::tempdir().unwrap();
    let path = made(folder.path());
    edit(&path, "PRAGMA user_version = 2");
    let error = SqliteDefinitions::open(&path, "rides").unwrap_err();
    assert_eq!(error.kind(), "unsupported");
    assert!(error.to_string().contains("version 2") && error.to_string().contains("newer mlcore"), "{error}");
}

#[test]
fn files_of_others_are_left_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = made(folder.path());
    let error = SqliteDefinitions::open(&path, "other").unwrap_err();
    assert!(error.kind() == "invalid_input" && error.to_string().contains("\"rides\""), "{error}");
    let foreign = folder.path().join("foreign.db");
    edit(&foreign, "CREATE TABLE t (x)");
    assert_eq!(SqliteDefinitions::open(&foreign, "rides").unwrap_err().kind(), "invalid_input");
    let text = folder.path().join("text.db");
    std::fs::write(
        &text,
        "no database, but a text that is longer than a header of one hundred bytes ".repeat(9),
    )
    .unwrap();
    assert_eq!(SqliteDefinitions::open(&text, "rides").unwrap_err().kind(), "corrupt");
    assert_eq!(SqliteDefinitions::open(folder.path(), "rides").unwrap_err().kind(), "invalid_input");
    assert_eq!(
        SqliteDefinitions::open(folder.path().join("no/store.db"), "rides").unwrap_err().kind(),
        "not_found"
    );
    for project in ["", "a b", "../x"] {
        assert_eq!(
            SqliteDefinitions::open(folder.path().join("new.db"), project).unwrap_err().kind(),
            "invalid_input"
        );
    }
    assert!(!folder.path().join("new.db").exists());
}

#[test]
fn a_file_is_read_without_writing() {
    let folder = tempfile::tempdir().unwrap();
    let path = made(folder.path());
    let options = SqliteOptions::new(&path).with_access(SqliteAccess::ReadOnly);
    let reader = SqliteDefinitions::open_with(&options, "rides").unwrap();
    assert_eq!(reader.snapshot().unwrap().revision(), 2);
    reader.verify().unwrap();
    let error = reader.apply(&Changes::of([view(&["b"])]), &change()).unwrap_err();
    assert_eq!(error.kind(), "permission_denied");
    // What another writes meanwhile is seen.
    SqliteDefinitions::open(&path, "rides").unwrap().apply(&Changes::of([view(&["b"])]), &change()).unwrap();
    assert_eq!(reader.snapshot().unwrap().version_of("stats_view").unwrap(), ViewVersion::new(2));
    let full = SqliteOptions::new(&path).with_max_bytes(4096);
    let full = SqliteDefinitions::open_with(&full, "rides").unwrap();
    let many: Vec<String> = (0..2_000).map(|own| format!("a_long_name_of_a_field_{own}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let error = full.apply(&Changes::of([view(&many)]), &change()).unwrap_err();
    assert_eq!(error.kind(), "storage_full", "{error}");
    full.verify().unwrap();
    assert_eq!(full.snapshot().unwrap().revision(), 3);
}
