//! The tracker: its contract, many writers, a server that is killed, and what it shares with the registry.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mlcore::Error;
use mlcore::name::{ExperimentId, RunId};
use mlcore::registry::Registry;
use mlcore::time::Timestamp;
use mlcore::tracking::{
    self, Batch, ExperimentSearch, Metric, NewRun, PostgresTracker, RunSearch, Tracker, TrackerExt,
};

use super::server::Server;
use super::{open as open_registry, options};

fn open(server: &Server, schema: &str) -> PostgresTracker {
    PostgresTracker::open_with(&options(server, schema)).unwrap()
}

fn at(milliseconds: i64) -> Timestamp {
    Timestamp::from_millis(milliseconds)
}

fn run(text: &str) -> RunId {
    RunId::new(text).unwrap()
}

fn start(tracker: &PostgresTracker, id: &str) -> (ExperimentId, RunId) {
    let experiment = tracker.default_experiment(at(0)).unwrap().id;
    (experiment.clone(), tracker.start_run(NewRun::new(run(id), experiment, at(1))).unwrap().info.id)
}

#[cfg(feature = "conformance")]
#[test]
fn it_keeps_the_contract() {
    use mlcore::conformance::{self, Persistence};

    let Some(server) = Server::start_with(vec!["fsync=off".to_owned()]) else { return };
    conformance::tracker(Persistence::Shared, |place| Box::new(open(&server, &format!("place_{place}"))));
}

/// By one URL, whichever comes first.
#[test]
fn it_shares_a_schema_with_a_registry() {
    let Some(server) = Server::start() else { return };
    let url = tracking::tracker_url(&server.url()).unwrap();
    std::thread::scope(|scope| {
        let opening: Vec<_> = (0..4)
            .map(|number| {
                let (server, url) = (&server, &url);
                scope.spawn(move || match number % 2 {
                    0 => drop(open_registry(server, "mlcore")),
                    _ => drop(tracking::open(url).unwrap()),
                })
            })
            .collect();
        opening.into_iter().for_each(|thread| thread.join().unwrap());
    });
    tracking::open(&url).unwrap().default_experiment(at(0)).unwrap();
    assert_eq!(open_registry(&server, "mlcore").verify().unwrap().sequence, 0);

    server.sql("UPDATE mlcore.mlcore_version SET version = 99 WHERE part = 'tracking'");
    let newer = PostgresTracker::open(&url).unwrap_err();
    assert!(matches!(newer, Error::Unsupported(_)) && newer.to_string().contains("99"), "{newer}");
    drop(open_registry(&server, "mlcore"));
}

/// A host calls from inside its own runtime, whose threads may not run another one.
#[test]
fn it_answers_inside_a_hosts_runtime() {
    let Some(server) = Server::start() else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let tracker = open(&server, "mlcore");
        assert_eq!(tracker.default_experiment(at(0)).unwrap().name, "Default");
    });
}

/// Writers of other runs do not wait for each other, those of one run lose nothing, and new keys meet nowhere.
#[test]
fn many_writers_lose_nothing() {
    let Some(server) = Server::start() else { return };
    let tracker = open(&server, "mlcore");
    let shared = start(&tracker, "shared").1;
    let own: Vec<RunId> = (0..4).map(|thread| start(&tracker, &format!("own{thread}")).1).collect();
    std::thread::scope(|scope| {
        for (thread, own) in own.iter().enumerate() {
            let (tracker, shared) = (&tracker, &shared);
            scope.spawn(move || {
                for step in 0..25 {
                    let metric = |key: String| Metric::new(key, 0.5, 0).at_step(step);
                    let keys = Batch::new(own.clone()).with_metric(metric(format!("k{step}")));
                    tracker
                        .log_batch(keys.with_param("p", "1").with_metric(metric("loss".to_owned())))
                        .unwrap();
                    let point = Metric::new("loss", thread as f64, 0).at_step(step);
                    tracker.log_batch(Batch::new(shared.clone()).with_metric(point)).unwrap();
                    tracker.log_param(shared, "p", if thread == 0 { "0" } else { "1" }).ok();
                }
            });
        }
    });
    assert_eq!(tracker.whole_history(&shared, "loss").unwrap().len(), 100);
    let latest = &tracker.run(&shared).unwrap().data.metrics["loss"];
    assert_eq!((latest.step, latest.value), (24, 3.0));
    for own in &own {
        assert_eq!(tracker.run(own).unwrap().data.metrics.len(), 26);
    }
}

/// Writers go on while the server is killed again and again: nothing that was acknowledged is lost, and every batch is there
/// whole or not at all.
#[test]
fn what_was_acknowledged_survives_a_server_that_is_killed() {
    let Some(mut server) = Server::start() else { return };
    let kills: usize = std::env::var("MLCORE_POSTGRES_KILLS").ok().map_or(3, |text| text.parse().unwrap());
    let tracker = open(&server, "mlcore");
    let is_done = AtomicBool::new(false);
    let runs: Vec<_> = (0..3).map(|writer| start(&tracker, &format!("r{writer}"))).collect();
    let acknowledged = std::thread::scope(|scope| {
        let (tracker, is_done) = (&tracker, &is_done);
        let writers: Vec<_> = runs
            .iter()
            .map(|(_, run)| {
                scope.spawn(move || {
                    let mut batches = 0;
                    while !is_done.load(Ordering::Relaxed) {
                        let points = (0..20).map(|step| Metric::new("loss", 0.5, batches).at_step(step));
                        let batch = points.fold(Batch::new(run.clone()), Batch::with_metric);
                        // As a caller does: what may not have happened is logged again, and is there once.
                        match tracker.log_batch(batch.with_tag(format!("b{batches}"), "whole")) {
                            Ok(()) => batches += 1,
                            Err(Error::Unavailable(_) | Error::OutcomeUnknown(_)) => {
                                std::thread::sleep(Duration::from_millis(5));
                            }
                            Err(other) => panic!("{other}"),
                        }
                    }
                    usize::try_from(batches).unwrap()
                })
            })
            .collect();
        for _ in 0..kills {
            std::thread::sleep(Duration::from_millis(300));
            server.kill();
            server.run();
        }
        std::thread::sleep(Duration::from_millis(300));
        is_done.store(true, Ordering::Relaxed);
        writers.into_iter().map(|writer| writer.join().unwrap()).collect::<Vec<_>>()
    });
    assert!(acknowledged.iter().sum::<usize>() > 5 * kills, "{acknowledged:?} batches");
    for ((_, run), acknowledged) in runs.iter().zip(acknowledged) {
        let tags = tracker.run(run).unwrap().data.tags;
        let whole = tags.keys().filter(|key| key.starts_with('b')).count();
        assert!(whole >= acknowledged, "{whole} of {acknowledged}");
        assert_eq!(tracker.whole_history(run, "loss").unwrap().len(), whole * 20);
    }
}

