//! The stored form of fitted steps, piece by piece: what another library learnt becomes a plan by it.

use std::collections::HashSet;

use mlcore::Error;
use mlcore::schema::Schema;
use mlcore_features::pipeline::{self, FittedStep, Step};
use pyo3::prelude::*;

use super::plan::Plan;
use super::specification;
use crate::door::{self, Asked};
use crate::error::{detached, entry, raise};

const ASKED: Asked = Asked { operation: "from_sklearn", subject: "X" };

/// The parameters of a transformer, `(class, parameters)`, as a stored plan has them: JSON.
#[pyfunction]
pub(super) fn _stored_parameters(py: Python<'_>, specification: &Bound<'_, PyAny>) -> PyResult<String> {
    entry(py, |py| match specification::step(specification, &mut Vec::new())? {
        Step::Transformer(transformer) => {
            let parameters = transformer.parameters().map_err(|error| raise(py, &error))?;
            serde_json::to_string(&parameters).map_err(|cause| unwritten(py, &cause))
        }
        _ => Ok("{}".to_owned()),
    })
}

/// The types of columns of a table that somebody would learn from, as a stored plan has them: JSON.
#[pyfunction]
#[expect(non_snake_case, reason = "scikit-learn's name of the argument")]
#[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over owned sets")]
pub(super) fn _stored_fields(
    py: Python<'_>,
    X: &Bound<'_, PyAny>,
    columns: HashSet<String>,
) -> PyResult<String> {
    entry(py, |py| {
        let table = door::columns(X, None, ASKED)?;
        let batch = door::training_table(py, &table, |name| columns.contains(name), ASKED)?;
        let schema = batch.schema();
        let fields = schema.fields().iter().filter(|field| columns.contains(field.name()));
        let read = mlcore::arrow::datatypes::Schema::new(fields.cloned().collect::<Vec<_>>());
        let schema = Schema::from_arrow(&read).map_err(|error| raise(py, &error))?;
        serde_json::to_string(schema.fields()).map_err(|cause| unwritten(py, &cause))
    })
}

#[pymethods]
impl Plan {
    /// The plan of a step in its stored form, which is checked as one that was loaded.
    #[staticmethod]
    fn _of_stored(py: Python<'_>, step: &str, columns: Vec<String>, named: bool) -> PyResult<Self> {
        entry(py, |py| {
            let fitted = detached(py, || {
                let step: FittedStep = serde_json::from_str(step).map_err(|cause| {
                    Error::corrupt(ASKED.operation, "state", cause.to_string()).caused_by(cause)
                })?;
                pipeline::Plan::new(step)
            })?;
            Ok(Self::new(fitted, columns, named, Vec::new()))
        })
    }

    /// The types of the features, as a stored plan has them: JSON.
    fn _stored_outputs(&self, py: Python<'_>) -> PyResult<String> {
        entry(py, |py| {
            serde_json::to_string(self.fitted().output().fields()).map_err(|cause| unwritten(py, &cause))
        })
    }
}

fn unwritten(py: Python<'_>, cause: &serde_json::Error) -> PyErr {
    raise(py, &Error::internal(ASKED.operation, "state", cause.to_string()))
}
