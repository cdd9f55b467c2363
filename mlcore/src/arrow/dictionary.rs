use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::ArrowPrimitiveType;
use arrow_array::{
    AnyDictionaryArray, Array, ArrayRef, BooleanArray, PrimitiveArray, downcast_primitive, new_null_array,
};
use arrow_buffer::NullBuffer;
use arrow_schema::{ArrowError, DataType};

use super::cast::unconverted;

/// The rows of a dictionary, each with its value instead of a key: text as `Utf8`, anything else in the type of the values.
pub(super) fn plain(dictionary: &dyn AnyDictionaryArray) -> Result<ArrayRef, ArrowError> {
    let values = dictionary.values();
    if values.is_empty() || *values.data_type() == DataType::Null {
        return Ok(new_null_array(values.data_type(), dictionary.len()));
    }
    let (keys, nulls) = (dictionary.normalized_keys(), dictionary.logical_nulls());
    macro_rules! primitives {
        ($type:ty) => {
            Ok(primitives::<$type>(&keys, nulls, values.as_primitive()))
        };
    }
    downcast_primitive! {
        values.data_type() => (primitives),
        DataType::Boolean => {
            let values = values.as_boolean();
            Ok(Arc::new(BooleanArray::new(keys.iter().map(|key| values.value(*key)).collect(), nulls)))
        },
        DataType::Utf8 => text(&keys, nulls.as_ref(), |key| values.as_string::<i32>().value(key)),
        DataType::LargeUtf8 => text(&keys, nulls.as_ref(), |key| values.as_string::<i64>().value(key)),
        DataType::Utf8View => text(&keys, nulls.as_ref(), |key| values.as_string_view().value(key)),
        other => Err(unconverted(dictionary.data_type(), other)),
    }
}

fn primitives<T: ArrowPrimitiveType>(
    keys: &[usize],
    nulls: Option<NullBuffer>,
    values: &PrimitiveArray<T>,
) -> ArrayRef {
    let rows = keys.iter().map(|key| values.value(*key)).collect::<Vec<_>>();
    // Decimals have their scale and timestamps their zone in the type.
    Arc::new(PrimitiveArray::<T>::new(rows.into(), nulls).with_data_type(values.data_type().clone()))
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
