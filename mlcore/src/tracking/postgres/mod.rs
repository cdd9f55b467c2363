//! The tracker in a PostgreSQL database.

mod database;
mod locks;
mod schema;

use std::sync::Arc;

use self::database::PostgresDatabase;
use self::locks::Locks;
use self::schema::PART;
use super::database::SqlTables;
use super::search::Query;
use super::{
    Edit, Experiment, ExperimentSearch, HistorySearch, LoggedModel, LoggedModelSearch, Metric, Page, Run,
    RunSearch, Tracker, limits, rules,
};
use crate::error::Result;
use crate::name::{ExperimentId, LoggedModelId, RunId};
pub use crate::postgres::PostgresOptions;
use crate::postgres::{Access, Pool};

/// A tracker in a schema of a PostgreSQL database (13 or later), for any number of threads, processes and machines; it may share
/// database and schema with a registry. Clones share the connections.
///
/// Each call of [`write`](Tracker::write) is one transaction with `synchronous_commit = on`. Writers of one run exclude each
/// other by an advisory lock, those of several runs do not, and what changes an experiment waits for all. A call whose server was
/// restarted before the commit is carried out again; one whose commit was not answered is
/// [`OutcomeUnknown`](crate::Error::OutcomeUnknown). Reading waits for nobody, and answers from a standby, too, where the URL
/// names one.
///
/// Searches read indexes as those of `SqliteTracker` do. `ILIKE`, and `LIKE` with a `_`, read all values of their key.
///
/// It may be called from inside a host's async runtime: the connections have threads of their own.
///
/// ```no_run
/// use mlcore::tracking::PostgresTracker;
///
/// let tracker = PostgresTracker::open("postgresql://ml:secret@db.example.com/ml?sslmode=require")?;
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct PostgresTracker {
    pool: Arc<Pool>,
}

impl PostgresTracker {
    /// Opens the tracker that a URL means, see [`PostgresOptions::from_url`], and makes its tables where there are none.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::Error::InvalidInput) for a URL that is none, [`Unavailable`](crate::Error::Unavailable) for a server that
    /// cannot be reached, [`NotFound`](crate::Error::NotFound) for a database that does not exist,
    /// [`PermissionDenied`](crate::Error::PermissionDenied) for a user who may not enter or may not make tables,
    /// [`Unsupported`](crate::Error::Unsupported) for the tables of a newer version.
    pub fn open(url: &str) -> Result<Self> {
        Self::open_with(&PostgresOptions::from_url(url)?)
    }

    /// Opens a tracker in another way.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with(options: &PostgresOptions) -> Result<Self> {
        let pool = Arc::new(Pool::new(options.clone())?);
        PART.prepare(&pool)?;
        Ok(Self { pool })
    }

    /// Several statements that read one state.
    fn read<T: Send + 'static>(
        &self,
        read: impl Fn(&SqlTables<'_>) -> Result<T> + Send + Sync + 'static,
    ) -> Result<T> {
        self.pool.run(READ, Access::Read, move |statements| {
            read(&SqlTables::new(&PostgresDatabase::new(statements, READ)))
        })
    }
}

const READ: &str = "read tracker";
const CHANGE: &str = "change tracker";

impl Tracker for PostgresTracker {
    fn write(&self, edits: &[Edit]) -> Result<()> {
        edits.iter().try_for_each(limits::check)?;
        if edits.is_empty() {
            return Ok(());
        }
        let edits = edits.to_vec();
        let locks = Locks::of(&self.pool.options().schema, &edits);
        self.pool.run(CHANGE, Access::Write, move |statements| {
            // Before anything is read: what is decided on cannot change until it is written.
            locks.take(statements)?;
            let database = PostgresDatabase::new(statements, CHANGE);
            let mut tables = SqlTables::new(&database);
            edits.iter().try_for_each(|edit| rules::apply(&mut tables, edit))
        })
    }

    fn experiment(&self, id: &ExperimentId) -> Result<Experiment> {
        let id = id.clone();
        self.read(move |tables| tables.known_experiment(&id))
    }

    fn experiment_by_name(&self, name: &str) -> Result<Experiment> {
        let name = name.to_owned();
        self.read(move |tables| tables.known_experiment_named(&name))
    }

    fn search_experiments(&self, search: &ExperimentSearch) -> Result<Page<Experiment>> {
        let (query, search) = (Query::of_experiments(search)?, search.clone());
        self.read(move |tables| tables.page_of_experiments(&search, &query))
    }

    fn run(&self, id: &RunId) -> Result<Run> {
        let id = id.clone();
        self.read(move |tables| tables.known_run(&id))
    }

    fn search_runs(&self, search: &RunSearch) -> Result<Page<Run>> {
        let (query, search) = (Query::of_runs(search)?, search.clone());
        self.read(move |tables| tables.page_of_runs(&search, &query))
    }

    fn metric_history(&self, search: &HistorySearch) -> Result<Page<Metric>> {
        let (query, search) = (Query::of_history(search)?, search.clone());
        self.read(move |tables| tables.history(&search, &query))
    }

    fn logged_model(&self, id: &LoggedModelId) -> Result<LoggedModel> {
        let id = id.clone();
        self.read(move |tables| tables.known_model(&id))
    }

    fn search_logged_models(&self, search: &LoggedModelSearch) -> Result<Page<LoggedModel>> {
        let (query, search) = (Query::of_logged_models(search)?, search.clone());
        self.read(move |tables| tables.page_of_models(&search, &query))
    }
}
