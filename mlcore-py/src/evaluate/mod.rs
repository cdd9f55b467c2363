//! `mlcore.evaluate`: is the challenger good enough to take the champion's place?

mod off_policy;
mod verdict;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mlcore::Error;
use mlcore::evaluate::{
    self, Contender, GateMetric, LatencyBudget, OffPolicyRequirement, Requirement, Truth,
};
use pyo3::prelude::*;
use pyo3::types::PyList;

use self::off_policy::OffPolicyEstimate;
use self::verdict::{GateCheck, GateVerdict};
use crate::door::{self, Asked, Text};
use crate::error::{detached, entry, invalid, raise};
use crate::metrics::{Numeric, Predicted, binary_truth, f16, predicted};
use crate::plain::json;
use crate::runner::duration;

#[pymodule(submodule, module = "mlcore", name = "evaluate")]
pub(crate) mod native {
    #[pymodule_export]
    use super::off_policy::{OffPolicyEstimate, off_policy_value};
    #[pymodule_export]
    use super::{Gate, GateCheck, GateVerdict};
}

/// What a challenger must show on held-out rows before it may take the champion's place.
///
/// Both models answer the same rows, and the differences are judged row by row with confidence intervals. All requirements
/// must hold. What cannot be shown does not pass: too few rows, an undefined metric, a latency that nobody measured.
///
/// Parameters
/// ----------
/// alpha : float, optional
///     Intervals cover the truth with probability ``1 - alpha``. Default 0.05.
/// min_samples : int, optional
///     The fewest rows that count as evidence. Default 100.
/// min_per_class : int, optional
///     The fewest rows of each class. Default 30.
///
/// Examples
/// --------
/// >>> from mlcore.evaluate import Gate
/// >>> y_true = [row % 3 == 0 for row in range(600)]
/// >>> champion, challenger = ([sharp if label else 1 - sharp for label in y_true] for sharp in (0.7, 0.8))
/// >>> gate = Gate().require("log_loss", superior=0.01).require("roc_auc", at_least=0.8, non_inferior=0.02)
/// >>> verdict = gate.judge(y_true, challenger, champion)
/// >>> verdict.passed, [check.metric for check in verdict.checks]
/// (True, ['samples', 'log_loss', 'roc_auc', 'roc_auc'])
/// >>> print(verdict.checks[1].sentence)
/// log_loss 0.2231 against 0.3567: better by 0.1335 (95 % interval 0.1335 to 0.1335); it must surely be better by more than 0.01000
#[pyclass(module = "mlcore.evaluate", frozen)]
#[derive(Debug)]
pub(crate) struct Gate {
    gate: Mutex<evaluate::Gate>,
}

#[pymethods]
impl Gate {
    #[new]
    #[pyo3(signature = (*, alpha = None, min_samples = None, min_per_class = None))]
    fn new(
        py: Python<'_>,
        alpha: Option<f64>,
        min_samples: Option<usize>,
        min_per_class: Option<usize>,
    ) -> PyResult<Self> {
        let mut gate = evaluate::Gate::new();
        if let Some(alpha) = alpha {
            if !(alpha > 0.0 && alpha < 1.0) {
                let problem = format!("{alpha} is not between 0 and 1");
                return Err(invalid(py, "make gate", "alpha", problem, "pass the error rate, such as 0.05"));
            }
            gate.alpha = alpha;
        }
        gate.min_samples = min_samples.unwrap_or(gate.min_samples);
        gate.min_per_class = min_per_class.unwrap_or(gate.min_per_class);
        Ok(Self { gate: Mutex::new(gate) })
    }

