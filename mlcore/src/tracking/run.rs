use std::collections::BTreeMap;

use super::{DatasetInput, Experiment, LifecycleStage, Metric, ModelOutput, PARENT_TAG, RUN_NAME_TAG};
use crate::name::{ExperimentId, LoggedModelId, RunId};
use crate::time::Timestamp;

/// How far a run is.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum RunStatus {
    /// It runs; also what a run is called whose process was lost.
    #[default]
    Running,
    /// It waits to be run.
    Scheduled,
    /// It ended well.
    Finished,
    /// It ended with an error.
    Failed,
    /// It was stopped.
    Killed,
}

crate::words! {
    RunStatus, "run status": Running = "RUNNING", Scheduled = "SCHEDULED", Finished = "FINISHED", Failed = "FAILED",
    Killed = "KILLED",
}

/// One training, evaluation or other piece of work, with all that was logged of it.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug)]
pub struct Run {
    /// Who, when, how far.
    pub info: RunInfo,
    /// Metrics, parameters and tags.
    pub data: RunData,
    /// What it read.
    pub inputs: RunInputs,
    /// The models that it made, in the order in which they were logged.
    pub outputs: Vec<ModelOutput>,
}

/// Who ran, when, and how far it is.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RunInfo {
    /// The run's id, which never changes.
    pub id: RunId,
    /// The experiment that it belongs to.
    pub experiment: ExperimentId,
    /// Its name, also its tag [`RUN_NAME_TAG`].
    pub name: String,
    /// Who ran it.
    pub user_id: String,
    /// How far it is.
    pub status: RunStatus,
    /// When it began, in whole milliseconds.
    pub start_time: Timestamp,
    /// When it ended, in whole milliseconds.
    pub end_time: Option<Timestamp>,
    /// Where its artifacts lie.
    pub artifact_uri: String,
    /// Whether it is there or was deleted.
    pub lifecycle_stage: LifecycleStage,
    /// When it was deleted, in whole milliseconds.
    pub deleted_time: Option<Timestamp>,
}

/// What was logged of a run.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug, Default)]
pub struct RunData {
    /// The latest point of each metric, by its key: see [`Metric::supersedes`].
    pub metrics: BTreeMap<String, Metric>,
    /// The parameters.
    pub params: BTreeMap<String, String>,
    /// The tags.
    pub tags: BTreeMap<String, String>,
}

/// What a run read.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RunInputs {
    /// The datasets, in the order in which they were logged.
    pub datasets: Vec<DatasetInput>,
    /// The logged models, in the order in which they were logged.
    pub models: Vec<LoggedModelId>,
}

/// A run to be created.
///
/// ```
/// use mlcore::name::{ExperimentId, RunId};
/// use mlcore::time::Timestamp;
/// use mlcore::tracking::NewRun;
///
/// let new = NewRun::new(RunId::new("a1")?, ExperimentId::new("7")?, Timestamp::from_millis(0)).with_name("forest");
/// assert_eq!(new.name.as_deref(), Some("forest"));
/// # Ok::<(), mlcore::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewRun {
    /// Its id: 1 to 256 of `A-Z a-z 0-9 _ -`, beginning with a letter or digit. MLflow's are 32 hexadecimal digits.
    pub id: RunId,
    /// The experiment.
    pub experiment: ExperimentId,
    /// When it began.
    pub start_time: Timestamp,
    /// Its name. Default: what the tag [`RUN_NAME_TAG`] says, else three words that follow from the id.
    pub name: Option<String>,
    /// Who runs it. Default: empty.
    pub user_id: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

impl NewRun {
    /// A run that begins at `start_time`.
    #[must_use]
    pub fn new(id: RunId, experiment: ExperimentId, start_time: Timestamp) -> Self {
        Self { id, experiment, start_time, name: None, user_id: String::new(), tags: BTreeMap::new() }
    }

    /// Names it.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Says who runs it.
    #[must_use]
    pub fn with_user_id(mut self, user_id: impl Into<String>) -> Self {
        self.user_id = user_id.into();
        self
    }

    /// Adds a tag.
    #[must_use]
    pub fn with_tag(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.tags.insert(key.into(), value.into());
        self
    }

    /// Nests it in another run: the tag [`PARENT_TAG`].
    #[must_use]
    pub fn within(self, parent: &RunId) -> Self {
        self.with_tag(PARENT_TAG, parent.as_str())
    }

    /// The run as it is stored in its experiment: running, named, with nothing logged but its tags.
    #[must_use]
    pub fn into_run(mut self, experiment: &Experiment) -> Run {
        let given = self.name.take().filter(|name| !name.is_empty());
        let tagged = self.tags.get(RUN_NAME_TAG).filter(|name| !name.is_empty()).cloned();
        let name = given.or(tagged).unwrap_or_else(|| super::words::name_of(&self.id));
        self.tags.insert(RUN_NAME_TAG.to_owned(), name.clone());
        let location = experiment.artifact_location.trim_end_matches('/');
        let info = RunInfo {
            artifact_uri: format!("{location}/{}/artifacts", self.id),
            id: self.id,
            experiment: self.experiment,
            name,
            user_id: self.user_id,
            status: RunStatus::Running,
            start_time: super::stored(self.start_time),
            end_time: None,
            lifecycle_stage: LifecycleStage::Active,
            deleted_time: None,
        };
        let data = RunData { tags: self.tags, ..RunData::default() };
        Run { info, data, inputs: RunInputs::default(), outputs: Vec::new() }
    }
}
