use super::*;
use crate::tracking::{Dataset, DatasetInput, Edit, HistorySearch, ModelOutput, RUN_NAME_TAG};

pub(super) fn follows_the_rules(places: &Places<'_, dyn Tracker>) {
    a_batch_is_one_transaction(places);
    a_list_of_edits_is_one_transaction(places);
    parameters_never_change(places);
    histories_are_sets_of_points(places);
    limits_are_those_of_mlflow(places);
    inputs_and_outputs_are_known_once(places);
}

fn a_batch_is_one_transaction(places: &Places<'_, dyn Tracker>) {
    let mut world = World::new(places);
    let tracker = &*world.tracker;
    let id = world.start("a", 1);
    let batch = || {
        let batch = Batch::new(id.clone()).with_metric(Metric::new("loss", 0.5, 1).at_step(1));
        batch.with_param("depth", "8").with_tag("x", "1").with_tag("x", "2")
    };
    tracker.log_batch(batch()).unwrap();
    let data = tracker.run(&id).unwrap().data;
    assert_eq!((data.metrics["loss"].value, &*data.params["depth"], &*data.tags["x"]), (0.5, "8", "2"));
    let before = told(tracker);
    tracker.log_batch(batch()).unwrap();
    same(&told(tracker), &before, "what is logged again changes nothing");
    tracker.log_batch(Batch::new(id.clone())).unwrap();

    let late = Metric::new("loss", 0.1, 2).at_step(2);
    world.refuses("invalid_input", || {
        tracker.log_batch(
            batch().with_metric(late.clone()).with_tag("y", "1").with_param("p", "1").with_param("p", "1"),
        )
    });
    let conflicting =
        Batch::new(id.clone()).with_metric(late.clone()).with_param("new", "1").with_param("depth", "9");
    world.refuses("invalid_input", || tracker.log_batch(conflicting.with_tag("y", "1")));
    let of_nothing = late.of_model(model("m-none"));
    world.refuses("not_found", || {
        tracker.log_batch(Batch::new(id.clone()).with_param("new", "1").with_metric(of_nothing))
    });
    world.refuses("not_found", || tracker.log_batch(Batch::new(run("none")).with_param("p", "1")));
    world.is_kept();
}

fn a_list_of_edits_is_one_transaction(places: &Places<'_, dyn Tracker>) {
    let mut world = World::new(places);
    let tracker = &*world.tracker;
    let create = |id: &str| Edit::CreateRun(Box::new(NewRun::new(run(id), experiment("1"), at(3))));
    let log = |id: &str, value: &str| {
        let batch = Batch::new(run(id)).with_param("p", value).with_metric(Metric::new("m", 1.0, 1));
        Edit::Log(Box::new(batch.with_tag(RUN_NAME_TAG, "renamed")))
    };
    let rename = Edit::RenameExperiment { experiment: experiment("1"), name: "renamed".into(), at: at(4) };
    tracker.write(&[]).unwrap();
    tracker.write(&[create("a"), log("a", "1")]).unwrap();
    world.refuses("already_exists", || {
        tracker.write(&[rename.clone(), create("b"), log("b", "1"), log("a", "1"), create("a")])
    });
    world.refuses("invalid_input", || tracker.write(&[rename.clone(), create("b"), log("a", "2")]));
    let drop_all = Edit::DeleteExperiment { experiment: experiment("1"), at: at(5) };
    world.refuses("invalid_input", || tracker.write(&[create("b"), drop_all.clone(), log("b", "1")]));
    tracker.write(&[rename, create("b"), log("b", "1")]).unwrap();
    assert_eq!(tracker.experiment(&experiment("1")).unwrap().name, "renamed");
    assert_eq!(world.found("params.p = '1'", &[]), ["a", "b"]);
    world.is_kept();
}

