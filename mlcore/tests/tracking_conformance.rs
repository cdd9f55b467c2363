//! The contract of `Tracker`, held against every implementation.
#![cfg(feature = "conformance")]

use std::cell::RefCell;

use mlcore::conformance::{self, Persistence};
use mlcore::tracking::MemoryTracker;

#[test]
fn memory_tracker() {
    conformance::tracker(Persistence::Ephemeral, |_| Box::new(MemoryTracker::new()));
}

/// Its clones share it, as the connections of several processes share a file.
#[test]
fn shared_memory_tracker() {
    let places: RefCell<Vec<MemoryTracker>> = RefCell::default();
    conformance::tracker(Persistence::Shared, |place| {
        let mut places = places.borrow_mut();
        if places.len() == place {
            places.push(MemoryTracker::new());
        }
        Box::new(places[place].clone())
    });
}

#[cfg(feature = "sqlite")]
#[test]
fn sqlite_tracker() {
    let folder = tempfile::tempdir().unwrap();
    conformance::tracker(Persistence::Shared, |place| {
        let path = folder.path().join(format!("{place}.db"));
        Box::new(mlcore::tracking::SqliteTracker::open(path).unwrap())
    });
}
