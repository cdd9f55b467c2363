//! One verdict for many replicas: each counts its rows, and the counts add up to those of one process that saw all rows.
//!
//! A replica behind a load balancer sees a part of the traffic, and judges it late: a tenth of the rows fills a window ten
//! times slower, and small changes stay below what its rows can tell. So every replica counts with a [`WindowCounter`] and
//! hands out [`WindowCounts`], a few kilobytes a column; a [`Fleet`] adds them up and answers as a [`Monitor`] would
//! that saw all rows. No row leaves its process.
//!
//! | test | the fleet's score |
//! |---|---|
//! | PSI, Hellinger and other tests of bins, missing rate | that of the rows, to the bit |
//! | chi-square and other tests of categories | that of the rows, to the bit, while there are no more than [`max_categories`](MonitorOptions::max_categories) new values; beyond, those not kept are one category, as in a monitor |
//! | Kolmogorov-Smirnov | at most that of the rows, and less by no more than the share of rows between two neighbouring edges, of which there are [`MOST_EDGES`]: 0.002 where nothing changed; the note `Summarised` of the score says the most that it could be |
//! | tests that need every value | refused by name when the counter is made |
//!
//! The order of rows is lost, so that a fleet's verdict does not say whether rows depend on each other; the replicas' own
//! monitors do.

mod bytes;
mod column;
mod counter;
mod counts;

use std::collections::BTreeMap;
use std::fmt;

use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

pub use self::bytes::WINDOW_COUNTS_VERSION;
pub(crate) use self::column::Counting;
pub use self::counter::WindowCounter;
pub use self::counts::WindowCounts;
pub(super) use self::counts::{Layout, Tally};
use super::MonitorReference;
use super::plan::Plan;
use super::verdict::{Verdict, Window};
#[cfg(doc)]
use super::{Monitor, MonitorOptions};

/// The most edges at which a column's values are counted for a test that needs every value of a single process.
pub const MOST_EDGES: usize = 1024;

/// Adds up the counts of replicas, and answers a verdict for every [`window_rows`](MonitorOptions::window_rows) rows of all
/// of them together.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{ArrayRef, Float64Array, RecordBatch};
/// use mlcore_drift::monitor::{Fleet, MonitorOptions, MonitorReference, WindowCounter};
///
/// let rows = |from: i32, to: i32| {
///     let age = Float64Array::from_iter_values((from..to).map(f64::from));
///     RecordBatch::try_from_iter([("age", Arc::new(age) as ArrayRef)])
/// };
/// let options = MonitorOptions::default().with_window_rows(600);
/// let reference = MonitorReference::new(&rows(0, 1000)?, &options)?;
///
/// // In each replica:
/// let mut counter = WindowCounter::new(&reference)?;
/// counter.observe(&rows(300, 600)?)?;
/// let sent = counter.take()?.to_bytes();
///
/// // Where they come together:
/// let mut fleet = Fleet::new(&reference)?;
/// let mut verdict = None;
/// for replica in ["a", "b"] {
///     verdict = fleet.add(replica, &mlcore_drift::monitor::WindowCounts::from_bytes(&sent)?)?;
/// }
/// let verdict = verdict.unwrap();
/// assert!(verdict.verdict.is_drifted());
/// assert_eq!(verdict.replicas["a"], 300);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Fleet {
    plan: Plan,
    layout: Layout,
    state: FleetState,
}

/// How far a [`Fleet`] is: the counts of the window that is open, and what came before it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FleetState {
    counts: WindowCounts,
    replicas: BTreeMap<String, u64>,
    windows: u64,
    rows_before: u64,
}

/// The verdict of a fleet, and the rows of each replica that it was made of.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FleetVerdict {
    /// The verdict.
    pub verdict: Verdict,
    /// The rows of each replica that had any.
    pub replicas: BTreeMap<String, u64>,
}

impl Fleet {
    /// A fleet whose replicas count for `reference`.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a column whose test needs every value.
    pub fn new(reference: &MonitorReference) -> Result<Self> {
        let plan = reference.plan()?;
        let layout = Layout::of(&plan)?;
        let state =
            FleetState { counts: layout.nothing(), replicas: BTreeMap::new(), windows: 0, rows_before: 0 };
        Ok(Self { plan, layout, state })
    }

    /// Adds what a replica counted since it was asked last, and answers a verdict if the window is full with it. Counts are
    /// added as a whole: a window ends with those that fill it.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for counts that were made for another reference or that contradict themselves; nothing is added
    /// then.
    pub fn add(&mut self, replica: &str, counts: &WindowCounts) -> Result<Option<FleetVerdict>> {
        self.layout.merge(&mut self.state.counts, counts)?;
        if counts.rows() > 0 {
            let rows = self.state.replicas.entry(replica.to_owned()).or_default();
            *rows = rows.saturating_add(counts.rows());
        }
        if self.state.counts.rows() < self.plan.options.window_rows as u64 {
            return Ok(None);
        }
        let verdict = self.evaluate_now()?;
        self.state.windows = self.state.windows.saturating_add(1);
        self.state.rows_before = self.state.rows_before.saturating_add(self.state.counts.rows());
        self.state.counts = self.layout.nothing();
        self.state.replicas.clear();
        Ok(Some(verdict))
    }

    /// Judges the counts of the window so far; the window goes on. Looking often at a growing window gives more false alarms
    /// than alpha promises.
    ///
    /// # Errors
    /// [`Error::Interrupted`], and [`Error::Internal`].
    pub fn evaluate_now(&self) -> Result<FleetVerdict> {
        let FleetState { counts, replicas, windows, rows_before } = &self.state;
        let window = Window { index: *windows, first_row: *rows_before, rows: counts.rows() };
        let options = &self.plan.options;
        let alpha = options.window_correction.alpha(options.alpha, *windows);
        let samples = self.layout.samples(counts)?;
        let verdict = self.plan.verdict(&samples, window, alpha)?;
        let verdict = Verdict {
            new_columns: counts.new_columns().to_vec(),
            vanished_columns: counts.vanished_columns().to_vec(),
            ..verdict
        };
        Ok(FleetVerdict { verdict, replicas: replicas.clone() })
    }

    /// The rows of the window so far.
    #[must_use]
    pub fn rows_in_window(&self) -> u64 {
        self.state.counts.rows()
    }

    /// How far the fleet is.
    #[must_use]
    pub fn save(&self) -> FleetState {
        self.state.clone()
    }

    /// Goes on where a fleet of the same reference was [saved](Self::save).
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for the state of a fleet of another reference, and for one that contradicts itself. Nothing is
    /// changed then.
    pub fn restore(&mut self, state: FleetState) -> Result<()> {
        // Merging with nothing checks the counts.
        let mut counts = self.layout.nothing();
        self.layout.merge(&mut counts, &state.counts)?;
        let of_replicas = state.replicas.values().try_fold(0_u64, |sum, rows| sum.checked_add(*rows));
        if of_replicas != Some(counts.rows()) {
            let problem = format!("they do not have the {} rows that were counted", counts.rows());
            return Err(Error::invalid_input("restore fleet", "replicas", problem)
                .remedy("restore what was saved as it is"));
        }
        self.state = state;
        Ok(())
    }
}

impl fmt::Display for FleetVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} replicas, {}", self.replicas.len(), self.verdict)
    }
}

/// The error for counts that are not those of the fleet's reference.
fn other_reference() -> Error {
    Error::invalid_input("merge counts", "counts", "they were made for another reference")
        .remedy("give all replicas the same monitor reference")
}
