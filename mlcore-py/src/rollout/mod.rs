//! `mlcore.rollout`: which arm answers a unit, and may the canary grow?

mod canary;

use std::sync::Arc;

use mlcore::name::{Arm, UnitId};
use mlcore::rollout::{self, RolloutPolicy};
use pyo3::prelude::*;
use pyo3::types::PyMapping;

use self::canary::Canary;
use crate::door::type_name;
use crate::error::{entry, raise, wrong_type};

#[pymodule(submodule, module = "mlcore", name = "rollout")]
pub(crate) mod native {
    #[pymodule_export]
    use super::canary::{Canary, Guardrail};
    #[pymodule_export]
    use super::{Fixed, Shadowed, Weighted, bucket};
}

/// Where a unit stands in ``[0, 1)``: the share of units below ``p`` is ``p``.
///
/// Equal salt and unit give an equal position in every process, in Rust and after every restart; different salts give
/// independent positions, so each experiment wants its own.
///
/// Parameters
/// ----------
/// salt : str
///     The name of the experiment.
/// unit : str
///     Who is assigned: a user, a session, a device.
///
/// Returns
/// -------
/// float
///
/// Raises
/// ------
/// InvalidInputError
///     For a unit that is empty, longer than 256 bytes, or holds control characters.
///
/// Examples
/// --------
/// >>> from mlcore.rollout import bucket
/// >>> bucket("", "user-17")
/// 0.8850456252045856
#[pyfunction]
pub(crate) fn bucket(py: Python<'_>, salt: &str, unit: &str) -> PyResult<f64> {
    entry(py, |py| {
        let unit = UnitId::new(unit).map_err(|error| raise(py, &error))?;
        Ok(rollout::bucket(salt, &unit))
    })
}

/// Always the same arm; the default one while it cannot answer.
///
/// Parameters
/// ----------
/// arm : str
///     The arm that everybody gets.
///
/// Examples
/// --------
/// >>> from mlcore.rollout import Fixed
/// >>> Fixed("champion")
/// Fixed('champion')
#[pyclass(module = "mlcore.rollout", frozen)]
#[derive(Debug)]
pub(crate) struct Fixed {
    policy: Arc<rollout::Fixed>,
    arm: Arm,
}

#[pymethods]
impl Fixed {
    #[new]
    fn new(py: Python<'_>, arm: &str) -> PyResult<Self> {
        entry(py, |py| {
            let arm = self::arm(py, arm)?;
            Ok(Self { policy: Arc::new(rollout::Fixed::new(arm.clone())), arm })
        })
    }

    fn __repr__(&self) -> String {
        format!("Fixed('{}')", self.arm)
    }
}

/// Arms by weight; a unit always gets the same one.
///
/// Changing a weight moves only the units at the borders of the arms' stretches. The share of an arm that cannot answer
/// falls to the default arm.
///
/// Parameters
/// ----------
/// salt : str
///     The name of the experiment.
/// weights : dict of str to float
///     The weight of each arm, in any unit; only their ratios count.
///
/// Raises
/// ------
/// InvalidInputError
///     For weights that are negative or not finite, or whose sum is 0.
///
/// Examples
/// --------
/// >>> from mlcore.rollout import Weighted
/// >>> Weighted("homepage", {"champion": 9, "challenger": 1})
/// Weighted('homepage', {'champion': 9.0, 'challenger': 1.0})
#[pyclass(module = "mlcore.rollout", frozen)]
#[derive(Debug)]
pub(crate) struct Weighted {
    policy: Arc<rollout::Weighted>,
    salt: String,
    weights: Vec<(String, f64)>,
}

#[pymethods]
impl Weighted {
    #[new]
    fn new(py: Python<'_>, salt: String, weights: &Bound<'_, PyMapping>) -> PyResult<Self> {
        entry(py, |py| {
            let weights: Vec<(String, f64)> =
                weights.items()?.iter().map(|item| item.extract()).collect::<PyResult<_>>()?;
            let arms = weights.iter().map(|(name, weight)| Ok((arm(py, name)?, *weight)));
            let policy = rollout::Weighted::new(salt.as_str(), arms.collect::<PyResult<Vec<_>>>()?)
                .map_err(|error| raise(py, &error))?;
            Ok(Self { policy: Arc::new(policy), salt, weights })
        })
    }

    fn __repr__(&self) -> String {
        let weights: Vec<String> =
            self.weights.iter().map(|(arm, weight)| format!("'{arm}': {weight:?}")).collect();
        format!("Weighted('{}', {{{}}})", self.salt, weights.join(", "))
    }
}

/// What another policy says, with shadows beside it: arms that see a share of the same requests and whose answers
/// nobody gets.
///
/// Parameters
/// ----------
/// policy : Fixed, Weighted, Canary or Shadowed
///     Who answers. It is shared: what is done to it (``freeze``) counts here too.
/// shadows : list of str
///     The arms that run beside it.
/// share : float
///     The share of requests that they see, drawn request by request.
///
/// Raises
/// ------
/// InvalidInputError
///     For a share outside ``[0, 1]``.
///
/// Examples
/// --------
/// >>> from mlcore.rollout import Fixed, Shadowed
/// >>> Shadowed(Fixed("champion"), ["challenger"], share=0.25)
/// Shadowed(Fixed('champion'), ['challenger'], share=0.25)
#[pyclass(module = "mlcore.rollout", frozen)]
#[derive(Debug)]
pub(crate) struct Shadowed {
    policy: Arc<rollout::Shadowed<Arc<dyn RolloutPolicy>>>,
    repr: String,
}

#[pymethods]
impl Shadowed {
    #[new]
    #[pyo3(signature = (policy, shadows, share = 1.0))]
    #[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over owned lists")]
    fn new(py: Python<'_>, policy: &Bound<'_, PyAny>, shadows: Vec<String>, share: f64) -> PyResult<Self> {
        entry(py, |py| {
            let arms = shadows.iter().map(|name| arm(py, name)).collect::<PyResult<Vec<_>>>()?;
            let shadowed = rollout::Shadowed::new(self::policy(policy)?, arms, share)
                .map_err(|error| raise(py, &error))?;
            let names: Vec<String> = shadows.iter().map(|name| format!("'{name}'")).collect();
            let repr = format!("Shadowed({}, [{}], share={share:?})", policy.repr()?, names.join(", "));
            Ok(Self { policy: Arc::new(shadowed), repr })
        })
    }

    fn __repr__(&self) -> &str {
        &self.repr
    }
}

/// The policy behind an object of Python.
pub(crate) fn policy(object: &Bound<'_, PyAny>) -> PyResult<Arc<dyn RolloutPolicy>> {
    if let Ok(fixed) = object.cast::<Fixed>() {
        return Ok(fixed.get().policy.clone());
    }
    if let Ok(weighted) = object.cast::<Weighted>() {
        return Ok(weighted.get().policy.clone());
    }
    if let Ok(canary) = object.cast::<Canary>() {
        return Ok(canary.get().shared());
    }
    if let Ok(shadowed) = object.cast::<Shadowed>() {
        return Ok(shadowed.get().policy.clone());
    }
    let problem = format!("a policy is expected, and it is a {}", type_name(object));
    let remedy = "pass Fixed, Weighted, Canary or Shadowed of mlcore.rollout";
    Err(wrong_type(object.py(), "choose policy", "policy", problem, remedy))
}

fn arm(py: Python<'_>, name: &str) -> PyResult<Arm> {
    Arm::new(name).map_err(|error| raise(py, &error))
}
