//! A release on trial, as Python holds it.

use std::ffi::CString;
use std::sync::Arc;

use mlcore::rollout::{self, CanaryOptions, Metric, Ramp, RampOptions};
use pyo3::exceptions::PyUserWarning;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use super::arm;
use super::policy::{Policy, class_of};
use crate::door::Text;
use crate::error::{detached, entry, invalid, raise};
use crate::plain::plain;
use crate::runner::duration;

/// How much worse than the control the canary may be.
///
/// Parameters
/// ----------
/// metric : {"error_rate", "slow_share", "loss"} or str
///     The share of requests that failed; the share of answers slower than ``budget``; the mean loss of the answers whose
///     outcome is known. ``measured:cost`` is the mean of a number that is reported under the name ``cost``, and ``judged:drift``
///     the share of verdicts under the name ``drift`` that are against the arm: see :meth:`Policy.observe`. Less is better for all
///     of them.
/// margin : float
///     By how much the canary's metric may exceed the control's, in the metric's unit: 0.01 is one request in a hundred.
/// limit : float, optional
///     Rolls back as soon as the canary's share is certainly above it, whatever the control's is: for outright failure,
///     found within a few requests. Not for ``loss``.
/// budget : float, optional
///     Seconds; ``slow_share`` needs it and only that takes it.
///
/// Raises
/// ------
/// InvalidInputError
///     For a margin that is not positive and finite, and for a limit outside ``(0, 1)``.
///
/// Examples
/// --------
/// >>> from mlcore.rollout import Guardrail
/// >>> Guardrail("slow_share", 0.05, budget=0.02)
/// Guardrail('slow_share', 0.05, budget=0.02)
#[pyclass(module = "mlcore.rollout", frozen)]
#[derive(Debug)]
pub(crate) struct Guardrail {
    pub(super) guardrail: rollout::Guardrail,
    /// In seconds, as it was given.
    budget: Option<f64>,
}

#[pymethods]
impl Guardrail {
    #[new]
    #[pyo3(signature = (metric, margin, *, limit = None, budget = None))]
    #[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over owned texts")]
    fn new(
        py: Python<'_>,
        metric: Text,
        margin: f64,
        limit: Option<f64>,
        budget: Option<f64>,
    ) -> PyResult<Self> {
        entry(py, |py| {
            let slow =
                budget.map(|seconds| duration(py, "build guardrail", "budget", seconds)).transpose()?;
            let guardrail = Metric::named(&metric, slow)
                .and_then(|metric| rollout::Guardrail::new(metric, margin))
                .and_then(|built| match limit {
                    Some(limit) => built.with_limit(limit),
                    None => Ok(built),
                })
                .map_err(|error| raise(py, &error))?;
            Ok(Self { guardrail, budget })
        })
    }

    /// What it watches.
    #[getter]
    fn metric(&self) -> String {
        self.guardrail.metric().spelling()
    }

    /// How much worse the canary may be.
    #[getter]
    fn margin(&self) -> f64 {
        self.guardrail.margin()
    }

    fn __repr__(&self) -> String {
        let option = |name: &str, value: Option<f64>| {
            value.map_or_else(String::new, |value| format!(", {name}={value:?}"))
        };
        let (limit, budget) = (option("limit", self.guardrail.limit()), option("budget", self.budget));
        format!("Guardrail('{}', {:?}{limit}{budget})", self.metric(), self.margin())
    }
}

/// What a release is expected to meet.
///
/// Parameters
/// ----------
/// metric : {"error_rate", "slow_share", "loss"} or str
///     One that a guardrail watches.
/// baseline : float
///     What is known of the control: its share of errors or of slow answers; of a loss its standard deviation.
/// harm : float
///     By how much a canary that must be found would be worse.
/// requests : int, optional
///     How many requests of both arms each step has. A canary that cannot decide by them warns when it is built.
/// budget : float, optional
///     Seconds; ``slow_share`` needs it and only that takes it.
///
/// Raises
/// ------
/// InvalidInputError
///     For a harm that is not positive and finite, and for shares outside of 0 to 1.
///
/// Examples
/// --------
/// >>> from mlcore.rollout import Traffic
/// >>> Traffic("error_rate", 0.02, 0.02, requests=50_000)
/// Traffic('error_rate', 0.02, 0.02, requests=50000)
#[pyclass(module = "mlcore.rollout", frozen)]
#[derive(Debug)]
pub(crate) struct Traffic {
    traffic: rollout::Traffic,
    /// In seconds, as it was given.
    budget: Option<f64>,
}

