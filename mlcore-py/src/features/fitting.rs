//! From a specification and data in Python to a plan.

use mlcore::arrow::array::{ArrayRef, RecordBatch};
use mlcore_features::pipeline::{self, Step};
use mlcore_features::transform::{Fit as _, Training};
use pyo3::prelude::*;

use super::plan::Plan;
use super::specification;
use crate::door::{self, Asked, Numbers};
use crate::error::{detached, entry, invalid, raise};

/// Learns what a specification, `(class, parameters)`, says from every column of a table and, where it asks for one, a target;
/// rows may weigh differently.
#[pyfunction]
#[pyo3(signature = (specification, X, y = None, sample_weight = None))]
#[expect(non_snake_case, reason = "scikit-learn's name of the argument")]
pub(crate) fn fit(
    py: Python<'_>,
    specification: &Bound<'_, PyAny>,
    X: &Bound<'_, PyAny>,
    y: Option<&Bound<'_, PyAny>>,
    sample_weight: Option<&Bound<'_, PyAny>>,
) -> PyResult<Plan> {
    let learn = |step: &Step, training: Training<'_>| {
        step.fit(training).and_then(pipeline::Plan::new).map(|fitted| (fitted, None))
    };
    learnt(py, specification, X, y, sample_weight, learn).map(|(plan, _)| plan)
}

/// The same, and the features of the training table where they are others than those that the plan makes of it.
#[pyfunction]
#[pyo3(signature = (specification, X, y = None, sample_weight = None))]
#[expect(non_snake_case, reason = "scikit-learn's name of the argument")]
pub(crate) fn fit_transform(
    py: Python<'_>,
    specification: &Bound<'_, PyAny>,
    X: &Bound<'_, PyAny>,
    y: Option<&Bound<'_, PyAny>>,
    sample_weight: Option<&Bound<'_, PyAny>>,
) -> PyResult<(Plan, Option<crate::table::Table>)> {
    let learn = |step: &Step, training: Training<'_>| {
        if !step.cross_fits() {
            return step.fit(training).and_then(pipeline::Plan::new).map(|fitted| (fitted, None));
        }
        let (fitted, features) = step.fit_transform(training)?;
        Ok((pipeline::Plan::new(fitted)?, Some(features)))
    };
    let (plan, features) = learnt(py, specification, X, y, sample_weight, learn)?;
    Ok((plan, features.map(|features| crate::table::Table::new(&features))))
}

#[expect(non_snake_case, reason = "scikit-learn's name of the argument")]
fn learnt(
    py: Python<'_>,
    specification: &Bound<'_, PyAny>,
    X: &Bound<'_, PyAny>,
    y: Option<&Bound<'_, PyAny>>,
    sample_weight: Option<&Bound<'_, PyAny>>,
    learn: impl Fn(&Step, Training<'_>) -> mlcore::Result<(pipeline::Plan, Option<RecordBatch>)> + Send + Sync,
) -> PyResult<(Plan, Option<RecordBatch>)> {
    entry(py, |py| {
        let mut functions = Vec::new();
        let step = specification::step(specification, &mut functions)?;
        let asked = Asked { operation: "fit", subject: "X" };
        let table = door::columns(X, None, asked)?;
        let batch = &door::training_table(py, &table, |column| step.reads(column), asked)?;
        let asked = Asked { operation: "fit", subject: "sample_weight" };
        let weights = sample_weight.map(|weights| door::numbers(weights, asked)).transpose()?;
        let weights = weights.as_ref().map(Numbers::as_slice);
        let columns = table.names().map(str::to_owned).collect();
        let target = y.map(|y| target(y, batch.num_rows()));
        let readable = target.as_ref().and_then(|target| target.as_ref().ok());
        let learnt = detached(py, || {
            let mut training = Training::new(batch);
            if let Some(weights) = weights {
                training = training.with_weights(weights);
            }
            if let Some(target) = readable {
                training = training.with_target(target);
            }
            Ok(learn(&step, training))
        })?;
        let (fitted, features) = match (learnt, target) {
            (Ok(learnt), _) => learnt,
            (Err(error), Some(Err(unread))) if error.context().subject() == "target" => return Err(unread),
            (Err(error), _) => return Err(raise(py, &error)),
        };
        Ok((Plan::new(fitted, columns, table.named(), functions), features))
    })
}

/// The target of a table with so many rows. Transformers that learn without one take whatever `y` is, as those of
/// scikit-learn do: what is wrong with it is told only where one asks for it.
pub(super) fn target(y: &Bound<'_, PyAny>, rows: usize) -> PyResult<ArrayRef> {
    let asked = Asked { operation: "fit", subject: "y" };
    let target = door::column(y, asked)?;
    if target.len() == rows {
        return Ok(target);
    }
    let problem = format!("it has {} values for {rows} rows", target.len());
    Err(invalid(y.py(), asked.operation, asked.subject, problem, "pass one value per row"))
}
