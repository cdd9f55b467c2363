//! What a registry backend is made of: the rules without storage, and the tables that a backend stores.
//!
//! A backend stores rows and makes one change atomic; everything else is here and the same for all of them:
//!
//! - [`Tables`] is what a backend implements: nine questions about what is stored, and [`write`](Tables::write) for one
//!   [`Row`]. [`MemoryTables`] is the reference.
//! - [`apply`] carries out one change on tables that are in a transaction: it checks the [`limits`], [decides](decide),
//!   and writes the [rows that follow](evolve). [`MemoryRegistry`](super::MemoryRegistry) and `SqliteRegistry` are
//!   nothing but this and their storage.
//! - A backend whose log is written first calls [`decide`], stores the entry, then [`replay`].
//! - [`model`], [`version`], [`alias`], [`aliases`] and [`verify`] are the [`Registry`](super::Registry) methods of the
//!   same names for any tables; its other reading methods are those of [`Tables`].
//!
//! Rows are written as they are given and read back as they were written. What is in them implements serde's `Serialize`
//! and `Deserialize`, so that a row is most simply stored as JSON beside its key. The log is the truth: a backend may
//! store it alone, and [`replay`] it on opening.
//!
//! A whole backend, whose file is one JSON array of audit entries. `conformance::registry` proves that a backend keeps the
//! contract:
//!
//! ```
//! use std::fs::{self, File};
//! use std::io::{ErrorKind, Write};
//! use std::path::PathBuf;
//! use std::sync::{PoisonError, RwLock, RwLockReadGuard};
//!
//! use mlcore::name::{Alias, ModelName, Version};
//! use mlcore::registry::backend::{self, Decided, MemoryTables, Tables};
//! use mlcore::registry::{AliasChange, AuditEntry, AuditHead, Change, Model, ModelVersion, Mutation, Registry, RegistryExt};
//! use mlcore::{Error, Result};
//!
//! /// A registry of one process, in a file that is written anew with each change.
//! struct JsonRegistry {
//!     file: PathBuf,
//!     tables: RwLock<MemoryTables>,
//! }
//!
//! impl JsonRegistry {
//!     fn open(file: PathBuf) -> Result<Self> {
//!         let subject = file.display().to_string();
//!         let log: Vec<AuditEntry> = match fs::read(&file) {
//!             Ok(bytes) => serde_json::from_slice(&bytes)
//!                 .map_err(|cause| Error::corrupt("open registry", subject, cause.to_string()))?,
//!             Err(cause) if cause.kind() == ErrorKind::NotFound => Vec::new(),
//!             Err(cause) => return Err(Error::from_io("open registry", subject, cause)),
//!         };
//!         let mut tables = MemoryTables::default();
//!         log.iter().try_for_each(|entry| backend::replay(&mut tables, entry))?;
//!         Ok(Self { file, tables: RwLock::new(tables) })
//!     }
//!
//!     /// Replaces the file by one that ends with `entry`; a crash leaves the old one or the new one.
//!     fn store(&self, tables: &MemoryTables, entry: &AuditEntry) -> Result<()> {
//!         let mut log = tables.entries(1, usize::MAX)?;
//!         log.push(entry.clone());
//!         let write = || {
//!             let partial = self.file.with_extension("partial");
//!             let mut file = File::create(&partial)?;
//!             file.write_all(&serde_json::to_vec(&log)?)?;
//!             file.sync_all()?;
//!             fs::rename(partial, &self.file)
//!         };
//!         write().map_err(|cause| Error::from_io("change registry", self.file.display().to_string(), cause))
//!     }
//!
//!     fn tables(&self) -> RwLockReadGuard<'_, MemoryTables> {
//!         self.tables.read().unwrap_or_else(PoisonError::into_inner)
//!     }
//! }
//!
//! impl Registry for JsonRegistry {
//!     fn apply(&self, mutation: &Mutation, change: &Change) -> Result<AuditEntry> {
//!         let mut tables = self.tables.write().unwrap_or_else(PoisonError::into_inner);
//!         match backend::decide(&*tables, mutation, change)? {
//!             Decided::Repeated(entry) => Ok(entry),
//!             Decided::New(entry) => {
//!                 self.store(&tables, &entry)?;
//!                 backend::replay(&mut *tables, &entry)?;
//!                 Ok(entry)
//!             }
//!         }
//!     }
//!
//!     fn model(&self, name: &ModelName) -> Result<Model> {
//!         backend::model(&*self.tables(), name)
//!     }
//!
//!     fn models(&self, after: Option<&ModelName>, limit: usize) -> Result<Vec<Model>> {
//!         self.tables().models(after, limit)
//!     }
//!
//!     fn version(&self, model: &ModelName, version: Version) -> Result<ModelVersion> {
//!         backend::version(&*self.tables(), model, version)
//!     }
//!
//!     fn versions(&self, model: &ModelName, after: Option<Version>, limit: usize) -> Result<Vec<ModelVersion>> {
//!         self.tables().versions(model, after, limit)
//!     }
//!
//!     fn alias(&self, model: &ModelName, alias: &Alias) -> Result<Option<Version>> {
//!         backend::alias(&*self.tables(), model, alias)
//!     }
//!
//!     fn aliases(&self, model: &ModelName) -> Result<Vec<(Alias, Version)>> {
//!         backend::aliases(&*self.tables(), model)
//!     }
//!
//!     fn alias_history(&self, model: &ModelName, alias: &Alias) -> Result<Vec<AliasChange>> {
//!         self.tables().alias_history(model, alias)
//!     }
//!
//!     fn audit(&self, from: u64, limit: usize) -> Result<Vec<AuditEntry>> {
//!         self.tables().entries(from, limit)
//!     }
//!
//!     fn verify(&self) -> Result<AuditHead> {
//!         backend::verify(&*self.tables())
//!     }
//! }
//!
//! let file = std::env::temp_dir().join(format!("mlcore-registry-{}.json", std::process::id()));
//! # drop(fs::remove_file(&file));
//! let change = Change::new("ana", std::time::SystemTime::now().into());
//! JsonRegistry::open(file.clone())?.create_model(ModelName::new("churn")?, &change)?;
//!
//! let reopened = JsonRegistry::open(file.clone())?;
//! assert_eq!(reopened.model(&ModelName::new("churn")?)?.created_by, "ana");
//! assert_eq!(reopened.verify()?.sequence, 1);
//! # fs::remove_file(file).ok();
//! # Ok::<(), mlcore::Error>(())
//! ```

