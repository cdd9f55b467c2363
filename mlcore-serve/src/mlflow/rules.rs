//! Names, limits and ids as MLflow checks them, in its words. A tracker checks the same once more, in its own.

use std::fmt::{self, Write as _};

use mlcore::name::{ExperimentId, LoggedModelId, RunId};
use mlcore::tracking::limits;
use mlcore::{Error, tracking::Metric};

use super::python;
use super::refusal::{Refusal, Result};

/// An experiment's id: MLflow's are whole numbers. A host's tracker may have others.
pub(super) fn experiment_id(text: &str) -> Result<ExperimentId> {
    match text.trim().parse::<i64>() {
        Ok(number) if number < 0 => Err(no_experiment(text)),
        Ok(number) => Ok(ExperimentId::new(number.to_string())?),
        Err(_) => ExperimentId::new(text).map_err(|_| no_experiment(text)),
    }
}

/// There is no such experiment.
pub(super) fn no_experiment(id: &str) -> Refusal {
    match id.trim().parse::<i64>() {
        Ok(_) => Refusal::not_found(format!("No Experiment with id={id} exists")),
        Err(_) => Refusal::invalid(format!(
            "Invalid experiment ID {}. Experiment ID must be a valid integer.",
            python::repr(id)
        )),
    }
}

/// An error of an experiment.
pub(super) fn of_experiment(error: Error, id: &ExperimentId) -> Refusal {
    let is_own = error.context().subject() == id.as_str();
    match &error {
        Error::NotFound(_) if is_own => no_experiment(id.as_str()),
        Error::InvalidInput(_) if is_own => Refusal::invalid(format!(
            "The experiment {id} must be in the 'active' state. Current state is deleted."
        )),
        _ => error.into(),
    }
}

/// A run's id. What cannot be one is not there.
pub(super) fn run_id(text: &str) -> Result<RunId> {
    RunId::new(text).map_err(|_| no_run(text))
}

pub(super) fn no_run(id: &str) -> Refusal {
    Refusal::not_found(format!("Run with id={id} not found"))
}

/// A run's id, where what cannot be one is a wrong value.
pub(super) fn well_formed_run_id(text: &str) -> Result<RunId> {
    let mut letters = text.chars();
    let is_right = letters.next().is_some_and(|first| first.is_ascii_alphanumeric())
        && letters.clone().count() < 256
        && letters.all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'));
    if !is_right {
        let shown = python::json_text(text);
        return Err(Refusal::invalid(format!("Invalid value {shown} for parameter 'run_id' supplied.")));
    }
    run_id(text)
}

/// An error of a run.
pub(super) fn of_run(error: Error, id: &RunId) -> Refusal {
    let is_own = error.context().subject() == id.as_str();
    match &error {
        Error::NotFound(_) if is_own => no_run(id.as_str()),
        Error::InvalidInput(_) if is_own => {
            Refusal::invalid(format!("The run {id} must be in the 'active' state. Current state is deleted."))
        }
        _ => error.into(),
    }
}

pub(super) fn model_id(text: &str) -> Result<LoggedModelId> {
    LoggedModelId::new(text).map_err(|_| no_model(text))
}

pub(super) fn no_model(id: &str) -> Refusal {
    Refusal::not_found(format!("Logged model with ID '{id}' not found."))
}

/// An error of a logged model.
pub(super) fn of_model(error: Error, id: &LoggedModelId) -> Refusal {
    let is_own = error.context().subject() == id.as_str();
    match &error {
        Error::NotFound(_) if is_own => no_model(id.as_str()),
        _ => error.into(),
    }
}

/// The key of a metric, parameter or tag: `path` names the field, `what` the thing whose length is told.
pub(super) fn check_key(key: &str, path: impl fmt::Display, what: impl fmt::Display) -> Result<()> {
    let shown = || python::json_text(key);
    let is_allowed = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | ':' | ' ');
    if !key.chars().all(is_allowed) {
        return Err(Refusal::invalid(format!(
            "Invalid value {} for parameter '{path}' supplied: Names may only contain alphanumerics, underscores (_), dashes \
             (-), periods (.), spaces ( ), colon(:) and slashes (/).",
            shown()
        )));
    }
    check_path(key, &path)?;
    check_length(key, what, limits::MOST_KEY_CHARS)
}

