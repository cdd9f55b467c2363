use std::sync::Arc;

use mlcore::arrow::array::RecordBatch;
use mlcore::batch::{Batch, ColumnView, Row, RowBuffer, RowScratch};
use serde::ser::{Error as _, SerializeMap};
use serde::{Serialize, Serializer};

use crate::endpoint::input::Input;

/// The input of a request, as it was recorded. Serialised, a row is the list of its values, and a table the lists of its
/// columns.
#[non_exhaustive]
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordedInput {
    /// Nothing: the request failed before its input was read.
    #[default]
    None,
    /// One raw record.
    Row(#[serde(serialize_with = "as_values")] RowBuffer),
    /// The caller's table of raw records.
    Table(#[serde(serialize_with = "as_columns")] Arc<RecordBatch>),
    /// Tensors, sharing the caller's elements.
    Tensors(Batch),
}

impl RecordedInput {
    /// Calls `use_input` with the input as the request brought it, where one was recorded; a row is shown in `scratch`.
    pub(crate) fn with<R>(
        &self,
        scratch: &mut RowScratch,
        use_input: impl FnOnce(Input<'_>) -> R,
    ) -> Option<R> {
        match self {
            Self::None => None,
            Self::Row(buffer) => Some(scratch.with(buffer, |row| use_input(Input::Row(row)))),
            Self::Table(table) => Some(use_input(Input::Table(table))),
            Self::Tensors(tensors) => Some(use_input(Input::Tensors(tensors))),
        }
    }

    /// Records `input`: rows are copied, into memory that was used before where there is some; the rest is shared. A row that
    /// does not say which columns it brings was read by those of `names`.
    pub(crate) fn fill(&mut self, input: Input<'_>, names: u64) {
        match (input, &mut *self) {
            (Input::Row(row), Self::Row(buffer)) => buffer.copy(known(row, names)),
            (Input::Row(row), _) => {
                let mut buffer = RowBuffer::default();
                buffer.copy(known(row, names));
                *self = Self::Row(buffer);
            }
            (Input::Table(table), _) => *self = Self::Table(table.clone()),
            (Input::Tensors(tensors), _) => *self = Self::Tensors(tensors.clone()),
        }
    }
}

fn known(row: Row<'_>, names: u64) -> Row<'_> {
    if row.names_digest() == 0 { row.with_names_digest(names) } else { row }
}

fn as_values<S: Serializer>(row: &RowBuffer, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(row.values())
}

fn as_columns<S: Serializer>(table: &RecordBatch, serializer: S) -> Result<S::Ok, S::Error> {
    let mut columns = serializer.serialize_map(Some(table.num_columns()))?;
    for (field, column) in table.schema_ref().fields().iter().zip(table.columns()) {
        let view = ColumnView::new(field.name(), &**column).map_err(S::Error::custom)?;
        let values: Vec<_> = (0..table.num_rows()).map(|row| view.value(row)).collect();
        columns.serialize_entry(field.name(), &values)?;
    }
    columns.end()
}
