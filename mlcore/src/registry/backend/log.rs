use std::sync::{PoisonError, RwLock};

use super::{Decided, MemoryTables, Tables, decide, replay};
use crate::error::Result;
use crate::interrupt;
use crate::name::{Alias, ModelName, Version};
use crate::registry::{AliasChange, AuditEntry, AuditHead, Change, Model, ModelVersion, Mutation, Registry};

/// Where a [`LogRegistry`] keeps its audit log, which is all that it stores.
///
/// The [module](super) shows one over a file; this one lives as long as the process:
///
/// ```
/// use mlcore::Result;
/// use mlcore::name::ModelName;
/// use mlcore::registry::backend::{Log, LogRegistry};
/// use mlcore::registry::{AuditEntry, Change, Registry, RegistryExt};
/// use mlcore::time::Timestamp;
///
/// #[derive(Default)]
/// struct InMemory(Vec<AuditEntry>);
///
/// impl Log for InMemory {
///     fn entries(&self) -> Result<Vec<AuditEntry>> {
///         Ok(self.0.clone())
///     }
///
///     fn append(&mut self, entry: &AuditEntry) -> Result<()> {
///         self.0.push(entry.clone());
///         Ok(())
///     }
/// }
///
/// let registry = LogRegistry::open(InMemory::default())?;
/// registry.create_model(ModelName::new("churn")?, &Change::new("ana", Timestamp::default()))?;
/// assert_eq!(registry.verify()?.sequence, 1);
/// # Ok::<(), mlcore::Error>(())
/// ```
pub trait Log: Send + Sync {
    /// Every entry that was appended, in order.
    ///
    /// # Errors
    /// Where the log cannot be read, and [`Corrupt`](crate::Error::Corrupt) where it is not as it was written.
    fn entries(&self) -> Result<Vec<AuditEntry>>;

    /// Stores the next entry; it is durable when this returns.
    ///
    /// # Errors
    /// Where the log cannot be written. Then it is as it was before.
    fn append(&mut self, entry: &AuditEntry) -> Result<()>;
}

/// A registry of one process that stores its audit log alone, and keeps in memory what replaying it gives.
///
/// The [module](super) shows one over a file.
#[derive(Debug)]
pub struct LogRegistry<L> {
    state: RwLock<State<L>>,
}

#[derive(Debug)]
struct State<L> {
    log: L,
    tables: MemoryTables,
}

impl<L: Log> LogRegistry<L> {
    /// The registry whose log this is; an empty one is a new registry.
    ///
    /// # Errors
    /// [`Corrupt`](crate::Error::Corrupt) for a log whose chain is broken, and as [`Log::entries`].
    pub fn open(log: L) -> Result<Self> {
        let mut tables = MemoryTables::default();
        log.entries()?.iter().try_for_each(|entry| replay(&mut tables, entry))?;
        Ok(Self { state: RwLock::new(State { log, tables }) })
    }

    fn read<T>(&self, read: impl FnOnce(&MemoryTables) -> Result<T>) -> Result<T> {
        // Rows are written after everything that can fail: a thread that panicked has left them whole.
        read(&self.state.read().unwrap_or_else(PoisonError::into_inner).tables)
    }
}

impl<L: Log> Registry for LogRegistry<L> {
    fn apply(&self, mutation: &Mutation, change: &Change) -> Result<AuditEntry> {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let State { log, tables } = &mut *state;
        match decide(tables, mutation, change)? {
            Decided::Repeated(entry) => Ok(entry),
            Decided::New(entry) => {
                log.append(&entry)?;
                replay(tables, &entry)?;
                Ok(entry)
            }
        }
    }

    fn model(&self, name: &ModelName) -> Result<Model> {
        self.read(|tables| super::model(tables, name))
    }

    fn models(&self, after: Option<&ModelName>, limit: usize) -> Result<Vec<Model>> {
        self.read(|tables| tables.models(after, limit))
    }

    fn version(&self, model: &ModelName, version: Version) -> Result<ModelVersion> {
        self.read(|tables| super::version(tables, model, version))
    }

    fn versions(&self, model: &ModelName, after: Option<Version>, limit: usize) -> Result<Vec<ModelVersion>> {
        self.read(|tables| tables.versions(model, after, limit))
    }

    fn alias(&self, model: &ModelName, alias: &Alias) -> Result<Option<Version>> {
        self.read(|tables| super::alias(tables, model, alias))
    }

    fn aliases(&self, model: &ModelName) -> Result<Vec<(Alias, Version)>> {
        self.read(|tables| super::aliases(tables, model))
    }

    fn alias_history(&self, model: &ModelName, alias: &Alias) -> Result<Vec<AliasChange>> {
        self.read(|tables| tables.alias_history(model, alias))
    }

    fn audit(&self, from: u64, limit: usize) -> Result<Vec<AuditEntry>> {
        self.read(|tables| tables.entries(from, limit))
    }

    /// What was appended before an entry that is refused stays, and is a registry.
    fn restore(&self, entries: &mut dyn Iterator<Item = Result<AuditEntry>>) -> Result<AuditHead> {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let State { log, tables } = &mut *state;
        super::require_empty(&tables.head()?)?;
        // Replayed before anything is stored: what does not verify leaves nothing.
        let mut whole = MemoryTables::default();
        super::restore(&mut whole, entries)?;
        for entry in whole.entries(1, usize::MAX)? {
            log.append(&entry)?;
            replay(tables, &entry)?;
        }
        tables.head()
    }

    /// Reads the stored log again: it must be whole, and be what is kept in memory.
    fn verify(&self) -> Result<AuditHead> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        let mut stored = MemoryTables::default();
        state.log.entries()?.iter().try_for_each(|entry| {
            interrupt::check("verify registry")?;
            replay(&mut stored, entry)
        })?;
        if stored == state.tables { stored.head() } else { Err(super::read::differs("what is in memory")) }
    }
}
