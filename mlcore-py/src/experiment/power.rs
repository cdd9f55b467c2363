//! How many units are needed, and what can be seen.

use mlcore::experiment::{self, Design, PowerAnalysis, PowerDistribution};
use pyo3::prelude::*;

use super::estimate::Estimate;
use crate::error::{detached, entry, invalid, raise};
use crate::stats::option;

const SOLVE: &str = "analyse power";
const PLAN: &str = "plan experiment";

/// Solves a t-test of two independent samples for the one number that is not given: statsmodels' ``tt_ind_solve_power``.
///
/// Parameters
/// ----------
/// effect_size : float, optional
///     The difference of the means over the standard deviation.
/// nobs1 : float, optional
///     Units of the first sample.
/// alpha : float
/// power : float, optional
/// ratio : float
///     Units of the second sample for each of the first.
/// alternative : {"two-sided", "larger", "smaller", "greater", "less"}
///     statsmodels' words or scipy's.
///
/// Returns
/// -------
/// float
///     Whichever of ``effect_size``, ``nobs1`` and ``power`` was left out.
///
/// Raises
/// ------
/// InvalidInputError
///     Unless one of them is left out, for numbers that cannot be meant, and where there is no solution.
///
/// Examples
/// --------
/// >>> from mlcore.experiment import tt_ind_solve_power
/// >>> round(tt_ind_solve_power(effect_size=0.5, power=0.8), 6)
/// 63.76561
#[pyfunction]
#[pyo3(signature = (
    effect_size = None, nobs1 = None, alpha = 0.05, power = None, ratio = 1.0, alternative = "two-sided"
))]
pub(super) fn tt_ind_solve_power(
    py: Python<'_>,
    effect_size: Option<f64>,
    nobs1: Option<f64>,
    alpha: f64,
    power: Option<f64>,
    ratio: f64,
    alternative: &str,
) -> PyResult<f64> {
    entry(py, |py| {
        let analysis = analysis(py, SOLVE, PowerDistribution::T, alpha, ratio, alternative)?;
        solve(py, &analysis, effect_size, nobs1, power)
    })
}

/// The same of a z-test: statsmodels' ``zt_ind_solve_power``.
///
/// Examples
/// --------
/// >>> from mlcore.experiment import proportion_effectsize, zt_ind_solve_power
/// >>> round(zt_ind_solve_power(effect_size=proportion_effectsize(0.12, 0.1), power=0.8), 3)
/// 3834.596
#[pyfunction]
#[pyo3(signature = (
    effect_size = None, nobs1 = None, alpha = 0.05, power = None, ratio = 1.0, alternative = "two-sided"
))]
pub(super) fn zt_ind_solve_power(
    py: Python<'_>,
    effect_size: Option<f64>,
    nobs1: Option<f64>,
    alpha: f64,
    power: Option<f64>,
    ratio: f64,
    alternative: &str,
) -> PyResult<f64> {
    entry(py, |py| {
        let analysis = analysis(py, SOLVE, PowerDistribution::Normal, alpha, ratio, alternative)?;
        solve(py, &analysis, effect_size, nobs1, power)
    })
}

fn solve(
    py: Python<'_>,
    analysis: &PowerAnalysis,
    effect_size: Option<f64>,
    nobs1: Option<f64>,
    power: Option<f64>,
) -> PyResult<f64> {
    match (effect_size, nobs1, power) {
        (Some(effect_size), Some(nobs1), None) => detached(py, || analysis.power(effect_size, nobs1)),
        (Some(effect_size), None, Some(power)) => detached(py, || analysis.nobs1(effect_size, power)),
        (None, Some(nobs1), Some(power)) => detached(py, || analysis.effect_size(nobs1, power)),
        _ => {
            let problem = "one of effect_size, nobs1 and power must be left out, and the others given";
            Err(invalid(py, SOLVE, "numbers", problem, "leave out the one that is asked for"))
        }
    }
}

