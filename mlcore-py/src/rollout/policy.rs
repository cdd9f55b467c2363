//! What all policies do: assign, learn, decide, and survive a restart.

use std::collections::BTreeMap;
use std::sync::Arc;

use mlcore::Error;
use mlcore::name::UnitId;
use mlcore::rollout::{Ask, Decision, Draw, Observation, Outcome, PolicyState, RolloutPolicy};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use super::asked::{Said, candidates, measure};
use super::{arm, policies};
use crate::door::{Text, type_name};
use crate::error::{detached, entry, invalid, raise, wrong_type};
use crate::plain::plain;
use crate::runner::duration;

/// Decides who gets which arm, and what follows from what came of it.
///
/// The base of all policies. An endpoint asks its policy for every request; outside of one, ``assign``, ``observe`` and
/// ``decide`` are the same three questions. A policy object is shared: what is done to it counts in the endpoint that it
/// was given to. Policies pickle, with what they have learnt; the copy is a policy of its own.
///
/// Examples
/// --------
/// >>> from mlcore.rollout import Weighted, from_state
/// >>> policy = Weighted("homepage", {"champion": 3, "challenger": 1})
/// >>> policy.assign("user-17", ["champion", "challenger"])
/// Assignment(arm='champion', propensity=0.75, shadows=[], epoch=0)
/// >>> policy.save()["kind"]
/// 'weighted'
/// >>> from_state(policy.save())
/// Weighted('homepage', {'champion': 3.0, 'challenger': 1.0})
#[pyclass(module = "mlcore.rollout", frozen, subclass)]
#[derive(Debug)]
pub(crate) struct Policy {
    shared: Arc<dyn RolloutPolicy>,
}

impl Policy {
    /// The part of a policy's class that all of them have.
    pub(super) fn of(policy: &Arc<impl RolloutPolicy + 'static>) -> Self {
        Self { shared: policy.clone() }
    }

    /// The policy itself, for as long as the object is held.
    pub(super) fn asked(&self) -> &dyn RolloutPolicy {
        &*self.shared
    }

    pub(crate) fn shared(&self) -> Arc<dyn RolloutPolicy> {
        self.shared.clone()
    }
}

/// What every class around one kind of policy has: `KIND`, and how an object is made, from a policy and from a state.
macro_rules! class_of {
    ($class:ident, $policy:ty) => {
        impl $class {
            pub(super) const KIND: &str = <$policy>::FORMAT.kind();

            fn of(policy: $policy) -> PyClassInitializer<Self> {
                let policy = Arc::new(policy);
                PyClassInitializer::from(Policy::of(&policy)).add_subclass(Self { policy })
            }

            pub(super) fn from_state(
                py: Python<'_>,
                state: &mlcore::rollout::PolicyState,
            ) -> PyResult<PyClassInitializer<Self>> {
                <$policy>::from_state(state).map(Self::of).map_err(|error| raise(py, &error))
            }
        }
    };
}
pub(super) use class_of;

