use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Metrics, Stage, micros};
use crate::artifact::Digest;
use crate::name::{ModelName, RunId, Version};
use crate::schema::Signature;
use crate::time::Timestamp;

/// A registered model: the name under which versions are made.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Model {
    /// Its name.
    pub name: ModelName,
    /// What it is for, in words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Free labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// The highest number given so far, whether or not that version still exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_version: Option<Version>,
    /// The version in production.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub production: Option<Version>,
    /// When it was created.
    #[serde(with = "micros")]
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: String,
    /// When it was created, or when its tags, its description, its last version or the stage of a version changed last.
    #[serde(with = "micros")]
    pub updated_at: Timestamp,
    /// A deleted model keeps its row, so that no version number is ever given twice.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) deleted: bool,
}

impl Model {
    /// Says whether the model was deleted, and its row is kept. Only [`backend::Tables`](super::backend::Tables) answers such
    /// rows.
    #[must_use]
    pub fn is_deleted(&self) -> bool {
        self.deleted
    }
}

/// One version of a model: immutable in what it is, movable in stage, tags and description.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ModelVersion {
    /// The model.
    pub model: ModelName,
    /// Its number.
    pub version: Version,
    /// The stored model: the file, or the manifest of a [`Package`](crate::artifact::Package).
    pub artifact: Digest,
    /// What the artifact is: `onnx` for one ONNX file, `onnx-package` for the manifest of a package of `model.onnx` and its
    /// weights, or any other word that the host's loader knows.
    pub format: String,
    /// Inputs and outputs.
    pub signature: Signature,
    /// How far it has come.
    pub stage: Stage,
    /// What is special about it, in words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Free labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// What evaluations found: finite numbers by name.
    #[serde(default, skip_serializing_if = "Metrics::is_empty")]
    pub metrics: Metrics,
    /// The run, the data and the plan that it was made of.
    #[serde(default)]
    pub lineage: Lineage,
    /// When it was created.
    #[serde(with = "micros")]
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: String,
    /// When its stage, tags, metrics or description changed last.
    #[serde(with = "micros")]
    pub updated_at: Timestamp,
}

/// What a version was made of, and what watches it.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Lineage {
    /// The run that trained it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// The digest of the data that it was trained on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset: Option<Digest>,
    /// The feature plan that makes its input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanReference>,
    /// The version that it was derived from, of this or another model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<VersionReference>,
    /// The reference that its traffic is compared with, as stored in the artifact store: the bytes of a
    /// `MonitorReference` of `mlcore-drift`. An endpoint watches the version by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monitor: Option<Digest>,
}

impl Lineage {
    /// Adds the run that trained the version.
    #[must_use]
    pub fn with_run(mut self, run: RunId) -> Self {
        self.run = Some(run);
        self
    }

    /// Adds the digest of the data that the version was trained on.
    #[must_use]
    pub fn with_dataset(mut self, dataset: Digest) -> Self {
        self.dataset = Some(dataset);
        self
    }

    /// Adds the feature plan that makes the version's input: its content hashes to `hash`, and its bytes are stored as
    /// `artifact`.
    #[must_use]
    pub fn with_plan(mut self, hash: Digest, artifact: Digest) -> Self {
        self.plan = Some(PlanReference { hash, artifact });
        self
    }

    /// Adds the version that this one was derived from.
    #[must_use]
    pub fn with_parent(mut self, model: ModelName, version: Version) -> Self {
        self.parent = Some(VersionReference { model, version });
        self
    }

    /// Adds the monitor's reference, whose bytes are stored under `artifact`.
    #[must_use]
    pub fn with_monitor(mut self, artifact: Digest) -> Self {
        self.monitor = Some(artifact);
        self
    }

    /// The artifacts that it names: a version is complete if the store holds them.
    pub fn artifacts(&self) -> impl Iterator<Item = Digest> {
        self.plan.map(|plan| plan.artifact).into_iter().chain(self.monitor)
    }

