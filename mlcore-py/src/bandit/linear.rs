//! A bandit with a context.

use std::sync::{Mutex, MutexGuard, PoisonError};

use mlcore::Result;
use mlcore::bandit::{self, LinearOptions, LinearReward, LinearState};
use mlcore::rollout::Draw;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::arguments::{self, UPDATE};
use crate::door::{self, Asked};
use crate::error::{detached, entry, invalid, raise};
use crate::plain::plain;

/// Arms with a context: a ridge regression for each, and the probabilities that follow for a request.
///
/// Rewards may come late. States of replicas merge. Bandits pickle, copy and compare.
///
/// Parameters
/// ----------
/// arms : list of str
/// policy : LinUcb, LinTs or LinGreedy
/// features : int
///     How many a context has, 1 to 256. A constant one gives each arm an intercept.
/// l2_lambda : float
///     The strength of the regularisation.
/// min_prob : float
///     The least probability of any arm.
/// refresh : float
///     How much has to be new before the regressions are solved anew.
///
/// Raises
/// ------
/// InvalidInputError
///     For no arms, one that occurs twice, and options that mean nothing.
///
/// Notes
/// -----
/// Names, defaults and expectations are those of mabwiser 2.7.
///
/// Examples
/// --------
/// >>> from mlcore.bandit import LinearBandit, LinUcb
/// >>> bandit = LinearBandit(["a", "b"], LinUcb(alpha=0.1), 2)
/// >>> for _ in range(20):
/// ...     for context, best in [([1.0, 0.0], "a"), ([0.0, 1.0], "b")]:
/// ...         for arm in ["a", "b"]:
/// ...             _ = bandit.update(arm, context, float(arm == best))
/// >>> bandit.probabilities([1.0, 0.0])
/// {'a': 1.0, 'b': 0.0}
#[pyclass(module = "mlcore.bandit", frozen)]
#[derive(Debug)]
pub(crate) struct LinearBandit {
    bandit: Mutex<bandit::LinearBandit>,
}

#[pymethods]
impl LinearBandit {
    #[new]
    #[pyo3(signature = (arms, policy, features, *, l2_lambda = 1.0, min_prob = 0.0, refresh = 0.01))]
    #[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over owned lists")]
    fn new(
        py: Python<'_>,
        arms: Vec<String>,
        policy: &Bound<'_, PyAny>,
        features: usize,
        l2_lambda: f64,
        min_prob: f64,
        refresh: f64,
    ) -> PyResult<Self> {
        entry(py, |py| {
            let options = LinearOptions::new(arguments::policy(policy)?, features)
                .with_l2_lambda(l2_lambda)
                .with_min_prob(min_prob)
                .with_refresh(refresh);
            let arms = arguments::arms(py, &arms)?;
            Ok(Self::of(detached(py, || bandit::LinearBandit::new(options, arms))?))
        })
    }

    /// The arm that a draw means in this context, and the probability with which it does.
    ///
    /// Parameters
    /// ----------
    /// context : array_like
    ///     The features of the request.
    /// draw : int
    ///     64 random bits, such as ``random.getrandbits(64)``.
    ///
    /// Returns
    /// -------
    /// tuple of str and float
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     For another number of features, and one that is not finite.
    fn draw(&self, py: Python<'_>, context: &Bound<'_, PyAny>, draw: u64) -> PyResult<(String, f64)> {
        entry(py, |py| {
            let context = self::context(context)?;
            self.with(py, |bandit| {
                let (position, propensity) = bandit.models().draw(&context, Draw::new(draw))?;
                Ok((
                    bandit.models().arms().nth(position).map(ToString::to_string).unwrap_or_default(),
                    propensity,
                ))
            })
        })
    }

    /// The probability of each arm in this context.
    fn probabilities<'py>(
        &self,
        py: Python<'py>,
        context: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyDict>> {
        entry(py, |py| {
            let context = self::context(context)?;
            self.by_arm(py, |models| models.probabilities(&context))
        })
    }

    /// How good each arm looks to the policy in this context: mabwiser's expectations.
    fn scores<'py>(&self, py: Python<'py>, context: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyDict>> {
        entry(py, |py| {
            let context = self::context(context)?;
            self.by_arm(py, |models| models.scores(&context))
        })
    }

    /// Takes what an assignment earned; answers whether the regressions were solved anew.
    ///
    /// Raises
    /// ------
    /// NotFoundError
    ///     For an arm that the bandit has not.
    /// InvalidInputError
    ///     For a reward that is not finite, and a context that is none. Nothing changes then.
    fn update(&self, py: Python<'_>, arm: &str, context: &Bound<'_, PyAny>, reward: f64) -> PyResult<bool> {
        entry(py, |py| {
            let (arm, context) = (arguments::arm(py, arm)?, self::context(context)?);
            self.with(py, |bandit| bandit.update(&LinearReward::new(&arm, &context, reward)))
        })
    }

