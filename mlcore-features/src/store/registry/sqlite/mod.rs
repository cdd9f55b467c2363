//! The registry in one SQLite file.

mod tables;
mod verify;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mlcore::registry::Change;
use mlcore::sql::{Files, MOST_IDLE_READERS, Protected, Schema, Target, begin, commit_meaning, meaning, uri};
pub use mlcore::sql::{SqliteAccess, SqliteOptions};
use mlcore::{Error, Result, interrupt};
use rusqlite::Connection;

use self::tables::Tables;
use super::decide::{Decision, decide, plan};
use super::version::{AllVersions, OldVersions};
use super::{AuditEntry, Changes, Definitions, Diff, Interval, Materialised, Snapshot, moved, repeated};
use crate::store::definition::{
    AnyView, FeatureReference, Resolution, ResolveOptions, ViewVersion, Views, check_project,
    resolve_projections, resolve_references,
};

const SCHEMA: Schema = Schema {
    // `mlcd`.
    application_id: 0x6d6c_6364,
    migrations: &[include_str!("migrations/0001_definitions.sql")],
    open: OPEN,
    migrate: "migrate definitions",
};

const OPEN: &str = "open definitions";
const CHANGE: &str = "change definitions";
const READ: &str = "read definitions";

/// A registry of definitions in one SQLite file of its own, for any number of threads and processes of one machine. Clones share the
/// connections.
///
/// Each apply is one transaction in the write-ahead log, flushed to the disk before it is acknowledged (`synchronous=FULL`). It reads and
/// decides under the lock under which it writes, so that no object of another process is lost. Reading never waits for writing, and costs
/// one look at the last revision while nothing has changed.
///
/// Objects are checked against the digest in the last entry of the audit when they are read: a row that was edited, removed or added is
/// [`Corrupt`](Error::Corrupt). Who can write the file can forge it as a whole; note [`Snapshot::head`] elsewhere to see that.
///
/// Keep the file on a local disk, and open it again in a child after `fork`.
///
/// ```
/// use mlcore::registry::Change;
/// use mlcore::time::Timestamp;
/// use mlcore_features::store::definition::Entity;
/// use mlcore_features::store::registry::{Changes, Definitions, SqliteDefinitions};
///
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("store.db");
/// let change = Change::new("ana", Timestamp::from_millis(0));
/// let driver = Entity::builder("driver").build()?;
/// SqliteDefinitions::open(&path, "rides")?.apply(&Changes::of([driver.clone().into()]), &change)?;
/// // It is there when the file is opened again.
/// assert_eq!(SqliteDefinitions::open(&path, "rides")?.snapshot()?.repository().entity("driver")?, &driver);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct SqliteDefinitions {
    shared: Arc<Shared>,
}

/// One connection that writes, and as many that read as threads read at once.
#[derive(Debug)]
struct Shared {
    target: Target,
    project: String,
    /// The file as SQLite is given it: on a disk that cannot be written it says so.
    name: String,
    /// The objects of the revision that was read last.
    known: Mutex<Option<Arc<Snapshot>>>,
    readers: Mutex<Vec<Connection>>,
    /// Closed last, because only a connection that may write leaves one whole file without a log beside it.
    writer: Option<Mutex<Writer>>,
    _locks: Protected,
}

#[derive(Debug)]
struct Writer {
    connection: Connection,
    files: Files,
}

impl SqliteDefinitions {
    /// Opens the file of a project, and creates it where it does not exist.
    ///
    /// # Errors
    /// [`NotFound`](Error::NotFound) when its folder does not exist, [`PermissionDenied`](Error::PermissionDenied) when it
    /// cannot be read and written, [`InvalidInput`](Error::InvalidInput) for a folder, another program's file or that of another project,
    /// [`Corrupt`](Error::Corrupt) for damage that shows, [`Unsupported`](Error::Unsupported) for the file of a newer
    /// version, [`Unavailable`](Error::Unavailable) when another process locks it too long,
    /// [`StorageFull`](Error::StorageFull).
    pub fn open(path: impl Into<std::path::PathBuf>, project: &str) -> Result<Self> {
        Self::open_with(&SqliteOptions::new(path), project)
    }

