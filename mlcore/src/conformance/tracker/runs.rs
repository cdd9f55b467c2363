use super::*;
use crate::tracking::{LifecycleStage, PARENT_TAG, RUN_NAME_TAG, RunStatus};

pub(super) fn follow_the_rules(places: &Places<'_, dyn Tracker>) {
    they_begin_and_end(places);
    names_are_tags(places);
    deleted_ones_take_no_changes(places);
    ids_are_parts_of_paths(places);
}

fn they_begin_and_end(places: &Places<'_, dyn Tracker>) {
    let mut world = World::new(places);
    let tracker = &*world.tracker;
    let new =
        || NewRun::new(run("a"), world.experiment.clone(), at(5)).with_user_id("ana").with_tag("x", "y");
    let begun = tracker.start_run(new().with_name("forest")).unwrap();
    assert_eq!(begun, tracker.run(&run("a")).unwrap());
    let info = &begun.info;
    assert_eq!((&*info.name, &*info.user_id, info.status), ("forest", "ana", RunStatus::Running));
    assert_eq!((info.start_time, info.end_time, info.deleted_time), (at(5), None, None));
    assert_eq!(info.artifact_uri, "mlflow-artifacts:/1/a/artifacts");
    assert!(begun.data.metrics.is_empty() && begun.data.params.is_empty() && begun.outputs.is_empty());
    world.refuses("already_exists", || tracker.start_run(new()));
    world.refuses("not_found", || tracker.run(&run("b")));
    let elsewhere = NewRun::new(run("b"), experiment("9"), at(5));
    world.refuses("not_found", || tracker.start_run(elsewhere));

    tracker.end_run(&run("a"), RunStatus::Failed, at(7)).unwrap();
    tracker.update_run(&run("a"), None, None, None).unwrap();
    let ended = tracker.run(&run("a")).unwrap().info;
    assert_eq!((ended.status, ended.end_time, &*ended.name), (RunStatus::Failed, Some(at(7)), "forest"));
    tracker.update_run(&run("a"), Some(RunStatus::Running), None, None).unwrap();
    assert_eq!(
        tracker.run(&run("a")).unwrap().info.end_time,
        Some(at(7)),
        "it resumes, and keeps what is known"
    );
    world.refuses("not_found", || tracker.end_run(&run("b"), RunStatus::Finished, at(8)));

    let child = NewRun::new(run("child"), world.experiment.clone(), at(6)).within(&run("a"));
    assert_eq!(tracker.start_run(child).unwrap().data.tags[PARENT_TAG], "a");
    assert_eq!(world.found("tags.`mlflow.parentRunId` = 'a'", &[]), ["child"]);
    world.is_kept();
}

fn names_are_tags(places: &Places<'_, dyn Tracker>) {
    let mut world = World::new(places);
    let tracker = &*world.tracker;
    let new = |id: &str| NewRun::new(run(id), world.experiment.clone(), at(1));
    let tagged = tracker.start_run(new("tagged").with_tag(RUN_NAME_TAG, "elm")).unwrap();
    assert_eq!(tagged.info.name, "elm");
    let unnamed = tracker.start_run(new("unnamed")).unwrap();
    assert!(!unnamed.info.name.is_empty());
    assert_eq!(unnamed.info.name, unnamed.data.tags[RUN_NAME_TAG]);
    let twice = new("twice").with_name("ash").with_tag(RUN_NAME_TAG, "elm");
    world.refuses("invalid_input", || tracker.start_run(twice));
    tracker.start_run(new("same").with_name("ash").with_tag(RUN_NAME_TAG, "ash")).unwrap();

    tracker.update_run(&run("same"), None, None, Some("oak".to_owned())).unwrap();
    assert_eq!(tracker.run(&run("same")).unwrap().data.tags[RUN_NAME_TAG], "oak");
    tracker.update_run(&run("same"), None, None, Some(String::new())).unwrap();
    tracker.set_tag(&run("same"), RUN_NAME_TAG, "pine").unwrap();
    let renamed = tracker.run(&run("same")).unwrap();
    assert_eq!((&*renamed.info.name, &*renamed.data.tags[RUN_NAME_TAG]), ("pine", "pine"));
    world.is_kept();
}

fn deleted_ones_take_no_changes(places: &Places<'_, dyn Tracker>) {
    let mut world = World::new(places);
    let tracker = &*world.tracker;
    let id = world.start("a", 1);
    tracker.set_tag(&id, "k", "v").unwrap();
    tracker.delete_run(&id, at(4)).unwrap();
    assert_eq!(tracker.run(&id).unwrap().info.deleted_time, Some(at(4)));
    world.refuses("invalid_input", || tracker.log_param(&id, "p", "1"));
    world.refuses("invalid_input", || tracker.delete_tag(&id, "k"));
    world.refuses("invalid_input", || tracker.end_run(&id, RunStatus::Finished, at(5)));
    world.refuses("invalid_input", || tracker.log_inputs(&id, Vec::new(), vec![model("m-1")]));
    assert!(world.found("", &[]).is_empty());
    let view =
        |view| ids(&tracker.search_runs(&RunSearch::new([experiment("1")]).with_view(view)).unwrap().items);
    assert_eq!((view(ViewType::DeletedOnly), view(ViewType::All)), (vec!["a".into()], vec!["a".into()]));
    tracker.delete_run(&id, at(6)).unwrap();
    tracker.restore_run(&id).unwrap();
    tracker.restore_run(&id).unwrap();
    let info = tracker.run(&id).unwrap().info;
    assert_eq!((info.lifecycle_stage, info.deleted_time), (LifecycleStage::Active, None));
    tracker.delete_tag(&id, "k").unwrap();
    world.refuses("not_found", || tracker.delete_tag(&id, "k"));
    world.refuses("not_found", || tracker.delete_run(&run("b"), at(7)));
    world.refuses("not_found", || tracker.restore_run(&run("b")));
    world.is_kept();
}

fn ids_are_parts_of_paths(places: &Places<'_, dyn Tracker>) {
    let world = World::new(places);
    for bad in ["../a", "a/b", ".a", "a.b", "a%2e", "-a"] {
        let new = NewRun::new(run(bad), world.experiment.clone(), at(1));
        world.refuses("invalid_input", || world.tracker.start_run(new));
    }
}
