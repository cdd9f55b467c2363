//! `kill -9` at random moments of logging, importing and exporting: what was acknowledged is there, every batch and every exported
//! database is there whole or not at all, and an import that was stopped is finished by another one.
#![cfg(all(feature = "sqlite", unix))]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "kill/files.rs"]
mod files;
mod kill;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use files::{remove, whole};
use kill::{rounds, run_and_kill, say};
use mlcore::name::RunId;
use mlcore::time::Timestamp;
use mlcore::tracking::{
    Batch, BufferOptions, ExperimentSearch, MemoryTracker, Metric, NewRun, RunSearch, SqliteTracker, Tracker,
    TrackerBuffer, TrackerExt, ViewType, mlflow,
};
use rusqlite::Connection;

const POINTS: i64 = 50;
/// What the children do, one after the other.
const WORKS: [&str; 5] = ["log", "buffer", "import", "export", "threads"];

/// The child: works until it is killed, and says what was acknowledged. Without its variables it is an ordinary test with nothing
/// to do.
#[test]
fn child_works_until_it_is_killed() {
    let Some((work, folder)) = kill::told() else { return };
    if work == "import" {
        return imports(&folder);
    }
    let tracker = SqliteTracker::open(folder.join("tracking.db")).unwrap();
    tracker.default_experiment(Timestamp::from_millis(0)).unwrap();
    say("ready");
    match work.as_str() {
        "log" => logs(&tracker, "l"),
        "threads" => std::thread::scope(|scope| {
            for name in ["a", "b", "c", "d"] {
                let tracker = &tracker;
                scope.spawn(move || logs(tracker, name));
            }
        }),
        "buffer" => buffers(&tracker, &folder),
        "export" => std::thread::scope(|scope| {
            scope.spawn(|| logs(&tracker, "e"));
            exports(&tracker, &folder);
        }),
        other => unreachable!("{other}"),
    }
}

fn starts(tracker: &SqliteTracker, name: &str, number: i64) -> RunId {
    let run = RunId::new(format!("{name}{}-{number}", std::process::id())).unwrap();
    let experiment = tracker.default_experiment(Timestamp::from_millis(0)).unwrap().id;
    tracker.start_run(NewRun::new(run.clone(), experiment, Timestamp::from_millis(number))).unwrap();
    say(&format!("started {run}"));
    run
}

/// Batches that are whole or not there, each with a tag.
fn logs(tracker: &SqliteTracker, name: &str) {
    for number in 0_i64.. {
        let run = starts(tracker, name, number);
        for batch in 0..3 {
            let steps = batch * POINTS..(batch + 1) * POINTS;
            let points = steps.map(|step| Metric::new("loss", 1.0, 0).at_step(step));
            let logged = points.fold(Batch::new(run.clone()), Batch::with_metric);
            tracker.log_batch(logged.with_tag(format!("batch-{batch}"), "whole")).unwrap();
            say(&format!("logged {run} {}", (batch + 1) * POINTS));
        }
    }
}

/// A queue so small that most goes through the spool.
fn buffers(tracker: &SqliteTracker, folder: &Path) {
    let options = BufferOptions::default().with_queue_bytes(4 << 10).with_spool(folder.join("spool"));
    let buffer = TrackerBuffer::new(Arc::new(tracker.clone()), &options).unwrap();
    for number in 0_i64.. {
        let run = starts(tracker, "q", number);
        let log = buffer.run(run.clone());
        for flush in 1..=3 {
            for step in (flush - 1) * POINTS..flush * POINTS {
                // What comes faster than the disk is not accepted, and says so.
                while !log.metric("loss", 1.0, 0, step) {
                    std::thread::sleep(Duration::from_micros(100));
                }
            }
            assert_eq!(buffer.flush().unwrap().refused, 0);
            say(&format!("logged {run} {}", flush * POINTS));
        }
    }
}

/// Takes the same store into one new tracker after the other.
fn imports(folder: &Path) {
    say("ready");
    for number in 0.. {
        let tracker = SqliteTracker::open(folder.join(format!("import-{number}.db"))).unwrap();
        assert_eq!(mlflow::import(folder.join("mlflow.db"), &tracker).unwrap().left, Vec::<String>::new());
        say(&format!("imported {number}"));
    }
}

fn exports(tracker: &SqliteTracker, folder: &Path) {
    for number in 0.. {
        let path = folder.join(format!("export-{}-{number}.db", std::process::id()));
        let exported = mlflow::export_database(tracker, &path).unwrap();
        say(&format!("exported {} {}", path.display(), exported.runs));
    }
}

