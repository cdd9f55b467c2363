//! What a monitor compares with, as a value that is stored beside the model.

mod bytes;

use std::collections::HashSet;
use std::sync::{Arc, OnceLock};

use mlcore::Result;
use mlcore::arrow::array::RecordBatch;
use mlcore::schema::{DType, Field, Schema};

pub use self::bytes::MONITOR_REFERENCE_VERSION;
use super::plan::{Plan, ReferenceColumn, Watched, read_columns};
use super::verdict::SkippedColumn;
use super::{Monitor, MonitorOptions, taken_rows};
use crate::sample::{Categories, Kind, Spelling};

/// The reference of a [`Monitor`] and its options, apart from the table that they were made of: what travels with a model.
///
/// Stored as an artifact and named by a version's lineage, it lets whoever loads the version watch it from the first
/// request. Every column is kept by itself, numbers in ascending order and categories with their counts, so that no row can
/// be put together again; the bytes do not depend on the order of the rows, and monitors made before and after storing
/// judge alike to the bit. A numeric column takes eight bytes a value: [`with_max_values`](Self::with_max_values) bounds it.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{ArrayRef, Float64Array, RecordBatch};
/// use mlcore::artifact::{ArtifactStoreExt, MemoryStore};
/// use mlcore::registry::Lineage;
/// use mlcore_drift::monitor::{MonitorOptions, MonitorReference};
///
/// let rows = |from: i32, to: i32| {
///     let age = Float64Array::from_iter_values((from..to).map(f64::from));
///     RecordBatch::try_from_iter([("age", Arc::new(age) as ArrayRef)])
/// };
/// let options = MonitorOptions::default().with_window_rows(200);
/// let reference = MonitorReference::new(&rows(0, 500)?, &options)?;
/// let store = MemoryStore::new();
/// let lineage = Lineage::default().with_monitor(store.put_bytes(&reference.to_bytes()?)?);
///
/// // Elsewhere, where the version is loaded:
/// let stored = store.read(&lineage.monitor.unwrap())?;
/// let mut monitor = MonitorReference::from_bytes(&stored)?.monitor()?;
/// assert!(monitor.observe(&rows(400, 600)?)?[0].is_drifted());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct MonitorReference {
    /// The watched columns, in the order of the table.
    columns: Vec<ReferenceColumn>,
    skipped: Vec<SkippedColumn>,
    /// All columns of the table, in the order in which rows hold them.
    names: Vec<String>,
    options: MonitorOptions,
    rows: u64,
    /// The columns compiled, once somebody asked for it. Monitors share them.
    compiled: OnceLock<Vec<Arc<Watched>>>,
}

impl MonitorReference {
    /// The reference of a monitor that compares with `table`: the rows that the model was trained on, or a stretch of traffic
    /// that was good.
    ///
    /// # Errors
    /// Those of [`Monitor::new`].
    pub fn new(table: &RecordBatch, options: &MonitorOptions) -> Result<Self> {
        let table = &*taken_rows(table, options)?;
        let (columns, skipped) = read_columns(table, options)?;
        let in_order = |column: ReferenceColumn| ReferenceColumn {
            sample: column.sample.in_ascending_order(),
            ..column
        };
        let columns = columns.into_iter().map(in_order).collect();
        let names = table.schema().fields().iter().map(|field| field.name().clone()).collect();
        let reference = Self::of_parts(columns, skipped, names, options.clone(), table.num_rows() as u64);
        // What cannot be watched is refused here, and not where the version is loaded.
        reference.monitor()?;
        Ok(reference)
    }

    /// Keeps at most this many numbers of each column, evenly spaced in ascending order: quantiles of the column. Tests take
    /// the column to have as many values, so that verdicts stay sound and see less of small changes.
    #[must_use]
    pub fn with_max_values(mut self, most: usize) -> Self {
        self.columns.iter_mut().for_each(|column| column.sample = column.sample.thinned_to(most.max(1)));
        self.compiled = OnceLock::new();
        self
    }

    /// A monitor against the reference. Its columns are compiled once: monitors, counters and fleets of one reference share them.
    ///
    /// # Errors
    /// [`Error::InvalidInput`](mlcore::Error::InvalidInput) for a reference without a column to watch;
    /// [`Error::NotFound`](mlcore::Error::NotFound) for a test that its [catalogue](MonitorOptions::catalog) does not have.
    pub fn monitor(&self) -> Result<Monitor> {
        let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        Monitor::of_plan(self.plan()?, &names)
    }

    /// The reference of those of its columns that are in `names`, in whose rows no other column stands.
    #[must_use]
    pub fn of_columns(&self, names: &[&str]) -> Self {
        let wanted: HashSet<&str> = names.iter().copied().collect();
        let is_wanted = |name: &str| wanted.contains(name);
        let compiled = match self.compiled.get() {
            Some(compiled) => {
                let wanted = compiled.iter().filter(|column| is_wanted(&column.name));
                OnceLock::from(wanted.cloned().collect::<Vec<_>>())
            }
            None => OnceLock::new(),
        };
        Self {
            columns: self.columns.iter().filter(|column| is_wanted(&column.name)).cloned().collect(),
            skipped: self.skipped.iter().filter(|skipped| is_wanted(&skipped.column)).cloned().collect(),
            names: self.names.iter().filter(|name| is_wanted(name)).cloned().collect(),
            options: self.options.clone(),
            rows: self.rows,
            compiled,
        }
    }

    /// The columns of the table, in the order in which rows hold them.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// The names of the watched columns.
    pub fn columns(&self) -> impl ExactSizeIterator<Item = &str> {
        self.columns.iter().map(|column| column.name.as_str())
    }

    /// The rows of the table, thinned ones not counted.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The options of its monitors.
    #[must_use]
    pub fn options(&self) -> &MonitorOptions {
        &self.options
    }

    /// Whether a column of this name holds text, which no number stands for.
    #[must_use]
    pub fn is_text(&self, name: &str) -> bool {
        let found = self.columns.iter().find(|column| column.name == name);
        found.is_some_and(|ReferenceColumn { sample, .. }| {
            sample.kind() == Kind::Categorical
                && sample.categories().is_some_and(|categories| categories.spelling() == Spelling::Text)
        })
    }

    /// What a record of the watched columns looks like: text, truth values, and numbers as floats; each may be missing.
    ///
    /// # Errors
    /// [`Error::InvalidInput`](mlcore::Error::InvalidInput) for a column's name that no field may have.
    pub fn schema(&self) -> Result<Schema> {
        Schema::new(self.columns.iter().map(|ReferenceColumn { name, sample, .. }| {
            let dtype = match sample.categories().map(Categories::spelling) {
                Some(Spelling::Text) => DType::String,
                Some(Spelling::Boolean) => DType::Bool,
                Some(Spelling::Number) | None => DType::Float64,
            };
            Field::column(name, dtype).nullable()
        }))
    }

    pub(super) fn plan(&self) -> Result<Plan> {
        let columns = match self.compiled.get() {
            Some(compiled) => compiled.clone(),
            None => {
                let compiled = Watched::all(&self.columns, &self.options)?;
                self.compiled.get_or_init(|| compiled).clone()
            }
        };
        Plan::new(columns, self.skipped.clone(), &self.options, self.rows)
    }

    /// A reference whose columns are not compiled yet.
    fn of_parts(
        columns: Vec<ReferenceColumn>,
        skipped: Vec<SkippedColumn>,
        names: Vec<String>,
        options: MonitorOptions,
        rows: u64,
    ) -> Self {
        Self { columns, skipped, names, options, rows, compiled: OnceLock::new() }
    }
}
