use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::backend::limits::MOST_ENTRY_BYTES;
use super::{AliasMove, Change, Event, Mutation, micros};
use crate::artifact::Digest;
use crate::error::{Error, Result};
use crate::name::{RequestId, Version};
use crate::time::Timestamp;

/// One line of the audit log: what happened, by whom, when and why, chained to the line before.
///
/// [`canonical`](Self::canonical) is the line as it is hashed: compact JSON of these fields, the previous hash among
/// them. A line that is changed, removed or inserted breaks the chain from there on.
///
/// It is serialised as these fields, and deserialised only if they give the hash that stands beside them.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(into = "SealedLine", try_from = "SealedLine")]
pub struct AuditEntry {
    /// 1, 2, 3, ... without gaps: the order in which things happened.
    pub sequence: u64,
    /// The time of the change, by the clock of its actor.
    pub at: Timestamp,
    /// The time of the change for questions about the past: the latest `at` so far. Clocks differ and jump back; the log
    /// does not.
    pub effective_at: Timestamp,
    /// The actor: a person or a service.
    pub actor: String,
    /// The actor's reason, in words.
    pub reason: Option<String>,
    /// The request that made a repetition safe.
    pub request: Option<RequestId>,
    /// The event, with everything that replaying it needs.
    pub event: Event,
    /// What the backend's rows are from here on, as one digest: see
    /// [`Tables::commitment`](super::backend::Tables::commitment). None where the backend commits to nothing.
    pub state: Option<Digest>,
    /// The hash of the entry before; [`Digest::ZERO`] for the first.
    pub previous: Digest,
    /// The SHA-256 of [`canonical`](Self::canonical).
    pub hash: Digest,
    request_content: Option<Digest>,
    canonical: Arc<str>,
}

/// Where the audit log ends. Kept elsewhere, it proves later that nothing before it was changed or cut off:
/// [`RegistryExt::verify_since`](super::RegistryExt::verify_since).
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct AuditHead {
    /// The sequence of the last entry; 0 for an empty log.
    pub sequence: u64,
    /// Its hash; [`Digest::ZERO`] for an empty log.
    pub hash: Digest,
    /// Its effective time; none for an empty log.
    #[serde(default, with = "micros::option")]
    pub effective_at: Option<Timestamp>,
}

impl AuditHead {
    /// The head whose sequence and hash were noted elsewhere; all that [`verify_since`] needs.
    ///
    /// [`verify_since`]: super::RegistryExt::verify_since
    #[must_use]
    pub fn noted(sequence: u64, hash: Digest) -> Self {
        Self { sequence, hash, effective_at: None }
    }
}

/// One move of an alias.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AliasChange {
    /// The audit entry that did it.
    pub sequence: u64,
    /// The time of the change, by the clock of its actor.
    #[serde(with = "micros")]
    pub at: Timestamp,
    /// The time of the change for questions about the past: see [`AuditEntry::effective_at`].
    #[serde(with = "micros")]
    pub effective_at: Timestamp,
    /// The actor: a person or a service.
    pub actor: String,
    /// The actor's reason, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Says whether the move was a roll-back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rolled_back: bool,
    /// The alias, and the versions that it meant before and after.
    pub moved: AliasMove,
}

impl AliasChange {
    /// The version that the alias means from here on; none where it was removed.
    #[must_use]
    pub fn target(&self) -> Option<Version> {
        self.moved.to
    }
}

/// The fields of an entry as they are hashed. A later version may add fields that are left out when empty: an old line
/// then still reads, and its hash is that of its stored text.
#[derive(Serialize, Deserialize)]
struct Line {
    sequence: u64,
    #[serde(with = "micros")]
    at: Timestamp,
    #[serde(with = "micros")]
    effective_at: Timestamp,
    actor: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    request: Option<RequestId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    request_content: Option<Digest>,
    event: Event,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    state: Option<Digest>,
    previous: Digest,
}

/// An entry as it is serialised: its line, and the hash of the line's text.
#[derive(Serialize, Deserialize)]
struct SealedLine {
    #[serde(flatten)]
    line: Line,
    hash: Digest,
}

impl From<AuditEntry> for SealedLine {
    fn from(entry: AuditEntry) -> Self {
        let hash = entry.hash;
        Self { line: Line::from(entry), hash }
    }
}

impl From<AuditEntry> for Line {
    fn from(entry: AuditEntry) -> Self {
        Self {
            sequence: entry.sequence,
            at: entry.at,
            effective_at: entry.effective_at,
            actor: entry.actor,
            reason: entry.reason,
            request: entry.request,
            request_content: entry.request_content,
            event: entry.event,
            state: entry.state,
            previous: entry.previous,
        }
    }
}

impl TryFrom<SealedLine> for AuditEntry {
    type Error = Error;

    fn try_from(sealed: SealedLine) -> Result<Self> {
        let canonical = serde_json::to_string(&sealed.line).map_err(unwritable)?;
        let entry = Self::from_line(sealed.line, canonical);
        if entry.hash == sealed.hash { Ok(entry) } else { Err(damaged(HASH_DIFFERS.to_owned())) }
    }
}

