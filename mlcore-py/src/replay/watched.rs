//! What detectors and monitors said to a log, as Python holds it.

use std::sync::Arc;

use mlcore::arrow::array::{ArrayRef, Float64Array, StringArray, UInt64Array};
use mlcore_serve::replay;
use pyo3::prelude::*;

use super::arguments::REPLAY;
use super::report::{part, times};
use crate::error::{detached, entry};
use crate::plain::json;
use crate::rollout::{batch, framed};

/// What a detector said to a log: text by ``str``, plain values by :meth:`to_dict`.
#[pyclass(module = "mlcore.replay", frozen)]
#[derive(Debug)]
pub(crate) struct DetectorReport {
    /// Its name.
    #[pyo3(get)]
    detector: String,
    /// The arm whose requests it watched; None for all.
    #[pyo3(get)]
    arm: Option<String>,
    /// The values that it took.
    #[pyo3(get)]
    values: u64,
    /// The values that it took for none: NaN, infinities.
    #[pyo3(get)]
    ignored: u64,
    /// The values that it refused, outside of its domain.
    #[pyo3(get)]
    refused: u64,
    /// Its warnings.
    #[pyo3(get)]
    warnings: u64,
    /// The changes that it detected: ``at``, ``elapsed_seconds`` since the first request, and the number of the ``value``, from 0.
    #[pyo3(get)]
    alarms: Py<PyAny>,
    /// Its alarms beside the truth: ``false_alarms``, ``detection`` (``at``, ``delay_seconds``, ``requests``: values until then); None
    /// where nobody knows it.
    #[pyo3(get)]
    judged: Py<PyAny>,
    report: replay::DetectorReport,
}

#[pymethods]
impl DetectorReport {
    /// The report as plain dicts and lists.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        entry(py, |py| crate::plain::plain(py, REPLAY, &self.report))
    }

    /// The report as JSON.
    fn to_json(&self, py: Python<'_>) -> PyResult<String> {
        entry(py, |py| json(py, REPLAY, &self.report))
    }

    /// A row for each alarm.
    ///
    /// Parameters
    /// ----------
    /// library : {"pandas", "polars", "arrow"}, optional
    ///     As :meth:`ReplayReport.arms_frame` takes it.
    ///
    /// Returns
    /// -------
    /// frame
    ///     With the columns ``at``, ``elapsed_seconds`` and ``value``.
    #[pyo3(signature = (library = None))]
    fn alarms_frame<'py>(&self, py: Python<'py>, library: Option<&str>) -> PyResult<Bound<'py, PyAny>> {
        entry(py, |py| {
            let alarms = &self.report.alarms;
            let elapsed = alarms.iter().map(|alarm| alarm.elapsed.as_secs_f64());
            let values = UInt64Array::from_iter_values(alarms.iter().map(|alarm| alarm.value));
            let table = batch([
                ("at", times(alarms.iter().map(|alarm| alarm.at))),
                ("elapsed_seconds", Arc::new(Float64Array::from_iter_values(elapsed)) as ArrayRef),
                ("value", Arc::new(values)),
            ]);
            framed(py, &detached(py, || table)?, library)
        })
    }

    fn __str__(&self) -> String {
        self.report.to_string()
    }

    fn __repr__(&self) -> String {
        let (values, alarms) = (self.values, self.report.alarms.len());
        format!("<mlcore.replay.DetectorReport {}: {values} values, {alarms} alarms>", self.detector)
    }
}

impl DetectorReport {
    pub(super) fn of(py: Python<'_>, report: &replay::DetectorReport) -> PyResult<Self> {
        Ok(Self {
            detector: report.detector.clone(),
            arm: report.arm.as_ref().map(ToString::to_string),
            values: report.values,
            ignored: report.ignored,
            refused: report.refused,
            warnings: report.warnings,
            alarms: part(py, &report.alarms)?,
            judged: part(py, &report.judged)?,
            report: report.clone(),
        })
    }
}

/// What a drift monitor said to the features of a log: text by ``str``, plain values by :meth:`to_dict`.
#[pyclass(module = "mlcore.replay", frozen)]
#[derive(Debug)]
pub(crate) struct MonitorReport {
    /// The rows that it took.
    #[pyo3(get)]
    rows: u64,
    /// The rows that it could not take, because a value is of another kind than in its reference.
    #[pyo3(get)]
    refused: u64,
    /// Its verdicts, one for each window that ended: ``at``, ``first_row``, ``last_row``, ``overall``, and the ``columns`` that drifted.
    #[pyo3(get)]
    windows: Py<PyAny>,
    /// Its alarms beside the truth, as of a :class:`DetectorReport`. An alarm is a window that drifted.
    #[pyo3(get)]
    judged: Py<PyAny>,
    report: replay::MonitorReport,
}

#[pymethods]
impl MonitorReport {
    /// The report as plain dicts and lists.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        entry(py, |py| crate::plain::plain(py, REPLAY, &self.report))
    }

    /// The report as JSON.
    fn to_json(&self, py: Python<'_>) -> PyResult<String> {
        entry(py, |py| json(py, REPLAY, &self.report))
    }

    /// A row for each window.
    ///
    /// Parameters
    /// ----------
    /// library : {"pandas", "polars", "arrow"}, optional
    ///     As :meth:`ReplayReport.arms_frame` takes it.
    ///
    /// Returns
    /// -------
    /// frame
    ///     With the columns ``at``, ``first_row``, ``last_row``, ``overall``, and ``columns``, the names with commas between them.
    #[pyo3(signature = (library = None))]
    fn windows_frame<'py>(&self, py: Python<'py>, library: Option<&str>) -> PyResult<Bound<'py, PyAny>> {
        entry(py, |py| {
            let windows = &self.report.windows;
            let count = |of: fn(&replay::WindowReplay) -> u64| -> ArrayRef {
                Arc::new(UInt64Array::from_iter_values(windows.iter().map(of)))
            };
            let text = |of: &dyn Fn(&replay::WindowReplay) -> String| -> ArrayRef {
                Arc::new(windows.iter().map(|window| Some(of(window))).collect::<StringArray>())
            };
            let table = batch([
                ("at", times(windows.iter().map(|window| window.at))),
                ("first_row", count(|window| window.first_row)),
                ("last_row", count(|window| window.last_row)),
                ("overall", text(&|window| window.overall.to_string())),
                ("columns", text(&|window| window.columns.join(","))),
            ]);
            framed(py, &detached(py, || table)?, library)
        })
    }

    fn __str__(&self) -> String {
        self.report.to_string()
    }

    fn __repr__(&self) -> String {
        let (rows, windows) = (self.rows, self.report.windows.len());
        format!("<mlcore.replay.MonitorReport: {rows} rows, {windows} windows>")
    }
}

impl MonitorReport {
    pub(super) fn of(py: Python<'_>, report: &replay::MonitorReport) -> PyResult<Self> {
        Ok(Self {
            rows: report.rows,
            refused: report.refused,
            windows: part(py, &report.windows)?,
            judged: part(py, &report.judged)?,
            report: report.clone(),
        })
    }
}
