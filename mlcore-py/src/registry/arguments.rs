//! What the calls that change a registry are given, read.

use std::collections::BTreeMap;
use std::path::PathBuf;

use mlcore::Error;
use mlcore::artifact::{ArtifactStore, ArtifactStoreExt, Digest, ImportOptions};
use mlcore::name::Version;
use mlcore::registry::Expected;
use mlcore::runner::ort::{Limits, ONNX, ONNX_PACKAGE, OnnxOptions, Probe, StoredModel};
use mlcore::schema::Signature;
use mlcore_features::pipeline;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyMapping, PyString};

use crate::door::{Text, type_name, unicode};
use crate::error::{invalid, raise, wrong_type};
use crate::features::Plan;
use crate::runner;

/// Where the bytes of a version come from.
pub(crate) enum Source {
    Bytes(Vec<u8>),
    File(PathBuf),
}

/// What the caller believes an alias means: a version, `None` where it is not set, or `"any"`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Believed(pub(super) Expected);

impl<'py> FromPyObject<'_, 'py> for Believed {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let py = object.py();
        if object.is_none() {
            return Ok(Self(Expected::Absent));
        }
        if let Ok(version) = object.extract::<u64>() {
            return Version::new(version).map(Expected::Version).map(Self).map_err(|error| raise(py, &error));
        }
        match object.extract::<String>().as_deref() {
            Ok("any") => Ok(Self(Expected::Any)),
            _ => {
                let problem =
                    format!("a version, None or \"any\" is expected, and it is a {}", type_name(&object));
                Err(wrong_type(py, "move alias", "expected", problem, "pass what alias() answered"))
            }
        }
    }
}

/// Where a registry is: a URL, or the path of its file.
pub(super) struct Location(pub(super) String);

impl<'py> FromPyObject<'_, 'py> for Location {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let py = object.py();
        if object.is_instance_of::<PyString>() {
            return object.extract::<Text>().map(|url| Self(url.into_string()));
        }
        let Ok(path) = object.extract::<PathBuf>() else {
            let problem = format!("a path or a URL is expected, and it is a {}", type_name(&object));
            let remedy = "pass pathlib.Path(\"registry.db\") or \"sqlite:///registry.db\"";
            return Err(wrong_type(py, OPEN, "url", problem, remedy));
        };
        let Some(path) = path.to_str() else {
            let remedy = "give the file a name in Unicode";
            return Err(invalid(py, OPEN, "url", "the path is no Unicode", remedy));
        };
        // What follows a question mark are options of the URL.
        if path.contains('?') {
            let remedy = "give the file another name";
            return Err(invalid(py, OPEN, "url", format!("{path:?} holds a question mark"), remedy));
        }
        Ok(Self(format!("sqlite:///{path}")))
    }
}

const OPEN: &str = "open registry";

pub(crate) fn source(model: &Bound<'_, PyAny>) -> PyResult<Source> {
    if let Ok(bytes) = model.cast::<PyBytes>() {
        return Ok(Source::Bytes(bytes.as_bytes().to_vec()));
    }
    if let Ok(path) = model.extract::<PathBuf>() {
        return Ok(Source::File(path));
    }
    model.extract::<Vec<u8>>().map(Source::Bytes).map_err(|_| {
        let problem = format!("a path or bytes are expected, and it is a {}", type_name(model));
        wrong_type(model.py(), REGISTER, "model", problem, "pass the file, or its content")
    })
}

/// How a model is tried by this probe: with this interpreter's own ONNX Runtime.
pub(super) fn tried_by(probe: &Bound<'_, runner::Probe>) -> PyResult<(Probe, OnnxOptions)> {
    let mut options = OnnxOptions::default();
    if let Some(library) = runner::own_library(probe.py())? {
        options = options.with_library(library);
    }
    Ok((probe.get().native.clone(), options))
}

/// The model in the store, tried by a probe where there is one, with its format and its inputs and outputs.
pub(crate) fn stored<'f>(
    source: &Source,
    format: &'f str,
    store: &dyn ArtifactStore,
    probe: Option<&(Probe, OnnxOptions)>,
) -> mlcore::Result<(Digest, &'f str, Signature)> {
    let limits = Limits::default();
    let model = match (source, format) {
        (Source::Bytes(bytes), ONNX) => StoredModel::from_bytes(bytes, store, &limits)?,
        (Source::Bytes(bytes), ONNX_PACKAGE) => {
            StoredModel::from_package(store.put_bytes(bytes)?, store, &limits)?
        }
        (Source::File(path), ONNX | ONNX_PACKAGE) => StoredModel::from_file(path, store, &limits)?,
        (Source::Bytes(bytes), _) => return Ok((store.put_bytes(bytes)?, format, Signature::default())),
        (Source::File(path), _) => {
            let artifact = store.put_file(path, &ImportOptions::default())?;
            return Ok((artifact, format, Signature::default()));
        }
    };
    if let Some((probe, options)) = probe {
        model.check_by(probe, store, options)?;
    }
    Ok((model.artifact, model.format, model.info.signature))
}

