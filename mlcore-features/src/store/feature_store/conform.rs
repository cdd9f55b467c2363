//! Columns of sources in the types that views declare: the same for both stores, so that they have the same bits.

use std::sync::Arc;

use mlcore::arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, ListArray, PrimitiveArray};
use mlcore::arrow::buffer::{OffsetBuffer, ScalarBuffer};
use mlcore::arrow::compute::cast;
use mlcore::arrow::datatypes::{DataType, Field as ArrowField, Float16Type, Float32Type, Float64Type};
use mlcore::batch::{ColumnView, Value, column_of};
use mlcore::schema::{DType, Field};
use mlcore::time::{Date, DateTime, TimeUnit, Timestamp};
use mlcore::{Error, Result};

use crate::store::definition::ValueType;

/// The column in the type that is wanted. Integers become others that hold them; numbers become floats, rounded; floats without a
/// fraction become integers; moments become the unit and the zone, where nothing is lost. NaN is null, but for NaN in a list.
pub(super) fn conform(
    operation: &'static str,
    name: &str,
    array: &ArrayRef,
    wanted: ValueType,
) -> Result<ArrayRef> {
    match wanted {
        ValueType::Scalar(dtype) => scalar(operation, name, array, dtype).map(|made| present(&made)),
        ValueType::List(dtype) => list(operation, name, array, dtype),
    }
}

/// The column with null where a float is NaN: tables without nulls write what is missing so, and a plan a result that it has not.
pub(super) fn present(column: &ArrayRef) -> ArrayRef {
    fn of<T: ArrowPrimitiveType>(column: &ArrayRef, is_nan: impl Fn(T::Native) -> bool) -> ArrayRef {
        let floats = column.as_primitive::<T>();
        if !floats.values().iter().any(|float| is_nan(*float)) {
            return column.clone();
        }
        let present = floats.iter().map(|float| float.filter(|float| !is_nan(*float)));
        Arc::new(present.collect::<PrimitiveArray<T>>())
    }
    match column.data_type() {
        DataType::Float64 => of::<Float64Type>(column, f64::is_nan),
        DataType::Float32 => of::<Float32Type>(column, f32::is_nan),
        DataType::Float16 => of::<Float16Type>(column, |float| float.is_nan()),
        _ => column.clone(),
    }
}

fn scalar(operation: &'static str, name: &str, array: &ArrayRef, dtype: DType) -> Result<ArrayRef> {
    let to = dtype.to_arrow();
    if *array.data_type() == to {
        return Ok(array.clone());
    }
    let array = ColumnView::plain(name, array)?;
    let from = array.data_type();
    if *from == to {
        return Ok(array);
    }
    let is_number = |data_type: &DataType| data_type.is_integer() || data_type.is_floating();
    let is_direct = (is_number(from) && to.is_floating())
        || (from.is_integer() && to.is_integer())
        || (matches!(from, DataType::LargeUtf8 | DataType::Utf8View) && to == DataType::Utf8);
    // What it refuses is found out row by row below.
    if is_direct && let Ok(made) = cast(array.as_ref(), &to) {
        return Ok(made);
    }
    let unfit = |problem: String| {
        Error::schema_mismatch(operation, format!("column {name}"), problem)
            .remedy(format!("write {dtype}, or declare another type of the field"))
    };
    let view = ColumnView::new(name, array.as_ref()).map_err(|cause| {
        unfit(format!("expected {dtype}, got {from}, which cannot be read as a column")).caused_by(cause)
    })?;
    let mut values = Vec::with_capacity(array.len());
    for row in 0..array.len() {
        let value = view.value(row);
        values.push(adapted(value, dtype).ok_or_else(|| {
            unfit(format!("row {row}: expected {dtype}, got {} ({from})", value.described()))
        })?);
    }
    column_of(&Field::column(name, dtype).nullable(), values)
}

