//! The rules of a tracker without its storage: what an edit asks for, and which rows it writes.

use super::limits::OPERATION;
use super::{
    Batch, DatasetInput, Edit, Experiment, LifecycleStage, LoggedModel, Metric, ModelMetric, ModelOutput,
    NewExperiment, NewLoggedModel, NewRun, RUN_NAME_TAG, RunInfo, stored,
};
use crate::error::{Error, Result};
use crate::name::{ExperimentId, LoggedModelId, RunId};
use crate::time::Timestamp;

/// What a backend stores, within one transaction. What is written is read back by the same transaction.
pub(super) trait Tables {
    fn experiment(&self, id: &ExperimentId) -> Result<Option<Experiment>>;
    fn experiment_named(&self, name: &str) -> Result<Option<Experiment>>;
    /// Writes an experiment, in the place of the one of its id.
    fn put_experiment(&mut self, experiment: &Experiment) -> Result<()>;
    fn run_info(&self, id: &RunId) -> Result<Option<RunInfo>>;
    /// Writes what is known of a run, in the place of what was.
    fn put_run(&mut self, info: &RunInfo) -> Result<()>;
    /// Deletes all active runs of an experiment at a time, or restores all.
    fn set_stage_of_runs(&mut self, experiment: &ExperimentId, deleted: Option<Timestamp>) -> Result<()>;
    fn param(&self, run: &RunId, key: &str) -> Result<Option<String>>;
    fn put_param(&mut self, run: &RunId, key: &str, value: &str) -> Result<()>;
    fn tag(&self, run: &RunId, key: &str) -> Result<Option<String>>;
    /// Writes a tag in the place of the one of its key, or removes it.
    fn put_tag(&mut self, run: &RunId, key: &str, value: Option<&str>) -> Result<()>;
    /// Adds those points that are not there, and shows of each metric the one that supersedes the latest.
    fn add_metrics(&mut self, run: &RunId, metrics: &[Metric]) -> Result<()>;
    /// Adds a dataset unless the run has it. Of one that the experiment knows, what is known is kept.
    fn add_dataset(&mut self, run: &RunInfo, input: &DatasetInput) -> Result<()>;
    /// Adds a model that the run read, unless it is there.
    fn add_model_input(&mut self, run: &RunId, model: &LoggedModelId) -> Result<()>;
    /// Adds a model that the run made, or gives it another step.
    fn add_model_output(&mut self, run: &RunId, output: &ModelOutput) -> Result<()>;
    /// A logged model, also a deleted one, with or without its metrics.
    fn model(&self, id: &LoggedModelId) -> Result<Option<LoggedModel>>;
    /// Writes a logged model but for its metrics, in the place of what was.
    fn put_model(&mut self, model: &LoggedModel) -> Result<()>;
    /// Adds a metric, unless there is one of its run, key, time and step.
    fn add_model_metric(&mut self, model: &LoggedModelId, metric: &ModelMetric) -> Result<()>;
}

