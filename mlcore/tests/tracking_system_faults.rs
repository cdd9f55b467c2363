//! Every call to the system that logging, importing and exporting make fails once, with EIO, with ENOSPC, or by ending the process: what
//! was acknowledged is there afterwards, nothing is there by half, and repeating what failed completes it.
//!
//! Of the calls every 21st is tried; every third with `MLCORE_EVERY_FAULT=1`.
#![cfg(all(feature = "sqlite", target_os = "linux"))]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![expect(clippy::print_stdout, reason = "the child tells its parent how far it came")]

mod faults;

use std::fs;
use std::path::Path;

use faults::Trial;
use mlcore::name::RunId;
use mlcore::time::Timestamp;
use mlcore::tracking::{
    Batch, MemoryTracker, Metric, NewRun, RunSearch, RunStatus, SqliteTracker, Tracker, TrackerExt, mlflow,
};
use mlcore::{Error, Result};

const POINTS: usize = 300;

/// The child: a run, a store that is taken over and one that is written, in which one call to the system fails.
#[test]
fn child_logs_under_a_fault() {
    let Some(folder) = faults::told() else { return };
    let tracker = open(&folder);
    tracker.experiment_by_name("Default").unwrap();
    faults::work(|| log(&tracker, &folder));
}

/// In steps that may be repeated; each says when it was acknowledged.
fn log(tracker: &SqliteTracker, folder: &Path) -> Result<()> {
    let at = Timestamp::from_millis;
    let experiment = tracker.experiment_by_name("Default")?.id;
    match tracker.start_run(NewRun::new(run(), experiment, at(1))) {
        Ok(_) | Err(Error::AlreadyExists(_)) => println!("started"),
        Err(error) => return Err(error),
    }
    let points = (0..).take(POINTS).map(|step| Metric::new("loss", 0.5, 1).at_step(step));
    tracker.log_batch(points.fold(Batch::new(run()), Batch::with_metric).with_tag("batch", "whole"))?;
    println!("logged");
    tracker.end_run(&run(), RunStatus::Finished, at(2))?;
    println!("ended");
    mlflow::import(folder.join("theirs.db"), tracker)?;
    println!("imported");
    let file = folder.join("ours.db");
    match mlflow::export_database(tracker, &file) {
        Ok(_) => {}
        // It got its name, and only then a call failed.
        Err(Error::AlreadyExists(_)) if file.exists() => {}
        Err(error) => return Err(error),
    }
    println!("exported");
    Ok(())
}

#[test]
fn no_fault_of_the_system_breaks_a_tracker() {
    let folder = tempfile::tempdir().unwrap();
    let prepared = folder.path().join("prepared");
    fs::create_dir(&prepared).unwrap();
    let at = Timestamp::from_millis(0);
    open(&prepared).default_experiment(at).unwrap();
    let theirs = MemoryTracker::new();
    let experiment = theirs.default_experiment(at).unwrap().id;
    let other = theirs.start_run(NewRun::new(RunId::new("theirs").unwrap(), experiment, at)).unwrap().info.id;
    theirs.log_metric(&other, "acc", 0.5, at, 0).unwrap();
    mlflow::export_database(&theirs, prepared.join("theirs.db")).unwrap();
    let words = &["started", "logged", "ended", "imported", "exported"];
    Trial { test: "child_logs_under_a_fault", words, prepared, step: 3 }.fail_each(check);
}

/// What must hold after a fault: what the child said, and a tracker that works.
fn check(folder: &Path, said: &[String], fault: &str) {
    let tracker = open(folder);
    let has = |word: &str| said.iter().any(|line| line == word);
    match tracker.run(&run()) {
        Ok(found) => {
            let is_logged = found.data.tags.contains_key("batch");
            let points = tracker.whole_history(&run(), "loss").unwrap().len();
            assert_eq!(
                points,
                if is_logged { POINTS } else { 0 },
                "{fault}: a batch is there whole or not at all"
            );
            assert!(is_logged || !has("logged"), "{fault}: {said:?}");
            assert!(found.info.status == RunStatus::Finished || !has("ended"), "{fault}: {said:?}");
        }
        Err(error) => assert!(!has("started"), "{fault}: {said:?}: {error}"),
    }
    let theirs = RunId::new("theirs").unwrap();
    match tracker.whole_history(&theirs, "acc") {
        Ok(points) => assert_eq!(points.len(), 1, "{fault}: a run is imported whole or not at all"),
        Err(error) => assert!(!has("imported"), "{fault}: {said:?}: {error}"),
    }
    // An exported database has everything or is not there.
    let file = folder.join("ours.db");
    assert!(file.exists() || !has("exported"), "{fault}: {said:?}");
    if file.exists() {
        let back = MemoryTracker::new();
        assert_eq!(mlflow::import(&file, &back).unwrap().runs, 2, "{fault}");
        assert_eq!(back.whole_history(&run(), "loss").unwrap().len(), POINTS, "{fault}");
    }
    log(&tracker, folder).unwrap_or_else(|error| panic!("{fault}: repeated: {error}"));
    let experiment = tracker.experiment_by_name("Default").unwrap().id;
    assert_eq!(tracker.search_runs(&RunSearch::new([experiment])).unwrap().items.len(), 2, "{fault}");
}

fn open(folder: &Path) -> SqliteTracker {
    SqliteTracker::open(folder.join("tracking.db")).unwrap_or_else(|error: Error| panic!("{error}"))
}

fn run() -> RunId {
    RunId::new("ours").unwrap()
}
