//! One metric a call, each on the disk before it is answered, by one thread and by many.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use mlcore::name::RunId;
use mlcore::time::Timestamp;
use mlcore::tracking::{NewRun, SqliteTracker, TrackerExt};

use crate::Result;
use crate::table::Table;
use crate::timing::{percentile, show};

const TIME: Duration = Duration::from_secs(3);
/// A page of the write-ahead log and its header, of which a metric writes four.
const FLOOR_BYTES: usize = 4 * 4120;

pub(crate) fn run(folder: &Path) -> Result<()> {
    let columns = ["writers", "p50", "p99", "calls a second", "times one writer"];
    let title = "Logging one metric a call, flushed to the disk before the answer";
    let mut table = Table::new(title, &columns);
    let mut alone = f64::NAN;
    for threads in [1, 4, 16] {
        let tracker = SqliteTracker::open(folder.join(format!("writing_{threads}.db")))?;
        let at = Timestamp::from_millis(0);
        let experiment = tracker.default_experiment(at)?.id;
        let mut runs = Vec::new();
        for thread in 0..threads {
            let new = NewRun::new(RunId::new(format!("r{thread}"))?, experiment.clone(), at);
            runs.push(tracker.start_run(new)?.info.id);
        }
        let started = Instant::now();
        let mut seconds: Vec<f64> = std::thread::scope(|scope| {
            let running: Vec<_> = runs.iter().map(|run| scope.spawn(|| calls(&tracker, run))).collect();
            running.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect()
        });
        let rate = seconds.len() as f64 / started.elapsed().as_secs_f64();
        if threads == 1 {
            alone = rate;
        }
        let [half, most] = [0.5, 0.99].map(|share| percentile(&mut seconds, share));
        let threads = format!("{threads} thread{}", if threads == 1 { "" } else { "s" });
        table.line([threads, show(half), show(most), format!("{rate:.0}"), format!("{:.1}", rate / alone)]);
    }
    let mut floor = floor(&folder.join("floor"))?;
    let half = percentile(&mut floor, 0.5);
    table.line([
        "the disk alone".to_owned(),
        show(half),
        show(percentile(&mut floor, 0.99)),
        format!("{:.0}", 1.0 / half),
    ]);
    table.note("The last line appends as many bytes to a file and flushes it: nothing that is durable is faster for one writer.");
    crate::print(&table);
    Ok(())
}

fn calls(tracker: &SqliteTracker, run: &RunId) -> Vec<f64> {
    let (end, mut seconds) = (Instant::now() + TIME, Vec::new());
    while Instant::now() < end {
        let step = seconds.len() as i64;
        let start = Instant::now();
        if tracker.log_metric(run, "loss", 0.5, Timestamp::from_millis(step), step).is_err() {
            return Vec::new();
        }
        seconds.push(start.elapsed().as_secs_f64());
    }
    seconds
}

fn floor(path: &Path) -> Result<Vec<f64>> {
    let mut file = File::create(path)?;
    let (bytes, mut seconds) = ([1; FLOOR_BYTES], Vec::new());
    for _ in 0..300 {
        let start = Instant::now();
        file.write_all(&bytes)?;
        file.sync_data()?;
        seconds.push(start.elapsed().as_secs_f64());
    }
    Ok(seconds)
}
