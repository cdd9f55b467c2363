//! What one arm says about a metric.

use mlcore::experiment::{
    self, Answer, ClusterMoments, JointMoments, QuantileSummary, RegressionMoments, WeightedMoments,
};
use mlcore::stats::Moments;
use pyo3::prelude::*;
use std::collections::HashMap;

use super::{Labels, known};
use crate::door::{self, Asked};
use crate::error::{detached, entry, invalid};

const OPERATION: &str = "estimate";

/// The mean of a metric in one arm, and how sure it is: of units, a proportion, a ratio, an adjusted mean, a quantile.
///
/// Effects, powers and intervals ask for nothing else. ``variance / count`` is the squared standard error of ``mean``.
///
/// Parameters
/// ----------
/// count : int
///     Units, or clusters; at least two.
/// mean : float
/// variance : float
///     Of one unit, positive.
///
/// Raises
/// ------
/// InvalidInputError
///     Where the data say too little: fewer than two units, no variance, a number that is not finite. It says which.
///
/// Notes
/// -----
/// gbstats 0.8, ``models/statistics.py``: ``n``, ``mean``, ``unadjusted_mean``, ``variance``.
///
/// Examples
/// --------
/// >>> from mlcore.experiment import Estimate
/// >>> Estimate.of_mean([1.0, 2.0, 4.0, 8.0]).mean
/// 3.75
/// >>> Estimate.of_proportion(10, 40).variance
/// 0.1875
#[pyclass(module = "mlcore.experiment", frozen, eq)]
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Estimate {
    pub(super) estimate: experiment::Estimate,
}

#[pymethods]
impl Estimate {
    #[new]
    fn new(py: Python<'_>, count: u64, mean: f64, variance: f64) -> PyResult<Self> {
        entry(py, |py| Self::known(py, experiment::Estimate::new(count, mean, variance)))
    }

    /// The mean of the units' values: gbstats' ``SampleMeanStatistic``.
    ///
    /// Parameters
    /// ----------
    /// values : array_like
    ///     A number for each unit.
    /// weights : array_like, optional
    ///     A weight of each unit; units whose weight is not positive count for nothing.
    #[staticmethod]
    #[pyo3(signature = (values, weights = None))]
    fn of_mean(
        py: Python<'_>,
        values: &Bound<'_, PyAny>,
        weights: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        entry(py, |py| {
            let values = door::numbers(values, Asked { operation: OPERATION, subject: "values" })?;
            let Some(weights) = weights else {
                let moments = Moments::from_slice(values.as_slice());
                return Self::known(py, experiment::Estimate::of_mean(&moments));
            };
            let weights = door::numbers(weights, Asked { operation: OPERATION, subject: "weights" })?;
            let mut moments = WeightedMoments::new();
            for (value, weight) in pairs(py, ["values", "weights"], values.as_slice(), weights.as_slice())? {
                moments.push(value, weight);
            }
            Self::known(py, moments.estimate())
        })
    }

    /// Units that succeed or not: gbstats' ``ProportionStatistic``.
    #[staticmethod]
    fn of_proportion(py: Python<'_>, successes: u64, count: u64) -> PyResult<Self> {
        entry(py, |py| {
            if successes > count {
                let problem = format!("{successes} successes of {count} units");
                return Err(invalid(py, OPERATION, "successes", problem, "pass the successes first"));
            }
            Self::known(py, experiment::Estimate::of_proportion(successes, count))
        })
    }

    /// The ratio of the sums of two numbers of each unit, such as clicks over views, by the delta method: ``RatioStatistic``.
    ///
    /// Examples
    /// --------
    /// >>> from mlcore.experiment import Estimate
    /// >>> Estimate.of_ratio([1, 0, 2, 1], [4, 2, 6, 4]).mean
    /// 0.25
    #[staticmethod]
    fn of_ratio(
        py: Python<'_>,
        numerator: &Bound<'_, PyAny>,
        denominator: &Bound<'_, PyAny>,
    ) -> PyResult<Self> {
        entry(py, |py| {
            Self::known(py, joint(py, ["numerator", "denominator"], numerator, denominator)?.ratio())
        })
    }

