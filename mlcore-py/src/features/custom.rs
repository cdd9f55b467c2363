//! Functions of the host that are classes of Python: subclasses of `mlcore.features.CustomTransformer`.

use std::fmt;

use mlcore::arrow::array::ArrayRef;
use mlcore::batch::ColumnView;
use mlcore::schema::DType;
use mlcore::{Error, Result};
use mlcore_features::transform::custom::{
    BoundFunction, CustomFunction, Functions, InputRow, InputRows, Learnt, Refusal, RowKernel, State,
};
use mlcore_features::transform::{Parameters, Training};
use numpy::{IntoPyArray, PyArray1, PyReadonlyArray2};
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple, PyType};

use super::specification::{parameter, python};
use crate::door::type_name;
use crate::error::{raise, wrong_type};
use crate::table::numpy_of;

/// A class of Python by its name and version; one that is fitted also has an object with parameters.
pub(crate) struct PythonFunction {
    class: Py<PyType>,
    /// The transformer that learns; the class itself where a plan brings the parameters along.
    object: Py<PyAny>,
    name: String,
    version: u32,
    parameters: Parameters,
}

impl PythonFunction {
    /// The function of a class, or of an object of it.
    pub(super) fn of(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = object.py();
        let base = py.import("mlcore.features")?.getattr("CustomTransformer")?;
        let (class, parameters) = match object.cast::<PyType>() {
            Ok(class) if class.is_subclass(&base)? => (class.clone(), Parameters::new()),
            _ if object.is_instance(&base)? => {
                let keywords = PyDict::new(py);
                keywords.set_item("deep", false)?;
                let own = object.call_method("get_params", (), Some(&keywords))?.cast_into::<PyDict>()?;
                let named = own.iter().map(|(name, value)| {
                    let name: String = name.extract()?;
                    let value = parameter(&value, &name)?;
                    Ok((name, value))
                });
                let named = named.collect::<PyResult<Vec<_>>>()?;
                (object.get_type(), Parameters::from_iter(named))
            }
            _ => {
                let problem = format!("it is a {}, and no CustomTransformer", type_name(object));
                let remedy = "pass a subclass of mlcore.features.CustomTransformer, or what custom() made";
                return Err(wrong_type(py, OPERATION, "functions", problem, remedy));
            }
        };
        let named = |attribute: &str, expected: &str| {
            let problem = format!(
                "{} has no {attribute}",
                class.name().map_or_else(|_| "it".to_owned(), |n| n.to_string())
            );
            wrong_type(
                py,
                OPERATION,
                attribute,
                problem,
                &format!("set {attribute} of the class, {expected}"),
            )
        };
        let name = class.getattr("name")?.extract::<String>().unwrap_or_default();
        if name.trim().is_empty() {
            return Err(named("name", "a str by which plans know it"));
        }
        let version = class.getattr("version")?.extract::<u32>().ok().filter(|version| *version > 0);
        let version = version.ok_or_else(|| named("version", "a whole number from 1 on"))?;
        Ok(Self { class: class.unbind(), object: object.clone().unbind(), name, version, parameters })
    }

    /// The class, by which other processes find the function.
    pub(super) fn class(&self, py: Python<'_>) -> Py<PyAny> {
        self.class.clone_ref(py).into_any()
    }
}

/// The functions that Python brings along for a plan, and their classes.
pub(crate) fn functions(given: Option<&Bound<'_, PyAny>>) -> PyResult<(Functions, Vec<Py<PyAny>>)> {
    let (mut functions, mut classes) = (Functions::new(), Vec::new());
    let Some(given) = given.filter(|given| !given.is_none()) else { return Ok((functions, classes)) };
    let each = given.try_iter().map_err(|_| {
        let problem = format!("it is a {}, and no list", type_name(given));
        wrong_type(given.py(), OPERATION, "functions", problem, "pass a list of functions")
    })?;
    for object in each {
        let function = PythonFunction::of(&object?)?;
        classes.push(function.class(given.py()));
        functions = functions.with(function);
    }
    Ok((functions, classes))
}

const OPERATION: &str = "register function";

impl fmt::Debug for PythonFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PythonFunction").field("name", &self.name).field("version", &self.version).finish()
    }
}

impl CustomFunction for PythonFunction {
    fn name(&self) -> &str {
        &self.name
    }

    fn version(&self) -> u32 {
        self.version
    }

    fn parameters(&self) -> Parameters {
        self.parameters.clone()
    }

    fn learn(&self, training: &Training<'_>) -> Result<State> {
        let learnt = Python::attach(|py| {
            let table = training.table();
            let mut columns = Vec::with_capacity(table.num_columns());
            for (field, array) in table.schema_ref().fields().iter().zip(table.columns()) {
                columns.push(column_of(py, field.name(), array)?);
            }
            let target = training.target().map(|target| numpy_of(py, "y", target)).transpose()?;
            let state = self.object.bind(py).call_method1("_learnt_state", (columns, target))?;
            state.extract::<String>()
        });
        State::from_json(&learnt.map_err(|raised| self.raised("fit", raised))?)
    }

