//! `mlcore.stats`: tests, intervals and corrections with the names and numbers of scipy and statsmodels.

pub(crate) mod counts;
pub(crate) mod frequencies;
pub(crate) mod many;
pub(crate) mod multiple;
pub(crate) mod order;
pub(crate) mod two_sample;

use std::str::FromStr;

use mlcore::Error;
use mlcore::stats::Lambda;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::error::invalid;

/// The option that a word names. The error is about the argument of the function that was called.
pub(crate) fn option<T: FromStr<Err = Error>>(
    py: Python<'_>,
    operation: &'static str,
    subject: &str,
    word: &str,
) -> PyResult<T> {
    word.parse().map_err(|error: Error| {
        let context = error.context();
        invalid(py, operation, subject, context.problem(), context.remedy().unwrap_or_default())
    })
}

/// Which power divergence `lambda_` asks for, by name or by number.
pub(crate) fn power(
    py: Python<'_>,
    operation: &'static str,
    lambda: Option<&Bound<'_, PyAny>>,
) -> PyResult<Lambda> {
    match lambda {
        None => Ok(Lambda::default()),
        Some(name) if name.is_instance_of::<PyString>() => {
            option(py, operation, "lambda_", &name.extract::<String>()?)
        }
        Some(number) => Ok(Lambda::from(number.extract::<f64>()?)),
    }
}

/// The exception for a word that is none of those known.
pub(crate) fn unknown(
    py: Python<'_>,
    operation: &'static str,
    subject: &str,
    word: &str,
    known: &str,
) -> PyErr {
    invalid(py, operation, subject, format!("{word:?} is not known"), &format!("use one of {known}"))
}
