//! The columns of a table, by name.

use mlcore::arrow::array::{ArrayRef, RecordBatch};
use mlcore::batch::ColumnView;
use mlcore::schema::DType;
use mlcore::{Error, Result};

use super::OPERATION;
use crate::program::{decimal, missing_column};

/// The column of this name.
pub(super) fn named<'a>(table: &'a RecordBatch, name: &str) -> Result<&'a ArrayRef> {
    table.column_by_name(name).ok_or_else(|| missing_column(table.schema_ref().fields(), name, OPERATION))
}

/// The column of this name in a layout that a view reads, and its type.
pub(super) fn readable(table: &RecordBatch, name: &str) -> Result<(ArrayRef, DType)> {
    let array = ColumnView::plain(name, &*decimal::floats(name, named(table, name)?, OPERATION)?)?;
    match DType::from_arrow(array.data_type()) {
        Some(dtype) => Ok((array, dtype)),
        None => Err(unfit(name, "text, numbers, dates or times", &array.data_type().to_string())),
    }
}

/// The numbers of the column of this name; NaN stands for what is missing.
pub(super) fn numbers(table: &RecordBatch, name: &str) -> Result<Vec<f64>> {
    let (array, dtype) = readable(table, name)?;
    if !dtype.is_numeric() {
        return Err(unfit(name, "numbers", &dtype.to_string()));
    }
    let mut numbers = vec![0.0; array.len()];
    ColumnView::new(name, array.as_ref())?.numbers(0, &mut numbers);
    match numbers.iter().position(|number| number.is_infinite()) {
        Some(row) => Err(Error::invalid_input(OPERATION, name, format!("row {row} holds infinity"))
            .remedy("replace infinities by missing values or by a bound")),
        None => Ok(numbers),
    }
}

pub(super) fn unfit(name: &str, expected: &str, got: &str) -> Error {
    Error::schema_mismatch(OPERATION, name, format!("expected {expected}, got {got}"))
        .remedy("cast the column, or name another one")
}