#[pymethods]
impl Traffic {
    #[new]
    #[pyo3(signature = (metric, baseline, harm, *, requests = None, budget = None))]
    fn new(
        py: Python<'_>,
        metric: &str,
        baseline: f64,
        harm: f64,
        requests: Option<u64>,
        budget: Option<f64>,
    ) -> PyResult<Self> {
        entry(py, |py| {
            let slow = budget.map(|seconds| duration(py, "expect traffic", "budget", seconds)).transpose()?;
            let traffic = Metric::named(metric, slow)
                .and_then(|metric| rollout::Traffic::new(metric, baseline, harm))
                .map_err(|error| raise(py, &error))?;
            let traffic = match requests {
                Some(requests) => traffic.with_requests(requests),
                None => traffic,
            };
            Ok(Self { traffic, budget })
        })
    }

    fn __repr__(&self) -> String {
        let rollout::Traffic { metric, baseline, harm, requests, .. } = &self.traffic;
        let requests = requests.map_or_else(String::new, |requests| format!(", requests={requests}"));
        let budget = self.budget.map_or_else(String::new, |budget| format!(", budget={budget:?}"));
        format!("Traffic('{}', {baseline:?}, {harm:?}{requests}{budget})", metric.spelling())
    }
}

/// A release on trial: a growing share of units gets the canary, as long as no guardrail finds harm.
///
/// It may be asked after every request and its answers stay valid, because they rest on bets and confidence sequences: it is
/// rolled back when a metric is certainly worse than its margin, grows when every metric is certainly not, and else holds. A unit
/// that got the canary keeps it while the share grows. The object is shared with the endpoint that it is given to.
///
/// Evidence belongs to the two versions that it is about: where another version answers for one of the arms, the canary begins
/// at its first step. A loss counts as at most 1,000 margins away from the median of the first 30 of its step, so that one
/// outcome of 1e99 does not hold the release up for ever.
///
/// Parameters
/// ----------
/// control : str
///     The arm that answers everybody else.
/// canary : str
///     The arm on trial.
/// salt : str
///     Decides which units are on trial. Each release wants its own, or the same units would always go first.
/// guardrails : list of Guardrail
///     What must not get worse; at least one.
/// steps : list of float, optional
///     The canary's share at each step; after the last one it is promoted. Default 0.05, 0.2, 0.5.
/// alpha : float, optional
///     The probability of ever rolling back a canary that is within all margins, and of ever letting one grow that is
///     beyond a margin. Default 0.05.
/// min_samples : int, optional
///     Values of each metric that each arm must have before a step may end. Default 100.
/// max_hold : float, optional
///     Seconds that a step may last without an answer. Default: no limit.
/// expiry : {"roll_back", "hold"}, optional
///     What happens after ``max_hold``. Default ``roll_back``.
/// traffic : Traffic, optional
///     What the release is expected to meet. Where it cannot decide by that, a ``UserWarning`` says so now, before it begins.
///
/// Raises
/// ------
/// InvalidInputError
///     For steps that do not grow within ``(0, 1)``, no guardrail, an ``alpha`` outside ``(0, 1)``, or a canary that is its own
///     control.
///
/// Examples
/// --------
/// >>> from mlcore.rollout import Canary, Guardrail
/// >>> guardrails = [Guardrail("error_rate", 0.02, limit=0.1), Guardrail("loss", 0.05)]
/// >>> canary = Canary(salt="churn/7", guardrails=guardrails, steps=[0.1, 0.5])
/// >>> canary.share, canary.phase
/// (0.1, {'phase': 'running', 'step': 0})
/// >>> canary.freeze("the holidays")
/// >>> canary.decide(0.0)
/// {'decision': 'hold', 'reason': 'the holidays'}
#[pyclass(module = "mlcore.rollout", frozen, extends = Policy)]
#[derive(Debug)]
pub(crate) struct Canary {
    policy: Arc<rollout::Canary>,
}

class_of!(Canary, rollout::Canary);

