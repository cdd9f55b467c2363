//! How wrong an answer was: by a name, or by a function of Python.

use std::cell::Cell;
use std::sync::Arc;

use mlcore::batch::Batch;
use mlcore::{Error, Result};
use mlcore_serve::endpoint::{EndpointBuilder, Loss};
use pyo3::prelude::*;

use crate::door::type_name;
use crate::error::{raise, wrong_type};
use crate::runner::arrays;

/// The loss that `object` names or is.
pub(super) fn with_loss(builder: EndpointBuilder, object: &Bound<'_, PyAny>) -> PyResult<EndpointBuilder> {
    let py = object.py();
    if object.is_callable() {
        let function = Arc::new(object.clone().unbind());
        return Ok(builder.with_loss_function(move |outputs, label| call(&function, outputs, label)));
    }
    let Ok(name) = object.extract::<String>() else {
        let problem = format!("a name or a function is expected, and it is a {}", type_name(object));
        return Err(wrong_type(
            py,
            SCORE,
            "loss",
            problem,
            "pass a name, or a function of outputs and label",
        ));
    };
    let loss: Loss = name.parse().map_err(|error| raise(py, &error))?;
    Ok(builder.with_loss(loss))
}

const SCORE: &str = "score answer";

thread_local! {
    /// Whether a function of Python is being asked in this thread, with the endpoint's lock held.
    static SCORING: Cell<bool> = const { Cell::new(false) };
}

/// Whether asking the endpoint from this thread would wait for itself.
pub(super) fn is_scoring() -> bool {
    SCORING.get()
}

fn call(function: &Py<PyAny>, outputs: &Batch, label: f64) -> Result<f64> {
    let asked = Python::try_attach(|py| {
        let score = || function.call1(py, (arrays(py, outputs)?, label))?.extract::<f64>(py);
        SCORING.set(true);
        let score = score();
        SCORING.set(false);
        score.map_err(|raised| {
            let error = Error::invalid_input(SCORE, "loss", raised.to_string());
            raised.write_unraisable(py, Some(function.bind(py)));
            error
        })
    });
    let gone = || Err(Error::unavailable(SCORE, "loss", "the interpreter is going down"));
    asked.unwrap_or_else(gone)
}
