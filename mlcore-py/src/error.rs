//! From errors and panics of Rust to exceptions of Python.
//!
//! Every entry point goes through [`entry`]: pyo3 turns a panic into `PanicException`, which `except Exception` does not
//! catch, and a panic in a library must not end somebody's service.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use mlcore::registry::PolicyVerdict;
use mlcore::{Error, interrupt};
use pyo3::exceptions::{PyException, PyKeyboardInterrupt};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyType};

/// Runs an entry point; a panic becomes `mlcore.InternalError`.
pub(crate) fn entry<'py, T>(py: Python<'py>, body: impl FnOnce(Python<'py>) -> PyResult<T>) -> PyResult<T> {
    catch_unwind(AssertUnwindSafe(|| body(py))).unwrap_or_else(|payload| {
        // The crate numpy reads numpy's version in Python at its first use, and panics if Ctrl-C comes just then. It begins again
        // at the next use.
        let message = message_of(payload.as_ref());
        if message.starts_with("Failed to access NumPy") && message.contains("KeyboardInterrupt") {
            return Err(PyKeyboardInterrupt::new_err(()));
        }
        Err(raise(py, &panicked(payload.as_ref())))
    })
}

/// Runs Rust work with the interpreter released, so that other Python threads go on. A signal that arrives meanwhile, such as
/// Ctrl-C, stops it, and what the signal's handler raises is raised.
pub(crate) fn detached<T: Send>(
    py: Python<'_>,
    work: impl FnOnce() -> mlcore::Result<T> + Send,
) -> PyResult<T> {
    let (result, raised) = py.detach(|| {
        let signals = Signals::default();
        let asked = signals.clone();
        // The panic is caught on this side of the release, so that nothing unwinds through it.
        let result = catch_unwind(AssertUnwindSafe(|| interrupt::scope(move || asked.have_raised(), work)));
        (result.unwrap_or_else(|payload| Err(panicked(payload.as_ref()))), signals.0.raised.take())
    });
    match raised {
        Some(raised) => Err(raised),
        None => result.map_err(|error| raise(py, &error)),
    }
}

/// The items of a loop that may be long and holds the interpreter; what a signal's handler raises ends it.
pub(crate) fn watched<T, I: Iterator<Item = PyResult<T>>>(
    py: Python<'_>,
    items: I,
) -> impl Iterator<Item = PyResult<T>> {
    const BLOCK: usize = 1 << 16;
    items.enumerate().map(move |(count, item)| {
        if count % BLOCK == BLOCK - 1 {
            py.check_signals()?;
        }
        item
    })
}

/// What signals have done to one call.
#[derive(Clone, Default)]
struct Signals(Rc<SignalsOfCall>);

#[derive(Default)]
struct SignalsOfCall {
    /// Whether the call has been asked before: most calls are over long before it would be worth asking Python.
    is_long: Cell<bool>,
    raised: RefCell<Option<PyErr>>,
}

impl Signals {
    /// Runs the handlers of the signals that have arrived, and answers whether one raised an exception.
    fn have_raised(&self) -> bool {
        if !self.0.is_long.replace(true) {
            return false;
        }
        let found = is_main_thread().and_then(|is_main| match is_main {
            // Without an interpreter nobody is left to be told.
            true => Python::try_attach(|py| py.check_signals()).unwrap_or(Ok(())),
            false => Ok(()),
        });
        let raised = found.err();
        let has_raised = raised.is_some();
        *self.0.raised.borrow_mut() = raised;
        has_raised
    }
}

/// Whether this is the thread that Python tells of signals. Others ask once, and wait for the interpreter no more.
///
/// # Errors
/// What the handler of a signal raised: it runs when the question is asked, too.
fn is_main_thread() -> PyResult<bool> {
    thread_local! {
        /// The answer, and the process that it is about: a fork makes the thread that forks the main one.
        static IS_MAIN: Cell<Option<(u32, bool)>> = const { Cell::new(None) };
    }
    let process = std::process::id();
    if let Some((_, is_main)) = IS_MAIN.get().filter(|(of, _)| *of == process) {
        return Ok(is_main);
    }
    let ask = |py: Python<'_>| -> PyResult<bool> {
        let threading = py.import("threading")?;
        let own = threading.call_method0("get_ident")?;
        threading.call_method0("main_thread")?.getattr("ident")?.eq(own)
    };
    let is_main = Python::try_attach(ask).unwrap_or(Ok(false))?;
    IS_MAIN.set(Some((process, is_main)));
    Ok(is_main)
}

/// The exception for an error; what a function of Python raised below it is its cause. What no `except Exception` is to catch,
/// such as Ctrl-C in such a function, is raised as it is.
pub(crate) fn raise(py: Python<'_>, error: &Error) -> PyErr {
    let Some(cause) = raised_below(error) else { return exception(py, error) };
    if !cause.is_instance_of::<PyException>(py) {
        return cause.clone_ref(py);
    }
    let raised = exception(py, error);
    raised.set_cause(py, Some(cause.clone_ref(py)));
    raised
}

/// What Python raised and Rust made an error of.
fn raised_below(error: &Error) -> Option<&PyErr> {
    let mut cause = std::error::Error::source(error);
    while let Some(below) = cause {
        if let Some(raised) = below.downcast_ref::<PyErr>() {
            return Some(raised);
        }
        cause = below.source();
    }
    None
}

fn exception(py: Python<'_>, error: &Error) -> PyErr {
    if let Some(verdict) = verdict_of(error) {
        let raised = build(py, "PolicyNotMetError", error);
        let told = crate::registry::record(py, "PolicyVerdict", verdict)
            .and_then(|verdict| raised.value(py).setattr("verdict", verdict));
        return told.err().unwrap_or(raised);
    }
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
        Error::Interrupted(_) => "InterruptedError",
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

/// Whether it is an exception of mlcore, and not what the handler of a signal raised.
pub(crate) fn is_ours(py: Python<'_>, error: &PyErr) -> bool {
    let base = exceptions(py).and_then(|exceptions| exceptions.getattr("Error"));
    base.is_ok_and(|base| error.matches(py, base).unwrap_or(false))
}

fn exceptions(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    static MODULE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let module =
        MODULE.get_or_try_init(py, || py.import("mlcore.exceptions").map(|m| m.into_any().unbind()))?;
    Ok(module.bind(py))
}

/// What a policy said, where it refused.
fn verdict_of(error: &Error) -> Option<&PolicyVerdict> {
    std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<PolicyVerdict>())
}

fn is_missing_file(error: &Error) -> bool {
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<std::io::Error>());
    cause.is_some_and(|cause| cause.kind() == std::io::ErrorKind::NotFound)
}

fn panicked(payload: &(dyn Any + Send)) -> Error {
    let message = message_of(payload);
    Error::internal("run", "mlcore", format!("the library panicked: {message}"))
        .remedy("this is a fault of mlcore: please report it with the input that caused it")
}

fn message_of(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}