#[pymethods]
impl Policy {
    /// Which of the arms answers the unit.
    ///
    /// Parameters
    /// ----------
    /// unit : str
    ///     A user, a session, a device.
    /// arms : list of str or dict of str to int, optional
    ///     The arms that can answer now, the default first; a dict says which version answers for each. Default: those that the policy
    ///     is about, where it says which, in their first version.
    /// draw : int, optional
    ///     64 random bits, for what is drawn by request and not by unit: shadows, and bandits. Equal bits give equal answers.
    /// context : dict, optional
    ///     What the request says of itself, for policies that look at it: names and plain values, which are numbers, bools,
    ///     text, dates, times or None.
    /// features : array_like, optional
    ///     The numbers that a bandit with a context looks at, in its order.
    ///
    /// Returns
    /// -------
    /// Assignment
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     For no arm, an arm that occurs twice, and texts that are no arm or no unit.
    /// InvalidTypeError
    ///     For a context that is no dict of names and plain values.
    #[pyo3(signature = (unit, arms = None, *, draw = 0, context = None, features = None))]
    #[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over owned texts")]
    fn assign(
        &self,
        py: Python<'_>,
        unit: Text,
        arms: Option<&Bound<'_, PyAny>>,
        draw: u64,
        context: Option<&Bound<'_, PyAny>>,
        features: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Assignment> {
        const OPERATION: &str = "assign";
        entry(py, |py| {
            let said = Said::read(context, features, OPERATION)?;
            let candidates = candidates(py, &*self.shared, arms, OPERATION)?;
            let unit = UnitId::new(&unit).map_err(|error| raise(py, &error))?;
            let assignment = said.with(|context| {
                let ask = Ask::new(&unit, &candidates, Draw::new(draw)).with_context(context);
                self.shared.assign(&ask)
            });
            let name = |position| candidates.at(position).arm.to_string();
            Ok(Assignment {
                arm: name(assignment.position),
                propensity: assignment.propensity,
                shadows: assignment.shadows.iter().map(name).collect(),
                epoch: assignment.epoch,
            })
        })
    }

    /// Takes evidence: what came of a request. An endpoint does it by itself.
    ///
    /// Parameters
    /// ----------
    /// assignment : Assignment or str
    ///     What :meth:`assign` answered, or the name of an arm (for what a monitor found).
    /// latency : float, optional
    ///     The arm answered in so many seconds.
    /// loss : float, optional
    ///     How wrong the answer was; less is better.
    /// failed : bool, optional
    ///     The arm failed.
    /// breach : str, optional
    ///     Something outside found the arm unfit, for this reason.
    /// measured : dict of str to float, optional
    ///     Numbers under names of your own, for guardrails such as ``measured:cost``; less is better.
    /// judged : dict of str to bool, optional
    ///     Verdicts under names of your own, for guardrails such as ``judged:drift``; True is one against the arm.
    /// context : dict, optional
    ///     As :meth:`assign` took it.
    /// features : array_like, optional
    ///     As :meth:`assign` took them; a bandit with a context learns of nothing else.
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     When nothing was seen, and for names that are none.
    #[pyo3(signature = (
        assignment, *, latency = None, loss = None, failed = false, breach = None, measured = None, judged = None,
        context = None, features = None
    ))]
    #[expect(clippy::too_many_arguments, reason = "keyword-only options of a Python signature")]
    fn observe(
        &self,
        py: Python<'_>,
        assignment: &Bound<'_, PyAny>,
        latency: Option<f64>,
        loss: Option<f64>,
        failed: bool,
        breach: Option<String>,
        measured: Option<BTreeMap<String, f64>>,
        judged: Option<BTreeMap<String, bool>>,
        context: Option<&Bound<'_, PyAny>>,
        features: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        const OPERATION: &str = "observe";
        entry(py, |py| {
            let (name, propensity, epoch) = match assignment.cast::<Assignment>() {
                Ok(assignment) => {
                    let assignment = assignment.get();
                    (assignment.arm.clone(), assignment.propensity, assignment.epoch)
                }
                Err(_) => match assignment.cast::<PyString>() {
                    Ok(name) => (name.to_str()?.to_owned(), 1.0, 0),
                    Err(_) => {
                        let problem =
                            format!("an assignment is expected, and it is a {}", type_name(assignment));
                        let remedy = "pass what assign answered, or the name of an arm";
                        return Err(wrong_type(py, OPERATION, "assignment", problem, remedy));
                    }
                },
            };
            let latency = latency.map(|seconds| duration(py, OPERATION, "latency", seconds)).transpose()?;
            let said = Said::read(context, features, OPERATION)?;
            let mut seen = vec![
                latency.map(Observation::answered),
                failed.then_some(Observation::Failed),
                loss.map(Observation::scored),
                breach.map(Observation::breach),
            ];
            for (name, value) in measured.into_iter().flatten() {
                seen.push(Some(Observation::measured(measure(py, &name)?, value)));
            }
            for (name, harmful) in judged.into_iter().flatten() {
                seen.push(Some(Observation::judged(measure(py, &name)?, harmful)));
            }
            if seen.iter().all(Option::is_none) {
                let remedy = "pass latency, loss, failed, breach, measured or judged";
                return Err(invalid(py, OPERATION, &name, "nothing was seen", remedy));
            }
            let arm = arm(py, &name)?;
            detached(py, || {
                said.with(|context| {
                    for observation in seen.into_iter().flatten() {
                        let outcome = Outcome::new(&arm, observation).with_propensity(propensity);
                        self.shared.observe(&outcome.with_epoch(epoch).with_context(context));
                    }
                });
                Ok(())
            })
        })
    }

    /// What should be done about the release. An endpoint asks by itself, and does it.
    ///
    /// Parameters
    /// ----------
    /// now : float
    ///     Seconds on a clock that never goes backwards, such as ``time.monotonic()``.
    ///
    /// Returns
    /// -------
    /// dict
    ///     ``decision``: ``hold``, ``step``, ``promote`` or ``roll_back``; ``reason``; except for ``hold`` the ``arm``, and
    ///     for ``step`` its ``share`` from now on.
    fn decide<'py>(&self, py: Python<'py>, now: f64) -> PyResult<Bound<'py, PyAny>> {
        entry(py, |py| {
            let now = duration(py, "decide", "now", now)?;
            let decision: Decision = detached(py, || Ok(self.shared.decide(now)))?;
            plain(py, "decide", &decision)
        })
    }

    /// Options and what was learnt as a dict that ``json`` can write, for :func:`from_state` and :meth:`restore`.
    fn save<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        entry(py, |py| {
            let state = detached(py, || self.shared.save())?;
            plain(py, "save policy", &state)
        })
    }

    /// Goes on where the policy was that :meth:`save` wrote down. What this one has learnt is forgotten.
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     For the state of another kind of policy, or of one with other options; nothing changes then.
    /// CorruptError
    ///     For what is no state.
    fn restore(&self, py: Python<'_>, state: &Bound<'_, PyAny>) -> PyResult<()> {
        entry(py, |py| {
            let state = read(state)?;
            detached(py, || self.shared.restore(&state))
        })
    }

    /// Adds what a replica has learnt from requests that this policy has not seen. A state that is merged twice counts
    /// twice.
    ///
    /// Raises
    /// ------
    /// UnsupportedError
    ///     Where the states of two policies have no sum.
    /// InvalidInputError, CorruptError
    ///     As :meth:`restore`.
    fn merge(&self, py: Python<'_>, state: &Bound<'_, PyAny>) -> PyResult<()> {
        entry(py, |py| {
            let state = read(state)?;
            detached(py, || self.shared.merge(&state))
        })
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, (Bound<'py, PyAny>,))> {
        let rebuild = py.import("mlcore.rollout")?.getattr("from_state")?;
        Ok((rebuild, (self.save(py)?,)))
    }
}

