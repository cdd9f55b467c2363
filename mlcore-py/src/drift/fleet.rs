//! A monitor's reference apart from its table, and one verdict for many replicas, as Python holds them.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard};

use mlcore::{Error, interrupt};
use mlcore_drift::monitor;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use super::monitor::{Monitor, parts};
use super::verdict::Verdict;
use crate::door::{self, Asked, Text};
use crate::error::{detached, entry};
use crate::plain::{json, plain};

/// What a monitor compares with, apart from the table that it was made of: what travels with a model.
///
/// ``Registry.register(..., monitor=reference)`` stores it beside the version, and whatever serves the version watches it from
/// the first request. Every column is kept by itself, numbers in ascending order and categories with their counts, so that
/// no row can be put together again.
///
/// Parameters
/// ----------
/// reference : table
///     The rows a model was trained on, or a stretch of traffic that was good.
/// **options
///     Those of :class:`Monitor`.
///
/// Examples
/// --------
/// >>> from mlcore.drift import MonitorReference
/// >>> reference = MonitorReference({"age": [float(i) for i in range(1000)]}, window_rows=500)
/// >>> again = MonitorReference.from_bytes(reference.to_bytes())
/// >>> again.monitor().observe({"age": [900.0] * 500})[0].drifted
/// True
#[pyclass(module = "mlcore.drift", frozen)]
#[derive(Debug)]
pub(crate) struct MonitorReference {
    pub(crate) reference: monitor::MonitorReference,
}

#[pymethods]
impl MonitorReference {
    #[new]
    #[pyo3(signature = (reference, **options))]
    fn new(
        py: Python<'_>,
        reference: &Bound<'_, PyAny>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        entry(py, |py| {
            let (table, options) = parts(reference, options)?;
            detached(py, || monitor::MonitorReference::new(&table, &options)).map(Self::of)
        })
    }

    /// Keeps at most this many numbers of each column: quantiles. Small changes are seen less then.
    fn with_max_values(&self, most: usize) -> Self {
        Self::of(self.reference.clone().with_max_values(most))
    }

    /// A monitor against the reference.
    fn monitor(&self, py: Python<'_>) -> PyResult<Monitor> {
        entry(py, |py| detached(py, || Monitor::of_reference(self.reference.clone())))
    }

    /// The reference as bytes, which are equal for equal rows in any order.
    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        entry(py, |py| Ok(PyBytes::new(py, &detached(py, || self.reference.to_bytes())?)))
    }

    /// The reference of such bytes.
    ///
    /// Raises
    /// ------
    /// CorruptError
    ///     For other bytes.
    #[staticmethod]
    fn from_bytes(py: Python<'_>, bytes: &[u8]) -> PyResult<Self> {
        entry(py, |py| detached(py, || monitor::MonitorReference::from_bytes(bytes)).map(Self::of))
    }

    /// The names of the watched columns.
    #[getter]
    fn columns(&self) -> Vec<&str> {
        self.reference.columns().collect()
    }

    /// The rows that it was made of.
    #[getter]
    fn rows(&self) -> u64 {
        self.reference.rows()
    }

    /// All options as plain values.
    #[getter]
    fn options<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        entry(py, |py| plain(py, "read options", self.reference.options()))
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, (Bound<'py, PyBytes>,))> {
        Ok((slf.get_type().getattr("from_bytes")?, (slf.get().to_bytes(slf.py())?,)))
    }

    fn __repr__(&self) -> String {
        let columns = self.reference.columns().len();
        format!("<mlcore.drift.MonitorReference: {columns} columns, {} rows>", self.reference.rows())
    }
}

impl MonitorReference {
    pub(crate) fn of(reference: monitor::MonitorReference) -> Self {
        Self { reference }
    }
}

/// Counts the rows of one replica for a :class:`Fleet`, in memory that does not grow with them.
///
/// Parameters
/// ----------
/// reference : MonitorReference
///     The same in all replicas.
///
/// Raises
/// ------
/// InvalidInputError
///     For a column whose test needs every value.
#[pyclass(module = "mlcore.drift", frozen)]
#[derive(Debug)]
pub(crate) struct WindowCounter {
    counter: Mutex<monitor::WindowCounter>,
    columns: Vec<String>,
}

#[pymethods]
impl WindowCounter {
    #[new]
    fn new(py: Python<'_>, reference: &Bound<'_, MonitorReference>) -> PyResult<Self> {
        let reference = &reference.get().reference;
        let columns = reference.columns().map(str::to_owned).collect();
        let counter = entry(py, |py| detached(py, || monitor::WindowCounter::new(reference)))?;
        Ok(Self { counter: Mutex::new(counter), columns })
    }

