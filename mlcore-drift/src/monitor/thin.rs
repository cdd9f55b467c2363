//! Every k-th row of a table.

use mlcore::arrow::array::{Array, ArrayRef, MutableArrayData, RecordBatch, RecordBatchOptions, make_array};
use mlcore::arrow::error::ArrowError;
use mlcore::{Error, Result};

/// Every `step`-th row of `table`, the first being that with index `first`.
pub(crate) fn thinned(table: &RecordBatch, first: usize, step: usize) -> Result<RecordBatch> {
    let columns = table.columns().iter().map(|array| thinned_column(array, first, step));
    let rows = (first..table.num_rows()).step_by(step).len();
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(table.schema(), columns.collect::<Result<_>>()?, &options)
        .map_err(failed)
}

/// The same of one column.
pub(crate) fn thinned_column(array: &ArrayRef, first: usize, step: usize) -> Result<ArrayRef> {
    let mut rows = (first..array.len()).step_by(step);
    let data = array.to_data();
    let mut kept = MutableArrayData::new(vec![&data], false, rows.len());
    rows.try_for_each(|row| kept.try_extend(0, row, row + 1)).map_err(failed)?;
    Ok(make_array(kept.freeze()))
}

fn failed(cause: ArrowError) -> Error {
    Error::internal("thin table", "rows", cause.to_string()).caused_by(cause)
}

/// How many of the next `rows` rows come before the next one that is taken.
pub(super) fn next_phase(phase: usize, rows: usize, step: usize) -> usize {
    let passed = rows % step;
    // No sum of two steps, which may be as large as a number can be.
    if phase >= passed { phase - passed } else { step - (passed - phase) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_of_any_size_leave_the_same_rows() {
        for step in 1..7 {
            for size in 1..9 {
                let (mut phase, mut taken) = (0, Vec::new());
                for start in (0..40).step_by(size) {
                    taken.extend((phase..size).step_by(step).map(|row| start + row));
                    phase = next_phase(phase, size, step);
                }
                let end = 40_usize.div_ceil(size) * size;
                assert_eq!(taken, (0..end).step_by(step).collect::<Vec<_>>(), "{step} {size}");
            }
        }
    }
}
