//! Missing values and types, so that every library's frame of the same data is the same table.

use std::sync::Arc;

use arrow_cast::cast;
use mlcore::arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, Float64Array, PrimitiveArray, RecordBatch,
    RecordBatchOptions, new_null_array,
};
use mlcore::arrow::buffer::ScalarBuffer;
use mlcore::arrow::datatypes::{
    self, DataType, Float16Type, Float32Type, Float64Type, Int64Type, Schema as ArrowSchema, UInt64Type,
};
use mlcore::batch::{ColumnView, OwnedValue, column_of};
use mlcore::schema::{DType, Field};
use mlcore::time::TimeUnit;
use mlcore::{Error, Result};

use crate::value::{decimal, meant};

/// The column as every library's would be: float nulls are NaN, decimals are floats, and times of day count nanoseconds, as
/// polars counts them. What would lose something by that is left for its reader to refuse.
pub(super) fn canonical(array: ArrayRef) -> ArrayRef {
    let array = typed(array);
    match array.data_type() {
        DataType::Float64 if array.null_count() > 0 => {
            Arc::new(Float64Array::new(filled(array.as_primitive()), None))
        }
        DataType::Float32 if array.null_count() > 0 => {
            let values = array.as_primitive::<Float32Type>().iter().map(|value| value.unwrap_or(f32::NAN));
            Arc::new(mlcore::arrow::array::Float32Array::from_iter_values(values))
        }
        _ => array,
    }
}

/// The column for those who tell a null from NaN: as [`canonical`], but a null stays one, and where the library has no nulls, NaN
/// becomes one.
pub(super) fn nullable(array: ArrayRef, has_nulls: bool) -> ArrayRef {
    fn present<T: ArrowPrimitiveType>(array: &ArrayRef, is_nan: impl Fn(T::Native) -> bool) -> ArrayRef {
        let floats = array.as_primitive::<T>();
        if !floats.values().iter().any(|value| is_nan(*value)) {
            return array.clone();
        }
        let present = floats.iter().map(|value| value.filter(|value| !is_nan(*value)));
        Arc::new(present.collect::<PrimitiveArray<T>>())
    }
    let array = typed(array);
    match array.data_type() {
        _ if has_nulls => array,
        DataType::Float64 => present::<Float64Type>(&array, f64::is_nan),
        DataType::Float32 => present::<Float32Type>(&array, f32::is_nan),
        DataType::Float16 => present::<Float16Type>(&array, |value| value.is_nan()),
        _ => array,
    }
}

/// Decimals as floats, and times of day in nanoseconds.
fn typed(array: ArrayRef) -> ArrayRef {
    match array.data_type() {
        DataType::Time32(_) | DataType::Time64(TimeUnit::Microsecond) => nanoseconds(&array).unwrap_or(array),
        other if other.is_decimal() => decimal::floats(&array).unwrap_or(array),
        _ => array,
    }
}

/// The same times of day in nanoseconds; `None` where one is outside the day.
fn nanoseconds(array: &ArrayRef) -> Option<ArrayRef> {
    let times = ColumnView::new("time", array).ok()?;
    let field = Field::column("time", DType::Time(TimeUnit::Nanosecond)).nullable();
    column_of(&field, (0..array.len()).map(|row| times.value(row))).ok()
}

/// Values with NaN in the place of nulls; shared where there is none.
pub(super) fn filled(array: &Float64Array) -> ScalarBuffer<f64> {
    match array.null_count() {
        0 => array.values().clone(),
        _ => array.iter().map(|value| value.unwrap_or(f64::NAN)).collect(),
    }
}

/// As numpy holds integers with missing values: as floats.
pub(super) fn float_for_missing(array: &ArrayRef) -> Result<ArrayRef> {
    match array.data_type() {
        DataType::Null => Ok(canonical(converted(array, &DataType::Float64)?)),
        other if other.is_integer() && array.null_count() > 0 && exact_as_floats(array)? => {
            Ok(canonical(converted(array, &DataType::Float64)?))
        }
        _ => Ok(array.clone()),
    }
}

