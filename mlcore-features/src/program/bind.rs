//! From a table's columns to typed, checked views that blocks of rows are read from.

use std::borrow::Cow;
use std::sync::Arc;

use mlcore::arrow::array::{ArrayRef, RecordBatch, new_null_array};
use mlcore::arrow::datatypes::DataType;
use mlcore::batch::{ColumnView, Element, column_of};
use mlcore::schema::DType;
use mlcore::{Error, Result, match_element};

use super::encoder::exact_value;
use super::row::unfit_value;
use super::{Program, missing_column};

/// The columns that the program reads, in its order and its types: by name, in any order, others ignored.
pub(crate) fn columns<'a>(program: &Program, table: &'a RecordBatch) -> Result<Vec<Cow<'a, ArrayRef>>> {
    let schema = table.schema_ref();
    if program.familiar.get().is_some_and(|familiar| Arc::ptr_eq(familiar, schema)) {
        return Ok(table.columns().iter().take(program.slots.len()).map(Cow::Borrowed).collect());
    }
    let mut columns = Vec::with_capacity(program.slots.len());
    let fields = schema.fields();
    for (position, field) in program.input.fields().iter().enumerate() {
        // Most tables come in the order of the plan, where a search for every name would cost more than the transform of
        // a small batch.
        let own = fields.get(position).filter(|own| own.name() == field.name());
        let column = match own {
            Some(_) => Some(table.column(position)),
            None => table.column_by_name(field.name()),
        };
        let column = column.ok_or_else(|| missing_column(table, field.name(), "transform"))?;
        columns.push(conform(program, position, column, field.dtype())?);
    }
    let mut own = columns.iter().zip(table.columns());
    if program.familiar.get().is_none()
        && own.all(|(column, own)| matches!(column, Cow::Borrowed(column) if std::ptr::eq(*column, own)))
    {
        // Another thread may have been quicker, with a schema that is as good.
        drop(program.familiar.set(schema.clone()));
    }
    Ok(columns)
}

/// The column as an array of exactly this type, if each of its values fits there: a number in one of another width, a
/// moment in another unit or another time zone.
fn conform<'a>(
    program: &Program,
    position: usize,
    column: &'a ArrayRef,
    expected: DType,
) -> Result<Cow<'a, ArrayRef>> {
    let Some(field) = program.input.fields().get(position) else {
        return Err(Error::internal("transform", "columns", "there are more than the plan reads"));
    };
    let got = DType::from_arrow(column.data_type());
    let is_plain = match column.data_type() {
        DataType::Dictionary(..) => expected == DType::String,
        DataType::Date64 => false,
        _ => true,
    };
    if got == Some(expected) && is_plain {
        return Ok(Cow::Borrowed(column));
    }
    // An untyped column of nulls, as polars and pandas make them, is a missing value of whatever type is expected.
    if *column.data_type() == DataType::Null {
        return Ok(Cow::Owned(new_null_array(&expected.to_arrow(), column.len())));
    }
    let plain = ColumnView::plain(field.name(), column)?;
    if got == Some(expected) {
        return Ok(Cow::Owned(plain));
    }
    if !got.is_some_and(|got| converts(got, expected)) {
        let got = got.map_or_else(|| column.data_type().to_string(), |got| got.to_string());
        let problem = format!("expected {expected}, got {got}");
        return Err(Error::schema_mismatch("transform", field.name(), problem)
            .remedy("cast the column to the type it was fitted on, or fit again"));
    }
    let view = ColumnView::new(field.name(), plain.as_ref())?;
    let values = || (0..plain.len()).map(|row| view.value(row));
    if let Some((row, value)) = values().enumerate().find(|(_, value)| !value.fits(expected)) {
        return Err(unfit_value(program, position, &value, Some(row)));
    }
    column_of(&field.clone().nullable(), values()).map(Cow::Owned)
}

/// Whether a value of the one type may be one of the other.
fn converts(got: DType, expected: DType) -> bool {
    let is_number = |dtype: DType| dtype.is_integer() || dtype.is_float();
    match (got, expected) {
        (DType::Time(_), DType::Time(_)) => true,
        (DType::Timestamp(_, from), DType::Timestamp(_, to)) => from.is_some() == to.is_some(),
        (got, expected) => is_number(got) && is_number(expected) && (expected.is_float() || !got.is_float()),
    }
}

/// An array of this integer or bool type from patterns.
pub(crate) fn exact_array(dtype: DType, bits: impl Iterator<Item = u64>) -> Result<ArrayRef> {
    match_element!(
        dtype,
        T => {
            let element = |bits| T::from_value(exact_value(bits, dtype)).unwrap_or_default();
            Ok(T::into_array(bits.map(element).collect()))
        },
        _ => Err(Error::internal("make column", dtype.to_string(), "it has no patterns"))
    )
}
