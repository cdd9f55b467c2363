//! Copies of a tracker that is written. By itself, because it keeps the disk busy, and others measure times.
#![cfg(feature = "sqlite")]

use std::fs;

use mlcore::name::RunId;
use mlcore::time::Timestamp;
use mlcore::tracking::{Batch, Edit, Metric, NewRun, SqliteTracker, Tracker, TrackerExt};

/// A copy is the tracker at one moment: of each transaction all or nothing, and all that was acknowledged before.
#[test]
fn a_backup_is_made_while_others_write() {
    let folder = tempfile::tempdir().unwrap();
    let tracker = SqliteTracker::open(folder.path().join("tracking.db")).unwrap();
    let experiment = tracker.default_experiment(Timestamp::from_millis(0)).unwrap().id;
    let new = NewRun::new(RunId::new("a").unwrap(), experiment, Timestamp::from_millis(1));
    let run = tracker.start_run(new).unwrap().info.id;
    let copies = std::thread::scope(|scope| {
        let (tracker, run) = (&tracker, &run);
        let writer = scope.spawn(move || {
            for step in 0..300 {
                let pair = |key| Metric::new(key, f64::from(step), i64::from(step)).at_step(i64::from(step));
                let batch = Batch::new(run.clone()).with_metric(pair("one")).with_metric(pair("two"));
                tracker.write(&[Edit::Log(Box::new(batch))]).unwrap();
            }
        });
        let mut copies = Vec::new();
        while !writer.is_finished() || copies.is_empty() {
            let copy = folder.path().join(format!("copy-{}.db", copies.len()));
            let known = tracker.whole_history(run, "one").unwrap().len();
            tracker.back_up(&copy).unwrap();
            copies.push((copy, known));
        }
        copies
    });
    for (copy, known) in &copies {
        let copy = SqliteTracker::open(copy).unwrap();
        let [one, two] = ["one", "two"].map(|key| copy.whole_history(&run, key).unwrap().len());
        assert!(one == two && one >= *known, "{one} and {two}, of at least {known}");
    }
    let taken = &copies.first().unwrap().0;
    assert_eq!(tracker.back_up(taken).unwrap_err().kind(), "already_exists");
    assert_eq!(tracker.back_up(folder.path().join("none/copy.db")).unwrap_err().kind(), "not_found");
    let others =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(others.filter(|name| name.contains("partial")).count(), 0);
}