    /// Takes many outcomes, in their order; where one is refused, none is taken.
    ///
    /// Parameters
    /// ----------
    /// arms : array_like of str
    /// contexts : array_like of shape (outcomes, features), or a frame
    /// rewards : array_like
    fn update_many(
        &self,
        py: Python<'_>,
        arms: &Bound<'_, PyAny>,
        contexts: &Bound<'_, PyAny>,
        rewards: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        entry(py, |py| {
            let (arms, codes) = arguments::named(py, arms)?;
            let rewards = arguments::numbers(py, "rewards", rewards, codes.len())?;
            let contexts = door::matrix(contexts, Asked { operation: UPDATE, subject: "contexts" })?;
            if contexts.len() != codes.len() {
                let problem = format!("{} contexts for {} outcomes", contexts.len(), codes.len());
                return Err(invalid(py, UPDATE, "contexts", problem, "pass one for each outcome"));
            }
            let rewards = rewards.as_slice();
            self.with(py, |bandit| {
                let mut learnt = bandit.clone();
                for (row, ((code, context), reward)) in codes.iter().zip(&contexts).zip(rewards).enumerate() {
                    let Some(arm) = arms.get(*code as usize) else { continue };
                    let outcome = LinearReward::new(arm, context, *reward);
                    learnt.update(&outcome).map_err(|error| error.within(format!("row {row}")))?;
                }
                *bandit = learnt;
                Ok(())
            })
        })
    }

    /// Solves the regressions from all that is known.
    fn refresh(&self, py: Python<'_>) -> PyResult<()> {
        entry(py, |py| self.with(py, bandit::LinearBandit::refresh))
    }

    /// Adds an arm, of which nothing is known.
    fn add_arm(&self, py: Python<'_>, arm: &str) -> PyResult<()> {
        entry(py, |py| {
            let arm = arguments::arm(py, arm)?;
            self.with(py, |bandit| bandit.add_arm(arm))
        })
    }

    /// Removes an arm, and what is known of it.
    fn remove_arm(&self, py: Python<'_>, arm: &str) -> PyResult<()> {
        entry(py, |py| {
            let arm = arguments::arm(py, arm)?;
            self.with(py, |bandit| bandit.remove_arm(&arm))
        })
    }

    /// The outcomes that came in.
    #[getter]
    fn outcomes(&self, py: Python<'_>) -> PyResult<u64> {
        entry(py, |py| self.with(py, |bandit| Ok(bandit.outcomes())))
    }

    /// Options and what was learnt as a dict that ``json`` can write, for :func:`from_state`.
    fn save<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        entry(py, |py| {
            let state = self.with(py, |bandit| Ok(bandit.save()))?;
            plain(py, "save bandit", &state)
        })
    }

    /// Adds what a replica has learnt from outcomes that this bandit has not seen; what is merged twice counts twice.
    ///
    /// Parameters
    /// ----------
    /// other : LinearBandit or dict
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     For other options; nothing changes then.
    /// CorruptError
    ///     For what no bandit has saved.
    fn merge(&self, py: Python<'_>, other: &Bound<'_, PyAny>) -> PyResult<()> {
        entry(py, |py| {
            let state: LinearState = match other.cast::<Self>() {
                Ok(other) => {
                    let other = other.get();
                    other.with(py, |bandit| Ok(bandit.save()))?
                }
                Err(_) => arguments::state(other)?,
            };
            self.with(py, |bandit| bandit.merge(&state))
        })
    }

    fn __eq__(&self, py: Python<'_>, other: &Bound<'_, Self>) -> PyResult<bool> {
        entry(py, |py| {
            let other = other.get().with(py, |bandit| Ok(bandit.save()))?;
            self.with(py, |bandit| Ok(bandit.save() == other))
        })
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, (Bound<'py, PyAny>,))> {
        Ok((py.import("mlcore.bandit")?.getattr("from_state")?, (self.save(py)?,)))
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let (arms, outcomes) =
            self.with(py, |bandit| Ok((bandit.models().arms().len(), bandit.outcomes())))?;
        Ok(format!("<mlcore.bandit.LinearBandit: {arms} arms, {outcomes} outcomes>"))
    }
}

impl LinearBandit {
    fn of(bandit: bandit::LinearBandit) -> Self {
        Self { bandit: Mutex::new(bandit) }
    }

    /// The bandit that was saved.
    pub(super) fn read(state: &Bound<'_, PyAny>) -> PyResult<Self> {
        let read: LinearState = arguments::state(state)?;
        bandit::LinearBandit::from_state(&read).map(Self::of).map_err(|error| raise(state.py(), &error))
    }

    fn locked(&self) -> MutexGuard<'_, bandit::LinearBandit> {
        self.bandit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the bandit. It is waited for without the interpreter, which whoever has it may need.
    fn with<T: Send>(
        &self,
        py: Python<'_>,
        ask: impl FnOnce(&mut bandit::LinearBandit) -> Result<T> + Send,
    ) -> PyResult<T> {
        detached(py, || ask(&mut self.locked()))
    }

    /// A number for each arm.
    fn by_arm<'py>(
        &self,
        py: Python<'py>,
        ask: impl FnOnce(&bandit::LinearModels) -> Result<Vec<f64>> + Send,
    ) -> PyResult<Bound<'py, PyDict>> {
        let (arms, numbers) = self.with(py, |bandit| {
            let arms: Vec<String> = bandit.models().arms().map(ToString::to_string).collect();
            Ok((arms, ask(bandit.models())?))
        })?;
        let answer = PyDict::new(py);
        for (arm, number) in arms.iter().zip(numbers) {
            answer.set_item(arm, number)?;
        }
        Ok(answer)
    }
}

/// The features of one request.
fn context(context: &Bound<'_, PyAny>) -> PyResult<Vec<f64>> {
    Ok(door::numbers(context, Asked { operation: "ask bandit", subject: "context" })?.as_slice().to_vec())
}