fn analysis(
    py: Python<'_>,
    operation: &'static str,
    distribution: PowerDistribution,
    alpha: f64,
    ratio: f64,
    alternative: &str,
) -> PyResult<PowerAnalysis> {
    Ok(PowerAnalysis::default()
        .with_distribution(distribution)
        .with_alpha(alpha)
        .with_ratio(ratio)
        .with_alternative(option(py, operation, "alternative", scipys(alternative))?))
}

/// scipy's word for an alternative, which may be statsmodels'.
fn scipys(alternative: &str) -> &str {
    match alternative {
        "larger" => "greater",
        "smaller" => "less",
        other => other,
    }
}

fn design(
    py: Python<'_>,
    pilot: &Estimate,
    difference: &str,
    alpha: f64,
    ratio: f64,
    alternative: &str,
) -> PyResult<Design> {
    let analysis = analysis(py, PLAN, PowerDistribution::Normal, alpha, ratio, alternative)?;
    let difference = option(py, PLAN, "difference", difference)?;
    Ok(Design::new(pilot.estimate).with_difference(difference).with_analysis(analysis))
}

/// The units of control and treatment that see ``effect`` with a probability of ``power``, for any metric that has an estimate.
///
/// Parameters
/// ----------
/// pilot : Estimate
///     The metric before the experiment: a mean, a proportion, a ratio, an adjusted mean, a quantile.
/// effect : float
///     In the units of the difference: 0.02 is two percent of the mean where it is relative.
/// power : float
/// difference : {"relative", "absolute"}
/// alpha : float
/// ratio : float
///     Units of the treatment for each of the control.
/// alternative : {"two-sided", "larger", "smaller", "greater", "less"}
///
/// Returns
/// -------
/// tuple of int
///     Units of the control and of the treatment.
///
/// Raises
/// ------
/// InvalidInputError
///     For numbers that cannot be meant, and effects relative to a mean of 0.
///
/// Examples
/// --------
/// >>> from mlcore.experiment import Estimate, minimum_detectable_effect, power, sample_size
/// >>> pilot = Estimate.of_proportion(120, 1000)
/// >>> control, treatment = sample_size(pilot, 0.05)
/// >>> round(minimum_detectable_effect(pilot, control), 4), round(power(pilot, 0.05, control), 4)
/// (0.05, 0.8)
#[pyfunction]
#[pyo3(signature = (
    pilot, effect, power = 0.8, *, difference = "relative", alpha = 0.05, ratio = 1.0,
    alternative = "two-sided"
))]
#[expect(clippy::too_many_arguments, reason = "they are keywords in Python")]
pub(super) fn sample_size(
    py: Python<'_>,
    pilot: &Estimate,
    effect: f64,
    power: f64,
    difference: &str,
    alpha: f64,
    ratio: f64,
    alternative: &str,
) -> PyResult<(u64, u64)> {
    entry(py, |py| {
        let design = design(py, pilot, difference, alpha, ratio, alternative)?;
        let size = detached(py, || design.sample_size(effect, power))?;
        Ok((size.control, size.treatment))
    })
}

/// How often the test sees ``effect`` with so many units in the control; parameters as of :func:`sample_size`.
#[pyfunction]
#[pyo3(signature = (
    pilot, effect, control, *, difference = "relative", alpha = 0.05, ratio = 1.0, alternative = "two-sided"
))]
#[expect(clippy::too_many_arguments, reason = "they are keywords in Python")]
pub(super) fn power(
    py: Python<'_>,
    pilot: &Estimate,
    effect: f64,
    control: f64,
    difference: &str,
    alpha: f64,
    ratio: f64,
    alternative: &str,
) -> PyResult<f64> {
    entry(py, |py| {
        let design = design(py, pilot, difference, alpha, ratio, alternative)?;
        detached(py, || design.power(effect, control))
    })
}

