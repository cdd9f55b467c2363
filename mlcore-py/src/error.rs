//! From errors and panics of Rust to exceptions of Python.
//!
//! Every entry point goes through [`entry`]: pyo3 turns a panic into `PanicException`, which `except Exception` does not
//! catch, and a panic in a library must not end somebody's service.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use mlcore::Error;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyType};

/// Runs an entry point; a panic becomes `mlcore.InternalError`.
pub(crate) fn entry<'py, T>(py: Python<'py>, body: impl FnOnce(Python<'py>) -> PyResult<T>) -> PyResult<T> {
    catch_unwind(AssertUnwindSafe(|| body(py)))
        .unwrap_or_else(|payload| Err(raise(py, &panicked(payload.as_ref()))))
}

/// Runs Rust work with the interpreter released, so that other Python threads go on.
pub(crate) fn detached<T: Send>(
    py: Python<'_>,
    work: impl FnOnce() -> mlcore::Result<T> + Send,
) -> PyResult<T> {
    // The panic is caught on this side of the release, so that nothing unwinds through it.
    let result = py.detach(|| {
        catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|payload| Err(panicked(payload.as_ref())))
    });
    result.map_err(|error| raise(py, &error))
}

/// The exception for an error.
pub(crate) fn raise(py: Python<'_>, error: &Error) -> PyErr {
    let name = match error {
        Error::NotFound(_) if is_missing_file(error) => "MissingFileError",
        Error::NotFound(_) => "NotFoundError",
        Error::AlreadyExists(_) => "AlreadyExistsError",
        Error::Conflict(_) => "ConflictError",
        Error::InvalidInput(_) => "InvalidInputError",
        Error::SchemaMismatch(_) => "SchemaMismatchError",
        Error::InvalidModel(_) => "InvalidModelError",
        Error::NotFitted(_) => "NotFittedError",
        Error::Unsupported(_) => "UnsupportedError",
        Error::Unavailable(_) => "UnavailableError",
        Error::Overloaded(_) => "OverloadedError",
        Error::Timeout(_) => "TimeoutError",
        Error::StorageFull(_) => "StorageFullError",
        Error::Corrupt(_) => "CorruptError",
        Error::PermissionDenied(_) => "PermissionDeniedError",
        Error::OutcomeUnknown(_) => "OutcomeUnknownError",
        // Also a meaning that is newer than this binding.
        _ => "InternalError",
    };
    build(py, name, error)
}

/// The exception for a Python object of a kind that is not taken: also a `TypeError`.
pub(crate) fn wrong_type(
    py: Python<'_>,
    operation: &'static str,
    subject: &str,
    problem: impl Into<String>,
    remedy: &str,
) -> PyErr {
    build(py, "InvalidTypeError", &Error::invalid_input(operation, subject, problem).remedy(remedy))
}

/// The exception for a value that cannot be used: also a `ValueError`.
pub(crate) fn invalid(
    py: Python<'_>,
    operation: &'static str,
    subject: &str,
    problem: impl Into<String>,
    remedy: &str,
) -> PyErr {
    raise(py, &Error::invalid_input(operation, subject, problem).remedy(remedy))
}

fn build(py: Python<'_>, name: &str, error: &Error) -> PyErr {
    let made = || {
        let details = PyDict::new(py);
        let context = error.context();
        details.set_item("operation", context.operation())?;
        details.set_item("subject", context.subject())?;
        details.set_item("problem", context.problem())?;
        details.set_item("remedy", context.remedy())?;
        let class = exceptions(py)?.getattr(name)?.cast_into::<PyType>()?;
        class.call((error.to_string(),), Some(&details))
    };
    match made() {
        Ok(exception) => PyErr::from_value(exception),
        // The package is broken or the interpreter is going down: its own error says more.
        Err(cause) => cause,
    }
}

fn exceptions(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    static MODULE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let module =
        MODULE.get_or_try_init(py, || py.import("mlcore.exceptions").map(|m| m.into_any().unbind()))?;
    Ok(module.bind(py))
}

fn is_missing_file(error: &Error) -> bool {
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<std::io::Error>());
    cause.is_some_and(|cause| cause.kind() == std::io::ErrorKind::NotFound)
}

fn panicked(payload: &(dyn Any + Send)) -> Error {
    let message = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    Error::internal("run", "mlcore", format!("the library panicked: {message}"))
        .remedy("this is a fault of mlcore: please report it with the input that caused it")
}