fn parameters_never_change(places: &Places<'_, dyn Tracker>) {
    let mut world = World::new(places);
    let tracker = &*world.tracker;
    let id = world.start("a", 1);
    tracker.log_param(&id, "lr/decay: a", "0.1").unwrap();
    tracker.log_param(&id, "lr/decay: a", "0.1").unwrap();
    world.refuses("invalid_input", || tracker.log_param(&id, "lr/decay: a", "0.10"));
    tracker.log_param(&id, "empty", "").unwrap();
    world.refuses("invalid_input", || tracker.log_param(&id, "empty", "1"));
    world.is_kept();
}

fn histories_are_sets_of_points(places: &Places<'_, dyn Tracker>) {
    let mut world = World::new(places);
    let tracker = &*world.tracker;
    let id = world.start("a", 1);
    let point = |value, time, step| Metric::new("loss", value, time).at_step(step);
    let logged = [
        point(f64::NAN, 5, 2),
        point(1.0, 5, 2),
        point(f64::INFINITY, 4, -1),
        point(f64::NEG_INFINITY, 4, -1),
        point(f64::NAN, 5, 2),
        point(1.0, 5, 2),
        point(0.0, 9, 1),
        point(-0.0, 9, 1),
    ];
    for metric in &logged {
        tracker.log_batch(Batch::new(id.clone()).with_metric(metric.clone())).unwrap();
    }
    let told = |points: Vec<Metric>| -> Vec<(i64, i64, String)> {
        points
            .iter()
            .map(|point| (point.timestamp_ms, point.step, format!("{}", point.value + 0.0)))
            .collect()
    };
    let due = [(4, -1, "-inf"), (4, -1, "inf"), (5, 2, "1"), (5, 2, "NaN"), (9, 1, "0")];
    let due: Vec<_> = due.map(|(time, step, value)| (time, step, value.to_owned())).into();
    assert_eq!(told(tracker.whole_history(&id, "loss").unwrap()), due);
    let latest = tracker.run(&id).unwrap().data.metrics["loss"].clone();
    assert_eq!(
        (latest.step, latest.value),
        (2, 1.0),
        "the highest step, then time, then value with NaN as 0"
    );

    let mut search = HistorySearch::new(id.clone(), "loss").with_limit(2);
    let mut points = Vec::new();
    for _ in 0..3 {
        let page = tracker.metric_history(&search).unwrap();
        points.extend(page.items);
        search = search.with_page(page.next);
    }
    assert_eq!((told(points), &search.page), (due, &None));
    assert!(tracker.whole_history(&id, "none").unwrap().is_empty());
    assert_eq!(tracker.whole_history(&run("none"), "loss").unwrap_err().kind(), "not_found");

    let ends =
        [i64::MIN, i64::MAX].map(|step| Metric::new("ends", f64::MIN_POSITIVE, i64::MAX).at_step(step));
    tracker
        .log_batch(ends.iter().fold(Batch::new(id.clone()), |batch, end| batch.with_metric(end.clone())))
        .unwrap();
    assert_eq!(tracker.whole_history(&id, "ends").unwrap(), ends);
    let measured = Metric::new("measured", 1.0, 0).on_dataset("d", "1");
    tracker.log_batch(Batch::new(id.clone()).with_metric(measured.clone())).unwrap();
    assert_eq!(tracker.whole_history(&id, "measured").unwrap(), [measured]);
    world.is_kept();
}

