//! A table of any library as a report reads it: column by column, and no more of it in memory than is being compared.

use std::sync::{Arc, Mutex, PoisonError};

use mlcore::arrow::array::ArrayRef;
use mlcore::{Error, Result};
use mlcore_drift::report::ColumnSource;
use pyo3::prelude::*;

use crate::door::{self, Asked, Columns};

/// A table whose columns are read under the interpreter's lock, by whichever thread compares them.
#[derive(Debug)]
pub(super) struct Source {
    columns: Arc<Columns>,
    /// Whether the options name the columns to compare.
    is_wanted: bool,
    asked: Asked,
    /// The exception that reading a column ended with.
    raised: Mutex<Option<PyErr>>,
}

impl Source {
    pub(super) fn new(object: &Bound<'_, PyAny>, is_wanted: bool, asked: Asked) -> PyResult<Self> {
        let columns = door::columns(object, None, asked)?;
        Ok(Self { columns, is_wanted, asked, raised: Mutex::default() })
    }

    /// The exception behind the error of a report, if there is one.
    pub(super) fn raised(&self) -> Option<PyErr> {
        self.raised.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl ColumnSource for Source {
    fn names(&self) -> Vec<String> {
        self.columns.names().map(str::to_owned).collect()
    }

    fn num_rows(&self) -> usize {
        self.columns.rows()
    }

    fn column(&self, position: usize) -> Result<ArrayRef> {
        Python::attach(|py| {
            let read = door::compared_column(py, &self.columns, position, self.is_wanted, self.asked);
            read.map_err(|exception| {
                let problem = exception.value(py).to_string();
                self.raised.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(exception);
                Error::internal(self.asked.operation, self.asked.subject, problem)
            })
        })
    }
}
