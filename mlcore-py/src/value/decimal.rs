//! Decimals as floats, where a float tells them from all others.
//!
//! A float is written with the digits of one decimal, the shortest that no other float is nearer to. A decimal becomes the
//! float that is written with its digits: every one of up to 15 digits has such a float, and few longer ones have. The rest
//! would be rounded, and is not taken.

use std::sync::Arc;

use mlcore::arrow::array::{Array, ArrayRef, AsArray, Float64Array};
use mlcore::arrow::compute::cast;
use mlcore::arrow::datatypes::{
    DataType, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, DecimalType,
};
use mlcore::batch::OwnedValue;
use mlcore_features::decimal::{TOLD_APART, is_written_with};
use pyo3::prelude::*;

use super::Place;

/// What mends a decimal that is not taken.
pub(crate) const REMEDY: &str = "round it to 15 digits, or cast it to float64 to have the nearest";

/// The float of a `decimal.Decimal`.
pub(super) fn read(object: &Bound<'_, PyAny>, place: Place<'_>) -> PyResult<OwnedValue> {
    let text = object.str()?;
    let text = text.to_str()?;
    match float_of(text) {
        Some(float) => Ok(float.into()),
        None => {
            let what = format!("the decimal {text}, which has more digits than a float");
            Err(place.refused(object.py(), &what, REMEDY))
        }
    }
}

/// A column of decimals as floats; `None` where a value has no float, and for a column of anything else.
pub(crate) fn floats(array: &dyn Array) -> Option<ArrayRef> {
    fn of<D: DecimalType>(array: &dyn Array, precision: u8, scale: i8) -> Option<ArrayRef> {
        if usize::from(precision) <= TOLD_APART && scale >= 0 {
            return cast(array, &DataType::Float64).ok();
        }
        let array = array.as_primitive::<D>();
        let float = |row: usize| match array.is_null(row) {
            true => Some(None),
            false => float_of(&array.value_as_string(row)).map(Some),
        };
        let floats = (0..array.len()).map(float).collect::<Option<Vec<Option<f64>>>>()?;
        Some(Arc::new(Float64Array::from(floats)))
    }
    match array.data_type() {
        DataType::Decimal32(precision, scale) => of::<Decimal32Type>(array, *precision, *scale),
        DataType::Decimal64(precision, scale) => of::<Decimal64Type>(array, *precision, *scale),
        DataType::Decimal128(precision, scale) => of::<Decimal128Type>(array, *precision, *scale),
        DataType::Decimal256(precision, scale) => of::<Decimal256Type>(array, *precision, *scale),
        _ => None,
    }
}

/// The float that is written with the digits of this number.
fn float_of(text: &str) -> Option<f64> {
    let float: f64 = text.trim_start_matches(['+', '-', 's']).parse().ok()?;
    let float = if text.starts_with('-') { -float } else { float };
    if !text.contains(|character: char| character.is_ascii_digit()) {
        // NaN and the infinities.
        return Some(float);
    }
    is_written_with(float, text).then_some(float)
}
