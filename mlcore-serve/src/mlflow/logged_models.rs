//! Logged models: what a run made, before it is registered.

use std::collections::BTreeMap;

use mlcore::Error;
use mlcore::tracking::{
    LoggedModel, LoggedModelSearch, LoggedModelStatus, NewLoggedModel, TrackerExt as _, limits,
};

use super::call::{Call, Reply};
use super::fields::Fields;
use super::refusal::{Refusal, Result};
use super::runs::cut;
use super::write::{ModelView, One, PageView};
use super::{Inner, on_datasets, python, rules, search};

/// How far a logged model is, with MLflow's numbers.
pub(super) const STATUSES: &[(&str, i64)] = &[
    ("LOGGED_MODEL_STATUS_UNSPECIFIED", 0),
    ("LOGGED_MODEL_PENDING", 1),
    ("LOGGED_MODEL_READY", 2),
    ("LOGGED_MODEL_UPLOAD_FAILED", 3),
];

pub(super) fn create(call: &Call<'_>) -> Result<Reply> {
    let name = call.text("name");
    if name.contains(['/', ':', '.', '%', '"', '\'']) {
        return Err(Refusal::invalid(format!(
            "Invalid model name ({}) provided. Model name must be a non-empty string and cannot contain the following \
             characters: ('/', ':', '.', '%', '\"', \"'\")",
            python::repr(name)
        )));
    }
    let experiment = rules::experiment_id(call.text("experiment_id"))?;
    let id = call.server.ids.next();
    let name = match name {
        "" => generated_name(&id),
        name => name.to_owned(),
    };
    let id = rules::model_id(&format!("m-{id}"))?;
    let mut new = NewLoggedModel::new(id, experiment.clone(), name, call.server.now());
    // One that is not said is empty, as MLflow stores it: it comes first in an order.
    new.model_type = Some(call.text("model_type").to_owned());
    new.source_run = call.some("source_run_id").map(rules::run_id).transpose()?;
    new.params = pairs(call.many("params"), limits::MOST_PARAM_VALUE_CHARS)?;
    new.tags = pairs(call.many("tags"), limits::MOST_TAG_VALUE_CHARS)?;
    let created = call.server.tracker.create_logged_model(new);
    let model = created.map_err(|error| rules::of_experiment(error, &experiment))?;
    Reply::json(&One("model", ModelView(&model)))
}

/// A name for a model that nobody named: that which a run of this id would have.
fn generated_name(id: &str) -> String {
    let run = rules::run_id(id).ok();
    let experiment = rules::experiment_id("0").ok();
    let named = run.zip(experiment).map(|(run, experiment)| {
        let at = mlcore::time::Timestamp::from_millis(0);
        let owner = mlcore::tracking::NewExperiment::new(experiment.clone(), "Default", at).into_experiment();
        mlcore::tracking::NewRun::new(run, experiment, at).into_run(&owner).info.name
    });
    named.unwrap_or_else(|| "model".to_owned())
}

/// Keys and values, each key once. Long values are cut.
fn pairs<'f>(sent: impl Iterator<Item = Fields<'f>>, most: usize) -> Result<BTreeMap<String, String>> {
    let mut pairs = BTreeMap::new();
    for own in sent {
        let key = own.text("key");
        if pairs.insert(key.to_owned(), cut(own.text("value"), most).to_owned()).is_some() {
            return Err(Refusal::bad_request(format!("the key {key:?} is there twice")));
        }
    }
    Ok(pairs)
}

impl Inner {
    pub(super) fn model(&self, id: &str) -> Result<LoggedModel> {
        let id = rules::model_id(id)?;
        self.tracker.logged_model(&id).map_err(|error| rules::of_model(error, &id))
    }
}

pub(super) fn get(call: &Call<'_>) -> Result<Reply> {
    let model = call.server.model(call.name(0))?;
    Reply::json(&One("model", ModelView(&model)))
}

pub(super) fn finalize(call: &Call<'_>) -> Result<Reply> {
    let id = rules::model_id(call.text("model_id"))?;
    let status = match call.word("status", STATUSES) {
        Some(1) => LoggedModelStatus::Pending,
        Some(2) => LoggedModelStatus::Ready,
        Some(3) => LoggedModelStatus::Failed,
        _ => return Err(Refusal::invalid("the status of a logged model cannot become unspecified")),
    };
    let changed = call.server.tracker.finalize_logged_model(&id, status, call.server.now());
    let model = changed.map_err(|error| rules::of_model(error, &id))?;
    Reply::json(&One("model", ModelView(&model)))
}

