//! How a log is replayed, as Python says it.

use mlcore::name::{Arm, ModelName};
use mlcore_serve::replay::{self, ReplayOptions};
use pyo3::prelude::*;

use crate::door::Text;
use crate::error::raise;
use crate::rollout::{RewardRule, moment};
use crate::runner::duration;

/// The operation of errors.
pub(super) const REPLAY: &str = "replay log";

/// What the caller knows of the arms: what false alarms and delays are counted by.
///
/// Examples
/// --------
/// >>> from mlcore.replay import Truth
/// >>> Truth.equal(), Truth.worse("canary", "2026-11-02T08:00:00Z")
/// (Truth.equal(), Truth.worse('canary', '2026-11-02T08:00:00Z'))
#[pyclass(module = "mlcore.replay", frozen, eq)]
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Truth {
    pub(super) truth: replay::Truth,
}

#[pymethods]
impl Truth {
    /// No arm is worse than another, and nothing changes: whatever alarms is wrong.
    #[staticmethod]
    fn equal() -> Self {
        Self { truth: replay::Truth::Equal }
    }

    /// This arm is worse from a moment on, and no other one is.
    ///
    /// Parameters
    /// ----------
    /// arm : str
    /// since : datetime.datetime or str
    ///     With a time zone.
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     For a name that is none, and for a time without a time zone.
    #[staticmethod]
    #[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over owned texts")]
    fn worse(py: Python<'_>, arm: Text, since: &Bound<'_, PyAny>) -> PyResult<Self> {
        let since = moment(since, REPLAY, "since")?;
        Ok(Self { truth: replay::Truth::worse(self::arm(py, &arm)?, since) })
    }

    fn __repr__(&self) -> String {
        match &self.truth {
            replay::Truth::Worse { arm, since, .. } => format!("Truth.worse('{arm}', '{since}')"),
            // Others are newer than this binding, and cannot have been made by it.
            _ => "Truth.equal()".to_owned(),
        }
    }
}

/// What is known of the arms, where something is.
pub(super) fn truth(truth: Option<&Bound<'_, Truth>>) -> replay::Truth {
    truth.map_or(replay::Truth::Unknown, |truth| truth.get().truth.clone())
}

pub(super) fn arm(py: Python<'_>, name: &str) -> PyResult<Arm> {
    Arm::new(name).map_err(|error| raise(py, &error))
}

/// What of a log is read.
pub(super) struct Wanted<'a, 'py> {
    pub(super) model: Option<Text>,
    pub(super) since: Option<&'a Bound<'py, PyAny>>,
    pub(super) until: Option<&'a Bound<'py, PyAny>>,
    pub(super) arms: Option<Vec<Text>>,
    pub(super) versions: Option<&'a str>,
}

impl Wanted<'_, '_> {
    pub(super) fn options(self, py: Python<'_>) -> PyResult<ReplayOptions> {
        let raised = |error: mlcore::Error| raise(py, &error);
        let mut options = ReplayOptions::default();
        if let Some(model) = self.model {
            options = options.with_model(ModelName::new(&model).map_err(raised)?);
        }
        if let Some(since) = self.since {
            options = options.with_since(moment(since, REPLAY, "since")?);
        }
        if let Some(until) = self.until {
            options = options.with_until(moment(until, REPLAY, "until")?);
        }
        let arms = self.arms.unwrap_or_default();
        let arms = arms.iter().map(|name| arm(py, name)).collect::<PyResult<Vec<_>>>()?;
        options = options.with_arms(arms);
        if let Some(word) = self.versions {
            options = options.with_versions(word.parse().map_err(raised)?);
        }
        Ok(options)
    }
}

/// How a policy is asked and told.
pub(super) struct Play<'a, 'py> {
    pub(super) matching: Option<&'a str>,
    pub(super) seed: u64,
    pub(super) decide_interval: f64,
    pub(super) reward: Option<&'a Bound<'py, RewardRule>>,
    pub(super) truth: Option<&'a Bound<'py, Truth>>,
    pub(super) share_points: usize,
    pub(super) alpha: f64,
}

impl Play<'_, '_> {
    pub(super) fn options(self, py: Python<'_>) -> PyResult<ReplayOptions> {
        let interval = duration(py, REPLAY, "decide_interval", self.decide_interval)?;
        let mut options = ReplayOptions::default()
            .with_seed(self.seed)
            .with_decide_interval(interval)
            .with_truth(truth(self.truth))
            .with_share_points(self.share_points)
            .with_alpha(self.alpha);
        if let Some(word) = self.matching {
            options = options.with_matching(word.parse().map_err(|error| raise(py, &error))?);
        }
        if let Some(reward) = self.reward {
            options = options.with_reward(reward.get().rule);
        }
        Ok(options)
    }
}
