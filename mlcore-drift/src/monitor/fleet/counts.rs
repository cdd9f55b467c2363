//! The counts of a window, and what they are counts of.

use std::sync::Arc;

use mlcore::artifact::Digest;
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use super::column::{ColumnCounts, Counting};
use super::other_reference;
use crate::monitor::plan::Plan;
use crate::sample::{Kind, MOST_ROWS, Sample};

/// The rows of a window as counts, which many replicas' add up of: see [`fleet`](crate::monitor::Fleet).
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WindowCounts {
    /// Of the columns, their tests and edges.
    reference: Digest,
    rows: u64,
    columns: Vec<ColumnCounts>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    new_columns: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    vanished_columns: Vec<String>,
}

impl WindowCounts {
    /// The rows that were counted.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Columns of the rows that the reference does not have.
    #[must_use]
    pub fn new_columns(&self) -> &[String] {
        &self.new_columns
    }

    /// Columns of the reference that some of the rows did not have.
    #[must_use]
    pub fn vanished_columns(&self) -> &[String] {
        &self.vanished_columns
    }
}

/// What is counted of which column.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    columns: Arc<[Column]>,
    reference: Digest,
}

#[derive(Debug)]
struct Column {
    name: String,
    kind: Kind,
    counting: Counting,
}

/// The counts of the windows that a counter has finished.
#[derive(Debug)]
pub(crate) struct Tally {
    pub(crate) layout: Layout,
    pub(crate) counts: WindowCounts,
}

impl Layout {
    /// What is counted of the columns of a plan.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a column whose test needs every value.
    pub(crate) fn of(plan: &Plan) -> Result<Self> {
        let countings = plan.columns.iter().map(|column| column.counting().cloned());
        let countings: Vec<Counting> = countings.collect::<Result<_>>()?;
        let mut told = Vec::new();
        let mut tell = |bytes: &[u8]| {
            told.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
            told.extend_from_slice(bytes);
        };
        for (column, counting) in plan.columns.iter().zip(&countings) {
            tell(column.name.as_bytes());
            tell(column.test_names().as_bytes());
            match counting {
                Counting::Edges(edges) => edges.iter().for_each(|edge| tell(&edge.to_le_bytes())),
                Counting::Values { known, limit, .. } => {
                    tell(&limit.to_le_bytes());
                    known.iter().for_each(|(text, _)| tell(text.as_bytes()));
                }
            }
        }
        let columns = plan.columns.iter().zip(countings);
        let columns = columns.map(|(watched, counting)| Column {
            name: watched.name.clone(),
            kind: watched.kind,
            counting,
        });
        Ok(Self { columns: columns.collect(), reference: Digest::of(told) })
    }

    /// The counts of no rows.
    pub(crate) fn nothing(&self) -> WindowCounts {
        let columns = self.columns.iter().map(|column| column.counting.nothing()).collect();
        WindowCounts {
            reference: self.reference,
            rows: 0,
            columns,
            new_columns: Vec::new(),
            vanished_columns: Vec::new(),
        }
    }

    /// The counts of a sample per column.
    pub(crate) fn count(
        &self,
        samples: &[Sample],
        rows: u64,
        [new_columns, vanished_columns]: [Vec<String>; 2],
    ) -> Result<WindowCounts> {
        let mut counted = WindowCounts { rows, new_columns, vanished_columns, ..self.nothing() };
        for ((column, counts), sample) in self.columns.iter().zip(&mut counted.columns).zip(samples) {
            column.counting.add(counts, sample)?;
        }
        Ok(counted)
    }

    /// Adds counts; nothing is added on an error.
    pub(crate) fn merge(&self, counts: &mut WindowCounts, other: &WindowCounts) -> Result<()> {
        if other.reference != self.reference || other.columns.len() != self.columns.len() {
            return Err(other_reference());
        }
        for (column, theirs) in self.columns.iter().zip(&other.columns) {
            column.check(theirs, other.rows)?;
        }
        let mut merged = counts.clone();
        merged.rows =
            counts.rows.checked_add(other.rows).filter(|rows| *rows <= MOST_ROWS).ok_or_else(|| {
                let problem = format!("{} rows and {} more are beyond 2^53", counts.rows, other.rows);
                Error::invalid_input(OPERATION, "rows", problem).remedy("judge windows of fewer rows")
            })?;
        // Every column has as many rows, so that no count is beyond either.
        for ((column, own), theirs) in self.columns.iter().zip(&mut merged.columns).zip(&other.columns) {
            column.counting.merge(own, theirs)?;
        }
        join(&mut merged.new_columns, &other.new_columns);
        join(&mut merged.vanished_columns, &other.vanished_columns);
        *counts = merged;
        Ok(())
    }

    /// What tests see of the counts.
    pub(crate) fn samples(&self, counts: &WindowCounts) -> Result<Vec<Sample>> {
        let columns = self.columns.iter().zip(&counts.columns);
        columns.map(|(column, counts)| column.counting.sample(counts, column.kind)).collect()
    }
}

impl Column {
    /// Refuses what no replica counted: counts of another number of rows, and such as contradict themselves.
    fn check(&self, counts: &ColumnCounts, rows: u64) -> Result<()> {
        let problem = if !counts.are_of(rows) {
            format!("it does not have the {rows} rows that were counted")
        } else if !self.counting.fits(counts, self.kind) {
            "its counts are not those of the reference's values".to_owned()
        } else {
            return Ok(());
        };
        Err(Error::invalid_input(OPERATION, self.name.as_str(), problem)
            .remedy("hand on what the replica counted as it is"))
    }
}

/// Adds names in an order that does not depend on that of merging.
fn join(own: &mut Vec<String>, others: &[String]) {
    own.extend_from_slice(others);
    own.sort_unstable();
    own.dedup();
    own.truncate(MOST_NEW_COLUMNS);
}

const OPERATION: &str = "merge counts";
/// Names of unknown columns that are kept, so that rows with ever new names do not fill memory.
const MOST_NEW_COLUMNS: usize = 1000;
