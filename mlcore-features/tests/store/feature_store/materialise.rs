//! Filling the online store: whole intervals, what came since, gaps, tables that were lost, and what is told meanwhile.

use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::time::Duration;

use mlcore::schema::DType;
use mlcore::{Error, interrupt};
use mlcore_features::store::definition::{FeatureView, Field, ViewVersion};
use mlcore_features::store::feature_store::{MaterialiseOptions, Progress};
use mlcore_features::store::registry::Interval;

use super::{HOUR, World, at, drivers, stats, with, write};
use crate::support::refused;

fn hours(start: i64, end: i64) -> Interval {
    Interval::new(at(start * HOUR), at(end * HOUR)).unwrap()
}

fn world() -> World {
    World::with(&drivers(&[
        (1, 60, 60, 1),
        (1, 300, 300, 5),
        (2, 240, 240, 4),
        (1, 480, 480, 8),
        (3, 90, 90, 2),
    ]))
}

/// The view's values without a time to live, so that each is seen.
fn lasting(world: &World) {
    let view = FeatureView::builder("lasting", ["driver"])
        .schema([Field::new("trips", DType::Int64)])
        .source("stats");
    world.apply([view.build().unwrap().into()]);
}

fn only<'a>() -> MaterialiseOptions<'a> {
    MaterialiseOptions::default().with_views(["lasting"])
}

#[test]
fn an_interval_has_both_its_ends_and_newer_rows_stay() {
    let world = world();
    lasting(&world);
    let read = |driver| world.driver("lasting:trips", driver);
    world.store.materialise(at(HOUR), at(5 * HOUR), &only()).unwrap();
    assert_eq!((read(1), read(2), read(3)), ("PRESENT 5".into(), "PRESENT 4".into(), "PRESENT 2".into()));
    world.store.materialise(at(8 * HOUR), at(9 * HOUR), &only()).unwrap();
    assert_eq!(read(1), "PRESENT 8");
    // An earlier interval afterwards changes nothing that is newer.
    let report = world.store.materialise(at(0), at(2 * HOUR), &only()).unwrap();
    assert_eq!((report.views[0].stored, report.views[0].older), (1, 1));
    assert_eq!((read(1), read(3)), ("PRESENT 8".into(), "PRESENT 2".into()));
    let done = world.store.definitions().materialised("lasting").unwrap();
    assert_eq!(done.intervals(), [hours(0, 5), hours(8, 9)]);
    assert_eq!(done.watermark(), Some(at(9 * HOUR)));
}

#[test]
fn an_incremental_run_goes_on_and_fills_gaps() {
    let world = world();
    lasting(&world);
    let run = |end: i64| world.store.materialise_incremental(at(end * HOUR), &only()).unwrap();
    // Without a time to live, from the first row on.
    let first = run(2);
    assert_eq!((first.views[0].stored, first.views[0].intervals[0].end()), (2, at(2 * HOUR)));
    assert_eq!(run(2).views[0].intervals, []);
    world.store.materialise(at(8 * HOUR), at(9 * HOUR), &only()).unwrap();
    let filled = run(10);
    assert_eq!(filled.views[0].intervals, [hours(2, 8), hours(9, 10)]);
    assert_eq!(world.driver("lasting:trips", 2), "PRESENT 4");
    assert_eq!(world.driver("lasting:trips", 1), "PRESENT 8");
    assert_eq!(run(10).to_string(), "lasting v0: 0 keys stored, 0 older, nothing to do\n");
    // With a time to live, from that before the end on.
    let options = MaterialiseOptions::default().with_views(["driver_stats"]);
    let report = world.store.materialise_incremental(at(9 * HOUR), &options).unwrap();
    assert_eq!(report.views[0].intervals, [hours(6, 9)]);
}

#[test]
fn a_table_that_was_lost_is_filled_again() {
    let world = world();
    lasting(&world);
    world.store.materialise_incremental(at(9 * HOUR), &only()).unwrap();
    let table = world.store.online_store().tables().unwrap().remove(0);
    assert!(world.store.online_store().drop_table(&table).unwrap());
    assert_eq!(world.driver("lasting:trips", 1), "NOT_FOUND null");
    let again = world.store.materialise_incremental(at(9 * HOUR), &only()).unwrap();
    assert_eq!(again.views[0].stored, 3);
    assert_eq!(world.driver("lasting:trips", 1), "PRESENT 8");
}

