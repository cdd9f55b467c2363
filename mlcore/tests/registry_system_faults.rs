//! Every call to the system that a release makes fails once, with EIO, with ENOSPC, or by ending the process: what was
//! acknowledged is there afterwards, the log verifies, and repeating what failed gives one release.
//!
//! Of the calls every seventh is tried; all of them with `MLCORE_EVERY_FAULT=1`.
#![cfg(all(feature = "sqlite", target_os = "linux"))]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![expect(clippy::print_stdout, reason = "the child tells its parent how far it came")]

mod faults;

use std::fs;
use std::path::Path;

use faults::Trial;
use mlcore::artifact::{ArtifactStore, ArtifactStoreExt, Digest, FolderStore};
use mlcore::name::{Alias, ModelName, RequestId, Version};
use mlcore::registry::{Change, Expected, NewVersion, Registry, RegistryExt, SqliteRegistry, Stage};
use mlcore::schema::Signature;
use mlcore::time::Timestamp;
use mlcore::{Error, Result};

const CONTENT: &[u8] = b"the second model";

/// The child: a release, in which one call to the system fails; what failed is repeated.
#[test]
fn child_releases_under_a_fault() {
    let Some(folder) = faults::told() else { return };
    let (registry, artifacts) = open(&folder);
    registry.alias(&model(), &champion()).unwrap();
    faults::work(|| release(&registry, &artifacts));
}

/// Registers a version and promotes it, in steps that may be repeated; each says when it was acknowledged.
fn release(registry: &SqliteRegistry, artifacts: &dyn ArtifactStore) -> Result<()> {
    let change = |request: &str| {
        Change::new("ana", Timestamp::from_millis(9)).with_request(RequestId::new(request).unwrap())
    };
    let artifact = artifacts.put_bytes(CONTENT)?;
    println!("stored");
    let new = NewVersion::new(model(), artifact, Signature::default());
    let version = registry.register(artifacts, new, &change("register"))?.version;
    println!("registered");
    registry.transition(&model(), version, Stage::Dev, Stage::Staging, &change("stage"))?;
    println!("staged");
    registry.promote(
        &model(),
        version,
        &champion(),
        Expected::Version(Version::FIRST),
        &change("promote"),
    )?;
    println!("promoted");
    Ok(())
}

#[test]
fn no_fault_of_the_system_breaks_a_release() {
    let folder = tempfile::tempdir().unwrap();
    let prepared = folder.path().join("prepared");
    prepare(&prepared);
    let words = &["stored", "registered", "staged", "promoted"];
    Trial { test: "child_releases_under_a_fault", words, prepared, step: 1 }.fail_each(check);
}

/// What must hold after a fault: what the child said, and a registry that works.
fn check(folder: &Path, said: &[String], fault: &str) {
    let (registry, artifacts) = open(folder);
    registry.verify().unwrap_or_else(|error| panic!("{fault}: {error}"));
    let has = |word: &str| said.iter().any(|line| line == word);
    let versions = registry.versions(&model(), None, 9).unwrap();
    if has("stored") {
        assert_eq!(artifacts.read(&Digest::of(CONTENT)).unwrap(), CONTENT, "{fault}");
    }
    assert!(versions.len() <= 2, "{fault}: a repeated request registers once");
    for version in &versions {
        artifacts.read(&version.artifact).unwrap_or_else(|error| panic!("{fault}: {error}"));
    }
    let second = versions.get(1);
    assert!(second.is_some() || !has("registered"), "{fault}: {said:?}");
    assert!(second.is_some_and(|second| second.stage != Stage::Dev) || !has("staged"), "{fault}: {said:?}");
    let target = registry.alias(&model(), &champion()).unwrap().unwrap();
    let live: Vec<_> = versions.iter().filter(|version| version.stage == Stage::Production).collect();
    assert!(live.len() == 1 && live[0].version == target, "{fault}: alias and stage go together");
    assert!(target.get() == 2 || !has("promoted"), "{fault}: {said:?}");
    release(&registry, &artifacts).unwrap_or_else(|error| panic!("{fault}: repeated: {error}"));
    assert_eq!(registry.alias(&model(), &champion()).unwrap().map(Version::get), Some(2), "{fault}");
    registry.verify().unwrap();
}

fn prepare(folder: &Path) {
    fs::create_dir(folder).unwrap();
    let (registry, artifacts) = open(folder);
    let change = Change::new("ana", Timestamp::from_millis(1));
    let new =
        NewVersion::new(model(), artifacts.put_bytes(b"the first model").unwrap(), Signature::default());
    registry.register(&artifacts, new, &change).unwrap();
    registry.transition(&model(), Version::FIRST, Stage::Dev, Stage::Staging, &change).unwrap();
    registry.promote(&model(), Version::FIRST, &champion(), Expected::Absent, &change).unwrap();
}

fn open(folder: &Path) -> (SqliteRegistry, FolderStore) {
    let opened: Result<_> = SqliteRegistry::open(folder.join("registry.db"))
        .and_then(|registry| Ok((registry, FolderStore::open(folder.join("artifacts"))?)));
    opened.unwrap_or_else(|error: Error| panic!("{error}"))
}

fn model() -> ModelName {
    ModelName::new("churn").unwrap()
}

fn champion() -> Alias {
    Alias::new("champion").unwrap()
}
