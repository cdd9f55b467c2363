//! Backups are taken while others write, and give the registry back.
#![cfg(feature = "sqlite")]
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::{fs, thread};

use mlcore::Error;
use mlcore::artifact::Digest;
use mlcore::name::ModelName;
use mlcore::registry::{
    AuditHead, Change, MemoryRegistry, NewVersion, Registry, RegistryExt, SqliteOptions, SqliteRegistry,
    copy_log, export_log, import_log,
};
use mlcore::schema::Signature;
use mlcore::time::Timestamp;

fn change() -> Change {
    Change::new("ana", Timestamp::from_millis(0))
}

fn name(text: &str) -> ModelName {
    ModelName::new(text).unwrap()
}

fn version(registry: &dyn Registry, model: &str, number: usize) {
    let new = NewVersion::new(name(model), Digest::of(number.to_string()), Signature::default());
    registry.create_version(new.with_metric("auc", 0.8), &change()).unwrap();
}

/// Everything up to a head, by the log.
fn is_prefix(copy: &dyn Registry, whole: &dyn Registry, head: &AuditHead) {
    assert_eq!(copy.verify().unwrap(), *head);
    let (copied, due) = (copy.audit(1, usize::MAX).unwrap(), whole.audit(1, copied_len(head)).unwrap());
    assert_eq!(copied, due);
}

fn copied_len(head: &AuditHead) -> usize {
    usize::try_from(head.sequence).unwrap()
}

#[test]
fn backups_under_load_are_the_registry_at_one_moment() {
    let folder = tempfile::tempdir().unwrap();
    let registry = SqliteRegistry::open(folder.path().join("registry.db")).unwrap();
    let done = AtomicBool::new(false);
    let taken = thread::scope(|scope| {
        for writer in 0..2 {
            let (registry, done) = (&registry, &done);
            scope.spawn(move || {
                let model = format!("m{writer}");
                registry.create_model(name(&model), &change()).unwrap();
                let mut number = 0;
                while !done.load(Ordering::Relaxed) && number < 3000 {
                    version(registry, &model, number);
                    number += 1;
                }
            });
        }
        let mut taken = Vec::new();
        for round in 0..6 {
            let file = folder.path().join(format!("backup {round}.db"));
            let head = registry.back_up(&file).unwrap();
            let mut lines = Vec::new();
            let exported = export_log(&registry, &mut lines).unwrap();
            assert!(exported.sequence >= head.sequence);
            taken.push((file, head, lines, exported));
        }
        done.store(true, Ordering::Relaxed);
        taken
    });
    assert!(taken.windows(2).any(|two| two[0].1.sequence < two[1].1.sequence), "nobody wrote meanwhile");
    for (file, head, lines, exported) in taken {
        let copy = SqliteRegistry::open_with_head(&SqliteOptions::new(&file), &head).unwrap();
        is_prefix(&copy, &registry, &head);
        copy.create_model(name("after"), &change()).unwrap();
        assert_eq!(copy.verify().unwrap().sequence, head.sequence + 1, "it goes on");

        let restored = SqliteRegistry::open(file.with_extension("restored.db")).unwrap();
        assert_eq!(import_log(&restored, &mut lines.as_slice(), Some(&exported)).unwrap(), exported);
        is_prefix(&restored, &registry, &exported);
    }
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().contains("partial")), "{left:?}");
}

#[test]
fn a_backup_takes_no_place_and_hides_no_damage() {
    let folder = tempfile::tempdir().unwrap();
    let registry = SqliteRegistry::open(folder.path().join("registry.db")).unwrap();
    registry.create_model(name("churn"), &change()).unwrap();
    let taken = folder.path().join("taken.db");
    fs::write(&taken, "somebody's").unwrap();
    assert!(matches!(registry.back_up(&taken), Err(Error::AlreadyExists(_))));
    assert_eq!(fs::read(&taken).unwrap(), b"somebody's");
    assert!(registry.back_up(folder.path().join("nowhere/b.db")).is_err());

    // The head that was noted is kept beside it: a copy that was cut is found.
    let file = folder.path().join("b.db");
    let head = registry.back_up(&file).unwrap();
    assert!(Path::new(&folder.path().join("b.db-head")).exists());
    assert_eq!(SqliteRegistry::open(&file).unwrap().verify().unwrap(), head);

    // A row that was edited is told, and no backup is left.
    let edited = rusqlite_edit(&folder.path().join("registry.db"));
    let damaged = folder.path().join("damaged.db");
    assert!(edited && matches!(registry.back_up(&damaged), Err(Error::Corrupt(_))));
    assert!(!damaged.exists());
}

fn rusqlite_edit(file: &Path) -> bool {
    let connection = rusqlite::Connection::open(file).unwrap();
    connection.execute("UPDATE model SET body = replace(body, 'ana', 'bob')", ()).unwrap() == 1
}

#[test]
fn a_registry_moves_between_backends() {
    let folder = tempfile::tempdir().unwrap();
    let first = SqliteRegistry::open(folder.path().join("a.db")).unwrap();
    first.create_model(name("churn"), &change()).unwrap();
    (0..200).for_each(|number| version(&first, "churn", number));
    let memory = MemoryRegistry::new();
    let head = copy_log(&first, &memory).unwrap();
    version(&memory, "churn", 200);
    // Some entries name rows by SQLite's root, and the last one does not.
    let back = SqliteRegistry::open(folder.path().join("b.db")).unwrap();
    let copied = copy_log(&memory, &back).unwrap();
    assert_eq!((copied.sequence, back.verify().unwrap()), (head.sequence + 1, copied));
    drop(back);
    let back = SqliteRegistry::open(folder.path().join("b.db")).unwrap();
    version(&back, "churn", 201);
    assert_eq!(back.verify().unwrap().sequence, head.sequence + 2);

    // What a file cannot list is not taken from a log either.
    let far = MemoryRegistry::new();
    far.create_model(name("churn"), &change()).unwrap();
    let new = NewVersion::new(name("churn"), Digest::of("m"), Signature::default());
    far.create_version(new.with_version("9000".parse().unwrap()), &change()).unwrap();
    let empty = SqliteRegistry::open(folder.path().join("c.db")).unwrap();
    assert!(matches!(copy_log(&far, &empty), Err(Error::Unsupported(_))));
    assert_eq!(empty.verify().unwrap().sequence, 0);
    assert_eq!(copy_log(&first, &empty).unwrap(), head, "what was refused left nothing");
}
