//! Rows of several batches as one column.

use std::collections::HashMap;

use mlcore::arrow::array::{
    Array, ArrayData, ArrayRef, AsArray, BinaryViewBuilder, BooleanBuilder, MutableArrayData,
    StringViewBuilder, UInt64Array, make_array, new_null_array,
};
use mlcore::arrow::buffer::{Buffer, NullBuffer};
use mlcore::arrow::compute::cast;
use mlcore::arrow::datatypes::{ArrowNativeType, DataType, UInt64Type, i256};
use mlcore::{Error, Result};

/// A batch and a row of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct Place {
    pub(super) batch: u32,
    pub(super) row: u32,
}

/// Makes sure that rows of such a column can be put together.
pub(super) fn check(operation: &'static str, name: &str, data_type: &DataType) -> Result<()> {
    fn is_whole(data_type: &DataType) -> bool {
        match data_type {
            DataType::Dictionary(..) | DataType::RunEndEncoded(..) | DataType::Union(..) => false,
            DataType::List(field)
            | DataType::LargeList(field)
            | DataType::ListView(field)
            | DataType::LargeListView(field)
            | DataType::FixedSizeList(field, _)
            | DataType::Map(field, _) => is_whole(field.data_type()),
            DataType::Struct(fields) => fields.iter().all(|field| is_whole(field.data_type())),
            _ => true,
        }
    }
    let is_taken = match data_type {
        DataType::Dictionary(_, values) => is_whole(values) && !values.is_nested(),
        other => is_whole(other),
    };
    if is_taken {
        return Ok(());
    }
    Err(Error::unsupported(operation, name, format!("a column of type {data_type} cannot be joined"))
        .remedy("cast the column to a type without unions, run ends and dictionaries inside of others"))
}

/// The rows at these places, of one column of all batches; null where there is no place.
pub(super) fn gather(
    operation: &'static str,
    name: &str,
    data_type: &DataType,
    arrays: &[ArrayRef],
    places: &[Option<Place>],
) -> Result<ArrayRef> {
    if let Some(other) = arrays.iter().find(|array| array.data_type() != data_type) {
        let problem =
            format!("expected {data_type}, as in the schema of the source, got {}", other.data_type());
        return Err(Error::schema_mismatch(operation, name, problem)
            .remedy("cast the column, so that all batches have one type"));
    }
    if arrays.is_empty() {
        return Ok(new_null_array(data_type, places.len()));
    }
    match data_type {
        DataType::Boolean => {
            let mut made = BooleanBuilder::with_capacity(places.len());
            for cell in cells(arrays, places) {
                made.append_option(cell.map(|(array, row)| array.as_boolean().value(row)));
            }
            Ok(std::sync::Arc::new(made.finish()))
        }
        DataType::Utf8View => {
            let mut made = StringViewBuilder::with_capacity(places.len());
            for cell in cells(arrays, places) {
                made.append_option(cell.map(|(array, row)| array.as_string_view().value(row)));
            }
            Ok(std::sync::Arc::new(made.finish()))
        }
        DataType::BinaryView => {
            let mut made = BinaryViewBuilder::with_capacity(places.len());
            for cell in cells(arrays, places) {
                made.append_option(cell.map(|(array, row)| array.as_binary_view().value(row)));
            }
            Ok(std::sync::Arc::new(made.finish()))
        }
        DataType::Dictionary(..) => dictionary(operation, name, data_type, arrays, places),
        DataType::Interval(_) => copied(operation, name, arrays, places),
        _ => match data_type.primitive_width() {
            Some(1) => fixed::<u8>(operation, name, data_type, arrays, places),
            Some(2) => fixed::<u16>(operation, name, data_type, arrays, places),
            Some(4) => fixed::<u32>(operation, name, data_type, arrays, places),
            Some(8) => fixed::<u64>(operation, name, data_type, arrays, places),
            Some(16) => fixed::<i128>(operation, name, data_type, arrays, places),
            Some(32) => fixed::<i256>(operation, name, data_type, arrays, places),
            _ => copied(operation, name, arrays, places),
        },
    }
}

/// The array and the row of each place; `None` for no place and for a null.
fn cells<'a>(
    arrays: &'a [ArrayRef],
    places: &'a [Option<Place>],
) -> impl Iterator<Item = Option<(&'a ArrayRef, usize)>> {
    places.iter().map(|place| {
        let place = (*place)?;
        let (array, row) = (arrays.get(place.batch as usize)?, place.row as usize);
        (row < array.len() && !array.is_null(row)).then_some((array, row))
    })
}

