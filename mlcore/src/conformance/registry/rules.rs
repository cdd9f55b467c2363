use super::*;
use crate::name::RunId;
use crate::registry::{Lineage, NewModel};

/// The rules for what may be done.
pub(super) fn hold(places: &Places<'_, dyn Registry>) {
    models_and_versions_are_numbered_once(places);
    numbers_of_elsewhere_rise(places);
    what_a_version_was_made_of_is_kept(places);
    stages_go_the_ways_of_the_table(places);
    aliases_move_by_compare_and_swap(places);
    promotion_is_one_step(places);
    what_an_alias_means_is_not_archived(places);
    a_live_alias_means_what_may_be_promoted(places);
    tags_and_texts_are_only_texts(places);
    metrics_are_exact_numbers(places);
    pages_are_ordered(places);
}

fn models_and_versions_are_numbered_once(places: &Places<'_, dyn Registry>) {
    let mut world = World::new(places);
    let registry = &*world.registry;
    world.refuses("already_exists", || registry.create_model(&world.model, &world.change()));
    world.refuses("not_found", || registry.model(&name("other")));
    world.refuses("not_found", || registry.version(&world.model, Version::FIRST));
    world.refuses("not_found", || registry.version(&world.model, number(u64::MAX)));
    let mut stranger = world.new_version();
    stranger.model = name("other");
    world.refuses("not_found", || registry.create_version(stranger, &world.change()));

    assert_eq!([world.version(), world.version(), world.version()].map(Version::get), [1, 2, 3]);
    registry.delete_version(&world.model, number(3), &world.change()).unwrap();
    world.refuses("not_found", || world.set("champion", number(3), Expected::Any));
    assert_eq!(world.version().get(), 4, "a number is never given twice");

    world.set("champion", number(2), Expected::Any).unwrap();
    world.refuses("conflict", || registry.delete_version(&world.model, number(2), &world.change()));
    world.refuses("conflict", || registry.delete_model(&world.model, &world.change()));
    world.set("champion", None, Expected::Any).unwrap();
    let released = world.version_in(Stage::Production);
    world.refuses("conflict", || registry.delete_version(&world.model, released, &world.change()));
    world.refuses("conflict", || registry.delete_model(&world.model, &world.change()));
    world.transition(released, Stage::Production, Stage::Archived).unwrap();

    registry.delete_model(&world.model, &world.change()).unwrap();
    world.refuses("not_found", || registry.model(&world.model));
    world.refuses("not_found", || registry.version(&world.model, number(1)));
    world.refuses("not_found", || registry.delete_model(&world.model, &world.change()));
    assert!(registry.models(None, 10).unwrap().is_empty());
    assert!(registry.versions(&world.model, None, 10).unwrap().is_empty());
    registry.create_model(&world.model, &world.change()).unwrap();
    assert_eq!(world.version().get(), 6, "numbers stay taken when a model is deleted and made again");
    registry.verify().unwrap();
    world.is_kept();
}

fn numbers_of_elsewhere_rise(places: &Places<'_, dyn Registry>) {
    let mut world = World::new(places);
    let create = |new: u64| {
        let new = world.new_version().with_version(number(new));
        world.registry.create_version(new, &world.change()).map(|version| version.version.get())
    };
    assert_eq!(create(7).unwrap(), 7);
    assert_eq!(world.version().get(), 8, "the next one counts on");
    world.refuses("already_exists", || create(8));
    world.refuses("already_exists", || create(3));
    assert_eq!(create(200).unwrap(), 200);
    let versions = world.registry.versions(&world.model, None, 9).unwrap();
    let mut versions: Vec<u64> = versions.iter().map(|version| version.version.get()).collect();
    // Their order is another promise.
    versions.sort_unstable();
    assert_eq!(versions, [7, 8, 200]);
    world.registry.verify().unwrap();
    world.is_kept();
}