    /// The mean of units of which several belong together, as the people of a household that was assigned as one.
    ///
    /// Parameters
    /// ----------
    /// values : array_like
    /// clusters : array_like
    ///     The name of each unit's cluster: text or whole numbers.
    #[staticmethod]
    fn of_clusters(py: Python<'_>, values: &Bound<'_, PyAny>, clusters: &Bound<'_, PyAny>) -> PyResult<Self> {
        entry(py, |py| {
            let asked = Asked { operation: OPERATION, subject: "clusters" };
            let values = door::numbers(values, Asked { operation: OPERATION, subject: "values" })?;
            let clusters = Labels::read(py, "clusters", &door::column(clusters, asked)?, asked)?;
            same_length(py, ["values", "clusters"], values.as_slice().len(), clusters.codes.len())?;
            let mut sums: HashMap<u32, (f64, u64)> = HashMap::new();
            for (value, code) in values.as_slice().iter().zip(&clusters.codes) {
                let sum = sums.entry(*code).or_default();
                *sum = (sum.0 + value, sum.1 + 1);
            }
            let mut moments = ClusterMoments::new();
            // In the order of appearance, so that equal data give equal bits.
            for code in 0..clusters.names.len() as u32 {
                if let Some((sum, size)) = sums.get(&code) {
                    moments.push(*sum, *size);
                }
            }
            Self::known(py, moments.estimate())
        })
    }

    /// A quantile of the events of an arm: gbstats' ``QuantileStatistic``, with its floor of the variance of 1e-5 from 100 events on.
    ///
    /// Parameters
    /// ----------
    /// values : array_like
    ///     The events.
    /// nu : float
    ///     The level, inside ``(0, 1)``.
    /// variance_floor : float, optional
    ///     In squared units of the metric.
    #[staticmethod]
    #[pyo3(signature = (values, nu, *, variance_floor = None))]
    fn of_quantile(
        py: Python<'_>,
        values: &Bound<'_, PyAny>,
        nu: f64,
        variance_floor: Option<f64>,
    ) -> PyResult<Self> {
        entry(py, |py| {
            let values = door::numbers(values, Asked { operation: OPERATION, subject: "values" })?;
            let values = values.as_slice().to_vec();
            let summary = detached(py, || QuantileSummary::of_values(values, nu))?;
            let summary = match variance_floor {
                Some(floor) => summary.with_variance_floor(floor),
                None => summary,
            };
            Self::known(py, summary.estimate())
        })
    }

    /// Units, or clusters.
    #[getter]
    fn count(&self) -> u64 {
        self.estimate.count
    }

    /// The mean.
    #[getter]
    fn mean(&self) -> f64 {
        self.estimate.mean
    }

    /// The mean before it was adjusted by covariates, to which relative changes refer.
    #[getter]
    fn unadjusted_mean(&self) -> f64 {
        self.estimate.unadjusted_mean
    }

    /// The variance of one unit.
    #[getter]
    fn variance(&self) -> f64 {
        self.estimate.variance
    }

    /// The standard error of the mean.
    #[getter]
    fn standard_error(&self) -> f64 {
        self.estimate.standard_error()
    }

    fn __repr__(&self) -> String {
        let experiment::Estimate { count, mean, variance, .. } = self.estimate;
        format!("Estimate(count={count}, mean={mean:?}, variance={variance:?})")
    }
}

impl Estimate {
    pub(super) fn answer(&self) -> Answer<experiment::Estimate> {
        Answer::Known(self.estimate)
    }

    fn known(py: Python<'_>, answer: Answer<experiment::Estimate>) -> PyResult<Self> {
        Ok(Self { estimate: known(py, OPERATION, "metric", answer)? })
    }
}

/// Both arms adjusted by a covariate from before the experiment (CUPED): gbstats' ``compute_theta`` over both arms together.
///
/// Parameters
/// ----------
/// control, treatment : array_like
///     The metric of each unit.
/// control_covariate, treatment_covariate : array_like
///     What was known of the same units before the experiment. Where it says nothing the arms stay as they are.
///
/// Returns
/// -------
/// tuple of Estimate
///     The control and the treatment.
///
/// Raises
/// ------
/// InvalidInputError
///     For lengths that differ, and data that say too little.
///
/// Examples
/// --------
/// >>> from mlcore.experiment import cuped
/// >>> before = [float(i) for i in range(100)]
/// >>> control, treatment = cuped([x + x % 3 for x in before], before, [x + x % 3 + 1 for x in before], before)
/// >>> round(treatment.mean - control.mean, 12), control.variance < 1.0
/// (1.0, True)
#[pyfunction]
pub(super) fn cuped(
    py: Python<'_>,
    control: &Bound<'_, PyAny>,
    control_covariate: &Bound<'_, PyAny>,
    treatment: &Bound<'_, PyAny>,
    treatment_covariate: &Bound<'_, PyAny>,
) -> PyResult<(Estimate, Estimate)> {
    entry(py, |py| {
        let control = joint(py, ["control", "control_covariate"], control, control_covariate)?;
        let treatment = joint(py, ["treatment", "treatment_covariate"], treatment, treatment_covariate)?;
        let [control, treatment] = experiment::cuped(&control, &treatment);
        Ok((Estimate::known(py, control)?, Estimate::known(py, treatment)?))
    })
}

