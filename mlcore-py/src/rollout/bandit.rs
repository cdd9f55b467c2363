//! Bandits that decide who answers, as policies of Python.

use std::sync::Arc;

use mlcore::bandit::LinearOptions;
use mlcore::rollout::{self, BanditRolloutOptions, ContextualRolloutOptions, Observation};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::asked::arms;
use super::pickle::{Reduced, reduced};
use super::policy::{Policy, class_of};
use crate::bandit::{Learning, policy, statistics};
use crate::door::Text;
use crate::error::{detached, entry, invalid, raise};
use crate::runner::duration;

const BUILD: &str = "build bandit rollout";
const RULE: &str = "build reward rule";

/// What a bandit earns by an answer: one reward for each request, and the smallest one for a failure.
///
/// Examples
/// --------
/// >>> from mlcore.rollout import RewardRule
/// >>> rule = RewardRule.scaled_loss(best=0.0, worst=2.0)
/// >>> rule.reward(loss=0.5), rule.reward(failed=True)
/// (0.75, 0.0)
/// >>> rule.reward(latency=0.01) is None
/// True
#[pyclass(module = "mlcore.rollout", frozen, eq)]
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RewardRule {
    pub(crate) rule: rollout::RewardRule,
}

#[pymethods]
impl RewardRule {
    /// By the loss: 1 for one of ``best`` or less, 0 for one of ``worst`` or more and for a failure, and a straight line between.
    #[staticmethod]
    fn scaled_loss(py: Python<'_>, best: f64, worst: f64) -> PyResult<Self> {
        if best.is_finite() && worst.is_finite() && best < worst {
            return Ok(Self { rule: rollout::RewardRule::ScaledLoss { best, worst } });
        }
        let problem = format!("best is {best} and worst is {worst}");
        Err(invalid(py, RULE, "bounds of the loss", problem, "give two finite losses, best below worst"))
    }

    /// By the loss: minus the loss, for a policy that takes any number; ``worst`` is what a failure stands for, and the largest loss
    /// that counts.
    #[staticmethod]
    fn negative_loss(py: Python<'_>, worst: f64) -> PyResult<Self> {
        if (-1e100..=1e100).contains(&worst) {
            return Ok(Self { rule: rollout::RewardRule::NegativeLoss { worst } });
        }
        let remedy = "give the finite loss that a failure stands for";
        Err(invalid(py, RULE, "worst loss", format!("it is {worst}"), remedy))
    }

    /// 1 for an answer, 0 for a failure.
    #[staticmethod]
    fn answered() -> Self {
        Self { rule: rollout::RewardRule::Answered }
    }

    /// 1 for an answer within so many seconds, 0 for a later one and for a failure.
    #[staticmethod]
    fn answered_within(py: Python<'_>, budget: f64) -> PyResult<Self> {
        let budget = duration(py, RULE, "budget", budget)?;
        Ok(Self { rule: rollout::RewardRule::AnsweredWithin { budget } })
    }

    /// What an answer earns, by what was seen of it; None where it earns nothing yet.
    ///
    /// Parameters
    /// ----------
    /// latency : float, optional
    ///     Seconds until the answer.
    /// loss : float, optional
    ///     How wrong it was.
    /// failed : bool, optional
    ///     There was none.
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     When nothing was seen, or more than one of the three.
    #[pyo3(signature = (*, latency = None, loss = None, failed = false))]
    fn reward(
        &self,
        py: Python<'_>,
        latency: Option<f64>,
        loss: Option<f64>,
        failed: bool,
    ) -> PyResult<Option<f64>> {
        const OPERATION: &str = "tell reward";
        let observation = match (latency, loss, failed) {
            (Some(seconds), None, false) => {
                Observation::answered(duration(py, OPERATION, "latency", seconds)?)
            }
            (None, Some(loss), false) => Observation::scored(loss),
            (None, None, true) => Observation::Failed,
            _ => {
                let problem = "one of latency, loss and failed is expected";
                return Err(invalid(py, OPERATION, "observation", problem, "pass one of them"));
            }
        };
        Ok(self.rule.reward(&observation))
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Reduced<'py>> {
        reduced(py, "reward", &self.rule)
    }

    fn __repr__(&self) -> String {
        match self.rule {
            rollout::RewardRule::ScaledLoss { best, worst } => {
                format!("RewardRule.scaled_loss({best:?}, {worst:?})")
            }
            rollout::RewardRule::NegativeLoss { worst } => format!("RewardRule.negative_loss({worst:?})"),
            rollout::RewardRule::AnsweredWithin { budget } => {
                format!("RewardRule.answered_within({:?})", budget.as_secs_f64())
            }
            // Others are newer than this binding, and cannot have been made by it.
            _ => "RewardRule.answered()".to_owned(),
        }
    }
}

