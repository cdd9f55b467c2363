//! Columns inside columns, as columns of their own.
//!
//! A plan reads plain columns. A struct and a list of fixed length are several of them in one, and [`flatten`] takes them apart,
//! before a table is fitted and before it is transformed. Lists of any length have no fixed columns, and are left as they are:
//! a plan that reads one refuses it by name.

use std::collections::HashSet;
use std::sync::Arc;

use mlcore::arrow::array::{
    Array, ArrayRef, AsArray, FixedSizeListArray, MutableArrayData, RecordBatch, RecordBatchOptions,
    StructArray, make_array,
};
use mlcore::arrow::datatypes::{DataType, Field, Schema};
use mlcore::{Error, Result, interrupt};

/// The table with a column for each field of a struct, named `address.city`, and for each place of a list of fixed length, named
/// `tags_0` and on, in their place among the columns. What is nested deeper is taken apart, too. What lies in a missing struct or
/// list is missing.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{ArrayRef, FixedSizeListArray, Int64Array, RecordBatch, StringArray, StructArray};
/// use mlcore::arrow::datatypes::{DataType, Field, Int32Type};
/// use mlcore_features::nested::flatten;
///
/// let city: ArrayRef = Arc::new(StringArray::from(vec!["Bern", "Basel"]));
/// let address = StructArray::from(vec![(Arc::new(Field::new("city", DataType::Utf8, false)), city)]);
/// let tags = FixedSizeListArray::from_iter_primitive::<Int32Type, _, _>(
///     vec![Some(vec![Some(1), Some(2)]), None],
///     2,
/// );
/// let table = RecordBatch::try_from_iter([
///     ("address", Arc::new(address) as ArrayRef),
///     ("visits", Arc::new(Int64Array::from(vec![3, 4]))),
///     ("tags", Arc::new(tags)),
/// ]).unwrap();
/// let flat = flatten(&table)?;
/// let names: Vec<&str> = flat.schema_ref().fields().iter().map(|field| field.name().as_str()).collect();
/// assert_eq!(names, ["address.city", "visits", "tags_0", "tags_1"]);
/// # Ok::<(), mlcore::Error>(())
/// ```
///
/// # Errors
/// [`Error::InvalidInput`] where two columns have the same name then, and [`Error::Unsupported`] for columns that are longer than
/// can be copied.
pub fn flatten(table: &RecordBatch) -> Result<RecordBatch> {
    let (mut fields, mut columns) = (Vec::new(), Vec::new());
    for (field, array) in table.schema_ref().fields().iter().zip(table.columns()) {
        take_apart(field, array, &mut |field, array| {
            fields.push(field);
            columns.push(array);
        })?;
    }
    let mut names = HashSet::new();
    for field in &fields {
        if !names.insert(field.name()) {
            return Err(Error::invalid_input(OPERATION, field.name(), "two columns have this name")
                .remedy("rename the column, or the field of the struct"));
        }
    }
    let options = RecordBatchOptions::new().with_row_count(Some(table.num_rows()));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)
        .map_err(|cause| Error::internal(OPERATION, "columns", cause.to_string()).caused_by(cause))
}

const OPERATION: &str = "flatten table";

/// Hands the plain columns of this one over, which is itself where it is plain.
fn take_apart(field: &Field, array: &ArrayRef, taken: &mut dyn FnMut(Field, ArrayRef)) -> Result<()> {
    interrupt::check(OPERATION)?;
    match array.data_type() {
        DataType::Struct(inner) => {
            let nested: &StructArray = array.as_struct();
            for (inner, column) in inner.iter().zip(nested.columns()) {
                let rows = (0..nested.len()).map(|row| nested.is_valid(row).then_some(row));
                let column = if nested.null_count() == 0 {
                    column.clone()
                } else {
                    picked(field.name(), column, rows)?
                };
                take_apart(
                    &named(field, format!("{}.{}", field.name(), inner.name()), inner),
                    &column,
                    taken,
                )?;
            }
        }
        DataType::FixedSizeList(inner, size) => {
            let nested: &FixedSizeListArray = array.as_fixed_size_list();
            let size = usize::try_from(*size).unwrap_or_default();
            let first = usize::try_from(nested.value_offset(0)).unwrap_or_default();
            for place in 0..size {
                let rows =
                    (0..nested.len()).map(|row| nested.is_valid(row).then_some(first + row * size + place));
                let column = picked(field.name(), nested.values(), rows)?;
                take_apart(&named(field, format!("{}_{place}", field.name()), inner), &column, taken)?;
            }
        }
        _ => taken(field.clone(), array.clone()),
    }
    Ok(())
}

/// The field of a column that lies in another one.
fn named(outer: &Field, name: String, inner: &Field) -> Field {
    Field::new(name, inner.data_type().clone(), outer.is_nullable() || inner.is_nullable())
}

/// The values at these places, and null where there is none.
fn picked(name: &str, array: &ArrayRef, places: impl Iterator<Item = Option<usize>>) -> Result<ArrayRef> {
    let data = array.to_data();
    let mut values = MutableArrayData::new(vec![&data], true, places.size_hint().0);
    let mut pace = interrupt::Pace::default();
    for place in places {
        pace.check(OPERATION, 8)?;
        let added = match place {
            Some(place) => values.try_extend(0, place, place + 1),
            None => values.try_extend_nulls(1),
        };
        added.map_err(|cause| {
            Error::unsupported(OPERATION, name, cause.to_string())
                .remedy("take fewer rows at a time")
                .caused_by(cause)
        })?;
    }
    Ok(make_array(values.freeze()))
}
