//! What an endpoint answers.

use mlcore_serve::endpoint as serve;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::runner::arrays;

/// The answer to one request, with what is needed to explain it and to report its outcome.
#[pyclass(module = "mlcore.endpoint", frozen)]
#[derive(Debug)]
pub(crate) struct Prediction {
    outputs: Py<PyDict>,
    version: u64,
    arm: String,
    propensity: f64,
    outcome_id: String,
    rows: usize,
}

#[pymethods]
impl Prediction {
    /// The model's outputs, a dict of name to array, as :meth:`mlcore.Runner.run` answers them.
    #[getter]
    fn outputs(&self, py: Python<'_>) -> Py<PyDict> {
        self.outputs.clone_ref(py)
    }

    /// The version that answered.
    #[getter]
    fn version(&self) -> u64 {
        self.version
    }

    /// The arm that the policy chose.
    #[getter]
    fn arm(&self) -> &str {
        &self.arm
    }

    /// The probability with which the policy chose it.
    #[getter]
    fn propensity(&self) -> f64 {
        self.propensity
    }

    /// Under which the outcome is reported: 32 hexadecimal digits.
    #[getter]
    pub(super) fn outcome_id(&self) -> &str {
        &self.outcome_id
    }

    /// How many rows were answered, and so how many outcomes belong to it.
    #[getter]
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        let names: Vec<String> = self.outputs.bind(py).keys().iter().map(|name| name.to_string()).collect();
        let Self { version, arm, outcome_id, .. } = self;
        format!("<mlcore.endpoint.Prediction {outcome_id}: {} of version {version}, {arm}>", names.join(", "))
    }
}

impl Prediction {
    pub(super) fn new(py: Python<'_>, prediction: &serve::Prediction) -> PyResult<Self> {
        Ok(Self {
            outputs: arrays(py, &prediction.outputs)?.unbind(),
            version: prediction.version.get(),
            arm: prediction.arm.to_string(),
            propensity: prediction.propensity,
            outcome_id: prediction.outcome_id.to_string(),
            rows: prediction.rows(),
        })
    }
}