pub(super) fn set_tags(call: &Call<'_>) -> Result<Reply> {
    let id = rules::model_id(call.name(0))?;
    let mut tags = BTreeMap::new();
    for tag in call.many("tags") {
        let value = cut(tag.text("value"), limits::MOST_TAG_VALUE_CHARS);
        tags.insert(tag.text("key").to_owned(), value.to_owned());
    }
    call.server.tracker.set_logged_model_tags(&id, tags).map_err(|error| rules::of_model(error, &id))?;
    Ok(Reply::done())
}

pub(super) fn delete_tag(call: &Call<'_>) -> Result<Reply> {
    let (id, key) = (rules::model_id(call.name(0))?, call.name(1));
    call.server.tracker.delete_logged_model_tag(&id, key).map_err(|error| match error {
        Error::NotFound(context) if context.subject() != id.as_str() => {
            Refusal::not_found(format!("No tag with key '{key}' found for model with ID '{id}'."))
        }
        error => rules::of_model(error, &id),
    })?;
    Ok(Reply::done())
}

pub(super) fn log_params(call: &Call<'_>) -> Result<Reply> {
    let id = rules::model_id(call.text("model_id"))?;
    let params = pairs(call.many("params"), limits::MOST_PARAM_VALUE_CHARS)?;
    let known = call.server.model(id.as_str())?.params;
    // MLflow's database takes no key twice, not even with one value.
    if let Some(twice) = params.keys().find(|key| known.contains_key(*key)) {
        return Err(Refusal::bad_request(format!("the parameter {twice:?} was logged already")));
    }
    let logged = call.server.tracker.log_logged_model_params(&id, params);
    logged.map_err(|error| rules::of_model(error, &id))?;
    Ok(Reply::done())
}

pub(super) fn delete(call: &Call<'_>) -> Result<Reply> {
    let id = rules::model_id(call.name(0))?;
    let deleted = call.server.tracker.delete_logged_model(&id, call.server.now());
    deleted.map_err(|error| rules::of_model(error, &id))?;
    Ok(Reply::done())
}

pub(super) fn find(call: &Call<'_>) -> Result<Reply> {
    let mut experiments = Vec::new();
    for text in call.texts("experiment_ids") {
        experiments.push(rules::experiment_id(text)?);
    }
    let mut asked = LoggedModelSearch::new(experiments);
    asked.limit = match call.int("max_results") {
        None | Some(0) => mlcore::tracking::DEFAULT_MODELS,
        Some(limit) => search::limit_of(limit)?,
    };
    call.text("filter").clone_into(&mut asked.filter);
    for dataset in call.many("datasets") {
        let Some(name) = dataset.some("dataset_name") else {
            return Err(Refusal::invalid("`dataset_name` in the `datasets` clause must be specified."));
        };
        asked.datasets.push((name.to_owned(), dataset.some("dataset_digest").map(str::to_owned)));
    }
    let columns = call.many("order_by").map(Column::read).collect::<Result<Vec<_>>>()?;
    if columns.iter().any(|column| column.dataset.is_some()) {
        return on_datasets::find(call, asked, &columns);
    }
    asked.order_by = columns.into_iter().map(|column| column.text).collect();
    asked.page = search::page_of(call.text("page_token"))?;
    let page = call.server.tracker.search_logged_models(&asked)?;
    Reply::json(&PageView {
        name: "models",
        rows: page.items.iter().map(ModelView),
        is_empty: page.items.is_empty(),
        next: page.next.as_ref().map(search::token_of),
    })
}

/// A column to order by.
pub(super) struct Column<'f> {
    /// As the grammar of searches has it.
    pub(super) text: String,
    pub(super) is_descending: bool,
    /// A metric that counts where it was measured on one data set alone: its key, and the data set's name and digest.
    pub(super) dataset: Option<(&'f str, &'f str, Option<&'f str>)>,
}

impl<'f> Column<'f> {
    fn read(fields: Fields<'f>) -> Result<Self> {
        let text = order_of(fields)?;
        let key = fields.text("field_name").strip_prefix("metrics.");
        let dataset = key.zip(fields.some("dataset_name"));
        let dataset = dataset.map(|(key, name)| (key, name, fields.some("dataset_digest")));
        Ok(Self { text, is_descending: !fields.boolean("ascending").unwrap_or(true), dataset })
    }
}

fn order_of(fields: Fields<'_>) -> Result<String> {
    let name = fields.text("field_name");
    let direction = if fields.boolean("ascending").unwrap_or(true) { "ASC" } else { "DESC" };
    match name.split_once('.') {
        Some(("metrics", key)) if !key.is_empty() => {
            Ok(format!("metrics.`{}` {direction}", key.replace('`', "``")))
        }
        Some(_) => {
            Err(Refusal::invalid(format!("Invalid order by field name: {name}. Only metrics are supported.")))
        }
        None if name.is_empty() => Err(Refusal::invalid("Invalid order by field name: ")),
        None => Ok(format!("{name} {direction}")),
    }
}
