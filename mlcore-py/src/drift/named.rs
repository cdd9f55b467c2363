//! What tests by name have in common, whether of columns or of tables.

use mlcore_drift::catalog::TestOptions;
use pyo3::PyTypeInfo;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use super::options::as_json;
use crate::error::raise;
use crate::plain::plain;

/// Keywords as options.
pub(super) fn given(name: &str, keywords: Option<&Bound<'_, PyDict>>) -> PyResult<TestOptions> {
    let Some(keywords) = keywords else { return Ok(TestOptions::default()) };
    let options = as_json("choose test", name, keywords)?;
    TestOptions::of(&options).map_err(|error| raise(keywords.py(), &error))
}

/// All options of a test, as keywords.
pub(super) fn keywords(py: Python<'_>, options: mlcore::Result<TestOptions>) -> PyResult<Bound<'_, PyDict>> {
    let options = options.map_err(|error| raise(py, &error))?;
    Ok(plain(py, "read options", &options)?.cast_into()?)
}

/// The call that makes a test again: of its own class by keywords, of the base `T` by its name too.
pub(super) fn call<T: PyTypeInfo>(
    test: &Bound<'_, T>,
    name: &str,
    options: &Bound<'_, PyDict>,
) -> PyResult<String> {
    let class = test.as_any().get_type();
    let is_base = class.is(test.py().get_type::<T>());
    let mut parts = if is_base { vec![format!("{name:?}")] } else { Vec::new() };
    for (option, value) in options {
        parts.push(format!("{option}={}", value.repr()?));
    }
    Ok(format!("{}({})", class.name()?, parts.join(", ")))
}

/// That call, for pickle.
pub(super) fn reduced<'py, T: PyTypeInfo>(
    test: &Bound<'py, T>,
    name: &str,
    options: &Bound<'py, PyDict>,
) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
    let py = test.py();
    let class = test.as_any().get_type();
    let is_base = class.is(py.get_type::<T>());
    let partial = py.import("functools")?.getattr("partial")?;
    let call = if is_base {
        partial.call((class, name), Some(options))
    } else {
        partial.call((class,), Some(options))
    };
    Ok((call?, PyTuple::empty(py)))
}
