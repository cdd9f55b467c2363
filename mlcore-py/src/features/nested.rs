//! Columns inside columns of tables of Python.

use mlcore_features::nested;
use pyo3::prelude::*;

use crate::door::{self, Asked};
use crate::error::{detached, entry};
use crate::table::Table;

/// The table with a column for each part of a struct and of a list of fixed length of Arrow.
#[pyfunction]
#[expect(non_snake_case, reason = "scikit-learn's name of the argument")]
pub(crate) fn flatten_table(py: Python<'_>, X: &Bound<'_, PyAny>) -> PyResult<Table> {
    entry(py, |py| {
        let table = door::table(X, Asked { operation: "flatten table", subject: "X" })?;
        detached(py, || nested::flatten(&table)).map(|flat| Table::new(&flat))
    })
}
