//! What an endpoint counts for a fleet.

use pyo3::prelude::*;

use super::Endpoint;
use crate::drift::{MonitorReference, WindowCounts};

#[pymethods]
impl Endpoint {
    /// Hands out what was counted for a :class:`mlcore.drift.Fleet` since the last time; ``None`` where the version brings no
    /// reference, or the endpoint was made without ``fleet_counts=True``.
    fn take_counts(&self, py: Python<'_>) -> PyResult<Option<WindowCounts>> {
        let counts = self.ask(py, mlcore_serve::Endpoint::take_counts)?;
        Ok(counts.map(WindowCounts::new))
    }

    /// Takes counts back that were handed out and did not arrive, so that they are in the next. Answers whether they were
    /// taken: after a release to a version of another reference they are not.
    fn put_back_counts(&self, py: Python<'_>, counts: &Bound<'_, WindowCounts>) -> PyResult<bool> {
        let counts = &counts.get().counts;
        self.ask(py, |endpoint| endpoint.put_back_counts(counts))
    }

    /// The reference that rows are counted for, in the columns that the arms read: what a fleet is made of. ``None`` where
    /// the version brings none.
    fn monitor_reference(&self, py: Python<'_>) -> PyResult<Option<MonitorReference>> {
        let reference = self.ask(py, mlcore_serve::Endpoint::monitor_reference)?;
        Ok(reference.map(MonitorReference::of))
    }
}
