//! The registry in a PostgreSQL database.

mod schema;
mod tables;

use std::sync::Arc;

use self::schema::PART;
use self::tables::PostgresTables;
use super::backend::{self, Tables};
use super::{AliasChange, AuditEntry, AuditHead, Change, Model, ModelVersion, Mutation, Registry};
use crate::error::Result;
use crate::name::{Alias, ModelName, Version};
pub use crate::postgres::PostgresOptions;
use crate::postgres::{Access, Pool, Statements, damaged, lock_of};

/// A registry in a schema of a PostgreSQL database (12 or later), for any number of threads, processes and machines. Clones share the
/// connections.
///
/// Each change is one transaction with `synchronous_commit = on`; changes exclude each other by an advisory lock, which ends with
/// its holder's connection. A change whose server was restarted before the commit is carried out again; one whose commit was
/// not answered is [`OutcomeUnknown`](crate::Error::OutcomeUnknown). Reading waits for nobody, and answers from a standby, too,
/// where the URL names one.
///
/// Every row has a digest, and every entry of the log the one before it: a row that was edited is
/// [`Corrupt`](crate::Error::Corrupt) when it is read, and one that was added, removed or put back when the registry is
/// [verified](Registry::verify). The server refuses to change or delete an entry of the log by triggers, which its owner can
/// remove; what can be written can be forged as a whole, which [`check_through`](Self::check_through) finds.
///
/// It may be called from inside a host's async runtime: the connections have threads of their own.
///
/// ```no_run
/// use mlcore::registry::PostgresRegistry;
///
/// let registry = PostgresRegistry::open("postgresql://ml:secret@db.example.com/ml?sslmode=require")?;
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct PostgresRegistry {
    pool: Arc<Pool>,
}

impl PostgresRegistry {
    /// Opens the registry that a URL means, see [`PostgresOptions::from_url`], and makes its tables where there are none.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::Error::InvalidInput) for a URL that is none, [`Unavailable`](crate::Error::Unavailable) for a server that
    /// cannot be reached, [`NotFound`](crate::Error::NotFound) for a database that does not exist,
    /// [`PermissionDenied`](crate::Error::PermissionDenied) for a user who may not enter or may not make tables,
    /// [`Unsupported`](crate::Error::Unsupported) for the tables of a newer version.
    pub fn open(url: &str) -> Result<Self> {
        Self::open_with(&PostgresOptions::from_url(url)?)
    }

    /// Opens a registry in another way.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with(options: &PostgresOptions) -> Result<Self> {
        let pool = Arc::new(Pool::new(options.clone())?);
        PART.prepare(&pool)?;
        Ok(Self { pool })
    }

    /// Fails unless the log goes through a head that was noted elsewhere, as [`verify`](Registry::verify) and each audit entry
    /// answer it: a forged log does not.
    ///
    /// # Errors
    /// [`Corrupt`](crate::Error::Corrupt) for a log that does not, and where the server cannot be read.
    pub fn check_through(&self, head: &AuditHead) -> Result<()> {
        let found = match head.sequence {
            0 => return Ok(()),
            sequence => self.audit(sequence, 1)?.pop(),
        };
        if found.is_some_and(|entry| entry.sequence == head.sequence && entry.hash == head.hash) {
            return Ok(());
        }
        let problem = format!("its log does not go through entry {} as it was noted", head.sequence);
        Err(damaged(READ, self.pool.options().subject().to_owned(), problem))
    }

    /// One statement.
    fn read<T: Send + 'static>(
        &self,
        read: impl Fn(&PostgresTables<'_, '_>) -> Result<T> + Send + Sync + 'static,
    ) -> Result<T> {
        self.pool.run(READ, Access::Statement, move |statements| read(&PostgresTables::new(statements)))
    }
}

const READ: &str = "read registry";
const WRITE: &str = "change registry";

impl Registry for PostgresRegistry {
    fn apply(&self, mutation: &Mutation, change: &Change) -> Result<AuditEntry> {
        let (mutation, change) = (mutation.clone(), change.clone());
        let lock = lock_of("registry", &self.pool.options().schema);
        self.pool.run(WRITE, Access::Write, move |statements: &mut Statements<'_>| {
            // Before anything is read: what is decided on cannot change until it is written.
            statements.query("SELECT pg_advisory_xact_lock($1)", &[&lock])?;
            backend::apply(&mut PostgresTables::new(statements), &mutation, &change)
        })
    }

    fn model(&self, name: &ModelName) -> Result<Model> {
        let name = name.clone();
        self.read(move |tables| backend::model(tables, &name))
    }

    fn models(&self, after: Option<&ModelName>, limit: usize) -> Result<Vec<Model>> {
        let after = after.cloned();
        self.read(move |tables| tables.models(after.as_ref(), limit))
    }

    fn version(&self, model: &ModelName, version: Version) -> Result<ModelVersion> {
        let model = model.clone();
        self.read(move |tables| backend::version(tables, &model, version))
    }

    fn versions(&self, model: &ModelName, after: Option<Version>, limit: usize) -> Result<Vec<ModelVersion>> {
        let model = model.clone();
        self.read(move |tables| tables.versions(&model, after, limit))
    }

    fn alias(&self, model: &ModelName, alias: &Alias) -> Result<Option<Version>> {
        let (model, alias) = (model.clone(), alias.clone());
        self.read(move |tables| backend::alias(tables, &model, &alias))
    }

    fn aliases(&self, model: &ModelName) -> Result<Vec<(Alias, Version)>> {
        let model = model.clone();
        self.read(move |tables| backend::aliases(tables, &model))
    }

    fn alias_history(&self, model: &ModelName, alias: &Alias) -> Result<Vec<AliasChange>> {
        let (model, alias) = (model.clone(), alias.clone());
        self.read(move |tables| tables.alias_history(&model, &alias))
    }

    fn audit(&self, from: u64, limit: usize) -> Result<Vec<AuditEntry>> {
        self.read(move |tables| tables.entries(from, limit))
    }

    /// The log is kept in memory meanwhile, because a transaction may be carried out again.
    fn restore(&self, log: &mut dyn Iterator<Item = Result<AuditEntry>>) -> Result<AuditHead> {
        let log = log.collect::<Result<Vec<_>>>()?;
        let lock = lock_of("registry", &self.pool.options().schema);
        self.pool.run("restore registry", Access::Write, move |statements: &mut Statements<'_>| {
            statements.query("SELECT pg_advisory_xact_lock($1)", &[&lock])?;
            backend::restore(&mut PostgresTables::new(statements), &mut log.iter().cloned().map(Ok))
        })
    }

    fn verify(&self) -> Result<AuditHead> {
        self.pool.run("verify registry", Access::Read, move |statements| {
            let tables = PostgresTables::new(statements);
            let head = backend::verify(&tables)?;
            tables.check_columns(&head)?;
            Ok(head)
        })
    }
}
