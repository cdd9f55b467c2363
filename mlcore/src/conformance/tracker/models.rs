use super::*;
use crate::tracking::{LoggedModelStatus, NewLoggedModel};

pub(super) fn follow_the_rules(places: &Places<'_, dyn Tracker>) {
    they_are_created_and_finalized(places);
    metrics_are_linked(places);
}

fn they_are_created_and_finalized(places: &Places<'_, dyn Tracker>) {
    let mut world = World::new(places);
    let tracker = &*world.tracker;
    let source = world.start("a", 1);
    let new = |id: &str, name: &str| NewLoggedModel::new(model(id), world.experiment.clone(), name, at(5));
    let made =
        new("m-1", "forest").with_source_run(source.clone()).with_model_type("Agent").with_tag("k", "v");
    let made = tracker.create_logged_model(made.with_param("depth", "8")).unwrap();
    assert_eq!((made.status, &*made.name, made.creation_time), (LoggedModelStatus::Pending, "forest", at(5)));
    assert_eq!(made.artifact_location, "mlflow-artifacts:/1/models/m-1/artifacts");
    assert_eq!((made.source_run.as_ref(), made.model_type.as_deref()), (Some(&source), Some("Agent")));
    world.refuses("already_exists", || tracker.create_logged_model(new("m-1", "other")));
    for bad in ["", "a/b", "a:b", "a.b", "a%b", "a\"b", "a'b", "a\0"] {
        world.refuses("invalid_input", || tracker.create_logged_model(new("m-2", bad)));
    }
    let ready = tracker.finalize_logged_model(&made.id, LoggedModelStatus::Ready, at(6)).unwrap();
    assert_eq!(
        (ready.status, ready.creation_time, ready.last_updated_time),
        (LoggedModelStatus::Ready, at(5), at(6))
    );
    let pair = |key: &str, value: &str| [(key.to_owned(), value.to_owned())].into();
    tracker.set_logged_model_tags(&made.id, pair("k", "w")).unwrap();
    tracker.set_logged_model_tags(&made.id, pair("l", "x")).unwrap();
    tracker.delete_logged_model_tag(&made.id, "k").unwrap();
    world.refuses("not_found", || tracker.delete_logged_model_tag(&made.id, "k"));
    tracker.log_logged_model_params(&made.id, pair("depth", "8")).unwrap();
    world.refuses("invalid_input", || tracker.log_logged_model_params(&made.id, pair("depth", "9")));
    let found = tracker.logged_model(&made.id).unwrap();
    assert_eq!((found.tags, found.params), (pair("l", "x"), pair("depth", "8")));

    tracker.delete_logged_model(&made.id, at(9)).unwrap();
    world.refuses("not_found", || tracker.logged_model(&made.id));
    world.refuses("not_found", || tracker.delete_logged_model(&made.id, at(9)));
    world.refuses("not_found", || tracker.set_logged_model_tags(&made.id, pair("k", "v")));
    world.refuses("already_exists", || tracker.create_logged_model(new("m-1", "again")));
    let search = LoggedModelSearch::new([world.experiment.clone()]);
    assert!(tracker.search_logged_models(&search).unwrap().items.is_empty());
    world.is_kept();
}

fn metrics_are_linked(places: &Places<'_, dyn Tracker>) {
    let mut world = World::new(places);
    let tracker = &*world.tracker;
    let id = world.start("a", 1);
    for (name, time) in [("m-1", 1), ("m-2", 2), ("m-3", 3)] {
        let new = NewLoggedModel::new(model(name), world.experiment.clone(), "forest", at(time));
        tracker.create_logged_model(new).unwrap();
    }
    let point = |of: &str, value, time, digest: &str| {
        Metric::new("f1", value, time).of_model(model(of)).on_dataset("test", digest)
    };
    let points = [point("m-1", 0.5, 1, "a"), point("m-1", 0.9, 2, "b"), point("m-2", 0.7, 1, "a")];
    for point in points.iter().chain(&points) {
        tracker.log_batch(Batch::new(id.clone()).with_metric(point.clone())).unwrap();
    }
    let kept: Vec<_> = tracker.logged_model(&model("m-1")).unwrap().metrics;
    assert_eq!(kept.iter().map(|found| found.metric.clone()).collect::<Vec<_>>(), points[..2]);
    assert!(kept.iter().all(|found| found.run == id));

    let found = |change: &dyn Fn(LoggedModelSearch) -> LoggedModelSearch| {
        let search = change(LoggedModelSearch::new([world.experiment.clone()]));
        let page = tracker.search_logged_models(&search).unwrap();
        page.items.into_iter().map(|model| model.id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(found(&|search| search), ["m-3", "m-2", "m-1"]);
    assert_eq!(found(&|search| search.with_order("metrics.f1 DESC")), ["m-1", "m-2", "m-3"]);
    let on_a = |search: LoggedModelSearch| search.on_dataset("test", Some("a".to_owned()));
    assert_eq!(found(&|search| on_a(search).with_order("metrics.f1 DESC")), ["m-2", "m-1"]);
    assert_eq!(found(&|search| on_a(search).with_filter("metrics.f1 > 0.6")), ["m-2"]);
    assert_eq!(found(&|search| search.with_filter("metrics.f1 > 0.6 AND name = 'forest'")), ["m-2", "m-1"]);
    assert_eq!(
        found(&|search| search.with_filter("model_id IN ('m-1', 'x') AND status = 'PENDING'")),
        ["m-1"]
    );
    world.is_kept();
}
