//! Registry files that were edited or have rotted: found, or harmless.
#![cfg(feature = "sqlite")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;

use mlcore::artifact::Digest;
use mlcore::name::{Alias, ModelName, RequestId, Version};
use mlcore::registry::{
    AuditEntry, Change, Expected, Model, ModelVersion, NewVersion, Registry, RegistryExt, SqliteAccess,
    SqliteOptions, SqliteRegistry, Stage,
};
use mlcore::schema::Signature;
use mlcore::time::Timestamp;
use rusqlite::Connection;

fn name() -> ModelName {
    ModelName::new("churn").unwrap()
}

fn champion() -> Alias {
    Alias::new("champion").unwrap()
}

/// A registry of some releases. Dropped, it is one file; while it is open, all of it lies in the write-ahead log.
fn filled(path: &Path) -> SqliteRegistry {
    let registry = SqliteRegistry::open(path).unwrap();
    for number in 1..=12 {
        let change = Change::new("ana", Timestamp::from_millis(number)).with_reason("a release");
        let change = change.with_request(RequestId::new(format!("create-{number}")).unwrap());
        if number == 1 {
            registry.create_model(name(), &Change::new("ana", Timestamp::from_millis(0))).unwrap();
        }
        let new =
            NewVersion::new(name(), Digest::of(number.to_string()), Signature::default()).with_tag("k", "v");
        let version = registry.create_version(new, &change).unwrap().version;
        let change = Change::new("ana", Timestamp::from_millis(number));
        registry.transition(&name(), version, Stage::Dev, Stage::Staging, &change).unwrap();
        registry.promote(&name(), version, &champion(), Expected::Any, &change).unwrap();
    }
    registry
}

type Told = (Vec<Model>, Vec<ModelVersion>, Option<Version>, Vec<AuditEntry>);

/// All that a registry can be asked, and the rows behind it asked for one by one.
fn told(registry: &dyn Registry) -> mlcore::Result<Told> {
    registry.verify()?;
    let versions = registry.versions(&name(), None, usize::MAX)?;
    for version in &versions {
        assert_eq!(registry.version(&name(), version.version)?, *version);
    }
    assert_eq!(registry.models(None, 9)?, [registry.model(&name())?]);
    let history = registry.alias_history(&name(), &champion())?;
    let target = registry.alias(&name(), &champion())?;
    assert_eq!(history.last().and_then(|change| change.target()), target);
    Ok((registry.models(None, 9)?, versions, target, registry.audit(1, usize::MAX)?))
}

#[test]
fn every_flipped_bit_is_found_or_harmless() {
    let folder = tempfile::tempdir().unwrap();
    let (path, rotten) = (folder.path().join("registry.db"), folder.path().join("rotten.db"));
    drop(filled(&path));
    assert!(!folder.path().join("registry.db-wal").exists(), "a closed registry is one file");
    let truth = told(&SqliteRegistry::open(&path).unwrap()).unwrap();
    let bytes = fs::read(&path).unwrap();

    // All bits of the header and of the root page's beginning, and bits all over the file, at a prime distance.
    let header = 0..150 * 8;
    let flips = header.chain((0..bytes.len() * 8).step_by(2003));
    let (mut found, mut harmless) = (0, 0);
    for bit in flips {
        let mut bytes = bytes.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        fs::write(&rotten, bytes).unwrap();
        for leftover in ["rotten.db-wal", "rotten.db-shm"] {
            drop(fs::remove_file(folder.path().join(leftover)));
        }
        match SqliteRegistry::open(&rotten).and_then(|registry| told(&registry)) {
            Ok(told) => {
                harmless += 1;
                assert!(told == truth, "the flip of bit {bit} changed what the registry tells, unnoticed");
            }
            Err(error) => {
                found += 1;
                let kind = error.kind();
                let named = ["corrupt", "invalid_input", "unsupported", "permission_denied"].contains(&kind);
                assert!(named, "bit {bit}: {error}");
            }
        }
    }
    assert!(found > 300, "{found} found, {harmless} harmless");
}