/// Texts that a server's B-tree would not take whole, patterns that its locale would read otherwise, and many pages.
#[test]
fn long_texts_and_odd_patterns_are_found() {
    let Some(server) = Server::start() else { return };
    let tracker = open(&server, "mlcore");
    let (experiment, _) = start(&tracker, "r0");
    let long = "ü".repeat(6000);
    for (number, value) in ["a\0b", "a\u{1}b", "a_b", "GRÜN", &long].into_iter().enumerate() {
        let id = start(&tracker, &format!("v{number}")).1;
        tracker.log_batch(Batch::new(id).with_param("p", value)).unwrap();
    }
    let found = |filter: &str| {
        let search = RunSearch::new([experiment.clone()]).with_filter(filter).with_order("params.p");
        let runs = tracker.search_runs(&search).unwrap().items;
        runs.into_iter().map(|run| run.info.id.to_string()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(found("params.p LIKE 'a_b'"), "v0 v1 v2");
    assert_eq!(found("params.p LIKE 'a%'"), "v0 v1 v2");
    assert_eq!(found("params.p = 'a\0b'"), "v0");
    assert_eq!(found("params.p LIKE 'a\u{1}%'"), "v1");
    assert_eq!(found("params.p ILIKE 'grün'"), "v3");
    assert_eq!(found(&format!("params.p = '{long}'")), "v4");
    assert_eq!(found(&format!("params.p LIKE '{}%'", "ü".repeat(300))), "v4");
    assert_eq!(found("params.p LIKE '%\\%'"), "");
    assert_eq!(found("params.p IS NOT NULL"), "v3 v0 v1 v2 v4");
    let named = ExperimentSearch::default().with_filter("name ILIKE 'def%'");
    assert_eq!(tracker.search_experiments(&named).unwrap().items.len(), 1);
}

/// Somebody else writes into the tables: what is no row of a tracker's is told as such, and costs nothing but itself.
#[test]
fn garbage_in_rows_is_told_and_costs_no_other_row() {
    let Some(server) = Server::start() else { return };
    let tracker = open(&server, "poisoned");
    for id in ["poisoned", "sound"] {
        start(&tracker, id);
        let batch = Batch::new(run(id)).with_metric(Metric::new("loss", 0.5, 1)).with_param("depth", "8");
        tracker.log_batch(batch).unwrap();
    }
    let own = "owner = (SELECT number FROM poisoned.run WHERE id = 'poisoned')";
    for sql in [
        "UPDATE poisoned.run SET status = 'WILD' WHERE id = 'poisoned'".to_owned(),
        "UPDATE poisoned.run SET status = repeat('x', 10000000) WHERE id = 'poisoned'".to_owned(),
        "UPDATE poisoned.run SET status = 'RUNNING', experiment = E'a\\nb' WHERE id = 'poisoned'".to_owned(),
        "UPDATE poisoned.run SET experiment = '../../etc' WHERE id = 'poisoned'".to_owned(),
        "UPDATE poisoned.run SET experiment = '0', start_time = 9223372036854775807 WHERE id = 'poisoned'"
            .to_owned(),
        format!(
            "UPDATE poisoned.latest SET timestamp = -9223372036854775808, bits = 9223372036854775807 WHERE {own}"
        ),
        format!("UPDATE poisoned.param SET value = repeat('x', 50000000) WHERE {own}"),
        format!("UPDATE poisoned.latest SET key = -7 WHERE {own}"),
        format!("DELETE FROM poisoned.latest WHERE {own}"),
    ] {
        server.sql(&sql);
        // Either it is told, or it is something that a tracker could have been given.
        if let Err(error) = tracker.run(&run("poisoned")) {
            assert!(matches!(error, Error::Corrupt(_)), "{sql}: {error}");
        }
        drop(tracker.whole_history(&run("poisoned"), "loss"));
        drop(tracker.search_runs(&RunSearch::new([ExperimentId::new("0").unwrap()])));
        let sound = tracker.run(&run("sound")).unwrap();
        assert_eq!((sound.data.metrics["loss"].value, &*sound.data.params["depth"]), (0.5, "8"), "{sql}");
    }
    server.sql("UPDATE poisoned.run SET status = 'WILD' WHERE id = 'poisoned'");
    assert_eq!(tracker.run(&run("poisoned")).unwrap_err().kind(), "corrupt");
    server.sql("ALTER TABLE poisoned.run ALTER COLUMN start_time TYPE text");
    let error = tracker.run(&run("sound")).unwrap_err();
    assert!(!error.to_string().is_empty() && !matches!(error, Error::Internal(_)), "{error:?}");
}