    /// Takes the rows of a table, as :meth:`Monitor.observe` does.
    fn observe(&self, py: Python<'_>, frame: &Bound<'_, PyAny>) -> PyResult<()> {
        entry(py, |py| {
            let asked = Asked { operation: "observe", subject: "frame" };
            let table = door::watched_table(frame, &self.columns, asked)?;
            detached(py, || self.locked()?.observe(&table))
        })
    }

    /// Hands out what was counted since the last time.
    fn take(&self, py: Python<'_>) -> PyResult<WindowCounts> {
        entry(py, |py| detached(py, || self.locked()?.take()).map(WindowCounts::new))
    }

    /// Takes back counts that were handed out and did not arrive.
    fn put_back(&self, py: Python<'_>, counts: &Bound<'_, WindowCounts>) -> PyResult<()> {
        let counts = &counts.get().counts;
        entry(py, |py| detached(py, || self.locked()?.put_back(counts)))
    }

    /// The rows that were counted since counts were taken last.
    #[getter]
    fn rows(&self, py: Python<'_>) -> PyResult<u64> {
        entry(py, |py| detached(py, || Ok(self.locked()?.rows())))
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(format!("<mlcore.drift.WindowCounter: {} columns, {} rows>", self.columns.len(), self.rows(py)?))
    }
}

impl WindowCounter {
    fn locked(&self) -> mlcore::Result<MutexGuard<'_, monitor::WindowCounter>> {
        interrupt::lock("count window", &self.counter)
    }
}

/// The rows of a window as counts, which many replicas' add up of. A few kilobytes a column; no row can be read from them.
#[pyclass(module = "mlcore.drift", frozen, eq)]
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct WindowCounts {
    pub(crate) counts: monitor::WindowCounts,
}

#[pymethods]
impl WindowCounts {
    /// The rows that were counted.
    #[getter]
    fn rows(&self) -> u64 {
        self.counts.rows()
    }

    /// Columns of the rows that the reference does not have.
    #[getter]
    fn new_columns(&self) -> Vec<String> {
        self.counts.new_columns().to_vec()
    }

    /// Columns of the reference that some of the rows did not have.
    #[getter]
    fn vanished_columns(&self) -> Vec<String> {
        self.counts.vanished_columns().to_vec()
    }

    /// The counts as bytes, equal for equal counts.
    fn to_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.counts.to_bytes())
    }

    /// The counts of such bytes.
    ///
    /// Raises
    /// ------
    /// CorruptError
    ///     For other bytes.
    #[staticmethod]
    fn from_bytes(py: Python<'_>, bytes: &[u8]) -> PyResult<Self> {
        entry(py, |py| detached(py, || monitor::WindowCounts::from_bytes(bytes)).map(Self::new))
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, (Bound<'py, PyBytes>,))> {
        Ok((slf.get_type().getattr("from_bytes")?, (slf.get().to_bytes(slf.py()),)))
    }

    fn __repr__(&self) -> String {
        format!("<mlcore.drift.WindowCounts: {} rows>", self.counts.rows())
    }
}

impl WindowCounts {
    pub(crate) fn new(counts: monitor::WindowCounts) -> Self {
        Self { counts }
    }
}

/// Adds up the counts of replicas, and answers a verdict for every ``window_rows`` rows of all of them together: that of one
/// process that saw all rows, bit for bit where its tests compare counts.
///
/// Parameters
/// ----------
/// reference : MonitorReference
///     That of the replicas.
///
/// Examples
/// --------
/// >>> from mlcore.drift import Fleet, MonitorReference, WindowCounter
/// >>> reference = MonitorReference({"age": [float(i) for i in range(1000)]}, window_rows=600)
/// >>> fleet = Fleet(reference)
/// >>> for replica in ["a", "b"]:
/// ...     counter = WindowCounter(reference)
/// ...     counter.observe({"age": [300.0 + i for i in range(300)]})
/// ...     verdict = fleet.add(replica, counter.take())
/// >>> verdict.drifted, verdict.replicas
/// (True, {'a': 300, 'b': 300})
#[pyclass(module = "mlcore.drift", frozen)]
#[derive(Debug)]
pub(crate) struct Fleet {
    fleet: Mutex<monitor::Fleet>,
    reference: monitor::MonitorReference,
}

#[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over owned texts")]
#[pymethods]
impl Fleet {
    #[new]
    fn new(py: Python<'_>, reference: &Bound<'_, MonitorReference>) -> PyResult<Self> {
        let reference = reference.get().reference.clone();
        let fleet = entry(py, |py| detached(py, || monitor::Fleet::new(&reference)))?;
        Ok(Self { fleet: Mutex::new(fleet), reference })
    }

