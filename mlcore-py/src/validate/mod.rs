//! `mlcore.validate`: is a table, or one row, as it is expected to be?

mod frames;
mod report;
mod row;
mod suite;

use mlcore_features::validate::Severity;
use pyo3::prelude::*;

use crate::error::raise;

#[pymodule(submodule, module = "mlcore", name = "validate")]
pub(crate) mod native {
    #[pymodule_export]
    use super::report::Report;
    #[pymodule_export]
    use super::row::RowVerdict;
    #[pymodule_export]
    use super::suite::NativeSuite;
}

/// The severity of a word.
fn severity(py: Python<'_>, word: &str) -> PyResult<Severity> {
    word.parse().map_err(|error: mlcore::Error| raise(py, &error))
}