/// The same columns under these names, by position.
pub(super) fn renamed(table: &RecordBatch, names: &[String]) -> Result<RecordBatch> {
    rebuilt(table, names.iter().cloned().zip(table.columns().iter().cloned()).collect())
}

/// A library without nulls changes the type of a column that misses a value, and one without dates that of dates. The column
/// with the type that the field has, where no value is lost; another is left for the plan to refuse by name.
pub(super) fn with_type_of(array: &ArrayRef, field: &Field) -> Result<ArrayRef> {
    if field.shape().len() == 1 { restored(array, field.dtype()) } else { Ok(array.clone()) }
}

fn restored(array: &ArrayRef, expected: DType) -> Result<ArrayRef> {
    if let (DataType::Timestamp(_, None), DType::Date) = (array.data_type(), expected) {
        return Ok(dates(array).unwrap_or_else(|| array.clone()));
    }
    if *array.data_type() != DataType::Float64 || expected.is_float() {
        return Ok(array.clone());
    }
    let floats = array.as_primitive::<Float64Type>();
    if floats.values().iter().all(|value| value.is_nan()) && !floats.is_empty() {
        return Ok(new_null_array(&expected.to_arrow(), floats.len()));
    }
    let whole = |value: &f64| value.is_nan() || (value.fract() == 0.0 && value.abs() <= EXACT);
    if expected.is_numeric() && expected != DType::Bool && floats.values().iter().all(whole) {
        let present = floats.values().iter().map(|value| (!value.is_nan()).then_some(*value));
        let integers =
            converted(&(Arc::new(present.collect::<Float64Array>()) as ArrayRef), &DataType::Int64)?;
        let narrowed = converted(&integers, &expected.to_arrow())?;
        // A value outside the type became null: the plan says so better than we could.
        return Ok(if narrowed.null_count() == integers.null_count() { narrowed } else { array.clone() });
    }
    Ok(array.clone())
}

/// The dates of midnights; `None` where a time of day would be lost.
fn dates(array: &ArrayRef) -> Option<ArrayRef> {
    let moments = ColumnView::new("date", array).ok()?;
    let values = (0..array.len()).map(|row| meant(moments.value(row).into_owned(), DType::Date));
    let values = values.collect::<Vec<OwnedValue>>();
    column_of(&Field::column("date", DType::Date).nullable(), values.iter().map(OwnedValue::as_value)).ok()
}

/// The largest magnitude up to which every integer is a float.
const EXACT: f64 = 9_007_199_254_740_992.0;

fn exact_as_floats(array: &ArrayRef) -> Result<bool> {
    if *array.data_type() == DataType::UInt64 {
        return Ok(array.as_primitive::<UInt64Type>().iter().flatten().all(|value| value as f64 <= EXACT));
    }
    let integers = converted(array, &DataType::Int64)?;
    Ok(integers.as_primitive::<Int64Type>().iter().flatten().all(|value| (value as f64).abs() <= EXACT))
}

fn rebuilt(table: &RecordBatch, columns: Vec<(String, ArrayRef)>) -> Result<RecordBatch> {
    let field =
        |(name, array): &(String, ArrayRef)| datatypes::Field::new(name, array.data_type().clone(), true);
    let fields: Vec<datatypes::Field> = columns.iter().map(field).collect();
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(table.num_rows()));
    RecordBatch::try_new_with_options(Arc::new(ArrowSchema::new(fields)), arrays, &options)
        .map_err(|cause| Error::internal("read table", "columns", cause.to_string()).caused_by(cause))
}

fn converted(array: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    cast(array, to).map_err(|cause| {
        Error::invalid_input("read table", array.data_type().to_string(), cause.to_string()).caused_by(cause)
    })
}
