//! Columns that are kept, and their way back.

use std::sync::Arc;

use mlcore::Result;
use mlcore::arrow::array::{ArrayRef, Float64Array, RecordBatch};

use crate::transform::{Transform, inverse};

/// The table with zeros for the columns that are left out, as scikit-learn brings features back.
pub(super) fn restored<T: Transform>(fitted: &T, kept: &[bool], table: &RecordBatch) -> Result<RecordBatch> {
    let count = kept.iter().filter(|kept| **kept).count();
    inverse::columns(fitted, table, |features| {
        let mut own = features.take(0, count)?.iter();
        let column = |kept: &bool| {
            let values = if *kept { own.next().cloned() } else { None };
            let values = values.unwrap_or_else(|| vec![0.0; features.rows()]);
            Arc::new(Float64Array::from(values)) as ArrayRef
        };
        Ok(kept.iter().map(column).collect())
    })
}
