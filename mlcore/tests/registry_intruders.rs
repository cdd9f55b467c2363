//! Whoever else in the process opens and closes the registry's files takes none of its locks away.
#![cfg(all(feature = "sqlite", target_os = "linux"))]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use mlcore::artifact::Digest;
use mlcore::name::ModelName;
use mlcore::registry::{
    Change, NewVersion, Registry, RegistryExt, SqliteAccess, SqliteOptions, SqliteRegistry,
};
use mlcore::schema::Signature;
use mlcore::time::Timestamp;

const FILE: &str = "MLCORE_INTRUDER_TEST_FILE";

/// The child: registers one version and closes, which takes the write-ahead log away where it believes to be alone.
#[test]
fn child_registers_and_closes() {
    let Some(file) = std::env::var_os(FILE) else { return };
    register(&SqliteRegistry::open(file).unwrap(), "another process");
}

#[test]
fn a_descriptor_closed_beside_an_open_registry_unlocks_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("registry.db");
    let registry = SqliteRegistry::open(&file).unwrap();
    for round in 1..=4 {
        register(&registry, "this process");
        for suffix in ["", "-wal", "-shm"] {
            drop(File::open(beside(&file, suffix)).unwrap());
        }
        another_process_registers(&file);
        assert!(beside(&file, "-wal").exists(), "its log was not taken away");
        assert_eq!(versions(&registry), 2 * round);
    }
    drop(registry);
    assert!(!beside(&file, "-wal").exists(), "the last to close leaves one whole file");
    assert_eq!(versions(&SqliteRegistry::open(&file).unwrap()), 8);
}

#[test]
fn a_connection_of_the_hosts_own_unlocks_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("registry.db");
    let registry = SqliteRegistry::open(&file).unwrap();
    register(&registry, "this process");
    // The host links the same SQLite, and keeps the accounts of its locks together with ours.
    let beside = rusqlite::Connection::open(&file).unwrap();
    beside.query_row("select count(*) from version", [], |row| row.get::<_, i64>(0)).unwrap();
    drop(beside);
    another_process_registers(&file);
    register(&registry, "this process");
    assert_eq!(versions(&registry), 3);
}

#[test]
fn registries_of_one_process_share_locks_whichever_is_closed_first() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("registry.db");
    drop(SqliteRegistry::open(&file).unwrap());
    let read_only = SqliteOptions::new(&file).with_access(SqliteAccess::ReadOnly);
    // The first to hold a lock is one that may only read.
    let reader = SqliteRegistry::open_with(&read_only).unwrap();
    let (first, second) = (SqliteRegistry::open(&file).unwrap(), SqliteRegistry::open(&file).unwrap());
    register(&first, "first");
    drop(first);
    another_process_registers(&file);
    register(&second, "second");
    assert_eq!((versions(&reader), versions(&second)), (3, 3));
    drop(second);
    another_process_registers(&file);
    assert_eq!(versions(&reader), 4);
    drop(reader);
    let open = std::fs::read_dir("/proc/self/fd").unwrap();
    let left = open.flatten().filter_map(|entry| std::fs::read_link(entry.path()).ok());
    let left: Vec<_> = left.filter(|target| target.starts_with(folder.path())).collect();
    assert!(left.is_empty(), "descriptors are left: {left:?}");
}

#[test]
fn a_registry_behind_a_symbolic_link_is_protected_too() {
    let folder = tempfile::tempdir().unwrap();
    let (file, link) = (folder.path().join("registry.db"), folder.path().join("link.db"));
    drop(SqliteRegistry::open(&file).unwrap());
    std::os::unix::fs::symlink(&file, &link).unwrap();
    let registry = SqliteRegistry::open(&link).unwrap();
    register(&registry, "this process");
    for suffix in ["", "-wal", "-shm"] {
        drop(File::open(beside(&file, suffix)).unwrap());
    }
    another_process_registers(&file);
    register(&registry, "this process");
    another_process_registers(&file);
    assert_eq!(versions(&registry), 4);
}

fn another_process_registers(file: &Path) {
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["child_registers_and_closes", "--exact"])
        .env(FILE, file)
        .stdout(Stdio::null())
        .status();
    assert!(status.unwrap().success());
}

fn register(registry: &SqliteRegistry, actor: &str) {
    let new = NewVersion::new(model(), Digest::of(actor), Signature::default());
    let change = Change::new(actor, Timestamp::default());
    match registry.create_model(model(), &change) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), "already_exists", "{error}"),
    }
    registry.create_version(new, &change).unwrap();
}

fn versions(registry: &SqliteRegistry) -> usize {
    registry.versions(&model(), None, usize::MAX).unwrap().len()
}

fn model() -> ModelName {
    ModelName::new("churn").unwrap()
}

fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