#[test]
fn rows_of_the_future_are_left_for_later() {
    let world = World::with(&drivers(&[(1, 480, 480, 8), (1, 700, 700, 9)]));
    lasting(&world);
    let report = world.store.materialise(at(0), at(20 * HOUR), &only()).unwrap();
    assert_eq!(report.views[0].intervals, [hours(0, 10)]);
    assert_eq!(world.driver("lasting:trips", 1), "PRESENT 8");
    world.set(12 * HOUR);
    world.store.materialise_incremental(at(20 * HOUR), &only()).unwrap();
    assert_eq!(world.driver("lasting:trips", 1), "PRESENT 9");
}

#[test]
fn all_views_are_written_on_threads_and_what_is_left_out_is_named() {
    let world = world();
    lasting(&world);
    let alone = FeatureView::builder("alone", ["driver"]).schema([Field::new("x", DType::Int64)]);
    let away =
        FeatureView::builder("away", ["driver"]).schema([Field::new("trips", DType::Int64)]).source("stats");
    world.apply([alone.build().unwrap().into(), away.online(false).build().unwrap().into()]);
    let options = MaterialiseOptions::default().with_threads(NonZeroUsize::new(3).unwrap());
    let report = world.store.materialise(at(0), at(10 * HOUR), &options).unwrap();
    let views: Vec<&str> = report.views.iter().map(|run| run.view.as_str()).collect();
    assert_eq!(views, ["driver_stats", "lasting", "spend"]);
    let skipped: Vec<&str> = report.skipped.iter().map(|skipped| skipped.view.as_str()).collect();
    assert_eq!(skipped, ["alone", "away"]);
    assert!(
        report.to_string().contains("away left out: materialise features view away: it is not read online"),
        "{report}"
    );
    // One that is named is an error.
    for (name, words) in
        [("alone", "no source of history"), ("away", "not read online"), ("scores", "computed")]
    {
        let options = MaterialiseOptions::default().with_views([name]);
        crate::support::refused(
            world.store.materialise(at(0), at(HOUR), &options),
            "unsupported",
            &[name, words],
        );
    }
}

#[test]
fn progress_tells_rows_rate_and_rest() {
    let rows: Vec<_> = (0..1000).map(|driver| (driver, 60, 60, driver)).collect();
    let world = World::with(&drivers(&rows));
    lasting(&world);
    let seen: Mutex<Vec<Progress>> = Mutex::default();
    let tell = |progress: &Progress| {
        seen.lock().unwrap().push(progress.clone());
        world.set(10 * HOUR + 1_000_000 * seen.lock().unwrap().len() as i64);
    };
    let options = only().with_batch_rows(300).with_progress(&tell);
    world.store.materialise(at(0), at(2 * HOUR), &options).unwrap();
    let seen = seen.into_inner().unwrap();
    assert_eq!(seen.iter().map(|progress| progress.done).collect::<Vec<_>>(), [300, 600, 900, 1000]);
    assert!(seen.iter().all(|progress| progress.total == 1000));
    assert_eq!((seen[0].rate(), seen[0].remaining()), (0.0, None));
    assert_eq!((seen[1].rate(), seen[1].elapsed), (600.0, Duration::from_secs(1)));
    assert_eq!(seen[1].to_string(), "lasting: 600 of 1000 keys, 600 keys/s, 0.7 s to go");
}

#[test]
fn an_interrupted_run_notes_nothing_and_is_repeated() {
    let rows: Vec<_> = (0..1000).map(|driver| (driver, 60, 60, driver)).collect();
    let world = World::with(&drivers(&rows));
    lasting(&world);
    let stop = interrupt::scope(|| true, || world.store.materialise(at(0), at(2 * HOUR), &only()));
    assert!(matches!(stop, Err(Error::Interrupted(_))), "{stop:?}");
    assert_eq!(world.store.definitions().materialised("lasting").unwrap().intervals(), []);
    assert_eq!(world.store.materialise(at(0), at(2 * HOUR), &only()).unwrap().views[0].stored, 1000);
}

