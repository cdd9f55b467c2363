//! Columns of decimals as numbers, where no digit is lost.
//!
//! A decimal becomes the float that is written with its digits. Every decimal of up to 15 digits has one, and few longer ones
//! have; any other would be rounded, so that two of them could become one category, and is refused.

use std::borrow::Cow;
use std::sync::Arc;

use mlcore::arrow::array::{Array, ArrayRef, AsArray, Float64Array, RecordBatch, RecordBatchOptions};
use mlcore::arrow::compute::cast;
use mlcore::arrow::datatypes::{
    DataType, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, DecimalType, Field, Schema,
};
use mlcore::interrupt::Pace;
use mlcore::{Error, Result};

/// The table with floats in the place of decimals; every other column is as it is.
pub(crate) fn plain_table<'a>(
    table: &'a RecordBatch,
    operation: &'static str,
) -> Result<Cow<'a, RecordBatch>> {
    let schema = table.schema_ref();
    if !schema.fields().iter().any(|field| field.data_type().is_decimal()) {
        return Ok(Cow::Borrowed(table));
    }
    let mut columns = Vec::with_capacity(table.num_columns());
    let mut fields = Vec::with_capacity(table.num_columns());
    for (field, array) in schema.fields().iter().zip(table.columns()) {
        let plain = floats(field.name(), array, operation)?;
        fields.push(Field::new(field.name(), plain.data_type().clone(), field.is_nullable()));
        columns.push(plain.into_owned());
    }
    let options = RecordBatchOptions::new().with_row_count(Some(table.num_rows()));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)
        .map(Cow::Owned)
        .map_err(|cause| Error::internal(operation, "columns", cause.to_string()).caused_by(cause))
}

/// The types that the columns of [`plain_table`] have.
pub(crate) fn plain_schema(schema: &Schema) -> Schema {
    let field = |field: &Arc<Field>| match field.data_type() {
        decimal if decimal.is_decimal() => field.as_ref().clone().with_data_type(DataType::Float64),
        _ => field.as_ref().clone(),
    };
    Schema::new(schema.fields().iter().map(field).collect::<Vec<_>>())
}

/// A column of decimals as floats; the array itself, if it is one of anything else.
pub(crate) fn floats<'a>(
    name: &str,
    array: &'a ArrayRef,
    operation: &'static str,
) -> Result<Cow<'a, ArrayRef>> {
    let made = match array.data_type() {
        DataType::Decimal32(precision, scale) => {
            of::<Decimal32Type>(name, array, operation, *precision, *scale)
        }
        DataType::Decimal64(precision, scale) => {
            of::<Decimal64Type>(name, array, operation, *precision, *scale)
        }
        DataType::Decimal128(precision, scale) => {
            of::<Decimal128Type>(name, array, operation, *precision, *scale)
        }
        DataType::Decimal256(precision, scale) => {
            of::<Decimal256Type>(name, array, operation, *precision, *scale)
        }
        _ => return Ok(Cow::Borrowed(array)),
    };
    made.map(Cow::Owned)
}

fn of<D: DecimalType>(
    name: &str,
    array: &ArrayRef,
    operation: &'static str,
    precision: u8,
    scale: i8,
) -> Result<ArrayRef> {
    if usize::from(precision) <= TOLD_APART && scale >= 0 {
        // Both the digits and the power of ten are floats, and their quotient is rounded once.
        return cast(array, &DataType::Float64)
            .map_err(|cause| Error::unsupported(operation, name, cause.to_string()).caused_by(cause));
    }
    let decimals = array.as_primitive::<D>();
    let mut pace = Pace::default();
    let float = |row: usize| {
        pace.check(operation, 16)?;
        if decimals.is_null(row) {
            return Ok(None);
        }
        let text = decimals.value_as_string(row);
        match float_of(&text) {
            Some(float) => Ok(Some(float)),
            None => {
                let problem = format!("row {row}: {text} has more digits than a float64 tells apart");
                Err(Error::invalid_input(operation, name, problem).remedy(
                    "round it to 15 digits, or cast the column to float64 to have the nearest numbers",
                ))
            }
        }
    };
    let floats = (0..decimals.len()).map(float).collect::<Result<Vec<Option<f64>>>>()?;
    Ok(Arc::new(Float64Array::from(floats)))
}

/// The float that is written with the digits of this decimal.
fn float_of(text: &str) -> Option<f64> {
    let float: f64 = text.parse().ok()?;
    is_written_with(float, text).then_some(float)
}

/// Whether the float nearest to a decimal is written with its digits.
#[must_use]
pub fn is_written_with(nearest: f64, text: &str) -> bool {
    let digits = significant(text);
    let is_told_apart = digits.is_empty() || (digits.len() <= TOLD_APART && nearest.is_normal());
    // The nearest float is written with these digits, or none is.
    is_told_apart || digits == significant(&format!("{nearest:e}"))
}

/// The digits of every decimal with at most so many come back from the nearest float.
pub const TOLD_APART: usize = 15;

/// The digits from the first to the last that is no zero, without sign, point and exponent.
fn significant(text: &str) -> String {
    let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    digits.trim_matches('0').to_owned()
}