fn what_a_version_was_made_of_is_kept(places: &Places<'_, dyn Registry>) {
    let mut world = World::new(places);
    let parent = world.version();
    let lineage = Lineage::default()
        .with_run(RunId::new("run-7").unwrap())
        .with_dataset(Digest::of("data"))
        .with_plan(Digest::of("plan"), Digest::of("plan file"))
        .with_monitor(Digest::of("monitor"))
        .with_parent(world.model.clone(), parent);
    let new = world.new_version().with_lineage(lineage).with_format("onnx-package").with_tag("a", "b");
    let made = world.registry.create_version(new.clone(), &world.change()).unwrap();
    let read = world.registry.version(&world.model, made.version).unwrap();
    assert_eq!(read, made);
    assert_eq!((&read.artifact, &read.format, &read.signature), (&new.artifact, &new.format, &new.signature));
    assert_eq!((&read.lineage, &read.tags), (&new.lineage, &new.tags));
    assert_eq!((read.stage, read.created_by.as_str()), (Stage::Dev, "conformance"));
    assert_eq!(read.created_at, Timestamp::from_millis(world.clock.get()));

    let orphan =
        world.new_version().with_lineage(Lineage::default().with_parent(world.model.clone(), number(99)));
    world.refuses("not_found", || world.registry.create_version(orphan, &world.change()));
    let nameless = world.new_version().with_format("");
    world.refuses("invalid_input", || world.registry.create_version(nameless, &world.change()));
    world.is_kept();
}

fn stages_go_the_ways_of_the_table(places: &Places<'_, dyn Registry>) {
    for &from in Stage::ALL {
        for &to in Stage::ALL {
            let world = World::new(places);
            let version = world.version_in(from);
            if from.may_become(to) {
                world.transition(version, from, to).unwrap();
                assert_eq!(world.stage(version), to);
                assert_eq!(world.model().production, (to == Stage::Production).then_some(version));
            } else {
                world.refuses("invalid_input", || world.transition(version, from, to));
            }
            let wrong = if to == Stage::Staging { Stage::Archived } else { Stage::Staging };
            if world.stage(version) != wrong {
                world.refuses("conflict", || world.transition(version, wrong, Stage::Dev));
            }
        }
    }
    let mut world = World::new(places);
    let (first, second) = (world.version_in(Stage::Production), world.version_in(Stage::Staging));
    world.refuses("conflict", || world.transition(second, Stage::Staging, Stage::Production));
    world.registry.replace_production(&world.model, second, Stage::Staging, &world.change()).unwrap();
    assert_eq!((world.stage(first), world.stage(second)), (Stage::Archived, Stage::Production));
    world.refuses("not_found", || world.transition(number(99), Stage::Dev, Stage::Staging));
    world.is_kept();
}

fn aliases_move_by_compare_and_swap(places: &Places<'_, dyn Registry>) {
    let mut world = World::new(places);
    let (one, two) = (world.version(), world.version());
    assert_eq!(world.champion(), None);
    world.refuses("not_found", || world.registry.resolve(&world.model, &alias("champion")));
    world.refuses("not_found", || world.set("champion", None, Expected::Any));
    world.refuses("not_found", || world.set("champion", number(99), Expected::Any));
    world.refuses("conflict", || world.set("champion", one, Expected::Version(two)));
    world.set("champion", one, Expected::Absent).unwrap();
    assert_eq!(world.registry.resolve(&world.model, &alias("champion")).unwrap().version, one);
    world.refuses("conflict", || world.set("champion", two, Expected::Absent));
    world.refuses("conflict", || world.set("champion", two, Expected::Version(two)));
    world.set("champion", two, Expected::Version(one)).unwrap();
    world.set("champion", one, Expected::Any).unwrap();
    world.set("Champion", two, Expected::Absent).unwrap();
    world.set("a", two, Expected::Absent).unwrap();
    let aliases = world.registry.aliases(&world.model).unwrap();
    assert_eq!(aliases, [(alias("Champion"), two), (alias("a"), two), (alias("champion"), one)]);
    world.refuses("conflict", || world.set("champion", None, Expected::Version(two)));
    world.set("champion", None, Expected::Version(one)).unwrap();
    assert_eq!(world.champion(), None);
    world.is_kept();
}

