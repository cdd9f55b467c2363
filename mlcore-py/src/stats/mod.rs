//! `mlcore.stats`: tests, intervals and corrections with the names and numbers of scipy and statsmodels.

pub(crate) mod counts;
pub(crate) mod many;
pub(crate) mod multiple;
pub(crate) mod order;
pub(crate) mod two_sample;

use std::str::FromStr;

use mlcore::Error;
use pyo3::prelude::*;

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
