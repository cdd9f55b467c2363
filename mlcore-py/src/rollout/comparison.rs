//! A shadow's answers beside those that callers got, as Python holds them.

use std::sync::{Mutex, MutexGuard, PoisonError};

use mlcore::Error;
use mlcore::rollout::{self, AgreementOptions, Draw, Reply, Tolerance};
use pyo3::prelude::*;

use super::comparison_report::{Agreement, ComparisonReport};
use super::pickle::{Reduced, reduced};
use crate::door::{self, Asked, type_name};
use crate::error::{detached, entry, invalid, raise, wrong_type};
use crate::plain::plain;
use crate::runner::duration;

/// How a shadow's answers compare with those of the arm that answered, in bounded memory.
///
/// Two scores are alike as numpy's ``isclose`` says: ``abs(shadow - live) <= atol + rtol * abs(live)``. Comparisons of replicas add up
/// by :meth:`merge`; they pickle, copy and compare.
///
/// Parameters
/// ----------
/// atol, rtol : float, optional
///     Default: numpy's own, which allow for little more than rounding.
/// threshold : float, optional
///     Makes a label of a single score, and of the second of two: 1 from it on, 0 below. Of more scores the class with the largest is
///     the label, as it is of two without a threshold.
///
/// Raises
/// ------
/// InvalidInputError
///     For a tolerance that is negative or not finite.
///
/// Examples
/// --------
/// >>> from mlcore.rollout import Comparison
/// >>> comparison = Comparison(atol=0.02, rtol=0.0, threshold=0.5)
/// >>> live = [i / 2000 for i in range(2000)]
/// >>> comparison.add_requests([0.003] * 2000, [0.002] * 2000)
/// >>> comparison.add_scores(live, [score + 0.001 for score in live])
/// >>> report = comparison.report()
/// >>> report.rows, report.within_tolerance, report.flips
/// (2000, 2000, 2)
/// >>> comparison.agreement(max_flip_share=0.02, min_rank_correlation=0.95).verdict
/// 'agrees'
#[pyclass(module = "mlcore.rollout", frozen)]
#[derive(Debug)]
pub(crate) struct Comparison {
    comparison: Mutex<rollout::Comparison>,
}

#[pymethods]
impl Comparison {
    #[new]
    #[pyo3(signature = (*, atol = 1e-8, rtol = 1e-5, threshold = None))]
    fn new(py: Python<'_>, atol: f64, rtol: f64, threshold: Option<f64>) -> PyResult<Self> {
        entry(py, |py| {
            let tolerance = Tolerance::new(atol, rtol).and_then(|tolerance| match threshold {
                Some(threshold) => tolerance.with_threshold(threshold),
                None => Ok(tolerance),
            });
            Ok(Self::of(rollout::Comparison::new(tolerance.map_err(|error| raise(py, &error))?)))
        })
    }

    /// Counts a request that both were asked, with the seconds that each took; None for one that failed.
    #[pyo3(signature = (live, shadow))]
    fn add_request(&self, py: Python<'_>, live: Option<f64>, shadow: Option<f64>) -> PyResult<()> {
        entry(py, |py| {
            let reply = |subject, seconds: Option<f64>| match seconds {
                Some(seconds) => {
                    Ok::<_, PyErr>(Reply::Answered { latency: duration(py, OPERATION, subject, seconds)? })
                }
                None => Ok(Reply::Failed),
            };
            let (live, shadow) = (reply("live", live)?, reply("shadow", shadow)?);
            self.with(py, |comparison| {
                comparison.add_request(live, shadow);
                Ok(())
            })
        })
    }