/// The smallest effect that the test sees with a probability of ``power``, with so many units in the control; parameters as of
/// :func:`sample_size`.
#[pyfunction]
#[pyo3(signature = (
    pilot, control, power = 0.8, *, difference = "relative", alpha = 0.05, ratio = 1.0,
    alternative = "two-sided"
))]
#[expect(clippy::too_many_arguments, reason = "they are keywords in Python")]
pub(super) fn minimum_detectable_effect(
    py: Python<'_>,
    pilot: &Estimate,
    control: f64,
    power: f64,
    difference: &str,
    alpha: f64,
    ratio: f64,
    alternative: &str,
) -> PyResult<f64> {
    entry(py, |py| {
        let design = design(py, pilot, difference, alpha, ratio, alternative)?;
        detached(py, || design.minimum_detectable_effect(control, power))
    })
}

/// The units of all arms that see an absolute ``effect``: spotify-confidence's ``required_sample_size``.
///
/// Parameters
/// ----------
/// control : Estimate
/// effect : float
///     Of the treatment, in units of the metric.
/// power : float
/// proportion_of_total : float
///     The share of the traffic that takes part.
/// binary : bool
///     Whether the metric is a proportion, so that the treatment's variance follows from the effect.
/// alpha, ratio, alternative
///     As of :func:`sample_size`.
///
/// Returns
/// -------
/// int
#[pyfunction]
#[pyo3(signature = (
    control, effect, power = 0.8, *, proportion_of_total = 1.0, binary = false, alpha = 0.05, ratio = 1.0,
    alternative = "two-sided"
))]
#[expect(clippy::too_many_arguments, reason = "they are keywords in Python")]
pub(super) fn required_sample_size(
    py: Python<'_>,
    control: &Estimate,
    effect: f64,
    power: f64,
    proportion_of_total: f64,
    binary: bool,
    alpha: f64,
    ratio: f64,
    alternative: &str,
) -> PyResult<u64> {
    entry(py, |py| {
        let analysis = analysis(py, PLAN, PowerDistribution::Normal, alpha, ratio, alternative)?;
        let control = &control.estimate;
        detached(py, || {
            experiment::required_sample_size(control, effect, power, proportion_of_total, binary, &analysis)
        })
    })
}

/// Cohen's h of two proportions: ``statsmodels.stats.proportion.proportion_effectsize``.
#[pyfunction]
pub(super) fn proportion_effectsize(py: Python<'_>, prop1: f64, prop2: f64) -> PyResult<f64> {
    entry(py, |py| experiment::proportion_effectsize(prop1, prop2).map_err(|error| raise(py, &error)))
}

/// The power of a z-test of two proportions, ``prop2`` and ``prop2 + diff``: statsmodels' ``power_proportions_2indep``.
///
/// Parameters
/// ----------
/// diff, prop2 : float
/// nobs1 : float
///     Units of the first sample.
/// ratio : float
///     Units of the second sample for each of the first.
/// alpha : float
/// alternative : {"two-sided", "larger", "smaller", "greater", "less"}
///
/// Returns
/// -------
/// float
#[pyfunction]
#[pyo3(signature = (diff, prop2, nobs1, ratio = 1.0, alpha = 0.05, alternative = "two-sided"))]
pub(super) fn power_proportions_2indep(
    py: Python<'_>,
    diff: f64,
    prop2: f64,
    nobs1: f64,
    ratio: f64,
    alpha: f64,
    alternative: &str,
) -> PyResult<f64> {
    entry(py, |py| {
        let alternative = option(py, SOLVE, "alternative", scipys(alternative))?;
        experiment::power_proportions_2indep(diff, prop2, nobs1, ratio, alpha, alternative)
            .map_err(|error| raise(py, &error))
    })
}

/// The units of the first sample that show a difference of two proportions: statsmodels' function of this name.
#[pyfunction]
#[pyo3(signature = (diff, prop2, power, ratio = 1.0, alpha = 0.05, alternative = "two-sided"))]
pub(super) fn samplesize_proportions_2indep_onetail(
    py: Python<'_>,
    diff: f64,
    prop2: f64,
    power: f64,
    ratio: f64,
    alpha: f64,
    alternative: &str,
) -> PyResult<f64> {
    entry(py, |py| {
        let alternative = option(py, SOLVE, "alternative", scipys(alternative))?;
        experiment::samplesize_proportions_2indep_onetail(diff, prop2, power, ratio, alpha, alternative)
            .map_err(|error| raise(py, &error))
    })
}
