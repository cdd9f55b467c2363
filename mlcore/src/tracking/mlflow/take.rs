//! From what a store of MLflow's holds to edits.

use std::collections::BTreeSet;

use super::Imported;
use super::store::{FoundExperiment, FoundModel, FoundRun, Store};
use crate::error::{Error, Result};
use crate::interrupt;
use crate::name::{LoggedModelId, RunId};
use crate::time::Timestamp;
use crate::tracking::{
    Batch, Edit, Experiment, LifecycleStage, Metric, NewLoggedModel, NewRun, RUN_NAME_TAG, Tracker, limits,
};

/// A run's points are written in pieces of so many.
const MOST_POINTS: usize = 100_000;

pub(super) fn all(store: &mut impl Store, tracker: &dyn Tracker) -> Result<Imported> {
    let mut imported = Imported::default();
    let experiments = store.experiments(&mut imported)?;
    let mut taking = Taking { store, tracker, imported, models: BTreeSet::new() };
    for found in experiments {
        taking.experiment(found)?;
    }
    Ok(taking.imported)
}

struct Taking<'a, S> {
    store: &'a mut S,
    tracker: &'a dyn Tracker,
    imported: Imported,
    /// The logged models that metrics may name.
    models: BTreeSet<LoggedModelId>,
}

