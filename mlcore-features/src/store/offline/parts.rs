//! Entity rows that are larger than memory.

use mlcore::arrow::array::{Array, RecordBatch};
use mlcore::{Error, Result};

use super::gather::Place;
use super::kept::rows_at;
use super::{OPERATION, PointInTimeJoin};
use crate::pipeline::{BatchStream, Batches};

/// The parts of a join, one after another; see [`PointInTimeJoin::run_in_parts`].
pub struct Parts<'a> {
    join: &'a PointInTimeJoin<'a>,
    entity_rows: BatchStream<'a>,
    /// Rows that were read and not joined yet.
    waiting: Vec<RecordBatch>,
    budget_bytes: usize,
    is_over: bool,
}

impl<'a> PointInTimeJoin<'a> {
    /// Joins entity rows part by part, in their order: as [`run`](Self::run) does, with about so many bytes of entity rows in memory at
    /// once.
    ///
    /// Nothing is written to disk: each part is a pass over the sources, so that a budget of a tenth of the entity rows reads keys and
    /// times ten times. A part is at least one row.
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use mlcore::arrow::array::{Int64Array, RecordBatch, TimestampSecondArray};
    /// use mlcore_features::store::offline::{PointInTimeJoin, View};
    ///
    /// let table = RecordBatch::try_from_iter([
    ///     ("driver", Arc::new(Int64Array::from_iter_values(0..1000)) as _),
    ///     ("time", Arc::new(TimestampSecondArray::from_iter_values(0..1000)) as _),
    /// ])
    /// .unwrap();
    /// let view = View::new("trips", table.clone(), ["driver"], "time").with_event_time("trips_time");
    /// let join = PointInTimeJoin::new("time").with(view);
    /// let entity_rows = vec![table];
    /// let parts = join.run_in_parts(&entity_rows, 8192)?.collect::<Result<Vec<_>, _>>()?;
    /// assert!(parts.len() > 1);
    /// assert_eq!(parts.iter().map(RecordBatch::num_rows).sum::<usize>(), 1000);
    /// # Ok::<(), mlcore::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a view whose source can be read once; those of the entity rows. A part answers those of
    /// [`run`](Self::run), and is the last one then.
    pub fn run_in_parts(&'a self, entity_rows: &'a dyn Batches, budget_bytes: usize) -> Result<Parts<'a>> {
        if let Some(view) = self.views().iter().find(|view| !view.source.is_repeatable()) {
            let problem = "entity rows in parts take a pass each, and the source can be read once";
            return Err(Error::unsupported(OPERATION, format!("view {}", view.name), problem)
                .remedy("pass files, batches, or a function that opens the source again"));
        }
        let entity_rows = entity_rows.open(&|_| true)?;
        Ok(Parts { join: self, entity_rows, waiting: Vec::new(), budget_bytes, is_over: false })
    }
}

impl Parts<'_> {
    /// The entity rows of the next part.
    fn part(&mut self) -> Result<Option<RecordBatch>> {
        let most = |batch: &RecordBatch, budget: usize| {
            // What is kept for an entity row and a view beside its columns.
            const BYTES_PER_ROW: usize = 64;
            let bytes =
                batch.columns().iter().map(|column| column.to_data().get_slice_memory_size().unwrap_or(0));
            let bytes = bytes.sum::<usize>() / batch.num_rows().max(1);
            (budget / (bytes + BYTES_PER_ROW * self.join.views().len().max(1))).max(1)
        };
        let mut rows = 0;
        let mut fits = usize::MAX;
        let mut index = 0;
        while rows < fits {
            let batch = match self.waiting.get(index) {
                Some(batch) => batch.clone(),
                None => match self.entity_rows.next() {
                    Some(batch) => {
                        let batch = batch?;
                        self.waiting.push(batch.clone());
                        batch
                    }
                    None => break,
                },
            };
            if batch.num_rows() > 0 {
                fits = fits.min(most(&batch, self.budget_bytes));
            }
            rows += batch.num_rows();
            index += 1;
        }
        let Some(first) = self.waiting.first().cloned() else { return Ok(None) };
        // What is left of batches that do not fit waits.
        let taken: Vec<RecordBatch> = self.waiting.drain(..index).collect();
        let mut left = fits;
        let mut places = Vec::new();
        let mut rest = Vec::new();
        for (number, batch) in (0_u32..).zip(&taken) {
            let own = batch.num_rows().min(left);
            places.extend((0..own as u32).map(|row| Some(Place { batch: number, row })));
            left -= own;
            if own < batch.num_rows() {
                rest.push(batch.slice(own, batch.num_rows() - own));
            }
        }
        self.waiting.splice(..0, rest);
        if let [only] = taken.as_slice() {
            return Ok(Some(only.slice(0, places.len())));
        }
        rows_at(OPERATION, &first.schema(), &taken, &places).map(Some)
    }
}

impl Iterator for Parts<'_> {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let part = self.part().and_then(|part| part.map(|part| self.join.run(&part)).transpose());
        self.is_over = !matches!(part, Ok(Some(_)));
        part.map(|part| part.map(super::Joined::into_table)).transpose()
    }
}

impl std::fmt::Debug for Parts<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").field("join", self.join).finish_non_exhaustive()
    }
}
