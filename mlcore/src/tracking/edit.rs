use std::collections::BTreeMap;

use super::{
    DatasetInput, LoggedModelStatus, Metric, ModelOutput, NewExperiment, NewLoggedModel, NewRun, RunStatus,
    limits,
};
use crate::name::{ExperimentId, LoggedModelId, RunId};
use crate::time::Timestamp;

/// What a tracker can be asked to change. Each has a method of [`TrackerExt`](super::TrackerExt) that makes it.
///
/// **Who is asked to be there.** What is changed must be there and, where nothing else is said, active: a deleted experiment
/// or run is [`InvalidInput`](crate::Error::InvalidInput), as in MLflow, and a deleted logged model is
/// [`NotFound`](crate::Error::NotFound).
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug)]
pub enum Edit {
    /// Creates an experiment. Its id and its name must be free; deleted ones take theirs, too.
    CreateExperiment(NewExperiment),
    /// Gives an experiment another name.
    #[non_exhaustive]
    RenameExperiment {
        /// The experiment.
        experiment: ExperimentId,
        /// The new name: 1 to 500 characters, and free.
        name: String,
        /// When.
        at: Timestamp,
    },
    /// Deletes an active experiment and its runs; both can be restored.
    #[non_exhaustive]
    DeleteExperiment {
        /// The experiment.
        experiment: ExperimentId,
        /// When.
        at: Timestamp,
    },
    /// Restores a deleted experiment and all its runs.
    #[non_exhaustive]
    RestoreExperiment {
        /// The experiment.
        experiment: ExperimentId,
        /// When.
        at: Timestamp,
    },
    /// Labels an experiment, or removes a label, which must be there.
    #[non_exhaustive]
    SetExperimentTag {
        /// The experiment.
        experiment: ExperimentId,
        /// The label.
        key: String,
        /// Its value, at most 20,000 characters; none removes it.
        value: Option<String>,
    },
    /// Creates a run in an active experiment. Its id must be free.
    CreateRun(Box<NewRun>),
    /// Changes what is known of a run. What is none stays as it is.
    #[non_exhaustive]
    UpdateRun {
        /// The run.
        run: RunId,
        /// How far it is.
        status: Option<RunStatus>,
        /// When it ended.
        end_time: Option<Timestamp>,
        /// Its name, which becomes the tag [`RUN_NAME_TAG`](super::RUN_NAME_TAG), too; an empty one stays as it is.
        name: Option<String>,
    },
    /// Deletes a run, or deletes it again; it can be restored.
    #[non_exhaustive]
    DeleteRun {
        /// The run.
        run: RunId,
        /// When.
        at: Timestamp,
    },
    /// Restores a run, deleted or not.
    #[non_exhaustive]
    RestoreRun {
        /// The run.
        run: RunId,
    },
    /// Logs metrics, parameters and tags.
    Log(Box<Batch>),
    /// Removes a tag of a run, which must be there.
    #[non_exhaustive]
    DeleteTag {
        /// The run.
        run: RunId,
        /// The tag.
        key: String,
    },
    /// Says what a run read. What it is known to have read already stays as it is.
    #[non_exhaustive]
    LogInputs {
        /// The run.
        run: RunId,
        /// Datasets: at most 1000.
        datasets: Vec<DatasetInput>,
        /// Logged models: at most 1000.
        models: Vec<LoggedModelId>,
    },
    /// Says which models a run made. What is known already stays as it is.
    #[non_exhaustive]
    LogOutputs {
        /// The run.
        run: RunId,
        /// The models: at most 1000.
        models: Vec<ModelOutput>,
    },
    /// Creates a logged model in an active experiment. Its id must be free.
    CreateLoggedModel(Box<NewLoggedModel>),
    /// Says how far a logged model is.
    #[non_exhaustive]
    FinalizeLoggedModel {
        /// The model.
        model: LoggedModelId,
        /// How far it is.
        status: LoggedModelStatus,
        /// When.
        at: Timestamp,
    },
    /// Labels a logged model.
    #[non_exhaustive]
    SetLoggedModelTags {
        /// The model.
        model: LoggedModelId,
        /// The labels: at most 100.
        tags: BTreeMap<String, String>,
    },
    /// Removes a label of a logged model, which must be there.
    #[non_exhaustive]
    DeleteLoggedModelTag {
        /// The model.
        model: LoggedModelId,
        /// The label.
        key: String,
    },
    /// Logs parameters of a logged model. A value never changes.
    #[non_exhaustive]
    LogLoggedModelParams {
        /// The model.
        model: LoggedModelId,
        /// The parameters: at most 100.
        params: BTreeMap<String, String>,
    },
    /// Deletes a logged model. It cannot be restored, and its id remains taken.
    #[non_exhaustive]
    DeleteLoggedModel {
        /// The model.
        model: LoggedModelId,
        /// When.
        at: Timestamp,
    },
}

/// What is logged of a run at once: all of it, or nothing.
///
/// At most 1000 metrics, 100 parameters and 100 tags, together at most 1000: MLflow's limits.
///
/// ```
/// use mlcore::name::RunId;
/// use mlcore::tracking::{Batch, Metric};
///
/// let batch = Batch::new(RunId::new("a1")?).with_metric(Metric::new("loss", 0.25, 0)).with_param("depth", "8");
/// assert_eq!((batch.metrics.len(), batch.params.len(), batch.tags.len()), (1, 1, 0));
/// # Ok::<(), mlcore::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug)]
pub struct Batch {
    /// The run.
    pub run: RunId,
    /// Points of metrics. A point that is there already changes nothing.
    pub metrics: Vec<Metric>,
    /// Parameters: each key once. The value of a parameter never changes; to log the same again changes nothing.
    pub params: Vec<(String, String)>,
    /// Tags, each in the place of the one of its key. The last of equal keys counts.
    pub tags: Vec<(String, String)>,
}

impl Batch {
    /// Nothing yet.
    #[must_use]
    pub fn new(run: RunId) -> Self {
        Self { run, metrics: Vec::new(), params: Vec::new(), tags: Vec::new() }
    }

    /// Adds a point of a metric.
    #[must_use]
    pub fn with_metric(mut self, metric: Metric) -> Self {
        self.metrics.push(metric);
        self
    }

    /// Adds a parameter.
    #[must_use]
    pub fn with_param(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.params.push((key.into(), value.into()));
        self
    }

    /// Adds a tag.
    #[must_use]
    pub fn with_tag(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.tags.push((key.into(), value.into()));
        self
    }

    /// Cuts values that are too long, as MLflow does unless `MLFLOW_TRUNCATE_LONG_VALUES` is false. A tracker refuses them:
    /// nothing is cut without being asked.
    #[must_use]
    pub fn truncated(mut self) -> Self {
        for (values, most) in [
            (&mut self.params, limits::MOST_PARAM_VALUE_CHARS),
            (&mut self.tags, limits::MOST_TAG_VALUE_CHARS),
        ] {
            for (_, value) in values {
                if let Some((end, _)) = value.char_indices().nth(most) {
                    value.truncate(end);
                }
            }
        }
        self
    }

    /// How many things are in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.metrics.len() + self.params.len() + self.tags.len()
    }

    /// Says whether nothing is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
