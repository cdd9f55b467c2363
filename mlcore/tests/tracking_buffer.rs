//! Logging that never waits, in front of trackers that are slow, away, or refuse something.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use mlcore::name::{ExperimentId, LoggedModelId, RunId};
use mlcore::time::Timestamp;
use mlcore::tracking::{
    BufferOptions, Edit, Experiment, ExperimentSearch, HistorySearch, LoggedModel, LoggedModelSearch,
    MemoryTracker, Metric, NewRun, Page, Run, RunSearch, Tracker, TrackerBuffer, TrackerExt,
};
use mlcore::{Error, Result, interrupt};

/// A tracker that may be away.
#[derive(Default)]
struct Gate {
    inner: MemoryTracker,
    is_away: AtomicBool,
    writes: AtomicUsize,
}

impl Tracker for Gate {
    fn write(&self, edits: &[Edit]) -> Result<()> {
        self.writes.fetch_add(1, Ordering::Relaxed);
        if self.is_away.load(Ordering::Relaxed) {
            return Err(Error::unavailable("write", "gate", "it is away"));
        }
        self.inner.write(edits)
    }

    fn experiment(&self, id: &ExperimentId) -> Result<Experiment> {
        self.inner.experiment(id)
    }

    fn experiment_by_name(&self, name: &str) -> Result<Experiment> {
        self.inner.experiment_by_name(name)
    }

    fn search_experiments(&self, search: &ExperimentSearch) -> Result<Page<Experiment>> {
        self.inner.search_experiments(search)
    }

    fn run(&self, id: &RunId) -> Result<Run> {
        self.inner.run(id)
    }

    fn search_runs(&self, search: &RunSearch) -> Result<Page<Run>> {
        self.inner.search_runs(search)
    }

    fn metric_history(&self, search: &HistorySearch) -> Result<Page<Metric>> {
        self.inner.metric_history(search)
    }

    fn logged_model(&self, id: &LoggedModelId) -> Result<LoggedModel> {
        self.inner.logged_model(id)
    }

    fn search_logged_models(&self, search: &LoggedModelSearch) -> Result<Page<LoggedModel>> {
        self.inner.search_logged_models(search)
    }
}

impl Gate {
    /// With these runs in it.
    fn with_runs(runs: &[&str]) -> Arc<Self> {
        let gate = Arc::new(Self::default());
        let experiment = gate.default_experiment(Timestamp::from_millis(0)).unwrap();
        for run in runs {
            let new =
                NewRun::new(RunId::new(*run).unwrap(), experiment.id.clone(), Timestamp::from_millis(1));
            gate.start_run(new).unwrap();
        }
        gate
    }

    fn go_away(&self, is_away: bool) {
        self.is_away.store(is_away, Ordering::Relaxed);
    }

    fn steps(&self, run: &str, key: &str) -> Vec<i64> {
        let points = self.whole_history(&RunId::new(run).unwrap(), key).unwrap();
        points.into_iter().map(|point| point.step).collect()
    }
}

fn run(id: &str) -> RunId {
    RunId::new(id).unwrap()
}

fn quick() -> BufferOptions {
    BufferOptions::default()
        .with_interval(Duration::from_millis(10))
        .with_patience(Duration::from_millis(400))
}

#[test]
fn everything_arrives_in_few_transactions_and_in_order() {
    let gate = Gate::with_runs(&["a", "b"]);
    let before = gate.writes.load(Ordering::Relaxed);
    let buffer = TrackerBuffer::new(gate.clone(), &BufferOptions::default()).unwrap();
    std::thread::scope(|scope| {
        for id in ["a", "b"] {
            let log = buffer.run(run(id));
            scope.spawn(move || {
                for step in 0..25_000 {
                    assert!(log.metric("loss", f64::from(step as i32), step, step));
                    if step % 100 == 0 {
                        log.tag("step", step.to_string());
                        log.param(format!("p{step}"), "x");
                    }
                }
            });
        }
    });
    let flushed = buffer.flush().unwrap();
    assert_eq!((flushed.written, flushed.refused, flushed.dropped, flushed.waiting), (51_000, 0, 0, 0));
    for id in ["a", "b"] {
        assert!(gate.steps(id, "loss").into_iter().eq(0..25_000));
        let data = gate.run(&run(id)).unwrap().data;
        assert_eq!((data.tags["step"].as_str(), data.params.len()), ("24900", 250));
    }
    let transactions = gate.writes.load(Ordering::Relaxed) - before;
    assert!(transactions < 200, "{transactions} transactions");
    assert_eq!(buffer.finish().unwrap(), flushed);
}

