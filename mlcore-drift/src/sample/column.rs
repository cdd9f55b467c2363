//! Samples from Arrow columns.

use mlcore::arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, GenericByteArray, StringViewArray,
    downcast_dictionary_array,
};
use mlcore::arrow::buffer::ScalarBuffer;
use mlcore::arrow::compute::cast;
use mlcore::arrow::datatypes::{ByteArrayType, DataType, Float32Type, Float64Type};
use mlcore::{Error, Result};

use super::{Categories, CategoryCounter, Kind, Numbers, Precision, Sample, Values};
use crate::vector::extent;

pub(super) fn natural_kind(data_type: &DataType) -> Option<Kind> {
    match data_type {
        DataType::Boolean | DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            Some(Kind::Categorical)
        }
        DataType::Dictionary(_, values) => natural_kind(values).map(|_| Kind::Categorical),
        other if is_number(other) => Some(Kind::Numeric),
        _ => None,
    }
}

fn is_number(data_type: &DataType) -> bool {
    data_type.is_numeric()
}

pub(super) fn unsupported(data_type: &DataType) -> Error {
    let error =
        Error::unsupported("read sample", "column", format!("columns of type {data_type} are not compared"));
    error.remedy(match data_type {
        DataType::Date32 | DataType::Date64 | DataType::Timestamp(..) => {
            "dates and times move by themselves: derive an hour, a weekday or an age first"
        }
        DataType::Time32(_) | DataType::Time64(_) => {
            "a time of day begins anew at midnight, where tests see the largest distance: derive the hour first"
        }
        DataType::Duration(_) | DataType::Interval(_) => "cast it to a number of seconds first",
        _ => "cast it to a number, a bool or text first",
    })
}

/// A numeric sample; every arm counts NaN among the missing.
pub(super) fn numbers(array: &dyn Array) -> Result<Sample> {
    let precision = match array.data_type() {
        DataType::Float64 => {
            let array = array.as_primitive::<Float64Type>();
            if array.null_count() == 0 {
                return Ok(from_floats(array.values().clone(), 0, Precision::Float64));
            }
            return Ok(present::<Float64Type>(array, Precision::Float64, |value| value));
        }
        DataType::Float32 => {
            let array = array.as_primitive::<Float32Type>();
            return Ok(present::<Float32Type>(array, Precision::Float32, f64::from));
        }
        DataType::Null => {
            return Ok(Sample::from_present(Vec::new(), array.len() as u64, 0));
        }
        other if other.is_integer() => Precision::Integer,
        DataType::Boolean => Precision::Integer,
        DataType::Dictionary(_, values) if is_number(values) => Precision::Float64,
        other if is_number(other) => Precision::Float64,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Dictionary(..) => {
            let problem = format!("numbers are expected, and the column is {}", array.data_type());
            return Err(Error::schema_mismatch("read sample", "column", problem)
                .remedy("cast it to a number, or compare it as categories"));
        }
        other => return Err(unsupported(other)),
    };
    let floats = cast_to(array, &DataType::Float64)?;
    Ok(present::<Float64Type>(floats.as_primitive(), precision, |value| value))
}

/// A sample of these values; a column without NaN is kept as it is, without a copy.
pub(super) fn from_floats(values: ScalarBuffer<f64>, nulls: u64, precision: Precision) -> Sample {
    let ends = extent(&values);
    let values = match ends.nans {
        0 => values,
        _ => values.iter().copied().filter(|value| !value.is_nan()).collect::<Vec<f64>>().into(),
    };
    let numbers = Numbers { values, precision, range: Some((ends.low, ends.high)) };
    Sample { values: Values::Numeric(numbers), nulls, nans: ends.nans }
}

fn present<T: ArrowPrimitiveType>(
    array: &mlcore::arrow::array::PrimitiveArray<T>,
    precision: Precision,
    to_float: impl Fn(T::Native) -> f64,
) -> Sample {
    let values: Vec<f64> = match array.null_count() {
        0 => array.values().iter().map(|value| to_float(*value)).collect(),
        _ => array.iter().flatten().map(to_float).collect(),
    };
    from_floats(values.into(), array.null_count() as u64, precision)
}

