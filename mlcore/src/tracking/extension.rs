use std::collections::BTreeMap;

use super::search::ordinal;
use super::{
    Batch, DatasetInput, Edit, Experiment, ExperimentSearch, HistorySearch, LoggedModel, LoggedModelStatus,
    Metric, ModelOutput, NewExperiment, NewLoggedModel, NewRun, Run, RunStatus, Tracker, ViewType,
};
use crate::error::{Error, Result};
use crate::name::{ExperimentId, LoggedModelId, RunId};
use crate::time::Timestamp;

/// What callers use: a method for each [`Edit`], by MLflow's verbs. Each is one transaction.
///
/// # Errors
/// Those of [`Tracker::write`]; those that answer what was written fail as reading does, too.
///
/// ```
/// use mlcore::name::RunId;
/// use mlcore::time::Timestamp;
/// use mlcore::tracking::{MemoryTracker, NewRun, Tracker, TrackerExt};
///
/// let (tracker, at) = (MemoryTracker::new(), Timestamp::from_millis(1_000));
/// let experiment = tracker.default_experiment(at)?;
/// let run = tracker.start_run(NewRun::new(RunId::new("a1")?, experiment.id, at))?.info.id;
/// for step in 0..3 {
///     tracker.log_metric(&run, "loss", 1.0 / (1 + step) as f64, at, step)?;
/// }
/// tracker.log_param(&run, "depth", "8")?;
/// let history = tracker.whole_history(&run, "loss")?;
/// assert_eq!(history.len(), 3);
/// assert!(tracker.log_param(&run, "depth", "9").is_err());
/// # Ok::<(), mlcore::Error>(())
/// ```
#[expect(clippy::missing_errors_doc, reason = "said once for all, at the trait")]
pub trait TrackerExt: Tracker {
    /// Creates an experiment, and answers it.
    fn create_experiment(&self, new: NewExperiment) -> Result<Experiment> {
        let id = new.id.clone();
        self.write(&[Edit::CreateExperiment(new)])?;
        self.experiment(&id)
    }

    /// The experiment of the id `0` and the name `Default`, which MLflow's clients expect; it is created where it is missing.
    fn default_experiment(&self, at: Timestamp) -> Result<Experiment> {
        let id = ExperimentId::new("0")?;
        match self.experiment(&id) {
            Err(Error::NotFound(_)) => {}
            found => return found,
        }
        match self.create_experiment(NewExperiment::new(id.clone(), "Default", at)) {
            // Another one was faster.
            Err(Error::AlreadyExists(_)) => self.experiment(&id),
            created => created,
        }
    }

    /// Creates an experiment under the next number, and answers it: 1 where no id is a number greater than 0, as MLflow counts.
    /// Any number of callers may do so at once. `new` makes the experiment of an id, and is asked again where another caller
    /// took that one.
    ///
    /// ```
    /// use mlcore::time::Timestamp;
    /// use mlcore::tracking::{MemoryTracker, NewExperiment, TrackerExt};
    ///
    /// let (tracker, at) = (MemoryTracker::new(), Timestamp::from_millis(1_000));
    /// tracker.default_experiment(at)?;
    /// let churn = tracker.create_numbered_experiment(|id| NewExperiment::new(id, "churn", at))?;
    /// let fraud = tracker.create_numbered_experiment(|id| NewExperiment::new(id, "fraud", at).with_tag("team", "risk"))?;
    /// assert_eq!((churn.id.as_str(), fraud.id.as_str()), ("1", "2"));
    /// # Ok::<(), mlcore::Error>(())
    /// ```
    fn create_numbered_experiment(&self, new: impl Fn(ExperimentId) -> NewExperiment) -> Result<Experiment> {
        loop {
            let id = next_number(self)?;
            let new = new(id.clone());
            let name = new.name.clone();
            match self.create_experiment(new) {
                // Another caller took the number: each lost try means an experiment more, so that this ends.
                Err(error @ Error::AlreadyExists(_)) => match self.experiment_by_name(&name) {
                    Err(Error::NotFound(_)) if self.experiment(&id).is_ok() => {}
                    _ => return Err(error),
                },
                created => return created,
            }
        }
    }

