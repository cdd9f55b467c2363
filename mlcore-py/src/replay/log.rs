//! A prediction log that is replayed, as Python holds it.

use std::path::PathBuf;

use mlcore::interrupt;
use mlcore_serve::log::LogReader;
use mlcore_serve::replay::{self, StreamValue};
use pyo3::prelude::*;

use super::arguments::{Play, REPLAY, Truth, Wanted, arm, truth};
use super::report::ReplayReport;
use super::simulated::simulate;
use super::watched::{DetectorReport, MonitorReport};
use crate::door::{Text, type_name};
use crate::drift::{Monitor, StreamDetector};
use crate::error::{detached, entry, invalid, wrong_type};
use crate::plain::plain;
use crate::rollout::{RewardRule, policy};

/// The requests of one model in the order of their decisions, with their outcomes: what is replayed, as often as one likes.
///
/// All of it is in memory, without outputs and tensors. :meth:`read` makes one of a folder in which a prediction log was written.
/// A replay has a virtual clock, which is that of the log, and draws that follow from the id of each request and a seed: the same log,
/// options and seed give the same report to the last bit. Outcomes arrive when they arrived.
///
/// **Logged arms.** Where a policy gives a request to another arm than the one that answered it then, nobody knows what would have
/// come of it: the request counts as asked, and is no evidence. What is left, the matched requests, is a sample without bias of what
/// each arm does as long as the arms were chosen by chance when the log was written. The report says how many matched; where they
/// are few, believe nothing.
///
/// Examples
/// --------
/// >>> from mlcore.replay import ReplayLog
/// >>> from mlcore.rollout import Canary, Guardrail
/// >>> log = ReplayLog.read("log", model="risk")                                 # doctest: +SKIP
/// >>> canary = Canary(salt="release-7", guardrails=[Guardrail("error_rate", 0.01)])
/// >>> report = log.replay(canary)                                               # doctest: +SKIP
/// >>> report.rollback                                                           # doctest: +SKIP
#[pyclass(module = "mlcore.replay", frozen)]
#[derive(Debug)]
pub(crate) struct ReplayLog {
    log: replay::ReplayLog,
}

#[pymethods]
impl ReplayLog {
    /// Reads the folder of a prediction log; also while it is written.
    ///
    /// Parameters
    /// ----------
    /// folder : str or os.PathLike
    ///     What ``mlcore-serve`` was told to write its log into: it holds ``predictions`` and ``outcomes``.
    /// model : str, optional
    ///     Needed where the log has several.
    /// since, until : datetime.datetime or str, optional
    ///     The first moment of answers that are replayed, and the first after them; with a time zone.
    /// arms : list of str, optional
    ///     The arms that can answer, the default first. Default: those of the log, in the order of the probabilities that it has, or else
    ///     in that in which they first answer.
    /// versions : {"first", "all"}, optional
    ///     Whether the version with which each arm answers first is replayed, or all of them as if an arm were the same. Default ``first``.
    ///
    /// Returns
    /// -------
    /// ReplayLog
    ///
    /// Raises
    /// ------
    /// NotFoundError
    ///     Where there is no such folder.
    /// InvalidInputError
    ///     For a log of several models of which none is named, times in the wrong order, and where nothing is left to be replayed.
    /// CorruptError, UnsupportedError
    ///     For files that are none of a prediction log, or of a later schema.
    #[staticmethod]
    #[pyo3(signature = (folder, *, model = None, since = None, until = None, arms = None, versions = None))]
    fn read(
        py: Python<'_>,
        folder: PathBuf,
        model: Option<Text>,
        since: Option<&Bound<'_, PyAny>>,
        until: Option<&Bound<'_, PyAny>>,
        arms: Option<Vec<Text>>,
        versions: Option<&str>,
    ) -> PyResult<Self> {
        entry(py, |py| {
            let options = Wanted { model, since, until, arms, versions }.options(py)?;
            let log = detached(py, || {
                if !folder.is_dir() {
                    let problem = "there is no such folder";
                    return Err(mlcore::Error::not_found(REPLAY, folder.display().to_string(), problem)
                        .remedy("name the folder that the prediction log is written into"));
                }
                replay::ReplayLog::read(&LogReader::new(folder), &options)
            })?;
            Ok(Self { log })
        })
    }

    /// The arms that can answer, the default first.
    #[getter]
    fn arms(&self) -> Vec<&str> {
        self.log.arms().iter().map(|arm| arm.as_str()).collect()
    }

    /// How many requests are replayed.
    #[getter]
    fn requests(&self) -> u64 {
        self.log.requests()
    }

