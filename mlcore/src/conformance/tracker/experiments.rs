use super::*;
use crate::tracking::LifecycleStage;

pub(super) fn follow_the_rules(places: &Places<'_, dyn Tracker>) {
    names_and_ids_are_taken_once(places);
    deleting_takes_the_runs_along(places);
    tags_are_set_and_removed(places);
    what_is_too_long_is_refused(places);
    numbers_are_handed_out_once(places);
}

fn names_and_ids_are_taken_once(places: &Places<'_, dyn Tracker>) {
    let mut world = World::new(places);
    let tracker = &*world.tracker;
    let new = |id: &str, name: &str| NewExperiment::new(experiment(id), name, at(2));
    world.refuses("already_exists", || tracker.create_experiment(new("1", "other")));
    world.refuses("already_exists", || tracker.create_experiment(new("2", "churn")));
    world.refuses("not_found", || tracker.experiment(&experiment("2")));
    world.refuses("not_found", || tracker.experiment_by_name("other"));

    let second = tracker
        .create_experiment(new("2", "other/ü").with_tag("a", "b").with_artifact_location("s3://b/"))
        .unwrap();
    assert_eq!((&*second.name, &*second.artifact_location), ("other/ü", "s3://b/"));
    assert_eq!((second.creation_time, second.last_update_time, &*second.tags["a"]), (at(2), at(2), "b"));
    assert_eq!(tracker.experiment_by_name("other/ü").unwrap(), second);
    assert_eq!(tracker.experiment(&world.experiment).unwrap().artifact_location, "mlflow-artifacts:/1");

    world.refuses("already_exists", || tracker.rename_experiment(&second.id, "churn", at(3)));
    tracker.rename_experiment(&second.id, "third", at(3)).unwrap();
    let renamed = tracker.experiment_by_name("third").unwrap();
    assert_eq!((renamed.creation_time, renamed.last_update_time), (at(2), at(3)));
    world.refuses("not_found", || tracker.experiment_by_name("other/ü"));
    tracker.rename_experiment(&second.id, "third", at(4)).unwrap();
    tracker.create_experiment(new("3", "other/ü")).unwrap();
    tracker.delete_experiment(&second.id, at(5)).unwrap();
    world.refuses("already_exists", || tracker.create_experiment(new("4", "third")));
    assert_eq!(tracker.experiment_by_name("third").unwrap().lifecycle_stage, LifecycleStage::Deleted);

    let default = tracker.default_experiment(at(9)).unwrap();
    assert_eq!((default.id.as_str(), &*default.name), ("0", "Default"));
    assert_eq!(tracker.default_experiment(at(10)).unwrap(), default);
    world.is_kept();
}

fn deleting_takes_the_runs_along(places: &Places<'_, dyn Tracker>) {
    let mut world = World::new(places);
    let tracker = &*world.tracker;
    let (kept, deleted) = (world.start("kept", 1), world.start("deleted", 2));
    tracker.delete_run(&deleted, at(3)).unwrap();
    tracker.delete_experiment(&world.experiment, at(4)).unwrap();
    assert_eq!(tracker.experiment(&world.experiment).unwrap().last_update_time, at(4));
    let times = [&kept, &deleted].map(|id| tracker.run(id).unwrap().info.deleted_time);
    assert_eq!(times, [Some(at(4)), Some(at(3))], "the one that was deleted before stays as it was");
    world.refuses("not_found", || tracker.delete_experiment(&world.experiment, at(5)));
    world.refuses("invalid_input", || tracker.rename_experiment(&world.experiment, "x", at(5)));
    world.refuses("invalid_input", || tracker.set_experiment_tag(&world.experiment, "a", "b"));
    let new = || NewRun::new(run("late"), world.experiment.clone(), at(5));
    world.refuses("invalid_input", || tracker.start_run(new()));
    assert!(world.found("", &[]).is_empty());

    tracker.restore_experiment(&world.experiment, at(6)).unwrap();
    world.refuses("not_found", || tracker.restore_experiment(&world.experiment, at(7)));
    for id in [&kept, &deleted] {
        let info = tracker.run(id).unwrap().info;
        assert_eq!((info.lifecycle_stage, info.deleted_time), (LifecycleStage::Active, None));
    }
    world.refuses("not_found", || tracker.delete_experiment(&experiment("9"), at(7)));
    world.is_kept();
}

