use serde::{Deserialize, Serialize};

use super::{
    DetachedSignature, Metrics, NewModel, NewVersion, PolicyVerdict, PromotionPolicy, Stage, Subject,
};
use crate::artifact::Digest;
use crate::name::{Alias, ModelName, Version};

/// What happened: a decided [`Mutation`](super::Mutation), with everything that replaying it needs.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// A model was registered.
    CreateModel(NewModel),
    /// A model was removed.
    #[non_exhaustive]
    DeleteModel {
        /// The model.
        model: ModelName,
        /// The versions that went with it.
        versions: Vec<Version>,
        /// The aliases that went with it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        aliases: Vec<AliasMove>,
    },
    /// A model got another name.
    #[non_exhaustive]
    RenameModel {
        /// Its old name.
        model: ModelName,
        /// Its new name.
        name: ModelName,
        /// Its new title.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        title: Option<String>,
        /// The versions that went with it.
        versions: Vec<Version>,
        /// The aliases that went with it: each is removed under the old name and set under the new one.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        aliases: Vec<AliasMove>,
    },
    /// A version was registered.
    #[non_exhaustive]
    CreateVersion {
        /// The number that it got.
        version: Version,
        /// What was registered.
        content: Box<NewVersion>,
        /// Whether the time counts as that of its metrics; entries of earlier versions do not say so.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        measured: bool,
    },
    /// A version was removed.
    #[non_exhaustive]
    DeleteVersion {
        /// The model.
        model: ModelName,
        /// The version.
        version: Version,
        /// The aliases that went with it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        aliases: Vec<AliasMove>,
    },
    /// An alias was pointed at a version, or removed.
    #[non_exhaustive]
    SetAlias {
        /// Where it pointed before and points now.
        alias: AliasMove,
        /// What the model's policy said, where it was asked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        verdict: Option<PolicyVerdict>,
    },
    /// A version changed its stage, and perhaps the one in production with it.
    #[non_exhaustive]
    Transition {
        /// The model.
        model: ModelName,
        /// The versions whose stage changed; first the one that was asked for, twice where it went through another stage.
        stages: Vec<StageMove>,
        /// What the model's policy said, where it was asked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        verdict: Option<PolicyVerdict>,
    },
    /// An alias and the production stage went to a version.
    #[non_exhaustive]
    Promote {
        /// Where the alias pointed before and points now.
        alias: AliasMove,
        /// The versions whose stage changed.
        stages: Vec<StageMove>,
        /// Where the alias of the trial pointed that was removed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retired: Option<AliasMove>,
        /// What the model's policy said, where it has one and something was left to do.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        verdict: Option<PolicyVerdict>,
    },
    /// The trial of a version ended without a release.
    #[non_exhaustive]
    Withdraw {
        /// The model.
        model: ModelName,
        /// The version.
        version: Version,
        /// Where the alias of the trial pointed, if it was removed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        alias: Option<AliasMove>,
        /// The versions whose stage changed.
        stages: Vec<StageMove>,
    },
    /// An alias went back to an earlier version, and the production stage with it where it was there.
    #[non_exhaustive]
    RollBack {
        /// Where the alias pointed before and points now.
        alias: AliasMove,
        /// The versions whose stage changed.
        stages: Vec<StageMove>,
    },
    /// A label was set or removed.
    #[non_exhaustive]
    SetTag {
        /// The model or version.
        subject: Subject,
        /// The label.
        key: String,
        /// Its value; none when it was removed.
        value: Option<String>,
    },
    /// Metrics of a version were set.
    #[non_exhaustive]
    SetMetrics {
        /// The model.
        model: ModelName,
        /// The version.
        version: Version,
        /// The metrics that were set.
        metrics: Metrics,
        /// Whether the time counts as that of the metrics; entries of earlier versions do not say so.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        measured: bool,
    },
    /// A metric of a version was removed.
    #[non_exhaustive]
    DeleteMetric {
        /// The model.
        model: ModelName,
        /// The version.
        version: Version,
        /// The metric.
        name: String,
    },
    /// A description was replaced.
    #[non_exhaustive]
    Describe {
        /// The model or version.
        subject: Subject,
        /// The new text.
        description: String,
    },
    /// The actor approved a version.
    #[non_exhaustive]
    Approve {
        /// The model.
        model: ModelName,
        /// The version.
        version: Version,
        /// The role in which the actor did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        role: Option<String>,
    },
    /// The actor took an approval back.
    #[non_exhaustive]
    WithdrawApproval {
        /// The model.
        model: ModelName,
        /// The version.
        version: Version,
    },
    /// A version's artifact was signed.
    #[non_exhaustive]
    Sign {
        /// The model.
        model: ModelName,
        /// The version.
        version: Version,
        /// The signature.
        signature: DetachedSignature,
    },
    /// A model card was attached to a version, or removed.
    #[non_exhaustive]
    SetCard {
        /// The model.
        model: ModelName,
        /// The version.
        version: Version,
        /// The card; none where it was removed.
        card: Option<Digest>,
    },
    /// A model got a policy, or lost it.
    #[non_exhaustive]
    SetPolicy {
        /// The model.
        model: ModelName,
        /// The policy; none where it was removed.
        policy: Option<PromotionPolicy>,
    },
}

