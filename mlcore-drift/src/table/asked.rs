//! What tests of tables are asked alike: options, their bounds, and what a reader is told of the rows that entered.

use mlcore::arrow::array::RecordBatch;
use mlcore::{Error, Result};

use super::rows::Rows;
use crate::two_sample::Note;

/// Gives a test the setters of options that many have.
macro_rules! shared_options {
    ($test:ident: $($option:ident),+ $(,)?) => {
        impl $test {
            $(shared_options! { @ $option })+
        }
    };
    (@ columns) => {
        /// Reads these columns; without it, those that the default names.
        #[must_use]
        pub fn with_columns(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
            self.columns = Some(names.into_iter().map(Into::into).collect());
            self
        }
    };
    (@ standardise) => {
        /// Sets whether columns are divided by their standard deviation in the reference.
        #[must_use]
        pub fn with_standardise(mut self, standardise: bool) -> Self {
            self.standardise = standardise;
            self
        }
    };
    (@ max_rows) => {
        /// Sets how many rows of each table enter at most; more are drawn with the seed.
        #[must_use]
        pub fn with_max_rows(mut self, rows: usize) -> Self {
            self.max_rows = rows;
            self
        }
    };
    (@ permutations) => {
        /// Sets how many times rows are exchanged for the p-value; 0 for no p-value.
        #[must_use]
        pub fn with_permutations(mut self, permutations: usize) -> Self {
            self.permutations = permutations;
            self
        }
    };
    (@ seed) => {
        /// Sets the seed of the random numbers.
        #[must_use]
        pub fn with_seed(mut self, seed: u64) -> Self {
            self.seed = seed;
            self
        }
    };
    (@ minimum_effect) => {
        /// Sets the smallest effect that counts as drift.
        #[must_use]
        pub fn with_minimum_effect(mut self, effect: f64) -> Self {
            self.minimum_effect = effect;
            self
        }
    };
}
pub(super) use shared_options;

/// The columns that were asked for, or those that the test chooses.
pub(super) fn columns(
    operation: &'static str,
    asked: Option<&Vec<String>>,
    reference: &RecordBatch,
    chosen: impl Fn(&RecordBatch) -> Vec<String>,
    lacking: &'static str,
) -> Result<Vec<String>> {
    let columns = asked.cloned().unwrap_or_else(|| chosen(reference));
    if columns.is_empty() {
        return Err(Error::invalid_input(operation, "reference", format!("it has no {lacking}"))
            .remedy("choose columns: set the option columns"));
    }
    Ok(columns)
}

/// Refuses a number of rows that is none, or fills the memory.
pub(super) fn require_rows(operation: &'static str, rows: usize, most: usize, default: usize) -> Result<()> {
    if (2..=most).contains(&rows) {
        return Ok(());
    }
    let problem = format!("{rows} rows; 2 to {most} are possible");
    Err(Error::invalid_input(operation, "max_rows", problem).remedy(format!("{default} is the default")))
}

/// Refuses an option that is no size of anything.
pub(super) fn require_size(
    operation: &'static str,
    option: &'static str,
    value: f64,
    default: f64,
) -> Result<()> {
    if value > 0.0 && value.is_finite() {
        return Ok(());
    }
    let problem = format!("{value} is no size of an effect");
    Err(Error::invalid_input(operation, option, problem).remedy(format!("{default} is the default")))
}

/// Refuses more exchanges than anybody waits for.
pub(super) fn require_permutations(operation: &'static str, permutations: usize) -> Result<()> {
    if permutations <= MOST_PERMUTATIONS {
        return Ok(());
    }
    let problem = format!("{permutations} exchanges of rows; at most {MOST_PERMUTATIONS} are made");
    Err(Error::invalid_input(operation, "permutations", problem).remedy("199 is the default"))
}

/// How many rows entered where they are not all.
pub(super) fn notes(reference: &Rows, reference_len: usize, current: &Rows, current_len: usize) -> Vec<Note> {
    let entered = (reference.len(), current.len());
    entered_notes(entered, (reference_len, current_len), (reference.incomplete, current.incomplete))
}

/// The same by numbers, of reference and current table.
pub(super) fn entered_notes(
    entered: (usize, usize),
    complete: (usize, usize),
    incomplete: (u64, u64),
) -> Vec<Note> {
    let mut notes = Vec::new();
    if complete.0 > entered.0 || complete.1 > entered.1 {
        let text = format!(
            "{} of {} rows of the reference and {} of {} current ones were drawn",
            entered.0, complete.0, entered.1, complete.1
        );
        notes.push(Note::Remark { text });
    }
    if incomplete.0 + incomplete.1 > 0 {
        let text = format!(
            "rows that miss a number were left out: {} of the reference, {} current",
            incomplete.0, incomplete.1
        );
        notes.push(Note::Remark { text });
    }
    notes
}

/// Of a statistic, far more than adding up in another order can change.
pub(super) const ROUNDING: f64 = 1e-12;
const MOST_PERMUTATIONS: usize = 1_000_000;
