use mlcore::Result;
use mlcore::artifact::Digest;
use mlcore::name::RequestId;
use mlcore::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Action;
use crate::store::definition::{DefinitionId, ViewVersion, content_digest, json_of};

/// Who changed what, when and why: one entry for each apply that changed something.
///
/// Each names the digest of all objects after it and the hash of the entry before it, so that an entry or an object that is edited later shows.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditEntry {
    /// The revision that the registry has after it; the first is 1.
    pub revision: u64,
    /// When, by the caller's clock, in whole microseconds.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The request that a repetition is known by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestId>,
    /// What became of each object.
    pub changes: Vec<AuditedChange>,
    /// The digest of all objects afterwards.
    pub root: Digest,
    /// The hash of the entry before it; zeros for the first.
    pub previous: Digest,
    /// The hash of the rest of the entry.
    #[serde(skip)]
    pub hash: Digest,
}

/// What became of one object.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditedChange {
    /// The object.
    pub id: DefinitionId,
    /// What became of it.
    pub action: Action,
    /// The digest of its content afterwards; none where it is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// The version of a view afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<ViewVersion>,
    /// The digest of what was kept of a new version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<Digest>,
}

impl AuditEntry {
    /// The entry with its hash.
    pub(super) fn sealed(mut self) -> Result<Self> {
        self.hash = content_digest("audit", &self.body()?);
        Ok(self)
    }

    fn body(&self) -> Result<Value> {
        json_of(self)
    }

    /// How it is stored.
    #[cfg(feature = "sqlite")]
    pub(super) fn text(&self) -> Result<String> {
        Ok(crate::store::definition::canonical_text(&self.body()?))
    }

    /// What was stored, if its hash is this one.
    #[cfg(feature = "sqlite")]
    pub(super) fn parse(text: &str, hash: Digest) -> Result<Self, String> {
        let entry: Self =
            serde_json::from_str(text).map_err(|cause| format!("an audit entry is none: {cause}"))?;
        let sealed = entry.sealed().map_err(|error| error.to_string())?;
        if sealed.hash == hash {
            Ok(sealed)
        } else {
            Err(format!("audit entry {} is not the one that was written", sealed.revision))
        }
    }
}
