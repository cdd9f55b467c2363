//! Samples from Arrow columns.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use mlcore::arrow::array::{
    Array, ArrayAccessor, ArrayIter, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, GenericByteArray,
    PrimitiveArray, StringViewArray, downcast_dictionary_array,
};
use mlcore::arrow::buffer::ScalarBuffer;
use mlcore::arrow::compute::cast;
use mlcore::arrow::datatypes::{
    ByteArrayType, DataType, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, DecimalType,
    Float32Type, Float64Type, Int64Type, UInt64Type,
};
use mlcore::interrupt::paced;
use mlcore::{Error, Result};

use super::spelling::{decimal_text, float_text};
use super::{
    Categories, CategoryCounter, Kind, Numbers, Precision, Remainders, Sample, Spelling, Values, is_exact,
};
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
            return Ok(Sample::from_present(Vec::new(), Remainders::default(), array.len() as u64, 0));
        }
        DataType::Int64 => {
            let array = array.as_primitive::<Int64Type>();
            return Ok(integers(array, |value| value as f64, |value| is_exact(value.unsigned_abs())));
        }
        DataType::UInt64 => {
            let array = array.as_primitive::<UInt64Type>();
            return Ok(integers(array, |value| value as f64, is_exact));
        }
        other if other.is_integer() => Precision::Integer,
        DataType::Boolean => Precision::Integer,
        DataType::Dictionary(_, values) if is_number(values) || **values == DataType::Boolean => {
            return numbers(&cast_to(array, values)?);
        }
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
    let range = Some((ends.low, ends.high));
    let numbers = Numbers { values, precision, range, remainders: Arc::default() };
    Sample { values: Values::Numeric(numbers), nulls, nans: ends.nans }
}

/// A sample of integers, some of which a float may not hold.
fn integers<T: ArrowPrimitiveType<Native: Into<i128>>>(
    array: &PrimitiveArray<T>,
    to_float: impl Fn(T::Native) -> f64,
    is_exact: impl Fn(T::Native) -> bool,
) -> Sample {
    let sample = present(array, Precision::Integer, &to_float);
    if array.iter().flatten().all(is_exact) {
        return sample;
    }
    let Values::Numeric(mut numbers) = sample.values else { return sample };
    let mut remainders = Remainders::default();
    for (place, (value, float)) in array.iter().flatten().zip(numbers.values.iter()).enumerate() {
        remainders.note(place, value.into(), *float);
    }
    numbers.remainders = Arc::new(remainders);
    Sample { values: Values::Numeric(numbers), ..sample }
}

fn present<T: ArrowPrimitiveType>(
    array: &PrimitiveArray<T>,
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
        DataType::Decimal32(..) => Ok(decimals(array.as_primitive::<Decimal32Type>())),
        DataType::Decimal64(..) => Ok(decimals(array.as_primitive::<Decimal64Type>())),
        DataType::Decimal128(..) => Ok(decimals(array.as_primitive::<Decimal128Type>())),
        DataType::Decimal256(..) => Ok(decimals(array.as_primitive::<Decimal256Type>())),
        other if is_number(other) => {
            let sample = numbers(array)?;
            let Values::Numeric(numbers) = &sample.values else { return Ok(sample) };
            let counted = Categories::of_numbers(&numbers.values, &numbers.remainders);
            Ok(Sample { values: Values::Categorical(counted), nulls: sample.nulls, nans: sample.nans })
        }
        other => Err(unsupported(other)),
    }
}

fn texts<T: ByteArrayType<Native = str>>(array: &GenericByteArray<T>) -> Sample {
    let mut counter = CategoryCounter::unbounded();
    match array.null_count() {
        0 => {
            for row in paced(0..array.len()) {
                counter.add(array.value(row));
            }
        }
        _ => paced(array.iter()).flatten().for_each(|text| counter.add(text)),
    }
    Sample::from_categories(counter.categories(), array.null_count() as u64)
}

fn views(array: &StringViewArray) -> Sample {
    let mut counter = CategoryCounter::unbounded();
    paced(array.iter()).flatten().for_each(|text| counter.add(text));
    Sample::from_categories(counter.categories(), array.null_count() as u64)
}

fn booleans(array: &BooleanArray) -> Sample {
    let text = |flag| Spelling::Boolean.truth(flag).to_owned();
    let counted = Categories::in_order(array.iter().flatten(), text).spelled(Spelling::Boolean);
    Sample::from_categories(counted, array.null_count() as u64)
}

fn decimals<T: DecimalType<Native: Hash + Eq>>(array: &PrimitiveArray<T>) -> Sample {
    let text = |value| T::format_decimal(value, array.precision(), array.scale());
    let spelled = |value| decimal_text(&text(value)).to_owned();
    let counted = Categories::in_order(array.iter().flatten(), spelled).spelled(Spelling::Number);
    Sample::from_categories(counted, array.null_count() as u64)
}

