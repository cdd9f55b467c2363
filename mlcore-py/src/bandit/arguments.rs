//! What Python hands to bandits, as Rust has it.

use mlcore::Error;
use mlcore::bandit::{ArmStatistics, BanditOptions, BanditPolicy, Memory, ThompsonBeta};
use mlcore::name::Arm;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde::de::DeserializeOwned;

use crate::door::{self, Asked, type_name};
use crate::error::{invalid, raise, wrong_type};
use crate::experiment::Labels;
use crate::runner::duration;

pub(super) const BUILD: &str = "build bandit";
pub(super) const UPDATE: &str = "update bandit";
const RESTORE: &str = "restore bandit";

/// What is known of arms, by their names.
pub(crate) fn statistics<'py>(
    py: Python<'py>,
    known: impl IntoIterator<Item = (Arm, ArmStatistics)>,
) -> PyResult<Bound<'py, PyDict>> {
    let answer = PyDict::new(py);
    for (arm, known) in known {
        let own = PyDict::new(py);
        own.set_item("count", known.count)?;
        own.set_item("mean", known.mean())?;
        own.set_item("variance", known.variance())?;
        answer.set_item(arm.as_str(), own)?;
    }
    Ok(answer)
}

/// The arm of this name.
pub(super) fn arm(py: Python<'_>, name: &str) -> PyResult<Arm> {
    Arm::new(name).map_err(|error| raise(py, &error))
}

/// The arms of these names.
pub(super) fn arms(py: Python<'_>, names: &[String]) -> PyResult<Vec<Arm>> {
    names.iter().map(|name| arm(py, name)).collect()
}

/// A policy of Python, which says of itself what it is.
pub(crate) fn policy<T: DeserializeOwned>(policy: &Bound<'_, PyAny>) -> PyResult<T> {
    let py = policy.py();
    if !policy.hasattr("to_dict")? {
        let problem = format!("a policy is expected, and it is a {}", type_name(policy));
        return Err(wrong_type(py, BUILD, "policy", problem, "pass a policy of mlcore.bandit"));
    }
    let json: String =
        py.import("json")?.call_method1("dumps", (policy.call_method0("to_dict")?,))?.extract()?;
    serde_json::from_str(&json).map_err(|cause| {
        let remedy =
            "pass a policy that this bandit takes: a linear one to LinearBandit, any other to Bandit";
        invalid(py, BUILD, "policy", cause.to_string(), remedy)
    })
}

/// How a bandit learns, as keywords of Python.
pub(crate) struct Learning<'a, 'py> {
    pub(crate) policy: Option<&'a Bound<'py, PyAny>>,
    pub(crate) half_life: Option<f64>,
    pub(crate) window: Option<f64>,
    pub(crate) buckets: u32,
    pub(crate) min_prob: f64,
    pub(crate) min_samples: u64,
    pub(crate) refresh: f64,
    pub(crate) reward_range: Option<(f64, f64)>,
    pub(crate) priors: Option<&'a Bound<'py, PyDict>>,
}

impl Learning<'_, '_> {
    pub(crate) fn options(self, py: Python<'_>, operation: &'static str) -> PyResult<BanditOptions> {
        let policy: BanditPolicy = match self.policy {
            Some(policy) => self::policy(policy)?,
            None => ThompsonBeta::default().into(),
        };
        let memory = match (self.half_life, self.window) {
            (None, None) => Memory::Everything,
            (Some(seconds), None) => {
                Memory::HalfLife { half_life: duration(py, operation, "half_life", seconds)? }
            }
            (None, Some(seconds)) => {
                let length = duration(py, operation, "window", seconds)?;
                Memory::Window { length, buckets: self.buckets }
            }
            (Some(_), Some(_)) => {
                let remedy = "pass one of the two";
                return Err(invalid(py, operation, "memory", "it has a half-life and a window", remedy));
            }
        };
        let mut options = BanditOptions::new(policy)
            .with_memory(memory)
            .with_min_prob(self.min_prob)
            .with_min_samples(self.min_samples)
            .with_refresh(self.refresh);
        if let Some((smallest, largest)) = self.reward_range {
            options = options.with_reward_range(smallest, largest);
        }
        for (name, prior) in self.priors.into_iter().flatten() {
            let (count, mean, variance) = prior.extract::<(f64, f64, f64)>()?;
            let arm = arm(py, &name.extract::<String>()?)?;
            options = options.with_prior(arm, ArmStatistics::believed(count, mean, variance));
        }
        Ok(options)
    }
}

/// A state as Python has it: a dict.
pub(super) fn state<T: DeserializeOwned>(state: &Bound<'_, PyAny>) -> PyResult<T> {
    let py = state.py();
    if !state.is_instance_of::<PyDict>() {
        let problem = format!("a dict is expected, and it is a {}", type_name(state));
        return Err(wrong_type(py, RESTORE, "state", problem, "pass what save() answered"));
    }
    let json: String = py.import("json")?.call_method1("dumps", (state,))?.extract()?;
    serde_json::from_str(&json).map_err(|cause| {
        let error = Error::corrupt(RESTORE, "state", cause.to_string());
        raise(py, &error.remedy("pass what save() answered"))
    })
}

/// The arms of many outcomes: those that occur, and for each outcome which of them.
pub(super) fn named(py: Python<'_>, names: &Bound<'_, PyAny>) -> PyResult<(Vec<Arm>, Vec<u32>)> {
    let asked = Asked { operation: UPDATE, subject: "arms" };
    let labels = Labels::read(py, "arms", &door::column(names, asked)?, asked)?;
    Ok((arms(py, &labels.names)?, labels.codes))
}

/// A number for each of so many outcomes.
pub(super) fn numbers<'py>(
    py: Python<'py>,
    subject: &'static str,
    values: &Bound<'py, PyAny>,
    due: usize,
) -> PyResult<door::Numbers<'py>> {
    let numbers = door::numbers(values, Asked { operation: UPDATE, subject })?;
    let found = numbers.as_slice().len();
    if found == due {
        return Ok(numbers);
    }
    let problem = format!("{found} numbers for {due} outcomes");
    Err(invalid(py, UPDATE, subject, problem, "pass one for each outcome"))
}