/// A bandit as a policy: arms answer by what they have earned, and are learnt of while they answer.
///
/// Assigning reads the probabilities that were published last, and waits for nothing. Rewards follow from what is observed by a
/// :class:`RewardRule`, and count with the propensity of their assignment, however late. :meth:`Policy.decide` publishes
/// probabilities anew where enough is new. An arm of which a breach is reported answers nobody. Evidence belongs to the version that
/// answered, of which :meth:`Policy.follow` tells; replicas share a state under the bandit's name.
///
/// Parameters
/// ----------
/// name : str
///     Sets the bandit apart from others: the places of its units, and the state that its replicas share.
/// arms : list of str
///     First the one that answers where none of them can, and that is never promoted or withdrawn.
/// policy : a policy of :mod:`mlcore.bandit`, optional
///     Default: ``ThompsonBeta()``.
/// reward : RewardRule
///     What it learns from.
/// assign_by : {"unit", "draw"}, optional
///     Whether a unit keeps its arm until probabilities change, or each request is drawn anew. Default ``unit``.
/// publish_interval : float, optional
///     Seconds: probabilities are computed anew not more often. Default 1.
/// promotes_winner : bool, optional
///     Whether the arm that ``TrackAndStop`` finds to be the best is promoted, and one that is found unfit is withdrawn.
/// half_life, window, buckets, min_prob, min_samples, refresh, reward_range, priors
///     As :class:`mlcore.bandit.Bandit` takes them.
///
/// Raises
/// ------
/// InvalidInputError
///     For a name that is none, fewer than two arms or one that occurs twice, rewards that the policy does not take, and a winner that
///     nobody looks for.
///
/// Examples
/// --------
/// >>> from mlcore.rollout import BanditRollout, RewardRule
/// >>> offers = BanditRollout("offers", ["a", "b"], reward=RewardRule.answered(), min_prob=0.05)
/// >>> for number in range(200):
/// ...     assignment = offers.assign(f"user-{number}")
/// ...     offers.observe(assignment, failed=assignment.arm == "a", latency=0.01 if assignment.arm == "b" else None)
/// >>> offers.decide(2.0)["decision"], offers.decide(4.0)["decision"]
/// ('hold', 'hold')
/// >>> {arm: round(share, 6) for arm, share in offers.allocation.items()}
/// {'a': 0.05, 'b': 0.95}
#[pyclass(module = "mlcore.rollout", frozen, extends = Policy)]
#[derive(Debug)]
pub(crate) struct BanditRollout {
    policy: Arc<rollout::BanditRollout>,
}

class_of!(BanditRollout, rollout::BanditRollout);

#[pymethods]
impl BanditRollout {
    #[new]
    #[pyo3(signature = (
        name, arms, policy = None, *, reward, assign_by = None, publish_interval = None, promotes_winner = false,
        half_life = None, window = None, buckets = 10, min_prob = 0.0, min_samples = 0, refresh = 0.01,
        reward_range = None, priors = None
    ))]
    #[expect(clippy::too_many_arguments, reason = "keyword-only options of a Python signature")]
    #[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over owned lists")]
    fn new(
        py: Python<'_>,
        name: Text,
        arms: Vec<Text>,
        policy: Option<&Bound<'_, PyAny>>,
        reward: PyRef<'_, RewardRule>,
        assign_by: Option<&str>,
        publish_interval: Option<f64>,
        promotes_winner: bool,
        half_life: Option<f64>,
        window: Option<f64>,
        buckets: u32,
        min_prob: f64,
        min_samples: u64,
        refresh: f64,
        reward_range: Option<(f64, f64)>,
        priors: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<PyClassInitializer<Self>> {
        entry(py, |py| {
            let bandit = Learning {
                policy,
                half_life,
                window,
                buckets,
                min_prob,
                min_samples,
                refresh,
                reward_range,
                priors,
            }
            .options(py, BUILD)?;
            let arms = self::arms(py, &arms)?;
            let mut options = BanditRolloutOptions::new(name.into_string(), arms, bandit, reward.rule)
                .with_promotes_winner(promotes_winner);
            if let Some(word) = assign_by {
                options = options.with_assign_by(word.parse().map_err(|error| raise(py, &error))?);
            }
            if let Some(seconds) = publish_interval {
                options = options.with_publish_interval(duration(py, BUILD, "publish_interval", seconds)?);
            }
            let policy = detached(py, || rollout::BanditRollout::new(options))?;
            Ok(Self::of(policy))
        })
    }

    /// The arms with the probabilities that were published last; 0 of one that may not answer.
    #[getter]
    fn allocation<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let shares = PyDict::new(py);
        for arm in &self.policy.options().arms {
            shares.set_item(arm.as_str(), self.policy.probability_of(arm))?;
        }
        Ok(shares)
    }

    /// What is known of the versions that answer, without what was believed before: ``count``, ``mean`` and ``variance`` for an arm.
    #[getter]
    fn statistics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        entry(py, |py| statistics(py, detached(py, || Ok(self.policy.statistics()))?))
    }

    /// The rewards that came in, of all versions.
    #[getter]
    fn outcomes(&self, py: Python<'_>) -> PyResult<u64> {
        entry(py, |py| detached(py, || Ok(self.policy.outcomes())))
    }

    /// The observations that were no evidence: of strange arms, of assignments to other versions than the one that answers, with a
    /// propensity that is none, or with a reward that the policy does not take.
    #[getter]
    fn ignored(&self) -> u64 {
        self.policy.ignored()
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let (name, outcomes) = (&self.policy.options().name, self.outcomes(py)?);
        let allocation = self.allocation(py)?.repr()?;
        Ok(format!("<mlcore.rollout.BanditRollout {name}: {outcomes} outcomes, {allocation}>"))
    }
}

