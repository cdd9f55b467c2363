//! Processes that apply at once lose nothing, and of several that planned the same exactly one wins.

use std::process::{Child, Command, Stdio};

use mlcore::registry::Change;
use mlcore::schema::DType;
use mlcore::time::Timestamp;
use mlcore_features::store::definition::{Definition, Entity};
use mlcore_features::store::registry::{Changes, Definitions, SqliteDefinitions};
use proptest::prelude::*;

const FOLDER: &str = "MLCORE_DEFINITIONS_TEST_FOLDER";
const NUMBER: &str = "MLCORE_DEFINITIONS_TEST_NUMBER";
const PROCESSES: usize = 4;
const THREADS: usize = 3;
const OBJECTS: usize = 8;

fn entity(name: &str, owner: &str) -> Definition {
    Entity::builder(name).value_type(DType::Int64).owner(owner).build().unwrap().into()
}

fn change(actor: &str) -> Change {
    Change::new(actor, Timestamp::from_millis(0))
}

/// The child: applies objects of its own in several threads, and moves one that all share. Without its variables it is an ordinary test
/// with nothing to do.
#[test]
fn child_applies_objects_of_its_own() {
    let (Some(folder), Ok(own)) = (std::env::var_os(FOLDER), std::env::var(NUMBER)) else { return };
    let definitions =
        SqliteDefinitions::open(std::path::Path::new(&folder).join("store.db"), "rides").unwrap();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (definitions, own) = (&definitions, &own);
            scope.spawn(move || {
                for object in 0..OBJECTS {
                    let name = format!("p{own}_t{thread}_o{object}");
                    definitions.apply(&Changes::of([entity(&name, "")]), &change(&name)).unwrap();
                    // A counter, by comparing and swapping.
                    loop {
                        let now = definitions.snapshot().unwrap();
                        let count: u32 = now.repository().entity("shared").unwrap().owner().parse().unwrap();
                        let next = Changes::of([entity("shared", &(count + 1).to_string())]);
                        match definitions.apply(&next.at_revision(now.revision()), &change(&name)) {
                            Ok(_) => break,
                            Err(error) if error.kind() == "conflict" => {}
                            Err(error) => unreachable!("{error}"),
                        }
                    }
                }
            });
        }
    });
}

#[test]
fn processes_lose_nothing_and_count_right() {
    let folder = tempfile::tempdir().unwrap();
    let definitions = SqliteDefinitions::open(folder.path().join("store.db"), "rides").unwrap();
    definitions.apply(&Changes::of([entity("shared", "0")]), &change("ana")).unwrap();
    let start = |own: usize| -> Child {
        Command::new(std::env::current_exe().unwrap())
            .args(["registry_processes::child_applies_objects_of_its_own", "--exact", "--test-threads=1"])
            .env(FOLDER, folder.path())
            .env(NUMBER, own.to_string())
            .stdout(Stdio::null())
            .spawn()
            .unwrap()
    };
    let children: Vec<Child> = (0..PROCESSES).map(start).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let all = PROCESSES * THREADS * OBJECTS;
    let now = definitions.snapshot().unwrap();
    assert_eq!(now.repository().len(), all + 1, "no object is lost");
    assert_eq!(now.repository().entity("shared").unwrap().owner(), all.to_string(), "no change is lost");
    assert_eq!(usize::try_from(now.revision()).unwrap(), 2 * all + 1);
    definitions.verify().unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Handles of one file, as processes have them, each with changes of its own: what is there afterwards is what the audit tells.
    #[test]
    fn what_is_there_is_what_the_audit_tells(
        work in prop::collection::vec(prop::collection::vec((0_usize..6, any::<bool>()), 1..6), 2..4),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let open = || SqliteDefinitions::open(folder.path().join("store.db"), "rides").unwrap();
        std::thread::scope(|scope| {
            for (own, steps) in work.iter().enumerate() {
                let definitions = open();
                scope.spawn(move || {
                    for (step, (name, is_deleted)) in steps.iter().enumerate() {
                        let definition = entity(&format!("e{name}"), &format!("{own}.{step}"));
                        let changes = match is_deleted {
                            true => Changes::default().with_deletion(definition.id()),
                            false => Changes::of([definition]),
                        };
                        match definitions.apply(&changes, &change("ana")) {
                            Ok(_) => {}
                            Err(error) => assert!(*is_deleted && error.kind() == "not_found", "{error}"),
                        }
                    }
                });
            }
        });
        let definitions = open();
        definitions.verify().unwrap();
        let mut told = std::collections::BTreeMap::new();
        for entry in definitions.audit(1, usize::MAX).unwrap() {
            for change in entry.changes {
                match change.digest {
                    Some(digest) => drop(told.insert(change.id, digest)),
                    None => drop(told.remove(&change.id)),
                }
            }
        }
        let now = definitions.snapshot().unwrap();
        let there: std::collections::BTreeMap<_, _> =
            now.repository().definitions().map(|own| (own.id(), own.digest().unwrap())).collect();
        prop_assert_eq!(told, there);
    }
}
