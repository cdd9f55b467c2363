//! `kill -9` in the middle of registering, promoting, approving, signing and backing up, many times: everything acknowledged is there
//! afterwards, the audit chain verifies, no alias points at nothing, no version is without its bytes, and every backup is a registry.
#![cfg(all(feature = "sqlite", unix))]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "kill/files.rs"]
mod files;
mod kill;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use files::{remove, whole};
use kill::{rounds, run_and_kill, say};
use mlcore::artifact::{ArtifactStore, ArtifactStoreExt, FolderStore};
use mlcore::name::{Alias, ModelName, Version};
use mlcore::registry::{
    AuditEntry, AuditHead, Change, Condition, DetachedSignature, Expected, GovernanceExt, NewVersion,
    PromotionPolicy, Registry, RegistryExt, SqliteOptions, SqliteRegistry, Stage, import_log,
};
use mlcore::schema::Signature;
use mlcore::time::Timestamp;

/// What the children do, one after the other.
const WORKS: [&str; 3] = ["release", "govern", "back up"];
const MODELS: [&str; 4] = ["release", "govern", "one", "two"];

/// The child: works until it is killed, and says what was acknowledged. Without its variables it is an ordinary test with nothing
/// to do.
#[test]
fn child_works_until_it_is_killed() {
    let Some((work, folder)) = kill::told() else { return };
    let (registry, artifacts) = open(&folder);
    disturb(folder.clone());
    say("ready");
    match work.as_str() {
        "release" => loop {
            release(&registry, &artifacts, "release");
        },
        "govern" => loop {
            govern(&registry, &artifacts);
        },
        "back up" => std::thread::scope(|scope| {
            for model in ["one", "two"] {
                let (registry, artifacts) = (&registry, &artifacts);
                scope.spawn(move || {
                    loop {
                        release(registry, artifacts, model);
                    }
                });
            }
            back_ups(&registry, &folder);
        }),
        other => unreachable!("{other}"),
    }
}

fn change(actor: &str) -> Change {
    Change::new(actor, Timestamp::from_millis(1))
}

fn acknowledged(what: &str, entry: &AuditEntry) {
    say(&format!("{what} {} {}", entry.sequence, entry.hash));
}

/// Registers a version and takes it to production.
fn release(registry: &SqliteRegistry, artifacts: &FolderStore, model: &str) {
    let (model, change) = (ModelName::new(model).unwrap(), change("child"));
    let artifact = artifacts.put_bytes(&bytes()).unwrap();
    say(&format!("stored {artifact}"));
    let new = NewVersion::new(model.clone(), artifact, Signature::default());
    let version = registry.register(artifacts, new, &change).unwrap().version;
    say(&format!("created {model} {version}"));
    registry.transition(&model, version, Stage::Dev, Stage::Staging, &change).unwrap();
    let expected = Expected::from(registry.alias(&model, &champion()).unwrap());
    let entry = registry.promote(&model, version, &champion(), expected, &change).unwrap();
    acknowledged(&format!("promoted {version}"), &entry);
}

/// Other bytes each time, and so many that the kill often hits the writing of them.
fn bytes() -> Vec<u8> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{} {count} ", std::process::id()).repeat(15_000).into_bytes()
}

/// Everything that lets a version go to production, each a change of its own.
fn govern(registry: &SqliteRegistry, artifacts: &FolderStore) {
    let model = ModelName::new("govern").unwrap();
    let (ana, ben) = (change("ana"), change("ben"));
    let artifact = artifacts.put_bytes(&bytes()).unwrap();
    let new = NewVersion::new(model.clone(), artifact, Signature::default());
    let version = registry.register(artifacts, new.with_metric("auc", 0.5), &ana).unwrap().version;
    say(&format!("created {model} {version}"));
    let policy = PromotionPolicy::new().with(Condition::approvals(1)).with(Condition::signed(["k"]));
    acknowledged("policy", &registry.set_policy(&model, Some(policy), &ana).unwrap());
    acknowledged("metrics", &registry.set_metrics(&model, version, [("auc", 0.75)], &ana).unwrap());
    acknowledged("card", &registry.attach_card(artifacts, &model, version, b"# Card", &ana).unwrap());
    let signature = DetachedSignature::new("k", "ed25519", artifact, "00");
    acknowledged("signed", &registry.sign(&model, version, signature, &ana).unwrap());
    acknowledged("approved", &registry.approve(&model, version, Some("lead"), &ben).unwrap());
    acknowledged("withdrawn", &registry.withdraw_approval(&model, version, &ben).unwrap());
    acknowledged("approved", &registry.approve(&model, version, Some("lead"), &ben).unwrap());
    registry.transition(&model, version, Stage::Dev, Stage::Staging, &ana).unwrap();
    let expected = Expected::from(registry.alias(&model, &champion()).unwrap());
    let entry = registry.promote(&model, version, &champion(), expected, &ana).unwrap();
    acknowledged(&format!("promoted {version}"), &entry);
}

