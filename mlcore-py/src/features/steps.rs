//! The plans of the steps inside of a plan.

use mlcore_features::pipeline::{self, FittedStep};
use pyo3::prelude::*;
use pyo3::types::PyList;

use super::plan::Plan;
use crate::error::raise;

/// The plans of the transformers inside, by name; a branch of columns also with these.
pub(super) fn inside<'py>(plan: &Plan, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
    let steps = PyList::empty(py);
    let step = |transformer: &FittedStep| -> PyResult<Option<Plan>> {
        if matches!(transformer, FittedStep::Passthrough(_) | FittedStep::Drop) {
            return Ok(None);
        }
        let fitted = pipeline::Plan::new(transformer.clone()).map_err(|error| raise(py, &error))?;
        let columns = fitted.input().names().map(str::to_owned).collect();
        let functions = plan.functions.iter().map(|class| class.clone_ref(py)).collect();
        Ok(Some(Plan::new(fitted, columns, plan.named, functions)))
    };
    match plan.fitted.step() {
        FittedStep::Pipeline(inside) => {
            for (name, transformer) in inside.iter() {
                steps.append((name, step(transformer)?, py.None()))?;
            }
        }
        FittedStep::ColumnTransformer(inside) => {
            for (name, transformer, columns) in inside.iter() {
                steps.append((name, step(transformer)?, columns))?;
            }
        }
        FittedStep::FeatureUnion(inside) => {
            for (name, transformer, _) in inside.iter() {
                steps.append((name, step(transformer)?, py.None()))?;
            }
        }
        _ => {}
    }
    Ok(steps)
}
