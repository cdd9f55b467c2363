use serde::Serialize;

use crate::artifact::Digest;
use crate::name::{ModelName, Version};
use crate::registry::{AliasMove, AuditEntry, Event, StageMove};

/// What a hook is told.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum WebhookEvent {
    /// A version was registered.
    VersionCreated,
    /// A version was promoted.
    VersionPromoted,
    /// An alias went back to an earlier version.
    RolledBack,
    /// A version came to another stage.
    StageChanged,
    /// An alias means another version, or none.
    AliasMoved,
    /// A person approved a version.
    VersionApproved,
}

crate::words! {
    WebhookEvent, "webhook event":
    VersionCreated = "version.created",
    VersionPromoted = "version.promoted",
    RolledBack = "alias.rolled_back",
    StageChanged = "stage.changed",
    AliasMoved = "alias.moved",
    VersionApproved = "version.approved",
}

impl WebhookEvent {
    /// What an entry tells; nothing of what no hook is told, such as a tag.
    pub(super) fn of(entry: &AuditEntry) -> Vec<Self> {
        let event = &entry.event;
        let first = match event {
            Event::CreateVersion { .. } => Some(Self::VersionCreated),
            Event::Promote { .. } => Some(Self::VersionPromoted),
            Event::RollBack { .. } => Some(Self::RolledBack),
            Event::Approve { .. } => Some(Self::VersionApproved),
            Event::CreateModel(_)
            | Event::DeleteModel { .. }
            | Event::RenameModel { .. }
            | Event::DeleteVersion { .. }
            | Event::SetAlias { .. }
            | Event::Transition { .. }
            | Event::Withdraw { .. }
            | Event::SetTag { .. }
            | Event::SetMetrics { .. }
            | Event::DeleteMetric { .. }
            | Event::Describe { .. }
            | Event::WithdrawApproval { .. }
            | Event::Sign { .. }
            | Event::SetCard { .. }
            | Event::SetPolicy { .. } => None,
        };
        let staged = event.stage_moves().iter().any(|moved| moved.from != moved.to);
        let moved = event.alias_moves().any(|moved| moved.from != moved.to);
        let rest = [(staged, Self::StageChanged), (moved, Self::AliasMoved)];
        first.into_iter().chain(rest.into_iter().filter_map(|(is, event)| is.then_some(event))).collect()
    }
}

/// The body of a delivery.
#[derive(Serialize)]
pub(super) struct Told<'a> {
    delivery: u64,
    events: &'a [WebhookEvent],
    model: &'a ModelName,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<Version>,
    at: String,
    actor: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    stages: &'a [StageMove],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    aliases: Vec<&'a AliasMove>,
    /// The hash of the audit entry, by which it is found in the log.
    entry: Digest,
}

impl<'a> Told<'a> {
    pub(super) fn of(entry: &'a AuditEntry, events: &'a [WebhookEvent]) -> Self {
        Self {
            delivery: entry.sequence,
            events,
            model: entry.event.model(),
            version: entry.event.version(),
            at: entry.at.to_string(),
            actor: &entry.actor,
            reason: entry.reason.as_deref(),
            stages: entry.event.stage_moves(),
            aliases: entry.event.alias_moves().collect(),
            entry: entry.hash,
        }
    }
}
