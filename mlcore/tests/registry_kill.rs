//! `kill -9` in the middle of registering and promoting, many times: everything acknowledged is there afterwards, the
//! audit chain verifies, no alias points at nothing and no version is without its bytes.
#![cfg(all(feature = "sqlite", unix))]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use mlcore::artifact::{ArtifactStore, ArtifactStoreExt, FolderStore};
use mlcore::name::{Alias, ModelName, Version};
use mlcore::registry::{Change, Expected, NewVersion, Registry, RegistryExt, SqliteRegistry, Stage};
use mlcore::schema::Signature;
use mlcore::time::Timestamp;

const ROUNDS: u64 = 80;
const FOLDER: &str = "MLCORE_KILL_TEST_FOLDER";

/// The child: registers and promotes until it is killed, and says what was acknowledged. Without the variable it is an
/// ordinary test with nothing to do.
#[test]
fn child_registers_until_it_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let (registry, artifacts) = open(Path::new(&folder));
    let (model, champion) = names();
    disturb(Path::new(&folder).to_owned());
    let mut out = std::io::stdout();
    let mut say = |text: String| writeln!(out, "{text}").and_then(|()| out.flush()).unwrap();
    say("ready".to_owned());
    loop {
        let count = registry.verify().unwrap().sequence;
        let change = Change::new("child", Timestamp::from_millis(i64::try_from(count).unwrap()));
        // Large enough that the kill often hits the writing of it.
        let artifact = artifacts.put_bytes(&format!("{count} ").repeat(20_000).into_bytes()).unwrap();
        say(format!("stored {artifact}"));
        let new = NewVersion::new(model.clone(), artifact, Signature::default());
        let version = registry.register(&artifacts, new, &change).unwrap().version;
        say(format!("created {version}"));
        registry.transition(&model, version, Stage::Dev, Stage::Staging, &change).unwrap();
        let expected = Expected::from(registry.alias(&model, &champion).unwrap());
        let entry = registry.promote(&model, version, &champion, expected, &change).unwrap();
        say(format!("promoted {version} {} {}", entry.sequence, entry.hash));
    }
}

/// Opens and closes the registry's files for ever, as a second SQLite in the process does: POSIX's locks go with that.
fn disturb(folder: PathBuf) {
    if cfg!(target_os = "linux") {
        std::thread::spawn(move || {
            loop {
                for name in ["registry.db", "registry.db-wal", "registry.db-shm"] {
                    drop(std::fs::File::open(folder.join(name)));
                }
                std::thread::sleep(Duration::from_micros(200));
            }
        });
    }
}

#[test]
fn what_was_acknowledged_survives_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let mut promoted_in_all = 0;
    let mut anchor = mlcore::registry::AuditHead::default();
    for round in 0..ROUNDS {
        let visitor = std::thread::spawn({
            // It closes the registry while the child writes, and would take the log away if it believed to be alone.
            let folder = folder.path().to_owned();
            move || (0..3).for_each(|_| drop(open(&folder)))
        });
        let acknowledged =
            run_and_kill(folder.path(), round % 10, Duration::from_micros(round * 7919 % 25_000));
        visitor.join().unwrap();

        let (registry, artifacts) = open(folder.path());
        anchor = registry.verify_since(&anchor).unwrap();
        let (model, champion) = names();
        for line in &acknowledged {
            match line.split(' ').collect::<Vec<_>>()[..] {
                ["stored", digest] => drop(artifacts.read(&digest.parse().unwrap()).unwrap()),
                ["created", version] => drop(registry.version(&model, version.parse().unwrap()).unwrap()),
                ["promoted", version, sequence, hash] => {
                    promoted_in_all += 1;
                    let entry = registry.audit(sequence.parse().unwrap(), 1).unwrap().remove(0);
                    let target: Version = version.parse().unwrap();
                    assert_eq!(entry.hash.to_string(), hash);
                    assert_eq!(entry.event.alias_moves().next().unwrap().to, Some(target));
                }
                _ => unreachable!("the child says only these: {line}"),
            }
        }
        let in_production: Vec<_> = registry
            .versions(&model, None, usize::MAX)
            .unwrap()
            .into_iter()
            .inspect(|version| drop(artifacts.read(&version.artifact).unwrap()))
            .filter(|version| version.stage == Stage::Production)
            .map(|version| version.version)
            .collect();
        let target = registry.alias(&model, &champion).unwrap();
        assert_eq!(
            in_production,
            Vec::from_iter(target),
            "alias and stage go together, to a version that is there"
        );
    }
    assert!(promoted_in_all >= ROUNDS, "the child came far enough to be worth killing: {promoted_in_all}");
    let orphans = std::fs::read_dir(folder.path().join("artifacts/partial")).unwrap().count();
    assert_eq!(orphans, 0, "what was half written is gone");
}

/// Lets the child say `count` things and work for `time` more, and kills it; answers what it had acknowledged.
fn run_and_kill(folder: &Path, count: u64, time: Duration) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["child_registers_until_it_is_killed", "--exact", "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    // The test harness talks before the child does.
    assert!(lines.any(|line| line.ends_with("ready")), "the child ended by itself");
    let mut said: Vec<String> = lines.by_ref().take(usize::try_from(count).unwrap()).collect();
    std::thread::sleep(time);
    // On Unix this is SIGKILL.
    child.kill().unwrap();
    assert!(!child.wait().unwrap().success());
    said.extend(lines);
    said
}

fn open(folder: &Path) -> (SqliteRegistry, FolderStore) {
    let registry = SqliteRegistry::open(folder.join("registry.db")).unwrap();
    let artifacts = FolderStore::open(folder.join("artifacts")).unwrap();
    assert!(artifacts.list(None, 1).is_ok());
    (registry, artifacts)
}

fn names() -> (ModelName, Alias) {
    (ModelName::new("churn").unwrap(), Alias::new("champion").unwrap())
}