fn promotion_is_one_step(places: &Places<'_, dyn Registry>) {
    let mut world = World::new(places);
    let (one, two, raw) =
        (world.version_in(Stage::Staging), world.version_in(Stage::Staging), world.version());
    world.refuses("invalid_input", || world.promote(raw, Expected::Absent));
    let before = world.registry.verify().unwrap().sequence;
    world.promote(one, Expected::Absent).unwrap();
    assert_eq!(
        (world.champion(), world.stage(one), world.model().production),
        (Some(one), Stage::Production, Some(one))
    );
    world.refuses("conflict", || world.promote(two, Expected::Absent));
    world.promote(two, Expected::Version(one)).unwrap();
    assert_eq!(
        (world.champion(), world.stage(two), world.model().production),
        (Some(two), Stage::Production, Some(two))
    );
    assert_eq!(world.stage(one), Stage::Archived);
    world.promote(two, Expected::Any).unwrap();
    world.promote(one, Expected::Any).unwrap();
    assert_eq!((world.stage(one), world.stage(two)), (Stage::Production, Stage::Archived));
    assert_eq!(world.registry.verify().unwrap().sequence, before + 4, "each is one entry");
    world.refuses("not_found", || world.promote(number(99), Expected::Any));
    world.is_kept();
}

fn what_an_alias_means_is_not_archived(places: &Places<'_, dyn Registry>) {
    let mut world = World::new(places);
    for from in [Stage::Dev, Stage::Staging, Stage::Production] {
        let version = world.version_in(from);
        world.set("champion", version, Expected::Any).unwrap();
        world.refuses("conflict", || world.transition(version, from, Stage::Archived));
        world.set("champion", None, Expected::Any).unwrap();
        world.transition(version, from, Stage::Archived).unwrap();
        // Released once more, it is not archived a second time.
        world.set("champion", version, Expected::Any).unwrap();
        world.refuses("invalid_input", || world.transition(version, Stage::Archived, Stage::Archived));
        world.set("champion", None, Expected::Any).unwrap();
    }

    // What is pushed out of production is archived, unless another alias means it.
    let [one, two, three, four] = [(); 4].map(|()| world.version_in(Stage::Staging));
    world.promote(one, Expected::Any).unwrap();
    world.set("canary", one, Expected::Any).unwrap();
    world.promote(two, Expected::Any).unwrap();
    assert_eq!(world.stage(one), Stage::Staging, "the canary means it");
    world.registry.replace_production(&world.model, three, Stage::Staging, &world.change()).unwrap();
    assert_eq!(world.stage(two), Stage::Staging, "the champion means it");
    world.promote(four, Expected::Any).unwrap();
    assert_eq!((world.stage(two), world.stage(three)), (Stage::Staging, Stage::Archived));
    world.set("canary", four, Expected::Any).unwrap();
    world.roll_back(Expected::Version(four)).unwrap();
    assert_eq!(
        (world.champion(), world.stage(four), world.stage(two)),
        (Some(two), Stage::Staging, Stage::Production)
    );

    // A trial that ends does not archive what another alias means.
    let live = world.version_in(Stage::Staging);
    for word in ["champion", "challenger"] {
        world.set(word, live, Expected::Any).unwrap();
    }
    world.registry.withdraw(&world.model, live, &alias("challenger"), &world.change()).unwrap();
    assert_eq!(
        (world.champion(), world.stage(live)),
        (Some(live), Stage::Staging),
        "the champion was archived"
    );
    world.is_kept();
}