    /// Asks one thing more, or several of one metric; answers the gate itself.
    ///
    /// Parameters
    /// ----------
    /// metric : str
    ///     Of labels, such as ``roc_auc``, ``log_loss``, ``f1``, or of values, such as ``mean_absolute_error``, ``rmse``,
    ///     ``r2``: :meth:`metrics` lists them. scikit-learn's names are taken too.
    /// at_least, at_most : float, optional
    ///     The challenger's value, whatever the champion's is: ``at_least`` where more is better, else ``at_most``.
    /// non_inferior : float, optional
    ///     It is surely worse by less than this margin.
    /// superior : float, optional
    ///     It is surely better by more than this margin.
    /// threshold : float
    ///     For ``accuracy`` and ``f1``: a probability above it predicts the positive class.
    #[pyo3(signature = (
        metric, *, at_least = None, at_most = None, non_inferior = None, superior = None, threshold = 0.5
    ))]
    #[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over owned texts")]
    fn require<'py>(
        slf: Bound<'py, Self>,
        metric: Text,
        at_least: Option<f64>,
        at_most: Option<f64>,
        non_inferior: Option<f64>,
        superior: Option<f64>,
        threshold: f64,
    ) -> PyResult<Bound<'py, Self>> {
        entry(slf.py(), |py| {
            let metric = self::metric(py, &metric, threshold)?;
            let (fits, other) =
                if metric.higher_is_better() { (at_least, at_most) } else { (at_most, at_least) };
            if other.is_some() {
                let (better, word) =
                    if metric.higher_is_better() { ("more", "at_least") } else { ("less", "at_most") };
                let problem = format!("of {} {better} is better", metric.name());
                return Err(invalid(py, REQUIRE, metric.name(), problem, &format!("pass {word}=")));
            }
            let asked = [
                fits.map(Requirement::Reaches),
                non_inferior.map(Requirement::NotWorseBy),
                superior.map(Requirement::BetterBy),
            ];
            if asked.iter().all(Option::is_none) {
                let remedy = "pass at_least=, at_most=, non_inferior= or superior=";
                return Err(invalid(py, REQUIRE, metric.name(), "nothing is asked of it", remedy));
            }
            let mut gate = slf.get().locked();
            gate.requirements.extend(asked.into_iter().flatten().map(|requirement| (metric, requirement)));
            drop(gate);
            Ok(slf)
        })
    }

    /// The names of the metrics that can be asked for.
    ///
    /// Examples
    /// --------
    /// >>> from mlcore.evaluate import Gate
    /// >>> Gate.metrics()[:4]
    /// ['roc_auc', 'log_loss', 'brier_score', 'accuracy']
    #[staticmethod]
    fn metrics() -> Vec<&'static str> {
        GateMetric::ALL.iter().map(|metric| metric.name()).collect()
    }

    /// Asks that a share ``quantile`` of the challenger's answers surely keeps to ``budget`` seconds; answers the gate itself.
    #[pyo3(signature = (budget, quantile = 0.99))]
    fn require_latency<'py>(slf: Bound<'py, Self>, budget: f64, quantile: f64) -> PyResult<Bound<'py, Self>> {
        entry(slf.py(), |py| {
            let budget = duration(py, REQUIRE, "budget", budget)?;
            slf.get().locked().latency = Some(LatencyBudget::new(budget, quantile));
            Ok(slf)
        })
    }

    /// Asks what the challenger would surely have earned on the prediction log; answers the gate itself.
    ///
    /// Parameters
    /// ----------
    /// at_least : float, optional
    ///     The lower end of the interval of its value.
    /// non_inferior : float, optional
    ///     It surely loses less than this against the policy that wrote the log.
    /// superior : float, optional
    ///     It surely gains more than this over the policy that wrote the log.
    /// min_effective_sample_size : float
    ///     The smallest effective sample size that counts as evidence.
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     Unless one of the three is given.
    ///
    /// Examples
    /// --------
    /// >>> from mlcore.evaluate import Gate, off_policy_value
    /// >>> found = off_policy_value([0, 1] * 400, [0.5] * 800, [0, 1] * 400, [[0, 1]] * 800)
    /// >>> verdict = Gate().require_off_policy(superior=0.2).judge(off_policy=found)
    /// >>> verdict.passed, round(verdict.checks[0].difference, 6)
    /// (True, 0.5)
    #[pyo3(signature = (
        *, at_least = None, non_inferior = None, superior = None, min_effective_sample_size = 100.0
    ))]
    fn require_off_policy<'py>(
        slf: Bound<'py, Self>,
        at_least: Option<f64>,
        non_inferior: Option<f64>,
        superior: Option<f64>,
        min_effective_sample_size: f64,
    ) -> PyResult<Bound<'py, Self>> {
        entry(slf.py(), |py| {
            let requirement = match (at_least, non_inferior, superior) {
                (Some(limit), None, None) => Requirement::Reaches(limit),
                (None, Some(margin), None) => Requirement::NotWorseBy(margin),
                (None, None, Some(margin)) => Requirement::BetterBy(margin),
                _ => {
                    let remedy = "pass one of at_least=, non_inferior= and superior=";
                    return Err(invalid(py, REQUIRE, "off_policy", "one thing is asked of it", remedy));
                }
            };
            let asked = OffPolicyRequirement::new(requirement)
                .with_min_effective_sample_size(min_effective_sample_size);
            slf.get().locked().off_policy = Some(asked);
            Ok(slf)
        })
    }

    /// Compares the two on the same rows.
    ///
    /// Parameters
    /// ----------
    /// y_true : array_like, optional
    ///     Labels of two classes, or values where a metric of values is asked for. Not needed where no metric is asked for.
    /// challenger : array_like, optional
    ///     Its predictions: the probability of the positive class (or the two columns of ``predict_proba``), or values.
    /// champion : array_like, optional
    ///     Those of the model in its place; without it only ``at_least`` and ``at_most`` can be judged.
    /// challenger_latencies, champion_latencies : array_like, optional
    ///     The seconds that answers took, in any number.
    /// off_policy : OffPolicyEstimate, optional
    ///     What the challenger would have earned on the prediction log.
    ///
    /// Returns
    /// -------
    /// GateVerdict
    ///     A challenger whose answers are unusable does not pass; that is no error.
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     For differing numbers of rows, an unusable ``y_true`` or ``champion``, and numbers of the gate out of range.
    #[pyo3(signature = (
        y_true = None, challenger = None, champion = None, *, challenger_latencies = None,
        champion_latencies = None, off_policy = None
    ))]
    #[expect(clippy::too_many_arguments, reason = "they are keywords in Python")]
    #[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over owned references")]
    fn judge(
        &self,
        py: Python<'_>,
        y_true: Option<&Bound<'_, PyAny>>,
        challenger: Option<&Bound<'_, PyAny>>,
        champion: Option<&Bound<'_, PyAny>>,
        challenger_latencies: Option<&Bound<'_, PyAny>>,
        champion_latencies: Option<&Bound<'_, PyAny>>,
        off_policy: Option<Py<OffPolicyEstimate>>,
    ) -> PyResult<GateVerdict> {
        entry(py, |py| {
            let gate = self.locked().clone();
            let none = PyList::empty(py).into_any();
            if let (true, Some((metric, _))) =
                (y_true.is_none() || challenger.is_none(), gate.requirements.first())
            {
                let problem = format!("{} is asked for, which needs rows", metric.name());
                return Err(invalid(
                    py,
                    JUDGE,
                    "y_true",
                    problem,
                    "pass y_true and the challenger's predictions",
                ));
            }
            let challenger = challenger.unwrap_or(&none);
            let compares = |(_, requirement): &&(GateMetric, Requirement)| {
                !matches!(requirement, Requirement::Reaches(_))
            };
            if let (None, Some((metric, _))) = (champion, gate.requirements.iter().find(compares)) {
                let problem = format!("{} is to be compared with it", metric.name());
                return Err(invalid(py, JUDGE, "champion", problem, "pass the champion's predictions"));
            }
            let (labels, values);
            let truth = if y_true.is_none() {
                Truth::Values(&[])
            } else if gate.requirements.iter().any(|(metric, _)| metric.compares_values()) {
                values =
                    door::numbers(y_true.unwrap_or(&none), Asked { operation: JUDGE, subject: "y_true" })?;
                Truth::Values(values.as_slice())
            } else {
                labels = binary_truth(y_true.unwrap_or(&none), JUDGE)?;
                Truth::Labels(&labels)
            };
            let challenger = predicted(challenger, JUDGE, "challenger")?;
            let champion = champion.map(|champion| predicted(champion, JUDGE, "champion")).transpose()?;
            let latencies = [
                latencies(py, challenger_latencies, "challenger_latencies")?,
                latencies(py, champion_latencies, "champion_latencies")?,
            ];
            let (challenger, champion) = (challenger.numeric(), champion.as_ref().map(Predicted::numeric));
            let numbers = (challenger.widened(), champion.map(Numeric::widened));
            let verdict = detached(py, || {
                let [own, others] = &latencies;
                // Alone, it stands beside itself, and what that says is left out below.
                let own = contender(&numbers.0, challenger, own.as_deref());
                let beside = match (&numbers.1, champion) {
                    (Some(numbers), Some(champion)) => contender(numbers, champion, others.as_deref()),
                    _ => contender(&numbers.0, challenger, others.as_deref()),
                };
                let own = match &off_policy {
                    Some(estimate) => own.with_off_policy(estimate.get().inner()),
                    None => own,
                };
                gate.judge(truth, &beside, &own)
            })?;
            let verdict = if champion.is_some() { verdict } else { alone(verdict, &gate) };
            Ok(GateVerdict { verdict })
        })
    }

    /// The gate as JSON, for a configuration file.
    fn to_json(&self, py: Python<'_>) -> PyResult<String> {
        entry(py, |py| json(py, "save gate", &*self.locked()))
    }

    /// The gate that :meth:`to_json` wrote.
    ///
    /// Raises
    /// ------
    /// CorruptError
    ///     When the text is no gate.
    #[staticmethod]
    fn from_json(py: Python<'_>, json: &str) -> PyResult<Self> {
        entry(py, |py| {
            let gate = detached(py, || {
                serde_json::from_str::<evaluate::Gate>(json)
                    .map_err(|cause| Error::corrupt("restore gate", "JSON", cause.to_string()))
            })?;
            Ok(Self { gate: Mutex::new(gate) })
        })
    }

    fn __repr__(&self) -> String {
        let gate = self.locked();
        let names: Vec<&str> = gate.requirements.iter().map(|(metric, _)| metric.name()).collect();
        format!(
            "<mlcore.evaluate.Gate: {}>",
            if names.is_empty() { "nothing".into() } else { names.join(", ") }
        )
    }
}