    /// Gives an experiment another name.
    fn rename_experiment(
        &self,
        experiment: &ExperimentId,
        name: impl Into<String>,
        at: Timestamp,
    ) -> Result<()> {
        self.write(&[Edit::RenameExperiment { experiment: experiment.clone(), name: name.into(), at }])
    }

    /// Deletes an experiment and its runs.
    fn delete_experiment(&self, experiment: &ExperimentId, at: Timestamp) -> Result<()> {
        self.write(&[Edit::DeleteExperiment { experiment: experiment.clone(), at }])
    }

    /// Restores a deleted experiment and its runs.
    fn restore_experiment(&self, experiment: &ExperimentId, at: Timestamp) -> Result<()> {
        self.write(&[Edit::RestoreExperiment { experiment: experiment.clone(), at }])
    }

    /// Labels an experiment.
    fn set_experiment_tag(
        &self,
        experiment: &ExperimentId,
        key: impl Into<String>,
        value: impl Into<String>,
    ) -> Result<()> {
        let (key, value) = (key.into(), Some(value.into()));
        self.write(&[Edit::SetExperimentTag { experiment: experiment.clone(), key, value }])
    }

    /// Removes a label of an experiment.
    fn delete_experiment_tag(&self, experiment: &ExperimentId, key: impl Into<String>) -> Result<()> {
        self.write(&[Edit::SetExperimentTag { experiment: experiment.clone(), key: key.into(), value: None }])
    }

    /// Creates a run, and answers it.
    fn start_run(&self, new: NewRun) -> Result<Run> {
        let id = new.id.clone();
        self.write(&[Edit::CreateRun(Box::new(new))])?;
        self.run(&id)
    }

    /// Ends a run.
    fn end_run(&self, run: &RunId, status: RunStatus, at: Timestamp) -> Result<()> {
        self.update_run(run, Some(status), Some(at), None)
    }

    /// Changes what is known of a run. What is none stays as it is.
    fn update_run(
        &self,
        run: &RunId,
        status: Option<RunStatus>,
        end_time: Option<Timestamp>,
        name: Option<String>,
    ) -> Result<()> {
        self.write(&[Edit::UpdateRun { run: run.clone(), status, end_time, name }])
    }

    /// Deletes a run.
    fn delete_run(&self, run: &RunId, at: Timestamp) -> Result<()> {
        self.write(&[Edit::DeleteRun { run: run.clone(), at }])
    }

    /// Restores a run.
    fn restore_run(&self, run: &RunId) -> Result<()> {
        self.write(&[Edit::RestoreRun { run: run.clone() }])
    }

    /// Logs metrics, parameters and tags at once.
    fn log_batch(&self, batch: Batch) -> Result<()> {
        self.write(&[Edit::Log(Box::new(batch))])
    }

    /// Logs a point of a metric.
    fn log_metric(&self, run: &RunId, key: &str, value: f64, at: Timestamp, step: i64) -> Result<()> {
        let metric = Metric::new(key, value, super::millis(at)).at_step(step);
        self.log_batch(Batch::new(run.clone()).with_metric(metric))
    }

    /// Logs a parameter.
    fn log_param(&self, run: &RunId, key: &str, value: impl Into<String>) -> Result<()> {
        self.log_batch(Batch::new(run.clone()).with_param(key, value))
    }

    /// Sets a tag.
    fn set_tag(&self, run: &RunId, key: &str, value: impl Into<String>) -> Result<()> {
        self.log_batch(Batch::new(run.clone()).with_tag(key, value))
    }

    /// Removes a tag.
    fn delete_tag(&self, run: &RunId, key: impl Into<String>) -> Result<()> {
        self.write(&[Edit::DeleteTag { run: run.clone(), key: key.into() }])
    }

