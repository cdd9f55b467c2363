//! One comparison of two tables: every column, its tests, its shape, and the verdict, as data, JSON or a page.
//!
//! A report holds aggregates only: moments, counts per bin, the most frequent categories. No row of either table can be
//! read from it.

mod column;
mod compare;
#[cfg(feature = "report")]
mod fleet;
#[cfg(feature = "report")]
mod page;
mod source;
#[cfg(feature = "report")]
mod verdict;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use mlcore::stats::MAX_AUTO_N;
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

pub use self::column::{CategoryShare, ColumnReport, Histogram, Moments, PsiSummary};
pub use self::source::ColumnSource;
use crate::catalog::{TableTestSpec, read_by_name};
use crate::monitor::{MonitorOptions, Outcome, Verdict};

/// The version of the JSON form of [`Report`]: raised when a field changes its meaning or goes.
pub const REPORT_VERSION: u32 = 1;

/// Options of [`report`]; they stand in a configuration file as well.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(remote = "Self", default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ReportOptions {
    /// The tests and how they are judged; the window does not matter. By default the preset's
    /// p-values are scipy's: exact up to 10,000 values.
    pub monitor: MonitorOptions,
    /// The tests of whole rows that are made beside those of single columns (default none).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub table_tests: Vec<TableTestSpec>,
    /// The title of the page.
    pub title: String,
    /// The bins of a histogram (default 30: enough to see a shape, few enough that each holds something).
    pub histogram_bins: usize,
    /// The categories that are shown one by one (default 12; the others are shown together).
    pub most_categories: usize,
    /// The threads that compare columns, the calling one among them (default 1). The report does not depend on it.
    pub threads: NonZeroUsize,
}

read_by_name!(ReportOptions);

impl Default for ReportOptions {
    fn default() -> Self {
        Self {
            monitor: MonitorOptions::default().with_max_exact_n(MAX_AUTO_N),
            table_tests: Vec::new(),
            title: "Data drift".to_owned(),
            histogram_bins: 30,
            most_categories: 12,
            threads: NonZeroUsize::MIN,
        }
    }
}

impl ReportOptions {
    /// Sets the tests and how they are judged.
    #[must_use]
    pub fn with_monitor(mut self, options: MonitorOptions) -> Self {
        self.monitor = options;
        self
    }

    /// Adds a test of whole rows.
    #[must_use]
    pub fn with_table_test(mut self, test: impl Into<TableTestSpec>) -> Self {
        self.table_tests.push(test.into());
        self
    }

    /// Sets the title of the page.
    #[must_use]
    pub fn with_title(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }

    /// Sets the number of bins of a histogram, 1 to 200.
    #[must_use]
    pub fn with_histogram_bins(mut self, bins: usize) -> Self {
        self.histogram_bins = bins;
        self
    }

    /// Sets how many categories are shown one by one.
    #[must_use]
    pub fn with_most_categories(mut self, most: usize) -> Self {
        self.most_categories = most;
        self
    }

    /// Sets how many threads compare columns, at most 1,024.
    #[must_use]
    pub fn with_threads(mut self, threads: NonZeroUsize) -> Self {
        self.threads = threads;
        self
    }
}

/// A comparison of two tables.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Report {
    /// [`REPORT_VERSION`].
    pub version: u32,
    /// The title.
    pub title: String,
    /// The judgement, as a monitor makes it.
    pub verdict: Verdict,
    /// The columns: the drifted ones first, by size of effect relative to its threshold.
    pub columns: Vec<ColumnReport>,
    /// What the effects of the tests mean, by name of test.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub legends: BTreeMap<String, String>,
}

/// Compares every column of `current` with the column of the same name in `reference`.
///
/// The verdict is the one a [`Monitor`](crate::monitor::Monitor) with the same options would give for a first window of these
/// rows; one report is one test, so that nothing is spent on later windows. Rows must be
/// [independent](crate::monitor#rows-must-be-independent) of each other.
///
/// Columns are read one by one, as many at a time as there are [`threads`](ReportOptions::threads): a
/// [source](ColumnSource) that holds a table elsewhere needs memory for these. Tests of whole rows need all of it.
///
/// # Errors
/// As [`Monitor::new`](crate::monitor::Monitor::new) for the reference and the options, and
/// [`Error::SchemaMismatch`] where `current` lacks a column or has it in another kind.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{ArrayRef, RecordBatch, StringArray};
/// use mlcore_drift::report::{ReportOptions, report};
///
/// let table = |plans: Vec<&str>| {
///     RecordBatch::try_from_iter([("plan", Arc::new(StringArray::from(plans)) as ArrayRef)])
/// };
/// let reference = table(["free", "free", "pro"].repeat(100))?;
/// let current = table(["free", "pro", "team"].repeat(50))?;
/// let report = report(&reference, &current, &ReportOptions::default())?;
/// assert!(report.verdict.is_drifted());
/// assert!(report.to_json().contains("\"version\": 1"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn report<R, C>(reference: &R, current: &C, options: &ReportOptions) -> Result<Report>
where
    R: ColumnSource + ?Sized,
    C: ColumnSource + ?Sized,
{
    if !(1..=MOST_HISTOGRAM_BINS).contains(&options.histogram_bins) {
        let problem = format!("{}; 1 to {MOST_HISTOGRAM_BINS} can be drawn", options.histogram_bins);
        return Err(Error::invalid_input(OPERATION, "histogram_bins", problem));
    }
    if options.threads.get() > MOST_THREADS {
        let problem = format!("{}; 1 to {MOST_THREADS} can be asked for", options.threads);
        return Err(Error::invalid_input(OPERATION, "threads", problem));
    }
    compare::tables(reference, current, options)
}

impl Report {
    /// The report as indented JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Every part is a plain struct with text keys: there is nothing that could fail.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// The report of such JSON.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for other text, [`Error::Unsupported`] for a report of a later version.
    pub fn from_json(json: &str) -> Result<Self> {
        let report: Self = serde_json::from_str(json)
            .map_err(|cause| Error::corrupt("read report", "JSON", cause.to_string()).caused_by(cause))?;
        if report.version > REPORT_VERSION {
            let problem = format!("version {}; this build reads up to {REPORT_VERSION}", report.version);
            return Err(Error::unsupported("read report", "JSON", problem).remedy("upgrade mlcore"));
        }
        Ok(report)
    }

    /// The columns in which something drifted.
    pub fn drifted(&self) -> impl Iterator<Item = &ColumnReport> {
        self.columns.iter().filter(|column| column.outcome == Outcome::Drifted)
    }

    /// The column of this name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&ColumnReport> {
        self.columns.iter().find(|column| column.name == name)
    }
}

const OPERATION: &str = "make report";
const MOST_HISTOGRAM_BINS: usize = 200;
const MOST_THREADS: usize = 1024;