const REQUIRE: &str = "build gate";
const JUDGE: &str = "judge challenger";

impl Gate {
    fn locked(&self) -> MutexGuard<'_, evaluate::Gate> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn metric(py: Python<'_>, name: &str, threshold: f64) -> PyResult<GateMetric> {
    match name.parse().map_err(|error| raise(py, &error))? {
        GateMetric::Accuracy { .. } => Ok(GateMetric::Accuracy { threshold }),
        GateMetric::F1 { .. } => Ok(GateMetric::F1 { threshold }),
        other => Ok(other),
    }
}

fn latencies(
    py: Python<'_>,
    seconds: Option<&Bound<'_, PyAny>>,
    subject: &'static str,
) -> PyResult<Option<Vec<Duration>>> {
    let Some(seconds) = seconds else { return Ok(None) };
    let seconds = door::numbers(seconds, Asked { operation: JUDGE, subject })?;
    seconds
        .as_slice()
        .iter()
        .map(|seconds| duration(py, JUDGE, subject, *seconds))
        .collect::<PyResult<_>>()
        .map(Some)
}

fn contender<'a>(
    numbers: &'a [f64],
    predicted: Numeric<'_>,
    latencies: Option<&'a [Duration]>,
) -> Contender<'a> {
    let contender = Contender::new(numbers);
    let contender = match predicted {
        Numeric::Float64(_) => contender,
        Numeric::Float32(_) => contender.with_type::<f32>(),
        Numeric::Float16(_) => contender.with_type::<f16>(),
    };
    match latencies {
        Some(latencies) => contender.with_latencies(latencies),
        None => contender,
    }
}

/// The verdict about a challenger without a champion: nothing is said of one.
fn alone(mut verdict: evaluate::GateVerdict, gate: &evaluate::Gate) -> evaluate::GateVerdict {
    // What a policy would have earned is compared with the log.
    for check in verdict.checks.iter_mut().filter(|check| check.metric != "off_policy") {
        (check.champion, check.difference, check.interval) = (None, None, None);
        let metric = gate.requirements.iter().find(|(metric, _)| metric.name() == check.metric);
        if let (Some((metric, _)), Some(value), Some(limit)) = (metric, check.challenger, check.margin) {
            let bound = if metric.higher_is_better() { "at least" } else { "at most" };
            check.sentence = format!("{} {value:.4}; it must be {bound} {limit}", check.metric);
        }
    }
    verdict
}
