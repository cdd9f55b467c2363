use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use super::backend::{self, MemoryTables, Tables};
use super::{AliasChange, AuditEntry, AuditHead, Change, Model, ModelVersion, Mutation, Registry};
use crate::error::Result;
use crate::name::{Alias, ModelName, Version};

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
        // Rows are written after everything that can fail: a thread that panicked has left them whole.
        self.tables.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Registry for MemoryRegistry {
    fn apply(&self, mutation: &Mutation, change: &Change) -> Result<AuditEntry> {
        let mut tables = self.tables.write().unwrap_or_else(PoisonError::into_inner);
        backend::apply(&mut *tables, mutation, change)
    }

    fn model(&self, name: &ModelName) -> Result<Model> {
        backend::model(&*self.tables(), name)
    }

    fn models(&self, after: Option<&ModelName>, limit: usize) -> Result<Vec<Model>> {
        self.tables().models(after, limit)
    }

    fn version(&self, model: &ModelName, version: Version) -> Result<ModelVersion> {
        backend::version(&*self.tables(), model, version)
    }

    fn versions(&self, model: &ModelName, after: Option<Version>, limit: usize) -> Result<Vec<ModelVersion>> {
        self.tables().versions(model, after, limit)
    }

    fn alias(&self, model: &ModelName, alias: &Alias) -> Result<Option<Version>> {
        backend::alias(&*self.tables(), model, alias)
    }

    fn aliases(&self, model: &ModelName) -> Result<Vec<(Alias, Version)>> {
        backend::aliases(&*self.tables(), model)
    }

    fn alias_history(&self, model: &ModelName, alias: &Alias) -> Result<Vec<AliasChange>> {
        self.tables().alias_history(model, alias)
    }

    fn audit(&self, from: u64, limit: usize) -> Result<Vec<AuditEntry>> {
        self.tables().entries(from, limit)
    }

    fn restore(&self, log: &mut dyn Iterator<Item = Result<AuditEntry>>) -> Result<AuditHead> {
        let mut tables = self.tables.write().unwrap_or_else(PoisonError::into_inner);
        backend::require_empty(&tables.head()?)?;
        let mut restored = MemoryTables::default();
        let head = backend::restore(&mut restored, log)?;
        *tables = restored;
        Ok(head)
    }

    fn verify(&self) -> Result<AuditHead> {
        backend::verify(&*self.tables())
    }
}