    /// The hash of the feature plan's content.
    #[must_use]
    pub fn plan_digest(&self) -> Option<Digest> {
        self.plan.map(|plan| plan.hash)
    }
}

/// A feature plan, by what it does and by where it lies: see [`Lineage::with_plan`].
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PlanReference {
    /// The hash of its content, which the prediction log carries too.
    pub hash: Digest,
    /// Its bytes in the artifact store.
    pub artifact: Digest,
}

/// A version of some model: see [`Lineage::with_parent`].
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct VersionReference {
    /// The model.
    pub model: ModelName,
    /// Its version.
    pub version: Version,
}

/// A model to be created.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct NewModel {
    /// Its name.
    pub name: ModelName,
    /// What it is for, in words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Free labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

impl NewModel {
    /// A model of this name, without description and tags.
    #[must_use]
    pub fn new(name: ModelName) -> Self {
        Self { name, description: String::new(), tags: BTreeMap::new() }
    }

    /// Says what it is for.
    #[must_use]
    pub fn with_description(mut self, description: impl Into<String>) -> Self {
        self.description = description.into();
        self
    }

    /// Adds a label.
    #[must_use]
    pub fn with_tag(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.tags.insert(key.into(), value.into());
        self
    }
}

impl From<ModelName> for NewModel {
    fn from(name: ModelName) -> Self {
        Self::new(name)
    }
}

impl From<&ModelName> for NewModel {
    fn from(name: &ModelName) -> Self {
        Self::new(name.clone())
    }
}

/// A version to be created.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct NewVersion {
    /// The model, which must exist.
    pub model: ModelName,
    /// The stored model.
    pub artifact: Digest,
    /// What the artifact is; default `onnx`.
    pub format: String,
    /// Inputs and outputs.
    pub signature: Signature,
    /// What is special about it, in words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Free labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// What evaluations found: finite numbers by name.
    #[serde(default, skip_serializing_if = "Metrics::is_empty")]
    pub metrics: Metrics,
    /// The run, the data and the plan that it was made of.
    #[serde(default)]
    pub lineage: Lineage,
    /// The number that it is to have, higher than any before it; the next one where none is said. The event of the version
    /// carries it.
    #[serde(skip)]
    pub version: Option<Version>,
}

impl NewVersion {
    /// A version of `model`: the ONNX file stored as `artifact`, which takes and answers what `signature` says.
    #[must_use]
    pub fn new(model: ModelName, artifact: Digest, signature: Signature) -> Self {
        Self {
            model,
            artifact,
            format: "onnx".to_owned(),
            signature,
            description: String::new(),
            tags: BTreeMap::new(),
            metrics: Metrics::new(),
            lineage: Lineage::default(),
            version: None,
        }
    }

    /// Gives it this number instead of the next one, such as that which it has elsewhere.
    #[must_use]
    pub fn with_version(mut self, version: Version) -> Self {
        self.version = Some(version);
        self
    }

    /// Says what the artifact is.
    #[must_use]
    pub fn with_format(mut self, format: impl Into<String>) -> Self {
        self.format = format.into();
        self
    }

    /// Says what is special about it.
    #[must_use]
    pub fn with_description(mut self, description: impl Into<String>) -> Self {
        self.description = description.into();
        self
    }

    /// Adds a label.
    #[must_use]
    pub fn with_tag(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.tags.insert(key.into(), value.into());
        self
    }

    /// Adds a metric, or replaces the one of this name.
    #[must_use]
    pub fn with_metric(mut self, name: impl Into<String>, value: f64) -> Self {
        self.metrics.extend([(name, value)]);
        self
    }

    /// Adds metrics, such as [those of a gate](crate::evaluate::GateVerdict::metrics).
    #[must_use]
    pub fn with_metrics<N: Into<String>>(mut self, metrics: impl IntoIterator<Item = (N, f64)>) -> Self {
        self.metrics.extend(metrics);
        self
    }

    /// Says what it was made of.
    #[must_use]
    pub fn with_lineage(mut self, lineage: Lineage) -> Self {
        self.lineage = lineage;
        self
    }
}