fn back_ups(registry: &SqliteRegistry, folder: &Path) {
    for number in 0.. {
        let path = folder.join(format!("backup-{}-{number}.db", std::process::id()));
        let head = registry.back_up(&path).unwrap();
        say(&format!("backed {} {} {}", path.display(), head.sequence, head.hash));
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
    let mut heard: BTreeMap<String, u64> = BTreeMap::new();
    let (mut half, mut restored) = (0, 0);
    let mut anchor = AuditHead::default();
    for round in 0..rounds() {
        let visitor = std::thread::spawn({
            // It closes the registry while the child writes, and would take the log away if it believed to be alone.
            let folder = folder.path().to_owned();
            move || (0..3).for_each(|_| drop(open(&folder)))
        });
        let work = WORKS[usize::try_from(round).unwrap() % WORKS.len()];
        let count = if work == "back up" { 4 + round / 3 % 10 } else { round / 3 % 12 };
        let time = Duration::from_micros(round * 7919 % 25_000);
        let said = run_and_kill("child_works_until_it_is_killed", work, folder.path(), count, time);
        visitor.join().unwrap();

        let (registry, artifacts) = open(folder.path());
        anchor = registry.verify_since(&anchor).unwrap();
        for line in &said {
            let words: Vec<&str> = line.split(' ').collect();
            *heard.entry(words[0].to_owned()).or_default() += 1;
            match words[..] {
                ["stored", digest] => drop(artifacts.read(&digest.parse().unwrap()).unwrap()),
                ["created", model, version] => {
                    let model = ModelName::new(model).unwrap();
                    drop(registry.version(&model, version.parse().unwrap()).unwrap());
                }
                ["promoted", version, sequence, hash] => {
                    let entry = entry(&registry, sequence, hash);
                    let target: Version = version.parse().unwrap();
                    assert_eq!(entry.event.alias_moves().next().unwrap().to, Some(target));
                }
                ["backed", path, sequence, hash] => {
                    let copy = SqliteRegistry::open(path).unwrap().verify().unwrap();
                    assert_eq!(
                        (copy.sequence.to_string(), copy.hash.to_string()),
                        (sequence.into(), hash.into())
                    );
                }
                [_, sequence, hash] => drop(entry(&registry, sequence, hash)),
                _ => unreachable!("the child says only these: {line}"),
            }
        }
        aliases_and_stages_agree(&registry, &artifacts);
        let (backups, partial) = whole(folder.path(), "backup-");
        (half, restored) = (half + partial, restored + backups.len());
        for path in backups {
            is_restored(&registry, &path);
            remove(&path);
        }
    }
    println!("{} kills: {heard:?} acknowledged, {restored} backups restored, {half} half written", rounds());
    for what in ["promoted", "policy", "signed", "approved", "withdrawn", "card", "backed"] {
        assert!(
            heard.contains_key(what),
            "the child came far enough to be worth killing: {what} in {heard:?}"
        );
    }
    let orphans = std::fs::read_dir(folder.path().join("artifacts/partial")).unwrap().count();
    assert_eq!(orphans, 0, "what was half written is gone");
}

/// The entry that was acknowledged.
fn entry(registry: &SqliteRegistry, sequence: &str, hash: &str) -> AuditEntry {
    let entry = registry.audit(sequence.parse().unwrap(), 1).unwrap().remove(0);
    assert_eq!(entry.hash.to_string(), hash);
    entry
}

/// Alias and stage go together, to a version that is there with its bytes.
fn aliases_and_stages_agree(registry: &SqliteRegistry, artifacts: &FolderStore) {
    for model in MODELS.map(|model| ModelName::new(model).unwrap()) {
        if registry.model(&model).is_err() {
            continue;
        }
        let in_production: Vec<_> = registry
            .versions(&model, None, usize::MAX)
            .unwrap()
            .into_iter()
            .inspect(|version| drop(artifacts.read(&version.artifact).unwrap()))
            .filter(|version| version.stage == Stage::Production)
            .map(|version| version.version)
            .collect();
        assert_eq!(in_production, Vec::from_iter(registry.alias(&model, &champion()).unwrap()));
    }
}

/// A backup is the registry at one moment, whose chain verifies, that goes on, and whose log gives it anew.
fn is_restored(registry: &SqliteRegistry, path: &Path) {
    let copy = SqliteRegistry::open(path).unwrap();
    let head = copy.verify().unwrap();
    let log = copy.audit(1, usize::MAX).unwrap();
    assert!(log == registry.audit(1, log.len()).unwrap(), "{} is no beginning of the log", path.display());
    let mut lines = Vec::new();
    assert_eq!(mlcore::registry::export_log(&copy, &mut lines).unwrap(), head);
    let anew = path.with_extension("restored");
    let options = SqliteOptions::new(&anew);
    let given = import_log(&SqliteRegistry::open_with(&options).unwrap(), &mut lines.as_slice(), Some(&head));
    assert_eq!(given.unwrap(), head);
    remove(&anew);
    copy.create_model(ModelName::new("after").unwrap(), &change("ana")).unwrap();
    assert_eq!(copy.verify().unwrap().sequence, head.sequence + 1);
}

fn open(folder: &Path) -> (SqliteRegistry, FolderStore) {
    let registry = SqliteRegistry::open(folder.join("registry.db")).unwrap();
    let artifacts = FolderStore::open(folder.join("artifacts")).unwrap();
    assert!(artifacts.list(None, 1).is_ok());
    (registry, artifacts)
}

fn champion() -> Alias {
    Alias::new("champion").unwrap()
}
