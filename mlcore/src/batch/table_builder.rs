use std::sync::Arc;

use super::{Element, Row, Value};
use crate::arrow::array::{
    Array, ArrayRef, BooleanBuilder, PrimitiveBuilder, RecordBatch, RecordBatchOptions, StringBuilder,
    make_array,
};
use crate::arrow::datatypes::{self, SchemaRef};
use crate::error::{Error, Result};
use crate::schema::{DType, Field, Schema, numbers};
use crate::time::TimeUnit;

/// Makes a table of rows, one after another: what turns single records into what a plan or a monitor reads at once.
///
/// ```
/// use mlcore::batch::{Row, TableBuilder, Value};
/// use mlcore::schema::{DType, Field, Schema};
///
/// let schema = Schema::new([Field::column("age", DType::UInt8), Field::column("plan", DType::String).nullable()])?;
/// let mut table = TableBuilder::new(&schema)?;
/// table.append(Row::new(&[Value::Int(41), Value::Text("free")], &schema)?)?;
/// table.append(Row::new(&[Value::Int(67), Value::Null], &schema)?)?;
/// assert_eq!(table.finish()?.num_rows(), 2);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Debug)]
pub struct TableBuilder {
    schema: SchemaRef,
    names: u64,
    columns: Vec<ColumnBuilder>,
    rows: usize,
}

impl TableBuilder {
    /// A builder for tables of plain columns.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a field that is no plain column.
    pub fn new(schema: &Schema) -> Result<Self> {
        let columns = schema.fields().iter().map(ColumnBuilder::new).collect::<Result<_>>()?;
        Ok(Self { schema: Arc::new(schema.to_arrow()?), names: schema.names_digest(), columns, rows: 0 })
    }

    /// Adds a row.
    ///
    /// # Errors
    /// [`Error::SchemaMismatch`] naming the column, for a row of other columns, a value that the column's type does not
    /// hold, and a null where none is allowed. The rows before are not affected.
    pub fn append(&mut self, row: Row<'_>) -> Result<()> {
        row.check_names(OPERATION, self.names)?;
        row.check_fields(OPERATION, self.columns.iter().map(|column| &column.field))?;
        for (column, value) in self.columns.iter_mut().zip(row.values()) {
            column.append(*value);
        }
        self.rows += 1;
        Ok(())
    }

    /// The rows so far.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The table of the rows so far; the builder is empty after it.
    ///
    /// # Errors
    /// [`Error::Internal`] only.
    pub fn finish(&mut self) -> Result<RecordBatch> {
        let columns = self.columns.iter_mut().map(ColumnBuilder::finish).collect::<Result<_>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(std::mem::take(&mut self.rows)));
        RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)
            .map_err(|cause| Error::internal(OPERATION, "columns", cause.to_string()).caused_by(cause))
    }
}

/// An Arrow column of these values, of the field's type.
///
/// ```
/// use mlcore::arrow::array::Array;
/// use mlcore::batch::{Value, column_of};
/// use mlcore::schema::{DType, Field};
///
/// let ages = Field::column("age", DType::UInt8).nullable();
/// assert_eq!(column_of(&ages, [Value::Int(41), Value::Null])?.null_count(), 1);
/// assert!(column_of(&ages, [Value::Int(300)]).is_err());
/// # Ok::<(), mlcore::Error>(())
/// ```
///
/// # Errors
/// [`Error::SchemaMismatch`] naming the field for a value that does not fit, [`Error::Unsupported`] for a field that is no
/// plain column.
pub fn column_of<'v>(field: &Field, values: impl IntoIterator<Item = Value<'v>>) -> Result<ArrayRef> {
    let mut column = ColumnBuilder::new(field)?;
    for value in values {
        Row::check_field("make column", field, value)?;
        column.append(value);
    }
    column.finish()
}

const OPERATION: &str = "make table";

/// One column under construction.
#[derive(Debug)]
struct ColumnBuilder {
    field: Field,
    storage: Storage,
}

