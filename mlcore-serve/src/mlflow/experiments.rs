//! Experiments: groups of runs, with numbers for ids.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use mlcore::Error;
use mlcore::name::ExperimentId;
use mlcore::tracking::{Experiment, ExperimentSearch, NewExperiment, RunSearch, TrackerExt as _, ViewType};
use serde::Serialize;

use super::call::{Call, Reply};
use super::refusal::{Refusal, Result};
use super::write::{ExperimentView, List, One, PageView};
use super::{Inner, rules, search};

pub(super) fn create(call: &Call<'_>) -> Result<Reply> {
    let name = call.text("name");
    let location = call.some("artifact_location");
    if let Some(location) = location {
        check_location(location)?;
    }
    rules::check_experiment_name(name)?;
    let mut tags = BTreeMap::new();
    for tag in call.many("tags") {
        let (key, value) = (tag.text("key"), tag.text("value"));
        rules::check_experiment_tag(key, value)?;
        if tags.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(Refusal::exists(format!("Experiment(name={name}) has the tag {key:?} twice")));
        }
    }
    let id = call.server.create_experiment(|id| {
        let mut new = NewExperiment::new(id, name, call.server.now());
        new.artifact_location = location.map(str::to_owned);
        new.tags.clone_from(&tags);
        new
    })?;
    Reply::json(&One("experiment_id", id.as_str()))
}

/// A location that files can lie below.
fn check_location(location: &str) -> Result<()> {
    if location.contains(['#', ';']) {
        return Err(Refusal::invalid("'artifact_location' URL can't include fragments or params."));
    }
    if location.chars().nth(mlcore::tracking::limits::MOST_LOCATION_CHARS).is_some() {
        return Err(Refusal::invalid(
            "Invalid artifact path length. The length of the artifact path cannot be greater than 2048 characters. To configure \
             this limit, please set the MLFLOW_ARTIFACT_LOCATION_MAX_LENGTH environment variable.",
        ));
    }
    Ok(())
}

impl Inner {
    /// Creates an experiment under the next free number. Others may create some at the same time, here and elsewhere.
    fn create_experiment(&self, new: impl Fn(ExperimentId) -> NewExperiment) -> Result<ExperimentId> {
        let mut next = self.next_experiment.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let number = match *next {
                Some(number) => number,
                None => self.greatest_experiment()? + 1,
            };
            let id = ExperimentId::new(number.to_string())?;
            let new = new(id.clone());
            let name = new.name.clone();
            match self.tracker.create_experiment(new) {
                Ok(_) => {
                    *next = Some(number + 1);
                    return Ok(id);
                }
                // A server beside this one was faster.
                Err(Error::AlreadyExists(context))
                    if context.subject() == id.as_str() && name != id.as_str() =>
                {
                    *next = None;
                }
                Err(Error::AlreadyExists(context)) => {
                    let taken = self.tracker.experiment(&id).is_ok();
                    if taken {
                        *next = None;
                        continue;
                    }
                    let message = format!("Experiment(name={name}) already exists. {}", context.problem());
                    return Err(Refusal::exists(message));
                }
                Err(error) => return Err(error.into()),
            }
            mlcore::interrupt::check("create experiment")?;
        }
    }

    /// The greatest number of an experiment, deleted ones among them.
    fn greatest_experiment(&self) -> Result<u64> {
        let mut search = ExperimentSearch::default();
        (search.view, search.limit) = (ViewType::All, mlcore::tracking::MOST_ROWS);
        let mut greatest = 0;
        loop {
            let page = self.tracker.search_experiments(&search)?;
            let numbers = page.items.iter().filter_map(|found| found.id.as_str().parse::<u64>().ok());
            greatest = numbers.fold(greatest, u64::max);
            let Some(next) = page.next else { return Ok(greatest) };
            search.page = Some(next);
        }
    }

    pub(super) fn experiment(&self, id: &str) -> Result<Experiment> {
        let id = rules::experiment_id(id)?;
        self.tracker.experiment(&id).map_err(|error| rules::of_experiment(error, &id))
    }
}

pub(super) fn get(call: &Call<'_>) -> Result<Reply> {
    let found = call.server.experiment(call.text("experiment_id"))?;
    Reply::json(&One("experiment", ExperimentView(&found)))
}

pub(super) fn get_by_name(call: &Call<'_>) -> Result<Reply> {
    let name = call.text("experiment_name");
    match call.server.tracker.experiment_by_name(name) {
        Ok(found) => Reply::json(&One("experiment", ExperimentView(&found))),
        Err(Error::NotFound(_)) => {
            Err(Refusal::not_found(format!("Could not find experiment with name '{name}'")))
        }
        Err(error) => Err(error.into()),
    }
}

