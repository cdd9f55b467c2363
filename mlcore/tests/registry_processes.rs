//! Eight processes promote at once, from the same belief: in every round exactly one wins.
#![cfg(feature = "sqlite")]

use std::path::Path;
use std::process::{Command, Stdio};

use mlcore::artifact::Digest;
use mlcore::name::{Alias, ModelName, Version};
use mlcore::registry::{Change, Event, Expected, NewVersion, Registry, RegistryExt, SqliteRegistry, Stage};
use mlcore::schema::Signature;
use mlcore::time::Timestamp;

const PROCESSES: u64 = 8;
const ROUNDS: u64 = 25;
const FOLDER: &str = "MLCORE_PROCESS_TEST_FOLDER";
const NUMBER: &str = "MLCORE_PROCESS_TEST_NUMBER";

/// The child: opens the registry that perhaps nobody has made yet, and promotes in rounds. A round begins when the alias
/// means what the round before made of it.
#[test]
fn child_promotes_in_rounds() {
    let (Some(folder), Ok(own)) = (std::env::var_os(FOLDER), std::env::var(NUMBER)) else { return };
    let own: u64 = own.parse().unwrap();
    let registry = SqliteRegistry::open(Path::new(&folder).join("registry.db")).unwrap();
    let (model, champion) = (ModelName::new("churn").unwrap(), Alias::new("champion").unwrap());
    let change = Change::new(format!("process {own}"), Timestamp::default());
    match registry.create_model(&model, &change) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), "already_exists", "{error}"),
    }
    let new = || NewVersion::new(model.clone(), Digest::of(own.to_string()), Signature::default());
    let mut expected = Expected::Absent;
    for _ in 0..ROUNDS {
        let version = registry.create_version(new(), &change).unwrap().version;
        registry.transition(&model, version, Stage::Dev, Stage::Staging, &change).unwrap();
        match registry.promote(&model, version, &champion, expected, &change) {
            Ok(entry) => assert_eq!(Expected::from(entry.event.alias_moves().next().unwrap().from), expected),
            Err(error) => assert_eq!(error.kind(), "conflict", "{error}"),
        }
        expected = Expected::from(registry.alias(&model, &champion).unwrap());
        assert!(expected != Expected::Absent, "somebody has won");
    }
}

#[test]
fn of_eight_processes_one_wins_each_round() {
    let folder = tempfile::tempdir().unwrap();
    let children: Vec<_> = (0..PROCESSES)
        .map(|number| {
            Command::new(std::env::current_exe().unwrap())
                .args(["child_promotes_in_rounds", "--exact", "--nocapture"])
                .env(FOLDER, folder.path())
                .env(NUMBER, number.to_string())
                .stdout(Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let registry = SqliteRegistry::open(folder.path().join("registry.db")).unwrap();
    let head = registry.verify().unwrap();
    let (model, champion) = (ModelName::new("churn").unwrap(), Alias::new("champion").unwrap());
    assert_eq!(registry.model(&model).unwrap().last_version, Some(Version::new(PROCESSES * ROUNDS).unwrap()));

    // Each promotion replaced what the one before had set: no update was lost, no belief was honoured twice.
    let history = registry.alias_history(&model, &champion).unwrap();
    let mut before = None;
    for change in &history {
        assert_eq!(change.moved.from, before, "entry {}", change.sequence);
        before = change.target();
    }
    assert_eq!(registry.alias(&model, &champion).unwrap(), before);
    let entries = registry.audit(1, usize::MAX).unwrap();
    let promotions =
        entries.iter().filter(|entry| matches!(entry.event, Event::Promote { .. })).count() as u64;
    assert_eq!(promotions, history.len() as u64);
    assert!((ROUNDS..PROCESSES * ROUNDS).contains(&promotions), "some won and some lost: {promotions}");
    assert_eq!(head.sequence, 1 + 2 * PROCESSES * ROUNDS + promotions);
}
