//! Arms that a function of Python simulates.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use mlcore::interrupt;
use mlcore::rollout::RolloutPolicy;
use mlcore::time::Timestamp;
use mlcore_serve::log::LoggedPrediction;
use mlcore_serve::replay::{self, ReplayLog, ReplayOptions};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use super::arguments::REPLAY;
use crate::door::type_name;
use crate::error::{detached, entry, wrong_type};
use crate::runner::duration;
use crate::value;

/// A request of the log, as a function sees it that says what an arm does with it.
///
/// Attributes
/// ----------
/// number : int
///     Its number in the order of the log, from 0.
/// elapsed : float
///     Seconds since the first request, when it is decided.
/// draw : float
///     Randomness for this request, in ``[0, 1)``: the same for all arms, so that they are compared by the same luck.
/// time : datetime.datetime
///     When it was answered, in UTC.
/// unit : str or None
///     Whom the policy assigned then.
/// arm : str
///     The arm that answered then.
/// context : dict
///     The attributes that it brought.
/// features : list of dict
///     The raw features of each row; empty where tensors came, and where they are redacted.
#[pyclass(module = "mlcore.replay", frozen, get_all)]
#[derive(Debug)]
pub(crate) struct SimulatedRequest {
    number: u64,
    elapsed: f64,
    draw: f64,
    time: Py<PyAny>,
    unit: Option<String>,
    arm: String,
    context: Py<PyDict>,
    features: Py<PyList>,
}

#[pymethods]
impl SimulatedRequest {
    fn __repr__(&self) -> String {
        let Self { number, elapsed, draw, arm, .. } = self;
        format!("<mlcore.replay.SimulatedRequest {number} at {elapsed:.6} s, by {arm}, draw {draw:.6}>")
    }
}

impl SimulatedRequest {
    fn of(py: Python<'_>, request: &replay::SimulatedRequest<'_>) -> PyResult<Self> {
        let logged: &LoggedPrediction = request.logged;
        let context = PyDict::new(py);
        for (name, own) in logged.context.attributes() {
            context.set_item(name, value::write(py, &own.into_owned())?)?;
        }
        let features = PyList::empty(py);
        for row in &logged.features {
            let cells = PyDict::new(py);
            for (name, own) in row {
                cells.set_item(name, value::write(py, own)?)?;
            }
            features.append(cells)?;
        }
        Ok(Self {
            number: request.number,
            elapsed: request.elapsed.as_secs_f64(),
            draw: request.draw.unit_interval(),
            time: moment(py, logged.time)?.unbind(),
            unit: logged.unit.as_ref().map(ToString::to_string),
            arm: logged.arm.to_string(),
            context: context.unbind(),
            features: features.unbind(),
        })
    }
}

/// What an arm does with a request.
///
/// Parameters
/// ----------
/// latency : float
///     Seconds until the answer, or the failure.
/// failed : bool, optional
///     Whether the arm fails; a failure has no loss.
/// loss : float, optional
///     How wrong the answer was.
/// loss_delay : float, optional
///     Seconds from the answer until the loss is known. Default 0.
///
/// Raises
/// ------
/// InvalidInputError
///     For seconds that are negative or not finite.
///
/// Examples
/// --------
/// >>> from mlcore.replay import SimulatedAnswer
/// >>> SimulatedAnswer(0.003, loss=0.25, loss_delay=3600.0)
/// SimulatedAnswer(0.003, loss=0.25, loss_delay=3600.0)
#[pyclass(module = "mlcore.replay", frozen, eq)]
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SimulatedAnswer {
    answer: replay::SimulatedAnswer,
}

#[pymethods]
impl SimulatedAnswer {
    #[new]
    #[pyo3(signature = (latency, *, failed = false, loss = None, loss_delay = 0.0))]
    fn new(py: Python<'_>, latency: f64, failed: bool, loss: Option<f64>, loss_delay: f64) -> PyResult<Self> {
        entry(py, |py| {
            let seconds = |subject, value| duration(py, REPLAY, subject, value);
            let (latency, delay) = (seconds("latency", latency)?, seconds("loss_delay", loss_delay)?);
            let answer = if failed {
                replay::SimulatedAnswer::failed(latency)
            } else {
                replay::SimulatedAnswer::answered(latency)
            };
            Ok(Self { answer: loss.map_or(answer, |loss| answer.with_loss(loss, delay)) })
        })
    }

    fn __repr__(&self) -> String {
        let replay::SimulatedAnswer { has_failed, latency, loss, .. } = self.answer;
        let failed = if has_failed { ", failed=True" } else { "" };
        let loss = loss.map_or_else(String::new, |(loss, delay)| {
            format!(", loss={loss:?}, loss_delay={:?}", delay.as_secs_f64())
        });
        format!("SimulatedAnswer({:?}{failed}{loss})", latency.as_secs_f64())
    }
}

/// Runs the policy over the log, with arms that the function simulates; what it raises ends the replay, and is raised.
pub(super) fn simulate(
    py: Python<'_>,
    log: &ReplayLog,
    policy: Arc<dyn RolloutPolicy>,
    options: &ReplayOptions,
    function: &Bound<'_, PyAny>,
) -> PyResult<replay::ReplayReport> {
    let function = function.clone().unbind();
    let (result, raised) = detached(py, move || {
        let has_raised = Rc::new(Cell::new(false));
        let stop = Rc::clone(&has_raised);
        let raised: RefCell<Option<PyErr>> = RefCell::new(None);
        // Of several arms that are asked about one request.
        let mut shown: Option<(u64, Py<SimulatedRequest>)> = None;
        let result = interrupt::scope(
            move || stop.get(),
            || {
                log.simulate(policy, options, |request, arm| {
                    let nothing = replay::SimulatedAnswer::failed(Duration::ZERO);
                    if has_raised.get() {
                        return nothing;
                    }
                    let answer = Python::attach(|py| {
                        let request = match &shown {
                            Some((number, known)) if *number == request.number => known.clone_ref(py),
                            _ => {
                                let made = Py::new(py, SimulatedRequest::of(py, request)?)?;
                                shown = Some((request.number, made.clone_ref(py)));
                                made
                            }
                        };
                        let answer = function.bind(py).call1((request, arm.as_str()))?;
                        answered(&answer)
                    });
                    answer.unwrap_or_else(|error| {
                        has_raised.set(true);
                        *raised.borrow_mut() = Some(error);
                        nothing
                    })
                })
            },
        );
        Ok((result, raised.into_inner()))
    })?;
    match raised {
        Some(raised) => Err(raised),
        None => result.map_err(|error| crate::error::raise(py, &error)),
    }
}

/// What the function answered.
fn answered(answer: &Bound<'_, PyAny>) -> PyResult<replay::SimulatedAnswer> {
    match answer.cast::<SimulatedAnswer>() {
        Ok(answer) => Ok(answer.get().answer),
        Err(_) => {
            let problem = format!("the function answered a {}", type_name(answer));
            let remedy = "let it answer a SimulatedAnswer, such as SimulatedAnswer(0.002, loss=0.1)";
            Err(wrong_type(answer.py(), REPLAY, "function", problem, remedy))
        }
    }
}

/// A moment as a datetime in UTC.
pub(super) fn moment(py: Python<'_>, moment: Timestamp) -> PyResult<Bound<'_, PyAny>> {
    value::write(py, &moment.into())
}