    fn bind(&self, learnt: &Learnt<'_>) -> Result<BoundFunction> {
        let bound = Python::attach(|py| {
            let parameters = PyDict::new(py);
            for (name, value) in learnt.parameters().iter() {
                parameters.set_item(name, python(py, value)?)?;
            }
            let names: Vec<&str> = learnt.input().names().collect();
            let state = learnt.state().to_string();
            let bound = self.class.bind(py).call_method1("_bind", (parameters, state, names))?;
            bound.extract::<(Vec<String>, Py<PyAny>)>()
        });
        let (features, compute) = bound.map_err(|raised| self.raised("bind", raised))?;
        let texts = learnt.input().fields().iter().map(|field| field.dtype() == DType::String).collect();
        let width = features.len();
        Ok(BoundFunction::new(features, PythonKernel { compute, texts, width }))
    }
}

impl PythonFunction {
    fn raised(&self, operation: &'static str, raised: PyErr) -> Error {
        let subject = format!("{} version {}", self.name, self.version);
        Python::attach(|py| match is_exception(py, &raised) {
            true => Error::invalid_input(operation, subject, format!("the function raised {raised}")),
            false => Error::interrupted(operation, subject, format!("the function was ended by {raised}")),
        })
        .caused_by(raised)
    }
}

/// Whether it is what `except Exception` catches, and not what ends a program, such as Ctrl-C.
fn is_exception(py: Python<'_>, raised: &PyErr) -> bool {
    raised.is_instance_of::<PyException>(py)
}

/// A column of the training table as functions see it: numbers as floats, text as objects.
fn column_of<'py>(py: Python<'py>, name: &str, array: &ArrayRef) -> PyResult<Bound<'py, PyAny>> {
    let refused = |error: Error| raise(py, &error);
    let plain = ColumnView::plain(name, array).map_err(refused)?;
    let view = ColumnView::new(name, plain.as_ref()).map_err(refused)?;
    if DType::from_arrow(plain.data_type()) == Some(DType::String) {
        return texts_of(py, plain.len(), |row| view.text(row));
    }
    let mut numbers = vec![0.0_f64; plain.len()];
    view.numbers(0, &mut numbers);
    Ok(PyArray1::from_vec(py, numbers).into_any())
}

/// An array of objects: texts, and `None` for a missing one.
fn texts_of<'py, 'a>(
    py: Python<'py>,
    rows: usize,
    text: impl Fn(usize) -> Option<&'a str>,
) -> PyResult<Bound<'py, PyAny>> {
    let objects = (0..rows).map(|row| Ok(text(row).into_pyobject(py)?.unbind()));
    Ok(objects.collect::<PyResult<Vec<Py<PyAny>>>>()?.into_pyarray(py).into_any())
}

/// A bound function of Python: called with an array for each column, with one row or with many.
struct PythonKernel {
    compute: Py<PyAny>,
    /// Of each column whether it is text.
    texts: Vec<bool>,
    width: usize,
}

impl fmt::Debug for PythonKernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PythonKernel").field("texts", &self.texts).field("width", &self.width).finish()
    }
}

impl RowKernel for PythonKernel {
    fn apply(&self, row: &InputRow<'_>, features: &mut [f64]) -> Result<(), Refusal> {
        let text = |_: usize, position: usize| row.text(position);
        self.apply_rows(&InputRows::new(1, row.numbers(), &text), features)
    }

    fn apply_rows(&self, rows: &InputRows<'_>, features: &mut [f64]) -> Result<(), Refusal> {
        Python::attach(|py| {
            self.call(py, rows, features).map_err(|raised| match is_exception(py, &raised) {
                true => Refusal::new(format!("the function raised {raised}")).caused_by(raised),
                false => {
                    let problem = format!("the function was ended by {raised}");
                    Refusal::stop(Error::interrupted("transform", "", problem).caused_by(raised))
                }
            })
        })
    }
}

impl PythonKernel {
    fn call(&self, py: Python<'_>, rows: &InputRows<'_>, features: &mut [f64]) -> PyResult<()> {
        let (mut columns, mut numbers, mut texts) = (Vec::with_capacity(self.texts.len()), 0, 0);
        let width = self.texts.iter().filter(|is_text| !**is_text).count();
        for is_text in &self.texts {
            if *is_text {
                columns.push(texts_of(py, rows.len(), |row| rows.text(row, texts))?);
                texts += 1;
            } else {
                let own = rows.numbers().iter().skip(numbers).step_by(width).copied().collect();
                columns.push(PyArray1::from_vec(py, own).into_any());
                numbers += 1;
            }
        }
        let answer = self.compute.bind(py).call1((PyTuple::new(py, columns)?, self.width))?;
        let answer: PyReadonlyArray2<'_, f64> = answer.extract()?;
        for (feature, answered) in features.iter_mut().zip(answer.as_array()) {
            *feature = *answered;
        }
        Ok(())
    }
}