/// The plan itself, or that of a fitted transformer.
pub(crate) fn plan_of(object: &Bound<'_, PyAny>) -> PyResult<pipeline::Plan> {
    let py = object.py();
    let transformer = py.import("mlcore.features")?.getattr("Transformer")?;
    let plan = if object.is_instance(&transformer)? {
        if !object.call_method0("__sklearn_is_fitted__")?.is_truthy()? {
            let problem = format!("the {} is not fitted", type_name(object));
            let error = Error::not_fitted(REGISTER, "plan", problem);
            return Err(raise(py, &error.remedy("call its fit() first")));
        }
        object.call_method0("plan")?
    } else {
        object.clone()
    };
    match plan.cast::<Plan>() {
        Ok(plan) => Ok(plan.get().fitted().clone()),
        Err(_) => {
            let problem =
                format!("a plan or a fitted transformer is expected, and it is a {}", type_name(object));
            let remedy = "fit a pipeline of mlcore.features, and pass it or its plan()";
            Err(wrong_type(py, REGISTER, "plan", problem, remedy))
        }
    }
}

pub(super) fn dataset_of(text: &str) -> mlcore::Result<Digest> {
    text.parse().map_err(|cause: Error| {
        Error::invalid_input(REGISTER, "dataset", format!("it is no digest: {}", cause.context().problem()))
            .remedy("pass the SHA-256 of the data; the place where it lies is a tag")
    })
}

/// Labels: a dict of text.
pub(crate) fn tags_of(
    tags: Option<&Bound<'_, PyAny>>,
    operation: &'static str,
) -> PyResult<BTreeMap<String, String>> {
    let Some(tags) = tags else { return Ok(BTreeMap::new()) };
    let wrong =
        |problem: String, remedy: &str| Err(wrong_type(tags.py(), operation, "tags", problem, remedy));
    let Ok(mapping) = tags.cast::<PyMapping>() else {
        let problem = format!("a dict of text is expected, and it is a {}", type_name(tags));
        return wrong(problem, "pass a dict, such as {\"team\": \"growth\"}");
    };
    let mut read = BTreeMap::new();
    for item in mapping.items()?.iter() {
        let (key, value) = item.extract::<(Bound<'_, PyAny>, Bound<'_, PyAny>)>()?;
        let Ok(key) = key.cast::<PyString>() else {
            let problem = format!("a key is a {}, and must be text", type_name(&key));
            return wrong(problem, "name tags with strings");
        };
        let key = unicode(key)?;
        read.insert(key.to_owned(), tag_of(key, &value, operation)?);
    }
    Ok(read)
}

/// Metrics: a dict of numbers.
pub(crate) fn metrics_of(
    metrics: &Bound<'_, PyAny>,
    operation: &'static str,
) -> PyResult<Vec<(String, f64)>> {
    let py = metrics.py();
    let wrong = |problem: String, remedy: &str| wrong_type(py, operation, "metrics", problem, remedy);
    let Ok(mapping) = metrics.cast::<PyMapping>() else {
        let problem = format!("a dict of numbers is expected, and it is a {}", type_name(metrics));
        return Err(wrong(problem, "pass a dict, such as {\"auc\": 0.81}"));
    };
    let mut read = Vec::with_capacity(mapping.len()?);
    for item in mapping.items()?.iter() {
        let (name, value) = item.extract::<(Bound<'_, PyAny>, Bound<'_, PyAny>)>()?;
        let Ok(name) = name.cast::<PyString>() else {
            let problem = format!("a name is a {}, and must be text", type_name(&name));
            return Err(wrong(problem, "name metrics with strings"));
        };
        let name = unicode(name)?;
        // Whatever has a float: a number of Python, of numpy, of pandas. None and text have none.
        let number = value.extract::<f64>().map_err(|_| {
            let problem = format!("{name:?} is a {}, and must be a number", type_name(&value));
            wrong(problem, "pass numbers here, and text as tags=")
        })?;
        read.push((name.to_owned(), number));
    }
    Ok(read)
}

/// The value of a label.
pub(super) fn tag_of(key: &str, value: &Bound<'_, PyAny>, operation: &'static str) -> PyResult<String> {
    match value.cast::<PyString>() {
        Ok(text) => Ok(unicode(text)?.to_owned()),
        Err(_) => {
            let problem = format!("the value of the tag {key:?} is a {}, and must be text", type_name(value));
            let is_number = !value.is_instance_of::<PyBool>() && value.extract::<f64>().is_ok();
            let remedy = match (is_number, operation) {
                (true, REGISTER) => "pass numbers as metrics=, or text, such as str(value)",
                (true, _) => "give a version numbers with set_metrics, or pass text, such as str(value)",
                (false, _) => "pass text, such as str(value)",
            };
            Err(wrong_type(value.py(), operation, "tags", problem, remedy))
        }
    }
}

pub(crate) const REGISTER: &str = "register version";