macro_rules! storage {
    ([$($variant:ident, $native:ident, $name:literal, $arrow:ident, $onnx:ident, $doc:literal;)+]) => {
        /// What is stored; dates and times are their counts.
        #[derive(Debug)]
        enum Storage {
            Bool(BooleanBuilder),
            $($variant(PrimitiveBuilder<datatypes::$arrow>),)+
            String(StringBuilder),
        }

        impl Storage {
            fn new(dtype: DType) -> Self {
                match dtype {
                    DType::Bool => Self::Bool(BooleanBuilder::new()),
                    $(DType::$variant => Self::$variant(PrimitiveBuilder::new()),)+
                    DType::String => Self::String(StringBuilder::new()),
                    DType::Date | DType::Time(TimeUnit::Second | TimeUnit::Millisecond) => {
                        Self::Int32(PrimitiveBuilder::new())
                    }
                    DType::Time(_) | DType::Timestamp(..) => Self::Int64(PrimitiveBuilder::new()),
                }
            }

            /// Adds a value that fits, or a null.
            fn append(&mut self, value: Value<'_>) {
                match self {
                    Self::Bool(values) => values.append_option(Element::from_value(value)),
                    $(Self::$variant(values) => values.append_option(Element::from_value(value)),)+
                    Self::String(texts) => texts.append_option(value.as_str()),
                }
            }

            fn finish(&mut self) -> ArrayRef {
                match self {
                    Self::Bool(values) => Arc::new(values.finish()),
                    $(Self::$variant(values) => Arc::new(values.finish()),)+
                    Self::String(texts) => Arc::new(texts.finish()),
                }
            }
        }
    };
}
numbers!(storage!);

impl ColumnBuilder {
    fn new(field: &Field) -> Result<Self> {
        if field.shape().len() != 1 {
            return Err(Error::unsupported(OPERATION, field.name(), format!("rows hold no {field}"))
                .remedy("split it into one column per element first"));
        }
        Ok(Self { field: field.clone(), storage: Storage::new(field.dtype()) })
    }

    /// Adds a value that fits, or a null.
    fn append(&mut self, value: Value<'_>) {
        self.storage.append(value.count_in(self.field.dtype()).map_or(value, Value::Int));
    }

    fn finish(&mut self) -> Result<ArrayRef> {
        let stored = self.storage.finish();
        let data_type = self.field.dtype().to_arrow();
        if *stored.data_type() == data_type {
            return Ok(stored);
        }
        stored.to_data().into_builder().data_type(data_type).build().map(make_array).map_err(|cause| {
            Error::internal(OPERATION, self.field.name(), cause.to_string()).caused_by(cause)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_does_not_fit_leaves_the_table_as_it_was() {
        let schema =
            Schema::new([Field::column("a", DType::Int8).nullable(), Field::column("b", DType::Date)])
                .unwrap();
        let mut table = TableBuilder::new(&schema).unwrap();
        let date = Value::Date(crate::time::Date::from_days(1));
        table.append(Row::unchecked(&[Value::Null, date])).unwrap();
        for (values, expected) in [
            ([Value::Int(200), date], "make table a: expected int8, got integer 200"),
            ([Value::Int(1), Value::Null], "make table b: null, and the field is not nullable"),
            ([Value::Int(1), Value::Int(1)], "make table b: expected date, got integer 1"),
        ] {
            let error = table.append(Row::unchecked(&values)).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
        assert!(table.append(Row::unchecked(&[date])).is_err());
        let made = table.finish().unwrap();
        assert_eq!((made.num_rows(), made.column(0).len(), table.rows()), (1, 1, 0));
        assert_eq!(*made.schema(), schema.to_arrow().unwrap());
    }

    #[test]
    fn a_table_without_columns_counts_its_rows() {
        let mut table = TableBuilder::new(&Schema::default()).unwrap();
        table.append(Row::unchecked(&[])).unwrap();
        assert_eq!(table.finish().unwrap().num_rows(), 1);
    }
}