#[pymethods]
impl Canary {
    #[new]
    #[pyo3(
        signature = (
            control = Text::new("champion"), canary = Text::new("canary"), *, salt, guardrails, steps = None,
            alpha = None, min_samples = None, max_hold = None, expiry = None, traffic = None
        ),
        text_signature = "(control='champion', canary='canary', *, salt, guardrails, steps=None, alpha=None, \
            min_samples=None, max_hold=None, expiry=None, traffic=None)"
    )]
    #[expect(clippy::too_many_arguments, reason = "keyword-only options of a Python signature")]
    #[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over owned lists")]
    fn new(
        py: Python<'_>,
        control: Text,
        canary: Text,
        salt: Text,
        guardrails: Vec<PyRef<'_, Guardrail>>,
        steps: Option<Vec<f64>>,
        alpha: Option<f64>,
        min_samples: Option<u64>,
        max_hold: Option<f64>,
        expiry: Option<&str>,
        traffic: Option<PyRef<'_, Traffic>>,
    ) -> PyResult<PyClassInitializer<Self>> {
        entry(py, |py| {
            let mut ramp = RampOptions::new(guardrails.iter().map(|guardrail| guardrail.guardrail.clone()));
            if let Some(steps) = steps {
                ramp = ramp.with_steps(steps);
            }
            if let Some(alpha) = alpha {
                ramp = ramp.with_alpha(alpha);
            }
            if let Some(min_samples) = min_samples {
                ramp = ramp.with_min_samples(min_samples);
            }
            let expiry = expiry.map_or(Ok(ramp.expiry), str::parse).map_err(|error| raise(py, &error))?;
            if let Some(seconds) = max_hold {
                let max_hold = duration(py, "build canary", "max_hold", seconds)?;
                ramp = ramp.with_max_hold(max_hold, expiry);
            }
            if let Some(traffic) = traffic {
                ramp = ramp.with_traffic(traffic.traffic.clone());
            }
            let warnings = ramp.warnings();
            let options = CanaryOptions::new(arm(py, &control)?, arm(py, &canary)?, salt.into_string(), ramp);
            let canary = rollout::Canary::new(options).map_err(|error| raise(py, &error))?;
            for warning in warnings {
                PyErr::warn(py, &py.get_type::<PyUserWarning>(), &CString::new(warning)?, 1)?;
            }
            Ok(Self::of(canary))
        })
    }

    /// About how many requests of both arms each step takes, in half of all releases.
    ///
    /// Parameters
    /// ----------
    /// harm : float or Traffic
    ///     By how much a canary that must be found would be worse.
    /// baseline : float, optional
    ///     What is known of the control: its share of errors or of slow answers; of a loss its standard deviation. Default:
    ///     that of ``traffic``, or else what the control has shown so far.
    /// metric : str, optional
    ///     The metric. Default: that of the first guardrail.
    ///
    /// Returns
    /// -------
    /// list of dict
    ///     For each step its ``share``; ``to_roll_back``, until a canary that does the harm is rolled back (None where the
    ///     margin allows the harm); and ``to_step``, until a canary that is equal to the control leaves the step.
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     For a metric that no guardrail watches, a harm that is not positive, and a baseline that nobody knows.
    ///
    /// Examples
    /// --------
    /// >>> from mlcore.rollout import Canary, Guardrail
    /// >>> canary = Canary(salt="churn/7", guardrails=[Guardrail("error_rate", 0.01)])
    /// >>> first, *_ = canary.expected_requests(0.02, baseline=0.02)
    /// >>> first["share"], 30_000 < first["to_roll_back"] < 70_000
    /// (0.05, True)
    #[pyo3(signature = (harm, *, baseline = None, metric = None))]
    fn expected_requests<'py>(
        &self,
        py: Python<'py>,
        harm: &Bound<'py, PyAny>,
        baseline: Option<f64>,
        metric: Option<&str>,
    ) -> PyResult<Bound<'py, PyAny>> {
        const OPERATION: &str = "expect requests";
        entry(py, |py| {
            let ramp = self.ramp(py)?;
            let options = ramp.options();
            let traffic = match harm.cast::<Traffic>() {
                Ok(traffic) => traffic.get().traffic.clone(),
                Err(_) => {
                    let wanted = |guardrail: &rollout::Guardrail| {
                        metric.is_none_or(|metric| metric == guardrail.metric().spelling())
                    };
                    let mut known = options.guardrails.iter().zip(ramp.evidence());
                    let Some((guardrail, evidence)) = known.find(|(guardrail, _)| wanted(guardrail)) else {
                        let problem = "no guardrail watches it";
                        let remedy = "ask about a metric that a guardrail watches";
                        return Err(invalid(py, OPERATION, metric.unwrap_or_default(), problem, remedy));
                    };
                    let metric = guardrail.metric();
                    let planned = options.traffic.as_ref().filter(|traffic| traffic.metric == *metric);
                    let control = &evidence.control;
                    let shown = (control.count() > 0).then(|| match metric {
                        Metric::Loss | Metric::Measured { .. } => control.variance().sqrt(),
                        _ => control.mean(),
                    });
                    let Some(baseline) = baseline.or(planned.map(|traffic| traffic.baseline)).or(shown)
                    else {
                        let problem = "what the control does is not known";
                        let remedy =
                            "pass baseline, the control's share of errors or the deviation of its loss";
                        return Err(invalid(py, OPERATION, "baseline", problem, remedy));
                    };
                    rollout::Traffic::new(metric.clone(), baseline, harm.extract()?)
                        .map_err(|error| raise(py, &error))?
                }
            };
            let steps = options.expected_requests(&traffic).map_err(|error| raise(py, &error))?;
            plain(py, OPERATION, &steps)
        })
    }

    /// Stops it from growing and from being promoted, until it is thawed; harm still rolls it back.
    fn freeze(&self, py: Python<'_>, reason: Text) -> PyResult<()> {
        entry(py, |py| {
            detached(py, || {
                self.policy.freeze(reason.into_string());
                Ok(())
            })
        })
    }

    /// Lets it grow again.
    fn thaw(&self, py: Python<'_>) -> PyResult<()> {
        entry(py, |py| {
            detached(py, || {
                self.policy.thaw();
                Ok(())
            })
        })
    }

    /// The canary's share of units now: 0 after a rollback, and after the last step that of the last step, until the promotion
    /// gives it the rest.
    #[getter]
    fn share(&self, py: Python<'_>) -> PyResult<f64> {
        Ok(self.ramp(py)?.share())
    }

    /// Where it stands: ``{"phase": "running", "step": 0}``, or ``passed`` or ``rolled_back`` with a ``reason``.
    #[getter]
    fn phase<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        plain(py, "read phase", self.ramp(py)?.phase())
    }

    /// What the present step knows: for each guardrail the count and the mean of its metric in both arms.
    #[getter]
    fn evidence<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let ramp = self.ramp(py)?;
        evidence(py, &ramp.options().guardrails, ramp.evidence())
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let ramp = self.ramp(py)?;
        let state = match ramp.phase() {
            rollout::Phase::Running { step } => {
                format!("step {} of {}", step + 1, ramp.options().steps.len())
            }
            rollout::Phase::Passed { .. } => "passed".to_owned(),
            rollout::Phase::RolledBack { .. } => "rolled back".to_owned(),
            _ => "between steps".to_owned(),
        };
        let CanaryOptions { control, canary, .. } = self.policy.options();
        let percent = ramp.share() * 100.0;
        Ok(format!("<mlcore.rollout.Canary {canary} against {control}: {state}, {percent:.3} %>"))
    }
}

impl Canary {
    /// The ramp now. It waits for calls that observe, so with the interpreter released.
    fn ramp(&self, py: Python<'_>) -> PyResult<Ramp> {
        detached(py, || Ok(self.policy.ramp()))
    }
}

/// What is known of the metric of each guardrail, in both arms.
pub(super) fn evidence<'py>(
    py: Python<'py>,
    guardrails: &[rollout::Guardrail],
    known: &[rollout::Evidence],
) -> PyResult<Bound<'py, PyList>> {
    let evidence = PyList::empty(py);
    for (guardrail, known) in guardrails.iter().zip(known) {
        let entry = PyDict::new(py);
        entry.set_item("metric", guardrail.metric().spelling())?;
        entry.set_item("margin", guardrail.margin())?;
        for (arm, values) in [("canary", known.canary), ("control", known.control)] {
            let one = PyDict::new(py);
            one.set_item("count", values.count())?;
            one.set_item("mean", (values.count() > 0).then(|| values.mean()))?;
            entry.set_item(arm, one)?;
        }
        evidence.append(entry)?;
    }
    Ok(evidence)
}
