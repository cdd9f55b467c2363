//! Were units assigned as they should be?

use mlcore::experiment;
use pyo3::prelude::*;

use crate::error::{entry, raise};
use crate::plain::json;

/// The p-value of "units were assigned by the weights": a chi-squared test of the sample ratio, at one look.
///
/// Parameters
/// ----------
/// counts : list of int
///     The units of each arm.
/// weights : list of float
///     What their shares should be, relative to each other.
///
/// Returns
/// -------
/// float
///
/// Raises
/// ------
/// InvalidInputError
///     For fewer than two arms, another number of weights, and weights that are not positive.
///
/// Examples
/// --------
/// >>> from mlcore.experiment import srm_test
/// >>> srm_test([5000, 5000], [0.5, 0.5]), srm_test([5200, 4800], [0.5, 0.5]) < 0.001
/// (1.0, True)
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over owned lists")]
pub(super) fn srm_test(py: Python<'_>, counts: Vec<u64>, weights: Vec<f64>) -> PyResult<f64> {
    entry(py, |py| experiment::srm_test(&counts, &weights).map_err(|error| raise(py, &error)))
}

/// A test of the sample ratio that may be looked at after every unit.
///
/// Where units are assigned by the weights the p-value stays above ``alpha`` for ever with a probability of ``1 - alpha``.
///
/// Parameters
/// ----------
/// weights : list of float
/// concentration : float
///     Of the Dirichlet distribution of the alternative; a larger one looks for smaller mismatches.
///
/// Raises
/// ------
/// InvalidInputError
///     For fewer than two arms, and numbers that are not positive.
///
/// Notes
/// -----
/// M. Lindon and A. Malek (2022); the numbers are those of ``ssrm-test`` 0.1.5.
///
/// Examples
/// --------
/// >>> from mlcore.experiment import SequentialSrm
/// >>> test = SequentialSrm([0.5, 0.5])
/// >>> for _ in range(20):
/// ...     test.update([520, 480])
/// >>> test.pvalue < 0.01, test.counts
/// (True, [10400, 9600])
#[pyclass(module = "mlcore.experiment")]
#[derive(Debug)]
pub(crate) struct SequentialSrm {
    test: experiment::SequentialSrm,
}

#[pymethods]
impl SequentialSrm {
    #[new]
    #[pyo3(signature = (weights, concentration = 10_000.0))]
    #[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over owned lists")]
    fn new(py: Python<'_>, weights: Vec<f64>, concentration: f64) -> PyResult<Self> {
        entry(py, |py| {
            let test = experiment::SequentialSrm::with_concentration(&weights, concentration);
            Ok(Self { test: test.map_err(|error| raise(py, &error))? })
        })
    }

    /// Adds the units that came to each arm since the last look, and looks.
    #[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over owned lists")]
    fn update(&mut self, py: Python<'_>, counts: Vec<u64>) -> PyResult<()> {
        entry(py, |py| self.test.update(&counts).map_err(|error| raise(py, &error)))
    }

    /// Adds the units of a replica, and looks.
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     Where weights or concentrations differ; nothing was added.
    #[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over owned references")]
    fn merge(&mut self, py: Python<'_>, other: Py<Self>) -> PyResult<()> {
        entry(py, |py| {
            // Copied first: a test may be merged with itself, and is borrowed here.
            let other = match other.try_borrow(py) {
                Ok(other) => other.test.clone(),
                Err(_) => self.test.clone(),
            };
            self.test.absorb(&other).map_err(|error| raise(py, &error))
        })
    }

    /// The units of each arm.
    #[getter]
    fn counts(&self) -> Vec<u64> {
        self.test.counts().to_vec()
    }

    /// The smallest p-value of all looks so far.
    #[getter]
    fn pvalue(&self) -> f64 {
        self.test.pvalue()
    }

    /// The logarithm of how much more likely the counts are under a mismatch.
    #[getter]
    fn log_bayes_factor(&self) -> f64 {
        self.test.log_bayes_factor()
    }

    /// The probability of a mismatch, where it had the odds ``prior_odds`` before.
    #[pyo3(signature = (prior_odds = 1.0))]
    fn posterior_probability(&self, prior_odds: f64) -> f64 {
        self.test.posterior_probability(prior_odds)
    }

    /// The test as JSON, which :meth:`from_json` reads.
    fn to_json(&self, py: Python<'_>) -> PyResult<String> {
        entry(py, |py| json(py, "save sample ratio test", &self.test))
    }

    /// The test that :meth:`to_json` wrote, where it stood.
    ///
    /// Raises
    /// ------
    /// CorruptError
    ///     For any other text.
    #[staticmethod]
    fn from_json(py: Python<'_>, json: &str) -> PyResult<Self> {
        entry(py, |py| Ok(Self { test: super::report::read(py, "restore sample ratio test", json)? }))
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, (String,))> {
        let class = py.get_type::<Self>();
        Ok((class.getattr("from_json")?, (self.to_json(py)?,)))
    }

    fn __repr__(&self) -> String {
        format!("<mlcore.experiment.SequentialSrm: {:?}, p = {:?}>", self.test.counts(), self.test.pvalue())
    }
}
