use std::sync::Arc;

use mlcore::arrow::array::RecordBatch;
use mlcore::batch::{Batch, Row, RowBuffer, RowScratch};
use serde::{Deserialize, Serialize};

use crate::endpoint::input::Input;

/// The input of a request, as it was recorded.
///
/// Serialised, a row is the list of its values (see [`Record`](super::Record)), and a table the list of its columns, each
/// with its name, its type and its values. Read back, a table has text as `Utf8` and dates as `Date32`, whatever their
/// layout was.
#[non_exhaustive]
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordedInput {
    /// Nothing: the request failed before its input was read.
    #[default]
    None,
    /// One raw record.
    Row(#[serde(with = "row")] RowBuffer),
    /// The caller's table of raw records.
    Table(#[serde(with = "table")] Arc<RecordBatch>),
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
            (Input::Entities, _) => *self = Self::None,
        }
    }
}

fn known(row: Row<'_>, names: u64) -> Row<'_> {
    if row.names_digest() == 0 { row.with_names_digest(names) } else { row }
}

/// A row as the list of its values.
mod row {
    use mlcore::batch::{Row, RowBuffer, Value};
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::endpoint::record::value::{Read, Written};

    pub(super) fn serialize<S: Serializer>(row: &RowBuffer, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(row.values().map(Written))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<RowBuffer, D::Error> {
        let values = Vec::<Read>::deserialize(deserializer)?;
        let values: Vec<Value<'_>> = values.iter().map(|Read(value)| value.as_value()).collect();
        let mut row = RowBuffer::default();
        row.copy(Row::unchecked(&values));
        Ok(row)
    }
}

/// A table as the list of its columns, in their order.
mod table {
    use std::sync::Arc;

    use mlcore::arrow::array::{Array, RecordBatch, RecordBatchOptions};
    use mlcore::arrow::datatypes;
    use mlcore::batch::{ColumnView, Value, column_of};
    use mlcore::schema::{DType, Field};
    use serde::de::Error as _;
    use serde::ser::{Error as _, SerializeSeq};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::endpoint::record::value::{Read, Written};

    #[derive(Serialize)]
    struct WrittenColumn<'a> {
        name: &'a str,
        dtype: DType,
        data: Data<'a>,
    }

    struct Data<'a> {
        view: ColumnView<'a>,
        rows: usize,
    }

    impl Serialize for Data<'_> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_seq((0..self.rows).map(|row| Written(self.view.value(row))))
        }
    }

    #[derive(Deserialize)]
    struct ReadColumn {
        name: String,
        dtype: DType,
        data: Vec<Read>,
    }

    pub(super) fn serialize<S: Serializer>(table: &RecordBatch, serializer: S) -> Result<S::Ok, S::Error> {
        let mut columns = serializer.serialize_seq(Some(table.num_columns()))?;
        for (field, column) in table.schema_ref().fields().iter().zip(table.columns()) {
            let name = field.name();
            let view = ColumnView::new(name, &**column).map_err(S::Error::custom)?;
            let dtype = DType::from_arrow(column.data_type()).ok_or_else(|| {
                S::Error::custom(format!("column {name:?}: {} has no form in a record", column.data_type()))
            })?;
            let data = Data { view, rows: table.num_rows() };
            columns.serialize_element(&WrittenColumn { name, dtype, data })?;
        }
        columns.end()
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Arc<RecordBatch>, D::Error> {
        let columns = Vec::<ReadColumn>::deserialize(deserializer)?;
        let rows = columns.first().map_or(0, |column| column.data.len());
        let (mut fields, mut arrays) = (Vec::new(), Vec::new());
        for ReadColumn { name, dtype, data } in columns {
            if data.len() != rows {
                let problem =
                    format!("column {name:?} has {} values, and the first column {rows}", data.len());
                return Err(D::Error::custom(problem));
            }
            let values: Vec<Value<'_>> = data.iter().map(|Read(value)| value.as_value()).collect();
            let field = Field::column(name.as_str(), dtype).nullable();
            let array = column_of(&field, values).map_err(D::Error::custom)?;
            fields.push(datatypes::Field::new(name, array.data_type().clone(), array.null_count() > 0));
            arrays.push(array);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::new(datatypes::Schema::new(fields)), arrays, &options)
            .map(Arc::new)
            .map_err(D::Error::custom)
    }
}