fn tags_are_set_and_removed(places: &Places<'_, dyn Tracker>) {
    let mut world = World::new(places);
    let tracker = &*world.tracker;
    tracker.set_experiment_tag(&world.experiment, "team", "growth").unwrap();
    tracker.set_experiment_tag(&world.experiment, "team", "").unwrap();
    assert_eq!(tracker.experiment(&world.experiment).unwrap().tags["team"], "");
    world.refuses("not_found", || tracker.delete_experiment_tag(&world.experiment, "other"));
    tracker.delete_experiment_tag(&world.experiment, "team").unwrap();
    assert!(tracker.experiment(&world.experiment).unwrap().tags.is_empty());
    world.refuses("not_found", || tracker.set_experiment_tag(&experiment("9"), "team", "x"));
    world.is_kept();
}

fn what_is_too_long_is_refused(places: &Places<'_, dyn Tracker>) {
    let world = World::new(places);
    let tracker = &*world.tracker;
    let create = |name: &str| tracker.create_experiment(NewExperiment::new(experiment("2"), name, at(1)));
    for bad in ["", "a\0b", &"x".repeat(501), &"x".repeat(10 << 20)] {
        world.refuses("invalid_input", || create(bad));
        world.refuses("invalid_input", || tracker.rename_experiment(&world.experiment, bad, at(2)));
    }
    create(&"ü".repeat(500)).unwrap();
    for bad in [
        "",
        "..",
        "../a",
        "a//b",
        "a/",
        "/a",
        "a/./b",
        "a\nb",
        "a\0b",
        "x'; DROP TABLE run",
        &"k".repeat(251),
    ] {
        world.refuses("invalid_input", || tracker.set_experiment_tag(&world.experiment, bad, "x"));
    }
    world.refuses("invalid_input", || tracker.set_experiment_tag(&world.experiment, "k", "x".repeat(20_001)));
    tracker.set_experiment_tag(&world.experiment, "k".repeat(250), "x".repeat(20_000)).unwrap();
    let located = NewExperiment::new(experiment("3"), "located", at(1)).with_artifact_location("runs:/a/b");
    world.refuses("invalid_input", || tracker.create_experiment(located));
}

/// Ids that are numbers are ordered as such, and each caller gets another one.
fn numbers_are_handed_out_once(places: &Places<'_, dyn Tracker>) {
    let mut world = World::new(places);
    let tracker = &*world.tracker;
    let create = |id: &str| tracker.create_experiment(NewExperiment::new(experiment(id), id, at(1))).unwrap();
    for id in ["10", "9", "0", "007", "x", "x10"] {
        create(id);
    }
    let order = |order: &str| {
        let search = ExperimentSearch::default().with_order(order);
        let found = tracker.search_experiments(&search).unwrap().items;
        found.into_iter().map(|found| found.id.to_string()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(order("experiment_id"), "007 x x10 0 1 9 10");
    assert_eq!(order("creation_time"), "10 9 1 0 x10 x 007", "ties go to the greatest id");
    let search = ExperimentSearch::default().with_limit(4);
    let first = tracker.search_experiments(&search).unwrap();
    let second = tracker.search_experiments(&search.with_page(first.next)).unwrap();
    let ids = first.items.iter().chain(&second.items).map(|found| found.id.as_str());
    assert_eq!(ids.collect::<Vec<_>>(), ["007", "x", "x10", "0", "1", "9", "10"]);

    let count =
        |name: String| tracker.create_numbered_experiment(|id| NewExperiment::new(id, name.clone(), at(2)));
    world.refuses("already_exists", || count("churn".to_owned()));
    let mut numbers: Vec<u32> = std::thread::scope(|scope| {
        let count = &count;
        let threads = (0..4).map(|thread| {
            scope.spawn(move || {
                (0..5).map(|n| count(format!("n{thread}-{n}")).unwrap().id).collect::<Vec<_>>()
            })
        });
        let threads: Vec<_> = threads.collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .map(|id| id.as_str().parse().unwrap())
            .collect()
    });
    numbers.sort_unstable();
    assert_eq!(numbers, (11..31).collect::<Vec<_>>());
    create("99999999999999999999");
    assert_eq!(count("last".to_owned()).unwrap().id.as_str(), "100000000000000000000");
    world.is_kept();
}
