//! Entity rows that are larger than memory.

use mlcore::arrow::array::{Array, ArrayRef, RecordBatch};
use mlcore::{Error, Result};

use super::gather::Place;
#[cfg(feature = "spill")]
use super::join::read_columns;
use super::kept::rows_at;
use super::{Feature, OPERATION, PointInTimeJoin, Source};
use crate::pipeline::{BatchStream, Batches};

/// The parts of a join, one after another; see [`PointInTimeJoin::run_in_parts`].
pub struct Parts<'a> {
    join: &'a PointInTimeJoin<'a>,
    entity_rows: BatchStream<'a>,
    /// Rows that were read and not joined yet.
    waiting: Vec<RecordBatch>,
    budget_bytes: usize,
    /// The bytes of a row's features in the part before.
    feature_bytes: usize,
    /// Sources that were copied to files, of each view; empty before the second part.
    #[cfg(feature = "spill")]
    spilled: Vec<Option<super::spill::Spilled>>,
    is_over: bool,
}

impl<'a> PointInTimeJoin<'a> {
    /// Joins entity rows part by part, in their order: as [`run`](Self::run) does, with about so many bytes of entity rows and features in
    /// memory at once.
    ///
    /// Each part is a pass over the sources, so that a budget of a tenth of the entity rows reads keys and times ten times. A part is at
    /// least one row. With a [folder](Self::with_spill_folder), a source that finds no rows is read once, and copied.
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
    /// [`Error::Unsupported`] for a view whose source can be read once, where there is no folder; those of the entity rows. A part answers
    /// those of [`run`](Self::run) and of writing to the folder, and is the last one then.
    pub fn run_in_parts(&'a self, entity_rows: &'a dyn Batches, budget_bytes: usize) -> Result<Parts<'a>> {
        let once = self.views().iter().find(|view| !view.source.is_repeatable());
        if let Some(view) = once.filter(|_| !self.may_spill()) {
            let problem = "entity rows in parts take a pass each, and the source can be read once";
            return Err(Error::unsupported(OPERATION, format!("view {}", view.name), problem).remedy(
                "pass files, batches, a function that opens the source again, or a folder to spill to",
            ));
        }
        Ok(Parts {
            join: self,
            entity_rows: entity_rows.open(&|_| true)?,
            waiting: Vec::new(),
            budget_bytes,
            feature_bytes: self.feature_bytes()?,
            #[cfg(feature = "spill")]
            spilled: Vec::new(),
            is_over: false,
        })
    }

    /// About the bytes of a row's features, as far as their types tell.
    fn feature_bytes(&self) -> Result<usize> {
        /// Of a text, of which the type tells nothing.
        const BYTES_OF_A_TEXT: usize = 32;
        let mut bytes = 0;
        for view in self.views() {
            let schema = view.source.schema()?;
            let width = |feature: &Feature| {
                let found = schema.fields().find(&feature.column);
                found.and_then(|(_, field)| field.data_type().primitive_width()).unwrap_or(BYTES_OF_A_TEXT)
            };
            // Rows that are not found again are kept beside the answer, and up to twice as many as are needed.
            let copies = if view.source.finds_rows() { 1 } else { 3 };
            bytes += copies * view.features.iter().map(width).sum::<usize>();
        }
        Ok(bytes)
    }
}

impl Parts<'_> {
    /// The entity rows of the next part.
    fn part(&mut self) -> Result<Option<RecordBatch>> {
        let most = |batch: &RecordBatch, budget: usize| {
            // What is kept for an entity row and a view beside its columns.
            const BYTES_PER_ROW: usize = 64;
            let bytes = bytes_of(batch.columns()) / batch.num_rows().max(1);
            let others = self.feature_bytes + BYTES_PER_ROW * self.join.views().len().max(1);
            (budget / (bytes + others)).max(1)
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

impl Parts<'_> {
    /// A part with its features.
    fn joined(&mut self, part: &RecordBatch) -> Result<RecordBatch> {
        #[cfg(feature = "spill")]
        self.spill()?;
        let mut sources: Vec<&dyn Source> = Vec::new();
        for (number, view) in self.join.views().iter().enumerate() {
            sources.push(match self.elsewhere(number) {
                Some(copied) => copied,
                None => &*view.source,
            });
        }
        let joined = self.join.run_on(part, &sources)?.into_table();
        let features = joined.columns().get(part.num_columns()..).unwrap_or_default();
        // Texts may be longer than was thought.
        self.feature_bytes = self.feature_bytes.max(bytes_of(features) / part.num_rows().max(1));
        Ok(joined)
    }

    /// The rows of a view, where they were copied.
    #[cfg(feature = "spill")]
    fn elsewhere(&self, view: usize) -> Option<&dyn Source> {
        self.spilled.get(view)?.as_ref().map(|spilled| spilled as &dyn Source)
    }

    #[cfg(not(feature = "spill"))]
    fn elsewhere(&self, _: usize) -> Option<&dyn Source> {
        None
    }

    /// Copies sources that find no rows, once it is known that there is another part.
    #[cfg(feature = "spill")]
    fn spill(&mut self) -> Result<()> {
        let Some(folder) = self.join.spill_folder().filter(|_| self.spilled.is_empty()) else {
            return Ok(());
        };
        while self.waiting.iter().all(|batch| batch.num_rows() == 0) {
            match self.entity_rows.next() {
                Some(batch) => self.waiting.push(batch?),
                None => return Ok(()),
            }
        }
        for view in self.join.views() {
            let copied = (!view.source.finds_rows()).then(|| {
                let columns = read_columns(view, &*view.source);
                super::spill::Spilled::of(&*view.source, &columns, folder)
            });
            let copied = copied.transpose().map_err(|error| match error {
                Error::Interrupted(_) => error,
                error => error.within(format!("view {}", view.name)),
            });
            self.spilled.push(copied?);
        }
        Ok(())
    }
}

impl Iterator for Parts<'_> {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let part = self.part().and_then(|part| part.map(|part| self.joined(&part)).transpose());
        self.is_over = !matches!(part, Ok(Some(_)));
        part.transpose()
    }
}

/// The bytes of columns, as far as they are those of these rows.
fn bytes_of(columns: &[ArrayRef]) -> usize {
    columns.iter().map(|column| column.to_data().get_slice_memory_size().unwrap_or(0)).sum()
}

impl std::fmt::Debug for Parts<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").field("join", self.join).finish_non_exhaustive()
    }
}
