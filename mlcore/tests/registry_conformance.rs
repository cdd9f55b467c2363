//! The contracts of `Registry` and `ArtifactStore`, held against every implementation.
#![cfg(feature = "conformance")]

use std::cell::RefCell;

use mlcore::artifact::{FolderStore, MemoryStore};
use mlcore::conformance::{self, Persistence};
use mlcore::registry::MemoryRegistry;

#[test]
fn memory_registry() {
    conformance::registry(Persistence::Ephemeral, |_| Box::new(MemoryRegistry::new()));
}

/// Its clones share it, as the connections of several processes share a file.
#[test]
fn shared_memory_registry() {
    let places: RefCell<Vec<MemoryRegistry>> = RefCell::default();
    conformance::registry(Persistence::Shared, |place| {
        let mut places = places.borrow_mut();
        if places.len() == place {
            places.push(MemoryRegistry::new());
        }
        Box::new(places[place].clone())
    });
}

#[cfg(feature = "sqlite")]
#[test]
fn sqlite_registry() {
    let folder = tempfile::tempdir().unwrap();
    conformance::registry(Persistence::Shared, |place| {
        let path = folder.path().join(format!("{place}.db"));
        Box::new(mlcore::registry::SqliteRegistry::open(path).unwrap())
    });
}

#[test]
fn memory_store() {
    conformance::artifact_store(Persistence::Ephemeral, |_| Box::new(MemoryStore::new()));
}

#[test]
fn folder_store() {
    let folder = tempfile::tempdir().unwrap();
    conformance::artifact_store(Persistence::Shared, |place| {
        Box::new(FolderStore::open(folder.path().join(place.to_string())).unwrap())
    });
}