#[test]
fn a_corrected_file_replaces_rows_of_the_same_times() {
    let world = world();
    lasting(&world);
    world.store.materialise(at(0), at(9 * HOUR), &only()).unwrap();
    write(&world.folder.path().join("stats/part-0.parquet"), &drivers(&[(1, 480, 480, 80)]));
    world.store.materialise(at(0), at(9 * HOUR), &only()).unwrap();
    assert_eq!(world.driver("lasting:trips", 1), "PRESENT 80");
}

#[test]
fn a_thread_of_its_own_writes_the_same() {
    let rows: Vec<_> = (0..1000).map(|driver| (driver, 60, 60, driver)).collect();
    let world = World::with(&drivers(&rows));
    lasting(&world);
    let two = || only().with_threads(NonZeroUsize::new(2).unwrap()).with_batch_rows(150);
    // A row that cannot be stored ends the run, and nothing is noted.
    let broken = with(
        &drivers(&rows),
        "trips",
        std::sync::Arc::new(
            (0..1000).map(|row| Some(row as f64 / 2.0)).collect::<mlcore::arrow::array::Float64Array>(),
        ),
    );
    let path = world.folder.path().join("stats/part-0.parquet");
    write(&path, &broken);
    crate::support::refused(
        world.store.materialise(at(0), at(2 * HOUR), &two()),
        "schema_mismatch",
        &["trips", "row 1"],
    );
    assert_eq!(world.store.definitions().materialised("lasting").unwrap().intervals(), []);
    write(&path, &drivers(&rows));
    let report = world.store.materialise(at(0), at(2 * HOUR), &two()).unwrap();
    assert_eq!((report.views[0].stored, report.views[0].older), (1000, 0));
    for driver in [0, 149, 150, 999] {
        assert_eq!(world.driver("lasting:trips", driver), format!("PRESENT {driver}"));
    }
    let stop = interrupt::scope(|| true, || world.store.materialise(at(0), at(3 * HOUR), &two()));
    assert!(matches!(stop, Err(Error::Interrupted(_))), "{stop:?}");
    assert_eq!(world.store.definitions().materialised("lasting").unwrap().watermark(), Some(at(2 * HOUR)));
}

#[test]
fn a_version_is_materialised_where_it_is_named() {
    let world = World::with(&drivers(&[(1, 480, 480, 20)]));
    let narrow = FeatureView::builder("driver_stats", ["driver"])
        .schema(stats().schema()[..2].to_vec())
        .ttl(Duration::from_secs(3 * 3600))
        .source("stats_push")
        .offline(true)
        .build();
    world.apply([narrow.unwrap().into()]);
    // The latest is what is read, and what is materialised.
    world.materialise(0, 10 * HOUR);
    assert_eq!(world.driver("driver_stats:trips", 1), "PRESENT 20");
    assert_eq!(world.driver("driver_stats@v0:city", 1), "NOT_FOUND null");
    let told = world.store.definitions().materialised("driver_stats").unwrap();

    let first = ViewVersion::new(0);
    let options = MaterialiseOptions::default().with_views(["driver_stats"]).with_version(first);
    let run = world.store.materialise_incremental(at(9 * HOUR), &options).unwrap();
    assert_eq!((run.views[0].version, run.views[0].stored, run.views.len()), (first, 1, 1));
    assert_eq!(world.driver("driver_stats@v0:city", 1), "PRESENT \"city 1\"");
    // What is done of it stands beside its rows, and the registry tells of the latest as before.
    let again = world.store.materialise_incremental(at(9 * HOUR), &options).unwrap();
    assert_eq!(again.views[0].intervals, []);
    assert_eq!(world.store.definitions().materialised("driver_stats").unwrap(), told);
    let whole = world.store.materialise(at(0), at(10 * HOUR), &options).unwrap();
    assert_eq!((whole.views[0].stored + whole.views[0].older, whole.skipped.len()), (1, 0));

    let run = |options: &MaterialiseOptions<'_>| world.store.materialise(at(0), at(HOUR), options);
    let options = MaterialiseOptions::default;
    for (wrong, kind, words) in [
        (options().with_version(first), "invalid_input", "0 views are named"),
        (options().with_views(["driver_stats", "spend"]).with_version(first), "invalid_input", "2 views"),
        (options().with_views(["driver_stats"]).with_version(ViewVersion::new(7)), "not_found", "v7"),
        (options().with_views(["scores"]).with_version(first), "unsupported", "scores"),
    ] {
        refused(run(&wrong), kind, &[words]);
    }
}
