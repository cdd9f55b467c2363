use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::cast::AsArray;
use arrow_array::{AnyDictionaryArray, Array, ArrayRef, BooleanArray, make_array, new_null_array};
use arrow_buffer::{ArrowNativeType, Buffer, IntervalMonthDayNano, NullBuffer, i256};
use arrow_data::ArrayData;
use arrow_schema::{ArrowError, DataType, IntervalUnit};

use super::cast::unconverted;

/// The rows of a dictionary, each with its value instead of a key: text as `Utf8`, anything else in the type of the values.
pub(super) fn plain(dictionary: &dyn AnyDictionaryArray) -> Result<ArrayRef, ArrowError> {
    let values = dictionary.values();
    if values.is_empty() || *values.data_type() == DataType::Null {
        return Ok(new_null_array(values.data_type(), dictionary.len()));
    }
    let (keys, nulls) = (dictionary.normalized_keys(), dictionary.logical_nulls());
    match values.data_type() {
        DataType::Boolean => {
            let values = values.as_boolean();
            Ok(Arc::new(BooleanArray::new(keys.iter().map(|key| values.value(*key)).collect(), nulls)))
        }
        DataType::Utf8 => text(&keys, nulls.as_ref(), |key| values.as_string::<i32>().value(key)),
        DataType::LargeUtf8 => text(&keys, nulls.as_ref(), |key| values.as_string::<i64>().value(key)),
        DataType::Utf8View => text(&keys, nulls.as_ref(), |key| values.as_string_view().value(key)),
        // Aligned to eight bytes where a number as wide is to sixteen.
        DataType::Interval(IntervalUnit::MonthDayNano) => fixed::<IntervalMonthDayNano>(&keys, nulls, values),
        // By width and not by type, which would compile the same loop for thirty types.
        other => match other.primitive_width() {
            Some(1) => fixed::<u8>(&keys, nulls, values),
            Some(2) => fixed::<u16>(&keys, nulls, values),
            Some(4) => fixed::<u32>(&keys, nulls, values),
            Some(8) => fixed::<u64>(&keys, nulls, values),
            Some(16) => fixed::<i128>(&keys, nulls, values),
            Some(32) => fixed::<i256>(&keys, nulls, values),
            _ => Err(unconverted(dictionary.data_type(), other)),
        },
    }
}

/// Values of any type that takes as many bytes as an `N`.
fn fixed<N: ArrowNativeType>(
    keys: &[usize],
    nulls: Option<NullBuffer>,
    values: &dyn Array,
) -> Result<ArrayRef, ArrowError> {
    let data = values.to_data();
    let values = data.buffer::<N>(0);
    let rows = keys.iter().map(|key| values[*key]).collect::<Vec<_>>();
    let plain = ArrayData::builder(data.data_type().clone()).len(keys.len()).nulls(nulls);
    Ok(make_array(plain.add_buffer(Buffer::from_vec(rows)).build()?))
}

fn text<'a>(
    keys: &[usize],
    nulls: Option<&NullBuffer>,
    value: impl Fn(usize) -> &'a str,
) -> Result<ArrayRef, ArrowError> {
    let value = &value;
    let rows = || {
        let present = |row| nulls.is_none_or(|nulls: &NullBuffer| nulls.is_valid(row));
        keys.iter().enumerate().map(move |(row, key)| present(row).then(|| value(*key)))
    };
    utf8(keys.len(), rows)
}

/// An array of these rows, which are counted first, so that their text is allocated once.
pub(super) fn utf8<'a, I>(rows: usize, texts: impl Fn() -> I) -> Result<ArrayRef, ArrowError>
where
    I: Iterator<Item = Option<&'a str>>,
{
    let bytes = texts().flatten().map(str::len).sum();
    if i32::try_from(bytes).is_err() {
        return Err(ArrowError::OffsetOverflowError(bytes));
    }
    let mut builder = StringBuilder::with_capacity(rows, bytes);
    builder.extend(texts());
    Ok(Arc::new(builder.finish()))
}