/// SQLite takes a frame of the log whose checksum is wrong for the log's end. So a flip there may cost the changes from it
/// on, never more, and a kept head of the log shows it.
#[test]
fn a_flipped_bit_in_the_write_ahead_log_costs_the_last_changes_at_most() {
    let folder = tempfile::tempdir().unwrap();
    let (path, rotten) = (folder.path().join("registry.db"), folder.path().join("rotten.db"));
    let registry = filled(&path);
    let (truth, head) = (told(&registry).unwrap(), registry.verify().unwrap());
    let (main, log) = (fs::read(&path).unwrap(), fs::read(folder.path().join("registry.db-wal")).unwrap());
    assert!(log.len() > 100_000, "the changes lie in the log: {} bytes", log.len());
    let (mut harmless, mut shortened, mut found) = (0, 0, 0);
    for bit in (0..40 * 8).chain((0..log.len() * 8).step_by(32_009)) {
        let mut log = log.clone();
        log[bit / 8] ^= 1 << (bit % 8);
        drop(fs::remove_file(folder.path().join("rotten.db-shm")));
        fs::write(&rotten, &main).unwrap();
        fs::write(folder.path().join("rotten.db-wal"), log).unwrap();
        let opened = SqliteRegistry::open(&rotten);
        match opened.as_ref().map_err(|error| error.kind()).map(|registry| told(registry)) {
            Ok(Ok(told)) if told == truth => harmless += 1,
            Ok(answer) => {
                let registry = opened.unwrap();
                let entries = registry.audit(1, usize::MAX).unwrap();
                assert!(truth.3.starts_with(&entries) && entries.len() < truth.3.len(), "bit {bit}");
                // Before the first change there is no model to ask about.
                assert!(answer.is_ok() || entries.is_empty(), "bit {bit}: {answer:?}");
                let error = registry.verify_since(&head).unwrap_err();
                assert_eq!(error.kind(), "corrupt", "bit {bit}: {error}");
                shortened += 1;
            }
            Err(kind) => {
                assert!(["corrupt", "unsupported"].contains(&kind), "bit {bit}: {kind}");
                found += 1;
            }
        }
    }
    assert!(shortened > 100, "{harmless} harmless, {shortened} shortened, {found} found");
}

#[test]
fn edited_rows_are_found_and_not_acted_on() {
    let folder = tempfile::tempdir().unwrap();
    let original = folder.path().join("registry.db");
    drop(filled(&original));
    let body = |change: &str| format!("UPDATE version SET body = {change} WHERE version = 11");
    for (place, edit) in [
        body("replace(body, '\"archived\"', '\"staging\"')"),
        body("replace(body, 'sha256:', 'sha256:0')"),
        "UPDATE version SET digest = zeroblob(32) WHERE version = 11".to_owned(),
        "UPDATE alias SET version = 3".to_owned(),
        "UPDATE alias SET body = replace(body, '12', '11')".to_owned(),
        "DELETE FROM alias".to_owned(),
        "DELETE FROM alias_change WHERE sequence = (SELECT max(sequence) FROM alias_change)".to_owned(),
        "UPDATE model SET body = replace(body, '\"production\":12', '\"production\":11')".to_owned(),
        "UPDATE audit SET line = replace(line, 'ana', 'eve') WHERE sequence = 7".to_owned(),
        "DELETE FROM audit WHERE sequence = 2".to_owned(),
        "UPDATE audit SET sequence = 1000 WHERE sequence = 1".to_owned(),
        "DELETE FROM request".to_owned(),
        "INSERT INTO request VALUES ('forged', 1)".to_owned(),
        "CREATE TRIGGER evil AFTER INSERT ON audit BEGIN DELETE FROM alias; END".to_owned(),
        "ALTER TABLE model ADD COLUMN extra TEXT".to_owned(),
        "DROP TABLE request".to_owned(),
    ]
    .into_iter()
    .enumerate()
    {
        let path = folder.path().join(format!("edited-{place}.db"));
        fs::copy(&original, &path).unwrap();
        let by_hand = Connection::open(&path).unwrap();
        by_hand.pragma_update(None, "foreign_keys", false).unwrap();
        by_hand.execute_batch(&edit).unwrap();
        drop(by_hand);
        let error = SqliteRegistry::open(&path).and_then(|registry| registry.verify()).unwrap_err();
        assert_eq!(error.kind(), "corrupt", "{edit}: {error}");
        assert!(error.to_string().contains("backup"), "{error}");
    }

    // A row whose digest does not fit is neither told nor promoted.
    let registry = SqliteRegistry::open(folder.path().join("edited-0.db")).unwrap();
    let version = Version::new(11).unwrap();
    assert_eq!(registry.version(&name(), version).unwrap_err().kind(), "corrupt");
    let change = Change::new("ana", Timestamp::default());
    let promoted = registry.promote(&name(), version, &champion(), Expected::Any, &change);
    assert_eq!(promoted.unwrap_err().kind(), "corrupt");
}