    /// Opens the file that a URL means, see [`SqliteOptions::from_url`].
    ///
    /// # Errors
    /// As [`open`](Self::open); [`InvalidInput`](Error::InvalidInput) for a URL that is none.
    pub fn open_url(url: &str, project: &str) -> Result<Self> {
        Self::open_with(&SqliteOptions::of_url(OPEN, url)?, project)
    }

    /// Opens a file in another way.
    ///
    /// ```
    /// use mlcore_features::store::registry::{Definitions, SqliteDefinitions, SqliteOptions};
    ///
    /// # let folder = tempfile::tempdir().unwrap();
    /// let options = SqliteOptions::new(folder.path().join("store.db")).with_max_bytes(64 << 20);
    /// assert!(SqliteDefinitions::open_with(&options, "rides")?.snapshot()?.repository().is_empty());
    /// # Ok::<(), mlcore::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with(options: &SqliteOptions, project: &str) -> Result<Self> {
        check_project(project)?;
        let target = options.target(OPEN)?;
        let locks = Protected::new(&target.path);
        let file = &target.path;
        let check = |connection: &Connection| Tables::new(connection, file, OPEN).check_project(project);
        let (name, readers, writer) = if options.is_read_only() {
            let (name, reader) = target.open_read_only(|connection| SCHEMA.check(connection, file))?;
            check(&reader)?;
            (name, vec![reader], None)
        } else {
            let name = uri(file, "");
            let look = |connection: &Connection| SCHEMA.version(connection, file).map(drop);
            let connection = target.open_writer(&name, look, |connection| {
                SCHEMA.migrate(connection, file, |new| Tables::new(new, file, OPEN).begin_project(project))
            })?;
            check(&connection)?;
            (name, Vec::new(), Some(Mutex::new(Writer { connection, files: Files::new(file, CHANGE) })))
        };
        let (project, known) = (project.to_owned(), Mutex::new(None));
        let readers = Mutex::new(readers);
        let opened = Self {
            shared: Arc::new(Shared { target, project, name, known, readers, writer, _locks: locks }),
        };
        // Damage shows now, and not in the middle of work.
        opened.snapshot()?;
        Ok(opened)
    }

    /// Reads in one snapshot, with a connection that nobody else uses meanwhile.
    fn read<T>(&self, read: impl FnOnce(&Tables<'_>) -> Result<T>) -> Result<T> {
        let Shared { target, name, readers, .. } = &*self.shared;
        let waiting = || readers.lock().unwrap_or_else(PoisonError::into_inner);
        let failed = meaning(READ, &target.path);
        let idle = waiting().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => target.open_reader(name)?,
        };
        let run = |sql| connection.prepare_cached(sql)?.execute(()).map(drop);
        run("BEGIN").map_err(&failed)?;
        let answer = read(&Tables::new(&connection, &target.path, READ));
        // Nothing was written: what ends a transaction that only read does not matter.
        drop(run("COMMIT"));
        let mut readers = waiting();
        // One whose snapshot could not be ended is closed.
        if readers.len() < MOST_IDLE_READERS && connection.is_autocommit() {
            readers.push(connection);
        }
        answer
    }

    /// The objects of the last revision, which are read where it is another than the last time.
    fn current(&self, tables: &Tables<'_>) -> Result<Arc<Snapshot>> {
        let known = || self.shared.known.lock().unwrap_or_else(PoisonError::into_inner);
        let last = tables.head()?;
        if let Some(snapshot) = &*known()
            && (snapshot.revision, snapshot.head) == last
        {
            return Ok(Arc::clone(snapshot));
        }
        let snapshot = Arc::new(tables.snapshot(&self.shared.project)?);
        *known() = Some(Arc::clone(&snapshot));
        Ok(snapshot)
    }

    /// Writes in one transaction, and answers after the disk has it. What `work` answers with `None` is left as it is.
    fn write<T>(&self, work: impl FnOnce(&Tables<'_>) -> Result<(T, Option<Arc<Snapshot>>)>) -> Result<T> {
        let Shared { target, writer, known, .. } = &*self.shared;
        let file = &target.path;
        let Some(writer) = writer else {
            return Err(Error::permission_denied(
                CHANGE,
                file.display().to_string(),
                "it was opened read-only",
            )
            .remedy("open it with access to write"));
        };
        let mut writer = interrupt::lock(CHANGE, writer)?;
        let Writer { connection, files } = &mut *writer;
        // The lock is taken before anything is read: what is decided on cannot change until it is written.
        let transaction = begin(connection, file, CHANGE, patience(target.busy_timeout))?;
        files.check()?;
        let (answer, snapshot) = work(&Tables::new(&transaction, file, CHANGE))?;
        transaction.commit().map_err(commit_meaning(CHANGE, file))?;
        files.check_written()?;
        if snapshot.is_some() {
            *known.lock().unwrap_or_else(PoisonError::into_inner) = snapshot;
        }
        Ok(answer)
    }
}

