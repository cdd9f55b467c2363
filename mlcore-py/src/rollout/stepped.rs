//! A release in steps, as Python holds it.

use std::sync::Arc;

use mlcore::rollout::{self, SteppedCanaryOptions};
use pyo3::prelude::*;
use pyo3::types::PyList;

use super::arm;
use super::asked::{moment, time_of_day};
use super::canary::{self, Guardrail};
use super::pickle::{Reduced, reduced};
use super::policy::{Policy, class_of};
use crate::door::Text;
use crate::error::{detached, entry, raise};
use crate::plain::plain;
use crate::runner::duration;

/// One step of a :class:`SteppedCanary`, in the words of Argo Rollouts.
///
/// Examples
/// --------
/// >>> from mlcore.rollout import CanaryStep
/// >>> CanaryStep.set_weight(0.2), CanaryStep.pause(600.0), CanaryStep.manual_gate(), CanaryStep.analysis()
/// (CanaryStep.set_weight(0.2), CanaryStep.pause(600.0), CanaryStep.manual_gate(), CanaryStep.analysis())
#[pyclass(module = "mlcore.rollout", frozen, eq)]
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CanaryStep {
    pub(super) step: rollout::CanaryStep,
}

#[pymethods]
impl CanaryStep {
    /// Gives the canary this share of the units, in ``(0, 1]``.
    #[staticmethod]
    fn set_weight(share: f64) -> Self {
        Self { step: rollout::CanaryStep::set_weight(share) }
    }

    /// Waits for so many seconds, so that harm that comes late is seen.
    #[staticmethod]
    fn pause(py: Python<'_>, seconds: f64) -> PyResult<Self> {
        let duration = duration(py, "build canary step", "seconds", seconds)?;
        Ok(Self { step: rollout::CanaryStep::pause(duration) })
    }

    /// Waits until :meth:`SteppedCanary.resume`.
    #[staticmethod]
    fn manual_gate() -> Self {
        Self { step: rollout::CanaryStep::ManualGate }
    }

    /// Waits until every guardrail is cleared, by evidence of the share that there is.
    #[staticmethod]
    fn analysis() -> Self {
        Self { step: rollout::CanaryStep::Analysis }
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Reduced<'py>> {
        reduced(py, "step", &self.step)
    }

    fn __repr__(&self) -> String {
        let (name, arguments) = self.call();
        let arguments: Vec<String> = arguments.iter().map(|argument| format!("{argument:?}")).collect();
        format!("CanaryStep.{name}({})", arguments.join(", "))
    }
}

impl CanaryStep {
    /// How it was made.
    fn call(&self) -> (&'static str, Vec<f64>) {
        match &self.step {
            rollout::CanaryStep::SetWeight { share, .. } => ("set_weight", vec![*share]),
            rollout::CanaryStep::Pause { duration, .. } => ("pause", vec![duration.as_secs_f64()]),
            rollout::CanaryStep::ManualGate => ("manual_gate", Vec::new()),
            // Others are newer than this binding, and cannot have been made by it.
            _ => ("analysis", Vec::new()),
        }
    }
}

/// Hours of some days of the week.
///
/// A window that ends before it begins goes on past midnight, and belongs to the day on which it began. One from midnight until
/// midnight is the whole day.
///
/// Parameters
/// ----------
/// days : list of {"monday", ..., "sunday"}
///     The days on which it begins.
/// start : datetime.time or str
///     When it begins.
/// until : datetime.time or str
///     The first moment after it.
///
/// Raises
/// ------
/// InvalidInputError
///     For what is no day and no time of day.
///
/// Examples
/// --------
/// >>> from mlcore.rollout import Window
/// >>> Window(["monday", "tuesday"], "09:00", "16:00")
/// Window(['monday', 'tuesday'], '09:00:00', '16:00:00')
#[pyclass(module = "mlcore.rollout", frozen, eq)]
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Window {
    window: rollout::Window,
}

#[pymethods]
impl Window {
    #[new]
    #[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over owned lists")]
    fn new(
        py: Python<'_>,
        days: Vec<Text>,
        start: &Bound<'_, PyAny>,
        until: &Bound<'_, PyAny>,
    ) -> PyResult<Self> {
        entry(py, |py| {
            let days: mlcore::Result<Vec<rollout::Weekday>> = days.iter().map(|day| day.parse()).collect();
            let days = days.map_err(|error| raise(py, &error))?;
            let start = time_of_day(start, "build window", "start")?;
            let until = time_of_day(until, "build window", "until")?;
            Ok(Self { window: rollout::Window::new(days, start, until) })
        })
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> (Bound<'py, PyAny>, (Vec<&'static str>, String, String)) {
        let rollout::Window { days, from, until, .. } = &self.window;
        let days = days.iter().map(|day| day.name()).collect();
        (py.get_type::<Self>().into_any(), (days, from.to_string(), until.to_string()))
    }

    fn __repr__(&self) -> String {
        let rollout::Window { days, from, until, .. } = &self.window;
        let days: Vec<String> = days.iter().map(|day| format!("'{day}'")).collect();
        format!("Window([{}], '{from}', '{until}')", days.join(", "))
    }
}

