//! What the tracker's file alone promises: strange files, damage, a full disk, two writers, and searches by index.
#![cfg(feature = "sqlite")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;

use mlcore::Error;
use mlcore::name::RunId;
use mlcore::registry::SqliteRegistry;
use mlcore::time::Timestamp;
use mlcore::tracking::{
    Batch, Edit, Metric, NewExperiment, NewRun, Projection, RunSearch, RunStatus, SqliteOptions,
    SqliteTracker, Tracker, TrackerExt,
};
use rusqlite::Connection;

fn at(milliseconds: i64) -> Timestamp {
    Timestamp::from_millis(milliseconds)
}

fn start(tracker: &SqliteTracker, id: &str) -> RunId {
    let experiment = tracker.default_experiment(at(0)).unwrap().id;
    tracker.start_run(NewRun::new(RunId::new(id).unwrap(), experiment, at(1))).unwrap().info.id
}

#[test]
fn files_of_others_are_refused_and_left_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let kind = |name: &str| SqliteTracker::open(path(name)).unwrap_err().kind();

    fs::write(path("text.db"), "no database, but long enough for the header of one ".repeat(20)).unwrap();
    assert_eq!(kind("text.db"), "corrupt");
    SqliteRegistry::open(path("registry.db")).unwrap();
    assert_eq!(kind("registry.db"), "invalid_input");
    let other = Connection::open(path("other.db")).unwrap();
    other.execute_batch("CREATE TABLE mine (x)").unwrap();
    assert_eq!(kind("other.db"), "invalid_input");
    assert_eq!(kind("."), "invalid_input");
    assert_eq!(kind("none/tracking.db"), "not_found");

    drop(SqliteTracker::open(path("tracking.db")).unwrap());
    assert_eq!(SqliteRegistry::open(path("tracking.db")).unwrap_err().kind(), "invalid_input");
    let file = Connection::open(path("tracking.db")).unwrap();
    file.pragma_update(None, "user_version", 99).unwrap();
    let error = SqliteTracker::open(path("tracking.db")).unwrap_err();
    assert!(matches!(error, Error::Unsupported(_)), "{error}");
    assert!(
        error.to_string().contains("it has version 99, and this mlcore reads up to version 1"),
        "{error}"
    );
    file.pragma_update(None, "user_version", 1).unwrap();
    file.execute_batch("CREATE TRIGGER evil AFTER INSERT ON run BEGIN DELETE FROM param; END").unwrap();
    assert_eq!(kind("tracking.db"), "corrupt");
}

#[test]
fn a_row_that_cannot_be_read_is_corrupt() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tracking.db");
    let tracker = SqliteTracker::open(&path).unwrap();
    let run = start(&tracker, "a");
    Connection::open(&path).unwrap().execute_batch("UPDATE run SET status = 'WILD'").unwrap();
    assert_eq!(tracker.run(&run).unwrap_err().kind(), "corrupt");
}

#[test]
fn a_full_disk_refuses_and_keeps_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let options = SqliteOptions::new(folder.path().join("tracking.db")).with_max_bytes(400 << 10);
    let tracker = SqliteTracker::open_with(&options).unwrap();
    let run = start(&tracker, "a");
    let log = |number: i64| {
        let points = (0..200).map(|step| Metric::new("m", 0.5, number).at_step(step));
        let tagged = Batch::new(run.clone()).with_tag(format!("b{number}"), "x".repeat(1000));
        tracker.log_batch(points.fold(tagged, Batch::with_metric))
    };
    let full = (0..).find_map(|number| log(number).err().map(|error| (number, error))).unwrap();
    assert!(matches!(full.1, Error::StorageFull(_)), "{}", full.1);
    let kept = usize::try_from(full.0).unwrap() * 200;
    assert_eq!(tracker.whole_history(&run, "m").unwrap().len(), kept);
    drop(tracker);
    assert_eq!(SqliteTracker::open(&options.path).unwrap().whole_history(&run, "m").unwrap().len(), kept);
}