    /// Counts many requests that both were asked.
    ///
    /// Parameters
    /// ----------
    /// live, shadow : array_like
    ///     Of shape ``(n,)``, the seconds that each took; missing or NaN where it failed.
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     For different lengths, and for seconds that are negative or infinite. Nothing is added then.
    fn add_requests(
        &self,
        py: Python<'_>,
        live: &Bound<'_, PyAny>,
        shadow: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        entry(py, |py| {
            let (live, shadow) = (numbers("live", live)?, numbers("shadow", shadow)?);
            if live.len() != shadow.len() {
                let problem = format!("there are {}, and {} were given", shadow.len(), live.len());
                return Err(invalid(py, OPERATION, "shadow", problem, "pass one for each request"));
            }
            let replies = |subject: &'static str, seconds: &[f64]| {
                let reply = |(row, seconds): (usize, &f64)| {
                    if seconds.is_nan() {
                        return Ok(Reply::Failed);
                    }
                    duration(py, OPERATION, &format!("{subject}, row {row}"), *seconds)
                        .map(|latency| Reply::Answered { latency })
                };
                seconds.iter().enumerate().map(reply).collect::<PyResult<Vec<Reply>>>()
            };
            let (live, shadow) = (replies("live", &live)?, replies("shadow", &shadow)?);
            self.with(py, |comparison| {
                live.iter().zip(&shadow).for_each(|(live, shadow)| comparison.add_request(*live, *shadow));
                Ok(())
            })
        })
    }

    /// Counts requests whose two answers cannot be compared: other outputs, another shape.
    #[pyo3(signature = (count = 1))]
    fn add_mismatch(&self, py: Python<'_>, count: u32) -> PyResult<()> {
        self.with(py, |comparison| {
            (0..count).for_each(|_| comparison.add_mismatch());
            Ok(())
        })
    }

    /// Compares scores row by row.
    ///
    /// A row is within tolerance when all of its scores are; its difference is the largest of its scores. Rows with a score that is not
    /// finite have no difference. Ranks are those of the only score of a row, of the second of two, and, of more classes, of the
    /// score of the class that the arm chose which answered.
    ///
    /// Parameters
    /// ----------
    /// live, shadow : array_like
    ///     Of shape ``(n,)``, or ``(n, k)`` for rows of ``k`` scores.
    /// draw : int, optional
    ///     64 random bits of this call, which say together with its number whether a row is in the sample of ranks; equal ones give
    ///     equal samples. Replicas pass draws of their own. Default: one that follows from the number of rows before.
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     For different shapes. Nothing is added then.
    #[pyo3(signature = (live, shadow, *, draw = None))]
    fn add_scores(
        &self,
        py: Python<'_>,
        live: &Bound<'_, PyAny>,
        shadow: &Bound<'_, PyAny>,
        draw: Option<u64>,
    ) -> PyResult<()> {
        entry(py, |py| {
            let ((live, width), (shadow, other)) = (scores("live", live)?, scores("shadow", shadow)?);
            if width != other {
                let problem = format!("its rows have {other} scores, and those that were given {width}");
                let remedy = "count answers of another shape by add_mismatch";
                return Err(invalid(py, OPERATION, "shadow", problem, remedy));
            }
            self.with(py, |comparison| {
                // The generator's own mixing makes independent draws of consecutive counts.
                let draw = draw.map_or_else(|| Draw::new(comparison.rows()).another(), Draw::new);
                comparison.add_scores(&live, &shadow, width, draw)
            })
        })
    }

    /// Compares labels, one of each row: a row is within tolerance when they are the same.
    ///
    /// Parameters
    /// ----------
    /// live, shadow : array_like of int
    ///     Of shape ``(n,)``. Labels from 0 to 31 are told apart in the report, all others are counted together.
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     For different lengths, and for what are no whole numbers. Nothing is added then.
    fn add_labels(&self, py: Python<'_>, live: &Bound<'_, PyAny>, shadow: &Bound<'_, PyAny>) -> PyResult<()> {
        entry(py, |py| {
            let (live, shadow) = (labels(py, "live", live)?, labels(py, "shadow", shadow)?);
            self.with(py, |comparison| comparison.add_labels(&live, &shadow))
        })
    }

    /// Adds what another replica compared; what is merged twice counts twice.
    ///
    /// Parameters
    /// ----------
    /// other : Comparison or dict
    ///     Of the same tolerance, or what its :meth:`save` answered.
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     For another tolerance; nothing is added then.
    /// CorruptError
    ///     For what no comparison has saved.
    fn merge(&self, py: Python<'_>, other: &Bound<'_, PyAny>) -> PyResult<()> {
        entry(py, |py| {
            let other = match other.cast::<Self>() {
                Ok(other) => other.get().with(py, |comparison| Ok(comparison.clone()))?,
                Err(_) => read(other)?,
            };
            self.with(py, |comparison| comparison.merge(&other))
        })
    }

    /// What was compared, as a dict that ``json`` can write.
    fn save<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        entry(py, |py| plain(py, "save comparison", &self.with(py, |comparison| Ok(comparison.clone()))?))
    }

    /// The comparison that :meth:`save` wrote down.
    ///
    /// Raises
    /// ------
    /// CorruptError
    ///     For what no comparison has saved.
    #[staticmethod]
    fn from_state(state: &Bound<'_, PyAny>) -> PyResult<Self> {
        entry(state.py(), |_| Ok(Self::of(read(state)?)))
    }

    /// The requests that both were asked.
    #[getter]
    fn requests(&self, py: Python<'_>) -> PyResult<u64> {
        self.with(py, |comparison| Ok(comparison.requests()))
    }

    /// The rows that were compared.
    #[getter]
    fn rows(&self, py: Python<'_>) -> PyResult<u64> {
        self.with(py, |comparison| Ok(comparison.rows()))
    }

    /// What it found, in numbers.
    fn report(&self, py: Python<'_>) -> PyResult<ComparisonReport> {
        entry(py, |py| {
            let report = self.with(py, |comparison| Ok(comparison.report()))?;
            ComparisonReport::of(py, &report)
        })
    }

    /// Whether the shadow's answers are those that callers got, by these limits. Without a limit nothing is ever decided.
    ///
    /// Shares are compared with their limits by bounds that hold at every look: asked after every request, all of them together are wrong
    /// with a probability of at most ``alpha``. The rank correlation is judged by its approximate standard error, and the latency as it
    /// was seen.
    ///
    /// Parameters
    /// ----------
    /// min_rows : int, optional
    ///     Rows, and requests, that must have been compared before anything is decided. Default 1,000.
    /// alpha : float, optional
    ///     The probability of a wrong decision about any of the shares. Default 0.05.
    /// max_outside_share : float, optional
    ///     The largest share of rows beyond the tolerance.
    /// max_flip_share : float, optional
    ///     The largest share of labels that flip.
    /// max_failure_share : float, optional
    ///     The largest share of requests that the shadow fails, or answers in another shape, of those that were answered.
    /// min_rank_correlation : float, optional
    ///     The least rank correlation.
    /// max_latency_ratio : float, optional
    ///     How many times as long as the arm that answered the shadow may take, at the 99th percentile.
    ///
    /// Returns
    /// -------
    /// Agreement
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     For limits that mean nothing, such as a share that is not between 0 and 1.
    #[pyo3(signature = (
        *, min_rows = None, alpha = None, max_outside_share = None, max_flip_share = None, max_failure_share = None,
        min_rank_correlation = None, max_latency_ratio = None
    ))]
    #[expect(clippy::too_many_arguments, reason = "keyword-only options of a Python signature")]
    fn agreement(
        &self,
        py: Python<'_>,
        min_rows: Option<u64>,
        alpha: Option<f64>,
        max_outside_share: Option<f64>,
        max_flip_share: Option<f64>,
        max_failure_share: Option<f64>,
        min_rank_correlation: Option<f64>,
        max_latency_ratio: Option<f64>,
    ) -> PyResult<Agreement> {
        entry(py, |py| {
            let mut options = AgreementOptions::default();
            options.min_rows = min_rows.unwrap_or(options.min_rows);
            options.alpha = alpha.unwrap_or(options.alpha);
            options.max_outside_share = max_outside_share;
            options.max_flip_share = max_flip_share;
            options.max_failure_share = max_failure_share;
            options.min_rank_correlation = min_rank_correlation;
            options.max_latency_ratio = max_latency_ratio;
            let found = self.with(py, |comparison| comparison.agreement(&options))?;
            Ok(Agreement::of(found))
        })
    }

    fn __eq__(&self, py: Python<'_>, other: &Bound<'_, Self>) -> PyResult<bool> {
        let other = other.get().with(py, |comparison| Ok(comparison.clone()))?;
        self.with(py, |comparison| Ok(*comparison == other))
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Reduced<'py>> {
        reduced(py, "comparison", &self.with(py, |comparison| Ok(comparison.clone()))?)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let (requests, rows) = (self.requests(py)?, self.rows(py)?);
        Ok(format!("<mlcore.rollout.Comparison: {requests} requests, {rows} rows>"))
    }
}

