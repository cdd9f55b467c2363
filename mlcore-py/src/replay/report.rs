//! What a policy did with the traffic of a log, as Python holds it.

use std::sync::Arc;

use mlcore::arrow::array::{ArrayRef, Float64Array, StringArray, TimestampMicrosecondArray, UInt64Array};
use mlcore::rollout::Decision;
use mlcore::time::Timestamp;
use mlcore_serve::replay;
use pyo3::prelude::*;
use serde::Serialize;

use super::arguments::REPLAY;
use super::simulated::moment;
use crate::error::{detached, entry};
use crate::plain::{json, plain};
use crate::rollout::{batch, framed};

/// What a policy did with the traffic of a log: text by ``str``, plain values by :meth:`to_dict`, frames by three methods.
///
/// Times are those of the log, in :meth:`to_dict` and in dicts as ISO 8601 text; durations are seconds. Requests are counted when
/// they are decided.
#[pyclass(module = "mlcore.replay", frozen)]
#[derive(Debug)]
pub(crate) struct ReplayReport {
    report: replay::ReplayReport,
    /// Where the evidence came from: ``logged_arms`` or ``simulated_arms``.
    #[pyo3(get)]
    mode: &'static str,
    /// The seed of the draws.
    #[pyo3(get)]
    seed: u64,
    /// When the first request was decided, and when the last event happened: datetimes in UTC.
    #[pyo3(get)]
    span: (Py<PyAny>, Py<PyAny>),
    /// The requests that the policy was asked about.
    #[pyo3(get)]
    requests: u64,
    /// Those of them that were evidence. All, where arms are simulated.
    #[pyo3(get)]
    matched: u64,
    /// How many requests of a log that the policy wrote itself would tell as much; None where arms are simulated.
    #[pyo3(get)]
    effective_sample_size: Option<f64>,
    /// As :attr:`ReplayLog.left_out`.
    #[pyo3(get)]
    left_out: Py<PyAny>,
    /// Each arm, the default first: ``arm``, ``requests``, ``matched``, ``failures``, ``losses``, ``mean_loss``, ``value``. After a
    /// promotion the requests of the default arm count as those of the arm that was promoted.
    #[pyo3(get)]
    arms: Py<PyAny>,
    /// Steps, promotions and rollbacks: ``decision``, ``arm``, ``share``, ``reason``, ``at``, ``elapsed_seconds``, ``requests`` and
    /// ``arm_requests`` until then.
    #[pyo3(get)]
    decisions: Py<PyAny>,
    /// The reason of the last hold: what the policy waits for; empty where it never held.
    #[pyo3(get)]
    waits_for: String,
    /// The shares of requests, part by part: ``at``, ``requests``, and ``shares`` in the order of the arms.
    #[pyo3(get)]
    shares: Py<PyAny>,
    /// The first promotion: ``arm``, ``at``, ``elapsed_seconds``, ``requests``, ``arm_requests``; None where there was none.
    #[pyo3(get)]
    promotion: Py<PyAny>,
    /// The first rollback.
    #[pyo3(get)]
    rollback: Py<PyAny>,
    /// Alarms beside the truth: ``false_alarms``, ``detection`` (``at``, ``delay_seconds``, ``requests``), ``promoted_worse``; None where
    /// nobody knows it. An alarm is a rollback.
    #[pyo3(get)]
    judged: Py<PyAny>,
    /// The arms that earn less: ``arms``, ``by`` what that is known, and the ``requests`` that they answered; None where nobody knows it.
    #[pyo3(get)]
    worse_arm: Py<PyAny>,
    /// What a request earned: ``value``, ``standard_error``, ``interval``, ``requests``, ``effective_sample_size``; None without a reward.
    #[pyo3(get)]
    value: Py<PyAny>,
    /// What was not earned: ``best``, ``per_request``, ``total``, ``is_estimated``; None without a reward.
    #[pyo3(get)]
    regret: Py<PyAny>,
}

