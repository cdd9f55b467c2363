//! A bandit without a context.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mlcore::bandit::{self, BanditState, Reward};
use mlcore::rollout::Draw;
use mlcore::stats::SplitMix64;
use mlcore::{Error, Result};
use numpy::PyArray1;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::arguments::{self, BUILD, Learning, UPDATE};
use crate::error::{detached, entry, raise};
use crate::plain::plain;
use crate::runner::duration;

/// Arms, what is known of them, and the probabilities with which they answer.
///
/// Draws, time and rewards are handed in. Every propensity is exact, rewards may come late and in any order, and the states of replicas
/// merge into that of one bandit that saw all outcomes. Bandits pickle, copy and compare.
///
/// Parameters
/// ----------
/// arms : list of str
/// policy : a policy of this module, optional
///     Default: ``ThompsonBeta()``.
/// half_life : float, optional
///     Seconds in which an outcome loses half of its weight.
/// window : float, optional
///     Seconds after which an outcome is forgotten; it is kept in ``buckets`` stretches of time.
/// buckets : int
/// min_prob : float
///     The least probability of any arm.
/// min_samples : int
///     The nursery: an arm with fewer outcomes answers as often as every arm would if all were alike.
/// refresh : float
///     How much has to be new before probabilities are computed anew: a part of the outcomes that count already.
/// reward_range : tuple of float, optional
///     The smallest and the largest reward; others are refused.
/// priors : dict, optional
///     What is believed of arms before they answer: a count of outcomes, their mean and their variance for a name.
///
/// Raises
/// ------
/// InvalidInputError
///     For no arms, one that occurs twice, and options that mean nothing.
///
/// Examples
/// --------
/// >>> import random
/// >>> from mlcore.bandit import Bandit, ThompsonBeta
/// >>> bandit, lot = Bandit(["blue", "green"], ThompsonBeta()), random.Random(1)
/// >>> for _ in range(2000):
/// ...     arm, propensity = bandit.draw(lot.getrandbits(64))
/// ...     reward = float(lot.random() < {"blue": 0.2, "green": 0.3}[arm])
/// ...     _ = bandit.update(arm, reward, propensity=propensity)
/// >>> bandit.allocation["green"] > 0.9
/// True
#[pyclass(module = "mlcore.bandit", frozen)]
#[derive(Debug)]
pub(crate) struct Bandit {
    bandit: Mutex<bandit::Bandit>,
}

