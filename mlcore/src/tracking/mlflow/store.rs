//! What is asked of a store of MLflow's, be it a database or a folder.

use super::Imported;
use crate::error::Result;
use crate::name::{ExperimentId, LoggedModelId, RunId};
use crate::time::Timestamp;
use crate::tracking::{DatasetInput, LoggedModelStatus, Metric, ModelOutput, NewExperiment, RunStatus};

/// Reads a store, piece by piece. What cannot be read of it is [left](Imported::leave) where the rest can be taken without it.
pub(super) trait Store {
    /// All experiments.
    fn experiments(&mut self, imported: &mut Imported) -> Result<Vec<FoundExperiment>>;

    fn experiment_tags(&mut self, id: &ExperimentId, imported: &mut Imported) -> Result<Pairs>;

    /// The logged models of an experiment, in the order in which they were made where the store knows it.
    fn models(&mut self, experiment: &ExperimentId, imported: &mut Imported) -> Result<Vec<FoundModel>>;

    fn runs(&mut self, experiment: &ExperimentId, imported: &mut Imported) -> Result<Vec<RunId>>;

    /// A run but for its points; none where it cannot be read.
    fn run(
        &mut self,
        experiment: &ExperimentId,
        run: &RunId,
        imported: &mut Imported,
    ) -> Result<Option<FoundRun>>;

    /// The points of a run that say something about a logged model.
    fn measured(&mut self, experiment: &ExperimentId, run: &RunId) -> Result<Vec<Metric>>;

    /// Hands over all points of a run, one after the other, or why one cannot be read: a run may have millions.
    fn points(
        &mut self,
        experiment: &ExperimentId,
        run: &RunId,
        take: &mut dyn FnMut(std::result::Result<Metric, String>) -> Result<()>,
    ) -> Result<()>;
}

/// Keys and values.
pub(super) type Pairs = Vec<(String, String)>;

pub(super) struct FoundExperiment {
    pub(super) new: NewExperiment,
    /// When it was deleted.
    pub(super) deleted: Option<Timestamp>,
}

pub(super) struct FoundModel {
    pub(super) id: LoggedModelId,
    pub(super) name: String,
    pub(super) artifact_location: String,
    pub(super) created: Timestamp,
    pub(super) updated: Timestamp,
    pub(super) status: LoggedModelStatus,
    pub(super) is_deleted: bool,
    pub(super) model_type: Option<String>,
    pub(super) source_run: Option<RunId>,
    pub(super) tags: Pairs,
    pub(super) params: Pairs,
}

pub(super) struct FoundRun {
    /// Its name, which may be empty.
    pub(super) name: String,
    pub(super) user_id: String,
    pub(super) status: Option<RunStatus>,
    pub(super) start: Timestamp,
    pub(super) end: Option<Timestamp>,
    pub(super) artifact_uri: String,
    /// When it was deleted.
    pub(super) deleted: Option<Timestamp>,
    pub(super) params: Pairs,
    pub(super) tags: Pairs,
    pub(super) datasets: Vec<DatasetInput>,
    /// The models that it read.
    pub(super) inputs: Vec<LoggedModelId>,
    /// The models that it made.
    pub(super) outputs: Vec<ModelOutput>,
}

/// A time as MLflow stores it, in milliseconds; nothing is 1970.
pub(super) fn at(milliseconds: Option<i64>) -> Timestamp {
    Timestamp::from_millis(milliseconds.unwrap_or(0))
}

/// The status of a logged model, by MLflow's number.
pub(super) fn model_status(number: i64) -> LoggedModelStatus {
    match number {
        2 => LoggedModelStatus::Ready,
        3 => LoggedModelStatus::Failed,
        _ => LoggedModelStatus::Pending,
    }
}
