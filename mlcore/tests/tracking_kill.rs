//! `kill -9` at random moments of logging: what was acknowledged is there, and every batch is there whole or not at all.
#![cfg(all(feature = "sqlite", unix))]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use mlcore::name::RunId;
use mlcore::time::Timestamp;
use mlcore::tracking::{Batch, Metric, NewRun, RunSearch, SqliteTracker, Tracker, TrackerExt};

const ROUNDS: u64 = 40;
const FOLDER: &str = "MLCORE_TRACKING_KILL_TEST_FOLDER";
const POINTS: i64 = 50;

/// The child: logs until it is killed, and says what was acknowledged. Without the variable it is an ordinary test with
/// nothing to do.
#[test]
fn child_logs_until_it_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let tracker = SqliteTracker::open(Path::new(&folder).join("tracking.db")).unwrap();
    let experiment = tracker.default_experiment(Timestamp::from_millis(0)).unwrap();
    let mut out = std::io::stdout();
    let mut say = |text: String| writeln!(out, "{text}").and_then(|()| out.flush()).unwrap();
    say("ready".to_owned());
    let pid = std::process::id();
    for number in 0_i64.. {
        let run = RunId::new(format!("r{pid}-{number}")).unwrap();
        tracker
            .start_run(NewRun::new(run.clone(), experiment.id.clone(), Timestamp::from_millis(number)))
            .unwrap();
        say(format!("started {run}"));
        for batch in 0..3 {
            let steps = batch * POINTS..(batch + 1) * POINTS;
            let points = steps.map(|step| Metric::new("loss", 1.0, 0).at_step(step));
            let logged = points.fold(Batch::new(run.clone()), Batch::with_metric);
            tracker.log_batch(logged.with_tag(format!("batch-{batch}"), "whole")).unwrap();
            say(format!("logged {run} {}", batch + 1));
        }
    }
}

#[test]
fn what_was_acknowledged_survives_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let mut logged = 0;
    for round in 0..ROUNDS {
        let acknowledged =
            run_and_kill(folder.path(), round % 10, Duration::from_micros(round * 7919 % 15_000));
        let tracker = SqliteTracker::open(folder.path().join("tracking.db")).unwrap();
        for line in &acknowledged {
            match line.split(' ').collect::<Vec<_>>()[..] {
                ["started", run] => drop(tracker.run(&run.parse().unwrap()).unwrap()),
                ["logged", run, batches] => {
                    logged += 1;
                    let due = batches.parse::<usize>().unwrap() * usize::try_from(POINTS).unwrap();
                    assert!(tracker.whole_history(&run.parse().unwrap(), "loss").unwrap().len() >= due);
                }
                _ => unreachable!("the child says only these: {line}"),
            }
        }
        let experiment = tracker.default_experiment(Timestamp::from_millis(0)).unwrap().id;
        for run in tracker.search_runs(&RunSearch::new([experiment])).unwrap().items {
            let batches = run.data.tags.keys().filter(|key| key.starts_with("batch-")).count();
            let points = tracker.whole_history(&run.info.id, "loss").unwrap();
            assert_eq!(
                points.len(),
                batches * usize::try_from(POINTS).unwrap(),
                "a batch is there whole or not at all"
            );
            let latest = run.data.metrics.get("loss").map(|metric| metric.step);
            assert_eq!(latest, points.iter().map(|point| point.step).max());
        }
    }
    assert!(logged >= ROUNDS, "the child came far enough to be worth killing: {logged}");
}

/// Lets the child say `count` things and work for `time` more, and kills it; answers what it had acknowledged.
fn run_and_kill(folder: &Path, count: u64, time: Duration) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["child_logs_until_it_is_killed", "--exact", "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    // The test harness talks before the child does.
    assert!(lines.any(|line| line.ends_with("ready")), "the child ended by itself");
    let mut said: Vec<String> = lines.by_ref().take(usize::try_from(count).unwrap()).collect();
    std::thread::sleep(time);
    // On Unix this is SIGKILL.
    child.kill().unwrap();
    assert!(!child.wait().unwrap().success());
    said.extend(lines);
    said
}