#[pymethods]
impl Bandit {
    #[new]
    #[pyo3(signature = (
        arms, policy = None, *, half_life = None, window = None, buckets = 10, min_prob = 0.0, min_samples = 0,
        refresh = 0.01, reward_range = None, priors = None
    ))]
    #[expect(clippy::too_many_arguments, reason = "they are keywords in Python")]
    #[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over owned lists")]
    fn new(
        py: Python<'_>,
        arms: Vec<String>,
        policy: Option<&Bound<'_, PyAny>>,
        half_life: Option<f64>,
        window: Option<f64>,
        buckets: u32,
        min_prob: f64,
        min_samples: u64,
        refresh: f64,
        reward_range: Option<(f64, f64)>,
        priors: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        entry(py, |py| {
            let options = Learning {
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
            let arms = arguments::arms(py, &arms)?;
            Ok(Self::of(detached(py, || bandit::Bandit::new(options, arms))?))
        })
    }

    /// The arm that a draw means, and the probability with which it does: hand both in with the reward.
    ///
    /// Parameters
    /// ----------
    /// draw : int
    ///     64 random bits, such as ``random.getrandbits(64)``. Equal bits give equal answers.
    ///
    /// Returns
    /// -------
    /// tuple of str and float
    fn draw(&self, py: Python<'_>, draw: u64) -> PyResult<(String, f64)> {
        entry(py, |py| {
            detached(py, || {
                let bandit = self.locked();
                let (position, propensity) = bandit.allocation().draw(Draw::new(draw));
                let arm = bandit.allocation().arms().get(position).map_or("", |arm| arm.as_str());
                Ok((arm.to_owned(), propensity))
            })
        })
    }

    /// So many draws of one allocation.
    ///
    /// Parameters
    /// ----------
    /// size : int
    /// seed : int
    ///     Equal seeds give equal draws.
    ///
    /// Returns
    /// -------
    /// tuple of list of str and numpy.ndarray
    ///     The arms and their propensities.
    fn draw_many<'py>(
        &self,
        py: Python<'py>,
        size: usize,
        seed: u64,
    ) -> PyResult<(Vec<String>, Bound<'py, PyArray1<f64>>)> {
        entry(py, |py| {
            let (arms, propensities) = detached(py, || {
                let allocation = self.locked().allocation().clone();
                let mut random = SplitMix64::new(seed);
                let drawn = (0..size).map(|_| {
                    let (position, propensity) = allocation.draw(Draw::new(random.next_u64()));
                    (allocation.arms().get(position).map_or("", |arm| arm.as_str()).to_owned(), propensity)
                });
                Ok(drawn.unzip::<_, _, Vec<String>, Vec<f64>>())
            })?;
            Ok((arms, PyArray1::from_vec(py, propensities)))
        })
    }

    /// Takes what an assignment earned; answers whether the allocation was computed anew.
    ///
    /// Parameters
    /// ----------
    /// arm : str
    /// reward : float
    ///     More is better.
    /// propensity : float
    ///     That of the assignment.
    /// time : float
    ///     When the arm was assigned: seconds on a clock that all replicas share.
    ///
    /// Raises
    /// ------
    /// NotFoundError
    ///     For an arm that the bandit has not.
    /// InvalidInputError
    ///     For a reward that is not finite, or that the policy does not take, and a propensity that is none. Nothing changes then.
    #[pyo3(signature = (arm, reward, *, propensity = 1.0, time = 0.0))]
    fn update(&self, py: Python<'_>, arm: &str, reward: f64, propensity: f64, time: f64) -> PyResult<bool> {
        entry(py, |py| {
            let (arm, time) = (arguments::arm(py, arm)?, duration(py, UPDATE, "time", time)?);
            detached(py, || {
                self.locked().update(&Reward::new(&arm, reward).with_propensity(propensity).at(time))
            })
        })
    }

    /// Takes many outcomes, in their order; where one is refused, none is taken.
    ///
    /// Parameters
    /// ----------
    /// arms : array_like of str
    /// rewards : array_like
    /// propensities, times : array_like, optional
    ///
    /// Raises
    /// ------
    /// NotFoundError, InvalidInputError
    ///     As :meth:`update`, and for lengths that differ.
    #[pyo3(signature = (arms, rewards, *, propensities = None, times = None))]
    fn update_many(
        &self,
        py: Python<'_>,
        arms: &Bound<'_, PyAny>,
        rewards: &Bound<'_, PyAny>,
        propensities: Option<&Bound<'_, PyAny>>,
        times: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        entry(py, |py| {
            let (arms, codes) = arguments::named(py, arms)?;
            let count = codes.len();
            let rewards = arguments::numbers(py, "rewards", rewards, count)?;
            let of = |subject, values: Option<&Bound<'_, PyAny>>| -> PyResult<Option<Vec<f64>>> {
                let Some(values) = values else { return Ok(None) };
                Ok(Some(arguments::numbers(py, subject, values, count)?.as_slice().to_vec()))
            };
            let (propensities, times) = (of("propensities", propensities)?, of("times", times)?);
            let rewards = rewards.as_slice();
            detached(py, || {
                let mut bandit = self.locked();
                let mut learnt = bandit.clone();
                for (row, (code, reward)) in codes.iter().zip(rewards).enumerate() {
                    let at = |values: &Option<Vec<f64>>, other| {
                        values.as_ref().and_then(|values| values.get(row)).copied().unwrap_or(other)
                    };
                    let time = Duration::try_from_secs_f64(at(&times, 0.0)).map_err(|cause| {
                        Error::invalid_input(UPDATE, "times", format!("row {row}: {cause}"))
                            .remedy("pass seconds on a clock that all replicas share")
                    })?;
                    let Some(arm) = arms.get(*code as usize) else { continue };
                    let reward = Reward::new(arm, *reward).with_propensity(at(&propensities, 1.0)).at(time);
                    learnt.update(&reward).map_err(|error| error.within(format!("row {row}")))?;
                }
                *bandit = learnt;
                Ok(())
            })
        })
    }

    /// Takes note of the time: outcomes fade, or leave the window, when the allocation is next computed.
    fn advance(&self, py: Python<'_>, now: f64) -> PyResult<()> {
        entry(py, |py| {
            let now = duration(py, UPDATE, "now", now)?;
            self.with(py, |bandit| {
                bandit.advance(now);
                Ok(())
            })
        })
    }

    /// Computes the allocation from all that is known now.
    fn refresh(&self, py: Python<'_>) -> PyResult<()> {
        entry(py, |py| {
            self.with(py, |bandit| {
                bandit.refresh();
                Ok(())
            })
        })
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

    /// Forgets what was learnt of an arm, as when another version answers for it.
    fn forget_arm(&self, py: Python<'_>, arm: &str) -> PyResult<()> {
        entry(py, |py| {
            let arm = arguments::arm(py, arm)?;
            self.with(py, |bandit| bandit.forget_arm(&arm))
        })
    }

    /// The arms with their probabilities, as they were last computed.
    #[getter]
    fn allocation<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        entry(py, |py| {
            let allocation = self.with(py, |bandit| Ok(bandit.allocation().clone()))?;
            let shares = PyDict::new(py);
            for (arm, share) in allocation.arms().iter().zip(allocation.probabilities()) {
                shares.set_item(arm.as_str(), share)?;
            }
            Ok(shares)
        })
    }

    /// How good each arm looks to the policy: expectations, upper bounds, or means of a posterior.
    #[getter]
    fn scores<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        entry(py, |py| {
            let (arms, scores) = self.with(py, |bandit| {
                let scores = bandit.options().policy.scores(&bandit.statistics());
                Ok((bandit.allocation().arms().to_vec(), scores))
            })?;
            let answer = PyDict::new(py);
            for (arm, score) in arms.iter().zip(scores) {
                answer.set_item(arm.as_str(), score)?;
            }
            Ok(answer)
        })
    }

    /// What is known of each arm now, with what was believed before: ``count``, ``mean`` and ``variance`` for a name.
    #[getter]
    fn statistics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        entry(py, |py| {
            let (arms, statistics) =
                self.with(py, |bandit| Ok((bandit.allocation().arms().to_vec(), bandit.statistics())))?;
            arguments::statistics(py, arms.into_iter().zip(statistics))
        })
    }

    /// The outcomes that came in.
    #[getter]
    fn outcomes(&self, py: Python<'_>) -> PyResult<u64> {
        entry(py, |py| self.with(py, |bandit| Ok(bandit.outcomes())))
    }

    /// The arm that was found to be the best, by a policy that looks for one.
    #[getter]
    fn winner(&self, py: Python<'_>) -> PyResult<Option<String>> {
        entry(py, |py| self.with(py, |bandit| Ok(bandit.winner().map(ToString::to_string))))
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
    /// other : Bandit or dict
    ///     A bandit with the same options, or what its ``save`` answered.
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     For other options; nothing changes then.
    /// CorruptError
    ///     For what no bandit has saved.
    fn merge(&self, py: Python<'_>, other: &Bound<'_, PyAny>) -> PyResult<()> {
        entry(py, |py| {
            let state: BanditState = match other.cast::<Self>() {
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
            let other = other.get().with(py, |bandit| Ok(bandit.clone()))?;
            self.with(py, |bandit| Ok(*bandit == other))
        })
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, (Bound<'py, PyAny>,))> {
        Ok((py.import("mlcore.bandit")?.getattr("from_state")?, (self.save(py)?,)))
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let (allocation, outcomes) = (self.allocation(py)?, self.outcomes(py)?);
        Ok(format!("<mlcore.bandit.Bandit: {outcomes} outcomes, {}>", allocation.repr()?))
    }
}

impl Bandit {
    fn of(bandit: bandit::Bandit) -> Self {
        Self { bandit: Mutex::new(bandit) }
    }

    /// The bandit that was saved.
    pub(super) fn read(state: &Bound<'_, PyAny>) -> PyResult<Self> {
        let read: BanditState = arguments::state(state)?;
        bandit::Bandit::from_state(&read).map(Self::of).map_err(|error| raise(state.py(), &error))
    }

    fn locked(&self) -> MutexGuard<'_, bandit::Bandit> {
        self.bandit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the bandit. It is waited for without the interpreter, which whoever has it may need.
    fn with<T: Send>(
        &self,
        py: Python<'_>,
        ask: impl FnOnce(&mut bandit::Bandit) -> Result<T> + Send,
    ) -> PyResult<T> {
        detached(py, || ask(&mut self.locked()))
    }
}