#[test]
fn what_is_refused_is_counted_and_keeps_nothing_else_back() {
    let gate = Gate::with_runs(&["a"]);
    let buffer = TrackerBuffer::new(gate.clone(), &quick()).unwrap();
    let (log, stranger) = (buffer.run(run("a")), buffer.run(run("nobody")));
    log.param("depth", "8");
    for step in 0..3000 {
        log.metric("loss", 0.5, step, step);
        if step == 1500 {
            log.param("depth", "9");
            log.metric(&"k".repeat(300), 0.5, 1, 1);
            stranger.metric("loss", 0.5, 1, 1);
        }
    }
    let flushed = buffer.flush().unwrap();
    assert_eq!((flushed.written, flushed.refused), (3001, 3));
    assert_eq!(gate.steps("a", "loss").len(), 3000);
    assert_eq!(gate.run(&run("a")).unwrap().data.params["depth"], "8");
    assert!(
        buffer.first_refusal().is_some_and(|text| text.contains("depth")),
        "{:?}",
        buffer.first_refusal()
    );
}

#[test]
fn without_a_spool_a_full_queue_drops_the_newest_and_counts_it() {
    let gate = Gate::with_runs(&["a"]);
    gate.go_away(true);
    let buffer = TrackerBuffer::new(gate.clone(), &quick().with_queue_bytes(200_000)).unwrap();
    let log = buffer.run(run("a"));
    let accepted = (0..20_000).filter(|step| log.metric("loss", 0.5, *step, *step)).count() as u64;
    let progress = buffer.progress();
    assert!(accepted > 500 && accepted < 20_000);
    assert_eq!((progress.dropped, progress.waiting), (20_000 - accepted, accepted));
    let away = buffer.flush().unwrap_err();
    assert!(matches!(away, Error::Unavailable(_)) && away.to_string().contains("it is away"), "{away}");
    gate.go_away(false);
    let flushed = buffer.finish().unwrap();
    assert_eq!((flushed.written, flushed.dropped, flushed.waiting), (accepted, 20_000 - accepted, 0));
    assert!(gate.steps("a", "loss").into_iter().eq(0..accepted as i64), "the newest were dropped");

    // Ended while the tracker is away, what waits is lost, and said to be.
    gate.go_away(true);
    let buffer = TrackerBuffer::new(gate, &quick()).unwrap();
    buffer.run(run("a")).tag("late", "1");
    assert!(matches!(buffer.finish(), Err(Error::Unavailable(_))));
}

#[test]
fn a_full_queue_spills_and_order_is_kept() {
    let (gate, folder) = (Gate::with_runs(&["a"]), tempfile::tempdir().unwrap());
    gate.go_away(true);
    let options = quick().with_queue_bytes(300_000).with_spool(folder.path().join("spool"));
    let buffer = TrackerBuffer::new(gate.clone(), &options).unwrap();
    let log = buffer.run(run("a"));
    for step in 0..20_000 {
        assert!(log.metric("loss", f64::NAN, step, step), "step {step}");
        assert!(log.tag("step", step.to_string()));
        if step % 500 == 0 {
            // As a training does that computes something in between.
            std::thread::sleep(Duration::from_millis(30));
        }
    }
    let progress = buffer.progress();
    assert_eq!((progress.dropped, progress.waiting), (0, 40_000));
    assert!(spooled(&options) > 1_000_000);
    gate.go_away(false);
    let flushed = buffer.finish().unwrap();
    assert_eq!((flushed.written, flushed.dropped, flushed.waiting), (40_000, 0, 0));
    assert!(gate.steps("a", "loss").into_iter().eq(0..20_000));
    assert_eq!(gate.run(&run("a")).unwrap().data.tags["step"], "19999");
    assert_eq!(spooled(&options), 0, "what was written is removed");
}

