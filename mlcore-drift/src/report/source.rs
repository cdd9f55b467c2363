//! Tables whose columns are read when somebody needs them.

use mlcore::Result;
use mlcore::arrow::array::{ArrayRef, RecordBatch};

/// A table that a [report](super::report()) reads column by column.
///
/// A `RecordBatch` is one. A table that lies in a file or belongs to another language needs memory for the columns that are
/// being compared, and for no others.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::Result;
/// use mlcore::arrow::array::{ArrayRef, Float64Array};
/// use mlcore_drift::report::{ColumnSource, ReportOptions, report};
///
/// /// Columns that are computed when they are read.
/// struct Ramps {
///     slopes: Vec<f64>,
/// }
///
/// impl ColumnSource for Ramps {
///     fn names(&self) -> Vec<String> {
///         (0..self.slopes.len()).map(|i| format!("ramp_{i}")).collect()
///     }
///
///     fn num_rows(&self) -> usize {
///         1000
///     }
///
///     fn column(&self, position: usize) -> Result<ArrayRef> {
///         let values = (0..1000).map(|row| f64::from(row) * self.slopes[position]);
///         Ok(Arc::new(values.collect::<Float64Array>()))
///     }
/// }
///
/// let (reference, current) = (Ramps { slopes: vec![1.0, 2.0] }, Ramps { slopes: vec![1.0, 3.0] });
/// let report = report(&reference, &current, &ReportOptions::default())?;
/// assert_eq!(report.drifted().map(|column| column.name.as_str()).collect::<Vec<_>>(), ["ramp_1"]);
/// # Ok::<(), mlcore::Error>(())
/// ```
pub trait ColumnSource: Sync {
    /// The names of the columns, in their order.
    fn names(&self) -> Vec<String>;

    /// The number of rows.
    fn num_rows(&self) -> usize;

    /// The column at a position, with as many values as there are rows; several threads may ask at once. Columns that the
    /// options leave out are not read.
    ///
    /// # Errors
    /// Those of the table; a report that meets one is not made.
    fn column(&self, position: usize) -> Result<ArrayRef>;
}

impl ColumnSource for RecordBatch {
    fn names(&self) -> Vec<String> {
        self.schema_ref().fields().iter().map(|field| field.name().clone()).collect()
    }

    fn num_rows(&self) -> usize {
        Self::num_rows(self)
    }

    fn column(&self, position: usize) -> Result<ArrayRef> {
        Ok(Self::column(self, position).clone())
    }
}
