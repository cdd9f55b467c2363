//! The tracker in one SQLite file.

mod bits;
mod clauses;
mod options;
mod read;
mod search;
mod tables;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;

pub use self::options::SqliteTrackerOptions;
use self::tables::SqlTables;
use super::rules::{self, Tables, required};
use super::search::Query;
use super::{
    Edit, Experiment, ExperimentSearch, HistorySearch, LoggedModel, LoggedModelSearch, Metric, Page, Run,
    RunSearch, Tracker, limits,
};
use crate::error::{Error, Result};
use crate::interrupt;
use crate::name::{ExperimentId, LoggedModelId, RunId};
use crate::sql::{self, Files, MOST_IDLE_READERS, Protected, Schema, Target, commit_meaning, meaning, uri};

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
/// acknowledged (`synchronous=FULL`). Two processes may write at once; the later waits. Reading never waits for writing.
///
/// A search by the order of a metric, and one whose comparison of a metric few runs pass, reads an index and stops when the page
/// is full. `LIKE`, `ILIKE` and comparisons of datasets look at one run after the other.
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
    name: String,
    readers: Mutex<Vec<Connection>>,
    /// Closed last, because only a connection that may write leaves one whole file without a log beside it.
    writer: Mutex<(Connection, Files)>,
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
        Self::open_with(&SqliteTrackerOptions::new(path))
    }

    /// Opens a file in another way.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with(options: &SqliteTrackerOptions) -> Result<Self> {
        let path = std::path::absolute(&options.path)
            .map_err(|cause| Error::from_io(OPEN, options.path.display().to_string(), cause))?;
        let target = Target {
            path,
            may_create: true,
            busy_timeout: options.busy_timeout,
            max_bytes: options.max_bytes,
            open: OPEN,
        };
        target.check_place()?;
        let locks = Protected::new(&target.path);
        let name = uri(&target.path, "");
        let file = &target.path;
        let writer = target.open_writer(
            &name,
            |connection| SCHEMA.version(connection, file).map(drop),
            |connection| SCHEMA.migrate(connection, file, |_| Ok(())),
        )?;
        let files = Files::new(&target.path, CHANGE);
        let (readers, writer) = (Mutex::default(), Mutex::new((writer, files)));
        Ok(Self { shared: Arc::new(Shared { target, name, readers, writer, _locks: locks }) })
    }

    fn file(&self) -> &Path {
        &self.shared.target.path
    }

    /// Reads in one snapshot, with a connection that nobody else uses meanwhile.
    fn read<T>(&self, read: impl FnOnce(&SqlTables<'_>) -> Result<T>) -> Result<T> {
        let waiting = || self.shared.readers.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = waiting().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => self.shared.target.open_reader(&self.shared.name)?,
        };
        let run = |sql| connection.prepare_cached(sql)?.execute(()).map(drop);
        run("BEGIN").map_err(meaning(READ, self.file()))?;
        let answer = read(&SqlTables::new(&connection, self.file()));
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
        if edits.is_empty() {
            return Ok(());
        }
        let mut writer = interrupt::lock(CHANGE, &self.shared.writer)?;
        let (connection, files) = &mut *writer;
        // The lock is taken before anything is read: what is decided on cannot change until it is written.
        let transaction = sql::begin(connection, self.file(), CHANGE, self.shared.target.busy_timeout)?;
        files.check()?;
        let mut tables = SqlTables::new(&transaction, self.file());
        edits.iter().try_for_each(|edit| rules::apply(&mut tables, edit))?;
        transaction.commit().map_err(commit_meaning(CHANGE, self.file()))?;
        files.check_written()
    }

    fn experiment(&self, id: &ExperimentId) -> Result<Experiment> {
        self.read(|tables| required(tables.experiment(id)?, "experiment", id))
    }

    fn experiment_by_name(&self, name: &str) -> Result<Experiment> {
        self.read(|tables| required(tables.experiment_named(name)?, "experiment", name))
    }

    fn search_experiments(&self, search: &ExperimentSearch) -> Result<Page<Experiment>> {
        let query = Query::of_experiments(search)?;
        let all = self.read(|tables| tables.experiments())?;
        query.page(all.into_iter().filter(|found| search.view.shows(found.lifecycle_stage)))
    }

    fn run(&self, id: &RunId) -> Result<Run> {
        self.read(|tables| required(tables.run(id)?, "run", id))
    }

    fn search_runs(&self, search: &RunSearch) -> Result<Page<Run>> {
        let query = Query::of_runs(search)?;
        self.read(|tables| search::runs(tables, search, &query))
    }

    fn metric_history(&self, search: &HistorySearch) -> Result<Page<Metric>> {
        let query = Query::of_history(search)?;
        let after = query.after().map(super::memory::place).transpose()?;
        self.read(|tables| {
            let run = required(tables.number_of(&search.run)?, "run", &search.run)?;
            let mut items = tables.history(run, &search.key, after.as_ref(), search.limit + 1)?;
            let is_last = items.len() <= search.limit;
            items.truncate(search.limit);
            let last = items.last().filter(|_| !is_last);
            let next = last.map(|metric| query.token_of(&super::memory::keys(metric)));
            Ok(Page::new(items, next))
        })
    }

    fn logged_model(&self, id: &LoggedModelId) -> Result<LoggedModel> {
        self.read(|tables| {
            let model = rules::active_model(tables, id)?;
            tables.with_metrics(model)
        })
    }

    fn search_logged_models(&self, search: &LoggedModelSearch) -> Result<Page<LoggedModel>> {
        let query = Query::of_logged_models(search)?;
        let models = self.read(|tables| tables.models_of(&search.experiments))?;
        let page = query.page(super::search::model_rows(models.iter(), search))?;
        Ok(Page::new(page.items.into_iter().map(|row| row.model.clone()).collect(), page.next))
    }
}