impl Comparison {
    pub(super) fn of(comparison: rollout::Comparison) -> Self {
        Self { comparison: Mutex::new(comparison) }
    }

    fn locked(&self) -> MutexGuard<'_, rollout::Comparison> {
        self.comparison.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the comparison. It is waited for without the interpreter, which whoever has it may need.
    fn with<T: Send>(
        &self,
        py: Python<'_>,
        ask: impl FnOnce(&mut rollout::Comparison) -> mlcore::Result<T> + Send,
    ) -> PyResult<T> {
        entry(py, |py| detached(py, || ask(&mut self.locked())))
    }
}

pub(super) const OPERATION: &str = "compare answers";

fn read(state: &Bound<'_, PyAny>) -> PyResult<rollout::Comparison> {
    let py = state.py();
    let json: String =
        py.import("json")?.call_method1("dumps", (state,)).and_then(|json| json.extract()).map_err(|_| {
            let problem = format!("a comparison or its state is expected, and it is a {}", type_name(state));
            wrong_type(py, OPERATION, "state", problem, "pass what save() answered")
        })?;
    serde_json::from_str(&json).map_err(|cause| {
        let error = Error::corrupt("restore comparison", "state", cause.to_string());
        raise(py, &error.remedy("pass what save() answered"))
    })
}

