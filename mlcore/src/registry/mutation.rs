use std::fmt;

use serde::{Deserialize, Serialize};

use super::{DetachedSignature, Metrics, NewModel, NewVersion, PromotionPolicy, Stage, micros};
use crate::artifact::Digest;
use crate::name::{Alias, ModelName, RequestId, Version};
use crate::time::Timestamp;

/// Who changes something, why and when. The registry has no clock: `at` is the caller's.
///
/// ```
/// use mlcore::registry::Change;
/// use mlcore::time::Timestamp;
///
/// let change = Change::new("ana", Timestamp::from_millis(1_700_000_000_000)).with_reason("gate passed");
/// ```
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Change {
    /// Who: a person, a service; 1 to 256 bytes without control characters.
    pub actor: String,
    /// When, by the caller's clock. It is stored, and serialised, in microseconds since 1970, rounded down.
    #[serde(with = "micros")]
    pub at: Timestamp,
    /// Why, in words; at most 10,000 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Makes a repetition safe: a second change of the same request answers what the first did, and does nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestId>,
}

impl Change {
    /// A change by `actor` at `at`.
    #[must_use]
    pub fn new(actor: impl Into<String>, at: Timestamp) -> Self {
        Self { actor: actor.into(), at, reason: None, request: None }
    }

    /// Says why.
    #[must_use]
    pub fn with_reason(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }

    /// Makes a repetition safe, for instance after [`OutcomeUnknown`](crate::Error::OutcomeUnknown).
    #[must_use]
    pub fn with_request(mut self, request: RequestId) -> Self {
        self.request = Some(request);
        self
    }
}

/// What the caller believes an alias means before it moves it.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expected {
    /// Whatever it means: the last writer wins.
    Any,
    /// It is not set.
    Absent,
    /// It means this version.
    Version(Version),
}

impl Expected {
    /// Says whether the alias means what the caller believes.
    #[must_use]
    pub fn accepts(self, found: Option<Version>) -> bool {
        match self {
            Self::Any => true,
            Self::Absent => found.is_none(),
            Self::Version(version) => found == Some(version),
        }
    }
}

impl From<Option<Version>> for Expected {
    /// What [`Registry::alias`](super::Registry::alias) answered.
    fn from(found: Option<Version>) -> Self {
        found.map_or(Self::Absent, Self::Version)
    }
}

/// What happens to a version that is in production when another one goes there.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Incumbent {
    /// It stays, and the transition is refused with [`Conflict`](crate::Error::Conflict).
    #[default]
    Keep,
    /// It is archived in the same transaction; while an alias means it, it goes to `staging` instead.
    Archive,
}

crate::words! { Incumbent, "incumbent": Keep = "keep", Archive = "archive" }

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any version"),
            Self::Absent => f.write_str("no version"),
            Self::Version(version) => write!(f, "version {version}"),
        }
    }
}

/// A model, or one of its versions.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Subject {
    /// The model.
    pub model: ModelName,
    /// The version, or none for the model itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Version>,
}

impl Subject {
    /// The model itself.
    #[must_use]
    pub fn model(model: ModelName) -> Self {
        Self { model, version: None }
    }

    /// One of its versions.
    #[must_use]
    pub fn version(model: ModelName, version: Version) -> Self {
        Self { model, version: Some(version) }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.version {
            Some(version) => write!(f, "{}/{version}", self.model),
            None => self.model.fmt(f),
        }
    }
}