/// A bandit with a context as a policy: each request gets the arm that promises the most for its features, with the probability that
/// the bandit's policy gives it.
///
/// Features are handed to :meth:`Policy.assign` and :meth:`Policy.observe`. A request without them, with another number of
/// them, or with one that is no finite number is answered by the control with a propensity of 1, and teaches nothing. It promotes and
/// withdraws nothing: which arm is the best depends on the request.
///
/// Parameters
/// ----------
/// name : str
///     Sets the bandit apart from others: the state that its replicas share.
/// arms : list of str
///     The control first.
/// policy : LinUcb, LinTs or LinGreedy
///     Of :mod:`mlcore.bandit`.
/// features : int
///     How many a request has, 1 to 256.
/// reward : RewardRule
///     What it learns from.
/// l2_lambda, min_prob, refresh
///     As :class:`mlcore.bandit.LinearBandit` takes them.
/// publish_interval : float, optional
///     Seconds: regressions are solved anew not more often. Default 1.
///
/// Raises
/// ------
/// InvalidInputError
///     For a name that is none, fewer than two arms or one that occurs twice, and options that mean nothing.
///
/// Examples
/// --------
/// >>> from mlcore.bandit import LinUcb
/// >>> from mlcore.rollout import ContextualRollout, RewardRule
/// >>> offers = ContextualRollout("offers", ["a", "b"], LinUcb(alpha=0.5), 2, reward=RewardRule.answered(), min_prob=0.05)
/// >>> kinds = [[1.0, 0.0], [0.0, 1.0]]
/// >>> for number in range(400):
/// ...     features = kinds[number % 2]
/// ...     assignment = offers.assign("user-17", draw=number * 2**55, features=features)
/// ...     good = assignment.arm == "ab"[number % 2]
/// ...     offers.observe(assignment, latency=0.01 if good else None, failed=not good, features=features)
/// ...     _ = offers.decide(float(number))
/// >>> told = offers.probabilities("user-17", features=[0.0, 1.0])
/// >>> {arm: round(share, 6) for arm, share in told.items()}
/// {'a': 0.05, 'b': 0.95}
#[pyclass(module = "mlcore.rollout", frozen, extends = Policy)]
#[derive(Debug)]
pub(crate) struct ContextualRollout {
    policy: Arc<rollout::ContextualRollout>,
}

class_of!(ContextualRollout, rollout::ContextualRollout);

#[pymethods]
impl ContextualRollout {
    #[new]
    #[pyo3(signature = (
        name, arms, policy, features, *, reward, l2_lambda = 1.0, min_prob = 0.0, refresh = 0.01, publish_interval = None
    ))]
    #[expect(clippy::too_many_arguments, reason = "keyword-only options of a Python signature")]
    #[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over owned lists")]
    fn new(
        py: Python<'_>,
        name: Text,
        arms: Vec<Text>,
        policy: &Bound<'_, PyAny>,
        features: usize,
        reward: PyRef<'_, RewardRule>,
        l2_lambda: f64,
        min_prob: f64,
        refresh: f64,
        publish_interval: Option<f64>,
    ) -> PyResult<PyClassInitializer<Self>> {
        entry(py, |py| {
            let bandit = LinearOptions::new(self::policy(policy)?, features)
                .with_l2_lambda(l2_lambda)
                .with_min_prob(min_prob)
                .with_refresh(refresh);
            let arms = self::arms(py, &arms)?;
            let mut options = ContextualRolloutOptions::new(name.into_string(), arms, bandit, reward.rule);
            if let Some(seconds) = publish_interval {
                options = options.with_publish_interval(duration(py, BUILD, "publish_interval", seconds)?);
            }
            let policy = detached(py, || rollout::ContextualRollout::new(options))?;
            Ok(Self::of(policy))
        })
    }

    /// The rewards that came in, of all versions.
    #[getter]
    fn outcomes(&self, py: Python<'_>) -> PyResult<u64> {
        entry(py, |py| detached(py, || Ok(self.policy.outcomes())))
    }

    /// The observations that were no evidence: of strange arms, of assignments to other versions than the one that answers or without
    /// features, and with a reward beyond 1e100.
    #[getter]
    fn ignored(&self) -> u64 {
        self.policy.ignored()
    }

    /// The requests that the control answered because they had no features that the bandit takes.
    #[getter]
    fn without_context(&self) -> u64 {
        self.policy.without_context()
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let rollout::ContextualRolloutOptions { name, arms, .. } = self.policy.options();
        let arms: Vec<&str> = arms.iter().map(|arm| arm.as_str()).collect();
        let (arms, outcomes) = (arms.join(", "), self.outcomes(py)?);
        Ok(format!("<mlcore.rollout.ContextualRollout {name}: {arms}; {outcomes} outcomes>"))
    }
}
