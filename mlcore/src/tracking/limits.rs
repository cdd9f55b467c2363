//! How long the parts of a change may be, and what a key may be: MLflow's limits. Lengths are in characters, as in MLflow.

use std::collections::{BTreeMap, BTreeSet};

use super::{Batch, Dataset, DatasetInput, Edit, Metric, ModelOutput, NewExperiment, NewLoggedModel, NewRun};
use crate::error::{Error, Result};
use crate::name::{LoggedModelId, RunId, check_path_id};

/// The key of a metric, parameter or tag.
pub const MOST_KEY_CHARS: usize = 250;
/// The value of a parameter.
pub const MOST_PARAM_VALUE_CHARS: usize = 6000;
/// The value of a tag of a run or a logged model.
pub const MOST_TAG_VALUE_CHARS: usize = 8000;
/// The name of an experiment, and of a run or logged model.
pub const MOST_NAME_CHARS: usize = 500;
/// The value of a tag of an experiment.
pub const MOST_EXPERIMENT_TAG_VALUE_CHARS: usize = 20_000;
/// Where artifacts lie.
pub const MOST_LOCATION_CHARS: usize = 2048;
/// The metrics of one batch, and all of it together.
pub const MOST_METRICS: usize = 1000;
/// The parameters, and the tags, of one batch.
pub const MOST_PARAMS_OR_TAGS: usize = 100;
/// The datasets, and the models, that are logged at once.
pub const MOST_INPUTS: usize = 1000;
/// The name of a dataset.
pub const MOST_DATASET_NAME_CHARS: usize = 500;
/// The digest of a dataset.
pub const MOST_DATASET_DIGEST_CHARS: usize = 36;
/// The source of a dataset.
pub const MOST_DATASET_SOURCE_CHARS: usize = 65_535;
/// The schema of a dataset.
pub const MOST_DATASET_SCHEMA_CHARS: usize = 1_048_575;
/// The profile of a dataset.
pub const MOST_DATASET_PROFILE_CHARS: usize = 16_777_215;
/// The key of a label of a dataset's use.
pub const MOST_INPUT_TAG_KEY_CHARS: usize = 255;
/// The value of a label of a dataset's use.
pub const MOST_INPUT_TAG_VALUE_CHARS: usize = 500;

/// Refuses what is too long, too much or misread as a path, before anything is read.
///
/// # Errors
/// [`Error::InvalidInput`] whose subject is the part.
pub fn check(edit: &Edit) -> Result<()> {
    match edit {
        Edit::CreateExperiment(new) => check_experiment(new),
        Edit::RenameExperiment { name, .. } => check_some("experiment name", name, MOST_NAME_CHARS),
        Edit::SetExperimentTag { key, value, .. } => check_experiment_tag(key, value.as_deref()),
        Edit::CreateRun(new) => check_run(new),
        Edit::UpdateRun { name, .. } => {
            check_length("run name", name.as_deref().unwrap_or(""), MOST_NAME_CHARS)
        }
        Edit::Log(batch) => check_batch(batch),
        Edit::LogInputs { datasets, models, .. } => check_inputs(datasets, models),
        Edit::LogOutputs { models, .. } => check_outputs(models),
        Edit::CreateLoggedModel(new) => check_model(new),
        Edit::SetLoggedModelTags { tags, .. } => check_tags(tags),
        Edit::LogLoggedModelParams { params, .. } => check_params(params),
        Edit::DeleteExperiment { .. }
        | Edit::RestoreExperiment { .. }
        | Edit::DeleteRun { .. }
        | Edit::RestoreRun { .. }
        | Edit::DeleteTag { .. }
        | Edit::FinalizeLoggedModel { .. }
        | Edit::DeleteLoggedModelTag { .. }
        | Edit::DeleteLoggedModel { .. } => Ok(()),
    }
}

