use arrow_array::{ArrayRef, make_array};
use arrow_data::ArrayData;
use arrow_schema::{ArrowError, DataType};

use super::validate::{check_sizes, validate};
use crate::error::{Error, Result};

/// The array of data that another library handed over, if the data is sound.
///
/// Arrow's own [`make_array`](crate::arrow::array::make_array) does not look at it, and panics at a column of structs in a column
/// of structs that is a slice.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{Array, Int8Array, StructArray};
/// use mlcore::arrow::datatypes::{DataType, Field};
/// use mlcore::arrow::imported;
///
/// let numbers = Int8Array::from(vec![1, 2, 3]);
/// let point = StructArray::from(vec![(Arc::new(Field::new("x", DataType::Int8, false)), Arc::new(numbers) as _)]);
/// let data = point.to_data().into_builder().offset(1).len(2).build()?;
/// assert_eq!(imported("read table", "point", data, 0)?.len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`validate`].
pub fn imported(
    operation: &'static str,
    column: &str,
    data: ArrayData,
    first_row: usize,
) -> Result<ArrayRef> {
    validate(operation, column, &data, first_row)?;
    let data = if has_slices(&data) { unsliced(data) } else { Ok(data) };
    data.map(make_array).map_err(|cause| damaged(operation, column, cause))
}

/// The columns of a table that another library handed over as structs, none of which is looked at yet.
///
/// # Errors
/// [`Error::InvalidInput`] for data that is no structs, or whose columns are shorter than it says.
pub fn struct_columns(operation: &'static str, table: &str, data: &ArrayData) -> Result<Vec<ArrayData>> {
    let columns = match data.data_type() {
        DataType::Struct(_) => data.child_data().iter(),
        other => {
            let problem = format!("its type is {other}, and a table is a struct of columns");
            return Err(Error::invalid_input(operation, table, problem));
        }
    };
    let columns = columns.map(|column| part(column, data.offset(), data.len()));
    columns.collect::<Result<_, _>>().map_err(|cause| damaged(operation, table, cause))
}

fn damaged(operation: &'static str, subject: &str, cause: ArrowError) -> Error {
    Error::invalid_input(operation, subject, format!("its Arrow data is damaged: {cause}"))
        .remedy("write it again with the library that made it")
        .caused_by(cause)
}

/// Whether structs inside the data begin or end elsewhere than their columns.
fn has_slices(data: &ArrayData) -> bool {
    let is_slice = matches!(data.data_type(), DataType::Struct(_))
        && (data.offset() > 0 || data.child_data().iter().any(|column| column.len() != data.len()));
    is_slice || data.child_data().iter().any(has_slices)
}

/// The same data, with structs that begin and end where their columns do: of others Arrow cuts the columns twice.
fn unsliced(data: ArrayData) -> Result<ArrayData, ArrowError> {
    let is_struct = matches!(data.data_type(), DataType::Struct(_));
    let cut = |child: &ArrayData| match is_struct {
        true => part(child, data.offset(), data.len()),
        false => Ok(child.clone()),
    };
    let children = data.child_data().iter().map(|child| unsliced(cut(child)?)).collect::<Result<_, _>>()?;
    let offset = if is_struct { 0 } else { data.offset() };
    data.into_builder().offset(offset).child_data(children).build()
}

