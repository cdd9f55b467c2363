//! Rust values as plain dicts and lists.

use pyo3::prelude::*;
use serde::Serialize;

use crate::error::invalid;

/// The value as Python's `json` would read it.
pub(crate) fn plain<'py>(
    py: Python<'py>,
    operation: &'static str,
    value: &impl Serialize,
) -> PyResult<Bound<'py, PyAny>> {
    py.import("json")?.call_method1("loads", (json(py, operation, value)?,))
}

/// The value as JSON.
pub(crate) fn json(py: Python<'_>, operation: &'static str, value: &impl Serialize) -> PyResult<String> {
    serde_json::to_string(value)
        .map_err(|cause| invalid(py, operation, "JSON", cause.to_string(), "report this to mlcore"))
}