fn check_experiment(new: &NewExperiment) -> Result<()> {
    check_some("experiment name", &new.name, MOST_NAME_CHARS)?;
    let location = new.artifact_location.as_deref().unwrap_or_default();
    check_length("artifact location", location, MOST_LOCATION_CHARS)?;
    if location.starts_with("runs:") || location.contains(char::is_control) {
        return refuse("artifact location", "it lies in a run, or holds a control character");
    }
    check_count("tags", new.tags.len(), MOST_PARAMS_OR_TAGS)?;
    new.tags.iter().try_for_each(|(key, value)| check_experiment_tag(key, Some(value)))
}

fn check_experiment_tag(key: &str, value: Option<&str>) -> Result<()> {
    // What is removed may be something that an older version let in.
    let Some(value) = value else { return Ok(()) };
    check_key("tag key", key)?;
    check_length("tag value", value, MOST_EXPERIMENT_TAG_VALUE_CHARS)
}

fn check_run(new: &NewRun) -> Result<()> {
    check_run_id(&new.id)?;
    check_length("run name", new.name.as_deref().unwrap_or_default(), MOST_NAME_CHARS)?;
    check_length("user", &new.user_id, MOST_KEY_CHARS)?;
    check_tags(&new.tags)?;
    match (new.name.as_deref(), new.tags.get(super::RUN_NAME_TAG)) {
        (Some(name), Some(tag)) if !name.is_empty() && name != tag => {
            let problem = format!("it is {name:?}, and the tag {} says {tag:?}", super::RUN_NAME_TAG);
            Err(Error::invalid_input(OPERATION, "run name", problem).remedy("give it once"))
        }
        _ => Ok(()),
    }
}

/// Refuses a run id that could not stand in a path.
fn check_run_id(id: &RunId) -> Result<()> {
    check_path_id(id.as_str()).map_err(|problem| Error::invalid_input(OPERATION, "run id", problem))
}

fn check_batch(batch: &Batch) -> Result<()> {
    check_count("metrics", batch.metrics.len(), MOST_METRICS)?;
    check_count("params", batch.params.len(), MOST_PARAMS_OR_TAGS)?;
    check_count("tags", batch.tags.len(), MOST_PARAMS_OR_TAGS)?;
    check_count("metrics, params and tags", batch.len(), MOST_METRICS)?;
    batch.metrics.iter().try_for_each(check_metric)?;
    let mut keys = BTreeSet::new();
    for (key, value) in &batch.params {
        check_param(key, value)?;
        if !keys.insert(key) {
            let problem = format!("{key:?} is there twice");
            return Err(Error::invalid_input(OPERATION, "params", problem).remedy("give each key once"));
        }
    }
    batch.tags.iter().try_for_each(|(key, value)| check_tag(key, value))
}

fn check_metric(metric: &Metric) -> Result<()> {
    check_key("metric name", &metric.key)?;
    if metric.timestamp_ms < 0 {
        return refuse("metric", &format!("{:?} has a timestamp before 1970", metric.key));
    }
    check_length(
        "dataset name",
        metric.dataset_name.as_deref().unwrap_or_default(),
        MOST_DATASET_NAME_CHARS,
    )?;
    let digest = metric.dataset_digest.as_deref().unwrap_or_default();
    check_length("dataset digest", digest, MOST_DATASET_DIGEST_CHARS)
}

fn check_inputs(datasets: &[DatasetInput], models: &[LoggedModelId]) -> Result<()> {
    check_count("datasets", datasets.len(), MOST_INPUTS)?;
    check_count("models", models.len(), MOST_INPUTS)?;
    datasets.iter().try_for_each(|input| {
        check_dataset(&input.dataset)?;
        check_count("tags", input.tags.len(), MOST_PARAMS_OR_TAGS)?;
        input.tags.iter().try_for_each(|(key, value)| {
            check_some("tag key", key, MOST_INPUT_TAG_KEY_CHARS)?;
            check_length("tag value", value, MOST_INPUT_TAG_VALUE_CHARS)
        })
    })
}

