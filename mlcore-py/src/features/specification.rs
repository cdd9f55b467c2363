//! From a transformer's class and parameters in Python to its specification in Rust, and back.

use mlcore::batch::OwnedValue;
use mlcore_features::pipeline::{ColumnTransformer, Pipeline, Remainder, Step};
use mlcore_features::transform::{Parameter, Parameters, Transformer};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString};

use crate::door::{is_of, type_name};
use crate::error::{entry, invalid, raise, wrong_type};
use crate::stats::option;

/// The step of `(class name, parameters)`.
pub(super) fn step(specification: &Bound<'_, PyAny>) -> PyResult<Step> {
    let (name, parameters) = specification.extract::<(String, Bound<'_, PyDict>)>()?;
    Ok(match name.as_str() {
        "Passthrough" => Step::Passthrough,
        "Drop" => Step::Drop,
        "Pipeline" => {
            let mut pipeline = Pipeline::new();
            for (name, own) in required(&parameters, "steps")?.extract::<Vec<(String, Bound<'_, PyAny>)>>()? {
                pipeline = pipeline.then(name, step(&own)?);
            }
            pipeline.into()
        }
        "ColumnTransformer" => column_transformer(&parameters)?.into(),
        name => transformer(name, &parameters)?.into(),
    })
}

/// The transformers there are by the names of their classes, each with its parameters and their defaults.
#[pyfunction]
pub(crate) fn transformers(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    entry(py, |py| {
        let all = PyDict::new(py);
        for name in Transformer::NAMES {
            let parameters = Transformer::new(name, &Parameters::new())
                .and_then(|transformer| transformer.parameters())
                .map_err(|error| raise(py, &error))?;
            let defaults = PyDict::new(py);
            for (parameter, value) in parameters.iter() {
                defaults.set_item(parameter, python(py, value)?)?;
            }
            all.set_item(name, defaults)?;
        }
        Ok(all)
    })
}

const FIT: &str = "fit";

fn transformer(name: &str, parameters: &Bound<'_, PyDict>) -> PyResult<Transformer> {
    let named = |(own, value): (Bound<'_, PyAny>, Bound<'_, PyAny>)| {
        let own: String = own.extract()?;
        let value = parameter(&value, &own)?;
        Ok((own, value))
    };
    let named = parameters.iter().map(named).collect::<PyResult<Vec<_>>>()?;
    Transformer::new(name, &Parameters::from_iter(named)).map_err(|error| raise(parameters.py(), &error))
}

fn column_transformer(parameters: &Bound<'_, PyDict>) -> PyResult<ColumnTransformer> {
    let py = parameters.py();
    let word: String = required(parameters, "remainder")?
        .extract()
        .map_err(|_| wrong_type(py, FIT, "remainder", "a str is expected", "use one of drop, passthrough"))?;
    let remainder: Remainder = option(py, FIT, "remainder", &word)?;
    let verbose = required(parameters, "verbose_feature_names_out")?;
    let verbose = verbose.extract().map_err(|_| {
        let problem = format!("a bool is expected, and it is a {}", type_name(&verbose));
        wrong_type(py, FIT, "verbose_feature_names_out", problem, "pass a bool")
    })?;
    let mut combined = ColumnTransformer::new().remainder(remainder).verbose_feature_names_out(verbose);
    type Branch<'py> = (String, Bound<'py, PyAny>, Vec<String>);
    for (name, own, columns) in required(parameters, "transformers")?.extract::<Vec<Branch<'_>>>()? {
        combined = combined.with(name, step(&own)?, columns);
    }
    Ok(combined)
}

fn required<'py>(parameters: &Bound<'py, PyDict>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    parameters.get_item(name)?.ok_or_else(|| {
        invalid(parameters.py(), FIT, name, "the parameter is missing", "report this to mlcore")
    })
}

/// A parameter's value: what a list of numpy or a tuple holds is a list.
fn parameter(value: &Bound<'_, PyAny>, name: &str) -> PyResult<Parameter> {
    if value.is_none() || is_of(value, "pandas", &["NAType"]) {
        return Ok(None::<bool>.into());
    }
    if value.is_instance_of::<PyBool>() {
        return Ok(value.extract::<bool>()?.into());
    }
    if value.is_instance_of::<PyString>() {
        return Ok(value.extract::<String>()?.into());
    }
    if value.is_instance_of::<PyFloat>() {
        return Ok(value.extract::<f64>()?.into());
    }
    if value.is_instance_of::<PyInt>() {
        let whole = value.extract::<i64>().map(Parameter::from);
        return whole.or_else(|_| value.extract::<u64>().map(Parameter::from)).map_err(|_| {
            wrong_type(value.py(), FIT, name, "the integer is out of range", "pass one of 64 bits")
        });
    }
    if is_of(value, "numpy", &["generic"]) {
        let plain = value.call_method0("item")?;
        if !is_of(&plain, "numpy", &["generic"]) {
            return parameter(&plain, name);
        }
    }
    let problem = || format!("it holds a {}", type_name(value));
    let refused =
        |_| wrong_type(value.py(), FIT, name, problem(), "pass numbers, bools, text or lists of them");
    let values = value.try_iter().map_err(refused)?;
    values.map(|own| parameter(&own?, name)).collect::<PyResult<Vec<_>>>().map(Parameter::List)
}

fn python<'py>(py: Python<'py>, value: &Parameter) -> PyResult<Bound<'py, PyAny>> {
    match value {
        Parameter::Value(value) => scalar(py, value),
        Parameter::List(values) => {
            let list = PyList::empty(py);
            for value in values {
                list.append(python(py, value)?)?;
            }
            Ok(list.into_any())
        }
        _ => Ok(py.None().into_bound(py)),
    }
}

/// A single value as Python's own; a missing one is `None`.
pub(super) fn scalar<'py>(py: Python<'py>, value: &OwnedValue) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        OwnedValue::Bool(value) => value.into_pyobject(py)?.to_owned().into_any(),
        OwnedValue::Int(value) => value.into_pyobject(py)?.into_any(),
        OwnedValue::UInt(value) => value.into_pyobject(py)?.into_any(),
        OwnedValue::Float(value) => value.into_pyobject(py)?.into_any(),
        OwnedValue::Text(value) => value.into_pyobject(py)?.into_any(),
        _ => py.None().into_bound(py),
    })
}