/// The policy that :meth:`Policy.save` wrote down, where it stood: units keep their arms, evidence is kept.
///
/// Parameters
/// ----------
/// state : dict
///     What ``save`` answered, also after it went through JSON.
///
/// Returns
/// -------
/// Policy
///     Of the class that saved it.
///
/// Raises
/// ------
/// CorruptError
///     For what is no state of a policy.
/// UnsupportedError
///     For a kind of policy that is not known here.
///
/// Examples
/// --------
/// >>> import json
/// >>> from mlcore.rollout import Canary, Guardrail, from_state
/// >>> canary = Canary(salt="churn/7", guardrails=[Guardrail("error_rate", 0.02)])
/// >>> canary.freeze("the holidays")
/// >>> restored = from_state(json.loads(json.dumps(canary.save())))
/// >>> restored.decide(0.0)
/// {'decision': 'hold', 'reason': 'the holidays'}
#[pyfunction]
pub(super) fn from_state<'py>(py: Python<'py>, state: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Policy>> {
    entry(py, |py| policies::build(py, &read(state)?))
}

/// An arm's answer to one unit.
///
/// Attributes
/// ----------
/// arm : str
///     The arm that answers.
/// propensity : float
///     The probability with which the policy says so.
/// shadows : list of str
///     Arms that run beside it.
/// epoch : int
///     The period of unchanged shares in which this was decided.
///
/// Examples
/// --------
/// >>> from mlcore.rollout import Fixed
/// >>> Fixed("challenger").assign("user-17", ["champion", "challenger"]).arm
/// 'challenger'
#[pyclass(module = "mlcore.rollout", frozen, eq, get_all)]
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Assignment {
    arm: String,
    propensity: f64,
    shadows: Vec<String>,
    epoch: u32,
}

#[pymethods]
impl Assignment {
    fn __repr__(&self) -> String {
        let Self { arm, propensity, shadows, epoch } = self;
        let shadows: Vec<String> = shadows.iter().map(|shadow| format!("'{shadow}'")).collect();
        format!(
            "Assignment(arm='{arm}', propensity={propensity:?}, shadows=[{}], epoch={epoch})",
            shadows.join(", ")
        )
    }
}

/// The policy behind an object of Python.
pub(crate) fn policy(object: &Bound<'_, PyAny>) -> PyResult<Arc<dyn RolloutPolicy>> {
    known(object).map(|policy| policy.get().shared())
}

/// The object as a policy.
pub(super) fn known<'a, 'py>(object: &'a Bound<'py, PyAny>) -> PyResult<&'a Bound<'py, Policy>> {
    object.cast::<Policy>().map_err(|_| {
        let problem = format!("a policy is expected, and it is a {}", type_name(object));
        wrong_type(object.py(), "choose policy", "policy", problem, "pass a policy of mlcore.rollout")
    })
}

/// A state as Python has it: a dict.
pub(super) fn read(state: &Bound<'_, PyAny>) -> PyResult<PolicyState> {
    let py = state.py();
    if !state.is_instance_of::<PyDict>() {
        let problem = format!("a dict is expected, and it is a {}", type_name(state));
        return Err(wrong_type(py, "restore policy", "state", problem, "pass what save() answered"));
    }
    let json: String = py.import("json")?.call_method1("dumps", (state,))?.extract()?;
    serde_json::from_str(&json).map_err(|cause| {
        let error = Error::corrupt("restore policy", "state", cause.to_string());
        raise(py, &error.remedy("pass what save() answered"))
    })
}
