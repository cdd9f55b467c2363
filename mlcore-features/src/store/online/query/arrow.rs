use std::sync::Arc;

use mlcore::arrow::array::{ArrayRef, FixedSizeListArray, ListArray, RecordBatch, RecordBatchOptions};
use mlcore::arrow::buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use mlcore::arrow::datatypes::{Field as ArrowField, Schema as ArrowSchema};
use mlcore::batch::{Value, column_of};
use mlcore::schema::{DType, Dim, Field};
use mlcore::{Error, Result};

use super::super::Cell;
use super::Answer;

impl Answer {
    /// The features as a table: a column for each, a row for each entity. What is null, not found or too old is null.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for lists of more than 2^31 - 1 numbers.
    pub fn to_record_batch(&self) -> Result<RecordBatch> {
        let (mut fields, mut columns) = (Vec::new(), Vec::new());
        for (number, field) in self.features().enumerate() {
            let column = self.column(number, field)?;
            fields.push(ArrowField::new(field.name(), column.data_type().clone(), true));
            columns.push(column);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(self.entities()));
        RecordBatch::try_new_with_options(Arc::new(ArrowSchema::new(fields)), columns, &options)
            .map_err(|cause| Error::internal(OPERATION, "columns", cause.to_string()).caused_by(cause))
    }

    /// The column of one feature.
    pub(crate) fn column_at(&self, number: usize) -> Result<ArrayRef> {
        match self.features().nth(number) {
            Some(field) => self.column(number, field),
            None => Err(Error::internal(OPERATION, format!("feature {number}"), "it was not read")),
        }
    }

    fn column(&self, number: usize, field: &Field) -> Result<ArrayRef> {
        let cells = (0..self.entities()).map(|entity| self.cell(entity, number));
        match field.shape() {
            [_, length] => lists(field, *length, cells),
            _ => column_of(field, cells.map(|cell| cell.value().unwrap_or(Value::Null))),
        }
    }
}

/// A column of lists. A null list of fixed length has zeros below it, as Arrow wants some values there.
fn lists<'a>(field: &Field, length: Dim, cells: impl Iterator<Item = Cell<'a>>) -> Result<ArrayRef> {
    let (mut values, mut valid, mut offsets) = (Vec::new(), Vec::new(), vec![0_i32]);
    let zero = match field.dtype() {
        DType::Bool => Value::Bool(false),
        dtype if dtype.is_float() => Value::Float(0.0),
        _ => Value::Int(0),
    };
    for cell in cells {
        match (cell, length) {
            (Cell::List(list), _) => values.extend(list.iter()),
            (Cell::Value(_), Dim::Fixed(size)) => values.extend(std::iter::repeat_n(zero, size)),
            (Cell::Value(_), Dim::Dynamic) => {}
        }
        valid.push(cell.list().is_some());
        offsets.push(i32::try_from(values.len()).map_err(|_| too_many(field))?);
    }
    let elements = column_of(&Field::column(field.name(), field.dtype()), values)?;
    let item = Arc::new(ArrowField::new("item", field.dtype().to_arrow(), false));
    let nulls = Some(NullBuffer::from(valid.as_slice())).filter(|nulls| nulls.null_count() > 0);
    match length {
        Dim::Fixed(size) => {
            let size = i32::try_from(size).map_err(|_| too_many(field))?;
            let list = FixedSizeListArray::try_new_with_length(item, size, elements, nulls, valid.len())
                .map_err(|cause| {
                    Error::internal(OPERATION, field.name(), cause.to_string()).caused_by(cause)
                })?;
            Ok(Arc::new(list))
        }
        Dim::Dynamic => {
            let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
            let list = ListArray::try_new(item, offsets, elements, nulls).map_err(|cause| {
                Error::internal(OPERATION, field.name(), cause.to_string()).caused_by(cause)
            })?;
            Ok(Arc::new(list))
        }
    }
}

fn too_many(field: &Field) -> Error {
    Error::unsupported(OPERATION, field.name(), "the lists have more than 2^31 - 1 numbers together")
        .remedy("read fewer entities at once")
}

const OPERATION: &str = "make table of features";
