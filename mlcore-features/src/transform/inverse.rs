//! From features back to columns: scikit-learn's `inverse_transform`.

use std::sync::Arc;

use mlcore::arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions};
use mlcore::arrow::compute::{cast, nullif};
use mlcore::batch::{ColumnView, OwnedValue, column_of};
use mlcore::schema::{DType, Field};
use mlcore::{Error, Result, interrupt};

use super::Transform;
use super::encoder::categories::Learnt;
use crate::program::{missing_column, project};

pub(crate) const OPERATION: &str = "inverse transform";

/// Features as they were made: one list of numbers per output column.
pub(crate) struct Features {
    columns: Vec<Vec<f64>>,
    rows: usize,
}

impl Features {
    fn read(table: &RecordBatch, names: &[String]) -> Result<Self> {
        let rows = table.num_rows();
        let columns = project(table, names, OPERATION)?
            .columns()
            .iter()
            .zip(names)
            .map(|(array, name)| {
                interrupt::check(OPERATION)?;
                if !DType::from_arrow(array.data_type()).is_some_and(DType::is_numeric) {
                    let problem = format!("expected numbers, got {}", array.data_type());
                    return Err(Error::schema_mismatch(OPERATION, name, problem));
                }
                let plain = ColumnView::plain(name, array)?;
                let mut numbers = vec![0.0_f64; rows];
                ColumnView::new(name, plain.as_ref())?.numbers(0, &mut numbers);
                match numbers.iter().position(|value| value.is_infinite()) {
                    Some(row) => {
                        Err(Error::invalid_input(OPERATION, name, format!("row {row} holds infinity")))
                    }
                    None => Ok(numbers),
                }
            })
            .collect::<Result<_>>()?;
        Ok(Self { columns, rows })
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// The features of one column, in order.
    pub(crate) fn take(&self, first: usize, count: usize) -> Result<&[Vec<f64>]> {
        interrupt::check(OPERATION)?;
        first
            .checked_add(count)
            .and_then(|end| self.columns.get(first..end))
            .ok_or_else(|| Error::corrupt(OPERATION, "plan", "it has fewer features than its columns need"))
    }
}

/// The columns that a transformer read, from what it made of them: `invert` answers one for each.
pub(crate) fn columns<T: Transform + ?Sized>(
    fitted: &T,
    table: &RecordBatch,
    invert: impl FnOnce(&Features) -> Result<Vec<ArrayRef>>,
) -> Result<RecordBatch> {
    let columns = invert(&Features::read(table, &fitted.feature_names_out()?)?)?;
    self::table(fitted.input().names().map(str::to_owned).zip(columns), table.num_rows())
}

/// A table of these columns, all of which may hold nulls.
pub(crate) fn table(
    columns: impl IntoIterator<Item = (String, ArrayRef)>,
    rows: usize,
) -> Result<RecordBatch> {
    // Every transformer makes its table here, and stops here when its caller wants it to.
    interrupt::check(OPERATION)?;
    let (fields, columns): (Vec<_>, Vec<_>) = columns
        .into_iter()
        .map(|(name, column)| {
            (mlcore::arrow::datatypes::Field::new(name, column.data_type().clone(), true), column)
        })
        .unzip();
    let schema = Arc::new(mlcore::arrow::datatypes::Schema::new(fields));
    RecordBatch::try_new_with_options(schema, columns, &RecordBatchOptions::new().with_row_count(Some(rows)))
        .map_err(|cause| Error::internal(OPERATION, "columns", cause.to_string()).caused_by(cause))
}

/// A column of the field's type from categories; a missing one is null.
pub(crate) fn category_column<'a>(
    field: &Field,
    values: impl Iterator<Item = &'a OwnedValue>,
) -> Result<ArrayRef> {
    column_of(&field.clone().nullable(), values.map(OwnedValue::as_value))
}

/// The column with nulls where the indicator says so.
pub(crate) fn without_imputed(column: &ArrayRef, imputed: &ArrayRef) -> Result<ArrayRef> {
    let flags = cast(imputed, &mlcore::arrow::datatypes::DataType::Boolean).and_then(|flags| {
        use mlcore::arrow::array::AsArray;
        nullif(column, flags.as_boolean())
    });
    flags.map_err(|cause| Error::invalid_input(OPERATION, "indicator", cause.to_string()).caused_by(cause))
}

/// The column of a table by this name.
pub(crate) fn column(table: &RecordBatch, name: &str) -> Result<ArrayRef> {
    let fields = table.schema_ref().fields();
    table.column_by_name(name).cloned().ok_or_else(|| missing_column(fields, name, OPERATION))
}

/// A category that stands for the infrequent ones, which cannot be told apart any more.
pub(crate) fn infrequent(dtype: DType) -> OwnedValue {
    if dtype == DType::String { OwnedValue::from("infrequent_sklearn") } else { OwnedValue::Null }
}

/// The category of each group; `rare` for that of the infrequent ones.
pub(crate) fn by_group<'a>(
    learnt: &'a Learnt,
    groups: &[usize],
    rare: &'a OwnedValue,
) -> Vec<&'a OwnedValue> {
    let count = groups.iter().max().map_or(0, |last| last + 1);
    let mut categories = vec![rare; count];
    for ((position, group), category) in groups.iter().enumerate().zip(&learnt.categories) {
        if let Some(own) = categories.get_mut(*group)
            && learnt.infrequent.binary_search(&position).is_err()
        {
            *own = category;
        }
    }
    categories
}

/// The error of an encoder whose numbers do not tell categories apart.
pub(crate) fn irreversible(transformer: &'static str) -> Error {
    Error::unsupported(OPERATION, transformer, "several categories may have the same number")
        .remedy("keep the columns that it reads, or encode them with an OrdinalEncoder")
}
