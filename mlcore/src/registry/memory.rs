use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use super::state::{self, Row, Tables};
use super::{AliasChange, AuditEntry, AuditHead, Change, Model, ModelVersion, Mutation, Registry};
use crate::error::{Error, Result};
use crate::name::{Alias, ModelName, RequestId, Version};

/// A registry in memory: the reference, and what tests use. Clones share it; it is gone with the last of them.
#[derive(Clone, Debug, Default)]
pub struct MemoryRegistry {
    tables: Arc<RwLock<MemoryTables>>,
}

impl MemoryRegistry {
    /// A registry without models.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn tables(&self) -> RwLockReadGuard<'_, MemoryTables> {
        // Rows are written after everything that can fail: whoever panicked has left them whole.
        self.tables.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Registry for MemoryRegistry {
    fn apply(&self, mutation: &Mutation, change: &Change) -> Result<AuditEntry> {
        let mut tables = self.tables.write().unwrap_or_else(PoisonError::into_inner);
        state::apply(&mut *tables, mutation, change)
    }

    fn model(&self, name: &ModelName) -> Result<Model> {
        living(self.tables().models.get(name).cloned(), name)
    }

    fn models(&self, after: Option<&ModelName>, limit: usize) -> Result<Vec<Model>> {
        let tables = self.tables();
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let models = tables.models.range((start, Bound::Unbounded)).map(|(_, model)| model);
        Ok(models.filter(|model| !model.deleted).take(limit).cloned().collect())
    }

    fn version(&self, model: &ModelName, version: Version) -> Result<ModelVersion> {
        self.tables().version(model, version)?.ok_or_else(|| missing_version(model, version))
    }

    fn versions(&self, model: &ModelName, after: Option<Version>, limit: usize) -> Result<Vec<ModelVersion>> {
        let tables = self.tables();
        let Some(versions) = tables.versions.get(model) else { return Ok(Vec::new()) };
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        Ok(versions
            .range((start, Bound::Unbounded))
            .map(|(_, version)| version)
            .take(limit)
            .cloned()
            .collect())
    }

    fn alias(&self, model: &ModelName, alias: &Alias) -> Result<Option<Version>> {
        let tables = self.tables();
        Ok(tables.history(model, alias).last().and_then(AliasChange::target))
    }

    fn aliases(&self, model: &ModelName) -> Result<Vec<(Alias, Version)>> {
        let changes = self.tables().aliases(model)?.into_iter();
        Ok(changes.filter_map(|change| Some((change.moved.alias.clone(), change.target()?))).collect())
    }

    fn alias_history(&self, model: &ModelName, alias: &Alias) -> Result<Vec<AliasChange>> {
        self.tables().alias_history(model, alias)
    }

    fn audit(&self, from: u64, limit: usize) -> Result<Vec<AuditEntry>> {
        let skip = usize::try_from(from.saturating_sub(1)).unwrap_or(usize::MAX);
        Ok(self.tables().entries.iter().skip(skip).take(limit).cloned().collect())
    }

    fn verify(&self) -> Result<AuditHead> {
        let tables = self.tables();
        let mut replayed = MemoryTables::default();
        for entry in &tables.entries {
            replayed.replay(&AuditEntry::parse(entry.canonical(), entry.hash)?)?;
        }
        if replayed != *tables {
            return Err(Error::corrupt(
                "verify registry",
                "memory",
                "its state is not what its audit log gives",
            ));
        }
        replayed.head()
    }
}

/// The state as maps; what a log is replayed into.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct MemoryTables {
    pub(super) entries: Vec<AuditEntry>,
    pub(super) requests: BTreeMap<RequestId, u64>,
    pub(super) models: BTreeMap<ModelName, Model>,
    pub(super) versions: BTreeMap<ModelName, BTreeMap<Version, ModelVersion>>,
    pub(super) histories: BTreeMap<ModelName, BTreeMap<Alias, Vec<AliasChange>>>,
}

impl MemoryTables {
    /// Writes what the next entry of a log gives, if it is the next.
    pub(super) fn replay(&mut self, entry: &AuditEntry) -> Result<()> {
        entry.check_follows(&self.head()?)?;
        state::evolve(self, entry)?.into_iter().try_for_each(|row| self.write(row))
    }

    fn history(&self, model: &ModelName, alias: &Alias) -> &[AliasChange] {
        self.histories.get(model).and_then(|aliases| aliases.get(alias)).map_or(&[], Vec::as_slice)
    }
}

impl Tables for MemoryTables {
    fn head(&self) -> Result<AuditHead> {
        Ok(self.entries.last().map(AuditEntry::head).unwrap_or_default())
    }

    fn entry_of_request(&self, request: &RequestId) -> Result<Option<AuditEntry>> {
        let Some(sequence) = self.requests.get(request) else { return Ok(None) };
        let position = usize::try_from(sequence.saturating_sub(1)).unwrap_or(usize::MAX);
        Ok(self.entries.get(position).cloned())
    }

    fn model(&self, name: &ModelName) -> Result<Option<Model>> {
        Ok(self.models.get(name).cloned())
    }

    fn version(&self, model: &ModelName, version: Version) -> Result<Option<ModelVersion>> {
        Ok(self.versions.get(model).and_then(|versions| versions.get(&version)).cloned())
    }

    fn version_numbers(&self, model: &ModelName) -> Result<Vec<Version>> {
        Ok(self.versions.get(model).into_iter().flat_map(BTreeMap::keys).copied().collect())
    }

    fn alias(&self, model: &ModelName, alias: &Alias) -> Result<Option<AliasChange>> {
        Ok(self.history(model, alias).last().filter(|change| change.target().is_some()).cloned())
    }

    fn aliases(&self, model: &ModelName) -> Result<Vec<AliasChange>> {
        let latest =
            self.histories.get(model).into_iter().flat_map(BTreeMap::values).filter_map(|all| all.last());
        Ok(latest.filter(|change| change.target().is_some()).cloned().collect())
    }

    fn alias_history(&self, model: &ModelName, alias: &Alias) -> Result<Vec<AliasChange>> {
        Ok(self.history(model, alias).to_vec())
    }

    fn write(&mut self, row: Row) -> Result<()> {
        match row {
            Row::Entry(entry) => {
                if let Some(request) = &entry.request {
                    self.requests.insert(request.clone(), entry.sequence);
                }
                self.entries.push(entry);
            }
            Row::Model(model) => drop(self.models.insert(model.name.clone(), model)),
            Row::Version(version) => {
                self.versions.entry(version.model.clone()).or_default().insert(version.version, version);
            }
            Row::NoVersion(model, version) => {
                self.versions.entry(model).or_default().remove(&version);
            }
            Row::Alias(change) => {
                let aliases = self.histories.entry(change.moved.model.clone()).or_default();
                aliases.entry(change.moved.alias.clone()).or_default().push(change);
            }
        }
        Ok(())
    }
}

pub(super) fn living(model: Option<Model>, name: &ModelName) -> Result<Model> {
    model.filter(|model| !model.deleted).ok_or_else(|| {
        Error::not_found("read model", name.as_str(), "there is no model of this name")
            .remedy("create it with RegistryExt::create_model")
    })
}

pub(super) fn missing_version(model: &ModelName, version: Version) -> Error {
    Error::not_found("read version", format!("{model}/{version}"), "there is no such version")
}
