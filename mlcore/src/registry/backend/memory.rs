use std::collections::BTreeMap;
use std::ops::Bound;

use super::read::differs;
use super::{Row, Tables};
use crate::error::Result;
use crate::name::{Alias, ModelName, RequestId, Version};
use crate::registry::{AliasChange, AuditEntry, AuditHead, Model, ModelVersion};

/// The tables as maps: the reference, what [`verify`](super::verify) replays a log into, and all that a backend needs
/// whose log alone is stored. Writing them never fails.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct MemoryTables {
    pub(in crate::registry) entries: Vec<AuditEntry>,
    pub(in crate::registry) requests: BTreeMap<RequestId, u64>,
    pub(in crate::registry) models: BTreeMap<ModelName, Model>,
    pub(in crate::registry) versions: BTreeMap<ModelName, BTreeMap<Version, ModelVersion>>,
    pub(in crate::registry) histories: BTreeMap<ModelName, BTreeMap<Alias, Vec<AliasChange>>>,
}

impl MemoryTables {
    fn history(&self, model: &ModelName, alias: &Alias) -> &[AliasChange] {
        self.histories.get(model).and_then(|aliases| aliases.get(alias)).map_or(&[], Vec::as_slice)
    }

    /// Fails unless `stored` answers for every row that is here, and has no other models, versions and aliases.
    pub(super) fn compare(&self, stored: &dyn Tables) -> Result<()> {
        let all = usize::MAX;
        for request in self.requests.keys() {
            if stored.entry_of_request(request)? != self.entry_of_request(request)? {
                return Err(differs(&format!("request {request}")));
            }
        }
        if stored.models(None, all)? != self.models(None, all)? {
            return Err(differs("the list of models"));
        }
        for (name, model) in &self.models {
            if stored.model(name)?.as_ref() != Some(model) {
                return Err(differs(&format!("model {name}")));
            }
            if stored.versions(name, None, all)? != self.versions(name, None, all)? {
                return Err(differs(&format!("the versions of {name}")));
            }
            if stored.aliases(name)? != self.aliases(name)? {
                return Err(differs(&format!("the aliases of {name}")));
            }
        }
        for (name, aliases) in &self.histories {
            for (alias, history) in aliases {
                let latest = self.alias(name, alias)?;
                if stored.alias_history(name, alias)? != *history || stored.alias(name, alias)? != latest {
                    return Err(differs(&format!("alias {name}@{alias}")));
                }
            }
        }
        Ok(())
    }
}

impl Tables for MemoryTables {
    fn head(&self) -> Result<AuditHead> {
        Ok(self.entries.last().map(AuditEntry::head).unwrap_or_default())
    }

    fn entries(&self, from: u64, limit: usize) -> Result<Vec<AuditEntry>> {
        let skip = usize::try_from(from.saturating_sub(1)).unwrap_or(usize::MAX);
        Ok(self.entries.iter().skip(skip).take(limit).cloned().collect())
    }

    fn entry_of_request(&self, request: &RequestId) -> Result<Option<AuditEntry>> {
        let Some(sequence) = self.requests.get(request) else { return Ok(None) };
        let position = usize::try_from(sequence.saturating_sub(1)).unwrap_or(usize::MAX);
        Ok(self.entries.get(position).cloned())
    }

    fn model(&self, name: &ModelName) -> Result<Option<Model>> {
        Ok(self.models.get(name).cloned())
    }

    fn models(&self, after: Option<&ModelName>, limit: usize) -> Result<Vec<Model>> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let models = self.models.range((start, Bound::Unbounded)).map(|(_, model)| model);
        Ok(models.filter(|model| !model.deleted).take(limit).cloned().collect())
    }

    fn version(&self, model: &ModelName, version: Version) -> Result<Option<ModelVersion>> {
        Ok(self.versions.get(model).and_then(|versions| versions.get(&version)).cloned())
    }

    fn versions(&self, model: &ModelName, after: Option<Version>, limit: usize) -> Result<Vec<ModelVersion>> {
        let Some(versions) = self.versions.get(model) else { return Ok(Vec::new()) };
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let versions = versions.range((start, Bound::Unbounded)).map(|(_, version)| version);
        Ok(versions.take(limit).cloned().collect())
    }

    fn aliases(&self, model: &ModelName) -> Result<Vec<AliasChange>> {
        let histories = self.histories.get(model).into_iter().flat_map(BTreeMap::values);
        let latest = histories.filter_map(|history| history.last());
        Ok(latest.filter(|change| change.target().is_some()).cloned().collect())
    }

    fn alias_history(&self, model: &ModelName, alias: &Alias) -> Result<Vec<AliasChange>> {
        Ok(self.history(model, alias).to_vec())
    }

    fn alias(&self, model: &ModelName, alias: &Alias) -> Result<Option<AliasChange>> {
        Ok(self.history(model, alias).last().filter(|change| change.target().is_some()).cloned())
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
