//! What would another policy have earned, by the log of the one that ran?

use mlcore::evaluate::{self, LoggedRewards, OffPolicyEstimator, OffPolicyOptions};
use pyo3::prelude::*;

use crate::door::{self, Asked};
use crate::error::{detached, entry, invalid};
use crate::stats::unknown;

const OPERATION: &str = "off_policy_value";

/// The value of a policy: its mean reward, as an estimate.
///
/// Attributes
/// ----------
/// value : float
/// standard_error : float
/// interval : tuple of float
///     Of the normal approximation.
/// bernstein : tuple of float or None
///     The empirical Bernstein interval, which holds for any number of rows; of ``ips`` alone, where ``reward_range`` is given.
/// effective_sample_size : float
///     How many rows of the policy in question would tell as much. Where it is small the normal interval is not to be trusted.
/// logged_value : float
///     What the policy that ran earned: the mean reward of the log.
/// gain : float
///     How much more the policy in question earns than the one that ran.
/// gain_interval : tuple of float
///     Of the normal approximation, of the same rows.
#[pyclass(module = "mlcore.evaluate", frozen, eq)]
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct OffPolicyEstimate {
    estimate: evaluate::OffPolicyEstimate,
}

impl OffPolicyEstimate {
    pub(super) fn inner(&self) -> &evaluate::OffPolicyEstimate {
        &self.estimate
    }
}

#[pymethods]
impl OffPolicyEstimate {
    #[getter]
    fn value(&self) -> f64 {
        self.estimate.value
    }

    #[getter]
    fn standard_error(&self) -> f64 {
        self.estimate.standard_error
    }

    #[getter]
    fn interval(&self) -> (f64, f64) {
        self.estimate.interval
    }

    #[getter]
    fn bernstein(&self) -> Option<(f64, f64)> {
        self.estimate.bernstein
    }

    #[getter]
    fn effective_sample_size(&self) -> f64 {
        self.estimate.effective_sample_size
    }

    #[getter]
    fn logged_value(&self) -> f64 {
        self.estimate.logged_value
    }

    #[getter]
    fn gain(&self) -> f64 {
        self.estimate.gain
    }

    #[getter]
    fn gain_interval(&self) -> (f64, f64) {
        self.estimate.gain_interval
    }

    fn __repr__(&self) -> String {
        let evaluate::OffPolicyEstimate { value, interval: (low, high), effective_sample_size, .. } =
            self.estimate;
        format!("<value {value:?}, from {low:?} to {high:?}, by {effective_sample_size:.1} effective rows>")
    }
}

