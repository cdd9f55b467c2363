//! What happened to a release, as Python reads it.

use mlcore_serve::endpoint::{self as serve, EventKind};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::drift::Verdict;
use crate::error::entry;
use crate::plain::plain;
use crate::registry::datetime;

/// Something that happened to the release.
#[pyclass(module = "mlcore.endpoint", frozen)]
#[derive(Debug)]
pub(crate) struct Event {
    event: serve::Event,
}

#[pymethods]
impl Event {
    /// When, a datetime in UTC.
    #[getter]
    fn at<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        datetime(py, self.event.at)
    }

    /// What: ``deployed``, ``withdrawn``, ``stepped``, ``promoted``, ``rolled_back``, ``held``, ``trial_ended``, ``renewed``,
    /// ``failed``, ``invalid_answers``, ``refused_outcomes``, ``panicked``, ``dropped``, ``unmonitored`` or ``judged``.
    #[getter]
    fn kind(&self) -> &str {
        self.event.kind.name()
    }

    /// What happened and why, in plain words.
    #[getter]
    fn message(&self) -> String {
        self.event.kind.to_string()
    }

    /// The comparison of the monitor, where the event is ``judged``.
    #[getter]
    fn verdict(&self) -> Option<Verdict> {
        match &self.event.kind {
            EventKind::Judged { verdict } => Some(Verdict::new((**verdict).clone())),
            _ => None,
        }
    }

    /// The event as plain values: ``at`` (ISO 8601), ``kind``, ``message``, and what belongs to the kind: ``arm``, ``version``,
    /// ``share``, ``from``, ``to``, ``reason``, ``operation``, ``error``, ``count``, ``problem``,
    /// ``columns``, ``verdict``.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        entry(py, |py| {
            let event = PyDict::new(py);
            event.set_item("at", self.at(py)?.call_method0("isoformat")?)?;
            event.set_item("kind", self.kind())?;
            event.set_item("message", self.message())?;
            event.update(plain(py, "write event", &self.event.kind)?.cast::<PyDict>()?.as_mapping())?;
            Ok(event)
        })
    }

    fn __str__(&self) -> String {
        self.message()
    }

    fn __repr__(&self) -> String {
        format!("<mlcore.endpoint.Event {}: {}>", self.kind(), self.event.kind)
    }
}

impl Event {
    pub(super) fn new(event: serve::Event) -> Self {
        Self { event }
    }
}
