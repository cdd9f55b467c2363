use arrow_array::{Array, ArrayRef, BooleanArray, make_array};
use arrow_buffer::NullBuffer;
use arrow_schema::ArrowError;

/// The column with nulls in the rows that are true in `condition`, beside those that it has.
///
/// ```
/// use mlcore::arrow::array::{Array, BooleanArray, Int64Array};
/// use mlcore::arrow::compute::nullif;
///
/// let column = nullif(&Int64Array::from(vec![1, 2, 3]), &BooleanArray::from(vec![false, true, false]))?;
/// assert!(column.is_null(1) && column.is_valid(2));
/// # Ok::<(), mlcore::arrow::error::ArrowError>(())
/// ```
///
/// # Errors
/// [`ArrowError::ComputeError`] for a condition of another length.
pub fn nullif(column: &dyn Array, condition: &BooleanArray) -> Result<ArrayRef, ArrowError> {
    if column.len() != condition.len() {
        return Err(ArrowError::ComputeError(format!(
            "{} rows, and a condition for {}",
            column.len(),
            condition.len()
        )));
    }
    let kept: NullBuffer = condition.iter().map(|condition| condition != Some(true)).collect();
    let nulls = NullBuffer::union(column.nulls(), Some(&kept)).filter(|nulls| nulls.null_count() > 0);
    Ok(make_array(column.to_data().into_builder().nulls(nulls).build()?))
}

#[cfg(test)]
mod tests {
    use arrow_array::{Int64Array, StringArray};

    use super::*;

    #[test]
    fn it_is_that_of_arrow() {
        let condition =
            BooleanArray::from(vec![Some(true), None, Some(false), Some(true), Some(true), Some(false)]);
        let columns: [ArrayRef; 2] = [
            std::sync::Arc::new(Int64Array::from(vec![Some(1), Some(2), None, Some(4), None, Some(6)])),
            std::sync::Arc::new(StringArray::from(vec!["a", "b", "c", "d", "e", "f"])),
        ];
        for column in &columns {
            for (start, count) in [(0, 6), (1, 4), (2, 0)] {
                let (column, condition) = (column.slice(start, count), condition.slice(start, count));
                let theirs = arrow_select::nullif::nullif(&column, &condition).unwrap();
                assert_eq!(&nullif(&column, &condition).unwrap(), &theirs);
            }
        }
        assert!(nullif(&columns[0], &condition.slice(1, 4)).is_err());
    }
}