/// When a release may move traffic: in windows of a week, in UTC or at a fixed offset from it.
///
/// A fixed offset knows no daylight saving time: in a zone that has it, the windows are an hour off for a half of the year.
///
/// Parameters
/// ----------
/// windows : list of Window
///     It is open while one of them is.
/// offset_minutes : int, optional
///     How far its clocks are ahead of UTC. Default 0.
///
/// Examples
/// --------
/// >>> from mlcore.rollout import Schedule, Window
/// >>> hours = Window(["monday", "tuesday", "wednesday", "thursday"], "09:00", "16:00")
/// >>> tokyo = Schedule([hours], offset_minutes=9 * 60)
/// >>> tokyo.is_open("2026-11-26T00:30:00Z"), tokyo.is_open("2026-11-27T00:30:00Z")
/// (True, False)
#[pyclass(module = "mlcore.rollout", frozen, eq)]
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Schedule {
    schedule: rollout::Schedule,
}

#[pymethods]
impl Schedule {
    #[new]
    #[pyo3(signature = (windows, offset_minutes = 0))]
    #[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over owned lists")]
    fn new(windows: Vec<PyRef<'_, Window>>, offset_minutes: i32) -> Self {
        let windows = windows.iter().map(|window| window.window.clone());
        Self { schedule: rollout::Schedule::new(windows).with_offset_minutes(offset_minutes) }
    }