    /// Adds what a replica counted since it was asked last, and answers a verdict if the window is full with it.
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     For counts that were made for another reference; nothing is added then.
    fn add(
        &self,
        py: Python<'_>,
        replica: Text,
        counts: &Bound<'_, WindowCounts>,
    ) -> PyResult<Option<FleetVerdict>> {
        let counts = &counts.get().counts;
        entry(py, |py| {
            let verdict = detached(py, || self.locked()?.add(&replica, counts))?;
            Ok(verdict.map(FleetVerdict::new))
        })
    }

    /// Judges the counts of the window so far; the window goes on.
    fn evaluate_now(&self, py: Python<'_>) -> PyResult<FleetVerdict> {
        entry(py, |py| detached(py, || self.locked()?.evaluate_now()).map(FleetVerdict::new))
    }

    /// The rows of the window so far.
    #[getter]
    fn rows_in_window(&self, py: Python<'_>) -> PyResult<u64> {
        entry(py, |py| detached(py, || Ok(self.locked()?.rows_in_window())))
    }

    /// How far the fleet is, as JSON: another process goes on there with :meth:`restore`.
    fn save(&self, py: Python<'_>) -> PyResult<String> {
        entry(py, |py| {
            let state = detached(py, || Ok(self.locked()?.save()))?;
            json(py, "save fleet", &state)
        })
    }

    /// Goes on where a fleet of the same reference was saved.
    ///
    /// Raises
    /// ------
    /// CorruptError, InvalidInputError
    ///     For other text, and for a fleet of another reference; nothing is changed then.
    fn restore(&self, py: Python<'_>, state: Text) -> PyResult<()> {
        entry(py, |py| {
            detached(py, || {
                let state = serde_json::from_str(&state).map_err(|cause| {
                    Error::corrupt("restore fleet", "state", cause.to_string()).caused_by(cause)
                })?;
                self.locked()?.restore(state)
            })
        })
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let (rows, window) = (self.rows_in_window(py)?, self.reference.options().window_rows);
        Ok(format!("<mlcore.drift.Fleet: {rows} of {window} rows>"))
    }
}

impl Fleet {
    fn locked(&self) -> mlcore::Result<MutexGuard<'_, monitor::Fleet>> {
        interrupt::lock("judge fleet", &self.fleet)
    }
}

/// The verdict of a fleet, and the rows of each replica that it was made of. A notebook shows it.
#[pyclass(module = "mlcore.drift", frozen)]
#[derive(Debug)]
pub(crate) struct FleetVerdict {
    verdict: monitor::FleetVerdict,
}

#[pymethods]
impl FleetVerdict {
    /// Whether the data as a whole drifted.
    #[getter]
    fn drifted(&self) -> bool {
        self.verdict.verdict.is_drifted()
    }

    /// The verdict, as a monitor makes it.
    #[getter]
    fn verdict(&self) -> Verdict {
        Verdict::new(self.verdict.verdict.clone())
    }

    /// The rows of each replica that had any.
    #[getter]
    fn replicas(&self) -> BTreeMap<String, u64> {
        self.verdict.replicas.clone()
    }

    /// The verdict as one self-contained page: no script, nothing loaded.
    fn to_html(&self, py: Python<'_>) -> PyResult<String> {
        entry(py, |py| detached(py, || Ok(self.verdict.to_html())))
    }

    /// Writes the page to a file.
    #[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over owned paths")]
    fn save_html(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        entry(py, |py| {
            detached(py, || {
                fs::write(&path, self.verdict.to_html())
                    .map_err(|cause| Error::from_io("save verdict", path.display().to_string(), cause))
            })
        })
    }

    /// The verdict as JSON.
    fn to_json(&self, py: Python<'_>) -> PyResult<String> {
        entry(py, |py| json(py, "write verdict", &self.verdict))
    }

    /// Reads the JSON of :meth:`to_json`.
    #[staticmethod]
    #[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over owned texts")]
    fn from_json(py: Python<'_>, text: Text) -> PyResult<Self> {
        entry(py, |py| {
            let verdict = detached(py, || {
                serde_json::from_str(&text).map_err(|cause| {
                    Error::corrupt("read verdict", "JSON", cause.to_string()).caused_by(cause)
                })
            })?;
            Ok(Self::new(verdict))
        })
    }

    fn _repr_html_(&self, py: Python<'_>) -> PyResult<String> {
        entry(py, |py| detached(py, || Ok(self.verdict.to_fragment())))
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, (String,))> {
        Ok((slf.get_type().getattr("from_json")?, (slf.get().to_json(slf.py())?,)))
    }

    fn __str__(&self) -> String {
        self.verdict.to_string()
    }

    fn __repr__(&self) -> String {
        let (replicas, verdict) = (self.verdict.replicas.len(), &self.verdict.verdict);
        format!("<mlcore.drift.FleetVerdict of {replicas} replicas: {}>", verdict.overall)
    }
}

impl FleetVerdict {
    fn new(verdict: monitor::FleetVerdict) -> Self {
        Self { verdict }
    }
}
