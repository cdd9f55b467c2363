use std::fmt::Debug;

use mlcore::Result;
use mlcore::arrow::array::RecordBatch;

use super::Transform;

/// A specification that learns from a table.
pub trait Fit: Debug + Send + Sync {
    /// What it becomes.
    type Fitted: Transform;

    /// Learns from every column of the table.
    ///
    /// # Errors
    /// [`Error::InvalidInput`](mlcore::Error::InvalidInput) for a table without rows or columns, parameters or values
    /// that the transformer refuses; [`Error::SchemaMismatch`](mlcore::Error::SchemaMismatch) for a column of a type
    /// that it does not take. The error names the column.
    fn fit(&self, table: &RecordBatch) -> Result<Self::Fitted>;

    /// Learns from the table and transforms it.
    ///
    /// # Errors
    /// As [`Fit::fit`] and [`Transform::transform`].
    fn fit_transform(&self, table: &RecordBatch) -> Result<(Self::Fitted, RecordBatch)> {
        let fitted = self.fit(table)?;
        let transformed = fitted.transform(table)?;
        Ok((fitted, transformed))
    }
}
