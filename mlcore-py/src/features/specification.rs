//! From a transformer's class and parameters in Python to its specification in Rust, and back.

use mlcore::Error;
use mlcore::batch::OwnedValue;
use mlcore_features::pipeline::{ColumnTransformer, FeatureUnion, Pipeline, Remainder, Step};
use mlcore_features::transform::custom::CustomTransformer;
use mlcore_features::transform::{Parameter, Parameters, Transformer};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFloat, PyList, PyString};

use super::custom::PythonFunction;
use crate::door::type_name;
use crate::error::{entry, invalid, raise, wrong_type};
use crate::stats::option;
use crate::value::{self, Place};

/// The step of `(class name, parameters)`. The classes of the functions of Python inside are added to `functions`.
pub(super) fn step(specification: &Bound<'_, PyAny>, functions: &mut Vec<Py<PyAny>>) -> PyResult<Step> {
    let (name, parameters) = specification.extract::<(String, Bound<'_, PyDict>)>()?;
    Ok(match name.as_str() {
        "Passthrough" => Step::Passthrough,
        "Drop" => Step::Drop,
        "Pipeline" => {
            let mut pipeline = Pipeline::new();
            for (name, own) in required(&parameters, "steps")?.extract::<Vec<(String, Bound<'_, PyAny>)>>()? {
                pipeline = pipeline.then(name, step(&own, functions)?);
            }
            pipeline.into()
        }
        "ColumnTransformer" => column_transformer(&parameters, functions)?.into(),
        "FeatureUnion" => feature_union(&parameters, functions)?.into(),
        "OneHotEncoder" => one_hot_encoder(&parameters)?.into(),
        "CustomTransformer" => {
            let function = PythonFunction::of(&required(&parameters, "function")?)?;
            functions.push(function.class(parameters.py()));
            CustomTransformer::new(function).into()
        }
        name => transformer(name, &parameters)?.into(),
    })
}

/// The encoder, whose names of features a function of Python may make.
fn one_hot_encoder(parameters: &Bound<'_, PyDict>) -> PyResult<Transformer> {
    const COMBINER: &str = "feature_name_combiner";
    let Some(combine) = parameters.get_item(COMBINER)? else {
        return transformer("OneHotEncoder", parameters);
    };
    let others = parameters.copy()?;
    others.del_item(COMBINER)?;
    let Transformer::OneHotEncoder(encoder) = transformer("OneHotEncoder", &others)? else {
        return Err(invalid(
            parameters.py(),
            FIT,
            COMBINER,
            "it is no one-hot encoder's",
            "report this to mlcore",
        ));
    };
    let combine = combine.unbind();
    let named = move |column: &str, category: &OwnedValue| {
        Python::attach(|py| {
            let refused = |problem: String| {
                Error::invalid_input(FIT, COMBINER, problem).remedy("let it answer a str for each category")
            };
            let category = match category {
                // As in the array of categories.
                category if category.is_missing() => Ok(PyFloat::new(py, f64::NAN).into_any()),
                category => value::write(py, category),
            };
            let answer = category.and_then(|category| combine.bind(py).call1((column, category)));
            let answer = answer.map_err(|error| refused(format!("it raised {error}")))?;
            let text = answer.extract::<String>();
            text.map_err(|_| refused(format!("it answered {answer}, which is a {}", type_name(&answer))))
        })
    };
    Ok(encoder.feature_name_combiner(named).into())
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

fn column_transformer(
    parameters: &Bound<'_, PyDict>,
    functions: &mut Vec<Py<PyAny>>,
) -> PyResult<ColumnTransformer> {
    let py = parameters.py();
    let word: String = required(parameters, "remainder")?
        .extract()
        .map_err(|_| wrong_type(py, FIT, "remainder", "a str is expected", "use one of drop, passthrough"))?;
    let remainder: Remainder = option(py, FIT, "remainder", &word)?;
    let verbose = verbose_feature_names_out(parameters)?;
    let mut combined = ColumnTransformer::new().remainder(remainder).verbose_feature_names_out(verbose);
    type Branch<'py> = (String, Bound<'py, PyAny>, Vec<String>);
    for (name, own, columns) in required(parameters, "transformers")?.extract::<Vec<Branch<'_>>>()? {
        combined = combined.with(name, step(&own, functions)?, columns);
    }
    Ok(combined)
}

fn feature_union(parameters: &Bound<'_, PyDict>, functions: &mut Vec<Py<PyAny>>) -> PyResult<FeatureUnion> {
    let mut union = FeatureUnion::new().verbose_feature_names_out(verbose_feature_names_out(parameters)?);
    type Named<'py> = (String, Bound<'py, PyAny>);
    for (name, own) in required(parameters, "transformer_list")?.extract::<Vec<Named<'_>>>()? {
        union = union.with(name, step(&own, functions)?);
    }
    for (name, weight) in required(parameters, "transformer_weights")?.extract::<Vec<Named<'_>>>()? {
        let number = weight.extract::<f64>().map_err(|_| {
            let problem = format!("the weight of {name} is a {}, and no number", type_name(&weight));
            wrong_type(parameters.py(), FIT, "transformer_weights", problem, "pass numbers")
        })?;
        union = union.weight(name, number);
    }
    Ok(union)
}

fn verbose_feature_names_out(parameters: &Bound<'_, PyDict>) -> PyResult<bool> {
    let verbose = required(parameters, "verbose_feature_names_out")?;
    verbose.extract().map_err(|_| {
        let problem = format!("a bool is expected, and it is a {}", type_name(&verbose));
        wrong_type(parameters.py(), FIT, "verbose_feature_names_out", problem, "pass a bool")
    })
}

fn required<'py>(parameters: &Bound<'py, PyDict>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    parameters.get_item(name)?.ok_or_else(|| {
        invalid(parameters.py(), FIT, name, "the parameter is missing", "report this to mlcore")
    })
}

/// A parameter's value: what an array of numpy or a tuple holds is a list.
pub(super) fn parameter(value: &Bound<'_, PyAny>, name: &str) -> PyResult<Parameter> {
    if !value.is_instance_of::<PyString>()
        && let Ok(values) = value.try_iter()
    {
        return values.map(|own| parameter(&own?, name)).collect::<PyResult<Vec<_>>>().map(Parameter::List);
    }
    value::read(value, Place::single(FIT, name)).map(Parameter::from)
}

pub(super) fn python<'py>(py: Python<'py>, value: &Parameter) -> PyResult<Bound<'py, PyAny>> {
    match value {
        Parameter::Value(value) => value::write(py, value),
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
