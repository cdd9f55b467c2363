//! Every call to the system that a release makes fails once, with EIO, with ENOSPC, or by ending the process: what was
//! acknowledged is there afterwards, the log verifies, and repeating what failed gives one release.
//!
//! Of the calls every seventh is tried; all of them with `MLCORE_EVERY_FAULT=1`.
#![cfg(all(feature = "sqlite", target_os = "linux"))]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![expect(clippy::print_stdout, reason = "the child tells its parent how far it came")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use mlcore::artifact::{ArtifactStore, ArtifactStoreExt, Digest, FolderStore};
use mlcore::name::{Alias, ModelName, RequestId, Version};
use mlcore::registry::{Change, Expected, NewVersion, Registry, RegistryExt, SqliteRegistry, Stage};
use mlcore::schema::Signature;
use mlcore::time::Timestamp;
use mlcore::{Error, Result};

const FOLDER: &str = "MLCORE_FAULT_TEST_FOLDER";
const CONTENT: &[u8] = b"the second model";

/// The child: a release, in which one call to the system fails; what failed is repeated.
#[test]
fn child_releases_under_a_fault() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let (registry, artifacts) = open(Path::new(&folder));
    registry.alias(&model(), &champion()).unwrap();
    drop(fs::File::open("/mlcore-fault-arm"));
    if let Err(error) = release(&registry, &artifacts) {
        // What a disk cannot read, SQLite takes for damage.
        let known = ["unavailable", "storage_full", "outcome_unknown", "permission_denied", "corrupt"];
        assert!(known.contains(&error.kind()), "{error}");
        println!("failed {}", error.kind());
        release(&registry, &artifacts).unwrap();
    }
    drop(fs::File::open("/mlcore-fault-disarm"));
    println!("released");
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
    let shim = folder.path().join("fault.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/registry_system_faults.c");
    let built =
        Command::new("cc").args(["-shared", "-fPIC", "-O1", "-w", "-o"]).arg(&shim).arg(source).status();
    if !built.is_ok_and(|built| built.success()) {
        println!("skipped: there is no C compiler");
        return;
    }
    let prepared = folder.path().join("prepared");
    prepare(&prepared);
    let trial = Trial { shim, prepared };
    let (said, calls) = trial.run(&folder.path().join("whole"), "eio", 0);
    assert_eq!(said, ["stored", "registered", "staged", "promoted", "released"]);
    assert!(calls > 50, "a release makes {calls} calls");

    let step = if std::env::var_os("MLCORE_EVERY_FAULT").is_some() { 1 } else { 7 };
    let faults: Vec<(&str, usize)> = ["eio", "enospc", "kill"]
        .into_iter()
        .enumerate()
        .flat_map(|(first, kind)| (1 + first..=calls).step_by(step).map(move |at| (kind, at)))
        .collect();
    let (next, failed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some((kind, at)) = faults.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let folder = folder.path().join(format!("{kind}-{at}"));
                    let (said, _) = trial.run(&folder, kind, *at);
                    let broke = said.iter().any(|line| line.starts_with("failed"));
                    failed.fetch_add(usize::from(broke), Ordering::Relaxed);
                    assert!(
                        *kind == "kill" || said.contains(&"released".to_owned()),
                        "{kind} at {at}: {said:?}"
                    );
                    check(&folder, &said, &format!("{kind} at {at}"));
                    fs::remove_dir_all(folder).unwrap();
                }
            });
        }
    });
    let failed = failed.into_inner();
    assert!(failed * 4 > faults.len(), "of {} faults {failed} were told", faults.len());
    println!("{} faults in {calls} calls, {failed} told", faults.len());
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

struct Trial {
    shim: PathBuf,
    prepared: PathBuf,
}

impl Trial {
    /// Lets the child release in a new copy of what was prepared; answers what it said, and how many calls it made.
    fn run(&self, folder: &Path, kind: &str, at: usize) -> (Vec<String>, usize) {
        copy(&self.prepared, folder);
        let count = folder.join("count");
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["child_releases_under_a_fault", "--exact", "--nocapture", "--test-threads=1"])
            .env(FOLDER, folder)
            .env("LD_PRELOAD", &self.shim)
            .envs([("FAULT_KIND", kind), ("FAULT_AT", &at.to_string())])
            .env("FAULT_COUNT", &count)
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        let said = String::from_utf8(child.stdout).unwrap();
        let words = ["stored", "registered", "staged", "promoted", "released", "failed "];
        // The harness talks on the same line before the child does.
        let said =
            said.lines().filter_map(|line| words.iter().find_map(|word| Some(&line[line.find(word)?..])));
        let said: Vec<String> = said.map(str::to_owned).collect();
        assert_eq!(child.status.success(), said.contains(&"released".to_owned()), "{kind} at {at}: {said:?}");
        (said, fs::read_to_string(count).map_or(0, |count| count.parse().unwrap()))
    }
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

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (entry, target) = (entry.as_ref().unwrap(), to.join(entry.as_ref().unwrap().file_name()));
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
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
