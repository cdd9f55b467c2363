//! How wrong an answer was: by a name, or by a function of Python.

use std::cell::Cell;
use std::sync::Arc;

use mlcore::batch::{Batch, Tensor};
use mlcore::evaluate::log_loss_of;
use mlcore::schema::{DType, Dim, Schema};
use mlcore::{Error, Result};
use pyo3::prelude::*;

use crate::door::type_name;
use crate::error::wrong_type;
use crate::runner::arrays;
use crate::stats::unknown;

/// A loss of one answer and its outcome.
#[derive(Clone)]
pub(super) enum Loss {
    /// Of the probability of the positive class; labels are 0 and 1.
    Logarithmic,
    SquaredError,
    AbsoluteError,
    /// 0 where the label is the one predicted, else 1.
    ZeroOne,
    Function(Arc<Py<PyAny>>),
}

impl Loss {
    pub(super) fn read(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = object.py();
        if object.is_callable() {
            return Ok(Self::Function(Arc::new(object.clone().unbind())));
        }
        match object.extract::<String>().as_deref() {
            Ok("log_loss") => Ok(Self::Logarithmic),
            Ok("squared_error") => Ok(Self::SquaredError),
            Ok("absolute_error") => Ok(Self::AbsoluteError),
            Ok("zero_one") => Ok(Self::ZeroOne),
            Ok(other) => {
                let known = "log_loss, squared_error, absolute_error, zero_one, or pass a function";
                Err(unknown(py, SCORE, "loss", other, known))
            }
            Err(_) => {
                let problem = format!("a name or a function is expected, and it is a {}", type_name(object));
                Err(wrong_type(py, SCORE, "loss", problem, "pass a name, or a function of outputs and label"))
            }
        }
    }

    /// Can it be computed from such outputs?
    pub(super) fn check(&self, outputs: &Schema) -> Result<()> {
        let has = |fits: fn(DType, &[Dim]) -> bool| {
            outputs.fields().iter().any(|field| fits(field.dtype(), field.shape()))
        };
        let answered = match self {
            Self::Function(_) => true,
            Self::ZeroOne if has(|dtype, shape| is_label(dtype) && width(shape) == Some(1)) => true,
            _ => has(|dtype, shape| dtype.is_float() && matches!(width(shape), None | Some(1 | 2))),
        };
        if answered {
            return Ok(());
        }
        let names: Vec<String> = outputs.fields().iter().map(ToString::to_string).collect();
        let problem =
            format!("the model answers {}: neither a number nor the scores of two classes", names.join(", "));
        Err(Error::invalid_input(SCORE, "loss", problem).remedy("pass a function of outputs and label"))
    }

    /// The loss of the answer to one row.
    pub(super) fn score(&self, outputs: &Batch, label: f64) -> Result<f64> {
        match self {
            Self::Function(function) => call(function, outputs, label),
            Self::Logarithmic if label != 0.0 && label != 1.0 => {
                Err(Error::invalid_input(SCORE, "label", format!("{label} is neither 0 nor 1")))
            }
            Self::Logarithmic => Ok(log_loss_of(label == 1.0, number(outputs)?)),
            Self::SquaredError => Ok((number(outputs)? - label).powi(2)),
            Self::AbsoluteError => Ok((number(outputs)? - label).abs()),
            Self::ZeroOne => {
                let label_of = outputs.iter().find(|(_, tensor)| is_label(tensor.dtype()));
                let predicted = match label_of {
                    Some((name, tensor)) => only(name, &tensor.to_f64()?)?,
                    None => f64::from(u8::from(number(outputs)? > 0.5)),
                };
                Ok(f64::from(u8::from(predicted != label)))
            }
        }
    }
}

const SCORE: &str = "score answer";

/// Labels come as whole numbers and bools, scores as floats.
fn is_label(dtype: DType) -> bool {
    dtype == DType::Bool || (dtype.is_numeric() && !dtype.is_float())
}

/// How many numbers there are for a row, where that is known.
fn width(shape: &[Dim]) -> Option<usize> {
    shape.iter().skip(1).try_fold(1_usize, |width, dim| match dim {
        Dim::Fixed(size) => width.checked_mul(*size),
        Dim::Dynamic => None,
    })
}

/// The number that a model answers for one row: its first floats, of two classes the score of the second.
fn number(outputs: &Batch) -> Result<f64> {
    let scores = outputs.iter().find(|(_, tensor)| tensor.dtype().is_float() && width_is_usable(tensor));
    let Some((name, tensor)) = scores else {
        return Err(Error::schema_mismatch(
            SCORE,
            "outputs",
            "there is no number and no score of two classes",
        ));
    };
    let values = tensor.to_f64()?;
    match (tensor.row_len(), values.as_slice()) {
        (2, [_, positive]) => Ok(*positive),
        _ => only(name, &values),
    }
}

fn width_is_usable(tensor: &Tensor) -> bool {
    matches!(tensor.row_len(), 1 | 2)
}

/// The value of the one row.
fn only(name: &str, values: &[f64]) -> Result<f64> {
    match values {
        [value] => Ok(*value),
        _ => {
            let problem = format!("it has {} values, and an outcome is about one row", values.len());
            Err(Error::invalid_input(SCORE, name, problem))
        }
    }
}

thread_local! {
    /// Is a function of Python being asked in this thread, with the endpoint's lock held?
    static SCORING: Cell<bool> = const { Cell::new(false) };
}

/// Would asking the endpoint from this thread wait for itself?
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