mod change;
mod evolve;
pub mod limits;
mod memory;
mod read;
mod release;
mod rules;

use super::{AliasChange, AuditEntry, AuditHead, Model, ModelVersion};
use crate::error::Result;
use crate::name::{Alias, ModelName, RequestId, Version};

pub use self::change::{Decided, apply, decide, replay};
pub use self::evolve::evolve;
pub(super) use self::evolve::new_version;
pub use self::memory::MemoryTables;
pub use self::read::{alias, aliases, model, verify, version};

/// The rows that a backend stores. Everything is read as it was written.
///
/// Contract:
/// - reading within one transaction sees what was written in it before;
/// - a row that was changed behind the backend's back is [`Corrupt`](crate::Error::Corrupt) where the backend can tell;
/// - pages are in ascending order of names and numbers, hold at most `limit` rows, and begin after `after`.
///
/// [`MemoryTables`] is the reference; the [module](self) shows a backend that uses it.
pub trait Tables {
    /// Where the log ends; the default head for an empty log.
    ///
    /// # Errors
    /// Where the backend cannot be read, as of every method here.
    fn head(&self) -> Result<AuditHead>;

    /// Up to `limit` audit entries in order, beginning with `from` (the first is 1).
    ///
    /// # Errors
    /// As [`head`](Self::head).
    fn entries(&self, from: u64, limit: usize) -> Result<Vec<AuditEntry>>;

    /// The entry whose [`request`](AuditEntry::request) this is.
    ///
    /// # Errors
    /// As [`head`](Self::head).
    fn entry_of_request(&self, request: &RequestId) -> Result<Option<AuditEntry>>;

    /// The row of a model, also of a [deleted](Model::is_deleted) one.
    ///
    /// # Errors
    /// As [`head`](Self::head).
    fn model(&self, name: &ModelName) -> Result<Option<Model>>;

    /// A page of models, without [deleted](Model::is_deleted) ones.
    ///
    /// # Errors
    /// As [`head`](Self::head).
    fn models(&self, after: Option<&ModelName>, limit: usize) -> Result<Vec<Model>>;

    /// A version.
    ///
    /// # Errors
    /// As [`head`](Self::head).
    fn version(&self, model: &ModelName, version: Version) -> Result<Option<ModelVersion>>;

    /// A page of versions.
    ///
    /// # Errors
    /// As [`head`](Self::head).
    fn versions(&self, model: &ModelName, after: Option<Version>, limit: usize) -> Result<Vec<ModelVersion>>;

    /// The latest move of every alias that is set, in the order of their names.
    ///
    /// # Errors
    /// As [`head`](Self::head).
    fn aliases(&self, model: &ModelName) -> Result<Vec<AliasChange>>;

    /// Every move of an alias, the first first.
    ///
    /// # Errors
    /// As [`head`](Self::head).
    fn alias_history(&self, model: &ModelName, alias: &Alias) -> Result<Vec<AliasChange>>;

    /// The latest move of an alias, if it is set. Answered from [`alias_history`](Self::alias_history) unless a backend
    /// has a faster way: a server may ask before each request.
    ///
    /// # Errors
    /// As [`head`](Self::head).
    fn alias(&self, model: &ModelName, alias: &Alias) -> Result<Option<AliasChange>> {
        Ok(self.alias_history(model, alias)?.pop().filter(|change| change.target().is_some()))
    }

    /// Writes one row.
    ///
    /// # Errors
    /// Where the backend cannot be written. The caller of [`apply`] then undoes the rows before it.
    fn write(&mut self, row: Row) -> Result<()>;
}

/// One row to be written. Rows come in an order in which references hold after each: the entry first, a model before its
/// versions, a version before the alias that means it.
///
/// Exhaustive on purpose: a backend that leaves out a kind of row loses data, so that a new kind must not compile there.
#[derive(Clone, PartialEq, Debug)]
pub enum Row {
    /// Appended to the log, and found by its [`request`](AuditEntry::request) where it has one.
    Entry(AuditEntry),
    /// Inserted, or replaces the row of the same name.
    Model(Model),
    /// Inserted, or replaces the row of the same model and number.
    Version(ModelVersion),
    /// Removes a version.
    NoVersion(ModelName, Version),
    /// Appended to the history of its alias, which means its [target](AliasChange::target) from now on.
    Alias(AliasChange),
}