fn check_dataset(dataset: &Dataset) -> Result<()> {
    check_some("dataset name", &dataset.name, MOST_DATASET_NAME_CHARS)?;
    check_some("dataset digest", &dataset.digest, MOST_DATASET_DIGEST_CHARS)?;
    check_some("dataset source type", &dataset.source_type, MOST_KEY_CHARS)?;
    check_some("dataset source", &dataset.source, MOST_DATASET_SOURCE_CHARS)?;
    check_length("dataset schema", dataset.schema.as_deref().unwrap_or_default(), MOST_DATASET_SCHEMA_CHARS)?;
    check_length(
        "dataset profile",
        dataset.profile.as_deref().unwrap_or_default(),
        MOST_DATASET_PROFILE_CHARS,
    )
}

fn check_outputs(models: &[ModelOutput]) -> Result<()> {
    check_count("models", models.len(), MOST_INPUTS)
}

fn check_model(new: &NewLoggedModel) -> Result<()> {
    check_some("logged model name", &new.name, MOST_NAME_CHARS)?;
    if new.name.contains(['/', ':', '.', '%', '"', '\'']) {
        return refuse("logged model name", "it holds one of / : . % \" '");
    }
    check_length("model type", new.model_type.as_deref().unwrap_or_default(), MOST_NAME_CHARS)?;
    check_tags(&new.tags)?;
    check_params(&new.params)
}

fn check_tags(tags: &BTreeMap<String, String>) -> Result<()> {
    check_count("tags", tags.len(), MOST_PARAMS_OR_TAGS)?;
    tags.iter().try_for_each(|(key, value)| check_tag(key, value))
}

fn check_params(params: &BTreeMap<String, String>) -> Result<()> {
    check_count("params", params.len(), MOST_PARAMS_OR_TAGS)?;
    params.iter().try_for_each(|(key, value)| check_param(key, value))
}

fn check_tag(key: &str, value: &str) -> Result<()> {
    check_key("tag key", key)?;
    check_length("tag value", value, MOST_TAG_VALUE_CHARS)
}

fn check_param(key: &str, value: &str) -> Result<()> {
    check_key("param key", key)?;
    check_length("param value", value, MOST_PARAM_VALUE_CHARS)
}

/// A key: letters and digits of any script, `_ - . / :` and spaces, and as a path it must name nothing else.
fn check_key(what: &'static str, key: &str) -> Result<()> {
    check_some(what, key, MOST_KEY_CHARS)?;
    let is_allowed = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | ':' | ' ');
    if !key.chars().all(is_allowed) {
        let problem =
            "only letters, digits, underscores, dashes, periods, colons, slashes and spaces are allowed";
        return refuse(what, problem);
    }
    if key.starts_with("..") || key.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return refuse(what, "as a path it would name something else");
    }
    Ok(())
}

fn check_some(what: &'static str, text: &str, most: usize) -> Result<()> {
    if text.is_empty() {
        return refuse(what, "it is empty");
    }
    check_length(what, text, most)?;
    if text.contains('\0') { refuse(what, "it holds a NUL character") } else { Ok(()) }
}

fn check_length(what: &'static str, text: &str, most: usize) -> Result<()> {
    // A text of at most so many bytes has no more characters, and need not be counted.
    if text.len() > most && text.chars().nth(most).is_some() {
        return refuse(what, &format!("it is longer than the {most} characters that are allowed"));
    }
    Ok(())
}

fn check_count(what: &'static str, count: usize, most: usize) -> Result<()> {
    if count > most {
        let problem = format!("there are {count}, and at most {most} are taken at once");
        return Err(Error::invalid_input(OPERATION, what, problem).remedy("send several batches"));
    }
    Ok(())
}

fn refuse(what: &'static str, problem: &str) -> Result<()> {
    Err(Error::invalid_input(OPERATION, what, problem))
}

pub(super) const OPERATION: &str = "track";