#[pymethods]
impl ReplayReport {
    /// The report as plain dicts and lists.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        entry(py, |py| plain(py, REPLAY, &self.report))
    }

    /// The report as JSON.
    fn to_json(&self, py: Python<'_>) -> PyResult<String> {
        entry(py, |py| json(py, REPLAY, &self.report))
    }

    /// A row for each arm.
    ///
    /// Parameters
    /// ----------
    /// library : {"pandas", "polars", "arrow"}, optional
    ///     What makes the frame; "arrow" is a table that every library of Arrow takes. Default: pandas if it is installed, otherwise
    ///     polars.
    ///
    /// Returns
    /// -------
    /// frame
    ///     With the columns ``arm``, ``requests``, ``matched``, ``failures``, ``losses``, ``mean_loss``, ``value``, ``standard_error``,
    ///     ``value_low`` and ``value_high``; what is not known is missing.
    #[pyo3(signature = (library = None))]
    fn arms_frame<'py>(&self, py: Python<'py>, library: Option<&str>) -> PyResult<Bound<'py, PyAny>> {
        entry(py, |py| {
            let arms = &self.report.arms;
            let count = |of: fn(&replay::ArmReplay) -> u64| -> ArrayRef {
                Arc::new(UInt64Array::from_iter_values(arms.iter().map(of)))
            };
            let number = |of: &dyn Fn(&replay::ArmReplay) -> Option<f64>| -> ArrayRef {
                Arc::new(arms.iter().map(of).collect::<Float64Array>())
            };
            let names: StringArray = arms.iter().map(|arm| Some(arm.arm.as_str())).collect();
            let table = batch([
                ("arm", Arc::new(names) as ArrayRef),
                ("requests", count(|arm| arm.requests)),
                ("matched", count(|arm| arm.matched)),
                ("failures", count(|arm| arm.failures)),
                ("losses", count(|arm| arm.losses)),
                ("mean_loss", number(&|arm| arm.mean_loss)),
                ("value", number(&|arm| arm.value.map(|value| value.value))),
                ("standard_error", number(&|arm| arm.value.and_then(|value| value.standard_error))),
                ("value_low", number(&|arm| arm.value.and_then(|value| value.interval).map(|ends| ends.0))),
                ("value_high", number(&|arm| arm.value.and_then(|value| value.interval).map(|ends| ends.1))),
            ]);
            framed(py, &detached(py, || table)?, library)
        })
    }

    /// A row for each part of the requests.
    ///
    /// Parameters
    /// ----------
    /// library : {"pandas", "polars", "arrow"}, optional
    ///     As :meth:`arms_frame` takes it.
    ///
    /// Returns
    /// -------
    /// frame
    ///     With the columns ``at``, ``requests``, and ``share.<arm>`` for each arm, whose sum is 1.
    #[pyo3(signature = (library = None))]
    fn shares_frame<'py>(&self, py: Python<'py>, library: Option<&str>) -> PyResult<Bound<'py, PyAny>> {
        entry(py, |py| {
            let replay::ReplayReport { shares: points, arms, .. } = &self.report;
            let requests = UInt64Array::from_iter_values(points.iter().map(|point| point.requests));
            let mut columns: Vec<(String, ArrayRef)> = vec![
                ("at".to_owned(), times(points.iter().map(|point| point.at))),
                ("requests".to_owned(), Arc::new(requests)),
            ];
            for (position, arm) in arms.iter().enumerate() {
                let own = points.iter().map(|point| point.shares.get(position).copied());
                columns.push((format!("share.{}", arm.arm), Arc::new(own.collect::<Float64Array>())));
            }
            let columns = columns.iter().map(|(name, array)| (name.as_str(), array.clone()));
            let table = batch(columns);
            framed(py, &detached(py, || table)?, library)
        })
    }

    /// A row for each step, promotion and rollback.
    ///
    /// Parameters
    /// ----------
    /// library : {"pandas", "polars", "arrow"}, optional
    ///     As :meth:`arms_frame` takes it.
    ///
    /// Returns
    /// -------
    /// frame
    ///     With the columns ``at``, ``elapsed_seconds``, ``decision``, ``arm``, ``share``, ``requests``, ``arm_requests`` and ``reason``.
    #[pyo3(signature = (library = None))]
    fn decisions_frame<'py>(&self, py: Python<'py>, library: Option<&str>) -> PyResult<Bound<'py, PyAny>> {
        entry(py, |py| {
            let made = &self.report.decisions;
            let text = |of: &dyn Fn(&Decision) -> Option<String>| -> ArrayRef {
                Arc::new(made.iter().map(|own| of(&own.decision)).collect::<StringArray>())
            };
            let count = |of: fn(&replay::ReplayDecision) -> u64| -> ArrayRef {
                Arc::new(UInt64Array::from_iter_values(made.iter().map(of)))
            };
            let share = |own: &replay::ReplayDecision| match own.decision {
                Decision::Step { share, .. } => Some(share),
                _ => None,
            };
            let elapsed = made.iter().map(|own| Some(own.elapsed.as_secs_f64()));
            let table = batch([
                ("at", times(made.iter().map(|own| own.at))),
                ("elapsed_seconds", Arc::new(elapsed.collect::<Float64Array>()) as ArrayRef),
                ("decision", text(&|decision| Some(word(decision).to_owned()))),
                ("arm", text(&|decision| decision.arm().map(ToString::to_string))),
                ("share", Arc::new(made.iter().map(share).collect::<Float64Array>())),
                ("requests", count(|own| own.requests)),
                ("arm_requests", count(|own| own.arm_requests)),
                ("reason", text(&|decision| Some(decision.reason().to_owned()))),
            ]);
            framed(py, &detached(py, || table)?, library)
        })
    }

    fn __str__(&self) -> String {
        self.report.to_string()
    }

    fn __repr__(&self) -> String {
        let (requests, matched) = (self.requests, self.matched);
        format!("<mlcore.replay.ReplayReport {}: {requests} requests, {matched} matched>", self.mode)
    }
}

