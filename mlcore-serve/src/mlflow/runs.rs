//! Runs: created, read, changed, deleted, searched for.

use mlcore::Error;
use mlcore::name::ExperimentId;
use mlcore::time::Timestamp;
use mlcore::tracking::{
    LifecycleStage, NewRun, RUN_NAME_TAG, Run, RunSearch, RunStatus, TrackerExt as _, limits,
};

use super::call::{Call, Reply};
use super::python;
use super::refusal::{Refusal, Result};
use super::write::{InfoView, One, PageView, Part, RunView};
use super::{Inner, rules, search};

/// How far a run is, with MLflow's numbers.
pub(super) const STATUSES: &[(&str, i64)] =
    &[("RUNNING", 1), ("SCHEDULED", 2), ("FINISHED", 3), ("FAILED", 4), ("KILLED", 5)];

pub(super) fn create(call: &Call<'_>) -> Result<Reply> {
    let experiment = call.text("experiment_id");
    if experiment.is_empty() {
        return Err(Refusal::bad_request("a run belongs to an experiment: give its experiment_id"));
    }
    let experiment = rules::experiment_id(experiment)?;
    let id = rules::run_id(&call.server.ids.next())?;
    let start_time = Timestamp::from_millis(call.int("start_time").unwrap_or(0));
    let mut new = NewRun::new(id, experiment.clone(), start_time).with_user_id(call.text("user_id"));
    for tag in call.many("tags") {
        let key = tag.text("key").to_owned();
        let value = cut(tag.text("value"), limits::MOST_TAG_VALUE_CHARS).to_owned();
        if new.tags.insert(key, value).is_some() {
            return Err(Refusal::bad_request(format!("the tag {:?} is there twice", tag.text("key"))));
        }
    }
    new.name = call.some("run_name").map(str::to_owned);
    if let (Some(name), Some(tag)) = (new.name.as_deref(), new.tags.get(RUN_NAME_TAG))
        && name != tag
    {
        return Err(Refusal::invalid(format!(
            "Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different values (run_name='{name}', \
             mlflow.runName='{tag}')."
        )));
    }
    let run = call.server.tracker.start_run(new).map_err(|error| rules::of_experiment(error, &experiment))?;
    Reply::json(&One("run", RunView(&run, Part::Created)))
}

/// A text of at most so many characters.
pub(super) fn cut(text: &str, most: usize) -> &str {
    match text.char_indices().nth(most) {
        Some((end, _)) => text.get(..end).unwrap_or(text),
        None => text,
    }
}

impl Inner {
    /// The run of an id.
    pub(super) fn run(&self, id: &str) -> Result<Run> {
        let id = rules::run_id(id)?;
        self.tracker.run(&id).map_err(|error| rules::of_run(error, &id))
    }
}

pub(super) fn get(call: &Call<'_>) -> Result<Reply> {
    let run = call.server.run(call.run())?;
    Reply::json(&One("run", RunView(&run, Part::Whole)))
}

pub(super) fn update(call: &Call<'_>) -> Result<Reply> {
    let id = rules::run_id(call.run())?;
    let status = match call.word("status", STATUSES) {
        Some(number) => Some(status_of(number)?),
        None => None,
    };
    let end_time = call.int("end_time").map(Timestamp::from_millis);
    let name = call.some("run_name").map(str::to_owned);
    let updated = call.server.tracker.update_run(&id, status, end_time, name);
    let run = updated.and_then(|()| call.server.tracker.run(&id));
    let run = run.map_err(|error| rules::of_run(error, &id))?;
    Reply::json(&One("run_info", InfoView(&run.info)))
}

fn status_of(number: i64) -> Result<RunStatus> {
    let found = STATUSES.iter().find(|(_, own)| *own == number).map(|(word, _)| word.parse());
    Ok(found.unwrap_or_else(|| Ok(RunStatus::Running))?)
}

pub(super) fn delete(call: &Call<'_>) -> Result<Reply> {
    let id = rules::run_id(call.text("run_id"))?;
    let deleted = call.server.tracker.delete_run(&id, call.server.now());
    deleted.map_err(|error| rules::of_run(error, &id))?;
    Ok(Reply::done())
}

pub(super) fn restore(call: &Call<'_>) -> Result<Reply> {
    let id = rules::run_id(call.text("run_id"))?;
    call.server.tracker.restore_run(&id).map_err(|error| rules::of_run(error, &id))?;
    Ok(Reply::done())
}

pub(super) fn set_tag(call: &Call<'_>) -> Result<Reply> {
    let key = call.text("key");
    rules::check_tag(key, format_args!(""))?;
    let value = cut(call.text("value"), limits::MOST_TAG_VALUE_CHARS);
    let id = rules::run_id(call.run())?;
    call.server.tracker.set_tag(&id, key, value).map_err(|error| rules::of_run(error, &id))?;
    Ok(Reply::done())
}

