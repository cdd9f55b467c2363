use std::collections::BTreeMap;

use super::{Experiment, LifecycleStage, Metric};
use crate::name::{ExperimentId, LoggedModelId, RunId};
use crate::time::Timestamp;

/// How far a logged model is.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum LoggedModelStatus {
    /// Its files are being stored.
    #[default]
    Pending,
    /// Its files are there.
    Ready,
    /// Its files could not be stored.
    Failed,
}

crate::words! {
    LoggedModelStatus, "logged model status": Pending = "PENDING", Ready = "READY", Failed = "FAILED",
}

/// A model as a run made it, before it is registered: what it is called, how good it was on which dataset, where it lies.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug)]
pub struct LoggedModel {
    /// Its id, which never changes.
    pub id: LoggedModelId,
    /// The experiment that it belongs to.
    pub experiment: ExperimentId,
    /// Its name, which others may have, too.
    pub name: String,
    /// Where its files lie.
    pub artifact_location: String,
    /// When it was created, in whole milliseconds.
    pub creation_time: Timestamp,
    /// When it was changed last, in whole milliseconds.
    pub last_updated_time: Timestamp,
    /// What kind it is, for instance `Agent`.
    pub model_type: Option<String>,
    /// The run that made it.
    pub source_run: Option<RunId>,
    /// How far it is.
    pub status: LoggedModelStatus,
    /// Whether it is there or was deleted. A deleted one is not found.
    pub lifecycle_stage: LifecycleStage,
    /// Its labels.
    pub tags: BTreeMap<String, String>,
    /// Its parameters.
    pub params: BTreeMap<String, String>,
    /// What was measured of it, in the order in which it was logged.
    pub metrics: Vec<ModelMetric>,
}

/// A metric of a logged model, and the run that measured it.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug)]
pub struct ModelMetric {
    /// The run.
    pub run: RunId,
    /// The metric.
    pub metric: Metric,
}

impl ModelMetric {
    /// A metric that `run` measured.
    #[must_use]
    pub fn new(run: RunId, metric: Metric) -> Self {
        Self { run, metric }
    }
}

/// A logged model to be created.
///
/// ```
/// use mlcore::name::{ExperimentId, LoggedModelId};
/// use mlcore::time::Timestamp;
/// use mlcore::tracking::NewLoggedModel;
///
/// let id = LoggedModelId::new("m-1")?;
/// let new = NewLoggedModel::new(id, ExperimentId::new("7")?, "forest", Timestamp::from_millis(0)).with_param("depth", "8");
/// assert_eq!(new.params["depth"], "8");
/// # Ok::<(), mlcore::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewLoggedModel {
    /// Its id.
    pub id: LoggedModelId,
    /// The experiment.
    pub experiment: ExperimentId,
    /// Its name: not empty, without any of `/ : . % " '`, at most 500 characters.
    pub name: String,
    /// When it is created.
    pub at: Timestamp,
    /// What kind it is.
    pub model_type: Option<String>,
    /// The run that makes it.
    pub source_run: Option<RunId>,
    /// Its labels.
    pub tags: BTreeMap<String, String>,
    /// Its parameters.
    pub params: BTreeMap<String, String>,
}

impl NewLoggedModel {
    /// A model of no run, without labels and parameters.
    #[must_use]
    pub fn new(id: LoggedModelId, experiment: ExperimentId, name: impl Into<String>, at: Timestamp) -> Self {
        let (tags, params) = (BTreeMap::new(), BTreeMap::new());
        Self { id, experiment, name: name.into(), at, model_type: None, source_run: None, tags, params }
    }

    /// Says what kind it is.
    #[must_use]
    pub fn with_model_type(mut self, model_type: impl Into<String>) -> Self {
        self.model_type = Some(model_type.into());
        self
    }

    /// Says which run makes it.
    #[must_use]
    pub fn with_source_run(mut self, run: RunId) -> Self {
        self.source_run = Some(run);
        self
    }

    /// Adds a label.
    #[must_use]
    pub fn with_tag(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.tags.insert(key.into(), value.into());
        self
    }

    /// Adds a parameter.
    #[must_use]
    pub fn with_param(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.params.insert(key.into(), value.into());
        self
    }

    /// The model as it is stored in its experiment: pending, without metrics.
    #[must_use]
    pub fn into_model(self, experiment: &Experiment) -> LoggedModel {
        let at = super::stored(self.at);
        let location = experiment.artifact_location.trim_end_matches('/');
        LoggedModel {
            artifact_location: format!("{location}/models/{}/artifacts", self.id),
            id: self.id,
            experiment: self.experiment,
            name: self.name,
            creation_time: at,
            last_updated_time: at,
            model_type: self.model_type,
            source_run: self.source_run,
            status: LoggedModelStatus::Pending,
            lifecycle_stage: LifecycleStage::Active,
            tags: self.tags,
            params: self.params,
            metrics: Vec::new(),
        }
    }
}
