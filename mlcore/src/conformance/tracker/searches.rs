use super::*;
use crate::tracking::{Projection, Selection};

pub(super) fn find(places: &Places<'_, dyn Tracker>) {
    runs_are_found(places);
    runs_are_ordered(places);
    only_what_is_asked_for_is_answered(places);
    experiments_are_found(places);
    what_cannot_be_read_is_refused(places);
}

fn runs_are_found(places: &Places<'_, dyn Tracker>) {
    let world = World::new(places);
    let tracker = &*world.tracker;
    for (id, start, loss, depth) in
        [("a", 1, 0.5, "8"), ("b", 2, f64::NAN, "16"), ("c", 3, f64::INFINITY, "%_")]
    {
        world.start(id, start);
        world.log(id, "val loss", loss);
        tracker.log_batch(Batch::new(run(id)).with_param("depth", depth).with_tag("it's", id)).unwrap_err();
        tracker.log_batch(Batch::new(run(id)).with_param("depth", depth).with_tag("a.b/c", id)).unwrap();
    }
    world.start("d", 4);
    tracker.end_run(&run("a"), crate::tracking::RunStatus::Finished, at(9)).unwrap();
    for (filter, due) in [
        ("", "d c b a"),
        ("  ", "d c b a"),
        ("metrics.`val loss` < 1", "a"),
        ("metric.\"val loss\" >= -1e3 and metrics.`val loss` >= .5", "c a"),
        ("metrics.`val loss` != 0.5", "c b"),
        ("metrics.`val loss` = 0.5", "a"),
        ("params.depth = '16'", "b"),
        ("params.depth != \"16\"", "c a"),
        ("param.depth LIKE '1%'", "b"),
        ("parameters.depth like '_'", "a"),
        ("params.depth LIKE '%'", "c b a"),
        ("params.depth IS NULL", "d"),
        ("params.depth is not null AND tags.`a.b/c` IN ('a')", ""),
        ("tag.`a.b/c` ILIKE 'A'", "a"),
        ("tag.`a.b/c` LIKE 'A'", ""),
        ("tags.none != 'x'", ""),
        ("attributes.status = 'FINISHED'", "a"),
        ("status != 'FINISHED'", "d c b"),
        ("run_id IN ('a', 'c', 'x')", "c a"),
        ("attr.run_id NOT IN ('a', 'c')", "d b"),
        ("start_time > 1 AND start_time <= 3", "c b"),
        ("end_time = 9", "a"),
        ("end_time != 8", "a"),
        ("run.Created < 2", "a"),
        ("artifact_uri ILIKE '%/B/artifacts'", "b"),
        ("dataset.name = 'x'", ""),
        ("run_id = '''; DROP TABLE run; --'", ""),
    ] {
        if filter.contains("AND tags.`a.b/c` IN") {
            let search = RunSearch::new([world.experiment.clone()]).with_filter(filter);
            assert_eq!(tracker.search_runs(&search).unwrap_err().kind(), "invalid_input");
            continue;
        }
        assert_eq!(world.found(filter, &[]).join(" "), due, "{filter}");
    }
    assert!(tracker.search_runs(&RunSearch::new([])).unwrap().items.is_empty());
    assert!(tracker.search_runs(&RunSearch::new([experiment("9")])).unwrap().items.is_empty());
}

fn runs_are_ordered(places: &Places<'_, dyn Tracker>) {
    let world = World::new(places);
    for (id, start) in [("a", 2), ("b", 2), ("c", 1), ("d", 5), ("e", 0), ("f", 9), ("g", 3)] {
        world.start(id, start);
    }
    for (id, value) in
        [("a", 1.0), ("b", 1.0), ("c", f64::NAN), ("d", f64::INFINITY), ("e", f64::NEG_INFINITY), ("g", -2.5)]
    {
        world.log(id, "m", value);
    }
    for (id, text) in [("a", "b"), ("b", "a"), ("c", "B"), ("d", "")] {
        world.tracker.log_param(&run(id), "p", text).unwrap();
    }
    for (order, due) in [
        (&[][..], "f d g a b c e"),
        (&["metrics.m"], "e g a b d c f"),
        (&["metrics.m DESC"], "d a b g e c f"),
        (&["params.p ASC"], "d c b a f g e"),
        (&["param.`p` desc"], "a b c d f g e"),
        (&["start_time ASC", "run_id DESC"], "e c b a g d f"),
        (&["metrics.m DESC", "attributes.start_time ASC"], "d a b g e c f"),
        (&["tags.none", "run_id"], "a b c d e f g"),
    ] {
        assert_eq!(world.found("", order).join(" "), due, "{order:?}");
    }
    assert_eq!(world.found("metrics.m > -3", &["metrics.m DESC"]).join(" "), "d a b g");
}

