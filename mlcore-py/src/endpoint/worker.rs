//! The thread that works off an endpoint's queue.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use mlcore_serve::endpoint as serve;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::event::Event;
use crate::error::{detached, entry, invalid};

/// Threads that work for an endpoint while a ``with`` block lasts: they work off its queue, run shadows and follow the aliases. What
/// ``on_event``, a loss or a model raises ends none of them. Made by :meth:`mlcore.Endpoint.worker`.
#[pyclass(module = "mlcore.endpoint", frozen)]
pub(crate) struct Worker {
    endpoint: mlcore_serve::Endpoint,
    interval: Duration,
    on_event: Option<Py<PyAny>>,
    running: Mutex<Option<Running>>,
}

/// The thread, and the process that it is in: a child has no such thread.
struct Running {
    worker: serve::Worker,
    process: u32,
}

#[pymethods]
impl Worker {
    fn __enter__(slf: Bound<'_, Self>) -> PyResult<Bound<'_, Self>> {
        entry(slf.py(), |py| {
            let own = slf.get();
            let mut running = own.running.lock().unwrap_or_else(PoisonError::into_inner);
            if running.is_some() {
                let problem = "it runs already";
                return Err(invalid(py, "start worker", "worker", problem, "make another with worker()"));
            }
            let on_event = own.on_event.as_ref().map(|on_event| on_event.clone_ref(py));
            let worker = detached(py, || {
                own.endpoint.spawn_worker(own.interval, move |event| {
                    if let Some(on_event) = &on_event {
                        tell(on_event, event);
                    }
                })
            })?;
            crate::telemetry::keep_up();
            *running = Some(Running { worker, process: std::process::id() });
            drop(running);
            Ok(slf)
        })
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, py: Python<'_>, _exception: &Bound<'_, PyTuple>) -> PyResult<()> {
        entry(py, |py| {
            // The thread may be waiting for the interpreter, to call `on_event`.
            detached(py, || {
                self.end();
                Ok(())
            })
        })
    }

    /// Whether its threads run: inside of the ``with`` block, where nothing has ended one.
    #[getter]
    fn alive(&self, py: Python<'_>) -> PyResult<bool> {
        entry(py, |py| {
            // A thread that ends the worker holds the lock while it waits for the interpreter.
            detached(py, || {
                let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
                let own = running.as_ref().filter(|running| running.process == std::process::id());
                Ok(own.is_some_and(|running| running.worker.is_alive()))
            })
        })
    }

    fn __repr__(&self) -> &'static str {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if running.is_some() { "<mlcore.endpoint.Worker, running>" } else { "<mlcore.endpoint.Worker>" }
    }
}

impl Worker {
    pub(super) fn new(
        endpoint: mlcore_serve::Endpoint,
        interval: Duration,
        on_event: Option<Py<PyAny>>,
    ) -> Self {
        Self { endpoint, interval, on_event, running: Mutex::new(None) }
    }

    /// Ends the thread, after everything that is queued; not to be called with the interpreter held.
    fn end(&self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        match running {
            Some(Running { worker, process }) if process == std::process::id() => worker.stop(),
            // Waiting for a thread that the fork did not bring along would never end.
            Some(Running { worker, .. }) => std::mem::forget(worker),
            None => {}
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Python drops it with the interpreter held, which the thread may be waiting for.
        if Python::try_attach(|py| py.detach(|| self.end())).is_none() {
            // The interpreter is going down, and the thread with it.
            std::mem::forget(self.running.get_mut().unwrap_or_else(PoisonError::into_inner).take());
        }
    }
}

fn tell(on_event: &Py<PyAny>, event: serve::Event) {
    // Nobody is left to be told once the interpreter is going down.
    let _ = Python::try_attach(|py| {
        if let Err(raised) = on_event.call1(py, (Event::new(event),)) {
            raised.write_unraisable(py, Some(on_event.bind(py)));
        }
    });
}
