//! A registry whose write-ahead log, or file, is deleted, cut or replaced: nothing acknowledged is lost in silence.
#![cfg(all(feature = "sqlite", unix))]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use mlcore::name::ModelName;
use mlcore::registry::{Change, Registry, RegistryExt, SqliteAccess, SqliteOptions, SqliteRegistry};
use mlcore::time::Timestamp;

fn change() -> Change {
    Change::new("ana", Timestamp::default())
}

fn model(number: u32) -> ModelName {
    ModelName::new(format!("m{number}")).unwrap()
}

fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// The files of a registry as a crash leaves them: the first models in the file, the later ones in the log.
fn crashed(folder: &Path) -> PathBuf {
    let file = folder.join("registry.db");
    let registry = SqliteRegistry::open(&file).unwrap();
    (0..3).for_each(|number| drop(registry.create_model(model(number), &change()).unwrap()));
    drop(registry);
    let registry = SqliteRegistry::open(&file).unwrap();
    (3..9).for_each(|number| drop(registry.create_model(model(number), &change()).unwrap()));
    let after = folder.join("after.db");
    for suffix in ["", "-wal", "-head"] {
        fs::copy(beside(&file, suffix), beside(&after, suffix)).unwrap();
    }
    after
}

#[test]
fn a_log_that_was_deleted_or_cut_is_told_when_the_file_is_opened() {
    for keep in [None, Some(0), Some(40), Some(5000), Some(20_000)] {
        let folder = tempfile::tempdir().unwrap();
        let file = crashed(folder.path());
        let log = beside(&file, "-wal");
        match keep {
            None => fs::remove_file(&log).unwrap(),
            Some(bytes) => File::options().write(true).open(&log).unwrap().set_len(bytes).unwrap(),
        }
        for access in [SqliteAccess::ReadWrite, SqliteAccess::ReadOnly] {
            let options = SqliteOptions::new(&file).with_access(access);
            let error = SqliteRegistry::open_with(&options).unwrap_err();
            assert_eq!(error.kind(), "corrupt", "{keep:?}: {error}");
            assert!(
                error.to_string().contains("write-ahead log") && error.to_string().contains("-head"),
                "{error}"
            );
        }
        // What is left is opened by a decision.
        fs::remove_file(beside(&file, "-head")).unwrap();
        let registry = SqliteRegistry::open(&file).unwrap();
        assert!((3..9).contains(&registry.verify().unwrap().sequence));
    }
}

#[test]
fn a_crash_or_a_copy_is_no_fault() {
    let folder = tempfile::tempdir().unwrap();
    let file = crashed(folder.path());
    let head = fs::read(beside(&file, "-head")).unwrap();
    let registry = SqliteRegistry::open(&file).unwrap();
    assert_eq!(registry.models(None, 99).unwrap().len(), 9);
    registry.create_model(model(10), &change()).unwrap();
    drop(registry);
    // A crash between a commit and the writing of its head.
    fs::write(beside(&file, "-head"), &head).unwrap();
    drop(SqliteRegistry::open(&file).unwrap());
    assert_ne!(fs::read(beside(&file, "-head")).unwrap(), head, "it catches up");
    // A head that was torn, or is not there, as beside a copy of the file alone.
    fs::write(beside(&file, "-head"), &head[..50]).unwrap();
    drop(SqliteRegistry::open(&file).unwrap());
    fs::copy(&file, folder.path().join("copy.db")).unwrap();
    assert_eq!(SqliteRegistry::open(folder.path().join("copy.db")).unwrap().verify().unwrap().sequence, 10);
}

#[test]
fn an_older_file_in_the_place_of_a_newer_one_and_a_file_that_is_gone_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("registry.db");
    drop(SqliteRegistry::open(&file).unwrap().create_model(model(1), &change()).unwrap());
    let backup = fs::read(&file).unwrap();
    let registry = SqliteRegistry::open(&file).unwrap();
    let head = registry.create_model(model(2), &change()).and_then(|_| registry.verify()).unwrap();
    drop(registry);
    fs::write(&file, backup).unwrap();
    assert_eq!(SqliteRegistry::open(&file).unwrap_err().kind(), "corrupt");
    fs::remove_file(beside(&file, "-head")).unwrap();
    drop(SqliteRegistry::open(&file).unwrap());
    let error = SqliteRegistry::open_with_head(&SqliteOptions::new(&file), &head).unwrap_err();
    assert!(error.kind() == "corrupt" && error.to_string().contains("entry 2"), "{error}");

    fs::remove_file(&file).unwrap();
    let error = SqliteRegistry::open(&file).unwrap_err();
    assert!(error.kind() == "corrupt" && error.to_string().contains("gone"), "{error}");
    assert!(!file.exists(), "no empty registry takes its place");
}

type Harm = fn(&Path);

#[test]
fn a_live_registry_acknowledges_nothing_into_files_that_are_gone() {
    let cases: [(&str, Harm); 6] = [
        ("deleted", |file| fs::remove_file(beside(file, "-wal")).unwrap()),
        ("cut", |file| {
            File::options().write(true).open(beside(file, "-wal")).unwrap().set_len(5000).unwrap();
        }),
        // A log of no length is one that went to the file, until more is written after a hole.
        ("cut", |file| File::options().write(true).open(beside(file, "-wal")).unwrap().set_len(0).unwrap()),
        ("replaced", |file| {
            fs::copy(beside(file, "-wal"), beside(file, "-new")).unwrap();
            fs::rename(beside(file, "-new"), beside(file, "-wal")).unwrap();
        }),
        ("deleted", |file| fs::remove_file(file).unwrap()),
        ("replaced", |file| {
            fs::copy(file, beside(file, "-new")).unwrap();
            fs::rename(beside(file, "-new"), file).unwrap();
        }),
    ];
    for (words, harm) in cases {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("registry.db");
        let registry = SqliteRegistry::open(&file).unwrap();
        (0..3).for_each(|number| drop(registry.create_model(model(number), &change()).unwrap()));
        harm(&file);
        let error = registry.create_model(model(7), &change()).unwrap_err();
        assert!(["corrupt", "outcome_unknown"].contains(&error.kind()), "{words}: {error}");
        assert!(error.to_string().contains(words) && error.to_string().contains("open it again"), "{error}");
        let again = registry.create_model(model(8), &change()).unwrap_err();
        assert!(["corrupt", "outcome_unknown"].contains(&again.kind()), "{words}, once more: {again}");
    }
}

#[test]
fn a_log_that_another_program_empties_is_no_fault() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("registry.db");
    let registry = SqliteRegistry::open(&file).unwrap();
    for number in 0..4 {
        registry.create_model(model(number), &change()).unwrap();
        let other = rusqlite::Connection::open(&file).unwrap();
        other.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(())).unwrap();
        assert_eq!(fs::metadata(beside(&file, "-wal")).unwrap().len(), 0);
    }
    drop(registry);
    assert_eq!(SqliteRegistry::open(&file).unwrap().verify().unwrap().sequence, 4);
}