impl<S: Store> Taking<'_, S> {
    fn experiment(&mut self, found: FoundExperiment) -> Result<()> {
        let FoundExperiment { new, deleted } = found;
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
        for (key, value) in self.store.experiment_tags(&id, &mut self.imported)? {
            let edit = Edit::SetExperimentTag { experiment: id.clone(), key, value: Some(value) };
            let written = limits::check(&edit).and_then(|()| self.tracker.write(&[edit]));
            self.imported.tags += u64::from(self.is_taken(written, &format!("a tag of experiment {id}"))?);
        }
        let mut gone = Vec::new();
        for model in self.store.models(&id, &mut self.imported)? {
            interrupt::check("import store")?;
            gone.extend(self.logged_model(&experiment, model)?);
        }
        for run in self.store.runs(&id, &mut self.imported)? {
            interrupt::check("import store")?;
            if let Some(found) = self.store.run(&id, &run, &mut self.imported)? {
                self.run(&experiment, &run, found)?;
            }
        }
        for (model, at) in gone {
            let deleted = self.tracker.write(&[Edit::DeleteLoggedModel { model: model.clone(), at }]);
            self.is_taken(deleted, &format!("that logged model {model} is deleted"))?;
        }
        match deleted {
            Some(at) => self.tracker.write(&[Edit::DeleteExperiment { experiment: id, at }]),
            None => Ok(()),
        }
    }

    /// Creates a logged model; answers it where it is to be deleted, once what was measured of it is there.
    fn logged_model(
        &mut self,
        experiment: &Experiment,
        found: FoundModel,
    ) -> Result<Option<(LoggedModelId, Timestamp)>> {
        let id = found.id;
        let mut new = NewLoggedModel::new(id.clone(), experiment.id.clone(), found.name, found.created);
        (new.model_type, new.source_run) = (found.model_type, found.source_run);
        let counts = (found.tags.len() as u64, found.params.len() as u64);
        (new.tags, new.params) = (found.tags.into_iter().collect(), found.params.into_iter().collect());
        let place = new.clone().into_model(experiment).artifact_location;
        if !found.artifact_location.is_empty() && place != found.artifact_location {
            let location = found.artifact_location;
            self.imported
                .leave(|| format!("logged model {id}: its files lie at {location:?}, not at {place:?}"));
        }
        let edits = [
            Edit::CreateLoggedModel(Box::new(new)),
            Edit::FinalizeLoggedModel { model: id.clone(), status: found.status, at: found.updated },
        ];
        let written = edits.iter().try_for_each(limits::check).and_then(|()| self.tracker.write(&edits));
        let is_known = matches!(written, Err(Error::AlreadyExists(_)));
        if !is_known && !self.is_taken(written, &format!("logged model {id}"))? {
            return Ok(None);
        }
        self.imported.models += 1;
        self.imported.tags += counts.0;
        self.imported.params += counts.1;
        // One that is known, and deleted, takes no metrics.
        if self.tracker.logged_model(&id).is_err() {
            return Ok(None);
        }
        self.models.insert(id.clone());
        Ok(found.is_deleted.then_some((id, found.updated)))
    }

    fn run(&mut self, experiment: &Experiment, run: &RunId, found: FoundRun) -> Result<()> {
        let named = found.tags.iter().find(|(key, _)| key == RUN_NAME_TAG);
        let name = Some(found.name).filter(|name| !name.is_empty());
        let name = name.or_else(|| named.map(|(_, value)| value.clone())).unwrap_or_default();
        let new = NewRun::new(run.clone(), experiment.id.clone(), found.start)
            .with_name(name)
            .with_user_id(found.user_id);
        let place = new.clone().into_run(experiment).info.artifact_uri;
        if !found.artifact_uri.is_empty() && place != found.artifact_uri {
            let uri = found.artifact_uri;
            self.imported.leave(|| format!("run {run}: its artifacts lie at {uri:?}, not at {place:?}"));
        }
        let mut edits = Vec::new();
        match self.tracker.run(run) {
            Ok(found) if found.info.lifecycle_stage == LifecycleStage::Deleted => {
                self.imported.runs += 1;
                return Ok(());
            }
            Ok(_) => {}
            Err(Error::NotFound(_)) => edits.push(Edit::CreateRun(Box::new(new))),
            Err(error) => return Err(error),
        }
        let (status, end_time) = (found.status, found.end);
        edits.push(Edit::UpdateRun { run: run.clone(), status, end_time, name: None });
        let bare = || Batch::new(run.clone());
        for (key, value) in found.params {
            let edit = Edit::Log(Box::new(bare().with_param(key, value)));
            self.imported.params += u64::from(self.add(run, edit, &mut edits));
        }
        // The run's name is known.
        for (key, value) in found.tags.into_iter().filter(|(key, _)| key != RUN_NAME_TAG) {
            let edit = Edit::Log(Box::new(bare().with_tag(key, value)));
            self.imported.tags += u64::from(self.add(run, edit, &mut edits));
        }
        for input in found.datasets {
            let edit = Edit::LogInputs { run: run.clone(), datasets: vec![input], models: Vec::new() };
            self.imported.datasets += u64::from(self.add(run, edit, &mut edits));
        }
        for model in found.inputs {
            edits.push(Edit::LogInputs { run: run.clone(), datasets: Vec::new(), models: vec![model] });
        }
        for model in found.outputs {
            edits.push(Edit::LogOutputs { run: run.clone(), models: vec![model] });
        }
        if let Err(error) = edits.iter().try_for_each(limits::check) {
            self.imported.leave(|| format!("run {run}: {error}"));
            return Ok(());
        }
        let written = self.points(experiment, run, edits);
        let is_taken = self.is_taken(written, &format!("run {run}"))?;
        self.imported.runs += u64::from(is_taken);
        match found.deleted {
            Some(at) if is_taken => self.tracker.write(&[Edit::DeleteRun { run: run.clone(), at }]),
            _ => Ok(()),
        }
    }

    /// Adds an edit that is within the rules; says whether it is.
    fn add(&mut self, run: &RunId, edit: Edit, edits: &mut Vec<Edit>) -> bool {
        match limits::check(&edit) {
            Ok(()) => edits.push(edit),
            Err(error) => {
                self.imported.leave(|| format!("of run {run}: {error}"));
                return false;
            }
        }
        true
    }

    /// Writes the edits of a run and its points.
    fn points(&mut self, experiment: &Experiment, run: &RunId, edits: Vec<Edit>) -> Result<()> {
        let mut writing =
            Writing { tracker: self.tracker, run, edits, batch: Batch::new(run.clone()), waiting: 0 };
        // Those of models first: of equal points the first is kept, with what it says of its model.
        let measured = self.store.measured(&experiment.id, run)?;
        let (models, imported) = (&self.models, &mut self.imported);
        let is_there = |metric: &Metric| metric.model.as_ref().is_some_and(|model| models.contains(model));
        for metric in measured.into_iter().filter(is_there) {
            // It is counted with the run's own.
            writing.push(metric, imported)?;
        }
        let mut take = |point: std::result::Result<Metric, String>| {
            match point {
                Ok(metric) => imported.points += u64::from(writing.push(metric, imported)?),
                Err(problem) => imported.leave(|| format!("of run {run}: {problem}")),
            }
            Ok(())
        };
        self.store.points(&experiment.id, run, &mut take)?;
        writing.write()
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