    /// Whether traffic may be moved at this moment: a datetime with a time zone, or its ISO 8601 text.
    fn is_open(&self, py: Python<'_>, at: &Bound<'_, PyAny>) -> PyResult<bool> {
        entry(py, |_| Ok(self.schedule.is_open(moment(at, "ask schedule", "at")?)))
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> (Bound<'py, PyAny>, (Vec<Window>, i32)) {
        let windows = self.schedule.windows.iter().map(|window| Window { window: window.clone() });
        (py.get_type::<Self>().into_any(), (windows.collect(), self.schedule.offset_minutes))
    }

    fn __str__(&self) -> String {
        self.schedule.to_string()
    }

    fn __repr__(&self) -> String {
        format!("<mlcore.rollout.Schedule {}>", self.schedule)
    }
}

/// A release on trial in steps that somebody wrote down: Argo Rollouts' canary, for arms of a model.
///
/// A step gives the canary a share, pauses for a time, waits for an operator, or analyses: it passes when the evidence since the
/// last share excludes that any guardrail is exceeded, and holds while that is open. Harm that is certain rolls the canary back
/// at once, at whatever step. No data means hold. Units are assigned as a :class:`Canary` assigns them.
///
/// With a schedule the share grows, and the canary is promoted, only while it is open, by the time that :meth:`Policy.tell_time`
/// tells; a policy that was never told holds and says so. Harm and operators do not wait for it.
///
/// Parameters
/// ----------
/// control : str
///     The arm that answers everybody else.
/// canary : str
///     The arm on trial.
/// salt : str
///     Decides which units are on trial; each release wants its own.
/// steps : list of CanaryStep
///     What is done, one after the other. Shares grow, within ``(0, 1)``; after the last step the canary is promoted.
/// guardrails : list of Guardrail, optional
///     What must not get worse, at any share; an analysis needs one.
/// alpha : float, optional
///     The probability of ever rolling back a canary that is within all margins, and of any analysis ever passing one that is beyond
///     a margin. Default 0.05.
/// min_samples : int, optional
///     Values of each metric that each arm must have for an analysis to pass. Default 100.
/// schedule : Schedule, optional
///     When the share may grow and the canary be promoted. Default: at any time.
///
/// Raises
/// ------
/// InvalidInputError
///     When control and canary are one arm, for shares that do not grow, an analysis before the first share or without a guardrail,
///     an ``alpha`` outside ``(0, 1)``, and a schedule that is never open.
///
/// Examples
/// --------
/// >>> from mlcore.rollout import CanaryStep, SteppedCanary
/// >>> release = SteppedCanary(salt="churn/7", steps=[
/// ...     CanaryStep.set_weight(0.05), CanaryStep.pause(600.0), CanaryStep.set_weight(0.5), CanaryStep.manual_gate(),
/// ... ])
/// >>> release.decide(0.0)["share"], release.decide(599.0)["reason"]
/// (0.05, 'step 2 of 4: paused for 599s of 600s')
/// >>> release.decide(600.0)["share"], release.decide(601.0)["reason"]
/// (0.5, 'step 4 of 4: it waits for an operator to resume it')
/// >>> release.resume()
/// >>> release.decide(602.0)["decision"]
/// 'promote'
#[pyclass(module = "mlcore.rollout", frozen, extends = Policy)]
#[derive(Debug)]
pub(crate) struct SteppedCanary {
    policy: Arc<rollout::SteppedCanary>,
}

class_of!(SteppedCanary, rollout::SteppedCanary);

#[pymethods]
impl SteppedCanary {
    #[new]
    #[pyo3(
        signature = (
            control = Text::new("champion"), canary = Text::new("canary"), *, salt, steps, guardrails = Vec::new(),
            alpha = None, min_samples = None, schedule = None
        ),
        text_signature = "(control='champion', canary='canary', *, salt, steps, guardrails=(), alpha=None, \
            min_samples=None, schedule=None)"
    )]
    #[expect(clippy::too_many_arguments, reason = "keyword-only options of a Python signature")]
    #[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over owned lists")]
    fn new(
        py: Python<'_>,
        control: Text,
        canary: Text,
        salt: Text,
        steps: Vec<PyRef<'_, CanaryStep>>,
        guardrails: Vec<PyRef<'_, Guardrail>>,
        alpha: Option<f64>,
        min_samples: Option<u64>,
        schedule: Option<PyRef<'_, Schedule>>,
    ) -> PyResult<PyClassInitializer<Self>> {
        entry(py, |py| {
            let steps: Vec<rollout::CanaryStep> = steps.iter().map(|step| step.step.clone()).collect();
            let guardrails = guardrails.iter().map(|guardrail| guardrail.guardrail.clone());
            let (control, canary) = (arm(py, &control)?, arm(py, &canary)?);
            let mut options =
                SteppedCanaryOptions::new(control, canary, salt.into_string(), steps, guardrails);
            if let Some(alpha) = alpha {
                options = options.with_alpha(alpha);
            }
            if let Some(min_samples) = min_samples {
                options = options.with_min_samples(min_samples);
            }
            if let Some(schedule) = schedule {
                options = options.with_schedule(schedule.schedule.clone());
            }
            rollout::SteppedCanary::new(options).map(Self::of).map_err(|error| raise(py, &error))
        })
    }

    /// Ends the pause or opens the gate that the release waits at.
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     Where it waits at neither, or is over.
    fn resume(&self, py: Python<'_>) -> PyResult<()> {
        entry(py, |py| detached(py, || self.policy.resume()))
    }

    /// Withdraws the canary, for this reason. Does nothing where it was rolled back already.
    #[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over owned texts")]
    fn abort(&self, py: Python<'_>, reason: Text) -> PyResult<()> {
        self.tell(py, |policy| policy.abort(&reason))
    }

    /// Skips the rest and promotes the canary, whatever the schedule says: Argo's ``promote --full``.
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     Where it was rolled back.
    fn promote(&self, py: Python<'_>) -> PyResult<()> {
        entry(py, |py| detached(py, || self.policy.promote()))
    }

    /// Begins a release anew that was aborted or rolled back and is not withdrawn yet: at the first step, without evidence.
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     Where it was neither.
    fn retry(&self, py: Python<'_>) -> PyResult<()> {
        entry(py, |py| detached(py, || self.policy.retry()))
    }

    /// Stops it from growing and from being promoted, until it is thawed; pauses go on, and harm still rolls it back.
    fn freeze(&self, py: Python<'_>, reason: Text) -> PyResult<()> {
        self.tell(py, |policy| policy.freeze(reason.into_string()))
    }

    /// Lets it grow again.
    fn thaw(&self, py: Python<'_>) -> PyResult<()> {
        self.tell(py, rollout::SteppedCanary::thaw)
    }

    /// The canary's share of units now: 0 before the first step and after a rollback.
    #[getter]
    fn share(&self, py: Python<'_>) -> PyResult<f64> {
        self.look(py, rollout::SteppedCanary::share)
    }

    /// Where it stands: ``{"phase": "running", "step": 0}``, or ``passed`` or ``rolled_back`` with a ``reason``.
    #[getter]
    fn phase<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        plain(py, "read phase", &self.look(py, rollout::SteppedCanary::phase)?)
    }

    /// What is known at the present share: for each guardrail the count and the mean of its metric in both arms.
    #[getter]
    fn evidence<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let known = self.look(py, rollout::SteppedCanary::evidence)?;
        canary::evidence(py, &self.policy.options().guardrails, &known)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let (phase, share) = self.look(py, |policy| (policy.phase(), policy.share()))?;
        let SteppedCanaryOptions { control, canary, steps, .. } = self.policy.options();
        let state = match phase {
            rollout::Phase::Running { step } => format!("step {} of {}", step + 1, steps.len()),
            rollout::Phase::Passed { .. } => "passed".to_owned(),
            rollout::Phase::RolledBack { .. } => "rolled back".to_owned(),
            _ => "between steps".to_owned(),
        };
        let percent = share * 100.0;
        Ok(format!("<mlcore.rollout.SteppedCanary {canary} against {control}: {state}, {percent:.3} %>"))
    }
}

impl SteppedCanary {
    /// Asks the release. It is waited for without the interpreter, which whoever has it may need.
    fn look<T: Send>(
        &self,
        py: Python<'_>,
        look: impl FnOnce(&rollout::SteppedCanary) -> T + Send,
    ) -> PyResult<T> {
        entry(py, |py| detached(py, || Ok(look(&self.policy))))
    }

    fn tell(&self, py: Python<'_>, tell: impl FnOnce(&rollout::SteppedCanary) + Send) -> PyResult<()> {
        self.look(py, tell)
    }
}
