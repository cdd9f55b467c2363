use std::collections::BTreeMap;

use mlcore::artifact::Digest;
use mlcore::time::Timestamp;
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::store::definition::{DefinitionId, Named, Repository, ViewVersion, content_digest, json_of};

/// All objects of a registry at one revision. Clones are cheap where they are shared.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub(super) revision: u64,
    /// The hash of the entry that made the revision.
    pub(super) head: Digest,
    pub(super) repository: Repository,
    pub(super) records: BTreeMap<DefinitionId, Record>,
}

/// What a registry knows of an object beside what it says.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The digest of its content.
    pub digest: Digest,
    /// The version of a view.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<ViewVersion>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

impl Snapshot {
    /// A registry without objects.
    pub(super) fn empty(project: &str) -> Result<Self> {
        let repository = Repository::new(project, [])?;
        Ok(Self { revision: 0, head: Digest::ZERO, repository, records: BTreeMap::new() })
    }

    /// How often something was changed.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The hash of the audit entry that made it: registries with the same head have the same history.
    #[must_use]
    pub fn head(&self) -> Digest {
        self.head
    }

    /// The objects.
    #[must_use]
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// What is known of an object.
    #[must_use]
    pub fn record(&self, id: &DefinitionId) -> Option<&Record> {
        self.records.get(id)
    }

    /// The version of a view of either kind.
    ///
    /// # Errors
    /// [`NotFound`](Error::NotFound) for a view that is not there.
    pub fn version_of(&self, view: &str) -> Result<ViewVersion> {
        self.repository.view(view)?;
        let id = self.repository.find(Named::View, view);
        let record = id.and_then(|id| self.records.get(&id));
        record
            .and_then(|record| record.version)
            .ok_or_else(|| Error::internal("look up version", view, "the view has none"))
    }

    /// The digest of all objects and what is known of them.
    pub(super) fn root(records: &BTreeMap<DefinitionId, Record>) -> Result<Digest> {
        let rows = records.iter().map(|(id, record)| Ok(json!([id.kind.name(), id.name, json_of(record)?])));
        let rows: Vec<serde_json::Value> = rows.collect::<Result<_>>()?;
        Ok(content_digest("root", &rows.into()))
    }
}
