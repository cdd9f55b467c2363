use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::name::ExperimentId;
use crate::time::Timestamp;

/// Whether something is there, or was deleted and can be restored.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum LifecycleStage {
    /// It is there.
    #[default]
    Active,
    /// It was deleted: it is read and can be restored, and takes no changes.
    Deleted,
}

crate::words! { LifecycleStage, "lifecycle stage": Active = "active", Deleted = "deleted" }

/// Which lifecycle stages a search looks at.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ViewType {
    /// What is there: MLflow's default.
    #[default]
    ActiveOnly,
    /// What was deleted.
    DeletedOnly,
    /// Both.
    All,
}

crate::words! {
    ViewType, "view type": ActiveOnly = "ACTIVE_ONLY", DeletedOnly = "DELETED_ONLY", All = "ALL",
}

impl ViewType {
    /// Says whether something of this stage is looked at.
    #[must_use]
    pub fn shows(self, stage: LifecycleStage) -> bool {
        match self {
            Self::ActiveOnly => stage == LifecycleStage::Active,
            Self::DeletedOnly => stage == LifecycleStage::Deleted,
            Self::All => true,
        }
    }
}

/// A group of runs.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Experiment {
    /// Its id, which never changes.
    pub id: ExperimentId,
    /// Its name, which no other experiment has, not even a deleted one.
    pub name: String,
    /// Where the artifacts of its runs lie, as a URI.
    pub artifact_location: String,
    /// Whether it is there or was deleted.
    pub lifecycle_stage: LifecycleStage,
    /// When it was created, in whole milliseconds.
    pub creation_time: Timestamp,
    /// When it was renamed, deleted, restored or created last, in whole milliseconds.
    pub last_update_time: Timestamp,
    /// Its labels.
    pub tags: BTreeMap<String, String>,
}

/// An experiment to be created.
///
/// ```
/// use mlcore::name::ExperimentId;
/// use mlcore::time::Timestamp;
/// use mlcore::tracking::NewExperiment;
///
/// let new = NewExperiment::new(ExperimentId::new("7")?, "churn", Timestamp::from_millis(0)).with_tag("team", "growth");
/// assert_eq!(new.into_experiment().artifact_location, "mlflow-artifacts:/7");
/// # Ok::<(), mlcore::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewExperiment {
    /// Its id.
    pub id: ExperimentId,
    /// Its name: 1 to 500 characters.
    pub name: String,
    /// When it is created.
    pub at: Timestamp,
    /// Where the artifacts of its runs will lie, as a URI of at most 2048 characters. Default: the server's own artifacts,
    /// `mlflow-artifacts:/` and the id, as with MLflow's server.
    pub artifact_location: Option<String>,
    /// Its labels.
    pub tags: BTreeMap<String, String>,
}

impl NewExperiment {
    /// An experiment without labels.
    #[must_use]
    pub fn new(id: ExperimentId, name: impl Into<String>, at: Timestamp) -> Self {
        Self { id, name: name.into(), at, artifact_location: None, tags: BTreeMap::new() }
    }

    /// Puts the artifacts of its runs below this URI.
    #[must_use]
    pub fn with_artifact_location(mut self, location: impl Into<String>) -> Self {
        self.artifact_location = Some(location.into());
        self
    }

    /// Adds a label.
    #[must_use]
    pub fn with_tag(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.tags.insert(key.into(), value.into());
        self
    }

    /// The experiment as it is stored.
    #[must_use]
    pub fn into_experiment(self) -> Experiment {
        let at = super::stored(self.at);
        let default = || format!("mlflow-artifacts:/{}", self.id);
        Experiment {
            artifact_location: self.artifact_location.unwrap_or_else(default),
            id: self.id,
            name: self.name,
            lifecycle_stage: LifecycleStage::Active,
            creation_time: at,
            last_update_time: at,
            tags: self.tags,
        }
    }
}