/// Both arms adjusted by several covariates, with slopes over both arms together.
///
/// Parameters
/// ----------
/// control, treatment : array_like
///     The metric of each unit.
/// control_covariates, treatment_covariates : array_like, 2-D, or a frame
///     A row for each unit and a column for each of up to 256 covariates.
///
/// Returns
/// -------
/// tuple of Estimate
///     The control and the treatment.
///
/// Raises
/// ------
/// InvalidInputError
///     For lengths that differ, covariates that determine each other, and data that say too little.
///
/// Examples
/// --------
/// >>> from mlcore.experiment import regression_adjusted
/// >>> before = [[float(i % 7), float(i % 5)] for i in range(100)]
/// >>> metric = [2 * a + b + i % 2 for i, (a, b) in enumerate(before)]
/// >>> control, treatment = regression_adjusted(metric, before, [y + 1 for y in metric], before)
/// >>> round(treatment.mean - control.mean, 9), control.variance < 0.3
/// (1.0, True)
#[pyfunction]
pub(super) fn regression_adjusted(
    py: Python<'_>,
    control: &Bound<'_, PyAny>,
    control_covariates: &Bound<'_, PyAny>,
    treatment: &Bound<'_, PyAny>,
    treatment_covariates: &Bound<'_, PyAny>,
) -> PyResult<(Estimate, Estimate)> {
    entry(py, |py| {
        let control = regression(py, ["control", "control_covariates"], control, control_covariates)?;
        let treatment =
            regression(py, ["treatment", "treatment_covariates"], treatment, treatment_covariates)?;
        let both = detached(py, || control.adjusted_with(&treatment))?;
        let [control, treatment] = known(py, OPERATION, "metric", both)?;
        Ok((Estimate { estimate: control }, Estimate { estimate: treatment }))
    })
}

/// The moments of two numbers of each unit.
fn joint(
    py: Python<'_>,
    names: [&'static str; 2],
    first: &Bound<'_, PyAny>,
    second: &Bound<'_, PyAny>,
) -> PyResult<JointMoments> {
    let [first_name, second_name] = names;
    let first = door::numbers(first, Asked { operation: OPERATION, subject: first_name })?;
    let second = door::numbers(second, Asked { operation: OPERATION, subject: second_name })?;
    Ok(pairs(py, names, first.as_slice(), second.as_slice())?.collect())
}

fn regression(
    py: Python<'_>,
    names: [&'static str; 2],
    metric: &Bound<'_, PyAny>,
    covariates: &Bound<'_, PyAny>,
) -> PyResult<RegressionMoments> {
    let metric = door::numbers(metric, Asked { operation: OPERATION, subject: names[0] })?;
    let rows = door::matrix(covariates, Asked { operation: OPERATION, subject: names[1] })?;
    same_length(py, names, metric.as_slice().len(), rows.len())?;
    let metric = metric.as_slice();
    detached(py, || {
        let mut moments = RegressionMoments::new(rows.first().map_or(0, Vec::len))?;
        for (value, covariates) in metric.iter().zip(&rows) {
            moments.push(*value, covariates)?;
        }
        Ok(moments)
    })
}

fn pairs<'a>(
    py: Python<'_>,
    names: [&str; 2],
    first: &'a [f64],
    second: &'a [f64],
) -> PyResult<impl Iterator<Item = (f64, f64)> + use<'a>> {
    same_length(py, names, first.len(), second.len())?;
    Ok(first.iter().copied().zip(second.iter().copied()))
}

fn same_length(py: Python<'_>, [first, second]: [&str; 2], length: usize, other: usize) -> PyResult<()> {
    if length == other {
        return Ok(());
    }
    let problem = format!("{first} has {length} units, and {second} has {other}");
    Err(invalid(py, OPERATION, second, problem, "pass a number for each unit in both"))
}