#[test]
fn what_was_acknowledged_survives_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("mlflow.db");
    let due = store_of_mlflow(&store);
    let mut acknowledged: BTreeMap<&str, u64> = BTreeMap::new();
    let mut logged: BTreeMap<RunId, i64> = BTreeMap::new();
    let (mut half, mut checked) = (0, BTreeSet::new());
    for round in 0..rounds() {
        let work = WORKS[usize::try_from(round).unwrap() % WORKS.len()];
        let count = if matches!(work, "import" | "export") { round / 5 % 2 } else { round / 5 * 3 % 20 };
        let time = Duration::from_micros(round * 7919 % 25_000);
        let said = run_and_kill("child_works_until_it_is_killed", work, folder.path(), count, time);
        let tracker = SqliteTracker::open(folder.path().join("tracking.db")).unwrap();
        for line in &said {
            match line.split(' ').collect::<Vec<_>>()[..] {
                ["started", run] => drop(tracker.run(&run.parse().unwrap()).unwrap()),
                ["logged", run, points] => {
                    *acknowledged.entry(work).or_default() += 1;
                    let (run, points) = (run.parse().unwrap(), points.parse().unwrap());
                    has(&tracker, &run, points);
                    logged.insert(run, points);
                }
                ["imported", number] => {
                    *acknowledged.entry(work).or_default() += 1;
                    let path = folder.path().join(format!("import-{number}.db"));
                    assert_eq!(told(&SqliteTracker::open(path).unwrap()), due, "{line}");
                }
                ["exported", path, runs] => {
                    *acknowledged.entry(work).or_default() += 1;
                    assert_eq!(runs_of(Path::new(path)).to_string(), runs);
                }
                _ => unreachable!("the child says only these: {line}"),
            }
        }
        // An import that was stopped is finished by another one.
        for path in whole(folder.path(), "import-").0 {
            let tracker = SqliteTracker::open(&path).unwrap();
            assert_eq!(mlflow::import(&store, &tracker).unwrap().left, Vec::<String>::new());
            assert_eq!(told(&tracker), due);
            drop(tracker);
            remove(&path);
        }
        let (exports, partial) = whole(folder.path(), "export-");
        half += partial;
        for path in exports {
            runs_of(&path);
            remove(&path);
        }
        batches_are_whole(&tracker, &mut checked);
        if round % 10 == 0 {
            is_sound(&folder.path().join("tracking.db"));
        }
    }
    // What was there after each kill is there after all of them.
    let tracker = SqliteTracker::open(folder.path().join("tracking.db")).unwrap();
    batches_are_whole(&tracker, &mut BTreeSet::new());
    logged.iter().for_each(|(run, points)| has(&tracker, run, *points));
    is_sound(&folder.path().join("tracking.db"));
    println!("{} kills: {acknowledged:?} acknowledged, {half} exports half written", rounds());
    for work in WORKS {
        assert!(
            acknowledged.get(work).is_some_and(|count| *count > 0),
            "the child came nowhere: {acknowledged:?}"
        );
    }
}

/// The points that were acknowledged; more of a batch or of a buffer may be there.
fn has(tracker: &SqliteTracker, run: &RunId, points: i64) {
    let found = tracker.whole_history(run, "loss").unwrap();
    let steps: BTreeSet<i64> = found.iter().map(|point| point.step).collect();
    assert!((0..points).all(|step| steps.contains(&step)), "{run} {points}: {steps:?}");
}

fn batches_are_whole(tracker: &SqliteTracker, checked: &mut BTreeSet<RunId>) {
    let experiment = tracker.default_experiment(Timestamp::from_millis(0)).unwrap().id;
    for run in tracker.search_runs(&RunSearch::new([experiment]).with_limit(50_000)).unwrap().items {
        if !checked.insert(run.info.id.clone()) {
            continue;
        }
        let points = tracker.whole_history(&run.info.id, "loss").unwrap();
        let latest = run.data.metrics.get("loss").map(|metric| metric.step);
        assert_eq!(latest, points.iter().map(|point| point.step).max());
        // A buffer writes as it pleases.
        if !run.info.id.as_str().starts_with('q') {
            let batches = run.data.tags.keys().filter(|key| key.starts_with("batch-")).count();
            let due = batches * usize::try_from(POINTS).unwrap();
            assert_eq!(points.len(), due, "a batch is there whole or not at all");
        }
    }
}

/// Writes the store of a stock client; answers what a tracker that took it over tells.
fn store_of_mlflow(path: &Path) -> Vec<String> {
    let statements = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/mlflow/store.sql");
    let database = Connection::open(path).unwrap();
    database.pragma_update(None, "foreign_keys", false).unwrap();
    let statements = fs::read_to_string(statements).unwrap();
    database.execute_batch(&format!("BEGIN; {statements}; COMMIT")).unwrap();
    let tracker = MemoryTracker::new();
    mlflow::import(path, &tracker).unwrap();
    told(&tracker)
}

/// Everything that a tracker tells of experiments and runs.
fn told(tracker: &dyn Tracker) -> Vec<String> {
    let all = ExperimentSearch::default().with_view(ViewType::All).with_order("experiment_id");
    let experiments = tracker.search_experiments(&all).unwrap().items;
    let mut lines: Vec<String> = experiments.iter().map(|found| format!("{found:?}")).collect();
    let search = RunSearch::new(experiments.into_iter().map(|found| found.id)).with_view(ViewType::All);
    for run in tracker.search_runs(&search).unwrap().items {
        lines.push(format!("{run:?}"));
        for key in run.data.metrics.keys() {
            lines.push(format!("{:?}", tracker.whole_history(&run.info.id, key).unwrap()));
        }
    }
    lines
}

/// How many runs an exported database has, which is read whole.
fn runs_of(path: &Path) -> u64 {
    is_sound(path);
    let imported = mlflow::import(path, &MemoryTracker::new()).unwrap();
    assert_eq!(imported.left, Vec::<String>::new());
    imported.runs
}

fn is_sound(path: &Path) {
    let found: String =
        Connection::open(path).unwrap().query_row("PRAGMA integrity_check", (), |row| row.get(0)).unwrap();
    assert_eq!(found, "ok", "{}", path.display());
}