impl AuditEntry {
    /// The text that is hashed.
    #[must_use]
    pub fn canonical(&self) -> &str {
        &self.canonical
    }

    /// The log's end, were this its last entry.
    #[must_use]
    pub fn head(&self) -> AuditHead {
        AuditHead { sequence: self.sequence, hash: self.hash, effective_at: Some(self.effective_at) }
    }

    /// The entry that follows `head`.
    pub(super) fn seal(head: &AuditHead, mutation: &Mutation, change: &Change, event: Event) -> Result<Self> {
        let request_content =
            change.request.as_ref().map(|_| request_content(mutation, change)).transpose()?;
        // The entry is what reading it back would give, also where the caller's clock is finer.
        let at = micros::stored(change.at);
        let line = Line {
            sequence: head.sequence.saturating_add(1),
            at,
            effective_at: head.effective_at.map_or(at, |latest| latest.max(at)),
            actor: change.actor.clone(),
            reason: change.reason.clone(),
            request: change.request.clone(),
            request_content,
            event,
            state: None,
            previous: head.hash,
        };
        Self::sealed(line)
    }

    /// The same entry with what the backend's rows are from here on.
    pub(super) fn with_state(self, state: Digest) -> Result<Self> {
        Self::sealed(Line { state: Some(state), ..Line::from(self) })
    }

    fn sealed(line: Line) -> Result<Self> {
        let canonical = serde_json::to_string(&line).map_err(unwritable)?;
        if canonical.len() > MOST_ENTRY_BYTES {
            let problem = format!(
                "the change takes {} bytes, and at most {MOST_ENTRY_BYTES} are kept",
                canonical.len()
            );
            return Err(Error::invalid_input(line.event.operation(), line.event.subject(), problem)
                .remedy("shorten its texts or signature"));
        }
        Ok(Self::from_line(line, canonical))
    }

    /// Reads a stored line, its [canonical](Self::canonical) text, whose hash must be `hash`.
    ///
    /// # Errors
    /// [`Corrupt`](Error::Corrupt) when the hash does not fit or the text is no entry.
    pub fn parse(canonical: &str, hash: Digest) -> Result<Self> {
        if Digest::of(canonical) != hash {
            return Err(damaged(HASH_DIFFERS.to_owned()));
        }
        let line = serde_json::from_str::<Line>(canonical)
            .map_err(|cause| damaged(format!("an entry does not read: {cause}")).caused_by(cause))?;
        Ok(Self::from_line(line, canonical.to_owned()))
    }

    /// Fails unless this entry follows `head`.
    pub(super) fn check_follows(&self, head: &AuditHead) -> Result<()> {
        let latest = head.effective_at.map_or(self.at, |latest| latest.max(self.at));
        let follows =
            self.sequence == head.sequence + 1 && self.previous == head.hash && self.effective_at == latest;
        if follows {
            return Ok(());
        }
        let problem =
            format!("entry {} does not follow entry {}: the chain is broken", self.sequence, head.sequence);
        Err(Error::corrupt("verify audit log", format!("entry {}", self.sequence), problem)
            .remedy("restore the registry from a backup"))
    }

    /// Says whether the same request made this entry by asking for the same change.
    pub(super) fn answers(&self, mutation: &Mutation, change: &Change) -> Result<bool> {
        Ok(self.request_content == Some(request_content(mutation, change)?))
    }

    /// The moves of aliases that this entry made.
    pub(super) fn alias_changes(&self) -> impl Iterator<Item = AliasChange> {
        self.event.alias_moves().map(|moved| AliasChange {
            sequence: self.sequence,
            at: self.at,
            effective_at: self.effective_at,
            actor: self.actor.clone(),
            reason: self.reason.clone(),
            rolled_back: matches!(self.event, Event::RollBack { .. }),
            moved: moved.clone(),
        })
    }

    fn from_line(line: Line, canonical: String) -> Self {
        Self {
            sequence: line.sequence,
            at: line.at,
            effective_at: line.effective_at,
            actor: line.actor,
            reason: line.reason,
            request: line.request,
            event: line.event,
            state: line.state,
            previous: line.previous,
            hash: Digest::of(&canonical),
            request_content: line.request_content,
            canonical: canonical.into(),
        }
    }
}

/// What a request asked for, so that the same id with other content is noticed. Its time may differ: a repetition is later.
fn request_content(mutation: &Mutation, change: &Change) -> Result<Digest> {
    serde_json::to_vec(&(&change.actor, mutation)).map(Digest::of).map_err(unwritable)
}

const HASH_DIFFERS: &str = "the hash of an entry does not fit its text";

fn damaged(problem: String) -> Error {
    Error::corrupt("read audit log", "", problem).remedy("restore the registry from a backup")
}

fn unwritable(cause: serde_json::Error) -> Error {
    Error::internal("write audit entry", "", cause.to_string()).caused_by(cause)
}