#[test]
fn a_log_that_was_cut_short_is_found_by_its_anchor() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("registry.db");
    drop(filled(&path));
    let backup = fs::read(&path).unwrap();
    let registry = SqliteRegistry::open(&path).unwrap();
    registry.describe(&name(), None, "later", &Change::new("ana", Timestamp::default())).unwrap();
    let anchor = registry.verify().unwrap();
    drop(registry);
    fs::write(&path, backup).unwrap();
    assert_eq!(SqliteRegistry::open(&path).unwrap_err().kind(), "corrupt", "by the head beside it");
    fs::remove_file(folder.path().join("registry.db-head")).unwrap();
    let registry = SqliteRegistry::open(&path).unwrap();
    registry.verify().unwrap();
    assert_eq!(registry.verify_since(&anchor).unwrap_err().kind(), "corrupt");
}

/// Before versions had metrics, a file had the same tables and the number 1.
#[test]
fn a_file_of_version_1_opens_and_takes_metrics() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("registry.db");
    drop(filled(&path));
    let number = |connection: &Connection| -> i32 {
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
    };
    let connection = Connection::open(&path).unwrap();
    assert_eq!(number(&connection), 4);
    connection.execute_batch("DROP TABLE commitment").unwrap();
    connection.pragma_update(None, "user_version", 1).unwrap();
    drop(connection);

    let registry = SqliteRegistry::open(&path).unwrap();
    let (_, versions, ..) = told(&registry).unwrap();
    assert!(versions.iter().all(|version| version.metrics.is_empty()));
    let change = Change::new("ana", Timestamp::from_millis(99));
    registry.set_metrics(&name(), Version::FIRST, [("auc", 0.81)], &change).unwrap();
    assert_eq!(registry.version(&name(), Version::FIRST).unwrap().metrics.value("auc"), Some(0.81));
    registry.verify().unwrap();
    drop(registry);
    assert_eq!(number(&Connection::open(&path).unwrap()), 4, "an earlier mlcore says that it is too old");
}

