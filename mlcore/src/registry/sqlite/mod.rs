//! The registry in one SQLite file.

mod backup;
mod commitment;
mod connection;
mod kept;
mod proof;
mod schema;
mod tables;
mod values;
mod verify;

use std::path::PathBuf;
use std::sync::Arc;

use self::connection::{Connections, Session, Writer};
use self::proof::End;
use self::tables::SqlTables;
use super::backend::{self, Tables};
use super::{AliasChange, AuditEntry, AuditHead, Change, Model, ModelVersion, Mutation, Registry};
use crate::error::{Error, Result};
use crate::name::{Alias, ModelName, Version};
use crate::sql::commit_meaning;
pub use crate::sql::{SqliteAccess, SqliteOptions};

/// A registry in one SQLite file, for any number of threads and processes of one machine. Clones share the connections.
///
/// Each change is one transaction in the write-ahead log, flushed to the disk before it is acknowledged
/// (`synchronous=FULL`).
///
/// What is read is what the audit log says. Each entry names one digest of all rows, the root of a tree of hashes, and a read
/// checks the rows that it touches against the root of the last entry: a row that was edited, removed, added or put back is
/// [`Corrupt`](crate::Error::Corrupt), with whatever digest beside it. The head of the log is kept in the file `-head` beside the
/// registry after each change: opening compares the two, so that a write-ahead log that was deleted or cut is `Corrupt` too.
/// To open a backup in the place of a newer file, remove that file. What can be written can be forged as a whole, the log and
/// the kept head included: [`open_with_head`](SqliteRegistry::open_with_head) takes a head that was noted elsewhere.
///
/// On Unix a change is acknowledged only after the files that were written are still those at their paths; otherwise it is
/// [`OutcomeUnknown`](crate::Error::OutcomeUnknown).
///
/// Two processes may write at once; the later waits ([`SqliteOptions::busy_timeout`]). Reading never waits for writing.
///
/// Keep the file on a local disk: the write-ahead log needs shared memory, which network disks do not have. Do not use
/// it in a child after `fork`; open it again there. On Linux anything else in the process may open and close the file
/// meanwhile, another SQLite too; elsewhere it must not, because closing it drops the registry's locks.
#[derive(Clone, Debug)]
pub struct SqliteRegistry {
    connections: Arc<Connections>,
}

impl SqliteRegistry {
    /// Opens the file, and creates it where it does not exist.
    ///
    /// # Errors
    /// [`NotFound`](crate::Error::NotFound) when its folder does not exist,
    /// [`PermissionDenied`](crate::Error::PermissionDenied) when it cannot be read and written,
    /// [`InvalidInput`](crate::Error::InvalidInput) for a folder or another program's file,
    /// [`Corrupt`](crate::Error::Corrupt) for damage that shows, [`Unsupported`](crate::Error::Unsupported) for the file
    /// of a newer version, [`Unavailable`](crate::Error::Unavailable) when another process locks it too long,
    /// [`StorageFull`](crate::Error::StorageFull). It looks at the head of the log and at no other row: those are checked when
    /// they are read, and all of them by [`verify`](Registry::verify). A file of an earlier version is verified once, when it
    /// is opened for writing first.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self> {
        Self::open_with(&SqliteOptions::new(path))
    }

    /// Opens what a URL names: `sqlite:///relative/path`, `sqlite:////absolute/path`, see [`SqliteOptions::from_url`].
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_url(url: &str) -> Result<Self> {
        Self::open_with(&SqliteOptions::of_url(connection::OPEN, url)?)
    }

    /// Opens a file in another way.
    ///
    /// # Errors
    /// As [`open`](Self::open), and [`NotFound`](crate::Error::NotFound) for a file that must exist.
    pub fn open_with(options: &SqliteOptions) -> Result<Self> {
        Ok(Self { connections: Arc::new(Connections::open(options, None)?) })
    }

    /// Opens a file only if its log goes through a head that was noted elsewhere, as [`verify`](Registry::verify) and each audit entry
    /// answer it: a forged log does not. Without it the head that is kept beside the file counts alone.
    ///
    /// # Errors
    /// As [`open_with`](Self::open_with), and [`Corrupt`](crate::Error::Corrupt) for a log that does not go through the head.
    pub fn open_with_head(options: &SqliteOptions, head: &AuditHead) -> Result<Self> {
        Ok(Self { connections: Arc::new(Connections::open(options, Some(head))?) })
    }

    /// Copies the registry into the new file `to` while others read and write it: a registry of its own, as it was at one moment. Answers
    /// the head of its log, which has been verified with all its rows: note it elsewhere, and open the copy with
    /// [`open_with_head`](Self::open_with_head). The copy appears whole or not at all, and is on the disk then.
    ///
    /// To go back to it, close the registry, put the copy in the place of its file, and remove the files beside it whose names end in
    /// `-wal`, `-shm` and `-head`. Artifacts are not part of it.
    ///
    /// # Errors
    /// [`AlreadyExists`](crate::Error::AlreadyExists) for a file that is there, [`Corrupt`](crate::Error::Corrupt) where the registry is damaged,
    /// [`StorageFull`](crate::Error::StorageFull), and where the folder cannot be written.
    pub fn back_up(&self, to: impl AsRef<std::path::Path>) -> Result<AuditHead> {
        backup::back_up(self, to.as_ref())
    }

    fn read<T>(&self, read: impl FnOnce(&SqlTables<'_>) -> Result<T>) -> Result<T> {
        self.connections.read(|session| {
            read(&SqlTables::new(&session.connection, self.connections.path(), &session.known)?)
        })
    }
}

