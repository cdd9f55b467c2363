//! A tracker that remembers, run by run, what it refused.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use mlcore::name::{ExperimentId, LoggedModelId, RunId};
use mlcore::tracking::{
    Edit, Experiment, ExperimentSearch, HistorySearch, LoggedModel, LoggedModelSearch, Metric, Page, Run,
    RunSearch, Tracker,
};
use mlcore::{Error, Result};

use super::gate;

/// Forwards everything, through the [gate]. A buffer hands over what is refused one by one in the end: then it is noted whose it was.
pub(super) struct Witness {
    tracker: Arc<dyn Tracker>,
    refusals: Mutex<HashMap<RunId, Refusals>>,
}

/// What a tracker refused of one run.
#[derive(Clone, Default, Debug)]
pub(super) struct Refusals {
    pub(super) count: u64,
    pub(super) first: Option<String>,
}

impl Witness {
    pub(super) fn new(tracker: Arc<dyn Tracker>) -> Self {
        Self { tracker, refusals: Mutex::default() }
    }

    /// Writes what is not logged through a buffer: who asked is told of a refusal, and it is not noted.
    pub(super) fn write_directly(&self, edits: &[Edit]) -> Result<()> {
        gate::pass(|| self.tracker.write(edits))
    }

    /// What was refused of a run so far.
    pub(super) fn refusals(&self, run: &RunId) -> Refusals {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner).get(run).cloned().unwrap_or_default()
    }
}

fn is_refusal(error: &Error) -> bool {
    matches!(
        error,
        Error::InvalidInput(_)
            | Error::NotFound(_)
            | Error::AlreadyExists(_)
            | Error::Conflict(_)
            | Error::SchemaMismatch(_)
            | Error::Unsupported(_)
    )
}

#[deny(clippy::missing_trait_methods)]
impl Tracker for Witness {
    fn write(&self, edits: &[Edit]) -> Result<()> {
        let written = gate::pass(|| self.tracker.write(edits));
        if let (Err(error), [Edit::Log(batch)]) = (&written, edits)
            && batch.len() == 1
            && is_refusal(error)
        {
            let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
            let of_run = refusals.entry(batch.run.clone()).or_default();
            of_run.count += 1;
            of_run.first.get_or_insert_with(|| error.to_string());
        }
        written
    }

    fn experiment(&self, id: &ExperimentId) -> Result<Experiment> {
        gate::pass(|| self.tracker.experiment(id))
    }

    fn experiment_by_name(&self, name: &str) -> Result<Experiment> {
        gate::pass(|| self.tracker.experiment_by_name(name))
    }

    fn search_experiments(&self, search: &ExperimentSearch) -> Result<Page<Experiment>> {
        gate::pass(|| self.tracker.search_experiments(search))
    }

    fn run(&self, id: &RunId) -> Result<Run> {
        gate::pass(|| self.tracker.run(id))
    }

    fn search_runs(&self, search: &RunSearch) -> Result<Page<Run>> {
        gate::pass(|| self.tracker.search_runs(search))
    }

    fn metric_history(&self, search: &HistorySearch) -> Result<Page<Metric>> {
        gate::pass(|| self.tracker.metric_history(search))
    }

    fn logged_model(&self, id: &LoggedModelId) -> Result<LoggedModel> {
        gate::pass(|| self.tracker.logged_model(id))
    }

    fn search_logged_models(&self, search: &LoggedModelSearch) -> Result<Page<LoggedModel>> {
        gate::pass(|| self.tracker.search_logged_models(search))
    }
}
