//! What comparisons of a shadow's answers found.

use mlcore::rollout;
use pyo3::prelude::*;

use super::comparison::OPERATION;
use crate::plain::{json, plain};

/// What a :class:`Comparison` found, in numbers; what nothing is known of is None. As text by ``str``.
#[pyclass(module = "mlcore.rollout", frozen)]
#[derive(Debug)]
pub(crate) struct ComparisonReport {
    /// The requests that both were asked.
    #[pyo3(get)]
    requests: u64,
    /// Of these, requests without an answer of the arm that answered.
    #[pyo3(get)]
    live_failures: u64,
    /// Of these, requests without an answer of the shadow.
    #[pyo3(get)]
    shadow_failures: u64,
    /// Of these, requests that both failed.
    #[pyo3(get)]
    both_failures: u64,
    /// Requests whose answers were of different outputs or shapes.
    #[pyo3(get)]
    mismatches: u64,
    /// The rows that were compared.
    #[pyo3(get)]
    rows: u64,
    /// Of these, rows whose scores, or label, were alike.
    #[pyo3(get)]
    within_tolerance: u64,
    /// Rows with a score that is not finite.
    #[pyo3(get)]
    not_finite: u64,
    /// The share of the rows beyond the tolerance: ``share``, ``low`` and ``high``, bounds that hold at every look with a probability
    /// of 95 %.
    #[pyo3(get)]
    outside: Py<PyAny>,
    /// The differences of the rows' scores: ``count``, ``mean``, ``median``, ``p90``, ``p99``, ``greatest``, ``rank_error``.
    #[pyo3(get)]
    differences: Py<PyAny>,
    /// The rows with a label.
    #[pyo3(get)]
    labelled: u64,
    /// Of these, rows of which the shadow gave another label.
    #[pyo3(get)]
    flips: u64,
    /// The share of these flips, with bounds.
    #[pyo3(get)]
    flipped: Py<PyAny>,
    /// Which label became which one: ``live``, ``shadow`` and ``rows``, None for labels beyond 31.
    #[pyo3(get)]
    confusion: Py<PyAny>,
    /// Spearman's correlation of the scores: ``value``, of so many ``pairs``, and its ``standard_error``, 0 where all rows are in it.
    #[pyo3(get)]
    rank_correlation: Py<PyAny>,
    /// The seconds that the arm took which answered, as ``differences``.
    #[pyo3(get)]
    live_latency: Py<PyAny>,
    /// The seconds that the shadow took.
    #[pyo3(get)]
    shadow_latency: Py<PyAny>,
    json: String,
    text: String,
}

#[pymethods]
impl ComparisonReport {
    /// The report as plain dicts and lists.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        py.import("json")?.call_method1("loads", (&self.json,))
    }

    /// The report as JSON.
    fn to_json(&self) -> &str {
        &self.json
    }

    fn __str__(&self) -> &str {
        &self.text
    }

    fn __repr__(&self) -> String {
        format!("<mlcore.rollout.ComparisonReport: {} requests, {} rows>", self.requests, self.rows)
    }
}

impl ComparisonReport {
    pub(super) fn of(py: Python<'_>, report: &rollout::ComparisonReport) -> PyResult<Self> {
        fn part(py: Python<'_>, value: &impl serde::Serialize) -> PyResult<Py<PyAny>> {
            plain(py, OPERATION, value).map(Bound::unbind)
        }
        Ok(Self {
            requests: report.requests,
            live_failures: report.live_failures,
            shadow_failures: report.shadow_failures,
            both_failures: report.both_failures,
            mismatches: report.mismatches,
            rows: report.rows,
            within_tolerance: report.within_tolerance,
            not_finite: report.not_finite,
            outside: part(py, &report.outside)?,
            differences: part(py, &report.differences)?,
            labelled: report.labelled,
            flips: report.flips,
            flipped: part(py, &report.flipped)?,
            confusion: part(py, &report.confusion)?,
            rank_correlation: part(py, &report.rank_correlation)?,
            live_latency: part(py, &report.live_latency)?,
            shadow_latency: part(py, &report.shadow_latency)?,
            json: json(py, OPERATION, report)?,
            text: report.to_string(),
        })
    }
}

/// Whether a shadow may take the place of the arm that answers, as far as answers tell.
///
/// Attributes
/// ----------
/// verdict : {"agrees", "differs", "hold"}
///     ``hold`` where too little is known.
/// reasons : list of str
///     What was found about each limit, with the numbers: the decisive ones first.
///
/// Examples
/// --------
/// >>> from mlcore.rollout import Comparison
/// >>> print(Comparison().agreement(max_flip_share=0.01))
/// hold
///   labels that flipped: no row had a label
#[pyclass(module = "mlcore.rollout", frozen, eq)]
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Agreement {
    #[pyo3(get)]
    verdict: &'static str,
    #[pyo3(get)]
    reasons: Vec<String>,
    text: String,
}

#[pymethods]
impl Agreement {
    fn __str__(&self) -> &str {
        &self.text
    }

    fn __repr__(&self) -> String {
        format!("<mlcore.rollout.Agreement: {}>", self.verdict)
    }
}

impl Agreement {
    pub(super) fn of(found: rollout::Agreement) -> Self {
        let text = found.to_string();
        Self { verdict: found.verdict.name(), reasons: found.reasons, text }
    }
}