#[test]
fn a_full_spool_drops_the_newest_and_counts_it() {
    let (gate, folder) = (Gate::with_runs(&["a"]), tempfile::tempdir().unwrap());
    gate.go_away(true);
    let options = quick().with_queue_bytes(100_000).with_spool(folder.path()).with_spool_bytes(300_000);
    let buffer = TrackerBuffer::new(gate.clone(), &options).unwrap();
    let log = buffer.run(run("a"));
    let mut accepted = 0;
    for step in 0..20_000 {
        accepted += u64::from(log.metric("loss", 0.5, step, step));
        if step % 100 == 0 {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
    assert!(spooled(&options) <= 300_000 && accepted < 20_000, "{accepted}");
    assert_eq!(buffer.progress().dropped, 20_000 - accepted);
    gate.go_away(false);
    assert_eq!(buffer.flush().unwrap().written, accepted);
}

#[test]
fn what_an_ended_buffer_left_is_written_by_the_next() {
    let (gate, folder) = (Gate::with_runs(&["a"]), tempfile::tempdir().unwrap());
    let options = quick().with_spool(folder.path());
    gate.go_away(true);
    let buffer = TrackerBuffer::new(gate.clone(), &options).unwrap();
    let log = buffer.run(run("a"));
    for step in 0..10_000 {
        log.metric("loss", f64::INFINITY, step, step);
    }
    log.tag("state", "old");
    let left = buffer.finish().unwrap();
    assert_eq!((left.written, left.waiting), (0, 10_001));
    assert!(!log.tag("state", "after the end"), "an ended buffer accepts nothing");

    gate.go_away(false);
    let buffer = TrackerBuffer::new(gate.clone(), &options).unwrap();
    buffer.run(run("a")).tag("state", "new");
    assert_eq!(buffer.finish().unwrap().written, 10_002);
    assert_eq!(gate.steps("a", "loss").len(), 10_000);
    assert_eq!(gate.run(&run("a")).unwrap().data.tags["state"], "new", "what was left comes first");
    assert_eq!(spooled(&options), 0);
}

/// The process is killed while it spools: every whole record is there for the next one.
#[test]
fn what_a_killed_process_spooled_is_not_lost() {
    const FOLDER: &str = "MLCORE_TEST_SPOOL";
    if let Some(folder) = std::env::var_os(FOLDER) {
        let gate = Gate::with_runs(&["a"]);
        gate.go_away(true);
        let options = quick().with_queue_bytes(60_000).with_spool(Path::new(&folder));
        let buffer = TrackerBuffer::new(gate, &options).unwrap();
        let log = buffer.run(run("a"));
        for step in 0.. {
            while !log.metric("loss", 0.5, step, step) {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }
    let folder = tempfile::tempdir().unwrap();
    for kill in 0..3 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "what_a_killed_process_spooled_is_not_lost"])
            .env(FOLDER, folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let options = quick().with_spool(folder.path());
        let end = Instant::now() + Duration::from_secs(30);
        while spooled(&options) < 100_000 * (kill + 1) && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(10));
        }
        // A buffer beside a living one leaves its files alone.
        let gate = Gate::with_runs(&["a"]);
        assert_eq!(TrackerBuffer::new(gate.clone(), &options).unwrap().finish().unwrap().written, 0);
        child.kill().unwrap();
        child.wait().unwrap();
        let buffer = TrackerBuffer::new(gate.clone(), &options).unwrap();
        let written = buffer.finish().unwrap().written;
        let steps = gate.steps("a", "loss");
        assert!(written > 500, "{written}");
        // What the writer had in its hand, the first of all, was in memory only.
        let first = steps.first().copied().unwrap();
        assert!(
            steps.iter().copied().eq(first..first + written as i64),
            "from {first}, {written}: some are missing"
        );
        assert_eq!(spooled(&options), 0);
    }
}

#[test]
fn what_was_damaged_in_the_spool_is_left_and_what_comes_before_it_written() {
    let (gate, folder) = (Gate::with_runs(&["a"]), tempfile::tempdir().unwrap());
    let options = quick().with_spool(folder.path());
    gate.go_away(true);
    let buffer = TrackerBuffer::new(gate.clone(), &options).unwrap();
    let log = buffer.run(run("a"));
    for step in 0..100 {
        log.metric("loss", 0.5, step, step);
    }
    buffer.finish().unwrap();
    let file = std::fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    std::fs::write(&file, bytes).unwrap();
    // Other files and folders are nobody's spool.
    std::fs::write(folder.path().join("mlcore-spool-note.txt"), "hello").unwrap();
    std::fs::create_dir(folder.path().join("mlcore-spool-x.log")).unwrap();
    gate.go_away(false);
    let written = TrackerBuffer::new(gate.clone(), &options).unwrap().finish().unwrap().written;
    assert!((40..60).contains(&written), "{written}");
    assert!(gate.steps("a", "loss").into_iter().eq(0..written as i64));
    assert!(folder.path().join("mlcore-spool-note.txt").exists());
}

#[test]
fn a_flush_can_be_stopped_and_bad_options_are_refused() {
    let gate = Gate::with_runs(&["a"]);
    gate.go_away(true);
    let buffer = TrackerBuffer::new(gate.clone(), &quick().with_patience(Duration::from_secs(60))).unwrap();
    buffer.run(run("a")).tag("a", "b");
    let started = Instant::now();
    let stopped = interrupt::scope(move || started.elapsed() > Duration::from_millis(200), || buffer.flush());
    assert!(matches!(stopped, Err(Error::Interrupted(_))) && started.elapsed() < Duration::from_secs(5));
    drop(buffer);

    let none = TrackerBuffer::new(gate.clone(), &BufferOptions::default().with_queue_bytes(0)).unwrap_err();
    assert!(matches!(none, Error::InvalidInput(_)), "{none}");
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "").unwrap();
    let no_folder =
        TrackerBuffer::new(gate, &BufferOptions::default().with_spool(folder.path().join("file")));
    assert!(no_folder.is_err());
}

/// The bytes of the spool's files.
fn spooled(options: &BufferOptions) -> u64 {
    let folder = options.spool.as_deref().unwrap();
    let files = std::fs::read_dir(folder).into_iter().flatten().filter_map(std::result::Result::ok);
    files
        .filter(|file| file.path().extension().is_some_and(|end| end == "log") && file.path().is_file())
        .map(|file| file.metadata().map_or(0, |found| found.len()))
        .sum()
}
