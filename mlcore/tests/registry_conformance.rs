//! The contracts of `Registry` and `ArtifactStore`, held against every implementation.
#![cfg(feature = "conformance")]

use mlcore::artifact::{FolderStore, MemoryStore};
use mlcore::conformance;
use mlcore::registry::MemoryRegistry;

#[test]
fn memory_registry() {
    conformance::registry(|| Box::new(MemoryRegistry::new()));
}

#[cfg(feature = "sqlite")]
#[test]
fn sqlite_registry() {
    use std::cell::Cell;

    let (folder, count) = (tempfile::tempdir().unwrap(), Cell::new(0));
    conformance::registry(|| {
        count.set(count.get() + 1);
        let path = folder.path().join(format!("{}.db", count.get()));
        Box::new(mlcore::registry::SqliteRegistry::open(path).unwrap())
    });
}

#[test]
fn memory_store() {
    conformance::artifact_store(|| Box::new(MemoryStore::new()));
}

#[test]
fn folder_store() {
    use std::cell::Cell;

    let (folder, count) = (tempfile::tempdir().unwrap(), Cell::new(0));
    conformance::artifact_store(|| {
        count.set(count.get() + 1);
        Box::new(FolderStore::open(folder.path().join(count.get().to_string())).unwrap())
    });
}