/// Counts codes by the value that they stand for: a value may have several codes, and be null itself.
fn dictionary(array: &dyn Array) -> Result<Sample> {
    let cells = cells(array.as_any_dictionary().values())?;
    let mut first_code: HashMap<&str, usize> = HashMap::new();
    let code = |(code, cell): (usize, &'_ Cell)| match cell {
        Cell::Text(_) => code,
        Cell::Null => cells.len(),
        Cell::NaN => cells.len() + 1,
    };
    let mut codes: Vec<usize> = cells.iter().enumerate().map(code).collect();
    for (place, cell) in cells.iter().enumerate() {
        if let (Cell::Text(text), Some(code)) = (cell, codes.get_mut(place)) {
            *code = *first_code.entry(text).or_insert(place);
        }
    }
    // A place for nulls and one for NaN behind those of the values.
    let mut counts = vec![(0_u64, 0_u64); cells.len() + 2];
    let (mut first, mut last) = (None, None);
    downcast_dictionary_array! {
        array => {
            for key in array.keys_iter() {
                let code = key.and_then(|key| codes.get(key).copied()).unwrap_or(cells.len());
                let Some((count, repeats)) = counts.get_mut(code) else { continue };
                *count += 1;
                if code < cells.len() {
                    *repeats += u64::from(last == Some(code));
                    first = first.or(Some(code));
                    last = Some(code);
                }
            }
        }
        _ => return Err(unsupported(array.data_type()))
    }
    let text = |code: usize| -> Option<Box<str>> {
        match cells.get(code)? {
            Cell::Text(text) => Some(text.as_str().into()),
            Cell::Null | Cell::NaN => None,
        }
    };
    let counted = counts.iter().enumerate().filter_map(|(code, counts)| Some((text(code)?, *counts)));
    let ends = first.and_then(text).zip(last.and_then(text));
    let missing = |place: usize| counts.get(cells.len() + place).map_or(0, |(count, _)| *count);
    let counted = Categories::ordered(counted.collect(), 0, ends).spelled(Spelling::of(array.data_type()));
    Ok(Sample { values: Values::Categorical(counted), nulls: missing(0), nans: missing(1) })
}

/// A value of a dictionary, spelled.
enum Cell {
    Null,
    NaN,
    Text(String),
}

/// The values of a dictionary, one by one.
fn cells(values: &dyn Array) -> Result<Vec<Cell>> {
    fn spelled<T: ArrayAccessor>(array: T, spell: impl Fn(T::Item) -> Cell) -> Vec<Cell> {
        ArrayIter::new(array).map(|value| value.map_or(Cell::Null, &spell)).collect()
    }
    fn decimals<T: DecimalType>(array: &PrimitiveArray<T>) -> Vec<Cell> {
        let text = |value| T::format_decimal(value, array.precision(), array.scale());
        spelled(array, |value| Cell::Text(decimal_text(&text(value)).to_owned()))
    }
    Ok(match values.data_type() {
        DataType::Boolean => {
            spelled(values.as_boolean(), |flag| Cell::Text(Spelling::Boolean.truth(flag).to_owned()))
        }
        DataType::Decimal32(..) => decimals(values.as_primitive::<Decimal32Type>()),
        DataType::Decimal64(..) => decimals(values.as_primitive::<Decimal64Type>()),
        DataType::Decimal128(..) => decimals(values.as_primitive::<Decimal128Type>()),
        DataType::Decimal256(..) => decimals(values.as_primitive::<Decimal256Type>()),
        DataType::UInt64 => {
            spelled(values.as_primitive::<UInt64Type>(), |value| Cell::Text(value.to_string()))
        }
        other if other.is_integer() => {
            let integers = cast_to(values, &DataType::Int64)?;
            spelled(integers.as_primitive::<Int64Type>(), |value| Cell::Text(value.to_string()))
        }
        other if is_number(other) => {
            let floats = cast_to(values, &DataType::Float64)?;
            spelled(floats.as_primitive::<Float64Type>(), |value| match value.is_nan() {
                true => Cell::NaN,
                false => Cell::Text(float_text(value)),
            })
        }
        _ => {
            let texts = cast_to(values, &DataType::Utf8)?;
            spelled(texts.as_string::<i32>(), |text| Cell::Text(text.to_owned()))
        }
    })
}

fn cast_to(array: &dyn Array, data_type: &DataType) -> Result<ArrayRef> {
    cast(array, data_type)
        .map_err(|cause| Error::schema_mismatch("read sample", "column", cause.to_string()).caused_by(cause))
}
