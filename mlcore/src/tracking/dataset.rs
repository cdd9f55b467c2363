use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::name::LoggedModelId;

/// What a run was trained or measured on. Within an experiment, name and digest are its identity.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Dataset {
    /// Its name: 1 to 500 characters.
    pub name: String,
    /// The digest of its content: 1 to 36 characters.
    pub digest: String,
    /// The kind of its source, for instance `local` or `delta_table`.
    pub source_type: String,
    /// Where it came from, most often JSON: at most 65,535 characters.
    pub source: String,
    /// Its columns, most often as JSON: at most 1,048,575 characters.
    pub schema: Option<String>,
    /// What it looks like, most often as JSON: at most 16,777,215 characters.
    pub profile: Option<String>,
}

impl Dataset {
    /// A dataset of which only the source is known.
    #[must_use]
    pub fn new(
        name: impl Into<String>,
        digest: impl Into<String>,
        source_type: impl Into<String>,
        source: impl Into<String>,
    ) -> Self {
        Self {
            name: name.into(),
            digest: digest.into(),
            source_type: source_type.into(),
            source: source.into(),
            schema: None,
            profile: None,
        }
    }

    /// Says which columns it has.
    #[must_use]
    pub fn with_schema(mut self, schema: impl Into<String>) -> Self {
        self.schema = Some(schema.into());
        self
    }

    /// Says what it looks like.
    #[must_use]
    pub fn with_profile(mut self, profile: impl Into<String>) -> Self {
        self.profile = Some(profile.into());
        self
    }
}

/// A dataset that a run read, and what for.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DatasetInput {
    /// The dataset.
    pub dataset: Dataset,
    /// Labels of this use; [`CONTEXT_TAG`](super::CONTEXT_TAG) says whether it was for training or evaluation.
    pub tags: BTreeMap<String, String>,
}

impl DatasetInput {
    /// A use without labels.
    #[must_use]
    pub fn new(dataset: Dataset) -> Self {
        Self { dataset, tags: BTreeMap::new() }
    }

    /// Says what for: `training`, `evaluation`.
    #[must_use]
    pub fn with_context(self, context: impl Into<String>) -> Self {
        self.with_tag(super::CONTEXT_TAG, context)
    }

    /// Adds a label.
    #[must_use]
    pub fn with_tag(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.tags.insert(key.into(), value.into());
        self
    }
}

/// A model that a run made, and at which step.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ModelOutput {
    /// The model.
    pub model: LoggedModelId,
    /// The training step.
    pub step: i64,
}

impl ModelOutput {
    /// A model that was made at `step`.
    #[must_use]
    pub fn new(model: LoggedModelId, step: i64) -> Self {
        Self { model, step }
    }
}