/// Carries out an edit whose parts were checked. After an error the transaction must be given up.
pub(super) fn apply(tables: &mut impl Tables, edit: &Edit) -> Result<()> {
    match edit {
        Edit::CreateExperiment(new) => create_experiment(tables, new),
        Edit::RenameExperiment { experiment, name, at } => rename_experiment(tables, experiment, name, *at),
        Edit::DeleteExperiment { experiment, at } => {
            move_experiment(tables, experiment, LifecycleStage::Deleted, *at)
        }
        Edit::RestoreExperiment { experiment, at } => {
            move_experiment(tables, experiment, LifecycleStage::Active, *at)
        }
        Edit::SetExperimentTag { experiment, key, value } => {
            set_experiment_tag(tables, experiment, key, value.as_deref())
        }
        Edit::CreateRun(new) => create_run(tables, new),
        Edit::UpdateRun { run, status, end_time, name } => {
            let mut info = active_run(tables, run)?;
            info.status = status.unwrap_or(info.status);
            info.end_time = end_time.map(stored).or(info.end_time);
            tables.put_run(&info)?;
            match name.as_deref() {
                Some(name) => set_tag(tables, &mut info, RUN_NAME_TAG, name),
                None => Ok(()),
            }
        }
        Edit::DeleteRun { run, at } => {
            let info = required(tables.run_info(run)?, "run", run)?;
            let deleted_time = Some(stored(*at));
            tables.put_run(&RunInfo { lifecycle_stage: LifecycleStage::Deleted, deleted_time, ..info })
        }
        Edit::RestoreRun { run } => {
            let info = required(tables.run_info(run)?, "run", run)?;
            tables.put_run(&RunInfo { lifecycle_stage: LifecycleStage::Active, deleted_time: None, ..info })
        }
        Edit::Log(batch) => log(tables, batch),
        Edit::DeleteTag { run, key } => {
            active_run(tables, run)?;
            required(tables.tag(run, key)?, "tag", key)?;
            tables.put_tag(run, key, None)
        }
        Edit::LogInputs { run, datasets, models } => {
            let info = active_run(tables, run)?;
            datasets.iter().try_for_each(|input| tables.add_dataset(&info, input))?;
            models.iter().try_for_each(|model| tables.add_model_input(run, model))
        }
        Edit::LogOutputs { run, models } => {
            active_run(tables, run)?;
            models.iter().try_for_each(|output| tables.add_model_output(run, output))
        }
        Edit::CreateLoggedModel(new) => create_model(tables, new),
        Edit::FinalizeLoggedModel { model, status, at } => change_model(tables, model, |model| {
            model.status = *status;
            model.last_updated_time = stored(*at);
            Ok(())
        }),
        Edit::SetLoggedModelTags { model, tags } => change_model(tables, model, |model| {
            model.tags.extend(tags.clone());
            Ok(())
        }),
        Edit::DeleteLoggedModelTag { model, key } => {
            change_model(tables, model, |model| required(model.tags.remove(key), "tag", key).map(drop))
        }
        Edit::LogLoggedModelParams { model, params } => change_model(tables, model, |model| {
            params.iter().try_for_each(|(key, value)| {
                require_same(model.params.get(key).map(String::as_str), key, value)?;
                model.params.insert(key.clone(), value.clone());
                Ok(())
            })
        }),
        Edit::DeleteLoggedModel { model, at } => change_model(tables, model, |model| {
            model.lifecycle_stage = LifecycleStage::Deleted;
            model.last_updated_time = stored(*at);
            Ok(())
        }),
    }
}

fn create_experiment(tables: &mut impl Tables, new: &NewExperiment) -> Result<()> {
    if tables.experiment(&new.id)?.is_some() {
        return Err(taken("experiment", &new.id));
    }
    require_free(tables, &new.name)?;
    tables.put_experiment(&new.clone().into_experiment())
}

fn rename_experiment(tables: &mut impl Tables, id: &ExperimentId, name: &str, at: Timestamp) -> Result<()> {
    let mut experiment = active_experiment(tables, id)?;
    if experiment.name != name {
        require_free(tables, name)?;
    }
    name.clone_into(&mut experiment.name);
    experiment.last_update_time = stored(at);
    tables.put_experiment(&experiment)
}

fn require_free(tables: &impl Tables, name: &str) -> Result<()> {
    match tables.experiment_named(name)? {
        None => Ok(()),
        Some(found) if found.lifecycle_stage == LifecycleStage::Deleted => {
            let error = Error::already_exists(OPERATION, name, "a deleted experiment has this name");
            Err(error.remedy("restore it, or choose another name"))
        }
        Some(_) => Err(taken("experiment", name)),
    }
}

/// Deletes an active experiment or restores a deleted one, and its runs with it.
fn move_experiment(
    tables: &mut impl Tables,
    id: &ExperimentId,
    to: LifecycleStage,
    at: Timestamp,
) -> Result<()> {
    let mut experiment = required(tables.experiment(id)?, "experiment", id)?;
    if experiment.lifecycle_stage == to {
        return Err(Error::not_found(OPERATION, id.as_str(), format!("the experiment is {to} already")));
    }
    experiment.lifecycle_stage = to;
    experiment.last_update_time = stored(at);
    tables.put_experiment(&experiment)?;
    let deleted = (to == LifecycleStage::Deleted).then(|| stored(at));
    tables.set_stage_of_runs(id, deleted)
}

fn set_experiment_tag(
    tables: &mut impl Tables,
    id: &ExperimentId,
    key: &str,
    value: Option<&str>,
) -> Result<()> {
    let mut experiment = active_experiment(tables, id)?;
    match value {
        Some(value) => drop(experiment.tags.insert(key.to_owned(), value.to_owned())),
        None => drop(required(experiment.tags.remove(key), "tag", key)?),
    }
    tables.put_experiment(&experiment)
}

