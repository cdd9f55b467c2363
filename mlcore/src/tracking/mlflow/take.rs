//! From rows of MLflow's tables to edits.

use std::collections::BTreeSet;

use super::Imported;
use super::database::{Source, number, text, text_if};
use crate::error::{Error, Result};
use crate::interrupt;
use crate::name::{ExperimentId, LoggedModelId, RunId};
use crate::time::Timestamp;
use crate::tracking::{
    Batch, Dataset, DatasetInput, Edit, Experiment, LifecycleStage, LoggedModelStatus, Metric, ModelOutput,
    NewExperiment, NewLoggedModel, NewRun, RUN_NAME_TAG, Tracker, limits,
};

/// A run's points are written in pieces of so many.
const MOST_POINTS: usize = 100_000;

pub(super) fn all(source: &Source, tracker: &dyn Tracker) -> Result<Imported> {
    let mut taking = Taking { source, tracker, imported: Imported::default(), models: BTreeSet::new() };
    let sql =
        "SELECT experiment_id, name, artifact_location, lifecycle_stage, creation_time, last_update_time
        FROM experiments ORDER BY experiment_id";
    let found = source.all(sql, (), |row| {
        let times = (row.get::<_, Option<i64>>(4)?, row.get::<_, Option<i64>>(5)?);
        Ok((text(row, 0)?, text(row, 1)?, text_if(row, 2)?, text(row, 3)? == "deleted", times))
    })?;
    for (id, name, location, is_deleted, (created, updated)) in found {
        let id: ExperimentId = taking.parsed(&id)?;
        let mut new = NewExperiment::new(id, name, at(created));
        new.artifact_location = location;
        taking.experiment(new, is_deleted.then(|| at(updated.or(created))))?;
    }
    Ok(taking.imported)
}

struct Taking<'a> {
    source: &'a Source,
    tracker: &'a dyn Tracker,
    imported: Imported,
    /// The logged models that metrics may name.
    models: BTreeSet<String>,
}

/// A row of the table of runs.
struct Row {
    new: NewRun,
    status: String,
    end: Option<i64>,
    artifact_uri: String,
    deleted: Option<Option<i64>>,
}

fn at(milliseconds: Option<i64>) -> Timestamp {
    Timestamp::from_millis(milliseconds.unwrap_or(0))
}

