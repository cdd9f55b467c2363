//! What a comparison found, as Python reads it.

use mlcore_drift::monitor;
use pyo3::prelude::*;

use super::table_test::TableVerdict;
use crate::error::{entry, invalid};

/// One test of one column.
#[pyclass(module = "mlcore.drift", frozen, get_all)]
#[derive(Debug, Clone)]
pub(crate) struct ColumnVerdict {
    /// The column.
    column: String,
    /// How it was read: ``numeric`` or ``categorical``.
    kind: String,
    /// The name of the test: ``ks``, ``chi_square``, ``psi``, ``missing_rate``.
    test: String,
    /// ``stable``, ``drifted`` or ``insufficient_data``.
    outcome: String,
    /// Whether the column drifted: surely, and by enough to matter.
    drifted: bool,
    /// The test's statistic; ``None`` where there was not enough data.
    statistic: Option<f64>,
    /// Its p-value; ``None`` for a test without one.
    pvalue: Option<f64>,
    /// The p-value corrected for all tests of the comparison.
    pvalue_adjusted: Option<f64>,
    /// What the effect is measured in: ``D``, ``Cramer's V``, ``PSI``.
    effect_name: Option<String>,
    /// The size of the change.
    effect: Option<f64>,
    /// The smallest effect that counts as drift.
    threshold: f64,
    /// The judgement and its reasons in plain words.
    sentence: String,
}

#[pymethods]
impl ColumnVerdict {
    fn __repr__(&self) -> String {
        format!("<{}: {}>", self.outcome, self.sentence)
    }
}

impl ColumnVerdict {
    fn new(verdict: &monitor::ColumnVerdict) -> Self {
        let score = verdict.score.as_ref();
        Self {
            column: verdict.column.clone(),
            kind: verdict.kind.to_string(),
            test: verdict.test.clone(),
            outcome: verdict.outcome.to_string(),
            drifted: verdict.outcome == monitor::Outcome::Drifted,
            statistic: score.map(|score| score.statistic),
            pvalue: score.and_then(|score| score.pvalue),
            pvalue_adjusted: verdict.pvalue_adjusted,
            effect_name: score.map(|score| score.effect.name.to_string()),
            effect: score.map(|score| score.effect.value),
            threshold: verdict.threshold,
            sentence: verdict.sentence.clone(),
        }
    }
}

/// Whether the data has changed, column by column and as a whole.
#[pyclass(module = "mlcore.drift", frozen)]
#[derive(Debug)]
pub(crate) struct Verdict {
    verdict: monitor::Verdict,
}

impl Verdict {
    pub(crate) fn new(verdict: monitor::Verdict) -> Self {
        Self { verdict }
    }
}

#[pymethods]
impl Verdict {
    /// Whether any column drifted.
    #[getter]
    fn drifted(&self) -> bool {
        self.verdict.is_drifted()
    }

    /// ``stable``, ``drifted`` or ``insufficient_data``.
    #[getter]
    fn outcome(&self) -> String {
        self.verdict.overall.to_string()
    }

    /// The number of windows before this one.
    #[getter]
    fn window_index(&self) -> u64 {
        self.verdict.window.index
    }

    /// The rows that were judged.
    #[getter]
    fn rows(&self) -> u64 {
        self.verdict.window.rows
    }

    /// The rows that they were compared with.
    #[getter]
    fn reference_rows(&self) -> u64 {
        self.verdict.reference_rows
    }

    /// One entry per column and test.
    #[getter]
    fn columns(&self) -> Vec<ColumnVerdict> {
        self.verdict.columns.iter().map(ColumnVerdict::new).collect()
    }

    /// One entry per test of whole rows.
    #[getter]
    fn tables(&self, py: Python<'_>) -> PyResult<Vec<TableVerdict>> {
        self.verdict.tables.iter().map(|table| TableVerdict::new(py, table)).collect()
    }

    /// The names of the columns that drifted, each once.
    #[getter]
    fn drifted_columns(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for column in self.verdict.drifted() {
            if !names.contains(&column.column) {
                names.push(column.column.clone());
            }
        }
        names
    }

    /// The columns that were not compared, with the reason.
    #[getter]
    fn skipped(&self) -> std::collections::BTreeMap<String, String> {
        self.verdict.skipped.iter().map(|skipped| (skipped.column.clone(), skipped.reason.clone())).collect()
    }

    /// The columns that the reference does not have.
    #[getter]
    fn new_columns(&self) -> Vec<String> {
        self.verdict.new_columns.clone()
    }

    /// What a reader of all p-values should know: rows that depend on each other.
    #[getter]
    fn notes(&self) -> Vec<String> {
        self.verdict.notes.iter().map(ToString::to_string).collect()
    }

    /// The error rate that the window was judged at.
    #[getter]
    fn alpha(&self) -> f64 {
        self.verdict.alpha
    }

    /// The verdict as JSON, with a ``version``.
    fn to_json(&self, py: Python<'_>) -> PyResult<String> {
        entry(py, |py| {
            serde_json::to_string_pretty(&self.verdict).map_err(|cause| {
                invalid(py, "write verdict", "JSON", cause.to_string(), "report this to mlcore")
            })
        })
    }

    /// The verdict as plain dicts and lists.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        py.import("json")?.call_method1("loads", (self.to_json(py)?,))
    }

    fn __str__(&self) -> String {
        self.verdict.to_string()
    }

    fn __repr__(&self) -> String {
        let monitor::Window { index, rows, .. } = self.verdict.window;
        let columns: Vec<String> = self.drifted_columns();
        let drifted = if columns.is_empty() { String::new() } else { format!(": {}", columns.join(", ")) };
        format!("<mlcore.drift.Verdict window {index}, {rows} rows: {}{drifted}>", self.verdict.overall)
    }
}
