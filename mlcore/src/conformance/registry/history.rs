use super::*;
use crate::artifact::{ArtifactStoreExt, MemoryStore};
use crate::name::RequestId;

/// The past: moves of aliases, roll-backs, repeated requests, and the log.
pub(super) fn is_kept(places: &Places<'_, dyn Registry>) {
    an_alias_has_a_past(places);
    a_clock_that_goes_back_reorders_nothing(places);
    a_wrong_clock_moves_no_other_change(places);
    rolling_back_goes_back(places);
    a_repeated_request_does_nothing_twice(places);
    the_log_is_a_chain(places);
    no_version_without_its_bytes(places);
}

fn an_alias_has_a_past(places: &Places<'_, dyn Registry>) {
    let mut world = World::new(places);
    let (one, two) = (world.version(), world.version());
    let champion = alias("champion");
    let at = |millis| {
        world
            .registry
            .alias_at(&world.model, &champion, Timestamp::from_millis(millis))
            .unwrap()
            .map(Version::get)
    };
    world.clock.set(99);
    world.set("champion", one, Expected::Any).unwrap();
    world.clock.set(199);
    world.set("champion", two, Expected::Any).unwrap();
    world.clock.set(299);
    world.set("champion", None, Expected::Any).unwrap();
    // Two moves within one tick: the later one counts.
    world.clock.set(299);
    world.set("champion", one, Expected::Any).unwrap();
    assert_eq!([99, 100, 199, 200, 299, 300].map(at), [None, Some(1), Some(1), Some(2), Some(2), Some(1)]);
    assert_eq!(world.registry.alias_at(&world.model, &champion, Timestamp::MIN).unwrap(), None);
    assert_eq!(world.registry.alias_at(&world.model, &champion, Timestamp::MAX).unwrap(), Some(one));

    world.set("champion", None, Expected::Any).unwrap();
    world.registry.delete_model(&world.model, &world.change()).unwrap();
    assert_eq!(at(250), Some(2), "history outlives the model");
    let history = world.registry.alias_history(&world.model, &champion).unwrap();
    let moves: Vec<_> = history.iter().map(|change| (change.moved.from, change.moved.to)).collect();
    let all =
        [(None, Some(one)), (Some(one), Some(two)), (Some(two), None), (None, Some(one)), (Some(one), None)];
    assert_eq!(moves, all);
    assert!(history.iter().all(|change| change.actor == "conformance"));
    assert!(world.registry.alias_history(&world.model, &alias("other")).unwrap().is_empty());
    world.is_kept();
}

fn a_clock_that_goes_back_reorders_nothing(places: &Places<'_, dyn Registry>) {
    let mut world = World::new(places);
    let (one, two) = (world.version(), world.version());
    world.clock.set(999);
    world.set("champion", one, Expected::Any).unwrap();
    world.clock.set(499);
    let entry = world.set("champion", two, Expected::Any).unwrap();
    assert_eq!((entry.at, entry.effective_at), (Timestamp::from_millis(500), Timestamp::from_millis(1000)));
    let at = |millis| {
        world.registry.alias_at(&world.model, &alias("champion"), Timestamp::from_millis(millis)).unwrap()
    };
    assert_eq!((at(500), at(999), at(1000)), (None, None, Some(two)));
    world.registry.describe(&world.model, None, "", &Change::new("x", Timestamp::MIN)).unwrap();
    assert_eq!(world.registry.verify().unwrap().effective_at, Some(Timestamp::from_millis(1000)));
    world.is_kept();
}

/// Days are far apart for clocks: one that is wrong by years is overruled by the changes after it.
fn a_wrong_clock_moves_no_other_change(places: &Places<'_, dyn Registry>) {
    const DAY: i64 = 24 * 60 * 60 * 1000;
    let mut world = World::new(places);
    let (one, two, three) = (world.version(), world.version(), world.version());
    let champion = alias("champion");
    let set = |version, day: i64| {
        let change = Change::new("conformance", Timestamp::from_millis(day * DAY));
        world.registry.set_alias(&world.model, &champion, Some(version), Expected::Any, &change).unwrap();
    };
    let on = |day: i64| {
        let time = Timestamp::from_millis(day * DAY);
        world.registry.alias_at(&world.model, &champion, time).unwrap()
    };
    set(one, 100);
    set(two, 10_000);
    assert_eq!((on(99), on(100), on(9_999), on(10_000)), (None, Some(one), Some(one), Some(two)));
    set(three, 102);
    assert_eq!((on(101), on(102), on(103)), (Some(one), Some(three), Some(three)), "one clock was ahead");
    set(one, 104);
    assert_eq!((on(103), on(104), on(20_000)), (Some(three), Some(one), Some(one)));
    set(two, 3);
    set(three, 106);
    assert_eq!(
        (on(3), on(103), on(105), on(106)),
        (None, Some(three), Some(two), Some(three)),
        "one was behind"
    );
    world.is_kept();
}