/// So many rows of the data from this one on, whose own columns stay whole.
fn part(data: &ArrayData, offset: usize, length: usize) -> Result<ArrayData, ArrowError> {
    let is_countable = data.offset().checked_add(data.len()).is_some();
    let has_nulls_of_all = data.nulls().is_none_or(|nulls| nulls.len() == data.len());
    let is_inside = offset.checked_add(length).is_some_and(|end| end <= data.len());
    if !(is_countable && has_nulls_of_all && is_inside) {
        let problem =
            format!("{length} rows after {offset} others are more than the {} of a column", data.len());
        return Err(ArrowError::InvalidArgumentError(problem));
    }
    if !matches!(data.data_type(), DataType::Struct(_)) {
        return Ok(data.slice(offset, length));
    }
    // What builds it takes its columns for granted.
    check_sizes(data)?;
    let nulls = data.nulls().map(|nulls| nulls.slice(offset, length));
    data.clone().into_builder().offset(data.offset() + offset).len(length).nulls(nulls).build()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::cast::AsArray;
    use arrow_array::{Array, Int32Array, ListArray, StructArray};
    use arrow_buffer::OffsetBuffer;
    use arrow_schema::{Field, Fields};

    use super::*;

    /// Structs around `inside` in the field `name`.
    fn around(name: &str, inside: ArrayRef) -> StructArray {
        let field = Field::new(name, inside.data_type().clone(), true);
        StructArray::from(vec![(Arc::new(field), inside)])
    }

    /// As other libraries slice: the outermost says where it begins, and nothing inside does.
    fn slice(array: &dyn Array, offset: usize, length: usize) -> ArrayData {
        let nulls = array.nulls().map(|nulls| nulls.slice(offset, length));
        array.to_data().into_builder().offset(offset).len(length).nulls(nulls).build().unwrap()
    }

    fn numbers() -> ArrayRef {
        Arc::new(Int32Array::from(vec![Some(1), Some(2), None, Some(4), Some(5)]))
    }

    #[test]
    fn slices_of_structs_in_structs_hold_their_rows() {
        let deep = around("a", Arc::new(around("b", Arc::new(around("c", numbers())))));
        for (offset, length) in [(0, 5), (1, 3), (4, 1), (5, 0), (0, 2)] {
            let array = imported("read table", "deep", slice(&deep, offset, length), 0).unwrap();
            assert_eq!(array.as_struct(), &deep.slice(offset, length));
            array.to_data().validate_full().unwrap();
        }
        let again = imported("read table", "deep", slice(&deep, 1, 4), 0).unwrap();
        let again = imported("read table", "deep", slice(again.as_ref(), 2, 2), 0).unwrap();
        assert_eq!(again.as_struct(), &deep.slice(3, 2));
    }

    #[test]
    fn slices_of_structs_inside_lists_hold_their_rows() {
        let structs = around("a", Arc::new(around("b", numbers())));
        let inside = slice(&structs, 1, 4);
        let item = Arc::new(Field::new("item", structs.data_type().clone(), true));
        let lists =
            ListArray::new(item, OffsetBuffer::from_lengths([1, 3]), Arc::new(structs.slice(1, 4)), None);
        let data = lists.to_data().into_builder().child_data(vec![inside]).build().unwrap();
        let array = imported("read table", "lists", data, 0).unwrap();
        assert_eq!(array.as_list::<i32>(), &lists);
    }

    #[test]
    fn columns_of_a_table_begin_with_its_first_row() {
        let table = around("a", Arc::new(around("b", numbers())));
        let columns = struct_columns("read table", "table", &slice(&table, 2, 2)).unwrap();
        let column = imported("read table", "a", columns[0].clone(), 0).unwrap();
        assert_eq!(column.as_struct(), &table.column(0).as_struct().slice(2, 2));

        let fields = Fields::from(vec![Field::new("a", DataType::Int32, true)]);
        let short = ArrayData::builder(DataType::Struct(fields)).len(6).child_data(vec![numbers().to_data()]);
        // SAFETY: it is looked at before it is read.
        #[expect(unsafe_code, reason = "data as a foreign library hands it over")]
        let short = unsafe { short.build_unchecked() };
        let error = struct_columns("read table", "table", &short).unwrap_err();
        assert!(
            error.to_string().contains("6 rows after 0 others are more than the 5 of a column"),
            "{error}"
        );
        let error = struct_columns("read table", "table", &numbers().to_data()).unwrap_err();
        assert!(error.to_string().contains("a table is a struct of columns"), "{error}");
    }
}