/// Numbers of one width.
fn fixed<T: ArrowNativeType>(
    operation: &'static str,
    name: &str,
    data_type: &DataType,
    arrays: &[ArrayRef],
    places: &[Option<Place>],
) -> Result<ArrayRef> {
    let datas: Vec<ArrayData> = arrays.iter().map(Array::to_data).collect();
    let slices: Vec<&[T]> = datas.iter().map(|data| data.buffer::<T>(0)).collect();
    let mut values = Vec::with_capacity(places.len());
    let is_full = places.iter().all(Option::is_some) && arrays.iter().all(|array| array.null_count() == 0);
    let value = |place: &Option<Place>| {
        let place = (*place)?;
        slices.get(place.batch as usize)?.get(place.row as usize).copied()
    };
    match (slices.as_slice(), is_full) {
        ([slice], true) => {
            values.extend(places.iter().map(|place| {
                place.and_then(|place| slice.get(place.row as usize)).copied().unwrap_or_default()
            }));
        }
        _ => values.extend(places.iter().map(|place| value(place).unwrap_or_default())),
    }
    let nulls: Option<NullBuffer> =
        (!is_full).then(|| cells(arrays, places).map(|cell| cell.is_some()).collect());
    let made = ArrayData::builder(data_type.clone())
        .len(values.len())
        .add_buffer(Buffer::from_vec(values))
        .nulls(nulls)
        .build();
    made.map(make_array).map_err(|cause| Error::internal(operation, name, cause.to_string()).caused_by(cause))
}

/// Rows of any other type, copied one by one.
fn copied(
    operation: &'static str,
    name: &str,
    arrays: &[ArrayRef],
    places: &[Option<Place>],
) -> Result<ArrayRef> {
    let datas: Vec<ArrayData> = arrays.iter().map(Array::to_data).collect();
    let mut made = MutableArrayData::new(datas.iter().collect(), true, places.len());
    for place in places {
        let place = place.filter(|place| {
            arrays.get(place.batch as usize).is_some_and(|array| (place.row as usize) < array.len())
        });
        let copied = match place {
            Some(place) => made.try_extend(place.batch as usize, place.row as usize, place.row as usize + 1),
            None => made.try_extend_nulls(1),
        };
        copied.map_err(|cause| {
            Error::unsupported(operation, name, format!("the rows do not fit into one column: {cause}"))
                .remedy("cast the column to a type with wide offsets, or join the rows in parts")
                .caused_by(cause)
        })?;
    }
    Ok(make_array(made.freeze()))
}