    /// Says what a run read.
    fn log_inputs(&self, run: &RunId, datasets: Vec<DatasetInput>, models: Vec<LoggedModelId>) -> Result<()> {
        self.write(&[Edit::LogInputs { run: run.clone(), datasets, models }])
    }

    /// Says which models a run made.
    fn log_outputs(&self, run: &RunId, models: Vec<ModelOutput>) -> Result<()> {
        self.write(&[Edit::LogOutputs { run: run.clone(), models }])
    }

    /// The whole history of a metric, read page by page.
    fn whole_history(&self, run: &RunId, key: &str) -> Result<Vec<Metric>> {
        let mut search = HistorySearch::new(run.clone(), key);
        let mut points = Vec::new();
        loop {
            let page = self.metric_history(&search)?;
            points.extend(page.items);
            match page.next {
                Some(next) => search = search.with_page(next),
                None => return Ok(points),
            }
        }
    }

    /// Creates a logged model, and answers it.
    fn create_logged_model(&self, new: NewLoggedModel) -> Result<LoggedModel> {
        let id = new.id.clone();
        self.write(&[Edit::CreateLoggedModel(Box::new(new))])?;
        self.logged_model(&id)
    }

    /// Says how far a logged model is, and answers it.
    fn finalize_logged_model(
        &self,
        model: &LoggedModelId,
        status: LoggedModelStatus,
        at: Timestamp,
    ) -> Result<LoggedModel> {
        self.write(&[Edit::FinalizeLoggedModel { model: model.clone(), status, at }])?;
        self.logged_model(model)
    }

    /// Labels a logged model.
    fn set_logged_model_tags(&self, model: &LoggedModelId, tags: BTreeMap<String, String>) -> Result<()> {
        self.write(&[Edit::SetLoggedModelTags { model: model.clone(), tags }])
    }

    /// Removes a label of a logged model.
    fn delete_logged_model_tag(&self, model: &LoggedModelId, key: impl Into<String>) -> Result<()> {
        self.write(&[Edit::DeleteLoggedModelTag { model: model.clone(), key: key.into() }])
    }

    /// Logs parameters of a logged model.
    fn log_logged_model_params(&self, model: &LoggedModelId, params: BTreeMap<String, String>) -> Result<()> {
        self.write(&[Edit::LogLoggedModelParams { model: model.clone(), params }])
    }

    /// Deletes a logged model.
    fn delete_logged_model(&self, model: &LoggedModelId, at: Timestamp) -> Result<()> {
        self.write(&[Edit::DeleteLoggedModel { model: model.clone(), at }])
    }
}

impl<T: Tracker + ?Sized> TrackerExt for T {}

/// The number after the greatest id that is a number.
fn next_number<T: Tracker + ?Sized>(tracker: &T) -> Result<ExperimentId> {
    // Numbers come after all other ids.
    let greatest = ExperimentSearch::default().with_view(ViewType::All).with_order("experiment_id DESC");
    let found = tracker.search_experiments(&greatest.with_limit(1))?.items.pop();
    let number = found.filter(|found| ordinal(found.id.as_str()).starts_with('1'));
    ExperimentId::new(number.map_or_else(|| "1".to_owned(), |found| incremented(found.id.as_str())))
}

/// The decimal number after this one, of any length: that of an imported experiment may have sixty digits.
fn incremented(number: &str) -> String {
    let kept = number.trim_end_matches('9');
    let zeros = "0".repeat(number.len() - kept.len());
    match kept.char_indices().next_back().and_then(|(place, last)| Some((place, last.to_digit(10)?))) {
        Some((place, digit)) => format!("{}{}{zeros}", kept.get(..place).unwrap_or_default(), digit + 1),
        None => format!("1{zeros}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_counted_on() {
        for (number, due) in
            [("0", "1"), ("1", "2"), ("9", "10"), ("199", "200"), ("999", "1000"), ("10", "11")]
        {
            assert_eq!(incremented(number), due);
        }
        assert_eq!(incremented(&u64::MAX.to_string()), "18446744073709551616");
    }
}
