use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::store::definition::ViewVersion;
use crate::store::registry::Interval;

/// How far a view is.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Progress {
    /// The view.
    pub view: String,
    /// The interval that is being written.
    pub interval: Interval,
    /// The keys of the interval that are written.
    pub done: u64,
    /// The keys of the interval.
    pub total: u64,
    /// How long the writing of the interval has taken.
    pub elapsed: Duration,
}

impl Progress {
    /// Keys per second; zero before any time has passed.
    #[must_use]
    pub fn rate(&self) -> f64 {
        let seconds = self.elapsed.as_secs_f64();
        if seconds > 0.0 { self.done as f64 / seconds } else { 0.0 }
    }

    /// How long the rest of the interval will take at this rate; `None` before any rate is known.
    #[must_use]
    pub fn remaining(&self) -> Option<Duration> {
        let rate = self.rate();
        let rest = self.total.saturating_sub(self.done) as f64;
        (rate > 0.0).then(|| Duration::try_from_secs_f64(rest / rate).unwrap_or(Duration::MAX))
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { view, done, total, .. } = self;
        write!(f, "{view}: {done} of {total} keys, {:.0} keys/s", self.rate())?;
        match self.remaining() {
            Some(rest) => write!(f, ", {:.1} s to go", rest.as_secs_f64()),
            None => Ok(()),
        }
    }
}

/// What a run did.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct MaterialiseReport {
    /// The views that were written, in order.
    pub views: Vec<ViewRun>,
    /// The views that were not named and cannot be materialised, with the reason.
    pub skipped: Vec<SkippedView>,
}

/// What a run did with one view.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ViewRun {
    /// The view.
    pub view: String,
    /// Its version.
    pub version: ViewVersion,
    /// The intervals that were written, in order; none where all was done before.
    pub intervals: Vec<Interval>,
    /// The rows of the source that were read.
    pub rows: u64,
    /// The rows without an event time, which were left out.
    pub rows_without_time: u64,
    /// The keys that were stored; of sliding windows, those of which tiles were made.
    pub stored: u64,
    /// The keys of which something newer was there; of sliding windows, those whose tiles were left to the stream.
    pub older: u64,
}

/// A view that a run left out.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct SkippedView {
    /// The view.
    pub view: String,
    /// Why.
    pub reason: String,
}

impl fmt::Display for MaterialiseReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for run in &self.views {
            write!(f, "{} {}: {} keys stored, {} older", run.view, run.version, run.stored, run.older)?;
            match (run.intervals.first(), run.intervals.last()) {
                (Some(first), Some(last)) => writeln!(f, ", {} to {}", first.start(), last.end())?,
                _ => writeln!(f, ", nothing to do")?,
            }
        }
        self.skipped
            .iter()
            .try_for_each(|skipped| writeln!(f, "{} left out: {}", skipped.view, skipped.reason))
    }
}
