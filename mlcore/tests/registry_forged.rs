//! Registry files that were forged with fitting digests: nothing that a read touches is believed.
#![cfg(feature = "sqlite")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use mlcore::artifact::Digest;
use mlcore::name::{Alias, ModelName, RequestId, Version};
use mlcore::registry::{Change, Expected, NewVersion, Registry, RegistryExt, SqliteRegistry, Stage};
use mlcore::schema::Signature;
use mlcore::time::Timestamp;
use rusqlite::Connection;

fn name(text: &str) -> ModelName {
    ModelName::new(text).unwrap()
}

fn alias(text: &str) -> Alias {
    Alias::new(text).unwrap()
}

fn change(millis: i64) -> Change {
    Change::new("ana", Timestamp::from_millis(millis))
}

fn number(number: u64) -> Version {
    Version::new(number).unwrap()
}

/// Three models, of which `churn` has 130 versions, and aliases that moved; 270 entries.
fn filled(path: &Path) -> SqliteRegistry {
    let registry = SqliteRegistry::open(path).unwrap();
    for model in ["a", "churn", "z"] {
        registry.create_model(name(model), &change(0)).unwrap();
    }
    for version in 1..=130 {
        let new = NewVersion::new(name("churn"), Digest::of(version.to_string()), Signature::default());
        let asked = change(version).with_request(RequestId::new(format!("r{version}")).unwrap());
        let version = registry.create_version(new, &asked).unwrap().version;
        registry
            .transition(&name("churn"), version, Stage::Dev, Stage::Staging, &asked_again(&asked))
            .unwrap();
    }
    for version in [1, 2, 3] {
        registry
            .promote(&name("churn"), number(version), &alias("champion"), Expected::Any, &change(200))
            .unwrap();
        registry
            .set_alias(&name("churn"), &alias("other"), Some(number(9)), Expected::Any, &change(200))
            .unwrap();
    }
    registry.set_alias(&name("churn"), &alias("other"), None, Expected::Any, &change(201)).unwrap();
    registry
}

fn asked_again(change: &Change) -> Change {
    let mut change = change.clone();
    change.request = None;
    change
}

/// The file, edited by hand; `fit` makes the digest of each row of a table fit its body again.
fn edited(original: &Path, place: usize, sql: &str, fit: &[&str]) -> PathBuf {
    let path = original.with_file_name(format!("edited-{place}.db"));
    fs::copy(original, &path).unwrap();
    let connection = Connection::open(&path).unwrap();
    connection.pragma_update(None, "foreign_keys", false).unwrap();
    connection.execute_batch(sql).unwrap();
    for table in fit {
        let mut rows: Vec<String> = Vec::new();
        let mut statement = connection.prepare(&format!("SELECT body FROM {table}")).unwrap();
        rows.extend(statement.query_map((), |row| row.get(0)).unwrap().map(Result::unwrap));
        for body in rows {
            let digest = Digest::of(format!("{table}\n{body}"));
            let sql = format!("UPDATE {table} SET digest = ?1 WHERE body = ?2");
            connection.execute(&sql, (digest.as_bytes().as_slice(), &body)).unwrap();
        }
    }
    path
}

type Read = fn(&SqliteRegistry) -> mlcore::Result<()>;

