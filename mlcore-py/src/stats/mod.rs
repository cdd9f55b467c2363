//! `mlcore.stats`: tests, intervals and corrections with the names and numbers of scipy and statsmodels.

mod counts;
mod two_sample;

use mlcore::stats::{Alternative, Correction};
use numpy::PyArray1;
use pyo3::prelude::*;

pub(crate) use self::counts::{
    Chi2ContingencyResult, chi2_contingency, proportion_confint, proportions_ztest,
};
pub(crate) use self::two_sample::{KstestResult, TtestResult, ks_2samp, ttest_ind};
use crate::door::{self, Asked};
use crate::error::{detached, entry, invalid};

type Corrected<'py> = (Bound<'py, PyArray1<bool>>, Bound<'py, PyArray1<f64>>);

/// Corrects p-values for the number of tests: ``statsmodels.stats.multitest.multipletests``.
///
/// Parameters
/// ----------
/// pvals : array_like, 1-D
///     The p-values, in any order. NaN stands for a test that could not be made and is passed over.
/// alpha : float
///     The error rate to control.
/// method : {"bonferroni", "holm", "fdr_bh", "fdr_by"}
///     Which error rate, under which assumption. The default is Benjamini-Hochberg (statsmodels' own is ``hs``).
///
/// Returns
/// -------
/// reject : ndarray of bool, shape (n,)
///     Which hypotheses are rejected.
/// pvals_corrected : ndarray of float, shape (n,)
///     Each p-value, corrected for the others.
///
/// Raises
/// ------
/// InvalidInputError
///     If ``alpha`` or a p-value lies outside 0 to 1, or the method is not known.
///
/// Examples
/// --------
/// >>> from mlcore.stats import multipletests
/// >>> reject, corrected = multipletests([0.01, 0.04, 0.03, 0.5], method="holm")
/// >>> reject.tolist(), corrected.tolist()
/// ([True, False, False, False], [0.04, 0.09, 0.09, 0.5])
#[pyfunction]
#[pyo3(signature = (pvals, alpha = 0.05, method = "fdr_bh"))]
pub(crate) fn multipletests<'py>(
    py: Python<'py>,
    pvals: &Bound<'py, PyAny>,
    alpha: f64,
    method: &str,
) -> PyResult<Corrected<'py>> {
    const OPERATION: &str = "multipletests";
    entry(py, |py| {
        let correction = correction(py, OPERATION, "method", method)?;
        let pvals = door::numbers(pvals, Asked { operation: OPERATION, subject: "pvals" })?;
        let pvals = pvals.as_slice();
        let found = detached(py, || mlcore::stats::multipletests(pvals, alpha, correction))?;
        Ok((PyArray1::from_vec(py, found.reject), PyArray1::from_vec(py, found.pvals_corrected)))
    })
}

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