/// The value as one of the type, if it is one.
pub(super) fn adapted(value: Value<'_>, dtype: DType) -> Option<Value<'_>> {
    let moment = |count: i64, unit: TimeUnit| match dtype {
        DType::Timestamp(_, Some(_)) => Some(Value::Timestamp(Timestamp::new(count, unit))),
        DType::Timestamp(_, None) => Some(Value::DateTime(DateTime::new(count, unit))),
        _ => None,
    };
    let made = match value {
        Value::Float(float) if dtype.is_integer() => whole(float)?,
        Value::Int(integer) if dtype.is_float() => Value::Float(integer as f64),
        Value::UInt(integer) if dtype.is_float() => Value::Float(integer as f64),
        // Times without a zone are read as UTC, as everywhere in the store.
        Value::DateTime(shown) => moment(shown.count(), shown.unit())?,
        Value::Timestamp(moment_of) => moment(moment_of.count(), moment_of.unit())?,
        Value::Date(date) if dtype != DType::Date => {
            moment(i64::from(date.days()) * 86_400, TimeUnit::Second)?
        }
        other => other,
    };
    made.fits(dtype).then_some(made)
}

/// A float that is an integer; null for NaN, which tables write where an integer is missing.
fn whole(float: f64) -> Option<Value<'static>> {
    const EDGE: f64 = 9_223_372_036_854_775_808.0;
    if float.is_nan() {
        return Some(Value::Null);
    }
    if float.fract() != 0.0 {
        return None;
    }
    if (-EDGE..EDGE).contains(&float) {
        Some(Value::Int(float as i64))
    } else if (0.0..2.0 * EDGE).contains(&float) {
        Some(Value::UInt(float as u64))
    } else {
        None
    }
}

fn list(operation: &'static str, name: &str, array: &ArrayRef, dtype: DType) -> Result<ArrayRef> {
    let (items, offsets): (ArrayRef, Vec<usize>) = match array.data_type() {
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            (list.values().clone(), list.value_offsets().iter().map(|offset| *offset as usize).collect())
        }
        DataType::LargeList(_) => {
            let list = array.as_list::<i64>();
            (list.values().clone(), list.value_offsets().iter().map(|offset| *offset as usize).collect())
        }
        DataType::FixedSizeList(_, size) => {
            let list = array.as_fixed_size_list();
            let size = usize::try_from(*size).unwrap_or(0);
            (list.values().clone(), (0..=list.len()).map(|row| row * size).collect())
        }
        other => {
            let problem = format!("expected list[{dtype}], got {other}");
            return Err(Error::schema_mismatch(operation, format!("column {name}"), problem)
                .remedy("write lists, or declare another type of the field"));
        }
    };
    let items = scalar(operation, name, &items, dtype)?;
    let item = Arc::new(ArrowField::new("item", dtype.to_arrow(), true));
    let offsets: Vec<i32> =
        offsets.into_iter().map(i32::try_from).collect::<std::result::Result<_, _>>().map_err(|_| {
            Error::unsupported(
                operation,
                format!("column {name}"),
                "its lists have more than 2^31 - 1 values",
            )
            .remedy("read fewer rows at once")
        })?;
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    let made = ListArray::try_new(item, offsets, items, array.nulls().cloned())
        .map_err(|cause| Error::internal(operation, name, cause.to_string()).caused_by(cause))?;
    Ok(Arc::new(made))
}

/// The moments of a column of times; `None` where one is null. Times without a zone are UTC, and dates begin at midnight.
pub(super) fn moments(
    operation: &'static str,
    name: &str,
    array: &ArrayRef,
) -> Result<Vec<Option<Timestamp>>> {
    let plain = ColumnView::plain(name, array)?;
    let view = ColumnView::new(name, plain.as_ref())?;
    let mut moments = Vec::with_capacity(array.len());
    for row in 0..array.len() {
        moments.push(match view.value(row) {
            Value::Null => None,
            Value::Timestamp(moment) => Some(moment),
            Value::DateTime(shown) => Some(Timestamp::new(shown.count(), shown.unit())),
            Value::Date(date) => Some(midnight(date)),
            other => {
                let problem = format!("expected timestamps or dates, got {}", other.described());
                return Err(Error::schema_mismatch(operation, format!("column {name}"), problem)
                    .remedy("cast the column to a timestamp"));
            }
        });
    }
    Ok(moments)
}

fn midnight(date: Date) -> Timestamp {
    Timestamp::new(i64::from(date.days()) * 86_400, TimeUnit::Second)
}