#[test]
fn no_read_believes_a_forged_row() {
    let folder = tempfile::tempdir().unwrap();
    let original = folder.path().join("registry.db");
    drop(filled(&original));
    let champion: Read = |registry| registry.alias(&name("churn"), &alias("champion")).map(drop);
    let aliases: Read = |registry| registry.aliases(&name("churn")).map(drop);
    let promote: Read = |registry| {
        let expected = Expected::Version(number(2));
        registry.promote(&name("churn"), number(7), &alias("champion"), expected, &change(300)).map(drop)
    };
    let history: Read = |registry| registry.alias_history(&name("churn"), &alias("champion")).map(drop);
    let versions: Read = |registry| registry.versions(&name("churn"), Some(number(60)), 10).map(drop);
    let version: Read = |registry| registry.version(&name("churn"), number(65)).map(drop);
    let models: Read = |registry| registry.models(None, 99).map(drop);
    let page: Read = |registry| registry.models(Some(&name("b")), 1).map(drop);
    let model: Read = |registry| registry.model(&name("churn")).map(drop);
    let audit: Read = |registry| registry.audit(70, 1).map(drop);
    let repeat: Read = |registry| {
        let new = NewVersion::new(name("churn"), Digest::of("5"), Signature::default());
        registry.create_version(new, &change(5).with_request(RequestId::new("r5").unwrap())).map(drop)
    };
    let to_two = r#"replace(body, '"to":3', '"to":2')"#;
    let earlier = "SELECT replace(body, '', ''), digest FROM alias_change WHERE alias = 'champion' ORDER BY sequence LIMIT 1 OFFSET 1";
    let cases: Vec<(String, &[&str], Vec<Read>)> = vec![
        (format!("UPDATE alias SET version = 2, body = {to_two}"), &["alias"], vec![champion, aliases, promote]),
        // A row that was true once.
        (
            format!("UPDATE alias SET version = 2, (body, digest) = ({earlier})"),
            &["alias"],
            vec![champion, aliases, promote],
        ),
        ("DELETE FROM alias".to_owned(), &[], vec![champion, aliases, promote]),
        (
            "INSERT INTO alias SELECT model, 'other', 9, replace(body, 'champion', 'other'), digest FROM alias".to_owned(),
            &["alias"],
            vec![aliases, |registry| registry.alias(&name("churn"), &alias("other")).map(drop)],
        ),
        (format!("UPDATE alias_change SET body = {to_two}"), &["alias_change"], vec![history]),
        (
            "DELETE FROM alias_change WHERE alias = 'champion' AND sequence = (SELECT max(sequence) FROM alias_change
                WHERE alias = 'champion')"
                .to_owned(),
            &[],
            vec![history],
        ),
        ("DELETE FROM alias_change".to_owned(), &[], vec![history]),
        (
            r#"UPDATE version SET body = replace(body, '"staging"', '"dev"') WHERE version = 65"#.to_owned(),
            &["version"],
            vec![version, versions],
        ),
        ("DELETE FROM version WHERE version = 65".to_owned(), &[], vec![version, versions]),
        ("DELETE FROM version WHERE version > 64".to_owned(), &[], vec![version, versions]),
        ("DELETE FROM model WHERE name = 'churn'".to_owned(), &[], vec![models, page, model, versions]),
        ("DELETE FROM model WHERE name = 'z'".to_owned(), &[], vec![models]),
        ("DELETE FROM model".to_owned(), &[], vec![models, model]),
        (
            r#"UPDATE model SET body = replace(body, '"production":3', '"production":2')"#.to_owned(),
            &["model"],
            vec![models, page, model],
        ),
        ("DELETE FROM request WHERE id = 'r5'".to_owned(), &[], vec![repeat]),
        ("UPDATE request SET sequence = 4 WHERE id = 'r5'".to_owned(), &[], vec![repeat]),
        ("DELETE FROM audit WHERE sequence = 70".to_owned(), &[], vec![audit]),
        ("DELETE FROM audit WHERE sequence BETWEEN 64 AND 80".to_owned(), &[], vec![audit]),
        ("UPDATE commitment SET body = zeroblob(length(body)) WHERE node BETWEEN 1 AND 511".to_owned(), &[], vec![champion, model]),
        ("DELETE FROM commitment WHERE node > 4000".to_owned(), &[], vec![champion, model, version, history]),
    ];
    for (place, (sql, fit, reads)) in cases.into_iter().enumerate() {
        let registry = SqliteRegistry::open(edited(&original, place, &sql, fit)).unwrap();
        for (number, read) in reads.iter().enumerate() {
            let error = read(&registry).expect_err(&format!("{sql}: read {number}"));
            assert_eq!(error.kind(), "corrupt", "{sql}: {error}");
        }
        assert_eq!(registry.verify().unwrap_err().kind(), "corrupt", "{sql}");
    }
}

