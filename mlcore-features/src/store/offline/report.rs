//! What a join answers, and what it saw on the way.

use mlcore::arrow::array::RecordBatch;

/// The entity rows with their features, and what was seen of each view.
#[derive(Clone, Debug)]
pub struct Joined {
    table: RecordBatch,
    views: Vec<ViewReport>,
}

/// How many rows of a view passed, and how many of them could not count.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ViewReport {
    name: String,
    pub(super) rows: u64,
    pub(super) rows_without_time: u64,
    pub(super) rows_without_created: u64,
    pub(super) present: u64,
}

impl Joined {
    pub(super) fn new(table: RecordBatch, views: Vec<ViewReport>) -> Self {
        Self { table, views }
    }

    /// The entity rows, in their order and with their columns, then the columns of each view.
    #[must_use]
    pub fn table(&self) -> &RecordBatch {
        &self.table
    }

    /// The same, by value.
    #[must_use]
    pub fn into_table(self) -> RecordBatch {
        self.table
    }

    /// The same as a lazy query of polars, of which nothing is copied that need not be. Needs the feature `offline`.
    ///
    /// # Errors
    /// [`Error::Unsupported`](mlcore::Error::Unsupported) that names a column of a type that does not cross.
    #[cfg(feature = "offline")]
    pub fn into_lazy(self) -> mlcore::Result<polars::prelude::LazyFrame> {
        use polars::prelude::IntoLazy;

        Ok(crate::offline::from_table(&self.table)?.lazy())
    }

    /// What was seen of each view, in their order.
    #[must_use]
    pub fn views(&self) -> &[ViewReport] {
        &self.views
    }
}

impl ViewReport {
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), rows: 0, rows_without_time: 0, rows_without_created: 0, present: 0 }
    }

    /// Adds what was seen of other rows of the view.
    pub(super) fn add(&mut self, other: &Self) {
        self.rows += other.rows;
        self.rows_without_time += other.rows_without_time;
        self.rows_without_created += other.rows_without_created;
    }

    /// The name of the view.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The rows of the source that were read.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The rows whose event time is null, which were left out.
    #[must_use]
    pub fn rows_without_time(&self) -> u64 {
        self.rows_without_time
    }

    /// The rows whose created time is null: left out, or with [`View::with_late_rows`](super::View::with_late_rows) before all others of their event time.
    #[must_use]
    pub fn rows_without_created(&self) -> u64 {
        self.rows_without_created
    }

    /// The entity rows that got features.
    #[must_use]
    pub fn present(&self) -> u64 {
        self.present
    }
}