fn numbers(subject: &'static str, values: &Bound<'_, PyAny>) -> PyResult<Vec<f64>> {
    Ok(door::numbers(values, Asked { operation: OPERATION, subject })?.as_slice().to_vec())
}

/// Scores row by row, and how many there are in each.
fn scores(subject: &'static str, values: &Bound<'_, PyAny>) -> PyResult<(Vec<f64>, usize)> {
    let py = values.py();
    let is_flat = match values.getattr("ndim").and_then(|ndim| ndim.extract::<usize>()) {
        Ok(dimensions) => dimensions < 2,
        // A list of rows, or of scores; a frame has columns.
        Err(_) => match values.get_item(0) {
            Ok(first) => !first.hasattr("__len__")? && !values.hasattr("columns")?,
            Err(_) => !values.hasattr("columns")?,
        },
    };
    if is_flat {
        return Ok((numbers(subject, values)?, 1));
    }
    let rows = door::matrix(values, Asked { operation: OPERATION, subject })?;
    let width = rows.first().map_or(1, Vec::len);
    if width == 0 || rows.iter().any(|row| row.len() != width) {
        let problem = "its rows have no score, or not all as many";
        return Err(invalid(py, OPERATION, subject, problem, "pass rows of one length"));
    }
    Ok((rows.concat(), width))
}

/// Whole numbers.
fn labels(py: Python<'_>, subject: &'static str, values: &Bound<'_, PyAny>) -> PyResult<Vec<i64>> {
    let label = |(row, value): (usize, &f64)| {
        // Larger ones are not told apart as floats; all beyond 31 are counted together.
        if value.fract() == 0.0 && value.abs() < 9e15 {
            return Ok(*value as i64);
        }
        let problem = format!("row {row} is {value}, which is no label");
        Err(invalid(py, OPERATION, subject, problem, "pass whole numbers, such as the positions of classes"))
    };
    numbers(subject, values)?.iter().enumerate().map(label).collect()
}
