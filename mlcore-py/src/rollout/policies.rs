//! The policies as classes of Python, listed once: a constructor each, and what only one of them does. The canary has a
//! file of its own.

use std::sync::Arc;

use mlcore::Error;
use mlcore::name::Arm;
use mlcore::rollout::{self, PolicyState, RolloutPolicy};
use pyo3::prelude::*;
use pyo3::types::PyMapping;

use super::arm;
use super::bandit::{BanditRollout, ContextualRollout};
use super::canary::Canary;
use super::experiments::Experiments;
use super::policy::{Policy, class_of, known};
use super::stepped::SteppedCanary;
use crate::door::Text;
use crate::error::{detached, entry, raise};
use crate::runner::duration;

#[pymodule(submodule, module = "mlcore", name = "rollout")]
pub(crate) mod native {
    #[pymodule_export]
    use super::super::bandit::{BanditRollout, ContextualRollout, RewardRule};
    #[pymodule_export]
    use super::super::bucket;
    #[pymodule_export]
    use super::super::canary::{Canary, Guardrail, Traffic};
    #[pymodule_export]
    use super::super::comparison::Comparison;
    #[pymodule_export]
    use super::super::comparison_report::{Agreement, ComparisonReport};
    #[pymodule_export]
    use super::super::experiment::{Experiment, Layer, Override};
    #[pymodule_export]
    use super::super::experiments::{EvaluationDetails, Experiments};
    #[pymodule_export]
    use super::super::pickle::unpickled;
    #[pymodule_export]
    use super::super::policy::{Assignment, Policy, from_state};
    #[pymodule_export]
    use super::super::rule::Rule;
    #[pymodule_export]
    use super::super::stepped::{CanaryStep, Schedule, SteppedCanary, Window};
    #[pymodule_export]
    use super::{BlueGreen, Fixed, Shadowed, Weighted};
}

macro_rules! classes {
    ($($class:ident),+ $(,)?) => {
        /// The policy that `state` was saved by, as an object of its class.
        pub(super) fn build<'py>(py: Python<'py>, state: &PolicyState) -> PyResult<Bound<'py, Policy>> {
            $(if state.kind() == <$class>::KIND {
                return Ok(Bound::new(py, <$class>::from_state(py, state)?)?.into_super());
            })+
            // The core says which kinds there are.
            let error = state.to_policy().err().unwrap_or_else(|| {
                Error::internal("restore policy", state.kind(), "this kind has no class in Python")
            });
            Err(raise(py, &error))
        }
    };
}

classes! {
    Fixed, Weighted, Canary, Shadowed, BlueGreen, SteppedCanary, Experiments, BanditRollout, ContextualRollout,
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
#[pyclass(module = "mlcore.rollout", frozen, extends = Policy)]
#[derive(Debug)]
pub(crate) struct Fixed {
    policy: Arc<rollout::Fixed>,
}

#[pymethods]
impl Fixed {
    #[new]
    #[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over owned texts")]
    fn new(py: Python<'_>, arm: Text) -> PyResult<PyClassInitializer<Self>> {
        entry(py, |py| Ok(Self::of(rollout::Fixed::new(self::arm(py, &arm)?))))
    }

    fn __repr__(&self) -> String {
        format!("Fixed('{}')", self.policy.arm())
    }
}

class_of!(Fixed, rollout::Fixed);

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
#[pyclass(module = "mlcore.rollout", frozen, extends = Policy)]
#[derive(Debug)]
pub(crate) struct Weighted {
    policy: Arc<rollout::Weighted>,
}

#[pymethods]
impl Weighted {
    #[new]
    fn new(py: Python<'_>, salt: Text, weights: &Bound<'_, PyMapping>) -> PyResult<PyClassInitializer<Self>> {
        entry(py, |py| {
            let weight = |item: Bound<'_, PyAny>| {
                let (name, weight): (Text, f64) = item.extract()?;
                Ok((arm(py, &name)?, weight))
            };
            let weights = weights.items()?.iter().map(weight).collect::<PyResult<Vec<_>>>()?;
            rollout::Weighted::new(salt.into_string(), weights)
                .map(Self::of)
                .map_err(|error| raise(py, &error))
        })
    }

    fn __repr__(&self) -> String {
        let weight = |(arm, weight): &(_, f64)| format!("'{arm}': {weight:?}");
        let weights: Vec<String> = self.policy.weights().iter().map(weight).collect();
        format!("Weighted('{}', {{{}}})", self.policy.salt(), weights.join(", "))
    }
}

class_of!(Weighted, rollout::Weighted);

/// What another policy says, with shadows beside it: arms that see a share of the same requests and whose answers
/// nobody gets. The shadows go on when the release of the policy inside has ended.
///
/// Parameters
/// ----------
/// policy : Policy
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
#[pyclass(module = "mlcore.rollout", frozen, extends = Policy)]
#[derive(Debug)]
pub(crate) struct Shadowed {
    shadowed: Arc<rollout::Shadowed<Arc<dyn RolloutPolicy>>>,
    inside: Py<Policy>,
}

