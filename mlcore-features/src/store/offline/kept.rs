//! Features of rows that cannot be found again, kept while they are the best of a place.

use std::sync::Arc;

use mlcore::arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use mlcore::arrow::datatypes::{Field, Schema, SchemaRef};
use mlcore::{Error, Result, interrupt};

use super::gather::{Place, gather};

/// Batches of rows that are kept. The number of a row is that of its batch, shifted, and its place there, so that numbers ascend
/// as rows came.
#[derive(Debug)]
pub(super) struct Kept {
    operation: &'static str,
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
    rows: usize,
}

impl Kept {
    pub(super) fn new(operation: &'static str, schema: SchemaRef) -> Self {
        Self { operation, schema, batches: Vec::new(), rows: 0 }
    }

    /// The number of a row of the batch that comes next.
    pub(super) fn number(&self, row: usize) -> u64 {
        ((self.batches.len() as u64) << 32) | row as u64
    }

    pub(super) fn place(number: u64) -> Place {
        Place { batch: (number >> 32) as u32, row: number as u32 }
    }

    /// Keeps some rows of a batch, in order; afterwards the row at position `n` of the list has the [number](Self::number) `n`
    /// of that batch.
    pub(super) fn keep(&mut self, batch: &RecordBatch, rows: &[u32]) -> Result<()> {
        let places: Vec<Option<Place>> = rows.iter().map(|row| Some(Place { batch: 0, row: *row })).collect();
        let kept = rows_at(self.operation, &self.schema, std::slice::from_ref(batch), &places)?;
        self.rows += rows.len();
        self.batches.push(kept);
        Ok(())
    }

    /// Whether there are so many more rows than are needed that room should be made.
    pub(super) fn is_wasteful(&self, needed: usize) -> bool {
        const ROWS: usize = 1 << 16;
        // Numbers of batches have 32 bits.
        self.rows > (2 * needed).max(ROWS) || self.batches.len() > ROWS
    }

    /// Keeps only these rows, whose numbers ascend; afterwards the row at position `n` of the list has the number `n`.
    pub(super) fn compact(&mut self, numbers: &[u64]) -> Result<()> {
        let places: Vec<Option<Place>> = numbers.iter().map(|number| Some(Self::place(*number))).collect();
        let kept = rows_at(self.operation, &self.schema, &self.batches, &places)?;
        self.rows = numbers.len();
        self.batches = vec![kept];
        Ok(())
    }

    pub(super) fn into_batches(self) -> Vec<RecordBatch> {
        self.batches
    }
}

/// Rows of batches, with the columns of a schema, by their names.
pub(super) fn rows_at(
    operation: &'static str,
    schema: &SchemaRef,
    batches: &[RecordBatch],
    places: &[Option<Place>],
) -> Result<RecordBatch> {
    let mut columns = Vec::with_capacity(schema.fields().len());
    for field in schema.fields() {
        columns.push(column_at(operation, field.name(), field, batches, places)?);
    }
    assembled(operation, schema.fields().to_vec(), columns, places.len())
}

/// One column of batches at some places.
pub(super) fn column_at(
    operation: &'static str,
    name: &str,
    field: &Field,
    batches: &[RecordBatch],
    places: &[Option<Place>],
) -> Result<ArrayRef> {
    interrupt::check(operation)?;
    let of = |batch: &RecordBatch| {
        let missing = || crate::program::missing_column(batch.schema_ref().fields(), name, operation);
        batch.column_by_name(name).cloned().ok_or_else(missing)
    };
    let arrays = batches.iter().map(of).collect::<Result<Vec<_>>>()?;
    gather(operation, name, field.data_type(), &arrays, places)
}

/// A table of columns that may all be null.
pub(super) fn assembled(
    operation: &'static str,
    fields: Vec<Arc<Field>>,
    columns: Vec<ArrayRef>,
    rows: usize,
) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)
        .map_err(|cause| Error::internal(operation, "columns", cause.to_string()).caused_by(cause))
}
