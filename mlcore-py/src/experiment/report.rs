//! What came out of an experiment.

use mlcore::Error;
use mlcore::experiment;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use serde::de::DeserializeOwned;

use crate::error::{detached, entry, raise};
use crate::plain::plain;

/// What an experiment found, in all metrics and segments. Warnings come first: where units were not assigned as planned no decision is
/// made.
///
/// ``print(report)`` has it as text, a notebook as a page with the intervals drawn.
#[pyclass(module = "mlcore.experiment", frozen, eq)]
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Report {
    pub(super) report: experiment::Report,
}

#[pymethods]
impl Report {
    /// The name of the experiment.
    #[getter]
    fn name(&self) -> &str {
        &self.report.name
    }

    /// The p-value of "units were assigned by the weights".
    #[getter]
    fn srm_pvalue(&self) -> f64 {
        self.report.srm_pvalue
    }

    /// What to know before any number is believed, as sentences, the gravest first.
    #[getter]
    fn warnings(&self) -> Vec<String> {
        self.report.warnings.iter().map(ToString::to_string).collect()
    }

    /// The decisions by metric (with its segment, as in ``visits (sex: female)``) and treatment: ``better``, ``worse``,
    /// ``non_inferior``, ``inconclusive``, ``too_early``, ``sample_ratio_mismatch`` or ``no_verdict``.
    #[getter]
    fn decisions<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let decisions = PyDict::new(py);
        for finding in &self.report.findings {
            decisions.set_item((finding.title(), &finding.arm), finding.decision.name())?;
        }
        Ok(decisions)
    }

    /// The report as plain dicts and lists.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        entry(py, |py| plain(py, "write report", &self.report))
    }

    /// The report as JSON, which :meth:`from_json` and Rust's ``Report`` read.
    fn to_json(&self, py: Python<'_>) -> PyResult<String> {
        entry(py, |py| self.report.to_json().map_err(|error| raise(py, &error)))
    }

    /// The report that :meth:`to_json` wrote.
    ///
    /// Raises
    /// ------
    /// CorruptError
    ///     For any other text.
    #[staticmethod]
    fn from_json(py: Python<'_>, json: &str) -> PyResult<Self> {
        entry(py, |py| Ok(Self { report: detached(py, || experiment::Report::from_json(json))? }))
    }

    /// The report as one page that loads and runs nothing, with the intervals drawn.
    fn to_html(&self, py: Python<'_>) -> PyResult<String> {
        entry(py, |py| detached(py, || Ok(self.report.to_html())))
    }

    /// The findings as a frame with a row for each metric, segment and treatment.
    ///
    /// Parameters
    /// ----------
    /// library : {"pandas", "polars"}, optional
    ///     Which frame. Default: pandas if it is installed, otherwise polars.
    ///
    /// Returns
    /// -------
    /// pandas.DataFrame or polars.DataFrame
    ///     The columns ``metric``, ``dimension`` and ``segment``, ``arm``, ``control`` and ``treatment`` (their means), ``difference``,
    ///     ``estimate``, ``standard_error``, ``low``, ``high``, ``pvalue``, ``pvalue_corrected``, ``decision``, ``reason`` (why there
    ///     is no verdict).
    #[pyo3(signature = (*, library = None))]
    fn to_frame<'py>(
        &self,
        py: Python<'py>,
        library: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        entry(py, |py| {
            let rows = PyList::empty(py);
            for finding in &self.report.findings {
                let row = PyDict::new(py);
                row.set_item("metric", &finding.metric)?;
                row.set_item("dimension", finding.segment.as_ref().map(|segment| &segment.0))?;
                row.set_item("segment", finding.segment.as_ref().map(|segment| &segment.1))?;
                row.set_item("arm", &finding.arm)?;
                row.set_item("control", finding.control.known().map(|arm| arm.mean))?;
                row.set_item("treatment", finding.treatment.known().map(|arm| arm.mean))?;
                let effect = finding.effect.known();
                row.set_item("difference", effect.map(|effect| effect.difference.name()))?;
                row.set_item("estimate", effect.map(|effect| effect.estimate))?;
                row.set_item("standard_error", effect.map(|effect| effect.standard_error))?;
                row.set_item("low", effect.map(|effect| effect.low))?;
                row.set_item("high", effect.map(|effect| effect.high))?;
                row.set_item("pvalue", effect.map(|effect| effect.pvalue))?;
                row.set_item("pvalue_corrected", finding.pvalue_corrected)?;
                row.set_item("decision", finding.decision.name())?;
                row.set_item("reason", finding.effect.reason().map(|reason| reason.sentence()))?;
                rows.append(row)?;
            }
            let options = PyDict::new(py);
            options.set_item("library", library)?;
            py.import("mlcore._frame")?.getattr("frame")?.call((rows,), Some(&options))
        })
    }

    fn _repr_html_(&self, py: Python<'_>) -> PyResult<String> {
        entry(py, |py| detached(py, || Ok(self.report.to_fragment())))
    }

    fn __str__(&self) -> String {
        self.report.to_text()
    }

    fn __repr__(&self) -> String {
        let (findings, warnings) = (self.report.findings.len(), self.report.warnings.len());
        format!("<mlcore.experiment.Report: {findings} findings, {warnings} warnings>")
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, (String,))> {
        Ok((py.get_type::<Self>().getattr("from_json")?, (self.to_json(py)?,)))
    }
}

/// What was written as JSON.
pub(super) fn read<T: DeserializeOwned + Send>(
    py: Python<'_>,
    operation: &'static str,
    json: &str,
) -> PyResult<T> {
    detached(py, || {
        serde_json::from_str(json).map_err(|cause| {
            Error::corrupt(operation, "JSON", cause.to_string()).remedy("pass what to_json() answered")
        })
    })
}