fn create_run(tables: &mut impl Tables, new: &NewRun) -> Result<()> {
    let experiment = active_experiment(tables, &new.experiment)?;
    if tables.run_info(&new.id)?.is_some() {
        return Err(taken("run", &new.id));
    }
    let run = new.clone().into_run(&experiment);
    tables.put_run(&run.info)?;
    run.data.tags.iter().try_for_each(|(key, value)| tables.put_tag(&run.info.id, key, Some(value)))
}

fn log(tables: &mut impl Tables, batch: &Batch) -> Result<()> {
    let run = &batch.run;
    let mut info = active_run(tables, run)?;
    for (key, value) in &batch.params {
        let found = tables.param(run, key)?;
        require_same(found.as_deref(), key, value)?;
        if found.is_none() {
            tables.put_param(run, key, value)?;
        }
    }
    tables.add_metrics(run, &batch.metrics)?;
    for metric in &batch.metrics {
        if let Some(model) = &metric.model {
            active_model(tables, model)?;
            tables.add_model_metric(model, &ModelMetric::new(run.clone(), metric.clone()))?;
        }
    }
    batch.tags.iter().try_for_each(|(key, value)| set_tag(tables, &mut info, key, value))
}

/// A parameter is written once: a plot of what it was would otherwise lie about the metrics before.
fn require_same(found: Option<&str>, key: &str, value: &str) -> Result<()> {
    match found {
        Some(found) if found != value => {
            let problem = format!("it was logged as {found:?} and cannot become {value:?}");
            Err(Error::invalid_input(OPERATION, key, problem)
                .remedy("log it under another name, or in a nested run"))
        }
        _ => Ok(()),
    }
}

/// Sets a tag; the one that repeats the run's name renames the run.
fn set_tag(tables: &mut impl Tables, info: &mut RunInfo, key: &str, value: &str) -> Result<()> {
    let renames = key == RUN_NAME_TAG && info.name != value;
    if key == RUN_NAME_TAG && value.is_empty() {
        return Ok(());
    }
    tables.put_tag(&info.id, key, Some(value))?;
    if renames {
        value.clone_into(&mut info.name);
        tables.put_run(info)?;
    }
    Ok(())
}

fn create_model(tables: &mut impl Tables, new: &NewLoggedModel) -> Result<()> {
    let experiment = active_experiment(tables, &new.experiment)?;
    if tables.model(&new.id)?.is_some() {
        return Err(taken("logged model", &new.id));
    }
    tables.put_model(&new.clone().into_model(&experiment))
}

fn change_model<T: Tables>(
    tables: &mut T,
    id: &LoggedModelId,
    change: impl FnOnce(&mut LoggedModel) -> Result<()>,
) -> Result<()> {
    let mut model = active_model(tables, id)?;
    change(&mut model)?;
    tables.put_model(&model)
}

fn active_experiment(tables: &impl Tables, id: &ExperimentId) -> Result<Experiment> {
    let experiment = required(tables.experiment(id)?, "experiment", id)?;
    match experiment.lifecycle_stage {
        LifecycleStage::Active => Ok(experiment),
        LifecycleStage::Deleted => Err(deleted("experiment", id)),
    }
}

fn active_run(tables: &impl Tables, id: &RunId) -> Result<RunInfo> {
    let info = required(tables.run_info(id)?, "run", id)?;
    match info.lifecycle_stage {
        LifecycleStage::Active => Ok(info),
        LifecycleStage::Deleted => Err(deleted("run", id)),
    }
}

pub(super) fn active_model(tables: &impl Tables, id: &LoggedModelId) -> Result<LoggedModel> {
    let is_active = |model: &LoggedModel| model.lifecycle_stage == LifecycleStage::Active;
    required(tables.model(id)?.filter(is_active), "logged model", id)
}

/// What must be there.
pub(super) fn required<T>(found: Option<T>, kind: &str, subject: impl AsRef<str>) -> Result<T> {
    found.ok_or_else(|| Error::not_found(OPERATION, subject.as_ref(), format!("there is no such {kind}")))
}

fn taken(kind: &str, subject: impl AsRef<str>) -> Error {
    Error::already_exists(OPERATION, subject.as_ref(), format!("there is such a {kind} already"))
}

fn deleted(kind: &str, subject: impl AsRef<str>) -> Error {
    Error::invalid_input(OPERATION, subject.as_ref(), format!("the {kind} is deleted"))
        .remedy("restore it first")
}
