//! What a column makes of a value from a format that does not know its type.

use super::READ;
use crate::batch::Value;
use crate::error::{Error, Result};
use crate::exact::named;
use crate::schema::{DType, Field};

/// The value as the column holds it, or, where `any_number` is asked for, a number as it came.
///
/// # Errors
/// [`Error::SchemaMismatch`] where it cannot, or where something would be lost.
pub(super) fn accepted<'v>(field: &Field, value: Value<'v>, any_number: bool) -> Result<Value<'v>> {
    let dtype = field.dtype();
    if value.fits(dtype) {
        return Ok(value);
    }
    let read = match value {
        Value::Float(float) if dtype.is_integer() => whole(float),
        Value::Text(text) => from_text(text, dtype),
        Value::Null
        | Value::Bool(_)
        | Value::Int(_)
        | Value::UInt(_)
        | Value::Float(_)
        | Value::Date(_)
        | Value::Time(_)
        | Value::DateTime(_)
        | Value::Timestamp(_) => None,
    };
    // Half a second is read well, and still nothing for a column of seconds.
    match read {
        Some(read) if read.fits(dtype) => Ok(read),
        _ if any_number && value.is_number() && dtype.is_numeric() => Ok(value),
        Some(read) => Err(refused(field, read)),
        None => Err(refused(field, value)),
    }
}

fn refused(field: &Field, value: Value<'_>) -> Error {
    let dtype = field.dtype();
    let error =
        Error::schema_mismatch(READ, field.name(), format!("expected {dtype}, got {}", value.described()));
    match (dtype, value) {
        (DType::Date, Value::Text(_)) => error.remedy("write it as 2024-02-29"),
        (DType::Time(_), Value::Text(_)) => error.remedy("write it as 13:30:00"),
        (DType::Timestamp(_, None), Value::Text(_)) => error.remedy("write it as 2024-02-29T13:30:00"),
        (DType::Timestamp(_, Some(_)), Value::Text(_)) => {
            error.remedy("write it as 2024-02-29T13:30:00Z, or with another offset")
        }
        (dtype, Value::Int(_) | Value::UInt(_) | Value::Float(_)) if dtype.is_temporal() => {
            error.remedy("send it as text, such as 2024-02-29T13:30:00Z: a number does not say its unit")
        }
        (dtype, Value::Text(_)) if dtype.is_numeric() => error.remedy("send it without quotes"),
        _ => error,
    }
}

/// A float without a fraction, as far as floats tell integers apart.
fn whole(float: f64) -> Option<Value<'static>> {
    (float.fract() == 0.0 && float.abs() <= LARGEST_EXACT).then_some(Value::Int(float as i64))
}

/// 2^53: beyond, a float stands for several integers.
const LARGEST_EXACT: f64 = 9_007_199_254_740_992.0;

/// What a text means in a column of another type.
fn from_text(text: &str, dtype: DType) -> Option<Value<'static>> {
    match dtype {
        DType::Date => text.parse().ok().map(Value::Date),
        DType::Time(_) => text.parse().ok().map(Value::Time),
        DType::Timestamp(_, None) => text.parse().ok().map(Value::DateTime),
        DType::Timestamp(_, Some(_)) => text.parse().ok().map(Value::Timestamp),
        dtype if dtype.is_float() => named::float_of(text).map(Value::Float),
        _ => None,
    }
}