/// Calls that wait for each other share a transaction, and each is still refused or carried out by itself.
#[test]
fn writers_of_many_threads_are_answered_one_by_one() {
    let folder = tempfile::tempdir().unwrap();
    let tracker = SqliteTracker::open(folder.path().join("tracking.db")).unwrap();
    let run = start(&tracker, "a");
    tracker.log_param(&run, "p", "1").unwrap();
    std::thread::scope(|scope| {
        for thread in 0..16 {
            let (tracker, run) = (&tracker, &run);
            scope.spawn(move || {
                for step in 0..40 {
                    let batch =
                        Batch::new(run.clone()).with_metric(Metric::new(format!("m{thread}"), 0.5, step));
                    if step % 4 == 3 {
                        // What comes before the conflict is undone with it, and nothing of the others.
                        let bad = [
                            Edit::Log(Box::new(batch.with_tag("bad", "1"))),
                            Edit::Log(Box::new(Batch::new(run.clone()).with_param("p", "2"))),
                        ];
                        assert_eq!(tracker.write(&bad).unwrap_err().kind(), "invalid_input");
                    } else {
                        tracker.log_batch(batch).unwrap();
                        let seen = tracker.whole_history(run, &format!("m{thread}")).unwrap();
                        assert_eq!(seen.last().unwrap().timestamp_ms, step, "what was acknowledged is there");
                    }
                }
            });
        }
    });
    let found = tracker.run(&run).unwrap().data;
    assert!(!found.tags.contains_key("bad") && found.metrics.len() == 16);
    for thread in 0..16 {
        assert_eq!(tracker.whole_history(&run, &format!("m{thread}")).unwrap().len(), 30);
    }
}

/// One that is told to stop while it waits leaves nothing, and holds up nobody.
#[test]
fn a_writer_that_is_told_to_stop_takes_its_edits_along() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tracking.db");
    let tracker = SqliteTracker::open(&path).unwrap();
    let run = start(&tracker, "a");
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    std::thread::scope(|scope| {
        let first = scope.spawn(|| tracker.log_param(&run, "first", "1"));
        std::thread::sleep(std::time::Duration::from_millis(100));
        let started = std::time::Instant::now();
        let stop = move || started.elapsed() > std::time::Duration::from_millis(100);
        let stopped = mlcore::interrupt::scope(stop, || tracker.log_param(&run, "stopped", "1"));
        assert!(matches!(stopped, Err(Error::Interrupted(_))), "{stopped:?}");
        other.execute_batch("ROLLBACK").unwrap();
        first.join().unwrap().unwrap();
    });
    tracker.log_param(&run, "second", "1").unwrap();
    let params = tracker.run(&run).unwrap().data.params;
    assert_eq!(params.into_keys().collect::<Vec<_>>(), ["first", "second"]);
}

#[test]
fn many_writers_of_one_file_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tracking.db");
    let first = SqliteTracker::open(&path).unwrap();
    let run = start(&first, "a");
    // Two handles, as two processes have them, of two threads each.
    let handles = [first.clone(), SqliteTracker::open(&path).unwrap()];
    std::thread::scope(|scope| {
        for (handle, tracker) in handles.iter().enumerate() {
            for thread in 0..2 {
                let run = &run;
                scope.spawn(move || {
                    for step in 0..50 {
                        let key = format!("m{handle}-{thread}");
                        tracker.log_metric(run, &key, 1.0, at(0), step).unwrap();
                    }
                });
            }
        }
    });
    let metrics = first.run(&run).unwrap().data.metrics;
    assert_eq!(metrics.len(), 4);
    assert!(metrics.values().all(|metric| metric.step == 49));
}

