//! What came of a pass over a table, as Python reads it.

use std::fs;
use std::path::PathBuf;

use mlcore::Error;
use mlcore_features::validate;
use pyo3::prelude::*;
use pyo3::types::PyList;

use super::severity;
use super::suite::NativeSuite;
use crate::error::{detached, entry};
use crate::plain::plain;

/// What :meth:`Suite.validate` found: a result for each expectation, with Great Expectations' fields and numbers.
///
/// It prints as text, and shows itself in notebooks. In a condition it is true where every expectation was met.
///
/// Examples
/// --------
/// >>> from mlcore.validate import Suite
/// >>> suite = Suite("orders").column_values_to_be_between("price", min_value=0, severity="warning")
/// >>> report = suite.validate({"price": [3.5, -1.0]})
/// >>> report.passed, report.passed_at("critical"), report.exit_code()
/// (False, True, 0)
/// >>> report.failures[0]["unexpected_count"], report.failures[0]["partial_unexpected_list"]
/// (1, [-1.0])
/// >>> print(report)
/// suite "orders" not met: 0 of 1 expectations hold of 2 rows
///  warning  column_values_to_be_between(price, at least 0): 1 of 2 rows unexpected (50.0000 %); row 1: -1.0
#[pyclass(module = "mlcore.validate", frozen)]
#[derive(Debug)]
pub(crate) struct Report {
    pub(super) report: validate::Report,
    pub(super) suite: validate::Suite,
}

const READ: &str = "read report";

#[pymethods]
impl Report {
    /// Whether every expectation was met, whatever its severity.
    #[getter]
    fn passed(&self) -> bool {
        self.report.success()
    }

    /// Whether every expectation of this severity, or of a higher one, was met.
    ///
    /// Parameters
    /// ----------
    /// severity : {"critical", "warning", "info"}
    #[pyo3(name = "passed_at")]
    fn passes_at(&self, py: Python<'_>, severity: &str) -> PyResult<bool> {
        entry(py, |py| Ok(self.report.success_at(self::severity(py, severity)?)))
    }

    /// The name of the suite.
    #[getter]
    fn suite_name(&self) -> &str {
        self.report.suite()
    }

    /// The rows of the table.
    #[getter]
    fn rows(&self) -> u64 {
        self.report.rows()
    }

    /// A dict for each expectation, in the order of the suite: ``success``, ``expectation``, ``element_count``, ``missing_count``,
    /// ``unexpected_count``, percents, ``partial_unexpected_list`` with ``partial_unexpected_index_list``, ``observed_value``; and
    /// ``problem`` where it could not be answered.
    #[getter]
    fn results<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        entry(py, |py| plain(py, READ, &self.report.results()))
    }

    /// Those of the :attr:`results` that were not met, each with a sentence, ``told``.
    #[getter]
    fn failures<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        entry(py, |py| {
            let failures = PyList::empty(py);
            for failure in self.report.failures() {
                let found = plain(py, READ, failure)?;
                found.set_item("told", failure.told())?;
                failures.append(found)?;
            }
            Ok(failures)
        })
    }

    /// The exit code of a program that checks data: 0 where every expectation of this severity or a higher one was met, 1 where one was
    /// not, and 2 where one could not be answered.
    ///
    /// Parameters
    /// ----------
    /// severity : {"critical", "warning", "info"}
    #[pyo3(signature = (severity = "critical"))]
    fn exit_code(&self, py: Python<'_>, severity: &str) -> PyResult<u8> {
        entry(py, |py| Ok(self.report.exit_code(self::severity(py, severity)?)))
    }

    /// Parts a table into the rows that pass and those that do not, as :meth:`Suite.split` does: by the suite as it was when this report
    /// was made.
    ///
    /// Parameters
    /// ----------
    /// frame : table
    /// severity : {"critical", "warning", "info"}
    ///     What is of this severity, or of a higher one, has to be met.
    /// references : dict, optional
    ///     As of :meth:`Suite.validate`.
    ///
    /// Returns
    /// -------
    /// good, quarantined : frames of the same library
    #[pyo3(signature = (frame, *, severity = "critical", references = None))]
    fn split<'py>(
        &self,
        py: Python<'py>,
        frame: &Bound<'py, PyAny>,
        severity: &str,
        references: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let suite = NativeSuite::of(self.suite.clone()).into_pyobject(py)?;
        py.import("mlcore.validate._suite")?.call_method1("split", (suite, frame, severity, references))
    }

    /// The report as plain dicts and lists, with Great Expectations' names.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        entry(py, |py| plain(py, READ, &self.report))
    }

    /// The same as JSON.
    fn to_json(&self, py: Python<'_>) -> PyResult<String> {
        entry(py, |py| detached(py, || self.report.to_json()))
    }

    /// The report as JUnit's XML, which build servers read: a test case for each expectation.
    ///
    /// Parameters
    /// ----------
    /// severity : {"critical", "warning", "info"}
    ///     What was not met is a failure from this severity on, and output of its test case below.
    #[pyo3(signature = (severity = "critical"))]
    fn to_junit(&self, py: Python<'_>, severity: &str) -> PyResult<String> {
        entry(py, |py| Ok(self.report.to_junit(self::severity(py, severity)?)))
    }

    /// The report as one page of HTML: no script, nothing loaded from anywhere.
    fn to_html(&self) -> String {
        self.report.to_html()
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

    fn _repr_html_(&self) -> String {
        self.report.to_fragment()
    }

    fn __bool__(&self) -> bool {
        self.report.success()
    }

    fn __str__(&self) -> String {
        self.report.to_string()
    }

    fn __repr__(&self) -> String {
        let (met, all) =
            (self.report.results().len() - self.report.failures().count(), self.report.results().len());
        format!("<mlcore.validate.Report {:?}: {met} of {all} expectations met>", self.report.suite())
    }
}