/// A name that is itself when it is a path.
pub(super) fn check_path(name: &str, path: impl fmt::Display) -> Result<()> {
    let is_plain = !name.is_empty() && !name.starts_with('.') && !name.contains('/');
    if is_plain {
        return Ok(());
    }
    let normal = normal_path(name);
    if normal != name || normal == "." || normal.starts_with("..") || normal.starts_with('/') {
        return Err(Refusal::invalid(format!(
            "Invalid value {} for parameter '{path}' supplied: Names may be treated as files in certain cases, and must not \
             resolve to other names when treated as such. This name would resolve to {}",
            python::json_text(name),
            python::repr(&normal)
        )));
    }
    Ok(())
}

pub(super) fn check_length(text: &str, what: impl fmt::Display, most: usize) -> Result<()> {
    if text.len() > most && text.chars().nth(most).is_some() {
        return Err(Refusal::invalid(format!("'{what}' exceeds the maximum length of {most} characters")));
    }
    Ok(())
}

/// A path without `.`, `..` that leads out of a folder before it, and doubled slashes.
fn normal_path(path: &str) -> String {
    let begin = match path.bytes().take_while(|byte| *byte == b'/').count() {
        0 => "",
        // Two slashes are a place of their own.
        2 => "//",
        _ => "/",
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            ".." if !begin.is_empty() => {}
            part => parts.push(part),
        }
    }
    let normal = format!("{begin}{}", parts.join("/"));
    if normal.is_empty() { ".".to_owned() } else { normal }
}

/// A metric: `path` leads to it in a batch.
pub(super) fn check_metric(metric: &Metric, path: fmt::Arguments<'_>) -> Result<()> {
    check_characters(metric, path)?;
    if metric.timestamp_ms < 0 {
        let mut value = format!("{:?}", metric.value);
        if metric.value.is_nan() {
            value = "nan".to_owned();
        }
        return Err(Refusal::invalid(format!(
            "Invalid value {} for parameter '{path}timestamp' supplied: metric '{}' (value={value}). Timestamp must be a \
             nonnegative long (64-bit integer) ",
            metric.timestamp_ms, metric.key
        )));
    }
    check_length(&metric.key, "Metric name", limits::MOST_KEY_CHARS)
}

fn check_characters(metric: &Metric, path: fmt::Arguments<'_>) -> Result<()> {
    match check_key(&metric.key, format_args!("{path}name"), "Metric name") {
        // Told after what is wrong with its time.
        Err(refusal) if refusal.message.starts_with("'Metric name'") => Ok(()),
        checked => checked,
    }
}

pub(super) fn check_tag(key: &str, path: fmt::Arguments<'_>) -> Result<()> {
    check_key(key, format_args!("{path}key"), format_args!("{path}key"))
}

/// A tag of an experiment.
pub(super) fn check_experiment_tag(key: &str, value: &str) -> Result<()> {
    check_key(key, "key", "key")?;
    check_length(value, "value", limits::MOST_EXPERIMENT_TAG_VALUE_CHARS)
}

/// The name of an experiment.
pub(super) fn check_experiment_name(name: &str) -> Result<()> {
    check_length(name, "name", limits::MOST_NAME_CHARS)
}

/// How many things a batch may hold.
pub(super) fn check_batch_count(what: &str, most: usize, count: usize) -> Result<()> {
    if count <= most {
        return Ok(());
    }
    Err(Refusal::invalid(format!(
        "A batch logging request can contain at most {most} {what}. Got {count} {what}. Please split up {what} across multiple \
         requests and try again."
    )))
}

/// Keys that are there twice, as Python lists them.
pub(super) fn listed(keys: &[&str]) -> String {
    let mut text = String::from("[");
    for (place, key) in keys.iter().enumerate() {
        let joint = if place == 0 { "" } else { ", " };
        // Writing into a text cannot fail.
        let _ = write!(text, "{joint}{}", python::repr(key));
    }
    text.push(']');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_made_normal_as_python_does() {
        for (path, normal) in [
            ("a//b", "a/b"),
            ("/a", "/a"),
            ("a/", "a"),
            ("../a", "../a"),
            (".", "."),
            ("", "."),
            ("a/../..", ".."),
            ("/..", "/"),
            ("a/./b", "a/b"),
        ] {
            assert_eq!(normal_path(path), normal, "{path}");
        }
    }
}