/// The clock of a machine is set back in the middle of a run: steps count, not times, and nothing is refused.
#[test]
fn a_clock_that_goes_back_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let tracker = SqliteTracker::open(folder.path().join("tracking.db")).unwrap();
    let run = start(&tracker, "a");
    for step in 0..10 {
        tracker.log_metric(&run, "loss", 1.0, at(1_000 - 100 * step), step).unwrap();
    }
    // Ended and deleted before it began, in an experiment that is renamed before it was made.
    tracker.end_run(&run, RunStatus::Finished, at(0)).unwrap();
    let experiment =
        tracker.create_experiment(NewExperiment::new("7".parse().unwrap(), "later", at(9_000))).unwrap();
    tracker.rename_experiment(&experiment.id, "earlier", at(10)).unwrap();
    let found = tracker.run(&run).unwrap();
    assert_eq!((found.data.metrics["loss"].step, found.data.metrics["loss"].timestamp_ms), (9, 100));
    assert!(found.info.end_time.unwrap() < found.info.start_time);
    let history = tracker.whole_history(&run, "loss").unwrap();
    let steps: Vec<_> = history.iter().map(|point| point.step).collect();
    assert_eq!(steps, (0..10).rev().collect::<Vec<_>>(), "a history is in the order of its times");
    assert_eq!(tracker.experiment(&experiment.id).unwrap().last_update_time, at(10));
    tracker.delete_run(&run, at(0)).unwrap();
    tracker.restore_run(&run).unwrap();
    assert_eq!(tracker.whole_history(&run, "loss").unwrap(), history);
}

/// Not a benchmark: a search that reads every run of 20,000 takes much longer than a page by the index.
#[test]
fn a_search_by_a_metric_reads_an_index() {
    const RUNS: i64 = 20_000;
    let folder = tempfile::tempdir().unwrap();
    let tracker = SqliteTracker::open(folder.path().join("tracking.db")).unwrap();
    let experiment = tracker.default_experiment(at(0)).unwrap().id;
    for chunk in 0..RUNS / 1000 {
        let edits = (chunk * 1000..(chunk + 1) * 1000).flat_map(|number| {
            let run = RunId::new(format!("r{number}")).unwrap();
            let new = NewRun::new(run.clone(), experiment.clone(), at(number));
            let value = f64::from(u32::try_from(number * 7919 % RUNS).unwrap());
            let batch =
                Batch::new(run).with_metric(Metric::new("acc", value, 0)).with_param("n", number.to_string());
            [Edit::CreateRun(Box::new(new)), Edit::Log(Box::new(batch))]
        });
        tracker.write(&edits.collect::<Vec<_>>()).unwrap();
    }
    let search = RunSearch::new([experiment]).with_limit(100).with_projection(Projection::info());
    let take = |search: &RunSearch| {
        let started = std::time::Instant::now();
        let found = tracker.search_runs(search).unwrap();
        (started.elapsed(), found)
    };
    let by_metric = search.clone().with_filter("metrics.acc > 100").with_order("metrics.acc DESC");
    let selective = search.clone().with_filter("metrics.acc >= 5 AND metrics.acc < 9 AND params.n != '0'");
    let by_param = search.clone().with_filter("params.n = '77'");
    let patterns = search.clone().with_filter("params.n LIKE '%zz%'");
    let every_run = search.with_order("run_name");
    take(&by_metric);
    let (fast, found) = take(&by_metric);
    assert_eq!((found.items.len(), found.items[0].info.name.is_empty()), (100, false));
    let next = by_metric.with_page(found.next);
    let (second, found) = take(&next);
    assert_eq!(found.items.len(), 100);
    let (few, found) = take(&selective);
    assert_eq!(found.items.len(), 4);
    let (one, found) = take(&by_param);
    assert_eq!(found.items[0].info.id.as_str(), "r77");
    let (pattern, found) = take(&patterns);
    assert!(found.items.is_empty());
    let (slow, found) = take(&every_run);
    assert_eq!(found.items.len(), 100);
    println!(
        "by metric {fast:?}, second page {second:?}, few {few:?}, by parameter {one:?}, by pattern {pattern:?}, sorted {slow:?}"
    );
    for fast in [fast, second, few, one] {
        assert!(fast < slow / 2, "{fast:?} against {slow:?} of every run");
    }
}