fn limits_are_those_of_mlflow(places: &Places<'_, dyn Tracker>) {
    let world = World::new(places);
    let tracker = &*world.tracker;
    let id = world.start("a", 1);
    let batch = || Batch::new(id.clone());
    let metrics =
        |count: usize| (0..count).map(|step| Metric::new("m", 0.0, 0).at_step(step as i64)).collect();
    let pairs = |count: usize| (0..count).map(|n| (format!("k{n}"), "v".to_owned())).collect::<Vec<_>>();
    let with =
        |metrics: Vec<Metric>, params: Vec<_>, tags: Vec<_>| Batch { metrics, params, tags, ..batch() };
    world.refuses("invalid_input", || tracker.log_batch(with(metrics(1001), Vec::new(), Vec::new())));
    world.refuses("invalid_input", || tracker.log_batch(with(Vec::new(), pairs(101), Vec::new())));
    world.refuses("invalid_input", || tracker.log_batch(with(Vec::new(), Vec::new(), pairs(101))));
    world.refuses("invalid_input", || tracker.log_batch(with(Vec::new(), Vec::new(), pairs(1_000_000))));
    world.refuses("invalid_input", || tracker.log_batch(with(metrics(901), pairs(100), Vec::new())));
    tracker.log_batch(with(metrics(800), pairs(100), pairs(100))).unwrap();
    world.refuses("invalid_input", || tracker.log_batch(batch().with_metric(Metric::new("m", 0.0, -1))));
    for bad in [
        "",
        ".",
        "..",
        "a/../b",
        "/a",
        "a\u{0}",
        "a\n",
        "emoji😀",
        "a=b",
        &"k".repeat(251),
        &"k".repeat(10 << 20),
    ] {
        world.refuses("invalid_input", || tracker.log_batch(batch().with_metric(Metric::new(bad, 0.0, 0))));
        world.refuses("invalid_input", || tracker.log_param(&id, bad, "v"));
        world.refuses("invalid_input", || tracker.set_tag(&id, bad, "v"));
    }
    let long = batch().with_param("long", "ü".repeat(6001)).with_tag("long", "x".repeat(8001));
    world.refuses("invalid_input", || tracker.log_batch(long.clone()));
    tracker.log_batch(long.truncated()).unwrap();
    let data = tracker.run(&id).unwrap().data;
    assert_eq!((data.params["long"].chars().count(), data.tags["long"].len()), (6000, 8000));
    tracker.set_tag(&id, "weird", "'; DROP TABLE run; -- \0 \u{202e} </script>").unwrap();
    assert!(tracker.run(&id).unwrap().data.tags["weird"].contains('\0'));
}

fn inputs_and_outputs_are_known_once(places: &Places<'_, dyn Tracker>) {
    let mut world = World::new(places);
    let tracker = &*world.tracker;
    let (a, b) = (world.start("a", 2), world.start("b", 1));
    let dataset = |digest: &str| Dataset::new("wine", digest, "local", "{\"uri\": \"/tmp\"}");
    let training = DatasetInput::new(dataset("1").with_schema("{}")).with_context("training");
    let second = DatasetInput::new(dataset("2").with_profile("{}"));
    let models = vec![model("m-2"), model("m-1")];
    for _ in 0..2 {
        tracker.log_inputs(&a, vec![training.clone(), second.clone()], models.clone()).unwrap();
    }
    let inputs = tracker.run(&a).unwrap().inputs;
    assert_eq!((inputs.datasets, inputs.models), (vec![training.clone(), second], models));
    tracker.log_inputs(&b, vec![DatasetInput::new(dataset("1"))], Vec::new()).unwrap();
    let inputs = tracker.run(&b).unwrap().inputs.datasets;
    assert_eq!(inputs[0].dataset, training.dataset, "what the experiment knows of a dataset is kept");
    assert_eq!(world.found("dataset.name = 'wine'", &[]), ["a", "b"]);
    assert_eq!(world.found("datasets.context = 'training' AND datasets.digest IN ('2', '3')", &[]), ["a"]);

    let output = |id: &str, step| ModelOutput::new(model(id), step);
    tracker.log_outputs(&a, vec![output("m-9", 0), output("m-8", 4)]).unwrap();
    tracker.log_outputs(&a, vec![output("m-9", 7)]).unwrap();
    assert_eq!(tracker.run(&a).unwrap().outputs, [output("m-9", 7), output("m-8", 4)]);
    let nameless = DatasetInput::new(Dataset::new("", "1", "local", "x"));
    world.refuses("invalid_input", || tracker.log_inputs(&a, vec![nameless], Vec::new()));
    let long = DatasetInput::new(dataset(&"x".repeat(37)));
    world.refuses("invalid_input", || tracker.log_inputs(&a, vec![long], Vec::new()));
    world.refuses("not_found", || tracker.log_outputs(&run("none"), vec![output("m-9", 7)]));
    world.is_kept();
}
