//! What Python says of requests, arms and times, as policies are asked.

use mlcore::batch::{OwnedValue, Value};
use mlcore::name::{Arm, MeasureName, Version};
use mlcore::rollout::{Candidate, Candidates, Context, RolloutPolicy};
use mlcore::time::{Time, Timestamp};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyMapping, PyString};

use crate::door::{self, Asked, Text, type_name};
use crate::error::{invalid, raise, wrong_type};
use crate::value::{self, Place};

/// What a request says of itself, read.
#[derive(Debug, Default)]
pub(crate) struct Said {
    attributes: Vec<(String, OwnedValue)>,
    features: Vec<f64>,
}

impl Said {
    /// Of a dict of attributes and a sequence of numbers, each of which may lack.
    pub(crate) fn read(
        context: Option<&Bound<'_, PyAny>>,
        features: Option<&Bound<'_, PyAny>>,
        operation: &'static str,
    ) -> PyResult<Self> {
        let attributes = context.map(|context| attributes(context, operation)).transpose()?;
        let asked = Asked { operation, subject: "features" };
        let features =
            features.map(|features| Ok::<_, PyErr>(door::numbers(features, asked)?.as_slice().to_vec()));
        Ok(Self {
            attributes: attributes.unwrap_or_default(),
            features: features.transpose()?.unwrap_or_default(),
        })
    }

    /// Calls `use_context` with the content.
    pub(crate) fn with<R>(&self, use_context: impl FnOnce(Context<'_>) -> R) -> R {
        let attributes: Vec<(&str, Value<'_>)> =
            self.attributes.iter().map(|(name, value)| (name.as_str(), value.as_value())).collect();
        use_context(Context::EMPTY.with_attributes(&attributes).with_features(&self.features))
    }
}

/// The attributes of a context.
fn attributes(context: &Bound<'_, PyAny>, operation: &'static str) -> PyResult<Vec<(String, OwnedValue)>> {
    let py = context.py();
    let refused = |problem: String| {
        wrong_type(py, operation, "context", problem, "pass a dict of names and plain values")
    };
    let Ok(mapping) = context.cast::<PyMapping>() else {
        return Err(refused(format!("a dict is expected, and it is a {}", type_name(context))));
    };
    let attribute = |item: Bound<'_, PyAny>| {
        let (name, value) = item.extract::<(Bound<'_, PyAny>, Bound<'_, PyAny>)>()?;
        let Ok(name) = name.extract::<String>() else {
            return Err(refused(format!("the name {} must be a str", name.repr()?)));
        };
        let value = value::read(&value, Place::single(operation, &name))?;
        Ok((name, value))
    };
    mapping.items()?.iter().map(attribute).collect()
}

/// The arms that can answer, the default first: a list of names, a dict of names and versions, or else those that the policy is about.
pub(super) fn candidates(
    py: Python<'_>,
    policy: &dyn RolloutPolicy,
    arms: Option<&Bound<'_, PyAny>>,
    operation: &'static str,
) -> PyResult<Candidates> {
    let list = match arms {
        None => {
            let arms = policy.requirements().arms;
            if arms.is_empty() {
                let problem = "the policy says of no arm that it needs it";
                let remedy = "pass the names of the arms that can answer, the default first";
                return Err(invalid(py, operation, "arms", problem, remedy));
            }
            arms.into_iter().map(|arm| Candidate::new(arm, Version::FIRST)).collect()
        }
        Some(arms) => named(arms, operation)?,
    };
    Candidates::new(list).map_err(|error| raise(py, &error))
}

fn named(arms: &Bound<'_, PyAny>, operation: &'static str) -> PyResult<Vec<Candidate>> {
    let py = arms.py();
    let refused = || {
        let problem = format!("names of arms are expected, and it is a {}", type_name(arms));
        wrong_type(py, operation, "arms", problem, "pass a list of names, or a dict of names and versions")
    };
    if let Ok(versions) = arms.cast::<PyDict>() {
        let candidate = |(name, version): (Bound<'_, PyAny>, Bound<'_, PyAny>)| {
            let version = Version::new(version.extract()?).map_err(|error| raise(py, &error))?;
            Ok(Candidate::new(super::arm(py, &name.extract::<Text>()?)?, version))
        };
        return versions.iter().map(candidate).collect();
    }
    if arms.is_instance_of::<PyString>() {
        return Err(refused());
    }
    let names = arms.extract::<Vec<Text>>().map_err(|error| {
        let is_text = error.is_instance_of::<pyo3::exceptions::PyValueError>(py);
        if is_text { error } else { refused() }
    })?;
    names.iter().map(|name| Ok(Candidate::new(super::arm(py, name)?, Version::FIRST))).collect()
}

/// The arms of these names.
pub(super) fn arms(py: Python<'_>, names: &[Text]) -> PyResult<Vec<Arm>> {
    names.iter().map(|name| super::arm(py, name)).collect()
}

/// A name of the host's own for what it measures.
pub(super) fn measure(py: Python<'_>, name: &str) -> PyResult<MeasureName> {
    MeasureName::new(name).map_err(|error| raise(py, &error))
}

/// A moment: a datetime with a time zone, or its ISO 8601 text.
pub(crate) fn moment(
    object: &Bound<'_, PyAny>,
    operation: &'static str,
    subject: &str,
) -> PyResult<Timestamp> {
    let py = object.py();
    let remedy = "pass a datetime with a time zone, or ISO 8601 text such as 2026-11-29T09:00:00Z";
    match value::read(object, Place::single(operation, subject))? {
        OwnedValue::Timestamp(moment) => Ok(moment),
        OwnedValue::Text(text) => text.parse().map_err(|error: mlcore::Error| {
            invalid(py, operation, subject, error.context().problem().to_owned(), remedy)
        }),
        OwnedValue::DateTime(_) => {
            let problem = "a date and time without a time zone is no moment";
            Err(invalid(py, operation, subject, problem, remedy))
        }
        _ => {
            let problem = format!("a moment is expected, and it is a {}", type_name(object));
            Err(wrong_type(py, operation, subject, problem, remedy))
        }
    }
}

/// A time of day: one of `datetime`, or its text.
pub(super) fn time_of_day(
    object: &Bound<'_, PyAny>,
    operation: &'static str,
    subject: &str,
) -> PyResult<Time> {
    let py = object.py();
    let remedy = "pass a datetime.time, or text such as 09:00";
    match value::read(object, Place::single(operation, subject))? {
        OwnedValue::Time(time) => Ok(time),
        OwnedValue::Text(text) => text.parse().map_err(|error: mlcore::Error| {
            invalid(py, operation, subject, error.context().problem().to_owned(), remedy)
        }),
        _ => {
            let problem = format!("a time of day is expected, and it is a {}", type_name(object));
            Err(wrong_type(py, operation, subject, problem, remedy))
        }
    }
}
