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

/// Whoever lists versions looks at the places where one could be.
#[cfg(feature = "sqlite")]
#[test]
fn a_file_keeps_no_numbers_that_lie_far_apart() {
    use mlcore::artifact::Digest;
    use mlcore::name::{ModelName, Version};
    use mlcore::registry::{Change, NewVersion, Registry, RegistryExt, SqliteRegistry};
    use mlcore::schema::Signature;
    use mlcore::time::Timestamp;

    let folder = tempfile::tempdir().unwrap();
    let registry = SqliteRegistry::open(folder.path().join("registry.db")).unwrap();
    let (churn, change) = (ModelName::new("churn").unwrap(), Change::new("ana", Timestamp::default()));
    registry.create_model(&churn, &change).unwrap();
    let create = |number: u64| {
        let new = NewVersion::new(churn.clone(), Digest::of(b"model"), Signature::default());
        registry.create_version(new.with_version(Version::new(number).unwrap()), &change)
    };
    let error = create(20_260_101).unwrap_err();
    assert!(error.to_string().contains("up to 4096 above the last one, which is 0"), "{error}");
    assert_eq!(create(4096).unwrap().version.get(), 4096);
    assert_eq!(registry.verify().unwrap().sequence, 2);
}