/// At least one try.
fn patience(timeout: Duration) -> Duration {
    timeout.max(Duration::from_millis(1))
}

impl Definitions for SqliteDefinitions {
    fn snapshot(&self) -> Result<Arc<Snapshot>> {
        self.read(|tables| self.current(tables))
    }

    fn plan(&self, changes: &Changes) -> Result<Diff> {
        self.read(|tables| plan(&*self.current(tables)?, tables, changes).map(|(_, diff)| diff))
    }

    fn apply(&self, changes: &Changes, change: &Change) -> Result<Diff> {
        self.write(|tables| match decide(&*self.current(tables)?, tables, changes, change)? {
            Decision::Repeated(entry) => Ok((repeated(&entry), None)),
            Decision::Unchanged(diff) => Ok((diff, None)),
            Decision::New(next) => {
                tables.write(&next)?;
                Ok((next.diff, Some(Arc::new(next.snapshot))))
            }
        })
    }

    fn version(&self, view: &str, version: ViewVersion) -> Result<AnyView> {
        self.read(|tables| OldVersions::new(&self.shared.project, tables).view(view, Some(version)))
    }

    fn versions(&self, view: &str) -> Result<Vec<ViewVersion>> {
        self.read(|tables| tables.versions(view))
    }

    fn audit(&self, from: u64, limit: usize) -> Result<Vec<AuditEntry>> {
        self.read(|tables| tables.entries(from, limit))
    }

    fn materialised(&self, view: &str) -> Result<Materialised> {
        self.read(|tables| {
            let version = self.current(tables)?.version_of(view)?;
            tables.materialised(view, version)
        })
    }

    fn record_materialised(
        &self,
        view: &str,
        version: ViewVersion,
        interval: Interval,
    ) -> Result<Materialised> {
        self.write(|tables| {
            let now = self.current(tables)?.version_of(view)?;
            if now != version {
                return Err(moved(view, version, now));
            }
            let known = tables.materialised(view, version)?.with(interval);
            tables.write_materialised(view, &known)?;
            Ok((known, None))
        })
    }

    fn verify(&self) -> Result<()> {
        self.read(|tables| verify::verify(tables, &self.shared.project))
    }

    fn resolve(&self, references: &[FeatureReference], options: &ResolveOptions) -> Result<Resolution> {
        self.read(|tables| {
            let snapshot = self.current(tables)?;
            resolve_references(&AllVersions { snapshot: &snapshot, history: tables }, references, options)
        })
    }

    fn resolve_service(&self, service: &str, options: &ResolveOptions) -> Result<Resolution> {
        self.read(|tables| {
            let snapshot = self.current(tables)?;
            let service = snapshot.repository().service(service)?;
            let views = AllVersions { snapshot: &snapshot, history: tables };
            resolve_projections(&views, service.projections(), options)
        })
    }
}