impl Taking<'_> {
    fn experiment(&mut self, new: NewExperiment, deleted: Option<Timestamp>) -> Result<()> {
        let id = new.id.clone();
        let experiment = match self.tracker.experiment(&id) {
            Ok(found) if found.name != new.name => {
                let problem =
                    format!("the tracker has an experiment of this id, which is called {:?}", found.name);
                return Err(Error::already_exists("import store", id.as_str(), problem)
                    .remedy("import into a new tracker"));
            }
            Ok(found) => found,
            Err(Error::NotFound(_)) => {
                let edit = Edit::CreateExperiment(new);
                if let Err(error) = limits::check(&edit) {
                    self.imported.leave(|| format!("experiment {id} with its runs: {error}"));
                    return Ok(());
                }
                self.tracker.write(&[edit])?;
                self.tracker.experiment(&id)?
            }
            Err(error) => return Err(error),
        };
        self.imported.experiments += 1;
        if experiment.lifecycle_stage == LifecycleStage::Deleted {
            return Ok(());
        }
        let sql = "SELECT key, value FROM experiment_tags WHERE experiment_id = ?1";
        for (key, value) in self.pairs(sql, id.as_str())? {
            let edit = Edit::SetExperimentTag { experiment: id.clone(), key, value: Some(value) };
            let written = limits::check(&edit).and_then(|()| self.tracker.write(&[edit]));
            self.imported.tags += u64::from(self.is_taken(written, &format!("a tag of experiment {id}"))?);
        }
        let gone = self.logged_models(&experiment)?;
        self.runs(&experiment)?;
        for (model, at) in gone {
            let deleted = self.tracker.write(&[Edit::DeleteLoggedModel { model: model.clone(), at }]);
            self.is_taken(deleted, &format!("that logged model {model} is deleted"))?;
        }
        match deleted {
            Some(at) => self.tracker.write(&[Edit::DeleteExperiment { experiment: id, at }]),
            None => Ok(()),
        }
    }

    /// Creates the logged models; answers those that are to be deleted, once what was measured of them is there.
    fn logged_models(&mut self, experiment: &Experiment) -> Result<Vec<(LoggedModelId, Timestamp)>> {
        let sql = "SELECT model_id, name, artifact_location, creation_timestamp_ms, last_updated_timestamp_ms, status,
            lifecycle_stage, model_type, source_run_id FROM logged_models WHERE experiment_id = ?1 ORDER BY rowid";
        let found = self.source.all(sql, (experiment.id.as_str(),), |row| {
            let times = (row.get::<_, Option<i64>>(3)?, row.get::<_, Option<i64>>(4)?);
            let texts = (text(row, 0)?, text(row, 1)?, text(row, 2)?, text(row, 6)?);
            Ok((texts, times, row.get::<_, i64>(5)?, text_if(row, 7)?, text_if(row, 8)?))
        })?;
        let mut gone = Vec::new();
        for ((id, name, location, stage), (created, updated), status, kind, run) in found {
            interrupt::check("import store")?;
            let id: LoggedModelId = self.parsed(&id)?;
            let mut new = NewLoggedModel::new(id.clone(), experiment.id.clone(), name, at(created));
            new.model_type = kind;
            new.source_run = run.map(|run| self.parsed(&run)).transpose()?;
            let tags = "SELECT tag_key, tag_value FROM logged_model_tags WHERE model_id = ?1";
            let params = "SELECT param_key, param_value FROM logged_model_params WHERE model_id = ?1";
            let (tags, params) = (self.pairs(tags, id.as_str())?, self.pairs(params, id.as_str())?);
            let counts = (tags.len() as u64, params.len() as u64);
            (new.tags, new.params) = (tags.into_iter().collect(), params.into_iter().collect());
            let place = new.clone().into_model(experiment).artifact_location;
            if place != location {
                self.imported
                    .leave(|| format!("logged model {id}: its files lie at {location}, not at {place}"));
            }
            let status = [LoggedModelStatus::Pending, LoggedModelStatus::Ready, LoggedModelStatus::Failed]
                .get(usize::try_from(status.saturating_sub(1)).unwrap_or(0))
                .copied()
                .unwrap_or_default();
            let mut edits = vec![Edit::CreateLoggedModel(Box::new(new))];
            edits.push(Edit::FinalizeLoggedModel { model: id.clone(), status, at: at(updated.or(created)) });
            let written = edits.iter().try_for_each(limits::check).and_then(|()| self.tracker.write(&edits));
            let is_known = matches!(written, Err(Error::AlreadyExists(_)));
            if is_known || self.is_taken(written, &format!("logged model {id}"))? {
                self.imported.models += 1;
                (self.imported.tags, self.imported.params) =
                    (self.imported.tags + counts.0, self.imported.params + counts.1);
                // One that is known, and deleted, takes no metrics.
                if self.tracker.logged_model(&id).is_ok() {
                    self.models.insert(id.to_string());
                    gone.extend((stage == "deleted").then(|| (id, at(updated.or(created)))));
                }
            }
        }
        Ok(gone)
    }

    fn runs(&mut self, experiment: &Experiment) -> Result<()> {
        let sql =
            "SELECT run_uuid, name, user_id, status, start_time, end_time, artifact_uri, lifecycle_stage,
            deleted_time FROM runs WHERE experiment_id = ?1 ORDER BY start_time, run_uuid";
        let found = self.source.all(sql, (experiment.id.as_str(),), |row| {
            let times =
                (row.get::<_, Option<i64>>(4)?, row.get::<_, Option<i64>>(5)?, row.get::<_, Option<i64>>(8)?);
            Ok((text(row, 0)?, [1, 2, 3, 6, 7].map(|column| text(row, column)), times))
        })?;
        for (id, texts, (start, end, deleted)) in found {
            interrupt::check("import store")?;
            let [name, user, status, artifact_uri, stage] = texts.map(|text| text.unwrap_or_default());
            let new = NewRun::new(self.parsed(&id)?, experiment.id.clone(), at(start))
                .with_name(name)
                .with_user_id(user);
            let deleted = (stage == "deleted").then_some(deleted);
            self.run(experiment, Row { new, status, end, artifact_uri, deleted })?;
        }
        Ok(())
    }

    fn run(&mut self, experiment: &Experiment, row: Row) -> Result<()> {
        let run = row.new.id.clone();
        let place = row.new.clone().into_run(experiment).info.artifact_uri;
        if place != row.artifact_uri {
            self.imported
                .leave(|| format!("run {run}: its artifacts lie at {}, not at {place}", row.artifact_uri));
        }
        let mut edits = Vec::new();
        match self.tracker.run(&run) {
            Ok(found) if found.info.lifecycle_stage == LifecycleStage::Deleted => {
                self.imported.runs += 1;
                return Ok(());
            }
            Ok(_) => {}
            Err(Error::NotFound(_)) => edits.push(Edit::CreateRun(Box::new(row.new))),
            Err(error) => return Err(error),
        }
        let status = row.status.parse().ok();
        let end_time = row.end.map(Timestamp::from_millis);
        edits.push(Edit::UpdateRun { run: run.clone(), status, end_time, name: None });
        self.texts(&run, &mut edits)?;
        self.inputs(&run, &mut edits)?;
        if let Err(error) = edits.iter().try_for_each(limits::check) {
            self.imported.leave(|| format!("run {run}: {error}"));
            return Ok(());
        }
        let is_taken = self.points(&run, edits)?;
        self.imported.runs += u64::from(is_taken);
        match row.deleted {
            Some(deleted) if is_taken => {
                self.tracker.write(&[Edit::DeleteRun { run, at: at(deleted.or(row.end)) }])
            }
            _ => Ok(()),
        }
    }

    /// Parameters and tags, without those that are against the rules.
    fn texts(&mut self, run: &RunId, edits: &mut Vec<Edit>) -> Result<()> {
        let params = self.pairs("SELECT key, value FROM params WHERE run_uuid = ?1", run.as_str())?;
        let tags = self.pairs("SELECT key, value FROM tags WHERE run_uuid = ?1", run.as_str())?;
        let bare = || Batch::new(run.clone());
        let params = params.into_iter().map(|(key, value)| (true, bare().with_param(key, value)));
        // The run's name is known.
        let tags = tags.into_iter().filter(|(key, _)| key != RUN_NAME_TAG);
        for (is_param, batch) in params.chain(tags.map(|(key, value)| (false, bare().with_tag(key, value)))) {
            let edit = Edit::Log(Box::new(batch));
            match limits::check(&edit) {
                Ok(()) if is_param => self.imported.params += 1,
                Ok(()) => self.imported.tags += 1,
                Err(error) => {
                    self.imported.leave(|| format!("of run {run}: {error}"));
                    continue;
                }
            }
            edits.push(edit);
        }
        Ok(())
    }

    fn inputs(&mut self, run: &RunId, edits: &mut Vec<Edit>) -> Result<()> {
        let sql = "SELECT i.input_uuid, d.name, d.digest, d.dataset_source_type, d.dataset_source, d.dataset_schema,
                d.dataset_profile FROM inputs i JOIN datasets d ON d.dataset_uuid = i.source_id
            WHERE i.source_type = 'DATASET' AND i.destination_type = 'RUN' AND i.destination_id = ?1 ORDER BY i.rowid";
        let found = self.source.all(sql, (run.as_str(),), |row| {
            let mut dataset = Dataset::new(text(row, 1)?, text(row, 2)?, text(row, 3)?, text(row, 4)?);
            (dataset.schema, dataset.profile) = (text_if(row, 5)?, text_if(row, 6)?);
            Ok((text(row, 0)?, dataset))
        })?;
        for (input, dataset) in found {
            let tags = self.pairs("SELECT name, value FROM input_tags WHERE input_uuid = ?1", &input)?;
            let datasets = vec![DatasetInput { dataset, tags: tags.into_iter().collect() }];
            let edit = Edit::LogInputs { run: run.clone(), datasets, models: Vec::new() };
            match limits::check(&edit) {
                Ok(()) => {
                    self.imported.datasets += 1;
                    edits.push(edit);
                }
                Err(error) => self.imported.leave(|| format!("of run {run}: {error}")),
            }
        }
        let sql = "SELECT destination_type, destination_id, step FROM inputs
            WHERE source_type IN ('RUN_INPUT', 'RUN_OUTPUT') AND source_id = ?1 ORDER BY rowid";
        let linked = self.source.all(sql, (run.as_str(),), |row| {
            Ok((text(row, 0)? == "MODEL_INPUT", text(row, 1)?, row.get::<_, Option<i64>>(2)?.unwrap_or(0)))
        })?;
        for (is_input, model, step) in linked {
            let (run, model) = (run.clone(), self.parsed(&model)?);
            edits.push(if is_input {
                Edit::LogInputs { run, datasets: Vec::new(), models: vec![model] }
            } else {
                Edit::LogOutputs { run, models: vec![ModelOutput::new(model, step)] }
            });
        }
        Ok(())
    }

    /// Writes the edits of a run and its points; says whether they were taken.
    fn points(&mut self, run: &RunId, edits: Vec<Edit>) -> Result<bool> {
        let mut writing =
            Writing { tracker: self.tracker, run, edits, batch: Batch::new(run.clone()), waiting: 0 };
        // Those of models first: of equal points the first is kept, with what it says of its model.
        let sql =
            "SELECT metric_name, metric_value, metric_timestamp_ms, metric_step, model_id, dataset_name,
            dataset_digest FROM logged_model_metrics WHERE run_id = ?1 ORDER BY rowid";
        let found = self.source.all(sql, (run.as_str(),), |row| {
            let mut metric = Metric::new(text(row, 0)?, number(row.get(1)?, false), row.get(2)?);
            (metric.dataset_name, metric.dataset_digest) = (text_if(row, 5)?, text_if(row, 6)?);
            Ok((metric.at_step(row.get(3)?), text(row, 4)?))
        })?;
        let (models, imported) = (&self.models, &mut self.imported);
        for (metric, model) in found.into_iter().filter(|(_, model)| models.contains(model)) {
            // It is counted with the run's own.
            writing.push(Metric { model: model.parse().ok(), ..metric }, imported)?;
        }
        let sql = "SELECT key, value, timestamp, step, is_nan FROM metrics WHERE run_uuid = ?1
            ORDER BY timestamp, step, rowid";
        let read = |row: &rusqlite::Row<'_>| {
            let value = number(row.get(1)?, row.get(4)?);
            Ok(Metric::new(text(row, 0)?, value, row.get(2)?).at_step(row.get(3)?))
        };
        self.source.each(sql, (run.as_str(),), read, |metric| {
            imported.points += u64::from(writing.push(metric, imported)?);
            Ok(())
        })?;
        let written = writing.write();
        self.is_taken(written, &format!("run {run}"))
    }

    /// What a write that was refused says is left out; what a tracker cannot do ends the import.
    fn is_taken(&mut self, written: Result<()>, what: &str) -> Result<bool> {
        match written {
            Ok(()) => Ok(true),
            Err(error @ (Error::InvalidInput(_) | Error::NotFound(_) | Error::AlreadyExists(_))) => {
                self.imported.leave(|| format!("{what}: {error}"));
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    fn pairs(&self, sql: &str, of: &str) -> Result<Vec<(String, String)>> {
        self.source.all(sql, (of,), |row| Ok((text(row, 0)?, text(row, 1)?)))
    }

    fn parsed<T: std::str::FromStr<Err = Error>>(&self, text: &str) -> Result<T> {
        text.parse().map_err(|cause: Error| self.source.damaged(cause.to_string()).caused_by(cause))
    }
}

/// Points on their way, in batches and in pieces.
struct Writing<'a> {
    tracker: &'a dyn Tracker,
    run: &'a RunId,
    edits: Vec<Edit>,
    batch: Batch,
    waiting: usize,
}

impl Writing<'_> {
    /// Adds a point; says whether it is within the rules.
    fn push(&mut self, metric: Metric, imported: &mut Imported) -> Result<bool> {
        let edit = Edit::Log(Box::new(Batch::new(self.run.clone()).with_metric(metric)));
        if let Err(error) = limits::check(&edit) {
            imported.leave(|| format!("of run {}: {error}", self.run));
            return Ok(false);
        }
        let Edit::Log(one) = edit else { return Ok(false) };
        self.batch.metrics.extend(one.metrics);
        self.waiting += 1;
        if self.batch.metrics.len() == limits::MOST_METRICS {
            self.close();
        }
        if self.waiting >= MOST_POINTS {
            self.write()?;
        }
        Ok(true)
    }

    fn close(&mut self) {
        let batch = std::mem::replace(&mut self.batch, Batch::new(self.run.clone()));
        if !batch.is_empty() {
            self.edits.push(Edit::Log(Box::new(batch)));
        }
    }

    fn write(&mut self) -> Result<()> {
        self.close();
        self.waiting = 0;
        self.tracker.write(&std::mem::take(&mut self.edits))
    }
}
