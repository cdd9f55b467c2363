//! What the calls of a tracker are given, read.

use mlcore::Error;
use mlcore::tracking::{Dataset, DatasetInput, ViewType};
use pyo3::prelude::*;
use pyo3::types::{PyFloat, PyMapping, PyString};

use crate::door::{type_name, unicode};
use crate::error::{invalid, wrong_type};

/// Names and values as text: a dict whose values are shown by `str`, as MLflow does it.
pub(super) fn texts(
    object: Option<&Bound<'_, PyAny>>,
    operation: &'static str,
    subject: &str,
) -> PyResult<Vec<(String, String)>> {
    items(object, operation, subject)?.into_iter().map(|(name, value)| Ok((name, text(&value)?))).collect()
}

/// What `str` shows of a value.
pub(super) fn text(value: &Bound<'_, PyAny>) -> PyResult<String> {
    match value.cast::<PyString>() {
        Ok(text) => unicode(text).map(str::to_owned),
        Err(_) => unicode(&value.str()?).map(str::to_owned),
    }
}

/// The items of a dict whose keys are text.
pub(super) fn items<'py>(
    object: Option<&Bound<'py, PyAny>>,
    operation: &'static str,
    subject: &str,
) -> PyResult<Vec<(String, Bound<'py, PyAny>)>> {
    let Some(object) = object else { return Ok(Vec::new()) };
    let wrong =
        |problem: String, remedy: &str| Err(wrong_type(object.py(), operation, subject, problem, remedy));
    let Ok(mapping) = object.cast::<PyMapping>() else {
        return wrong(format!("a dict is expected, and it is a {}", type_name(object)), "pass a dict");
    };
    let mut read = Vec::with_capacity(mapping.len()?);
    for item in mapping.items()?.iter() {
        let (key, value) = item.extract::<(Bound<'_, PyAny>, Bound<'_, PyAny>)>()?;
        let Ok(key) = key.cast::<PyString>() else {
            let problem = format!("a key is a {}, and must be text", type_name(&key));
            return wrong(problem, "use strings as keys");
        };
        read.push((unicode(key)?.to_owned(), value));
    }
    Ok(read)
}

/// A key, which must be text.
pub(super) fn key<'a>(object: &'a Bound<'_, PyAny>, operation: &'static str) -> PyResult<&'a str> {
    match object.cast::<PyString>() {
        Ok(text) => unicode(text),
        Err(_) => {
            let problem = format!("text is expected, and it is a {}", type_name(object));
            Err(wrong_type(object.py(), operation, "key", problem, "pass a string"))
        }
    }
}

/// The value of a metric: whatever has a float, but for text. An array of one number is that number.
pub(super) fn number(object: &Bound<'_, PyAny>, operation: &'static str, key: &str) -> PyResult<f64> {
    if let Ok(float) = object.cast_exact::<PyFloat>() {
        return Ok(float.value());
    }
    let py = object.py();
    let is_one = || -> PyResult<bool> { object.getattr("size")?.eq(1) };
    let found = if object.hasattr("shape")? && object.hasattr("item")? && (is_one().unwrap_or(true)) {
        object.call_method0("item").and_then(|item| item.extract::<f64>()).ok()
    } else {
        object.extract::<f64>().ok()
    };
    found.ok_or_else(|| {
        let problem = format!("its value is a {}, and a number of 64 bits is expected", type_name(object));
        wrong_type(py, operation, key, problem, "pass a float, and text as a parameter or a tag")
    })
}

/// A whole number of 64 bits: a step, milliseconds.
pub(super) fn whole(
    object: Option<&Bound<'_, PyAny>>,
    operation: &'static str,
    subject: &str,
) -> PyResult<Option<i64>> {
    let Some(object) = object.filter(|object| !object.is_none()) else { return Ok(None) };
    object.extract::<i64>().map(Some).map_err(|_| {
        let problem = format!("a whole number of 64 bits is expected, and it is a {}", type_name(object));
        wrong_type(object.py(), operation, subject, problem, "pass an int")
    })
}

/// Which lifecycle stages: MLflow's 1, 2 and 3, or a word.
pub(super) fn view(object: &Bound<'_, PyAny>) -> PyResult<ViewType> {
    let py = object.py();
    if let Ok(text) = object.cast::<PyString>() {
        let word = unicode(text)?.to_ascii_uppercase();
        return word.parse().map_err(|error: Error| crate::error::raise(py, &error));
    }
    match object.extract::<i64>() {
        Ok(1) => Ok(ViewType::ActiveOnly),
        Ok(2) => Ok(ViewType::DeletedOnly),
        Ok(3) => Ok(ViewType::All),
        _ => {
            let remedy = "pass 1 for what is active, 2 for what was deleted, 3 for both";
            Err(invalid(py, "search", "view type", format!("it is {}", object.repr()?), remedy))
        }
    }
}

/// Uses of datasets, as `mlcore.tracking.DatasetInput` holds them.
pub(super) fn dataset_inputs(objects: &Bound<'_, PyAny>) -> PyResult<Vec<DatasetInput>> {
    let mut inputs = Vec::new();
    for object in objects.try_iter()? {
        let object = object?;
        let dataset = object.getattr("dataset")?;
        let part = |name: &str| text(&dataset.getattr(name)?);
        let optional = |name: &str| -> PyResult<Option<String>> {
            let found = dataset.getattr(name)?;
            if found.is_none() { Ok(None) } else { text(&found).map(Some) }
        };
        let mut read = Dataset::new(part("name")?, part("digest")?, part("source_type")?, part("source")?);
        (read.schema, read.profile) = (optional("schema")?, optional("profile")?);
        let mut input = DatasetInput::new(read);
        for (key, value) in texts(Some(&object.getattr("tags")?), "log inputs", "tags")? {
            input = input.with_tag(key, value);
        }
        inputs.push(input);
    }
    Ok(inputs)
}