fn a_live_alias_means_what_may_be_promoted(places: &Places<'_, dyn Registry>) {
    let mut world = World::new(places);
    let (one, raw) = (world.version_in(Stage::Staging), world.version());
    world.promote(one, Expected::Absent).unwrap();
    world.refuses("invalid_input", || world.promote(raw, Expected::Any));
    world.refuses("invalid_input", || world.set("champion", raw, Expected::Any));
    // A trial begins where it may, and what was staged or archived is released as ever.
    world.set("challenger", raw, Expected::Absent).unwrap();
    let archived = world.version_in(Stage::Archived);
    world.set("champion", archived, Expected::Any).unwrap();
    world.set("champion", one, Expected::Any).unwrap();
    world.transition(raw, Stage::Dev, Stage::Staging).unwrap();
    world.set("champion", raw, Expected::Version(one)).unwrap();
    world.is_kept();
}

fn tags_and_texts_are_only_texts(places: &Places<'_, dyn Registry>) {
    let mut world = World::new(places);
    let (registry, model) = (&*world.registry, &world.model);
    let version = world.version();
    let hostile = [
        "'; DROP TABLE version; --",
        "%_\\\"",
        "\u{202e}é\u{301}",
        "{\"a\":1}",
        "a\0b\n\r\x1b[2J",
        "",
        "name) UNION SELECT 1",
    ];
    for (place, text) in hostile.iter().enumerate() {
        registry.set_model_tag(model, &format!("tag {place} '\"`"), text, &world.change()).unwrap();
        registry.set_version_tag(model, version, &format!("t{place}"), text, &world.change()).unwrap();
        registry.describe(model, Some(version), text, &world.change().with_reason(*text)).unwrap();
        assert_eq!(registry.version(model, version).unwrap().description, *text);
        assert_eq!(registry.version(model, version).unwrap().tags[&format!("t{place}")], *text);
        assert_eq!(world.model().tags[&format!("tag {place} '\"`")], *text);
    }
    registry.describe(model, None, "what it is for", &world.change()).unwrap();
    assert_eq!(world.model().description, "what it is for");
    registry.delete_version_tag(model, version, "t0", &world.change()).unwrap();
    registry.delete_model_tag(model, "tag 0 '\"`", &world.change()).unwrap();
    assert_eq!(registry.version(model, version).unwrap().tags.len(), hostile.len() - 1);
    assert_eq!(world.model().tags.len(), hostile.len() - 1);
    world.refuses("not_found", || registry.delete_version_tag(model, version, "t0", &world.change()));
    world.refuses("not_found", || registry.set_version_tag(model, number(9), "a", "b", &world.change()));

    let long = |bytes: usize| "x".repeat(bytes);
    world.refuses("invalid_input", || registry.set_model_tag(model, "", "b", &world.change()));
    world.refuses("invalid_input", || registry.set_model_tag(model, "a\nb", "b", &world.change()));
    world.refuses("invalid_input", || registry.set_model_tag(model, &long(251), "b", &world.change()));
    world.refuses("invalid_input", || registry.set_model_tag(model, "a", &long(100_001), &world.change()));
    world.refuses("invalid_input", || registry.describe(model, None, &long(100_001), &world.change()));
    world.refuses("invalid_input", || {
        registry.describe(model, None, "", &Change::new("", Timestamp::default()))
    });
    let wordy = world.change().with_reason(long(10_001));
    world.refuses("invalid_input", || registry.describe(model, None, "", &wordy));
    registry.set_model_tag(model, &long(250), &long(100_000), &world.change()).unwrap();
    assert_eq!(world.model().tags[&long(250)].len(), 100_000);
    world.is_kept();
}

