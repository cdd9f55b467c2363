//! The tracker in one SQLite file.

mod backup;
mod database;
mod group;

use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;

use self::database::SqliteDatabase;
use self::group::{Queue, Writer};
use super::database::SqlTables;
use super::search::Query;
use super::{
    Edit, Experiment, ExperimentSearch, HistorySearch, LoggedModel, LoggedModelSearch, Metric, Page, Run,
    RunSearch, Tracker, limits,
};
use crate::error::{Error, Result};
use crate::name::{ExperimentId, LoggedModelId, RunId};
use crate::sql::{Files, MOST_IDLE_READERS, Protected, Schema, Target, meaning, uri};
pub use crate::sql::{SqliteAccess, SqliteOptions};

const SCHEMA: Schema = Schema {
    // `mlct`.
    application_id: 0x6d6c_6374,
    migrations: &[include_str!("migrations/0001_tracking.sql")],
    open: OPEN,
    migrate: "migrate tracker",
};

const OPEN: &str = "open tracker";
const CHANGE: &str = "change tracker";
const READ: &str = "read tracker";

/// A tracker in one SQLite file of its own, for any number of threads and processes of one machine. Clones share the
/// connections.
///
/// Each call of [`write`](Tracker::write) is one transaction in the write-ahead log, flushed to the disk before it is
/// acknowledged (`synchronous=FULL`). Calls of several threads that wait for each other share one flush: each is still carried
/// out whole or not at all by itself, and answered after the flush. Two processes may write at once; the later waits. Reading
/// never waits for writing.
///
/// A search by the order of a metric, parameter or tag, and one whose comparison of such a value few runs pass, reads an index and
/// stops when the page is full; `LIKE` and `ILIKE` read the index of their key. Other searches look at one run after the other,
/// inside SQLite.
///
/// Keep the file on a local disk, and open it again in a child after `fork`.
///
/// ```
/// use mlcore::time::Timestamp;
/// use mlcore::tracking::{SqliteTracker, Tracker, TrackerExt};
///
/// # let folder = tempfile::tempdir().unwrap();
/// # let folder = folder.path();
/// let experiment = SqliteTracker::open(folder.join("tracking.db"))?.default_experiment(Timestamp::from_millis(0))?;
/// // It is there when the file is opened again.
/// let tracker = SqliteTracker::open(folder.join("tracking.db"))?;
/// assert_eq!(tracker.experiment(&experiment.id)?, experiment);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct SqliteTracker {
    shared: Arc<Shared>,
}

/// One connection that writes, and as many that read as threads read at once.
#[derive(Debug)]
struct Shared {
    target: Target,
    /// The file as SQLite is given it: on a disk that cannot be written it says so.
    name: String,
    readers: Mutex<Vec<Connection>>,
    queue: Queue,
    /// Closed last, because only a connection that may write leaves one whole file without a log beside it.
    writer: Option<Mutex<Writer>>,
    _locks: Protected,
}

impl SqliteTracker {
    /// Opens the file, and creates it where it does not exist.
    ///
    /// # Errors
    /// [`NotFound`](Error::NotFound) when its folder does not exist, [`PermissionDenied`](Error::PermissionDenied) when it
    /// cannot be read and written, [`InvalidInput`](Error::InvalidInput) for a folder or another program's file,
    /// [`Corrupt`](Error::Corrupt) for damage that shows, [`Unsupported`](Error::Unsupported) for the file of a newer
    /// version, [`Unavailable`](Error::Unavailable) when another process locks it too long,
    /// [`StorageFull`](Error::StorageFull).
    pub fn open(path: impl Into<std::path::PathBuf>) -> Result<Self> {
        Self::open_with(&SqliteOptions::new(path))
    }

    /// Opens the file that a URL means, see [`SqliteOptions::from_url`].
    ///
    /// # Errors
    /// As [`open`](Self::open); [`InvalidInput`](Error::InvalidInput) for a URL that is none.
    pub fn open_url(url: &str) -> Result<Self> {
        Self::open_with(&SqliteOptions::of_url(OPEN, url)?)
    }