/// A categorical sample, counted by value.
pub(super) fn categories(array: &dyn Array) -> Result<Sample> {
    match array.data_type() {
        DataType::Utf8 => Ok(texts(array.as_string::<i32>())),
        DataType::LargeUtf8 => Ok(texts(array.as_string::<i64>())),
        DataType::Utf8View => Ok(views(array.as_string_view())),
        DataType::Boolean => Ok(booleans(array.as_boolean())),
        DataType::Dictionary(_, values) if natural_kind(values).is_some() => dictionary(array),
        DataType::Null => Ok(Sample::from_categories(Categories::default(), array.len() as u64)),
        other if is_number(other) => {
            let numbers = numbers(array)?;
            let counted = Categories::of_numbers(numbers.values().unwrap_or_default());
            Ok(Sample { values: Values::Categorical(counted), nulls: numbers.nulls, nans: numbers.nans })
        }
        other => Err(unsupported(other)),
    }
}

fn texts<T: ByteArrayType<Native = str>>(array: &GenericByteArray<T>) -> Sample {
    let mut counter = CategoryCounter::unbounded();
    match array.null_count() {
        0 => {
            for row in 0..array.len() {
                counter.add(array.value(row));
            }
        }
        _ => array.iter().flatten().for_each(|text| counter.add(text)),
    }
    Sample::from_categories(counter.categories(), array.null_count() as u64)
}

fn views(array: &StringViewArray) -> Sample {
    let mut counter = CategoryCounter::unbounded();
    array.iter().flatten().for_each(|text| counter.add(text));
    Sample::from_categories(counter.categories(), array.null_count() as u64)
}

fn booleans(array: &BooleanArray) -> Sample {
    let counts = [("true", array.true_count() as u64), ("false", array.false_count() as u64)];
    Sample::from_categories(Categories::new(counts), array.null_count() as u64)
}

/// Counts codes, then gives each code's count to its value: a value may have several codes, and be null itself.
fn dictionary(array: &dyn Array) -> Result<Sample> {
    let (mut counts, mut nulls) = (Vec::new(), 0_u64);
    let mut values: Option<ArrayRef> = None;
    downcast_dictionary_array! {
        array => {
            counts = vec![0_u64; array.values().len()];
            for key in array.keys_iter() {
                match key.and_then(|key| counts.get_mut(key)) {
                    Some(count) => *count += 1,
                    None => nulls += 1,
                }
            }
            values = Some(array.values().clone());
        }
        _ => {}
    }
    let Some(values) = values else { return Err(unsupported(array.data_type())) };
    let mut counter = CategoryCounter::unbounded();
    let mut nans = 0;
    let numbers = natural_kind(values.data_type()) == Some(Kind::Numeric);
    let floats = if numbers { Some(cast_to(&values, &DataType::Float64)?) } else { None };
    let texts = if numbers { None } else { Some(cast_to(&values, &DataType::Utf8)?) };
    for (code, count) in counts.into_iter().enumerate().filter(|(_, count)| *count > 0) {
        if let Some(floats) = floats.as_deref().map(|floats| floats.as_primitive::<Float64Type>()) {
            match floats.is_valid(code).then(|| floats.value(code)) {
                Some(value) if value.is_nan() => nans += count,
                Some(value) => counter.add_times(&format!("{}", value + 0.0), count),
                None => nulls += count,
            }
        } else if let Some(texts) = texts.as_deref().map(|texts| texts.as_string::<i32>()) {
            match texts.is_valid(code).then(|| texts.value(code)) {
                Some(text) => counter.add_times(text, count),
                None => nulls += count,
            }
        }
    }
    Ok(Sample { values: Values::Categorical(counter.categories()), nulls, nans })
}

fn cast_to(array: &dyn Array, data_type: &DataType) -> Result<ArrayRef> {
    cast(array, data_type)
        .map_err(|cause| Error::schema_mismatch("read sample", "column", cause.to_string()).caused_by(cause))
}