fn metrics_are_exact_numbers(places: &Places<'_, dyn Registry>) {
    let mut world = World::new(places);
    let (registry, model) = (&*world.registry, &world.model);
    let exact = [("auc", 0.1 + 0.2), ("zero", -0.0), ("tiny", 5e-324), ("huge", f64::MAX), ("whole", 3.0)];
    let new = world.new_version().with_metrics(exact);
    let version = registry.create_version(new, &world.change()).unwrap().version;
    let read = |name: &str| registry.version(model, version).unwrap().metrics.value(name);
    for (name, value) in exact {
        assert_eq!(read(name).map(f64::to_bits), Some(value.to_bits()), "the metric {name}");
    }
    let before = registry.verify().unwrap().sequence;
    let set = registry.set_metrics(model, version, [("auc", 0.5), ("'; --", 1.0)], &world.change()).unwrap();
    assert_eq!((set.sequence, read("auc"), read("'; --")), (before + 1, Some(0.5), Some(1.0)));
    assert_eq!(registry.version(model, version).unwrap().updated_at, set.at);
    registry.delete_metric(model, version, "auc", &world.change()).unwrap();
    assert_eq!((read("auc"), read("huge")), (None, Some(f64::MAX)), "one metric was removed");

    world.refuses("not_found", || registry.delete_metric(model, version, "auc", &world.change()));
    world.refuses("not_found", || registry.set_metrics(model, number(9), [("a", 1.0)], &world.change()));
    let refused = |metrics: &[(&str, f64)]| {
        world.refuses("invalid_input", || {
            registry.set_metrics(model, version, metrics.iter().copied(), &world.change())
        });
        let new = world.new_version().with_metrics(metrics.iter().copied());
        if !metrics.is_empty() {
            world.refuses("invalid_input", || registry.create_version(new, &world.change()));
        }
    };
    let long = "x".repeat(251);
    for metrics in [
        &[][..],
        &[("a", f64::NAN)],
        &[("a", 1.0), ("b", f64::INFINITY)],
        &[("a", f64::NEG_INFINITY)],
        &[("", 1.0)],
        &[("a\nb", 1.0)],
        &[(&long, 1.0)],
    ] {
        refused(metrics);
    }
    let many = (0..996).map(|place| (format!("m{place}"), 1.0));
    registry.set_metrics(model, version, many.clone().take(995), &world.change()).unwrap();
    world.refuses("invalid_input", || registry.set_metrics(model, version, many, &world.change()));
    world.is_kept();
}

fn pages_are_ordered(places: &Places<'_, dyn Registry>) {
    let mut world = World::new(places);
    for word in ["b", "a.1", "Z", "a", "a-1", "gone"] {
        let new = NewModel::new(name(word)).with_description(word).with_tag("k", word);
        assert_eq!(world.registry.create_model(new, &world.change()).unwrap().tags["k"], word);
    }
    world.registry.delete_model(&name("gone"), &world.change()).unwrap();
    let all = ["Z", "a", "a-1", "a.1", "b", "churn"];
    let page = |after: Option<&str>| -> Vec<String> {
        let page = world.registry.models(after.map(name).as_ref(), 2).unwrap();
        page.iter().map(|model| model.name.to_string()).collect()
    };
    assert_eq!(page(None), all[..2], "the first page");
    for (place, after) in all.iter().enumerate() {
        let next = place + 1;
        assert_eq!(page(Some(after)), all[next..all.len().min(next + 2)], "the page after {after}");
    }
    assert_eq!(page(Some("aa")), ["b", "churn"], "a page begins after a name that is not there, too");

    for _ in 0..5 {
        world.version();
    }
    let numbers = |after: Option<u64>, limit| -> Vec<u64> {
        let page = world.registry.versions(&world.model, after.map(number), limit).unwrap();
        page.iter().map(|version| version.version.get()).collect()
    };
    assert_eq!(
        (numbers(None, 2), numbers(Some(2), 2), numbers(Some(4), 9)),
        (vec![1, 2], vec![3, 4], vec![5]),
        "pages of versions"
    );
    assert!(
        numbers(Some(5), 9).is_empty()
            && numbers(None, 0).is_empty()
            && numbers(Some(u64::MAX), 9).is_empty()
    );
    assert!(world.registry.models(None, 0).unwrap().is_empty());
    world.is_kept();
}
