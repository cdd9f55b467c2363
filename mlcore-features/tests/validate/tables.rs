//! Tables for tests.

use std::sync::Arc;

use mlcore::arrow::array::{ArrayRef, RecordBatch};
use mlcore::schema::Schema;

/// The schema of a table.
pub(crate) fn schema_of(table: &RecordBatch) -> Schema {
    Schema::from_arrow(table.schema_ref()).unwrap()
}

/// A table of these columns.
pub(crate) fn table<const N: usize>(columns: [(&str, ArrayRef); N]) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true)))
        .unwrap()
}

/// A column of values.
pub(crate) fn column<A: From<V> + mlcore::arrow::array::Array + 'static, V>(values: V) -> ArrayRef {
    Arc::new(A::from(values))
}
