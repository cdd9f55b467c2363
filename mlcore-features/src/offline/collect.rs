use std::fmt;
use std::sync::{Mutex, PoisonError};

use mlcore::arrow::array::RecordBatch;
use mlcore::{Result, interrupt};
use polars::lazy::dsl::by_name;
use polars::prelude::{DataFrame, LazyFrame, PlSmallStr};

use super::refusal::meant;
use super::to_batches;
use crate::pipeline::{BatchStream, Batches};

const OPERATION: &str = "collect query";
const SUBJECT: &str = "frame";

/// Some megabytes of a table of a hundred columns, as with files: what steps make of a batch while they learn takes as much again.
const BATCH_ROWS: usize = 1 << 14;

/// The rows of a frame, of which the columns that are not wanted are not looked at.
impl Batches for DataFrame {
    fn open<'a>(&'a self, wanted: &dyn Fn(&str) -> bool) -> Result<BatchStream<'a>> {
        let names = self.get_column_names().into_iter().filter(|name| wanted(name));
        let frame = self.select(names).map_err(|cause| meant(OPERATION, SUBJECT, cause))?;
        stream(&frame)
    }
}

/// The rows of a query, which is collected for every pass: polars reads and computes the columns that are wanted, and no other.
///
/// A query that is expensive, or whose rows may come in another order the next time, is [`Collected`].
impl Batches for LazyFrame {
    fn open<'a>(&'a self, wanted: &dyn Fn(&str) -> bool) -> Result<BatchStream<'a>> {
        let (query, names) = narrowed(self, wanted)?;
        stream(&collect(query, names)?)
    }
}

/// A query that is collected in the first pass over its rows, and kept for those that follow.
///
/// ```
/// use mlcore_features::offline::Collected;
/// use mlcore_features::offline::polars::prelude::*;
/// use mlcore_features::pipeline::Pipeline;
/// use mlcore_features::transform::{SimpleImputer, StandardScaler};
///
/// let query = df!("age" => [Some(20.0), None, Some(60.0)])?.lazy();
/// let steps = Pipeline::new().then("impute", SimpleImputer::default()).then("scale", StandardScaler::default());
/// // Two steps learn in two passes, and the query is collected once.
/// let plan = steps.fit_batches(&Collected::new(query))?;
/// assert_eq!(plan.width(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Collected {
    query: LazyFrame,
    kept: Mutex<Option<(Vec<PlSmallStr>, DataFrame)>>,
}

impl Collected {
    /// The rows of this query.
    #[must_use]
    pub fn new(query: LazyFrame) -> Self {
        Self { query, kept: Mutex::default() }
    }
}

impl Batches for Collected {
    fn open<'a>(&'a self, wanted: &dyn Fn(&str) -> bool) -> Result<BatchStream<'a>> {
        let (query, names) = narrowed(&self.query, wanted)?;
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        // Another step than before may learn from other columns.
        let frame = match kept.take() {
            Some((own, frame)) if own == names => frame,
            _ => collect(query, names.clone())?,
        };
        *kept = Some((names, frame.clone()));
        drop(kept);
        stream(&frame)
    }
}

impl fmt::Debug for Collected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Collected")
    }
}

/// The query, and its columns that are wanted; where there is none, its first, so that rows are counted.
fn narrowed(query: &LazyFrame, wanted: &dyn Fn(&str) -> bool) -> Result<(LazyFrame, Vec<PlSmallStr>)> {
    let mut query = query.clone();
    let schema = query.collect_schema().map_err(|cause| meant(OPERATION, SUBJECT, cause))?;
    let names = || schema.iter_names().cloned();
    let own: Vec<PlSmallStr> = names().filter(|name| wanted(name)).collect();
    Ok((query, if own.is_empty() { names().take(1).collect() } else { own }))
}

fn collect(query: LazyFrame, names: Vec<PlSmallStr>) -> Result<DataFrame> {
    interrupt::check(OPERATION)?;
    let selected = query.select([by_name(names, true, false).as_expr()]);
    selected.collect().map_err(|cause| meant(OPERATION, SUBJECT, cause))
}

fn stream<'a>(frame: &DataFrame) -> Result<BatchStream<'a>> {
    let batches = to_batches(frame)?.into_iter().flat_map(|batch| parts(&batch));
    Ok(Box::new(batches.map(Ok)))
}

/// The rows of a batch in batches that are not too large, one at least.
fn parts(batch: &RecordBatch) -> Vec<RecordBatch> {
    let rows = batch.num_rows();
    let starts = (0..rows.max(1)).step_by(BATCH_ROWS);
    starts.map(|start| batch.slice(start, BATCH_ROWS.min(rows - start))).collect()
}
