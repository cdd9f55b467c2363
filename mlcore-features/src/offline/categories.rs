//! Categories: polars has the words of a column's codes in its type, Arrow beside the codes.

use std::collections::HashMap;
use std::sync::Arc;

use mlcore::arrow::array::{
    Array, ArrayRef, AsArray, DictionaryArray, PrimitiveArray, StringViewArray, UInt32Array, make_array,
};
use mlcore::arrow::datatypes::{
    ArrowDictionaryKeyType, ArrowNativeType, DataType as ArrowType, Field, UInt8Type, UInt16Type, UInt32Type,
};
use mlcore::interrupt::Pace;
use mlcore::{Error, Result};
use polars::prelude::{CategoricalMapping, Categories, DataType};

use super::refusal::meant;

/// The column with words beside its codes, and beside those inside of lists and structs; any other as it is.
pub(super) fn worded(
    operation: &'static str,
    column: &str,
    dtype: &DataType,
    array: &ArrayRef,
) -> Result<ArrayRef> {
    match dtype {
        DataType::Categorical(_, mapping) | DataType::Enum(_, mapping) => match array.data_type() {
            ArrowType::UInt8 => with_words::<UInt8Type>(operation, column, array.as_primitive(), mapping),
            ArrowType::UInt16 => with_words::<UInt16Type>(operation, column, array.as_primitive(), mapping),
            ArrowType::UInt32 => with_words::<UInt32Type>(operation, column, array.as_primitive(), mapping),
            other => {
                Err(Error::internal(operation, column, format!("categories have codes of type {other}")))
            }
        },
        DataType::List(inner) | DataType::Array(inner, _) if is_coded(inner) => {
            with_parts(operation, column, array, &[inner.as_ref()])
        }
        DataType::Struct(fields) if is_coded(dtype) => {
            let inner: Vec<&DataType> = fields.iter().map(|field| field.dtype()).collect();
            with_parts(operation, column, array, &inner)
        }
        _ => Ok(array.clone()),
    }
}

fn is_coded(dtype: &DataType) -> bool {
    match dtype {
        DataType::Categorical(..) | DataType::Enum(..) => true,
        DataType::List(inner) | DataType::Array(inner, _) => is_coded(inner),
        DataType::Struct(fields) => fields.iter().any(|field| is_coded(field.dtype())),
        _ => false,
    }
}

/// The dictionary of these codes. All words are taken where rows are as many, and else those that rows have: a type may know
/// millions that a short column has not.
fn with_words<K: ArrowDictionaryKeyType>(
    operation: &'static str,
    column: &str,
    codes: &PrimitiveArray<K>,
    mapping: &CategoricalMapping,
) -> Result<ArrayRef> {
    let word = |code: usize| u32::try_from(code).ok().and_then(|code| mapping.cat_to_str(code));
    let known = mapping.num_cats_upper_bound();
    let (codes, words) = if known <= codes.len() {
        (codes.clone(), (0..known).map(word).collect::<StringViewArray>())
    } else {
        let (mut pace, mut places, mut words) = (Pace::default(), HashMap::new(), Vec::new());
        let mut place = |code: K::Native| {
            pace.check(operation, 1)?;
            let code = code.as_usize();
            let place = *places.entry(code).or_insert_with(|| {
                words.push(word(code));
                words.len() - 1
            });
            K::Native::from_usize(place)
                .ok_or_else(|| Error::internal(operation, column, "its codes are too many"))
        };
        let codes = codes.iter().map(|code| code.map(&mut place).transpose());
        (codes.collect::<Result<PrimitiveArray<K>>>()?, words.into_iter().collect())
    };
    let dictionary = DictionaryArray::try_new(codes, Arc::new(words)).map_err(|cause| {
        Error::invalid_input(operation, column, format!("a code stands for no category: {cause}"))
            .caused_by(cause)
    })?;
    Ok(Arc::new(dictionary))
}

/// The list or struct of parts of these types, with words beside their codes.
fn with_parts(
    operation: &'static str,
    column: &str,
    array: &ArrayRef,
    inner: &[&DataType],
) -> Result<ArrayRef> {
    let data = array.to_data();
    let parts = data.child_data().iter().zip(inner);
    let parts: Vec<ArrayRef> = parts
        .map(|(part, dtype)| worded(operation, column, dtype, &make_array(part.clone())))
        .collect::<Result<_>>()?;
    let typed = |(field, part): (&Arc<Field>, &ArrayRef)| {
        Arc::new(field.as_ref().clone().with_data_type(part.data_type().clone()))
    };
    let data_type = match (array.data_type(), parts.as_slice()) {
        (ArrowType::LargeList(field), [part]) => ArrowType::LargeList(typed((field, part))),
        (ArrowType::FixedSizeList(field, width), [part]) => {
            ArrowType::FixedSizeList(typed((field, part)), *width)
        }
        (ArrowType::Struct(fields), parts) => {
            ArrowType::Struct(fields.iter().zip(parts).map(typed).collect())
        }
        (other, _) => return Err(Error::internal(operation, column, format!("{other} has other parts"))),
    };
    let parts = parts.iter().map(|part| part.to_data()).collect();
    let built = data.into_builder().data_type(data_type).child_data(parts).build();
    built
        .map(make_array)
        .map_err(|cause| Error::internal(operation, column, cause.to_string()).caused_by(cause))
}

/// The rows of a dictionary of words as codes of polars' global categories, to which the words that rows have are added.
pub(super) fn coded(operation: &'static str, column: &str, array: &ArrayRef) -> Result<(ArrayRef, DataType)> {
    let dictionary = array.as_any_dictionary();
    let dtype = DataType::from_categories(Categories::global());
    let DataType::Categorical(_, mapping) = &dtype else {
        return Err(Error::internal(operation, column, "categories are of another type"));
    };
    let words = match dictionary.values().data_type() {
        ArrowType::Utf8 => StringViewArray::from(dictionary.values().as_string::<i32>()),
        ArrowType::LargeUtf8 => StringViewArray::from(dictionary.values().as_string::<i64>()),
        _ => dictionary.values().as_string_view().clone(),
    };
    if words.is_empty() {
        return Ok((Arc::new(UInt32Array::new_null(array.len())), dtype));
    }
    let (keys, nulls) = (dictionary.normalized_keys(), dictionary.logical_nulls());
    let (mut pace, mut known) = (Pace::default(), vec![None; words.len()]);
    let mut code = |row: usize, key: usize| {
        pace.check(operation, 1)?;
        let Some(known) =
            known.get_mut(key).filter(|_| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row)))
        else {
            return Ok(None);
        };
        if known.is_none() {
            let code = mapping.insert_cat(words.value(key));
            *known = Some(code.map_err(|cause| meant(operation, column, cause))?);
        }
        Ok(*known)
    };
    let codes = keys.into_iter().enumerate().map(|(row, key)| code(row, key));
    let codes = codes.collect::<Result<UInt32Array>>()?;
    Ok((Arc::new(codes), dtype))
}
