//! What a comparison found, as Python reads it.

use mlcore_drift::monitor;
use pyo3::prelude::*;

use super::pickle::{self, Reduced};
use super::table_test::TableVerdict;
use crate::error::{detached, entry};

/// One test of one column.
#[pyclass(module = "mlcore.drift", frozen)]
#[derive(Debug, Clone)]
pub(crate) struct ColumnVerdict {
    whole: monitor::ColumnVerdict,
    /// The column.
    #[pyo3(get)]
    column: String,
    /// How it was read: ``numeric`` or ``categorical``.
    #[pyo3(get)]
    kind: String,
    /// The name of the test: ``ks``, ``chi_square``, ``psi``, ``missing_rate``.
    #[pyo3(get)]
    test: String,
    /// ``stable``, ``drifted`` or ``insufficient_data``.
    #[pyo3(get)]
    outcome: String,
    /// Whether the column drifted: surely, and by enough to matter.
    #[pyo3(get)]
    drifted: bool,
    /// The test's statistic; ``None`` where there was not enough data.
    #[pyo3(get)]
    statistic: Option<f64>,
    /// Its p-value; ``None`` for a test without one.
    #[pyo3(get)]
    pvalue: Option<f64>,
    /// The p-value corrected for all tests of the comparison.
    #[pyo3(get)]
    pvalue_adjusted: Option<f64>,
    /// What the effect is measured in: ``D``, ``Cramer's V``, ``PSI``.
    #[pyo3(get)]
    effect_name: Option<String>,
    /// The size of the change.
    #[pyo3(get)]
    effect: Option<f64>,
    /// The smallest effect that counts as drift.
    #[pyo3(get)]
    threshold: f64,
    /// The judgement and its reasons in plain words.
    #[pyo3(get)]
    sentence: String,
}

#[pymethods]
impl ColumnVerdict {
    fn __repr__(&self) -> String {
        format!("<{}: {}>", self.outcome, self.sentence)
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Reduced<'py>> {
        pickle::reduced(py, "_column_verdict", &self.whole)
    }
}

/// The verdict that was pickled.
#[pyfunction]
#[pyo3(name = "_column_verdict")]
pub(crate) fn unpickled_verdict(py: Python<'_>, version: u32, json: &str) -> PyResult<ColumnVerdict> {
    entry(py, |py| Ok(ColumnVerdict::new(&pickle::restored(py, "column verdict", version, json)?)))
}

impl ColumnVerdict {
    fn new(verdict: &monitor::ColumnVerdict) -> Self {
        let score = verdict.score.as_ref();
        Self {
            whole: verdict.clone(),
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

    pub(crate) fn verdict(&self) -> &monitor::Verdict {
        &self.verdict
    }
}

#[pymethods]
impl Verdict {
    /// Whether the data as a whole drifted: any column, or as many as ``drift_share`` says, or whole rows.
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

    /// Watched columns that a table of the window did not have; their rows count as missing.
    #[getter]
    fn vanished_columns(&self) -> Vec<String> {
        self.verdict.vanished_columns.clone()
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

    /// The share of the compared columns in which a test found drift, as Evidently's ``share_of_drifted_columns``.
    #[getter]
    fn share_of_drifted_columns(&self) -> f64 {
        self.verdict.share_of_drifted_columns
    }

    /// The share from which on the data as a whole drifted; ``None`` where one column is enough.
    #[getter]
    fn drift_share(&self) -> Option<f64> {
        self.verdict.drift_share
    }

    /// Reads the JSON of :meth:`to_json`.
    #[staticmethod]
    fn from_json(py: Python<'_>, json: &str) -> PyResult<Self> {
        entry(py, |py| Ok(Self { verdict: detached(py, || monitor::Verdict::from_json(json))? }))
    }

    /// The verdict as JSON, with a ``version``.
    fn to_json(&self, py: Python<'_>) -> PyResult<String> {
        entry(py, |py| detached(py, || Ok(self.verdict.to_json())))
    }

    /// One row per column and test, with the fields of the JSON.
    ///
    /// Parameters
    /// ----------
    /// library : {"pandas", "polars"}, optional
    ///     What makes the frame. Default: pandas if it is installed, otherwise polars.
    ///
    /// Returns
    /// -------
    /// pandas.DataFrame or polars.DataFrame
    ///     ``column``, ``kind``, ``test``, ``outcome``, ``statistic``, ``pvalue``, ``pvalue_adjusted``, ``effect_name``,
    ///     ``effect``, ``threshold``, ``reference_len``, ``current_len`` and ``sentence``.
    ///
    /// Raises
    /// ------
    /// MissingPackageError
    ///     Where the library, or either of the two, is not installed. It is an ``ImportError``.
    #[pyo3(signature = (*, library = None))]
    fn to_frame<'py>(&self, py: Python<'py>, library: Option<&str>) -> PyResult<Bound<'py, PyAny>> {
        py.import("mlcore.drift._frames")?.call_method1("verdict_frame", (self.to_dict(py)?, library))
    }

    fn _repr_html_(&self, py: Python<'_>) -> PyResult<String> {
        entry(py, |py| detached(py, || Ok(self.verdict.to_fragment())))
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, (String,))> {
        Ok((slf.get_type().getattr("from_json")?, (slf.get().to_json(slf.py())?,)))
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
