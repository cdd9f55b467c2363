//! What is logged of a run: metrics, parameters, tags, what it read and made.

use std::collections::BTreeSet;

use mlcore::Error;
use mlcore::name::RunId;
use mlcore::tracking::{Batch, Dataset, DatasetInput, Metric, ModelOutput, TrackerExt as _, limits};

use super::call::{Call, Reply};
use super::fields::Fields;
use super::refusal::{Refusal, Result};
use super::runs::cut;
use super::{python, rules};

pub(super) fn metric(call: &Call<'_>) -> Result<Reply> {
    let metric = metric_of(call.fields)?;
    rules::check_metric(&metric, format_args!(""))?;
    let id = rules::run_id(call.run())?;
    write(call, Batch::new(id).with_metric(metric))
}

/// A metric as it was sent.
fn metric_of(fields: Fields<'_>) -> Result<Metric> {
    // There is one zero.
    let value = fields.double("value").unwrap_or_default() + 0.0;
    let mut metric = Metric::new(fields.text("key"), value, fields.int("timestamp").unwrap_or_default());
    metric.step = fields.int("step").unwrap_or_default();
    metric.model = fields.some("model_id").map(rules::model_id).transpose()?;
    metric.dataset_name = fields.some("dataset_name").map(str::to_owned);
    metric.dataset_digest = fields.some("dataset_digest").map(str::to_owned);
    Ok(metric)
}

pub(super) fn param(call: &Call<'_>) -> Result<Reply> {
    let key = call.text("key");
    rules::check_key(key, "key", "Param key")?;
    let id = rules::run_id(call.run())?;
    let value = cut(call.text("value"), limits::MOST_PARAM_VALUE_CHARS);
    call.server.tracker.log_param(&id, key, value).map_err(|error| {
        let Some(old) = old_value(call, &id, &error, key) else { return of_log(error, &id) };
        Refusal::invalid(format!(
            "Changing param values is not allowed. Param with key='{key}' was already logged with value='{old}' for run \
             ID='{id}'. Attempted logging new value '{value}'."
        ))
    })?;
    Ok(Reply::done())
}

/// The value that a parameter has, where an error is about it.
fn old_value(call: &Call<'_>, id: &RunId, error: &Error, key: &str) -> Option<String> {
    match error {
        Error::InvalidInput(context) if context.subject() == key => {
            call.server.tracker.run(id).ok()?.data.params.remove(key)
        }
        _ => None,
    }
}

/// An error of something that was logged.
fn of_log(error: Error, id: &RunId) -> Refusal {
    match error {
        // A model that is not there, as MLflow's database tells it.
        Error::NotFound(context) if context.subject() != id.as_str() => {
            Refusal::bad_request(context.to_string())
        }
        error => rules::of_run(error, id),
    }
}

pub(super) fn batch(call: &Call<'_>) -> Result<Reply> {
    let id = rules::well_formed_run_id(call.text("run_id"))?;
    let mut batch = Batch::new(id);
    for (place, fields) in call.many("metrics").enumerate() {
        let metric = metric_of(fields)?;
        rules::check_metric(&metric, format_args!("metrics[{place}]."))?;
        batch.metrics.push(metric);
    }
    for (place, fields) in call.many("params").enumerate() {
        let key = fields.text("key");
        rules::check_key(key, format_args!("params[{place}].key"), "Param key")?;
        batch.params.push((key.to_owned(), fields.text("value").to_owned()));
    }
    for (place, fields) in call.many("tags").enumerate() {
        let key = fields.text("key");
        rules::check_tag(key, format_args!("tags[{place}]."))?;
        batch.tags.push((key.to_owned(), fields.text("value").to_owned()));
    }
    let batch = batch.truncated();
    rules::check_batch_count("metrics", limits::MOST_METRICS, batch.metrics.len())?;
    rules::check_batch_count("params", limits::MOST_PARAMS_OR_TAGS, batch.params.len())?;
    rules::check_batch_count("tags", limits::MOST_PARAMS_OR_TAGS, batch.tags.len())?;
    rules::check_batch_count("metrics, params, and tags", limits::MOST_METRICS, batch.len())?;
    check_unique(&batch)?;
    write(call, batch)
}