/// Where an alias pointed and points.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AliasMove {
    /// The model.
    pub model: ModelName,
    /// The alias.
    pub alias: Alias,
    /// The version before; none where it was not set.
    pub from: Option<Version>,
    /// The version after; none where it was removed.
    pub to: Option<Version>,
}

/// The stage that a version had and has.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct StageMove {
    /// The version.
    pub version: Version,
    /// The stage before.
    pub from: Stage,
    /// The stage after.
    pub to: Stage,
}

impl Event {
    /// What was done, as a verb phrase that also begins the error messages: `promote version`.
    #[must_use]
    pub fn operation(&self) -> &'static str {
        match self {
            Self::CreateModel(_) => "create model",
            Self::DeleteModel { .. } => "delete model",
            Self::RenameModel { .. } => "rename model",
            Self::CreateVersion { .. } => "create version",
            Self::DeleteVersion { .. } => "delete version",
            Self::SetAlias { alias, .. } if alias.to.is_none() => "delete alias",
            Self::SetAlias { .. } => "set alias",
            Self::Transition { .. } => "transition version",
            Self::Promote { .. } => "promote version",
            Self::Withdraw { .. } => "withdraw version",
            Self::RollBack { .. } => "roll back alias",
            Self::SetTag { value: None, .. } => "delete tag",
            Self::SetTag { .. } => "set tag",
            Self::SetMetrics { .. } => "set metrics",
            Self::DeleteMetric { .. } => "delete metric",
            Self::Describe { .. } => "describe",
            Self::Approve { .. } => "approve version",
            Self::WithdrawApproval { .. } => "withdraw approval",
            Self::Sign { .. } => "sign version",
            Self::SetCard { card: None, .. } => "remove card",
            Self::SetCard { .. } => "attach card",
            Self::SetPolicy { policy: None, .. } => "remove policy",
            Self::SetPolicy { .. } => "set policy",
        }
    }

    /// The model that it was about.
    #[must_use]
    pub fn model(&self) -> &ModelName {
        match self {
            Self::CreateModel(new) => &new.name,
            Self::CreateVersion { content, .. } => &content.model,
            Self::DeleteModel { model, .. }
            | Self::RenameModel { model, .. }
            | Self::DeleteVersion { model, .. }
            | Self::Transition { model, .. }
            | Self::Withdraw { model, .. }
            | Self::SetMetrics { model, .. }
            | Self::DeleteMetric { model, .. }
            | Self::Approve { model, .. }
            | Self::WithdrawApproval { model, .. }
            | Self::Sign { model, .. }
            | Self::SetCard { model, .. }
            | Self::SetPolicy { model, .. } => model,
            Self::SetAlias { alias, .. } | Self::Promote { alias, .. } | Self::RollBack { alias, .. } => {
                &alias.model
            }
            Self::SetTag { subject, .. } | Self::Describe { subject, .. } => &subject.model,
        }
    }

    /// The version that it was about: the one that was made, moved, promoted or changed; none of the events of models.
    #[must_use]
    pub fn version(&self) -> Option<Version> {
        match self {
            Self::CreateVersion { version, .. }
            | Self::DeleteVersion { version, .. }
            | Self::Withdraw { version, .. }
            | Self::SetMetrics { version, .. }
            | Self::DeleteMetric { version, .. }
            | Self::Approve { version, .. }
            | Self::WithdrawApproval { version, .. }
            | Self::Sign { version, .. }
            | Self::SetCard { version, .. } => Some(*version),
            Self::Transition { stages, .. } => stages.first().map(|moved| moved.version),
            Self::SetAlias { alias, .. } | Self::Promote { alias, .. } | Self::RollBack { alias, .. } => {
                alias.to.or(alias.from)
            }
            Self::SetTag { subject, .. } | Self::Describe { subject, .. } => subject.version,
            Self::CreateModel(_)
            | Self::DeleteModel { .. }
            | Self::RenameModel { .. }
            | Self::SetPolicy { .. } => None,
        }
    }

    /// What it was about, as text: `churn`, `churn/3`, `churn@champion`.
    #[must_use]
    pub fn subject(&self) -> String {
        match self {
            Self::CreateModel(_)
            | Self::DeleteModel { .. }
            | Self::RenameModel { .. }
            | Self::SetPolicy { .. } => self.model().to_string(),
            Self::CreateVersion { version, .. }
            | Self::DeleteVersion { version, .. }
            | Self::Withdraw { version, .. }
            | Self::SetMetrics { version, .. }
            | Self::DeleteMetric { version, .. }
            | Self::Approve { version, .. }
            | Self::WithdrawApproval { version, .. }
            | Self::Sign { version, .. }
            | Self::SetCard { version, .. } => {
                format!("{}/{version}", self.model())
            }
            Self::Transition { stages, .. } => match stages.first() {
                Some(moved) => format!("{}/{}", self.model(), moved.version),
                None => self.model().to_string(),
            },
            Self::SetAlias { alias, .. } | Self::Promote { alias, .. } | Self::RollBack { alias, .. } => {
                format!("{}@{}", alias.model, alias.alias)
            }
            Self::SetTag { subject, .. } | Self::Describe { subject, .. } => subject.to_string(),
        }
    }

    /// The aliases that moved; first the one that was asked for.
    pub fn alias_moves(&self) -> impl Iterator<Item = &AliasMove> {
        let (first, second, rest) = match self {
            Self::SetAlias { alias, .. } | Self::RollBack { alias, .. } => (Some(alias), None, &[][..]),
            Self::Promote { alias, retired, .. } => (Some(alias), retired.as_ref(), &[][..]),
            Self::Withdraw { alias, .. } => (alias.as_ref(), None, &[][..]),
            Self::DeleteModel { aliases, .. }
            | Self::RenameModel { aliases, .. }
            | Self::DeleteVersion { aliases, .. } => (None, None, aliases.as_slice()),
            Self::CreateModel(_)
            | Self::CreateVersion { .. }
            | Self::Transition { .. }
            | Self::SetTag { .. }
            | Self::SetMetrics { .. }
            | Self::DeleteMetric { .. }
            | Self::Describe { .. }
            | Self::Approve { .. }
            | Self::WithdrawApproval { .. }
            | Self::Sign { .. }
            | Self::SetCard { .. }
            | Self::SetPolicy { .. } => (None, None, &[][..]),
        };
        first.into_iter().chain(second).chain(rest)
    }

    /// The versions whose stage changed.
    #[must_use]
    pub fn stage_moves(&self) -> &[StageMove] {
        match self {
            Self::Transition { stages, .. }
            | Self::Promote { stages, .. }
            | Self::Withdraw { stages, .. }
            | Self::RollBack { stages, .. } => stages,
            Self::CreateModel(_)
            | Self::DeleteModel { .. }
            | Self::RenameModel { .. }
            | Self::CreateVersion { .. }
            | Self::DeleteVersion { .. }
            | Self::SetAlias { .. }
            | Self::SetTag { .. }
            | Self::SetMetrics { .. }
            | Self::DeleteMetric { .. }
            | Self::Describe { .. }
            | Self::Approve { .. }
            | Self::WithdrawApproval { .. }
            | Self::Sign { .. }
            | Self::SetCard { .. }
            | Self::SetPolicy { .. } => &[],
        }
    }

    /// What the model's policy said of the version that was released; none where there is no policy, or where nothing was released.
    #[must_use]
    pub fn verdict(&self) -> Option<&PolicyVerdict> {
        match self {
            Self::SetAlias { verdict, .. }
            | Self::Transition { verdict, .. }
            | Self::Promote { verdict, .. } => verdict.as_ref(),
            Self::CreateModel(_)
            | Self::DeleteModel { .. }
            | Self::RenameModel { .. }
            | Self::CreateVersion { .. }
            | Self::DeleteVersion { .. }
            | Self::Withdraw { .. }
            | Self::RollBack { .. }
            | Self::SetTag { .. }
            | Self::SetMetrics { .. }
            | Self::DeleteMetric { .. }
            | Self::Describe { .. }
            | Self::Approve { .. }
            | Self::WithdrawApproval { .. }
            | Self::Sign { .. }
            | Self::SetCard { .. }
            | Self::SetPolicy { .. } => None,
        }
    }
}
