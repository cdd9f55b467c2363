//! The buffer before a tracker: what is accepted, what is acknowledged, and what is counted.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mlcore::name::{ExperimentId, LoggedModelId, RunId};
use mlcore::time::Timestamp;
use mlcore::tracking::{
    Buffer, BufferOptions, Edit, Experiment, ExperimentSearch, HistorySearch, LoggedModel, LoggedModelSearch,
    MemoryTracker, Metric, NewRun, Page, Run, RunSearch, Tracker, TrackerExt,
};
use mlcore::{Error, Result};

/// A tracker that can be away.
struct Away {
    tracker: MemoryTracker,
    is_away: AtomicBool,
}

impl Tracker for Away {
    fn write(&self, edits: &[Edit]) -> Result<()> {
        if self.is_away.load(Ordering::SeqCst) {
            return Err(Error::unavailable("track", "test", "it is away"));
        }
        self.tracker.write(edits)
    }

    fn experiment(&self, id: &ExperimentId) -> Result<Experiment> {
        self.tracker.experiment(id)
    }

    fn experiment_by_name(&self, name: &str) -> Result<Experiment> {
        self.tracker.experiment_by_name(name)
    }

    fn search_experiments(&self, search: &ExperimentSearch) -> Result<Page<Experiment>> {
        self.tracker.search_experiments(search)
    }

    fn run(&self, id: &RunId) -> Result<Run> {
        self.tracker.run(id)
    }

    fn search_runs(&self, search: &RunSearch) -> Result<Page<Run>> {
        self.tracker.search_runs(search)
    }

    fn metric_history(&self, search: &HistorySearch) -> Result<Page<Metric>> {
        self.tracker.metric_history(search)
    }

    fn logged_model(&self, id: &LoggedModelId) -> Result<LoggedModel> {
        self.tracker.logged_model(id)
    }

    fn search_logged_models(&self, search: &LoggedModelSearch) -> Result<Page<LoggedModel>> {
        self.tracker.search_logged_models(search)
    }
}

fn world(options: BufferOptions) -> (Arc<Away>, Buffer, RunId) {
    let tracker = Arc::new(Away { tracker: MemoryTracker::new(), is_away: AtomicBool::new(false) });
    let at = Timestamp::from_millis(0);
    let experiment = tracker.default_experiment(at).unwrap().id;
    let run = tracker.start_run(NewRun::new(RunId::new("a").unwrap(), experiment, at)).unwrap().info.id;
    let buffer = Buffer::new(tracker.clone(), options).unwrap();
    (tracker, buffer, run)
}

fn slow() -> BufferOptions {
    BufferOptions::default().with_interval(Duration::from_millis(20))
}

#[test]
fn what_was_flushed_is_there() {
    let (tracker, buffer, run) = world(slow());
    let at = Timestamp::from_millis(1);
    for step in 0..5000 {
        assert!(buffer.log_metric(&run, "loss", 0.5, at, step));
    }
    for number in 0..300 {
        assert!(
            buffer.log_param(&run, &format!("p{number}"), "1")
                && buffer.set_tag(&run, "t", format!("{number}"))
        );
    }
    let flushed = buffer.flush().unwrap();
    assert_eq!((flushed.written, flushed.refused, flushed.dropped), (5600, 0, 0));
    let data = tracker.run(&run).unwrap().data;
    assert_eq!((data.params.len(), &*data.tags["t"], data.metrics["loss"].step), (300, "299", 4999));
    buffer.log_metric(&run, "loss", 0.5, at, 5000);
    assert_eq!(buffer.finish().unwrap().written, 5601);
    assert_eq!(tracker.whole_history(&run, "loss").unwrap().len(), 5001);
}

#[test]
fn a_buffer_that_is_dropped_writes_what_waits() {
    let (tracker, buffer, run) = world(BufferOptions::default().with_interval(Duration::from_secs(60)));
    buffer.log_param(&run, "p", "1");
    drop(buffer);
    assert_eq!(tracker.run(&run).unwrap().data.params["p"], "1");
}

#[test]
fn one_bad_entry_takes_no_other_with_it() {
    let (tracker, buffer, run) = world(slow());
    let none = RunId::new("none").unwrap();
    for (key, value) in [("a", "1"), ("a", "2"), ("../b", "1"), ("c", "1"), ("a", "1")] {
        buffer.log_param(&run, key, value);
    }
    buffer.log_param(&none, "a", "1");
    let flushed = buffer.flush().unwrap();
    assert_eq!((flushed.written, flushed.refused), (3, 3));
    assert_eq!(tracker.run(&run).unwrap().data.params.len(), 2);
}

#[test]
fn while_the_tracker_is_away_entries_wait_and_the_newest_are_dropped() {
    let (tracker, buffer, run) = world(slow().with_capacity(100));
    tracker.is_away.store(true, Ordering::SeqCst);
    for step in 0..100 {
        buffer.log_metric(&run, "loss", 0.5, Timestamp::from_millis(1), step);
    }
    assert_eq!(buffer.flush().unwrap_err().kind(), "unavailable");
    for step in 100..350 {
        buffer.log_metric(&run, "loss", 0.5, Timestamp::from_millis(1), step);
    }
    tracker.is_away.store(false, Ordering::SeqCst);
    let flushed = buffer.flush().unwrap();
    assert_eq!(flushed.written + flushed.dropped, 350);
    assert!(flushed.written >= 100 && flushed.dropped > 0, "{flushed:?}");
    let written = tracker.whole_history(&run, "loss").unwrap();
    assert!(written.iter().take(100).map(|point| point.step).eq(0..100), "the oldest are kept");
}
