//! Whether an effect lasts, and whether arms, days and segments differ.

use mlcore::experiment::{self, Answer};
use pyo3::prelude::*;

use super::effect::Effect;
use super::estimate::Estimate;
use super::known;
use crate::error::{entry, invalid};
use crate::plain::plain;

/// Whether the effect fades or grows: the trend of daily effects over days, each weighted by its own error.
///
/// Parameters
/// ----------
/// days : list of float
/// effects : list of Effect
///
/// Returns
/// -------
/// dict
///     ``days``, ``slope``, ``intercept``, ``standard_error``, ``pvalue``, as statsmodels' ``WLS`` with errors that are known.
///
/// Raises
/// ------
/// InvalidInputError
///     For fewer than three days.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over owned lists")]
pub(super) fn novelty<'py>(
    py: Python<'py>,
    days: Vec<f64>,
    effects: Vec<Bound<'py, Effect>>,
) -> PyResult<Bound<'py, PyAny>> {
    entry(py, |py| {
        let known_days = beside(py, &days, effects.len())?;
        let effects = effects.iter().map(|effect| Answer::Known(effect.get().effect));
        let days: Vec<_> = known_days.iter().copied().zip(effects).collect();
        plain(py, DAYS, &known(py, DAYS, "trend", experiment::novelty(&days))?)
    })
}

/// Whether units in the control feel the treatment of others: the trend of the control's daily mean over the share of treated units.
///
/// Parameters
/// ----------
/// shares : list of float
///     The share of units that were treated on each day; it must have changed.
/// controls : list of Estimate
///     What the control was on each day.
///
/// Returns
/// -------
/// dict
///     As :func:`novelty`.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over owned lists")]
pub(super) fn interference<'py>(
    py: Python<'py>,
    shares: Vec<f64>,
    controls: Vec<Bound<'py, Estimate>>,
) -> PyResult<Bound<'py, PyAny>> {
    entry(py, |py| {
        let shares = beside(py, &shares, controls.len())?;
        let controls = controls.iter().map(|control| control.get().answer());
        let days: Vec<_> = shares.iter().copied().zip(controls).collect();
        plain(py, DAYS, &known(py, DAYS, "trend", experiment::interference(&days))?)
    })
}

/// Whether what units saw before still works on them: the effect on units that came back, less that on new units of the same days.
///
/// Returns
/// -------
/// tuple of float
///     The difference, its standard error, and the two-sided p-value.
#[pyfunction]
pub(super) fn carry_over(py: Python<'_>, returning: &Effect, new: &Effect) -> PyResult<(f64, f64, f64)> {
    entry(py, |py| {
        let found = experiment::carry_over(Answer::Known(returning.effect), Answer::Known(new.effect));
        known(py, DAYS, "effects", found).map(Into::into)
    })
}

/// Whether days, or segments, have different effects: Cochran's test, statsmodels' ``combine_effects``.
///
/// Returns
/// -------
/// dict
///     ``estimate``, ``standard_error``, ``q``, ``df``, ``pvalue``, ``i2``.
///
/// Raises
/// ------
/// InvalidInputError
///     For fewer than two effects.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over owned lists")]
pub(super) fn heterogeneity<'py>(
    py: Python<'py>,
    effects: Vec<Bound<'py, Effect>>,
) -> PyResult<Bound<'py, PyAny>> {
    entry(py, |py| {
        let effects: Vec<_> = effects.iter().map(|effect| Answer::Known(effect.get().effect)).collect();
        plain(py, DAYS, &known(py, DAYS, "effects", experiment::heterogeneity(&effects))?)
    })
}

const DAYS: &str = "compare days";

fn beside<'a>(py: Python<'_>, days: &'a [f64], others: usize) -> PyResult<&'a [f64]> {
    if days.len() == others {
        return Ok(days);
    }
    let problem = format!("{} days beside {others} numbers", days.len());
    Err(invalid(py, DAYS, "days", problem, "pass one for each day"))
}
