//! What the machine does while a run goes on, sampled in the background.

use std::mem;
use std::process;
use std::sync::{Mutex, PoisonError};

use mlcore::name::RunId;
use mlcore::tracking::{SystemMetrics, SystemMetricsOptions};
use pyo3::prelude::*;

use super::Tracker;
use crate::door::Text;
use crate::error::{detached, entry};
use crate::runner::duration;

/// Logs the machine's metrics to a run until it is stopped or nobody holds it.
#[pyclass(module = "mlcore.tracking", name = "_SystemSampler", frozen)]
pub(crate) struct SystemSampler {
    /// A child that was forked has no such thread.
    process: u32,
    sampling: Mutex<Option<SystemMetrics>>,
}

#[pymethods]
impl SystemSampler {
    /// Ends it; what was sampled is logged. Stopping twice is no error.
    fn stop(&self, py: Python<'_>) -> PyResult<()> {
        entry(py, |py| {
            let sampling = self.sampling.lock().unwrap_or_else(PoisonError::into_inner).take();
            detached(py, || {
                self.end(sampling);
                Ok(())
            })
        })
    }
}

impl SystemSampler {
    fn end(&self, sampling: Option<SystemMetrics>) {
        if self.process == process::id() {
            drop(sampling);
        } else {
            // Waiting for a thread that the fork did not bring along would never end.
            mem::forget(sampling);
        }
    }
}

impl Drop for SystemSampler {
    fn drop(&mut self) {
        let mut sampling = self.sampling.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        // The thread may be asking a graphics processor: other Python threads go on meanwhile.
        let released = Python::try_attach(|py| {
            let sampling = sampling.take();
            py.detach(|| self.end(sampling));
        });
        if released.is_none() {
            self.end(sampling);
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over owned texts")]
#[pymethods]
impl Tracker {
    /// Samples the machine into a run from now on: the first sample is taken after one interval, in seconds.
    #[pyo3(signature = (run_id, interval, node, first_step))]
    fn _sample_system(
        &self,
        py: Python<'_>,
        run_id: Text,
        interval: f64,
        node: Option<Text>,
        first_step: i64,
    ) -> PyResult<SystemSampler> {
        let interval = entry(py, |py| duration(py, "sample system metrics", "interval", interval))?;
        let sampling = self.ask(py, |parts| {
            let mut options =
                SystemMetricsOptions::default().with_interval(interval).with_first_step(first_step);
            options.node = node.map(Text::into_string);
            SystemMetrics::start(parts.buffer()?.run(RunId::new(&run_id)?), &options)
        })?;
        Ok(SystemSampler { process: process::id(), sampling: Mutex::new(Some(sampling)) })
    }
}
