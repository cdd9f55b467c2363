//! Learning in parts and in batches: tables that come one after another, of which one is in memory at a time.

use std::sync::{Mutex, PoisonError};

use mlcore::Error;
use mlcore::arrow::array::RecordBatch;
use mlcore_features::pipeline::{self, BatchStream, Batched, Batches, ParquetFiles, Step};
use mlcore_features::transform::{PartialFit, Training, Transformer};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::fitting::target;
use super::plan::Plan;
use super::specification;
use crate::door::{self, Asked, Numbers};
use crate::error::{detached, entry, invalid, raise};

/// What a transformer has seen so far.
#[pyclass(module = "mlcore.features", frozen)]
#[derive(Debug)]
pub(crate) struct Learner {
    fit: Mutex<PartialFit<Transformer>>,
}

impl Learner {
    fn fit(&self) -> PartialFit<Transformer> {
        self.fit.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[pymethods]
impl Learner {
    /// What was seen so far as bytes, which ``partial_fit`` continues from.
    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        entry(py, |py| {
            let fit = self.fit();
            let bytes = py.detach(|| fit.to_bytes()).map_err(|error| raise(py, &error))?;
            Ok(PyBytes::new(py, &bytes))
        })
    }
}

/// Learns from more rows: the learner that has seen them too, and the plan of all rows, or why there is none yet.
#[pyfunction]
#[pyo3(signature = (specification, learner, X, y = None, sample_weight = None))]
#[expect(non_snake_case, reason = "scikit-learn's name of the argument")]
pub(crate) fn partial_fit(
    py: Python<'_>,
    specification: &Bound<'_, PyAny>,
    learner: Option<&Bound<'_, PyAny>>,
    X: &Bound<'_, PyAny>,
    y: Option<&Bound<'_, PyAny>>,
    sample_weight: Option<&Bound<'_, PyAny>>,
) -> PyResult<(Learner, Option<Plan>, Option<PyErr>)> {
    entry(py, |py| {
        let mut fit = continued(specification, learner)?;
        let asked = Asked { operation: "fit", subject: "X" };
        let table = door::columns(X, None, asked)?;
        let batch = &door::part_table(py, &table, |_| true, asked)?;
        let asked = Asked { operation: "fit", subject: "sample_weight" };
        let weights = sample_weight.map(|weights| door::numbers(weights, asked)).transpose()?;
        let weights = weights.as_ref().map(Numbers::as_slice);
        let target = y.map(|y| target(y, batch.num_rows()));
        let readable = target.as_ref().and_then(|target| target.as_ref().ok());
        let observed = detached(py, || {
            let mut training = Training::new(batch);
            if let Some(weights) = weights {
                training = training.with_weights(weights);
            }
            if let Some(target) = readable {
                training = training.with_target(target);
            }
            Ok(fit.observe(training).map(|()| {
                // Some learn nothing from the first rows alone, such as those of one class.
                fit.clone().finish().and_then(pipeline::Plan::new)
            }))
        })?;
        let finished = match (observed, target) {
            (Ok(finished), _) => finished,
            (Err(error), Some(Err(unread))) if error.context().subject() == "target" => return Err(unread),
            (Err(error), _) => return Err(raise(py, &error)),
        };
        let columns = table.names().map(str::to_owned).collect();
        let learner = Learner { fit: Mutex::new(fit) };
        Ok(match finished {
            Ok(plan) => (learner, Some(Plan::new(plan, columns, table.named(), Vec::new())), None),
            Err(error) => (learner, None, Some(raise(py, &error))),
        })
    })
}

/// The learner to go on with: a new one, the one that is given, or the one of these bytes.
fn continued(
    specification: &Bound<'_, PyAny>,
    learner: Option<&Bound<'_, PyAny>>,
) -> PyResult<PartialFit<Transformer>> {
    let py = specification.py();
    let Step::Transformer(transformer) = specification::step(specification, &mut Vec::new())? else {
        let problem = "steps inside of it need more than one pass over the rows";
        return Err(invalid(py, "fit", "partial_fit", problem, "use fit_batches"));
    };
    let new = |transformer| PartialFit::new(transformer).map_err(|error| raise(py, &error));
    let Some(learner) = learner else { return new(transformer) };
    if let Ok(bytes) = learner.cast::<PyBytes>() {
        return PartialFit::from_bytes(transformer, bytes.as_bytes()).map_err(|error| raise(py, &error));
    }
    let mut fit = new(transformer)?;
    // A parameter that was changed in between is refused here.
    fit.merge(learner.cast::<Learner>()?.get().fit()).map_err(|error| raise(py, &error))?;
    Ok(fit)
}

/// Fits a specification on tables that come one after another. `open` answers an iterator of them from the first one on;
/// `columns` are the names of the columns, of which `y` and `sample_weight` hold a target and weights.
#[pyfunction]
#[pyo3(signature = (specification, open, columns, repeatable, y = None, sample_weight = None))]
pub(crate) fn fit_batches(
    py: Python<'_>,
    specification: &Bound<'_, PyAny>,
    open: Py<PyAny>,
    columns: Vec<String>,
    repeatable: bool,
    y: Option<&str>,
    sample_weight: Option<&str>,
) -> PyResult<Plan> {
    entry(py, |py| {
        let mut functions = Vec::new();
        let step = specification::step(specification, &mut functions)?;
        let raised = Mutex::new(None);
        let source = Tables { open, step: &step, beside: [y, sample_weight], repeatable, raised: &raised };
        let fitted = detached(py, || Ok(step.fit_batches(batched(&source, y, sample_weight))))?;
        let cause = raised.lock().unwrap_or_else(PoisonError::into_inner).take();
        match (fitted, cause) {
            (_, Some(cause)) => Err(cause),
            (Ok(plan), None) => Ok(Plan::new(plan, columns, true, functions)),
            (Err(error), None) => Err(raise(py, &error)),
        }
    })
}

/// Fits a specification on files of Parquet; as `fit_batches`.
#[pyfunction]
#[pyo3(signature = (specification, paths, columns, y = None, sample_weight = None))]
pub(crate) fn fit_parquet(
    py: Python<'_>,
    specification: &Bound<'_, PyAny>,
    paths: Vec<std::path::PathBuf>,
    columns: Vec<String>,
    y: Option<&str>,
    sample_weight: Option<&str>,
) -> PyResult<Plan> {
    entry(py, |py| {
        let mut functions = Vec::new();
        let step = specification::step(specification, &mut functions)?;
        let files = ParquetFiles::new(paths);
        let plan = detached(py, || step.fit_batches(batched(&files, y, sample_weight)))?;
        Ok(Plan::new(plan, columns, true, functions))
    })
}

/// The names of the columns of a file of Parquet.
#[pyfunction]
pub(crate) fn parquet_columns(py: Python<'_>, path: std::path::PathBuf) -> PyResult<Vec<String>> {
    entry(py, |py| detached(py, || ParquetFiles::new([path]).column_names()))
}

fn batched<'a>(source: &'a dyn Batches, y: Option<&'a str>, sample_weight: Option<&'a str>) -> Batched<'a> {
    let batched = Batched::new(source);
    let batched = y.map_or(batched, |y| batched.with_target(y));
    sample_weight.map_or(batched, |weights| batched.with_weights(weights))
}