    /// What is left out, and what is odd: rows ``without_policy``, ``without_propensity``, of an ``unknown_arm`` and of an
    /// ``other_version`` are left out; those ``out_of_order``, ``without_unit``, with ``early_outcomes`` and with
    /// ``outcomes_without_loss`` are replayed.
    #[getter]
    fn left_out<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        plain(py, REPLAY, self.log.left_out())
    }

    /// Runs a policy over the log, with what the log knows of the arm that answered as evidence.
    ///
    /// A promotion gives the default arm the version and the behaviour of the arm that was promoted, and a rollback withdraws the arm.
    ///
    /// Parameters
    /// ----------
    /// policy : mlcore.rollout.Policy
    ///     It is changed by it: hand in one that has learnt nothing, or a state from which it is to go on.
    /// matching : {"every", "rejection"}, optional
    ///     Which requests are evidence: every one that the policy gives to the arm that answered it, for policies that compare arms; or of
    ///     these one with the probability of the log's smallest propensity over its own, for policies that learn from how often an
    ///     arm was tried, such as bandits. Default ``every``.
    /// seed : int, optional
    ///     With 0, the default, requests have the draws that the endpoint gave them.
    /// decide_interval : float, optional
    ///     Seconds of the log between two questions for a decision; 0 asks after every event. Default 1.
    /// reward : mlcore.rollout.RewardRule, optional
    ///     What a request earns. Default: values and regret are not told.
    /// truth : Truth, optional
    ///     What is known of the arms. Default: nothing.
    /// share_points : int, optional
    ///     In how many parts of equally many requests shares are told over time. Default 50.
    /// alpha : float, optional
    ///     One less the level of intervals. Default 0.05.
    ///
    /// Returns
    /// -------
    /// ReplayReport
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     For options that mean nothing, and for rewards that are no numbers.
    #[pyo3(signature = (
        policy, *, matching = None, seed = 0, decide_interval = 1.0, reward = None, truth = None, share_points = 50,
        alpha = 0.05
    ))]
    #[expect(clippy::too_many_arguments, reason = "keyword-only options of a Python signature")]
    fn replay(
        &self,
        py: Python<'_>,
        policy: &Bound<'_, PyAny>,
        matching: Option<&str>,
        seed: u64,
        decide_interval: f64,
        reward: Option<&Bound<'_, RewardRule>>,
        truth: Option<&Bound<'_, Truth>>,
        share_points: usize,
        alpha: f64,
    ) -> PyResult<ReplayReport> {
        entry(py, |py| {
            let play = Play { matching, seed, decide_interval, reward, truth, share_points, alpha };
            let (options, policy) = (play.options(py)?, self::policy(policy)?);
            let report = detached(py, || self.log.replay(policy, &options))?;
            ReplayReport::of(py, report)
        })
    }

    /// Runs a policy over the requests of the log, with what a function says that an arm does with a request as evidence: the traffic is
    /// that of the log, and the arms are not.
    ///
    /// Parameters
    /// ----------
    /// policy : mlcore.rollout.Policy
    ///     It is changed by it.
    /// function : callable
    ///     Of a :class:`SimulatedRequest` and the name of an arm; it answers a :class:`SimulatedAnswer`. It is asked about every arm for
    ///     every request, so that regret is known. What it raises ends the replay.
    /// seed, decide_interval, reward, truth, share_points, alpha
    ///     As :meth:`replay` takes them.
    ///
    /// Returns
    /// -------
    /// ReplayReport
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     As :meth:`replay`.
    /// InvalidTypeError
    ///     Where the function answers something else.
    #[pyo3(signature = (
        policy, function, *, seed = 0, decide_interval = 1.0, reward = None, truth = None, share_points = 50, alpha = 0.05
    ))]
    #[expect(clippy::too_many_arguments, reason = "keyword-only options of a Python signature")]
    fn simulate(
        &self,
        py: Python<'_>,
        policy: &Bound<'_, PyAny>,
        function: &Bound<'_, PyAny>,
        seed: u64,
        decide_interval: f64,
        reward: Option<&Bound<'_, RewardRule>>,
        truth: Option<&Bound<'_, Truth>>,
        share_points: usize,
        alpha: f64,
    ) -> PyResult<ReplayReport> {
        entry(py, |py| {
            let play = Play { matching: None, seed, decide_interval, reward, truth, share_points, alpha };
            let (options, policy) = (play.options(py)?, self::policy(policy)?);
            if !function.is_callable() {
                let problem = format!("a function is expected, and it is a {}", type_name(function));
                let remedy = "pass a function of a SimulatedRequest and the name of an arm";
                return Err(wrong_type(py, REPLAY, "function", problem, remedy));
            }
            let report = simulate(py, &self.log, policy, &options, function)?;
            ReplayReport::of(py, report)
        })
    }

    /// Shows a detector the numbers of the log, of all requests or of those that one arm answered. No arm is chosen anew.
    ///
    /// Parameters
    /// ----------
    /// detector : mlcore.drift.StreamDetector
    ///     Such as ``ADWIN()``. It is changed by it: hand in a new one.
    /// value : {"failure", "latency_seconds", "loss", "label"}, optional
    ///     What it watches: 1 for a request that failed and 0 for another; seconds until the answer, of those that were answered; losses and
    ///     labels, when they were reported.
    /// feature : str, optional
    ///     A raw feature that it watches, of each row; what is no number there is passed over. One of ``value`` and ``feature`` is given.
    /// arm : str, optional
    ///     The arm whose requests are watched. Default: all.
    /// truth : Truth, optional
    ///     The moment counts, and the arm where one is watched: an alarm from then on is right.
    ///
    /// Returns
    /// -------
    /// DetectorReport
    ///
    /// Raises
    /// ------
    /// NotFoundError
    ///     For an arm that the log does not have.
    /// InvalidInputError
    ///     For another value, and for two of them.
    #[pyo3(signature = (detector, value = None, *, feature = None, arm = None, truth = None))]
    fn replay_detector(
        &self,
        py: Python<'_>,
        detector: &Bound<'_, PyAny>,
        value: Option<&str>,
        feature: Option<Text>,
        arm: Option<Text>,
        truth: Option<&Bound<'_, Truth>>,
    ) -> PyResult<DetectorReport> {
        entry(py, |py| {
            let watcher = detector.cast::<StreamDetector>().map_err(|_| {
                let problem = format!("a detector is expected, and it is a {}", type_name(detector));
                wrong_type(py, REPLAY, "detector", problem, "pass one of mlcore.drift, such as ADWIN()")
            })?;
            let value = watched(py, value, feature)?;
            let arm = arm.map(|name| self::arm(py, &name)).transpose()?;
            let (watcher, truth) = (watcher.get(), self::truth(truth));
            let report = detached(py, || {
                let mut detector = interrupt::lock(REPLAY, watcher.shared())?;
                self.log.replay_detector(&mut **detector, &value, arm.as_ref(), &truth)
            })?;
            DetectorReport::of(py, &report)
        })
    }

    /// Shows a drift monitor the raw features of the log, row by row in the order of the answers. A column that a row does not have is
    /// null there; a window that is not full at the end has no verdict.
    ///
    /// Parameters
    /// ----------
    /// monitor : mlcore.drift.Monitor
    ///     It is changed by it: hand in a new one.
    /// truth : Truth, optional
    ///     What is known: a window that drifted is an alarm.
    ///
    /// Returns
    /// -------
    /// MonitorReport
    ///
    /// Raises
    /// ------
    /// NotFoundError
    ///     Where the log has none of the monitor's columns: they were tensors, or redacted.
    #[pyo3(signature = (monitor, *, truth = None))]
    fn replay_monitor(
        &self,
        py: Python<'_>,
        monitor: &Bound<'_, PyAny>,
        truth: Option<&Bound<'_, Truth>>,
    ) -> PyResult<MonitorReport> {
        entry(py, |py| {
            let watcher = monitor.cast::<Monitor>().map_err(|_| {
                let problem = format!("a monitor is expected, and it is a {}", type_name(monitor));
                wrong_type(py, REPLAY, "monitor", problem, "pass an mlcore.drift.Monitor")
            })?;
            let (watcher, truth) = (watcher.get(), self::truth(truth));
            let report = detached(py, || self.log.replay_monitor(&mut *watcher.locked()?, &truth))?;
            MonitorReport::of(py, &report)
        })
    }

    fn __len__(&self) -> usize {
        usize::try_from(self.log.requests()).unwrap_or(usize::MAX)
    }

    fn __repr__(&self) -> String {
        format!(
            "<mlcore.replay.ReplayLog: {} requests, arms {}>",
            self.log.requests(),
            self.arms().join(", ")
        )
    }
}

/// What a detector watches.
fn watched(py: Python<'_>, value: Option<&str>, feature: Option<Text>) -> PyResult<StreamValue> {
    let remedy = "pass value= failure, latency_seconds, loss or label, or feature= a name";
    let refuse = |problem: String| Err(invalid(py, REPLAY, "value", problem, remedy));
    match (value, feature) {
        (None, Some(feature)) => Ok(StreamValue::Feature(feature.into_string())),
        (Some("failure"), None) => Ok(StreamValue::Failure),
        (Some("latency_seconds"), None) => Ok(StreamValue::LatencySeconds),
        (Some("loss"), None) => Ok(StreamValue::Loss),
        (Some("label"), None) => Ok(StreamValue::Label),
        (Some(other), None) => refuse(format!("{other:?} is none that a log has")),
        (None, None) => refuse("nothing is said of what is watched".to_owned()),
        (Some(_), Some(_)) => refuse("a value and a feature are given".to_owned()),
    }
}
