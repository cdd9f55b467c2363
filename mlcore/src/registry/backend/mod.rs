//! What a registry backend is made of: the rules without storage, and what a backend stores.
//!
//! A backend stores rows and makes one change atomic; everything else is here and the same for all of them.
//!
//! - **A log alone** is the shortest backend: [`LogRegistry`] is a registry over any [`Log`], two methods.
//! - **Tables** are what a backend for many processes implements: [`Tables`] has a question about each kind of row, and
//!   [`write`](Tables::write) for one [`Row`]. [`apply`] carries out one change on tables that are in a transaction: it checks
//!   the [`limits`], [decides](decide), and writes the [rows that follow](evolve). The methods of a registry that read are a
//!   line each: those of [`Tables`], and [`model`], [`version`], [`alias`], [`aliases`] and [`verify`].
//!   [`MemoryRegistry`](super::MemoryRegistry) and `SqliteRegistry` are nothing but this and their storage.
//!
//! Rows are written as they are given and read back as they were written. What is in them implements serde's `Serialize`
//! and `Deserialize`, so that a row is most simply stored as JSON beside its key. The log is the truth: every other row is
//! what [replaying](replay) it gives.
//!
//! A whole backend, whose file is one JSON array of audit entries. `conformance::registry` proves that a backend keeps the
//! contract:
//!
//! ```
//! use std::fs::{self, File};
//! use std::io::{ErrorKind, Write};
//! use std::path::PathBuf;
//!
//! use mlcore::name::ModelName;
//! use mlcore::registry::backend::{Log, LogRegistry};
//! use mlcore::registry::{AuditEntry, Change, Registry, RegistryExt};
//! use mlcore::{Error, Result};
//!
//! /// A file that is written anew with each change.
//! struct JsonFile(PathBuf);
//!
//! impl Log for JsonFile {
//!     fn entries(&self) -> Result<Vec<AuditEntry>> {
//!         const OPERATION: &str = "read registry";
//!         let subject = self.0.display().to_string();
//!         match fs::read(&self.0) {
//!             Ok(bytes) => serde_json::from_slice(&bytes)
//!                 .map_err(|cause| Error::corrupt(OPERATION, subject, cause.to_string())),
//!             Err(cause) if cause.kind() == ErrorKind::NotFound => Ok(Vec::new()),
//!             Err(cause) => Err(Error::from_io(OPERATION, subject, cause)),
//!         }
//!     }
//!
//!     /// A crash leaves the old file, or the new one.
//!     fn append(&mut self, entry: &AuditEntry) -> Result<()> {
//!         let mut entries = self.entries()?;
//!         entries.push(entry.clone());
//!         let write = || {
//!             let partial = self.0.with_extension("partial");
//!             let mut file = File::create(&partial)?;
//!             file.write_all(&serde_json::to_vec(&entries)?)?;
//!             file.sync_all()?;
//!             fs::rename(partial, &self.0)
//!         };
//!         write().map_err(|cause| Error::from_io("change registry", self.0.display().to_string(), cause))
//!     }
//! }
//!
//! let file = std::env::temp_dir().join(format!("mlcore-registry-{}.json", std::process::id()));
//! # drop(fs::remove_file(&file));
//! let change = Change::new("ana", std::time::SystemTime::now().into());
//! let registry = LogRegistry::open(JsonFile(file.clone()))?;
//! registry.create_model(ModelName::new("churn")?, &change)?;
//!
//! let reopened = LogRegistry::open(JsonFile(file.clone()))?;
//! assert_eq!(reopened.model(&ModelName::new("churn")?)?.created_by, "ana");
//! assert_eq!(reopened.verify()?.sequence, 1);
//! # fs::remove_file(file).ok();
//! # Ok::<(), mlcore::Error>(())
//! ```

mod change;
mod evolve;
mod external;
mod govern;
pub mod limits;
mod log;
mod memory;
mod read;
mod release;
mod removal;
mod restore;
mod rules;

use super::{AliasChange, AuditEntry, AuditHead, Model, ModelVersion};
use crate::artifact::Digest;
use crate::error::Result;
use crate::name::{Alias, ModelName, RequestId, Version};

pub use self::change::{Decided, apply, decide, replay};
pub use self::evolve::evolve;
pub(super) use self::evolve::new_version;
pub use self::log::{Log, LogRegistry};
pub use self::memory::MemoryTables;
pub use self::read::{alias, aliases, model, verify, version};
pub(super) use self::restore::require_empty;
pub use self::restore::restore;

/// The rows that a backend stores. Everything is read as it was written.
///
/// Contract:
/// - reading within one transaction sees what was written in it before;
/// - a row that was changed behind the backend's back is [`Corrupt`](crate::Error::Corrupt) where the backend can tell;
/// - pages are in ascending order of names and numbers, hold at most `limit` rows, and begin after `after`.
///
/// [`MemoryTables`] is the reference. A registry over tables, whose changes are what [`apply`] does in one transaction:
///
/// ```
/// use mlcore::Result;
/// use mlcore::name::ModelName;
/// use mlcore::registry::backend::{self, MemoryTables, Tables};
/// use mlcore::registry::{AuditEntry, Change, Model, Mutation};
///
/// struct OneThread {
///     tables: MemoryTables,
/// }
///
/// impl OneThread {
///     fn apply(&mut self, mutation: &Mutation, change: &Change) -> Result<AuditEntry> {
///         let mut transaction = self.tables.clone();
///         let entry = backend::apply(&mut transaction, mutation, change)?;
///         self.tables = transaction;
///         Ok(entry)
///     }
///
///     fn model(&self, name: &ModelName) -> Result<Model> {
///         backend::model(&self.tables, name)
///     }
///
///     fn models(&self, after: Option<&ModelName>, limit: usize) -> Result<Vec<Model>> {
///         self.tables.models(after, limit)
///     }
/// }
/// ```
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

    /// One digest of what all rows are once those that [follow](evolve) from `entry` are written, for the entry's line to
    /// [name](AuditEntry::state). So the log tells a backend, without being replayed, whether the rows that it reads are those
    /// that were written. `entry` is not chained yet, and its hash not final. Default: none.
    ///
    /// # Errors
    /// As [`head`](Self::head).
    fn commitment(&self, entry: &AuditEntry) -> Result<Option<Digest>> {
        let _ = entry;
        Ok(None)
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
#[expect(
    clippy::large_enum_variant,
    reason = "a change has a few rows, which are written at once and kept nowhere"
)]
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
