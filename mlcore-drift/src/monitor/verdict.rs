//! What a monitor says at the end of a window.

use std::fmt;

use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::sample::Kind;
use crate::table::TableScore;
use crate::text::Percent;
use crate::two_sample::{Note, Score};

/// The version of the JSON form of [`Verdict`]: raised when a field changes its meaning or goes.
pub const VERDICT_VERSION: u32 = 1;

/// Whether the data has changed, column by column and as a whole.
///
/// Serialises as JSON with a `version`; fields may be added within a version.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Verdict {
    /// [`VERDICT_VERSION`].
    pub version: u32,
    /// The whole: drifted as soon as one column is, or as many as [`drift_share`](Self::drift_share) says, or a test of whole
    /// rows; insufficient when nothing could be tested.
    pub overall: Outcome,
    /// The rows that were judged.
    pub window: Window,
    /// The rows they were compared with.
    pub reference_rows: u64,
    /// One entry per column and test, in the order of the reference's columns.
    pub columns: Vec<ColumnVerdict>,
    /// One entry per test of whole rows, in the order they were asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<TableVerdict>,
    /// Columns of the reference that are not watched, with the reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<SkippedColumn>,
    /// Columns of the window that the reference does not have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub new_columns: Vec<String>,
    /// Watched columns that a table of the window did not have; their rows count as missing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vanished_columns: Vec<String>,
    /// What a reader of all p-values should know: rows that depend on each other.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
    /// The correction for many tests, by statsmodels' name: `fdr_bh`.
    pub correction: String,
    /// The error rate it controls: with [alpha spending](super::WindowCorrection) this window's part of the monitor's.
    pub alpha: f64,
    /// The share of the compared columns in which a test found drift: Evidently's `share_of_drifted_columns`.
    #[serde(default)]
    pub share_of_drifted_columns: f64,
    /// The share from which on the whole drifted; `None` where one column is enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift_share: Option<f64>,
}

/// A judgement.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// No change that is both certain and large enough to matter.
    Stable,
    /// A change that is both.
    Drifted,
    /// Too few values to say, or values that are so seldom equal that even their replacement would look like chance.
    InsufficientData,
}

mlcore::words! {
    Outcome, "outcome": Stable = "stable", Drifted = "drifted", InsufficientData = "insufficient_data"
}

/// Which rows were judged.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Window {
    /// The number of windows before this one.
    pub index: u64,
    /// The number of rows observed before it.
    pub first_row: u64,
    /// Its rows.
    pub rows: u64,
}

/// One test of one column.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ColumnVerdict {
    /// The column.
    pub column: String,
    /// How it was read.
    pub kind: Kind,
    /// The name of the test.
    pub test: String,
    /// The judgement: drifted if the adjusted p-value is at most alpha *and* the effect reaches the threshold.
    pub outcome: Outcome,
    /// The test's answer; `None` where there were too few values to make it.
    pub score: Option<Score>,
    /// The p-value corrected for all tests of the window.
    pub pvalue_adjusted: Option<f64>,
    /// The smallest effect that counts as drift.
    pub threshold: f64,
    /// The judgement and its reasons in plain words.
    pub sentence: String,
}

/// One test of whole rows.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TableVerdict {
    /// The name of the test.
    pub test: String,
    /// The columns that it read.
    pub columns: Vec<String>,
    /// The judgement, by the rule of [`ColumnVerdict::outcome`].
    pub outcome: Outcome,
    /// The test's answer, and the columns that carry the change; `None` where it could not be made.
    pub score: Option<TableScore>,
    /// The p-value corrected for all tests of the window.
    pub pvalue_adjusted: Option<f64>,
    /// The smallest effect that counts as drift.
    pub threshold: f64,
    /// The judgement and its reasons in plain words.
    pub sentence: String,
}

/// A column that is not watched.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SkippedColumn {
    /// Its name.
    pub column: String,
    /// Why.
    pub reason: String,
}

impl Verdict {
    /// Whether anything drifted.
    #[must_use]
    pub fn is_drifted(&self) -> bool {
        self.overall == Outcome::Drifted
    }

    /// The tests that found drift.
    pub fn drifted(&self) -> impl Iterator<Item = &ColumnVerdict> {
        self.columns.iter().filter(|column| column.outcome == Outcome::Drifted)
    }

    /// The verdict as indented JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Every part is a plain struct with text keys: there is nothing that could fail.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// The verdict of such JSON.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for other text, [`Error::Unsupported`] for a verdict of a later version.
    pub fn from_json(json: &str) -> Result<Self> {
        let verdict: Self = serde_json::from_str(json)
            .map_err(|cause| Error::corrupt("read verdict", "JSON", cause.to_string()).caused_by(cause))?;
        if verdict.version > VERDICT_VERSION {
            let problem = format!("version {}; this build reads up to {VERDICT_VERSION}", verdict.version);
            return Err(Error::unsupported("read verdict", "JSON", problem).remedy("upgrade mlcore"));
        }
        Ok(verdict)
    }

    /// The judgement of this column's values or missing rate, by name of test.
    #[must_use]
    pub fn column(&self, name: &str, test: &str) -> Option<&ColumnVerdict> {
        self.columns.iter().find(|column| column.column == name && column.test == test)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Window { index, rows, .. } = self.window;
        write!(f, "window {index} ({rows} rows against {}): {}", self.reference_rows, self.overall)?;
        if let Some(share) = self.drift_share {
            let found = Percent(self.share_of_drifted_columns);
            write!(f, ", {found} of the columns drifted, and {} make a drift", Percent(share))?;
        }
        self.drifted().try_for_each(|column| write!(f, "\n  {}", column.sentence))?;
        if !self.vanished_columns.is_empty() {
            write!(f, "\n  Columns that were not there: {}.", self.vanished_columns.join(", "))?;
        }
        let tables = self.tables.iter().filter(|table| table.outcome == Outcome::Drifted);
        tables.into_iter().try_for_each(|table| write!(f, "\n  {}", table.sentence))?;
        self.notes.iter().try_for_each(|note| write!(f, "\n  Note: {note}."))
    }
}