/// Dictionaries as one: a text has one code, whichever batch it comes from.
fn dictionary(
    operation: &'static str,
    name: &str,
    data_type: &DataType,
    arrays: &[ArrayRef],
    places: &[Option<Place>],
) -> Result<ArrayRef> {
    let internal = |cause: mlcore::arrow::error::ArrowError| {
        Error::internal(operation, name, cause.to_string()).caused_by(cause)
    };
    let DataType::Dictionary(key_type, value_type) = data_type else {
        return copied(operation, name, arrays, places);
    };
    let mut values: Vec<ArrayRef> = Vec::with_capacity(arrays.len());
    let mut codes = Vec::with_capacity(arrays.len());
    for array in arrays {
        let array = array.as_any_dictionary();
        values.push(array.values().clone());
        codes.push(cast(array.keys(), &DataType::UInt64).map_err(internal)?);
    }
    let texts = values.iter().map(|values| cast(values, &DataType::Utf8).ok()).collect::<Vec<_>>();
    let (mut by_code, mut by_text) = (HashMap::new(), HashMap::new());
    let mut used: Vec<Option<Place>> = Vec::new();
    let mut keys = Vec::with_capacity(places.len());
    for cell in cells(arrays, places).zip(places).map(|(cell, place)| cell.and(*place)) {
        let code = cell.and_then(|place| {
            let codes = codes.get(place.batch as usize)?.as_primitive::<UInt64Type>();
            let code = codes.values().get(place.row as usize)?;
            Some(Place { batch: place.batch, row: u32::try_from(*code).ok()? })
        });
        keys.push(code.map(|code| {
            *by_code.entry(code).or_insert_with(|| {
                let next = used.len() as u64;
                let text = texts.get(code.batch as usize).and_then(Option::as_ref);
                let text = text.map(|texts| texts.as_string::<i32>()).and_then(|texts| {
                    let row = code.row as usize;
                    (row < texts.len() && !texts.is_null(row)).then(|| texts.value(row))
                });
                let known = text.map_or(next, |text| *by_text.entry(text).or_insert(next));
                if known == next {
                    used.push(Some(code));
                }
                known
            })
        }));
    }
    let values = gather(operation, name, value_type, &values, &used)?;
    let keys = cast(&UInt64Array::from(keys), key_type).map_err(|cause| {
        let problem = format!("{} different values are more than {key_type} can number", used.len());
        Error::unsupported(operation, name, problem).remedy("cast the column to text").caused_by(cause)
    })?;
    let made =
        keys.to_data().into_builder().data_type(data_type.clone()).add_child_data(values.to_data()).build();
    made.map(make_array).map_err(internal)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use mlcore::arrow::array::{DictionaryArray, Float64Array, ListArray, StringArray, StringViewArray};
    use mlcore::arrow::datatypes::{Int8Type, Int32Type};

    use super::*;

    fn places(of: &[Option<(u32, u32)>]) -> Vec<Option<Place>> {
        of.iter().map(|place| place.map(|(batch, row)| Place { batch, row })).collect()
    }

    #[test]
    fn rows_of_every_layout_come_in_the_order_of_their_places() {
        let at = places(&[Some((1, 0)), None, Some((0, 1)), Some((0, 0)), Some((1, 0))]);
        let check = |first: ArrayRef, second: ArrayRef, expected: ArrayRef| {
            let made = gather("test", "x", first.data_type(), &[first.clone(), second], &at).unwrap();
            assert_eq!(&made, &expected);
        };
        check(
            Arc::new(Float64Array::from(vec![Some(1.0), None])),
            Arc::new(Float64Array::from(vec![3.0])),
            Arc::new(Float64Array::from(vec![Some(3.0), None, None, Some(1.0), Some(3.0)])),
        );
        check(
            Arc::new(StringArray::from(vec![Some("a"), None])),
            Arc::new(StringArray::from(vec!["c"])),
            Arc::new(StringArray::from(vec![Some("c"), None, None, Some("a"), Some("c")])),
        );
        check(
            Arc::new(StringViewArray::from(vec![Some("a"), None])),
            Arc::new(StringViewArray::from(vec!["long enough for a buffer"])),
            Arc::new(StringViewArray::from(vec![
                Some("long enough for a buffer"),
                None,
                None,
                Some("a"),
                Some("long enough for a buffer"),
            ])),
        );
        let list = |rows: Vec<Option<Vec<Option<i32>>>>| {
            Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(rows))
        };
        check(
            list(vec![Some(vec![Some(1)]), None]),
            list(vec![Some(vec![])]),
            list(vec![Some(vec![]), None, None, Some(vec![Some(1)]), Some(vec![])]),
        );
    }

    #[test]
    fn dictionaries_become_one_with_a_code_for_each_text() {
        let batch = |words: Vec<Option<&str>>| -> ArrayRef {
            Arc::new(words.into_iter().collect::<DictionaryArray<Int8Type>>())
        };
        let arrays: Vec<ArrayRef> = (0..300).map(|_| batch(vec![Some("red"), None, Some("blue")])).collect();
        let at: Vec<Option<Place>> =
            (0..300).flat_map(|batch| (0..3).map(move |row| Some(Place { batch, row }))).collect();
        let made = gather("test", "x", arrays[0].data_type(), &arrays, &at).unwrap();
        assert_eq!(made.as_any_dictionary().values().len(), 2);
        let words = cast(&made, &DataType::Utf8).unwrap();
        assert_eq!((words.as_string::<i32>().value(899), words.null_count()), ("blue", 300));
        let names: Vec<String> = (0..200).map(|name| name.to_string()).collect();
        let halves: Vec<ArrayRef> = names
            .chunks(100)
            .map(|names| batch(names.iter().map(|name| Some(name.as_str())).collect()))
            .collect();
        let at: Vec<Option<Place>> =
            (0..2).flat_map(|batch| (0..100).map(move |row| Some(Place { batch, row }))).collect();
        let error = gather("test", "x", halves[0].data_type(), &halves, &at).unwrap_err();
        assert_eq!(
            error.to_string(),
            "test x: 200 different values are more than Int8 can number; cast the column to text"
        );
    }
}