/// The file was written by the last mlcore whose audit entries named no rows.
#[test]
fn a_file_of_version_2_opens_once_its_log_gives_its_rows() {
    let folder = tempfile::tempdir().unwrap();
    let old = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/registry/version-2.db");
    let path = folder.path().join("registry.db");
    fs::copy(&old, &path).unwrap();
    let registry = SqliteRegistry::open(&path).unwrap();
    let head = registry.verify().unwrap();
    assert_eq!((head.sequence, registry.audit(head.sequence, 1).unwrap()[0].state), (79, None));
    assert_eq!(registry.alias(&name(), &champion()).unwrap(), Version::new(70).ok());
    assert_eq!(registry.versions(&name(), None, 99).unwrap().len(), 69);
    assert_eq!(
        registry.versions(&name(), Version::new(63).ok(), 3).unwrap().last().unwrap().version.get(),
        67
    );
    assert_eq!(registry.models(None, 9).unwrap().len(), 2);
    assert_eq!(registry.audit(60, 3).unwrap().len(), 3);
    let change = Change::new("ana", Timestamp::from_millis(99));
    let entry = registry.describe(&name(), None, "later", &change).unwrap();
    assert!(entry.state.is_some(), "what is written from now on names the rows");
    assert_eq!(registry.verify_since(&head).unwrap(), entry.head());
    drop(registry);
    SqliteRegistry::open(&path).unwrap().verify().unwrap();

    // A file whose rows are not those of its log is not brought up to date.
    fs::copy(&old, folder.path().join("edited.db")).unwrap();
    let connection = Connection::open(folder.path().join("edited.db")).unwrap();
    connection.execute_batch("DELETE FROM alias WHERE alias = 'challenger'").unwrap();
    drop(connection);
    let error = SqliteRegistry::open(folder.path().join("edited.db")).unwrap_err();
    assert!(error.kind() == "corrupt" && error.to_string().contains("table alias"), "{error}");
}

/// Whoever edits a metric edits the digest beside it, too.
#[test]
fn an_edited_metric_is_found_by_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("registry.db");
    let registry = filled(&path);
    let change = Change::new("ana", Timestamp::from_millis(99));
    registry.set_metrics(&name(), Version::FIRST, [("auc", 0.5)], &change).unwrap();
    registry.verify().unwrap();
    drop(registry);

    let connection = Connection::open(&path).unwrap();
    let body: String =
        connection.query_row("SELECT body FROM version WHERE version = 1", (), |row| row.get(0)).unwrap();
    let edited = body.replace(r#"{"auc":0.5}"#, r#"{"auc":0.9}"#);
    assert_ne!(edited, body);
    let digest = Digest::of(format!("version\n{edited}"));
    let values = (&edited, digest.as_bytes().as_slice());
    connection.execute("UPDATE version SET body = ?1, digest = ?2 WHERE version = 1", values).unwrap();
    drop(connection);
    let registry = SqliteRegistry::open(&path).unwrap();
    for error in [registry.version(&name(), Version::FIRST).unwrap_err(), registry.verify().unwrap_err()] {
        assert!(error.kind() == "corrupt" && error.to_string().contains("table version"), "{error}");
    }
}

#[test]
fn files_that_are_no_registry_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("text"), "not a database at all, but long enough to be read as one".repeat(100)).unwrap();
    let foreign = Connection::open(path("foreign.db")).unwrap();
    foreign.execute_batch("CREATE TABLE theirs (a)").unwrap();
    drop(foreign);
    let untouched = fs::read(path("foreign.db")).unwrap();
    for name in ["newer.db", "cut.db"] {
        filled(&path(name));
    }
    Connection::open(path("newer.db")).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let whole = fs::read(path("cut.db")).unwrap();
    fs::write(path("cut.db"), &whole[..whole.len() / 2]).unwrap();
    fs::create_dir(path("folder")).unwrap();

    for (name, kind, words) in [
        ("text", "corrupt", "no SQLite file"),
        ("foreign.db", "invalid_input", "another program"),
        ("newer.db", "unsupported", "newer mlcore"),
        ("cut.db", "corrupt", "backup"),
        ("folder", "invalid_input", "no regular file"),
        ("missing/registry.db", "not_found", "create the folder"),
    ] {
        let error = SqliteRegistry::open(path(name)).and_then(|registry| registry.verify()).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
    assert_eq!(fs::read(path("foreign.db")).unwrap(), untouched, "another program's file is left as it is");
    let options = SqliteOptions::new(path("absent.db")).with_access(SqliteAccess::ReadWrite);
    let error = SqliteRegistry::open_with(&options).unwrap_err();
    assert_eq!(error.kind(), "not_found");
    assert!(!path("absent.db").exists());
}