fn rolling_back_goes_back(places: &Places<'_, dyn Registry>) {
    let mut world = World::new(places);
    let versions: Vec<_> = (0..4).map(|_| world.version_in(Stage::Staging)).collect();
    let [one, two, three, four] = versions[..] else { unreachable!("four were made") };
    world.refuses("not_found", || world.roll_back(Expected::Any));
    world.promote(one, Expected::Any).unwrap();
    world.refuses("not_found", || world.roll_back(Expected::Any));
    for version in [two, three, four] {
        world.promote(version, Expected::Any).unwrap();
    }
    world.registry.delete_version(&world.model, three, &world.change()).unwrap();
    world.refuses("conflict", || world.roll_back(Expected::Version(one)));
    world.roll_back(Expected::Version(four)).unwrap();
    assert_eq!(world.champion(), Some(two), "a version that was deleted is no target");
    assert_eq!((world.stage(four), world.stage(two)), (Stage::Archived, Stage::Production));
    world.roll_back(Expected::Version(two)).unwrap();
    assert_eq!(world.champion(), Some(one), "a version that was rolled back from is no target");
    assert_eq!(world.model().production, Some(one));
    world.refuses("not_found", || world.roll_back(Expected::Any));
    world.promote(four, Expected::Any).unwrap();
    world.roll_back(Expected::Any).unwrap();
    assert_eq!(world.champion(), Some(one));

    // An alias beside production takes no stage with it.
    let (five, six) = (world.version(), world.version());
    world.set("canary", five, Expected::Absent).unwrap();
    world.set("canary", six, Expected::Any).unwrap();
    world
        .registry
        .roll_back(&world.model, &alias("canary"), Expected::Version(six), &world.change())
        .unwrap();
    assert_eq!(world.registry.alias(&world.model, &alias("canary")).unwrap(), Some(five));
    assert_eq!(
        (world.stage(five), world.stage(six), world.stage(one)),
        (Stage::Dev, Stage::Dev, Stage::Production)
    );
    world.set("canary", None, Expected::Any).unwrap();
    let gone = || world.registry.roll_back(&world.model, &alias("canary"), Expected::Any, &world.change());
    world.refuses("not_found", gone);
    world.is_kept();
}

fn a_repeated_request_does_nothing_twice(places: &Places<'_, dyn Registry>) {
    let mut world = World::new(places);
    let asked = |id: &str| world.change().with_request(RequestId::new(id).unwrap());
    let new = world.new_version();
    let first = world.registry.create_version(new.clone(), &asked("r1")).unwrap();
    world.transition(first.version, Stage::Dev, Stage::Staging).unwrap();
    let head = world.registry.verify().unwrap();
    let again = world.registry.create_version(new.clone(), &asked("r1")).unwrap();
    assert_eq!(again, first, "the answer is the first one's");
    assert_eq!(world.registry.verify().unwrap(), head);
    world.refuses("already_exists", || {
        world.registry.create_version(new.clone().with_description("other"), &asked("r1"))
    });
    let mut stranger = asked("r1");
    stranger.actor = "somebody".to_owned();
    world.refuses("already_exists", || world.registry.create_version(new.clone(), &stranger));

    let promote = |id| {
        let expected = Expected::Absent;
        world.registry.promote(&world.model, first.version, &alias("champion"), expected, &asked(id))
    };
    let entry = promote("r2").unwrap();
    assert_eq!(promote("r2").unwrap(), entry, "although the alias is no longer absent");
    world.refuses("conflict", || promote("r3"));
    assert_eq!(world.registry.verify().unwrap(), entry.head());
    assert_eq!(
        world.registry.create_version(new, &asked("r3")).unwrap().version.get(),
        2,
        "a refusal uses up no id"
    );
    world.is_kept();
}

fn the_log_is_a_chain(places: &Places<'_, dyn Registry>) {
    let mut world = World::new(places);
    let version = world.version_in(Stage::Staging);
    let anchor = world.registry.verify().unwrap();
    let entry = world.promote(version, Expected::Absent).unwrap();
    assert_eq!(
        (entry.event.operation(), entry.event.subject().as_str()),
        ("promote version", "churn@champion")
    );
    let all = world.registry.audit(1, usize::MAX).unwrap();
    let mut previous = AuditHead::default();
    for (place, entry) in all.iter().enumerate() {
        assert_eq!((entry.sequence, entry.previous), (place as u64 + 1, previous.hash));
        assert_eq!(entry.hash, Digest::of(entry.canonical()));
        let line: serde_json::Value = serde_json::from_str(entry.canonical()).unwrap();
        assert_eq!(line["previous"], entry.previous.to_string());
        previous = entry.head();
    }
    assert_eq!(world.registry.verify().unwrap(), previous);
    assert_eq!(world.registry.verify_since(&anchor).unwrap(), previous);
    world.registry.verify_since(&AuditHead::default()).unwrap();
    let forged = AuditHead { hash: Digest::of("forged"), ..anchor };
    assert_eq!(world.registry.verify_since(&forged).unwrap_err().kind(), "corrupt");
    let beyond = AuditHead { sequence: 99, ..anchor };
    assert_eq!(
        world.registry.verify_since(&beyond).unwrap_err().kind(),
        "corrupt",
        "a log that was cut short"
    );
    let sequences = |from, limit| -> Vec<u64> {
        world.registry.audit(from, limit).unwrap().iter().map(|entry| entry.sequence).collect()
    };
    assert_eq!((sequences(0, 2), sequences(2, 2)), (vec![1, 2], vec![2, 3]));
    assert!(sequences(99, 2).is_empty() && sequences(1, 0).is_empty() && sequences(u64::MAX, 1).is_empty());
    world.is_kept();
}

fn no_version_without_its_bytes(places: &Places<'_, dyn Registry>) {
    let mut world = World::new(places);
    let artifacts = MemoryStore::new();
    let mut new = world.new_version();
    new.model = name("by-register");
    world.refuses("not_found", || world.registry.register(&artifacts, new.clone(), &world.change()));
    new.artifact = artifacts.put_bytes(b"model").unwrap();
    let request = world.change().with_request(RequestId::new("once").unwrap());
    let made = world.registry.register(&artifacts, new.clone(), &request).unwrap();
    assert_eq!(world.registry.register(&artifacts, new.clone(), &request).unwrap(), made);
    assert_eq!(world.registry.register(&artifacts, new, &world.change()).unwrap().version.get(), 2);
    world.is_kept();
}