/// Tables of Python, which are read while the interpreter is held and learnt from while it is not.
struct Tables<'a> {
    open: Py<PyAny>,
    step: &'a Step,
    /// The columns of the target and of the weights.
    beside: [Option<&'a str>; 2],
    repeatable: bool,
    /// What Python raised.
    raised: &'a Mutex<Option<PyErr>>,
}

const ASKED: Asked = Asked { operation: "fit", subject: "source" };

impl Tables<'_> {
    /// An error that stands for what Python raised, which is raised in its place.
    fn stopped(&self, cause: PyErr) -> Error {
        *self.raised.lock().unwrap_or_else(PoisonError::into_inner) = Some(cause);
        Error::invalid_input(ASKED.operation, ASKED.subject, "its tables cannot be read")
    }

    fn next(&self, py: Python<'_>, tables: &Py<PyAny>) -> PyResult<Option<RecordBatch>> {
        let Some(table) = tables.bind(py).try_iter()?.next().transpose()? else { return Ok(None) };
        let columns = door::columns(&table, None, ASKED)?;
        let is_read = |column: &str| self.step.reads(column) || self.beside.contains(&Some(column));
        door::part_table(py, &columns, is_read, ASKED).map(Some)
    }
}

impl Batches for Tables<'_> {
    fn open<'a>(&'a self, _: &dyn Fn(&str) -> bool) -> mlcore::Result<BatchStream<'a>> {
        let opened = Python::attach(|py| {
            let tables = self.open.bind(py).call0()?;
            Ok(tables.try_iter()?.into_any().unbind())
        });
        let tables = opened.map_err(|cause| self.stopped(cause))?;
        let next = move || Python::attach(|py| self.next(py, &tables)).transpose();
        Ok(Box::new(std::iter::from_fn(next).map(|batch| batch.map_err(|cause| self.stopped(cause)))))
    }

    fn is_repeatable(&self) -> bool {
        self.repeatable
    }
}