fn check_unique(batch: &Batch) -> Result<()> {
    let mut seen = BTreeSet::new();
    let twice: Vec<&str> =
        batch.params.iter().filter(|(key, _)| !seen.insert(key)).map(|(key, _)| &**key).collect();
    if twice.is_empty() {
        return Ok(());
    }
    Err(Refusal::invalid(format!(
        "Duplicate parameter keys have been submitted: {}. Please ensure the request contains only one param value per param key.",
        rules::listed(&twice)
    )))
}

fn write(call: &Call<'_>, batch: Batch) -> Result<Reply> {
    let (id, params) = (batch.run.clone(), batch.params.clone());
    let Err(error) = call.server.tracker.log_batch(batch) else { return Ok(Reply::done()) };
    let is_of_param = params.iter().any(|(key, _)| key == error.context().subject());
    if !is_of_param || !matches!(error, Error::InvalidInput(_)) {
        return Err(of_log(error, &id));
    }
    let old = call.server.tracker.run(&id).map(|run| run.data.params).unwrap_or_default();
    let changed: Vec<String> = params
        .iter()
        .filter_map(|(key, new)| {
            let old = old.get(key).filter(|old| *old != new)?;
            let [key, old, new] = [key, old, new].map(|text| python::repr(text));
            Some(format!("{{'key': {key}, 'old_value': {old}, 'new_value': {new}}}"))
        })
        .collect();
    if changed.is_empty() {
        return Err(error.into());
    }
    Err(Refusal::invalid(format!(
        "Changing param values is not allowed. Params were already logged='[{}]' for run ID='{id}'.",
        changed.join(", ")
    )))
}

pub(super) fn inputs(call: &Call<'_>) -> Result<Reply> {
    let id = rules::well_formed_run_id(call.text("run_id"))?;
    let datasets = call.many("datasets").map(dataset_input).collect::<Result<Vec<_>>>()?;
    let models = call.many("models").map(|model| rules::model_id(model.text("model_id")));
    let models = models.collect::<Result<Vec<_>>>()?;
    call.server.tracker.log_inputs(&id, datasets, models).map_err(|error| of_log(error, &id))?;
    Ok(Reply::done())
}

fn dataset_input(fields: Fields<'_>) -> Result<DatasetInput> {
    let mut input = DatasetInput::new(Dataset::default());
    if let Some(own) = fields.one("dataset") {
        for (name, most) in [
            ("name", limits::MOST_DATASET_NAME_CHARS),
            ("digest", limits::MOST_DATASET_DIGEST_CHARS),
            ("source", limits::MOST_DATASET_SOURCE_CHARS),
            ("schema", limits::MOST_DATASET_SCHEMA_CHARS),
            ("profile", limits::MOST_DATASET_PROFILE_CHARS),
        ] {
            rules::check_length(own.text(name), name, most)?;
        }
        let dataset = &mut input.dataset;
        own.text("name").clone_into(&mut dataset.name);
        own.text("digest").clone_into(&mut dataset.digest);
        own.text("source_type").clone_into(&mut dataset.source_type);
        own.text("source").clone_into(&mut dataset.source);
        dataset.schema = own.some("schema").map(str::to_owned);
        dataset.profile = own.some("profile").map(str::to_owned);
    }
    for tag in fields.many("tags") {
        let (key, value) = (tag.text("key"), tag.text("value"));
        rules::check_length(key, "key", limits::MOST_INPUT_TAG_KEY_CHARS)?;
        rules::check_length(value, "value", limits::MOST_INPUT_TAG_VALUE_CHARS)?;
        input.tags.insert(key.to_owned(), value.to_owned());
    }
    Ok(input)
}

pub(super) fn outputs(call: &Call<'_>) -> Result<Reply> {
    let id = rules::run_id(call.text("run_id"))?;
    let mut models = Vec::new();
    for fields in call.many("models") {
        let model = rules::model_id(fields.text("model_id"))?;
        models.push(ModelOutput::new(model, fields.int("step").unwrap_or_default()));
    }
    let known = call.server.run(id.as_str())?.outputs;
    if let Some(twice) = models.iter().find(|new| known.iter().any(|old| old.model == new.model)) {
        return Err(Refusal::bad_request(format!(
            "the model {} is an output of the run already",
            twice.model
        )));
    }
    call.server.tracker.log_outputs(&id, models).map_err(|error| of_log(error, &id))?;
    Ok(Reply::done())
}
