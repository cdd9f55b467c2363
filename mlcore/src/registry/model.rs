use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Approval, DetachedSignature, Metrics, Stage, StoredPolicy, micros};
use crate::artifact::Digest;
use crate::name::{LoggedModelId, ModelName, RunId, Version};
use crate::schema::Signature;
use crate::time::Timestamp;

/// A registered model: the name under which versions are made.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Model {
    /// Its name.
    pub name: ModelName,
    /// What it is called elsewhere, where a [`ModelName`] cannot hold that: see [`NewModel::titled`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What it is for, in words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Free labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// The highest number given so far, whether or not that version still exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_version: Option<Version>,
    /// The version in production, if mlcore runs it: any number of [external](ModelVersion::is_external) ones may be there, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub production: Option<Version>,
    /// What a version must be before it goes to production.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<StoredPolicy>,
    /// When it was created.
    #[serde(with = "micros")]
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: String,
    /// When it was created, or when its tags, its description, its policy, its last version or the stage of a version changed last.
    #[serde(with = "micros")]
    pub updated_at: Timestamp,
    /// A deleted model keeps its row, so that no version number is ever given twice.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) deleted: bool,
    /// What a deleted model is called now, where it was renamed: its numbers are those of that model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) renamed: Option<ModelName>,
}

impl Model {
    /// What people call it: its title, or its name.
    #[must_use]
    pub fn title(&self) -> &str {
        self.title.as_deref().unwrap_or(self.name.as_str())
    }

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
    /// The stored model: the file, or the manifest of a [`Package`](crate::artifact::Package). Of an
    /// [external](Self::is_external) version the digest of its source's text, of which no bytes are stored.
    pub artifact: Digest,
    /// What the artifact is: `onnx` for one ONNX file, `onnx-package` for the manifest of a package of `model.onnx` and its
    /// weights, [`EXTERNAL`] for what is kept elsewhere, or any other word that the host's loader knows.
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
    /// When its metrics were set last; none where it has none, or where an earlier mlcore set them, which noted no time.
    #[serde(default, with = "micros::option", skip_serializing_if = "Option::is_none")]
    pub measured_at: Option<Timestamp>,
    /// Those who approved it as it is, the first first; never the one who made it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approvals: Vec<Approval>,
    /// The signatures of its artifact, which are kept and not verified here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signatures: Vec<DetachedSignature>,
    /// Its model card, as stored in the artifact store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<Digest>,
    /// When it was created.
    #[serde(with = "micros")]
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: String,
    /// When its stage, tags, metrics, description, approvals, signatures or card changed last.
    #[serde(with = "micros")]
    pub updated_at: Timestamp,
}

/// The format of versions that are kept elsewhere, and that mlcore never looked into.
pub const EXTERNAL: &str = "external";

impl ModelVersion {
    /// Says whether its model is kept elsewhere, in a form that mlcore does not check: a version that came over MLflow's REST without an ONNX
    /// file. It is listed, tagged, aliased and moved through the stages by MLflow's rules, and neither served nor promoted.
    #[must_use]
    pub fn is_external(&self) -> bool {
        self.format == EXTERNAL
    }

    /// The artifacts that it is made of and that it names: the model, those of its [lineage](Lineage::artifacts), its card, and the digests
    /// in tags whose keys begin with `mlcore.`, such as a signature's. Of an [external](Self::is_external) version the model is none of them.
    pub fn artifacts(&self) -> impl Iterator<Item = Digest> {
        let model = (!self.is_external()).then_some(self.artifact);
        let tagged = self.tags.iter().filter_map(|(key, value)| artifact_of_tag(key, value));
        model.into_iter().chain(self.lineage.artifacts()).chain(self.card).chain(tagged)
    }
}

/// The artifact that a tag names: packages keep signatures and golden vectors so.
pub(super) fn artifact_of_tag(key: &str, value: &str) -> Option<Digest> {
    if key.starts_with("mlcore.") { value.parse().ok() } else { None }
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
    /// Where it came from: an address such as `runs:/a1/model` or `s3://models/churn`, at most 10,000 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Where its files lay when it was registered, if that is another address than its source; at most 10,000 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// The address of a page that shows the run, at most 10,000 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_link: Option<String>,
    /// The logged model of a [tracker](crate::tracking) that it was registered from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logged_model: Option<LoggedModelId>,
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

    /// Says where the version came from.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<String>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Says where the files lie, where that is another address than the source.
    #[must_use]
    pub fn with_location(mut self, location: impl Into<String>) -> Self {
        self.location = Some(location.into());
        self
    }

    /// Adds the address of a page that shows the run.
    #[must_use]
    pub fn with_run_link(mut self, link: impl Into<String>) -> Self {
        self.run_link = Some(link.into());
        self
    }

    /// Adds the logged model that the version was registered from.
    #[must_use]
    pub fn with_logged_model(mut self, model: LoggedModelId) -> Self {
        self.logged_model = Some(model);
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
    /// What it is called elsewhere: see [`titled`](Self::titled).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
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
        Self { name, title: None, description: String::new(), tags: BTreeMap::new() }
    }

    /// A model that people call by any text of 1 to 1,000 bytes that is not blank and holds no NUL. Where a [`ModelName`] holds it, that
    /// is its name. Where none does, the name is one that the title alone gives, and the model takes [external
    /// versions](ModelVersion::is_external) only.
    ///
    /// ```
    /// use mlcore::registry::NewModel;
    ///
    /// assert_eq!(NewModel::titled("churn").name.as_str(), "churn");
    /// let model = NewModel::titled("Rückgang (Süd)");
    /// assert_eq!((model.title.as_deref(), model.name.as_str().len()), (Some("Rückgang (Süd)"), 47));
    /// ```
    #[must_use]
    pub fn titled(title: impl Into<String>) -> Self {
        let title = title.into();
        let name = ModelName::of_title(&title);
        Self { title: (name.as_str() != title).then_some(title), ..Self::new(name) }
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

    /// A version whose model is kept elsewhere, at `source`, in a form that mlcore does not check: see
    /// [`ModelVersion::is_external`].
    #[must_use]
    pub fn external(model: ModelName, source: impl Into<String>) -> Self {
        let source = source.into();
        let new = Self::new(model, Digest::of(&source), Signature::default()).with_format(EXTERNAL);
        new.with_lineage(Lineage::default().with_source(source))
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
