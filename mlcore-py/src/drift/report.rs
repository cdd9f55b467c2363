//! One comparison of two tables.

use std::fs;
use std::path::PathBuf;

use mlcore::Error;
use mlcore_drift::report as drift_report;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::options;
use super::source::Source;
use super::verdict::Verdict;
use crate::door::Asked;
use crate::error::{detached, entry};

/// What :func:`report` found: every column, its tests, its shape, and the verdict. Aggregates only, no row of the data.
#[pyclass(module = "mlcore.drift", frozen)]
#[derive(Debug)]
pub(crate) struct Report {
    report: drift_report::Report,
}

#[pyfunction]
#[pyo3(name = "_report", signature = (reference, current, **options))]
pub(crate) fn report(
    py: Python<'_>,
    reference: &Bound<'_, PyAny>,
    current: &Bound<'_, PyAny>,
    options: Option<&Bound<'_, PyDict>>,
) -> PyResult<Report> {
    entry(py, |py| {
        let options = options::of_report(options)?;
        let asked = |subject| Asked { operation: "make report", subject };
        let is_wanted = options.monitor.columns.is_some();
        let reference = Source::new(reference, is_wanted, asked("reference"))?;
        let current = Source::new(current, is_wanted, asked("current"))?;
        let report = detached(py, || drift_report::report(&reference, &current, &options));
        let report = report.map_err(|error| reference.raised().or_else(|| current.raised()).unwrap_or(error));
        Ok(Report { report: report? })
    })
}

#[pymethods]
impl Report {
    /// Reads the JSON of :meth:`to_json`.
    #[staticmethod]
    fn from_json(py: Python<'_>, json: &str) -> PyResult<Self> {
        entry(py, |py| Ok(Self { report: detached(py, || drift_report::Report::from_json(json))? }))
    }

    /// The report as indented JSON, with a ``version``.
    fn to_json(&self, py: Python<'_>) -> PyResult<String> {
        entry(py, |py| detached(py, || Ok(self.report.to_json())))
    }

    /// The report as plain dicts and lists.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        py.import("json")?.call_method1("loads", (self.to_json(py)?,))
    }

    /// One row per column, with the fields of the JSON.
    ///
    /// Parameters
    /// ----------
    /// library : {"pandas", "polars"}, optional
    ///     What makes the frame. Default: pandas if it is installed, otherwise polars.
    ///
    /// Returns
    /// -------
    /// pandas.DataFrame or polars.DataFrame
    ///     The drifted columns first: ``name``, ``kind``, ``outcome``; the answer of the column's test (``test``, ``statistic``,
    ///     ``pvalue``, ``pvalue_adjusted``, ``effect_name``, ``effect``, ``threshold``, ``sentence``); the rates of missing rows, whose
    ///     test has names that begin with ``missing_rate_``; ``psi``, ``psi_corrected``, ``psi_pvalue``; and moments and quantiles,
    ///     such as ``reference_mean`` and ``current_median``. Histograms and shares of categories are in :meth:`to_dict`.
    ///
    /// Raises
    /// ------
    /// MissingPackageError
    ///     Where the library, or either of the two, is not installed. It is an ``ImportError``.
    ///
    /// Examples
    /// --------
    /// >>> from mlcore.drift import report
    /// >>> found = report({"x": range(1000), "y": range(1000)}, {"x": range(500, 1500), "y": range(1000)})
    /// >>> found.to_frame()[["name", "outcome", "effect"]].values.tolist()
    /// [['x', 'drifted', 0.5], ['y', 'stable', 0.0]]
    #[pyo3(signature = (*, library = None))]
    fn to_frame<'py>(&self, py: Python<'py>, library: Option<&str>) -> PyResult<Bound<'py, PyAny>> {
        py.import("mlcore.drift._frames")?.call_method1("report_frame", (self.to_dict(py)?, library))
    }

    /// The report as one self-contained page: no script, nothing loaded.
    fn to_html(&self, py: Python<'_>) -> PyResult<String> {
        entry(py, |py| detached(py, || Ok(self.report.to_html())))
    }

    /// Writes the page to a file.
    #[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over owned paths")]
    fn save_html(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        entry(py, |py| {
            detached(py, || {
                fs::write(&path, self.report.to_html())
                    .map_err(|cause| Error::from_io("save report", path.display().to_string(), cause))
            })
        })
    }

    fn _repr_html_(&self, py: Python<'_>) -> PyResult<String> {
        entry(py, |py| detached(py, || Ok(self.report.to_fragment())))
    }

    /// Whether the data as a whole drifted: any column, or as many as ``drift_share`` says, or whole rows; surely, and by enough to
    /// matter.
    #[getter]
    fn drifted(&self) -> bool {
        self.report.verdict.is_drifted()
    }

    /// The names of the columns that drifted.
    #[getter]
    fn drifted_columns(&self) -> Vec<String> {
        self.report.drifted().map(|column| column.name.clone()).collect()
    }

    /// The judgement, as a monitor makes it.
    #[getter]
    fn verdict(&self) -> Verdict {
        Verdict::new(self.report.verdict.clone())
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, (String,))> {
        Ok((slf.get_type().getattr("from_json")?, (slf.get().to_json(slf.py())?,)))
    }

    fn __repr__(&self) -> String {
        let (drifted, all) = (self.report.drifted().count(), self.report.columns.len());
        format!("<mlcore.drift.Report: {}, {drifted} of {all} columns drifted>", self.report.verdict.overall)
    }
}