/// Estimates what a policy would have earned for each row, by the log of another.
///
/// Parameters
/// ----------
/// action : array_like
///     The position of the arm that answered each row, from 0.
/// propensity : array_like
///     The probability with which it was chosen, above 0.
/// reward : array_like
///     What it earned.
/// target : array_like of shape (rows, arms), or a frame
///     The probability of each arm under the policy in question.
/// estimator : {"snips", "ips", "dr", "switch_dr"}
///     Self-normalised or plain inverse propensity scores, doubly robust, or the same without weights above ``tau``.
/// model : array_like of shape (rows, arms), optional
///     The reward of each arm that a model expects, which ``dr`` and ``switch_dr`` need.
/// tau : float, optional
///     The largest weight that ``switch_dr`` counts.
/// alpha : float
///     One less the level of intervals.
/// clip : float, optional
///     Larger weights count as this: a bias for less variance.
/// reward_range : tuple of float, optional
///     The smallest and the largest reward.
///
/// Returns
/// -------
/// OffPolicyEstimate
///
/// Raises
/// ------
/// InvalidInputError
///     For fewer than two rows, rows that do not match, an arm that is none, numbers that are no probabilities, rewards outside of the
///     range, and weights that are all 0; it names the row.
///
/// Notes
/// -----
/// Names and formulas are those of the Open Bandit Pipeline (obp).
///
/// Examples
/// --------
/// A coin chose between two arms, of which the second earned 1; the policy in question always takes the second.
///
/// >>> from mlcore.evaluate import off_policy_value
/// >>> found = off_policy_value([0, 1, 0, 1], [0.5] * 4, [0, 1, 0, 1], [[0, 1]] * 4, estimator="ips")
/// >>> found.value, found.effective_sample_size
/// (1.0, 2.0)
#[pyfunction]
#[pyo3(signature = (
    action, propensity, reward, target, *, estimator = "snips", model = None, tau = None, alpha = 0.05,
    clip = None, reward_range = None
))]
#[expect(clippy::too_many_arguments, reason = "they are keywords in Python")]
pub(super) fn off_policy_value(
    py: Python<'_>,
    action: &Bound<'_, PyAny>,
    propensity: &Bound<'_, PyAny>,
    reward: &Bound<'_, PyAny>,
    target: &Bound<'_, PyAny>,
    estimator: &str,
    model: Option<&Bound<'_, PyAny>>,
    tau: Option<f64>,
    alpha: f64,
    clip: Option<f64>,
    reward_range: Option<(f64, f64)>,
) -> PyResult<OffPolicyEstimate> {
    entry(py, |py| {
        let numbers = |object, subject| door::numbers(object, Asked { operation: OPERATION, subject });
        let (propensity, reward) = (numbers(propensity, "propensity")?, numbers(reward, "reward")?);
        let action = numbers(action, "action")?;
        let position = |(row, action): (usize, &f64)| {
            if action.fract() == 0.0 && (0.0..1e9).contains(action) {
                return Ok(*action as usize);
            }
            let problem = format!("row {row} is {action}");
            Err(invalid(py, OPERATION, "action", problem, "pass the positions of the arms, from 0"))
        };
        let action: Vec<usize> =
            action.as_slice().iter().enumerate().map(position).collect::<PyResult<_>>()?;
        let (arms, target) = table(py, "target", target, None)?;
        let model = model.map(|model| table(py, "model", model, Some(arms))).transpose()?;
        let model = model.as_ref().map(|(_, model)| model.as_slice());
        let needed = || {
            let problem = format!("{estimator} needs what a model expects");
            invalid(py, OPERATION, "model", problem, "pass model=, or estimator=\"snips\"")
        };
        let estimator = match estimator {
            "ips" => OffPolicyEstimator::Ips,
            "snips" => OffPolicyEstimator::Snips,
            "dr" => OffPolicyEstimator::Dr(model.ok_or_else(needed)?),
            "switch_dr" => OffPolicyEstimator::SwitchDr {
                model: model.ok_or_else(needed)?,
                tau: tau.ok_or_else(|| {
                    let problem = "switch_dr needs the largest weight that counts";
                    invalid(py, OPERATION, "tau", problem, "pass tau=, such as 10")
                })?,
            },
            word => return Err(unknown(py, OPERATION, "estimator", word, "snips, ips, dr, switch_dr")),
        };
        let mut options = OffPolicyOptions::default().with_alpha(alpha);
        if let Some(clip) = clip {
            options = options.with_clip(clip);
        }
        if let Some((smallest, largest)) = reward_range {
            options = options.with_reward_range(smallest, largest);
        }
        let (propensity, reward) = (propensity.as_slice(), reward.as_slice());
        let estimate = detached(py, || {
            let log = LoggedRewards::new(arms, &action, propensity, reward, &target);
            evaluate::off_policy_value(&log, estimator, &options)
        })?;
        Ok(OffPolicyEstimate { estimate })
    })
}

/// A number for each row and arm, row after row, and how many arms there are.
fn table(
    py: Python<'_>,
    subject: &'static str,
    object: &Bound<'_, PyAny>,
    due: Option<usize>,
) -> PyResult<(usize, Vec<f64>)> {
    let rows = door::matrix(object, Asked { operation: OPERATION, subject })?;
    let arms = due.or_else(|| rows.first().map(Vec::len)).unwrap_or(0);
    if let Some((row, found)) = rows.iter().map(Vec::len).enumerate().find(|(_, found)| *found != arms) {
        let problem = format!("row {row} has {found} numbers, and there are {arms} arms");
        return Err(invalid(py, OPERATION, subject, problem, "pass a number for each row and arm"));
    }
    Ok((arms, rows.into_iter().flatten().collect()))
}