    /// Opens a file in another way.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with(options: &SqliteOptions) -> Result<Self> {
        let target = options.target(OPEN)?;
        let locks = Protected::new(&target.path);
        let file = &target.path;
        let (name, readers, writer) = if options.is_read_only() {
            let (name, reader) = target.open_read_only(|connection| SCHEMA.check(connection, file))?;
            database::prepare(&reader).map_err(meaning(OPEN, file))?;
            (name, vec![reader], None)
        } else {
            let name = uri(file, "");
            let look = |connection: &Connection| SCHEMA.version(connection, file).map(drop);
            let connection =
                target.open_writer(&name, look, |connection| SCHEMA.migrate(connection, file, |_| Ok(())))?;
            (name, Vec::new(), Some(Writer { connection, files: Files::new(file, CHANGE) }))
        };
        let (readers, writer, queue) = (Mutex::new(readers), writer.map(Mutex::new), Queue::default());
        Ok(Self { shared: Arc::new(Shared { target, name, readers, queue, writer, _locks: locks }) })
    }

    /// Copies the tracker into the new file `to` while others read and write it: a tracker of its own, as it was at one moment, which has
    /// been checked. The copy appears whole or not at all, and is on the disk then.
    ///
    /// To go back to it, close the tracker, put the copy in the place of its file, and remove the files beside it whose names end in
    /// `-wal` and `-shm`. The files of runs are not part of it.
    ///
    /// ```
    /// use mlcore::time::Timestamp;
    /// use mlcore::tracking::{SqliteTracker, Tracker, TrackerExt};
    ///
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let folder = folder.path();
    /// let tracker = SqliteTracker::open(folder.join("tracking.db"))?;
    /// let experiment = tracker.default_experiment(Timestamp::from_millis(0))?;
    /// tracker.back_up(folder.join("copy.db"))?;
    /// assert_eq!(SqliteTracker::open(folder.join("copy.db"))?.experiment(&experiment.id)?, experiment);
    /// # Ok::<(), mlcore::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`AlreadyExists`](Error::AlreadyExists) for a file that is there, [`Corrupt`](Error::Corrupt) where the tracker is damaged,
    /// [`StorageFull`](Error::StorageFull), and where the folder cannot be written.
    pub fn back_up(&self, to: impl AsRef<std::path::Path>) -> Result<()> {
        backup::back_up(&self.shared, to.as_ref())
    }

    /// Reads in one snapshot, with a connection that nobody else uses meanwhile.
    fn read<T>(&self, read: impl FnOnce(&SqlTables<'_>) -> Result<T>) -> Result<T> {
        let Shared { target, name, readers, .. } = &*self.shared;
        let (waiting, failed) =
            (|| readers.lock().unwrap_or_else(PoisonError::into_inner), meaning(READ, &target.path));
        let idle = waiting().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => {
                let connection = target.open_reader(name)?;
                database::prepare(&connection).map_err(&failed)?;
                connection
            }
        };
        let run = |sql| connection.prepare_cached(sql)?.execute(()).map(drop);
        run("BEGIN").map_err(&failed)?;
        let answer = read(&SqlTables::new(&SqliteDatabase::new(&connection, &target.path, READ)));
        // Nothing was written: what ends a transaction that only read does not matter.
        drop(run("COMMIT"));
        let mut readers = waiting();
        // One whose snapshot could not be ended is closed.
        if readers.len() < MOST_IDLE_READERS && connection.is_autocommit() {
            readers.push(connection);
        }
        answer
    }
}

impl Tracker for SqliteTracker {
    fn write(&self, edits: &[Edit]) -> Result<()> {
        edits.iter().try_for_each(limits::check)?;
        let Some(writer) = &self.shared.writer else {
            let file = self.shared.target.path.display().to_string();
            return Err(Error::permission_denied(CHANGE, file, "it was opened read-only")
                .remedy("open it with access to write"));
        };
        if edits.is_empty() { Ok(()) } else { self.shared.write(writer, edits) }
    }

    fn experiment(&self, id: &ExperimentId) -> Result<Experiment> {
        self.read(|tables| tables.known_experiment(id))
    }

    fn experiment_by_name(&self, name: &str) -> Result<Experiment> {
        self.read(|tables| tables.known_experiment_named(name))
    }

    fn search_experiments(&self, search: &ExperimentSearch) -> Result<Page<Experiment>> {
        let query = Query::of_experiments(search)?;
        self.read(|tables| tables.page_of_experiments(search, &query))
    }

    fn run(&self, id: &RunId) -> Result<Run> {
        self.read(|tables| tables.known_run(id))
    }

    fn search_runs(&self, search: &RunSearch) -> Result<Page<Run>> {
        let query = Query::of_runs(search)?;
        self.read(|tables| tables.page_of_runs(search, &query))
    }

    fn metric_history(&self, search: &HistorySearch) -> Result<Page<Metric>> {
        let query = Query::of_history(search)?;
        self.read(|tables| tables.history(search, &query))
    }

    fn logged_model(&self, id: &LoggedModelId) -> Result<LoggedModel> {
        self.read(|tables| tables.known_model(id))
    }

    fn search_logged_models(&self, search: &LoggedModelSearch) -> Result<Page<LoggedModel>> {
        let query = Query::of_logged_models(search)?;
        self.read(|tables| tables.page_of_models(search, &query))
    }
}