/// What a registry can be asked to change. Each is one transaction with one audit entry, and has a method of
/// [`RegistryExt`](super::RegistryExt) that makes it.
///
/// **Releases carry on.** A release may be found half done: by a process that was killed between two changes, or whose
/// first answer was lost. So [`Promote`](Self::Promote) with `retire` and [`Withdraw`](Self::Withdraw) follow one rule:
/// what is found done counts as done, and what is found neither as expected nor as done is a
/// [`Conflict`](crate::Error::Conflict). Repeated, both succeed and change nothing more.
///
/// **Every way to production asks the model's policy**, where it has one: see [`PromotionPolicy`].
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mutation {
    /// Registers a model.
    CreateModel(NewModel),
    /// Removes a model and its versions; refused while it has an alias or a version in production, unless those are
    /// [external](super::ModelVersion::is_external). Its history and its version numbers remain taken.
    #[non_exhaustive]
    DeleteModel {
        /// The model.
        model: ModelName,
    },
    /// Gives a model another name, under which its versions, aliases, tags and numbers are from then on. Of the history the
    /// earlier moves of aliases stay under the old name.
    ///
    /// A model that mlcore runs must not be in use: while it has an alias or a version in production it is refused; one
    /// whose versions are all [external](super::ModelVersion::is_external) is renamed at any time. The new name must be free: none that a
    /// model has or, while numbers were given under it, a deleted one had.
    #[non_exhaustive]
    RenameModel {
        /// The model.
        model: ModelName,
        /// Its new name.
        name: ModelName,
        /// Its new title: see [`NewModel::titled`].
        #[serde(default, skip_serializing_if = "Option::is_none")]
        title: Option<String>,
    },
    /// Registers a version, which gets the next number.
    CreateVersion(Box<NewVersion>),
    /// Removes a version; refused while an alias means it and while it is in production. An
    /// [external](super::ModelVersion::is_external) one goes at any time, with the aliases that mean it.
    #[non_exhaustive]
    DeleteVersion {
        /// The model.
        model: ModelName,
        /// The version.
        version: Version,
    },
    /// Points an alias at a version, or removes it.
    ///
    /// An alias that means the version in production is pointed only at what may be promoted, so not at a version in
    /// `dev`.
    #[non_exhaustive]
    SetAlias {
        /// The model.
        model: ModelName,
        /// The alias.
        alias: Alias,
        /// The version that it is to mean, or none to remove it.
        version: Option<Version>,
        /// What it must mean before.
        expected: Expected,
    },
    /// Moves a version from one stage to another, as [`Stage`] allows; not to `archived` while an alias means it. An external
    /// one is moved by [`MoveStage`](Self::MoveStage).
    #[non_exhaustive]
    Transition {
        /// The model.
        model: ModelName,
        /// The version.
        version: Version,
        /// The stage that it must have before.
        from: Stage,
        /// The stage that it is to have.
        to: Stage,
        /// What happens to the version in production, where `to` is that.
        incumbent: Incumbent,
    },
    /// Takes a version to a stage from whichever it has, as MLflow's `transition-stage`: through a stage between the two where
    /// [`Stage`] asks for it, all in one. What [`Transition`](Self::Transition) refuses besides is refused here.
    ///
    /// An [external](super::ModelVersion::is_external) version goes anywhere, and any number of them may be in a stage.
    #[non_exhaustive]
    MoveStage {
        /// The model.
        model: ModelName,
        /// The version.
        version: Version,
        /// The stage that it is to have.
        to: Stage,
        /// Whether the other versions of that stage, `staging` or `production`, are archived; those that mlcore runs and an
        /// alias means are kept in `staging`.
        archive_others: bool,
    },
    /// Points an alias at a version, takes that version to production, archives the one that was there (while another alias
    /// means it, it goes to `staging` instead) and, where `retire` is given, ends the trial that the version came from by
    /// removing the alias of the trial.
    ///
    /// With `retire` it is a release that carries on: an `alias` that means `version` already is as good as one that
    /// means what is expected, and only then may `retire` mean something other than `version`, and is left as it is.
    #[non_exhaustive]
    Promote {
        /// The model.
        model: ModelName,
        /// The version.
        version: Version,
        /// The alias.
        alias: Alias,
        /// What it must mean before.
        expected: Expected,
        /// The alias under which the version was tried; another one than `alias`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retire: Option<Alias>,
    },
    /// Ends the trial of a version that shall not be released: removes `alias` where it means that version, and archives
    /// the version.
    ///
    /// It is a release that carries on: `alias` may be gone already, and once the version is archived it may mean another
    /// one, and is left as it is. A version in production is the one that answers: only its alias is removed, and must
    /// be there. A version that another alias means as well keeps its stage.
    #[non_exhaustive]
    Withdraw {
        /// The model.
        model: ModelName,
        /// The version.
        version: Version,
        /// The alias under which it was tried.
        alias: Alias,
    },
    /// Points an alias back at the version that it meant before; if the present one is in production, it is archived
    /// and the earlier one returns there, unless it is in `dev`.
    ///
    /// Repeated, it goes further back: neither a version that was rolled back from nor one that was deleted is a target.
    #[non_exhaustive]
    RollBack {
        /// The model.
        model: ModelName,
        /// The alias.
        alias: Alias,
        /// What it must mean before.
        expected: Expected,
    },
    /// Labels a model or version, or removes a label.
    #[non_exhaustive]
    SetTag {
        /// The model or version.
        subject: Subject,
        /// The label: 1 to 250 bytes without control characters.
        key: String,
        /// Its value, at most 100,000 bytes; none removes it.
        value: Option<String>,
    },
    /// Sets metrics of a version, each beside those it has or in the place of the one of its name.
    #[non_exhaustive]
    SetMetrics {
        /// The model.
        model: ModelName,
        /// The version.
        version: Version,
        /// The metrics: at least one. A name has 1 to 250 bytes without control characters, a number is finite.
        metrics: Metrics,
    },
    /// Removes a metric of a version.
    #[non_exhaustive]
    DeleteMetric {
        /// The model.
        model: ModelName,
        /// The version.
        version: Version,
        /// The metric.
        name: String,
    },
    /// Replaces a description.
    #[non_exhaustive]
    Describe {
        /// The model or version.
        subject: Subject,
        /// The new text, at most 100,000 bytes.
        description: String,
    },
    /// Approves a version in the name of the change's actor, in the place of the actor's earlier approval. Refused for the actor that
    /// made the version. Approvals lapse when the version's metrics or its card change, not with its stage, aliases, tags, description
    /// and signatures: what was approved is the artifact, what it was made of, and what was found of it.
    #[non_exhaustive]
    Approve {
        /// The model.
        model: ModelName,
        /// The version.
        version: Version,
        /// The role in which the actor approves, as the caller knows it: 1 to 256 bytes without control characters.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        role: Option<String>,
    },
    /// Takes back the approval of the change's actor.
    #[non_exhaustive]
    WithdrawApproval {
        /// The model.
        model: ModelName,
        /// The version.
        version: Version,
    },
    /// Keeps a signature of the version's artifact, in the place of the one of the same key; at most 16. No
    /// [external](super::ModelVersion::is_external) version has one.
    #[non_exhaustive]
    Sign {
        /// The model.
        model: ModelName,
        /// The version.
        version: Version,
        /// The signature.
        signature: DetachedSignature,
    },
    /// Attaches a model card to a version, or removes it.
    #[non_exhaustive]
    SetCard {
        /// The model.
        model: ModelName,
        /// The version.
        version: Version,
        /// The card, as stored in the artifact store; none removes it.
        card: Option<Digest>,
    },
    /// Gives a model a policy, in the place of the one that it has, or takes it away.
    #[non_exhaustive]
    SetPolicy {
        /// The model.
        model: ModelName,
        /// The policy; none takes it away.
        policy: Option<PromotionPolicy>,
    },
}