/// The line of an entry is its hash's, so that an edited line needs another hash, and that another line after it.
#[test]
fn an_edited_entry_is_found_when_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let original = folder.path().join("registry.db");
    drop(filled(&original));
    for (place, sequence) in [1_u64, 63, 64, 65, 127, 269].into_iter().enumerate() {
        let path = edited(&original, place, "", &[]);
        let connection = Connection::open(&path).unwrap();
        let read = format!("SELECT line FROM audit WHERE sequence = {sequence}");
        let line: String = connection.query_row(&read, (), |row| row.get(0)).unwrap();
        let line = line.replace("ana", "eve");
        let sql = format!("UPDATE audit SET line = ?1, hash = ?2 WHERE sequence = {sequence}");
        connection.execute(&sql, (&line, Digest::of(&line).as_bytes().as_slice())).unwrap();
        drop(connection);
        let registry = SqliteRegistry::open(&path).unwrap();
        for (from, limit) in [(sequence, 1), (1, 999), (sequence.saturating_sub(1).max(1), 2)] {
            let error = registry.audit(from, limit).unwrap_err();
            assert_eq!(error.kind(), "corrupt", "{sequence} from {from}: {error}");
        }
        assert!(registry.audit(200, 5).unwrap().len() == 5, "what the edit does not touch is read");
    }
}

/// Two registries that differ in the last change: the rows and the tree of the one do not pass with the log of the other.
#[test]
fn a_whole_forged_tree_does_not_fit_the_last_entry() {
    let folder = tempfile::tempdir().unwrap();
    let (original, other) = (folder.path().join("registry.db"), folder.path().join("other.db"));
    drop(filled(&original));
    fs::copy(&original, &other).unwrap();
    for (path, version) in [(&original, 5), (&other, 6)] {
        let registry = SqliteRegistry::open(path).unwrap();
        registry
            .set_alias(&name("churn"), &alias("champion"), Some(number(version)), Expected::Any, &change(400))
            .unwrap();
    }
    for keep_end in [false, true] {
        let attach = format!("ATTACH '{}' AS other", other.display());
        let end = "UPDATE commitment SET body = CAST(substr(body, 1, 8)
            || (SELECT hash FROM audit ORDER BY sequence DESC LIMIT 1) || substr(body, 41) AS BLOB) WHERE node = 0;";
        let sql = format!(
            "{attach}; DELETE FROM commitment; INSERT INTO commitment SELECT * FROM other.commitment;
             DELETE FROM alias; INSERT INTO alias SELECT * FROM other.alias;
             DELETE FROM alias_change; INSERT INTO alias_change SELECT * FROM other.alias_change; {}",
            if keep_end { end } else { "" }
        );
        let path = edited(&original, usize::from(keep_end), &sql, &[]);
        let error = SqliteRegistry::open(path).unwrap_err();
        assert!(error.kind() == "corrupt" && error.to_string().contains("audit log"), "{error}");
    }
}

/// A withdrawal that was carried out before is an entry that changes no row.
#[test]
fn an_entry_that_changes_no_row_names_the_rows_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let registry = filled(&folder.path().join("registry.db"));
    let withdraw =
        || registry.withdraw(&name("churn"), number(99), &alias("challenger"), &change(500)).unwrap();
    assert_ne!(withdraw().state, registry.audit(270, 1).unwrap()[0].state, "the version goes to the archive");
    let (second, third) = (withdraw(), withdraw());
    assert!(second.state.is_some() && second.state == third.state);
    registry.verify().unwrap();
}