/// Changes the experiment that the request names.
fn change(
    call: &Call<'_>,
    change: impl FnOnce(&ExperimentId) -> mlcore::Result<()>,
    refused: impl FnOnce(Error, &ExperimentId) -> Refusal,
) -> Result<Reply> {
    let id = rules::experiment_id(call.text("experiment_id"))?;
    change(&id).map_err(|error| refused(error, &id))?;
    Ok(Reply::done())
}

pub(super) fn delete(call: &Call<'_>) -> Result<Reply> {
    change(call, |id| call.server.tracker.delete_experiment(id, call.server.now()), rules::of_experiment)
}

pub(super) fn restore(call: &Call<'_>) -> Result<Reply> {
    change(call, |id| call.server.tracker.restore_experiment(id, call.server.now()), rules::of_experiment)
}

pub(super) fn update(call: &Call<'_>) -> Result<Reply> {
    let name = call.text("new_name");
    rules::check_experiment_name(name)?;
    change(
        call,
        |id| call.server.tracker.rename_experiment(id, name, call.server.now()),
        |error, id| match error {
            Error::InvalidInput(context) if context.subject() == id.as_str() => {
                Refusal::invalid("Cannot rename a non-active experiment.")
            }
            // MLflow's code for it.
            Error::AlreadyExists(context) => Refusal::bad_request(context.to_string()),
            error => rules::of_experiment(error, id),
        },
    )
}

pub(super) fn set_tag(call: &Call<'_>) -> Result<Reply> {
    let (key, value) = (call.text("key"), call.text("value"));
    rules::check_experiment_tag(key, value)?;
    change(call, |id| call.server.tracker.set_experiment_tag(id, key, value), rules::of_experiment)
}

pub(super) fn delete_tag(call: &Call<'_>) -> Result<Reply> {
    let key = call.text("key");
    change(
        call,
        |id| call.server.tracker.delete_experiment_tag(id, key),
        |error, id| match error {
            Error::NotFound(context) if context.subject() != id.as_str() => {
                Refusal::not_found(format!("No tag with name: {key} in experiment with id {id}"))
            }
            error => rules::of_experiment(error, id),
        },
    )
}

pub(super) fn find(call: &Call<'_>) -> Result<Reply> {
    let mut asked = ExperimentSearch::default();
    asked.limit = search::limit_of(call.int("max_results").unwrap_or(0))?;
    call.text("filter").clone_into(&mut asked.filter);
    asked.order_by = call.texts("order_by").map(str::to_owned).collect();
    asked.view = search::view_of(call.word("view_type", search::VIEWS));
    asked.page = search::page_of(call.text("page_token"))?;
    let page = call.server.tracker.search_experiments(&asked)?;
    Reply::json(&PageView {
        name: "experiments",
        rows: page.items.iter().map(ExperimentView),
        is_empty: page.items.is_empty(),
        next: page.next.as_ref().map(search::token_of),
    })
}

/// A data set that runs of an experiment read.
#[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
struct Summary {
    experiment_id: String,
    name: String,
    digest: String,
    /// Uses that say what for come first.
    #[serde(skip)]
    is_plain: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<String>,
}

/// The data sets of experiments, for the page.
pub(super) fn search_datasets(call: &Call<'_>) -> Result<Reply> {
    let ids: Vec<&str> = call.texts("experiment_ids").collect();
    if ids.is_empty() {
        return Err(Refusal::invalid("SearchDatasets request must specify at least one experiment_id."));
    }
    if ids.len() > MOST_OF_DATASETS {
        return Err(Refusal::invalid(format!(
            "SearchDatasets request cannot specify more than {MOST_OF_DATASETS} experiment_ids. Received {} experiment_ids.",
            ids.len()
        )));
    }
    let ids = ids.into_iter().map(rules::experiment_id).collect::<Result<Vec<_>>>()?;
    let mut search = RunSearch::new(ids);
    let mut found = std::collections::BTreeSet::new();
    loop {
        let page = call.server.tracker.search_runs(&search)?;
        for run in &page.items {
            for input in &run.inputs.datasets {
                let context = input.tags.get(mlcore::tracking::CONTEXT_TAG).cloned();
                let experiment_id = run.info.experiment.to_string();
                let (name, digest) = (input.dataset.name.clone(), input.dataset.digest.clone());
                found.insert(Summary { experiment_id, name, digest, is_plain: context.is_none(), context });
            }
        }
        let Some(next) = page.next else { break };
        mlcore::interrupt::check("search data sets")?;
        search.page = Some(next);
    }
    if found.is_empty() {
        return Ok(Reply::done());
    }
    Reply::json(&One("dataset_summaries", List(found.iter().take(MOST_SUMMARIES))))
}

/// So many experiments are looked at for their data sets.
const MOST_OF_DATASETS: usize = 20;
const MOST_SUMMARIES: usize = 1000;