#[pymethods]
impl Shadowed {
    #[new]
    #[pyo3(signature = (policy, shadows, share = 1.0))]
    #[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over owned lists")]
    fn new(
        py: Python<'_>,
        policy: &Bound<'_, PyAny>,
        shadows: Vec<Text>,
        share: f64,
    ) -> PyResult<PyClassInitializer<Self>> {
        entry(py, |py| {
            let arms = shadows.iter().map(|name| arm(py, name)).collect::<PyResult<Vec<_>>>()?;
            Self::around(known(policy)?, arms, share)
        })
    }

    /// The policy inside.
    #[getter]
    fn policy(&self, py: Python<'_>) -> Py<Policy> {
        self.inside.clone_ref(py)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let names: Vec<String> = self.shadowed.shadows().iter().map(|arm| format!("'{arm}'")).collect();
        let (inside, share) = (self.inside.bind(py).repr()?, self.shadowed.share());
        Ok(format!("Shadowed({inside}, [{}], share={share:?})", names.join(", ")))
    }
}

impl Shadowed {
    const KIND: &str = rollout::Shadowed::<Arc<dyn RolloutPolicy>>::FORMAT.kind();

    fn around(
        inside: &Bound<'_, Policy>,
        shadows: Vec<Arm>,
        share: f64,
    ) -> PyResult<PyClassInitializer<Self>> {
        let py = inside.py();
        let shadowed = rollout::Shadowed::new(inside.get().shared(), shadows, share);
        let shadowed = Arc::new(shadowed.map_err(|error| raise(py, &error))?);
        let base = PyClassInitializer::from(Policy::of(&shadowed));
        Ok(base.add_subclass(Self { shadowed, inside: inside.clone().unbind() }))
    }

    fn from_state(py: Python<'_>, state: &PolicyState) -> PyResult<PyClassInitializer<Self>> {
        let raised = |error| raise(py, &error);
        let shadowed = rollout::Shadowed::from_state(state).map_err(raised)?;
        // The policy inside becomes an object of its own class, which is then shared.
        let inside = build(py, &shadowed.policy().save().map_err(raised)?)?;
        Self::around(&inside, shadowed.shadows().to_vec(), shadowed.share())
    }
}

/// A release that moves every unit at once: blue answers until :meth:`switch`, then green, and the other of the two stands
/// by, warm, for the way back.
///
/// A breach of green gives every unit back to blue at once and wants green rolled back. Errors, latencies and losses are
/// not judged here; a :class:`Canary` judges them by itself.
///
/// Parameters
/// ----------
/// blue : str
///     The arm that answers at first.
/// green : str
///     The arm that stands by.
/// bake_time : float, optional
///     Seconds that green answers without a breach before it is promoted. Default: never by itself.
///
/// Raises
/// ------
/// InvalidInputError
///     When blue and green are one arm.
///
/// Examples
/// --------
/// >>> from mlcore.rollout import BlueGreen
/// >>> release = BlueGreen("champion", "next", bake_time=3600.0)
/// >>> release.switch()
/// >>> release.live, release
/// ('next', <mlcore.rollout.BlueGreen champion to next: next answers>)
/// >>> release.switch_back()
/// >>> release.live
/// 'champion'
#[pyclass(module = "mlcore.rollout", frozen, extends = Policy)]
#[derive(Debug)]
pub(crate) struct BlueGreen {
    policy: Arc<rollout::BlueGreen>,
}

class_of!(BlueGreen, rollout::BlueGreen);

#[pymethods]
impl BlueGreen {
    #[new]
    #[pyo3(signature = (blue, green, *, bake_time = None))]
    #[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over owned texts")]
    fn new(
        py: Python<'_>,
        blue: Text,
        green: Text,
        bake_time: Option<f64>,
    ) -> PyResult<PyClassInitializer<Self>> {
        entry(py, |py| {
            let mut options = rollout::BlueGreenOptions::new(arm(py, &blue)?, arm(py, &green)?);
            if let Some(seconds) = bake_time {
                options =
                    options.with_bake_time(duration(py, "build blue-green release", "bake_time", seconds)?);
            }
            rollout::BlueGreen::new(options).map(Self::of).map_err(|error| raise(py, &error))
        })
    }

    /// The arm that answers every unit now.
    #[getter]
    fn live(&self) -> &str {
        self.policy.live().as_str()
    }

    /// Gives every unit to green, at once.
    fn switch(&self, py: Python<'_>) -> PyResult<()> {
        entry(py, |py| {
            detached(py, || {
                self.policy.switch();
                Ok(())
            })
        })
    }

    /// Gives every unit back to blue, at once; green stands by.
    fn switch_back(&self, py: Python<'_>) -> PyResult<()> {
        entry(py, |py| {
            detached(py, || {
                self.policy.switch_back();
                Ok(())
            })
        })
    }

    fn __repr__(&self) -> String {
        let rollout::BlueGreenOptions { blue, green, .. } = self.policy.options();
        format!("<mlcore.rollout.BlueGreen {blue} to {green}: {} answers>", self.policy.live())
    }
}
