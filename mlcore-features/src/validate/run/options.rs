//! How a table is looked at.

use std::path::PathBuf;

use mlcore::time::Timestamp;

/// How a table is looked at.
///
/// ```
/// use mlcore::time::Timestamp;
/// use mlcore_features::validate::RunOptions;
///
/// let options = RunOptions::default().with_now(Timestamp::from_millis(0)).with_most_unexpected(5);
/// # let _ = options;
/// ```
#[derive(Clone, PartialEq, Debug)]
pub struct RunOptions {
    pub(super) now: Option<Timestamp>,
    pub(super) most_unexpected: usize,
    pub(super) most_values: usize,
    pub(super) threads: usize,
    pub(super) spill_folder: Option<PathBuf>,
}

impl Default for RunOptions {
    /// One thread; no clock; 20 unexpected values of each expectation, which is Great Expectations' `partial_unexpected_count`; and 100
    /// million values of a column, which is 800 MB, where its quantiles are asked for.
    fn default() -> Self {
        Self { now: None, most_unexpected: 20, most_values: 100_000_000, threads: 1, spill_folder: None }
    }
}

impl RunOptions {
    /// The moment that ages are counted from.
    #[must_use]
    pub fn with_now(mut self, now: Timestamp) -> Self {
        self.now = Some(now);
        self
    }

    /// So many unexpected values are kept of each expectation, with their rows.
    #[must_use]
    pub fn with_most_unexpected(mut self, most: usize) -> Self {
        self.most_unexpected = most;
        self
    }

    /// So many values are held of each column whose quantiles, z-scores or distinct values are asked for. A table with more is
    /// refused for these.
    #[must_use]
    pub fn with_most_values(mut self, most: usize) -> Self {
        self.most_values = most;
        self
    }

    /// Distinct values, and combinations of several columns, beyond [`with_most_values`](Self::with_most_values) lie in files in this
    /// folder, so that uniqueness and counts of tables of any size are exact. The files go with the run. Numbers whose quantiles or
    /// z-scores are asked for are held in memory all the same.
    #[must_use]
    pub fn with_spill_folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.spill_folder = Some(folder.into());
        self
    }

    /// So many threads share a table that is [one batch](crate::validate::CompiledSuite::validate), where it is large. Sums and what is computed of them
    /// may differ in their last digits then.
    #[must_use]
    pub fn with_threads(mut self, threads: usize) -> Self {
        self.threads = threads;
        self
    }
}