fn only_what_is_asked_for_is_answered(places: &Places<'_, dyn Tracker>) {
    let world = World::new(places);
    let tracker = &*world.tracker;
    world.start("a", 1);
    let batch =
        Batch::new(run("a")).with_metric(Metric::new("m", 1.0, 0)).with_metric(Metric::new("n", 2.0, 0));
    tracker.log_batch(batch.with_param("p", "1").with_param("q", "2")).unwrap();
    tracker.log_inputs(&run("a"), Vec::new(), vec![model("m-1")]).unwrap();
    let find = |projection| {
        let search =
            RunSearch::new([experiment("1")]).with_filter("params.q = '2'").with_projection(projection);
        tracker.search_runs(&search).unwrap().items.remove(0)
    };
    assert_eq!(find(Projection::default()), tracker.run(&run("a")).unwrap());
    let slim =
        find(Projection::info().with_metrics(Selection::keys(["n", "none"])).with_tags(Selection::All));
    assert_eq!(slim.data.metrics.keys().collect::<Vec<_>>(), ["n"]);
    assert!(slim.data.params.is_empty() && slim.inputs.models.is_empty() && slim.data.tags.len() == 1);
    assert_eq!(slim.info, tracker.run(&run("a")).unwrap().info);
}

fn experiments_are_found(places: &Places<'_, dyn Tracker>) {
    let world = World::new(places);
    let tracker = &*world.tracker;
    for (id, name, time) in [("2", "Churn", 5), ("3", "fraud", 5)] {
        let new = NewExperiment::new(experiment(id), name, at(time)).with_tag("team", name);
        tracker.create_experiment(new).unwrap();
    }
    tracker.create_experiment(NewExperiment::new(experiment("4"), "gone", at(9))).unwrap();
    tracker.delete_experiment(&experiment("4"), at(10)).unwrap();
    let find = |filter: &str, order: &str, view| {
        let mut search = ExperimentSearch::default().with_filter(filter).with_view(view);
        search.order_by.extend((!order.is_empty()).then(|| order.to_owned()));
        let found = tracker.search_experiments(&search).unwrap().items;
        found.into_iter().map(|found| found.id.to_string()).collect::<Vec<_>>().join(" ")
    };
    let active = ViewType::ActiveOnly;
    assert_eq!(find("", "", active), "2 3 1");
    assert_eq!(find("", "", ViewType::All), "4 2 3 1");
    assert_eq!(find("", "", ViewType::DeletedOnly), "4");
    assert_eq!(find("", "name ASC", active), "2 1 3");
    assert_eq!(find("", "creation_time ASC", active), "1 3 2");
    assert_eq!(find("name ILIKE 'CHURN'", "", active), "2 1");
    assert_eq!(find("attribute.name LIKE 'Ch%'", "", active), "2");
    assert_eq!(find("tags.team = 'fraud'", "", active), "3");
    assert_eq!(find("tags.team IS NULL", "", active), "1");
    assert_eq!(find("creation_time >= 5 AND experiment_id IN ('1', '3')", "", active), "3");
}

fn what_cannot_be_read_is_refused(places: &Places<'_, dyn Tracker>) {
    let world = World::new(places);
    let tracker = &*world.tracker;
    let search = || RunSearch::new([experiment("1")]);
    let bomb = "(".repeat(100_000);
    for bad in [
        "metrics.loss",
        "metrics.loss <",
        "metrics.loss < '1'",
        "metrics.loss LIKE '1'",
        "params.a < '1'",
        "params.a = 1",
        "params.a = 'x' OR params.b = 'y'",
        "nothing.a = 'x'",
        "nothing = 'x'",
        "params.a = 'x",
        "metrics.a = inf",
        "metrics.a = NaN",
        "metrics.a = 1e999",
        "status IS NULL",
        "run_name IN ('a')",
        "run_id IN ()",
        "run_id = 'a'; DROP TABLE run",
        "datasets.source = 'x'",
        &bomb,
        &"params.a = 'x' AND ".repeat(101),
        &"x".repeat(10 << 20),
    ] {
        let kind = tracker.search_runs(&search().with_filter(bad)).unwrap_err().kind();
        assert_eq!(kind, "invalid_input", "{bad:.40}");
    }
    for bad in
        ["", "metrics.m UP", "datasets.name", "nothing", "metrics.m DESC, params.p", "metrics.m DESC DESC"]
    {
        assert_eq!(
            tracker.search_runs(&search().with_order(bad)).unwrap_err().kind(),
            "invalid_input",
            "{bad}"
        );
    }
    let twice = search().with_order("metrics.m").with_order("metric.`m` DESC");
    assert_eq!(tracker.search_runs(&twice).unwrap_err().kind(), "invalid_input");
    for limit in [0, 50_001] {
        assert_eq!(tracker.search_runs(&search().with_limit(limit)).unwrap_err().kind(), "invalid_input");
    }
    let by_tag = ExperimentSearch::default().with_order("tags.a");
    assert_eq!(tracker.search_experiments(&by_tag).unwrap_err().kind(), "invalid_input");
    let by_param = LoggedModelSearch::new([experiment("1")]).with_order("params.a");
    assert_eq!(tracker.search_logged_models(&by_param).unwrap_err().kind(), "invalid_input");
}