impl ReplayReport {
    pub(super) fn of(py: Python<'_>, report: replay::ReplayReport) -> PyResult<Self> {
        let (start, end) = report.span;
        Ok(Self {
            mode: report.mode.name(),
            seed: report.seed,
            span: (moment(py, start)?.unbind(), moment(py, end)?.unbind()),
            requests: report.requests,
            matched: report.matched,
            effective_sample_size: report.effective_sample_size,
            left_out: part(py, &report.left_out)?,
            arms: part(py, &report.arms)?,
            decisions: part(py, &report.decisions)?,
            waits_for: report.waits_for.clone(),
            shares: part(py, &report.shares)?,
            promotion: part(py, &report.promotion)?,
            rollback: part(py, &report.rollback)?,
            judged: part(py, &report.judged)?,
            worse_arm: part(py, &report.worse_arm)?,
            value: part(py, &report.value)?,
            regret: part(py, &report.regret)?,
            report,
        })
    }
}

/// A part of a report as plain dicts and lists.
pub(super) fn part(py: Python<'_>, value: &impl Serialize) -> PyResult<Py<PyAny>> {
    plain(py, REPLAY, value).map(Bound::unbind)
}

/// Moments as a column in UTC.
pub(super) fn times(moments: impl Iterator<Item = Timestamp>) -> ArrayRef {
    let counts = moments.map(Timestamp::as_micros);
    Arc::new(TimestampMicrosecondArray::from_iter_values(counts).with_timezone("UTC"))
}

fn word(decision: &Decision) -> &'static str {
    match decision {
        Decision::Step { .. } => "step",
        Decision::Promote { .. } => "promote",
        Decision::RollBack { .. } => "roll_back",
        _ => "hold",
    }
}