impl Registry for SqliteRegistry {
    fn apply(&self, mutation: &Mutation, change: &Change) -> Result<AuditEntry> {
        const OPERATION: &str = "change registry";
        let file = self.connections.path();
        let mut writer = self.connections.writer()?;
        let Writer { session: Session { connection, known }, files } = &mut *writer;
        // The lock is taken before anything is read: what is decided on cannot change until it is written.
        let transaction = self.connections.begin(connection)?;
        files.check()?;
        let mut tables = SqlTables::new(&transaction, file, known)?;
        if let Mutation::CreateVersion(new) = mutation
            && let Some(version) = new.version
        {
            let last = tables.model(&new.model)?.and_then(|model| model.last_version);
            require_near("create version", &new.model, version, last)?;
        }
        let entry = backend::apply(&mut tables, mutation, change)?;
        let is_new = entry.sequence > known.borrow().head().sequence;
        transaction.commit().map_err(commit_meaning(OPERATION, file))?;
        files.check_written()?;
        if is_new {
            known.borrow_mut().written(End::after(&entry));
            self.connections.kept().write(&entry.head());
        }
        Ok(entry)
    }

    fn model(&self, name: &ModelName) -> Result<Model> {
        self.read(|tables| backend::model(tables, name))
    }

    fn models(&self, after: Option<&ModelName>, limit: usize) -> Result<Vec<Model>> {
        self.read(|tables| tables.models(after, limit))
    }

    fn version(&self, model: &ModelName, version: Version) -> Result<ModelVersion> {
        self.read(|tables| backend::version(tables, model, version))
    }

    fn versions(&self, model: &ModelName, after: Option<Version>, limit: usize) -> Result<Vec<ModelVersion>> {
        self.read(|tables| tables.versions(model, after, limit))
    }

    fn alias(&self, model: &ModelName, alias: &Alias) -> Result<Option<Version>> {
        self.read(|tables| backend::alias(tables, model, alias))
    }

    fn aliases(&self, model: &ModelName) -> Result<Vec<(Alias, Version)>> {
        self.read(|tables| backend::aliases(tables, model))
    }

    fn alias_history(&self, model: &ModelName, alias: &Alias) -> Result<Vec<AliasChange>> {
        self.read(|tables| tables.alias_history(model, alias))
    }

    fn audit(&self, from: u64, limit: usize) -> Result<Vec<AuditEntry>> {
        self.read(|tables| tables.entries(from, limit))
    }

    fn verify(&self) -> Result<AuditHead> {
        self.connections
            .read(|session| verify::verify(&session.connection, self.connections.path(), &session.known))
    }

    /// The rows of another backend's log get a root of their own; until the first change after it, the log's last entry names none.
    fn restore(&self, log: &mut dyn Iterator<Item = Result<AuditEntry>>) -> Result<AuditHead> {
        let file = self.connections.path();
        let mut writer = self.connections.writer()?;
        let Writer { session: Session { connection, known }, files } = &mut *writer;
        let transaction = self.connections.begin(connection)?;
        files.check()?;
        backend::require_empty(&SqlTables::new(&transaction, file, known)?.head()?)?;
        let end = backup::restore(&transaction, file, log)?;
        let head = SqlTables::unchecked(&transaction, file).head()?;
        transaction.commit().map_err(commit_meaning("restore registry", file))?;
        files.check_written()?;
        if head.sequence > 0 {
            known.borrow_mut().written(end);
            self.connections.kept().write(&head);
        }
        Ok(head)
    }
}

/// A list of versions looks where one could be, so that numbers may not lie anywhere.
fn require_near(
    operation: &'static str,
    model: &ModelName,
    version: Version,
    last: Option<Version>,
) -> Result<()> {
    let last = last.map_or(0, Version::get);
    if version.get().saturating_sub(last) <= MOST_APART {
        return Ok(());
    }
    let problem = format!("a file keeps numbers up to {MOST_APART} above the last one, which is {last}");
    Err(Error::unsupported(operation, format!("{model}/{version}"), problem))
}

const MOST_APART: u64 = 4096;
