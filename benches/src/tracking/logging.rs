//! Logging a metric: what the caller waits for, while a thread writes what was logged into a file.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use mlcore::name::RunId;
use mlcore::time::Timestamp;
use mlcore::tracking::{BufferOptions, NewRun, RunLog, SqliteTracker, TrackerBuffer, TrackerExt};

use crate::Result;
use crate::table::{Table, verdict};
use crate::timing::{percentile, show};

const CALLS: usize = 1_000_000;
/// What a call may take: half of all, and 99 of 100.
const HALF: f64 = 1e-6;
const MOST: f64 = 5e-6;

pub(crate) fn run(folder: &Path) -> Result<()> {
    let columns =
        ["log_metric", "p50", "goal", "", "p99", "goal", "", "p99.9", "longest", "durable after", "dropped"];
    let title = format!("Logging {CALLS} points of a metric into a file, which a thread flushes meanwhile");
    let mut table = Table::new(title, &columns);
    for threads in [1, 2] {
        let file = folder.join(format!("tracking_{threads}.db"));
        let tracker = Arc::new(SqliteTracker::open(&file)?);
        let at = Timestamp::from_millis(0);
        let experiment = tracker.default_experiment(at)?;
        let run = tracker.start_run(NewRun::new(RunId::new("a1")?, experiment.id, at))?.info.id;
        let options = BufferOptions::default().with_queue_bytes(256 << 20);
        let buffer = TrackerBuffer::new(tracker, &options)?;
        let started = Instant::now();
        let mut seconds: Vec<f64> = std::thread::scope(|scope| {
            let running: Vec<_> = (0..threads)
                .map(|thread| (thread, buffer.run(run.clone())))
                .map(|(thread, log)| scope.spawn(move || calls(&log, thread, threads)))
                .collect();
            running.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect()
        });
        let flushed = buffer.finish()?;
        let durable = started.elapsed().as_secs_f64();
        let [half, most, rare] = [0.5, 0.99, 0.999].map(|share| percentile(&mut seconds, share));
        let longest = seconds.last().copied().unwrap_or(f64::NAN);
        table.line([
            format!("{threads} thread{}", if threads == 1 { "" } else { "s" }),
            show(half),
            format!("< {}", show(HALF)),
            verdict(Some(half < HALF)).to_owned(),
            show(most),
            format!("< {}", show(MOST)),
            verdict(Some(most < MOST)).to_owned(),
            show(rare),
            show(longest),
            show(durable),
            flushed.dropped.to_string(),
        ]);
    }
    table.note("Each call is timed by itself, which takes some 40 ns of it.");
    crate::print(&table);
    Ok(())
}

/// The seconds of each call of one thread.
fn calls(log: &RunLog, thread: usize, threads: usize) -> Vec<f64> {
    let each = CALLS / threads;
    let mut seconds = Vec::with_capacity(each);
    for call in 0..each {
        let step = (call * threads + thread) as i64;
        let start = Instant::now();
        log.metric("loss", 0.5, step, step);
        seconds.push(start.elapsed().as_secs_f64());
    }
    seconds
}