pub(super) fn delete_tag(call: &Call<'_>) -> Result<Reply> {
    let (id, key) = (rules::run_id(call.text("run_id"))?, call.text("key"));
    call.server.tracker.delete_tag(&id, key).map_err(|error| match error {
        Error::NotFound(context) if context.subject() != id.as_str() => {
            Refusal::not_found(format!("No tag with name: {key} in run with id {id}"))
        }
        error => rules::of_run(error, &id),
    })?;
    Ok(Reply::done())
}

pub(super) fn find(call: &Call<'_>) -> Result<Reply> {
    let mut experiments = Vec::new();
    for text in call.texts("experiment_ids") {
        let id = rules::experiment_id(text)?;
        // A number may name nothing; of what is no number nothing would tell that it is wrong.
        if text.trim().parse::<i64>().is_err() {
            call.server.experiment(text)?;
        }
        if !experiments.contains(&id) {
            experiments.push(id);
        }
    }
    let page = runs(call, experiments)?;
    Reply::json(&page_view(&page))
}

/// The page that a request asks for.
fn runs(call: &Call<'_>, experiments: Vec<ExperimentId>) -> Result<mlcore::tracking::Page<Run>> {
    let mut asked = RunSearch::new(experiments);
    let limit = call.int("max_results").unwrap_or(1000);
    if limit > MOST_RESULTS {
        // MLflow tells this one as a wrong type.
        return Err(super::fields::wrong("max_results", &limit.into()));
    }
    asked.limit = search::limit_of(limit)?;
    call.text("filter").clone_into(&mut asked.filter);
    asked.order_by = call.texts("order_by").map(str::to_owned).collect();
    asked.view = search::view_of(call.word("run_view_type", search::VIEWS));
    asked.page = search::page_of(call.text("page_token"))?;
    Ok(call.server.tracker.search_runs(&asked)?)
}

fn page_view(page: &mlcore::tracking::Page<Run>) -> impl serde::Serialize + use<'_> {
    PageView {
        name: "runs",
        rows: page.items.iter().map(|run| RunView(run, Part::Found)),
        is_empty: page.items.is_empty(),
        next: page.next.as_ref().map(search::token_of),
    }
}

/// Notes a model in the run's history of models, as clients of MLflow 1 and 2 do.
pub(super) fn log_model(call: &Call<'_>) -> Result<Reply> {
    let text = call.text("model_json");
    let Ok(serde_json::Value::Object(model)) = serde_json::from_str(text) else {
        return Err(Refusal::invalid(format!("Malformed model info. \n {text} \n is not a valid JSON.")));
    };
    let missing: Vec<String> = ["artifact_path", "flavors", "run_id", "utc_time_created"]
        .into_iter()
        .filter(|key| !model.contains_key(*key))
        .map(python::repr)
        .collect();
    if !missing.is_empty() {
        return Err(Refusal::invalid(format!(
            "Model json is missing mandatory fields: {{{}}}",
            missing.join(", ")
        )));
    }
    let run = call.server.run(call.text("run_id"))?;
    if run.info.lifecycle_stage == LifecycleStage::Deleted {
        return Err(Refusal::invalid(format!(
            "The run {} must be in the 'active' state. Current state is deleted.",
            run.info.id
        )));
    }
    let history = run.data.tags.get(HISTORY_TAG).and_then(|history| history.trim_end().strip_suffix(']'));
    let model = legacy_model(model);
    let history = match history.map(str::trim_end) {
        Some(before) if before != "[" => format!("{before}, {model}]"),
        _ => format!("[{model}]"),
    };
    if history.chars().count() > limits::MOST_TAG_VALUE_CHARS {
        // A text that is cut would be no JSON any more.
        return Err(Refusal::invalid("the run's history of models is longer than a tag may be"));
    }
    let id = run.info.id;
    call.server.tracker.set_tag(&id, HISTORY_TAG, history).map_err(|error| rules::of_run(error, &id))?;
    Ok(Reply::done())
}

/// A model in the order in which MLflow's client writes it.
fn legacy_model(mut model: serde_json::Map<String, serde_json::Value>) -> String {
    let mut parts = Vec::with_capacity(model.len() + 1);
    for key in ["run_id", "artifact_path", "utc_time_created", "model_uuid", "flavors"] {
        let value = model.remove(key).unwrap_or_default();
        parts.push(format!("\"{key}\": {}", python::dumps(&value)));
    }
    let others = model.iter();
    parts.extend(others.map(|(key, value)| format!("{}: {}", python::json_text(key), python::dumps(value))));
    format!("{{{}}}", parts.join(", "))
}

const HISTORY_TAG: &str = "mlflow.log-model.history";
const MOST_RESULTS: i64 = 50_000;
