//! `kill -9` in the middle of applying and recording, many times: what was acknowledged is there, and no apply is half there.

use std::path::Path;
use std::time::Duration;

use crate::kill::{rounds, run_and_kill, say};
use mlcore::registry::Change;
use mlcore::schema::DType;
use mlcore::time::Timestamp;
use mlcore_features::store::definition::{Definition, Entity, FeatureView, Field, Source};
use mlcore_features::store::registry::{Changes, Definitions, Interval, SqliteDefinitions};

/// As many views as one apply changes together.
const VIEWS: usize = 20;

fn open(folder: &Path) -> SqliteDefinitions {
    SqliteDefinitions::open(folder.join("store.db"), "rides").unwrap()
}

/// All of one generation: whoever reads it must see one generation alone.
fn generation(number: u64) -> Vec<Definition> {
    let driver = Entity::builder("driver").value_type(DType::Int64).build().unwrap();
    let source =
        Source::file(format!("{number}.parquet")).name("stats").timestamp_field("at").build().unwrap();
    let view = |own: usize| {
        let schema = [Field::new("a", DType::Int64), Field::new(format!("g{number}"), DType::Int64)];
        FeatureView::builder(format!("view_{own}"), ["driver"])
            .schema(schema)
            .source("stats")
            .build()
            .unwrap()
            .into()
    };
    let first: [Definition; 2] = [driver.into(), source.into()];
    first.into_iter().chain((0..VIEWS).map(view)).collect()
}

/// The generation that is there, which every object must be of.
fn generation_of(definitions: &SqliteDefinitions) -> u64 {
    let now = definitions.snapshot().unwrap();
    let Ok(view) = now.repository().view("view_0") else {
        assert!(now.repository().is_empty(), "nothing, or a whole generation");
        return 0;
    };
    let number: u64 = view.features()[1].name.strip_prefix('g').unwrap().parse().unwrap();
    let there: Vec<&Definition> = now.repository().definitions().collect();
    let expected = mlcore_features::store::definition::Repository::new("rides", generation(number)).unwrap();
    assert_eq!(there, expected.definitions().collect::<Vec<_>>(), "generation {number} is whole");
    number
}

/// The child: works until it is killed, and says what was acknowledged. Without its variables it is an ordinary test with nothing
/// to do.
#[test]
fn child_applies_until_it_is_killed() {
    let Some((_, folder)) = crate::kill::told() else { return };
    let definitions = open(&folder);
    say("ready");
    for number in generation_of(&definitions) + 1.. {
        let change = Change::new("child", Timestamp::from_millis(0)).with_reason(number.to_string());
        definitions.apply(&Changes::of(generation(number)), &change).unwrap();
        say(&format!("applied {number}"));
        let version = definitions.snapshot().unwrap().version_of("view_0").unwrap();
        let moment = |at: u64| Timestamp::from_millis(i64::try_from(at).unwrap());
        let interval = Interval::new(moment(number * 10), moment(number * 10 + 5)).unwrap();
        definitions.record_materialised("view_0", version, interval).unwrap();
        say(&format!("recorded {number}"));
    }
}

#[test]
fn applies_survive_kill_9_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let (mut applied, mut recorded) = (0_u64, 0_u64);
    for round in 0..rounds() {
        let time = Duration::from_micros(round * 7919 % 25_000);
        let said = run_and_kill(
            "registry_kill::child_applies_until_it_is_killed",
            "apply",
            folder.path(),
            round % 5,
            time,
        );
        for line in &said {
            let (word, number) = line.split_once(' ').unwrap();
            let number: u64 = number.parse().unwrap();
            match word {
                "applied" => applied = number,
                "recorded" => recorded = number,
                other => unreachable!("{other}"),
            }
        }
        let definitions = open(folder.path());
        definitions.verify().unwrap();
        let there = generation_of(&definitions);
        assert!(there == applied || there == applied + 1, "{applied} was acknowledged, {there} is there");
        let known = if there > 0 { definitions.materialised("view_0").unwrap() } else { Default::default() };
        if recorded == there && there > 0 {
            assert_eq!(known.intervals().len(), 1, "what was recorded is there");
        }
        // Each generation is another version, whose materialisation begins anew.
        assert!(known.intervals().len() <= 1);
        let audit = definitions.audit(1, usize::MAX).unwrap();
        assert_eq!(audit.len() as u64, there, "each generation is one entry");
        applied = there;
    }
    println!("{} kills: {applied} generations applied, {recorded} recorded last", rounds());
    assert!(applied >= rounds(), "the children came far enough to be worth killing");
}
