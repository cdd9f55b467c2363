//! `mlcore.stats`: tests, intervals and corrections with the names and numbers of scipy and statsmodels.

pub(crate) mod counts;
pub(crate) mod multiple;
pub(crate) mod two_sample;

use mlcore::stats::{Alternative, Correction};
use pyo3::prelude::*;

use crate::error::invalid;

fn alternative_of(py: Python<'_>, operation: &'static str, name: &str) -> PyResult<Alternative> {
    match name {
        "two-sided" => Ok(Alternative::TwoSided),
        "less" => Ok(Alternative::Less),
        "greater" => Ok(Alternative::Greater),
        other => Err(unknown(py, operation, "alternative", other, "two-sided, less, greater")),
    }
}

/// The correction of this name of statsmodels.
pub(crate) fn correction(
    py: Python<'_>,
    operation: &'static str,
    subject: &str,
    name: &str,
) -> PyResult<Correction> {
    let known = [
        Correction::Bonferroni,
        Correction::Holm,
        Correction::BenjaminiHochberg,
        Correction::BenjaminiYekutieli,
    ];
    known
        .into_iter()
        .find(|correction| correction.name() == name)
        .ok_or_else(|| unknown(py, operation, subject, name, &known.map(Correction::name).join(", ")))
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
