//! What was tried, with which parameters on which data, and how good was it?
//!
//! [`Tracker`] is the seam: one method changes, the others read. [`TrackerExt`] is what callers use; [`MemoryTracker`] is the
//! reference, `SqliteTracker` one file on disk, `PostgresTracker` (feature `postgres`) a database for many machines; [`open`] takes the
//! URL of any, and [`TrackerBuffer`] logs to any without waiting. Names, limits, errors and answers are those of MLflow 3.17, so
//! that its client can be served from any tracker; [`search`] reads its filters.
//!
//! | | |
//! |---|---|
//! | [`Experiment`] | a group of runs |
//! | [`Run`] | one piece of work: parameters, metrics over time, tags, what it read and made; nested by the tag [`PARENT_TAG`] |
//! | [`LoggedModel`] | a model as a run made it, with what was measured of it |
//! | [`RunComparison`] | runs side by side |
//! | [`SystemMetrics`] | what the machine does meanwhile |
//! | `mlflow` | what MLflow has stored, taken over, and a database that MLflow opens |
//!
//! A tracker has no clock and makes no ids: each [`Edit`] says when, and brings the ids of what it creates;
//! [`TrackerExt::create_numbered_experiment`] counts them. Whole milliseconds of a time are stored.
//!
//! **What differs from MLflow.** Infinities are stored as such (MLflow's databases store the largest finite number). NaN is
//! compared as NaN, not as 0: it passes `!=` and no other comparison. In a filter, a quote within quotes is written twice and
//! means one. Too long values are refused unless the caller [cuts](Batch::truncated) them. A batch is one transaction: MLflow
//! keeps the parameters of one whose metrics fail. Page tokens are cursors: runs that begin meanwhile neither repeat nor
//! hide others.
//!
//! ```
//! use mlcore::name::{ExperimentId, RunId};
//! use mlcore::time::Timestamp;
//! use mlcore::tracking::{
//!     Batch, MemoryTracker, Metric, NewExperiment, NewRun, RunSearch, RunStatus, Tracker, TrackerExt,
//! };
//!
//! let tracker = MemoryTracker::new();
//! let at = Timestamp::from_millis;
//! let churn = tracker.create_experiment(NewExperiment::new(ExperimentId::new("7")?, "churn", at(0)))?;
//! for (id, depth, loss) in [("a", "4", 0.5), ("b", "8", 0.25)] {
//!     let run = tracker.start_run(NewRun::new(RunId::new(id)?, churn.id.clone(), at(1)))?.info.id;
//!     tracker.log_batch(Batch::new(run.clone()).with_metric(Metric::new("loss", loss, 2)).with_param("depth", depth))?;
//!     tracker.end_run(&run, RunStatus::Finished, at(3))?;
//! }
//!
//! let best = RunSearch::new([churn.id]).with_filter("metrics.loss < 1").with_order("metrics.loss ASC");
//! let runs = tracker.search_runs(&best)?.items;
//! assert_eq!(runs[0].data.params["depth"], "8");
//! # Ok::<(), mlcore::Error>(())
//! ```

mod buffer;
mod compare;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod database;
mod dataset;
mod edit;
mod experiment;
mod extension;
pub mod limits;
mod logged_model;
mod memory;
mod metric;
#[cfg(feature = "sqlite")]
pub mod mlflow;
mod open;
#[cfg(feature = "postgres")]
mod postgres;
mod query;
mod rules;
mod run;
pub mod search;
#[cfg(feature = "sqlite")]
mod sqlite;
mod system;
mod words;

pub use self::buffer::{BufferOptions, Flushed, RunLog, TrackerBuffer};
pub use self::compare::{Compared, RunComparison};
pub use self::dataset::{Dataset, DatasetInput, ModelOutput};
pub use self::edit::{Batch, Edit};
pub use self::experiment::{Experiment, LifecycleStage, NewExperiment, ViewType};
pub use self::extension::TrackerExt;
pub use self::logged_model::{LoggedModel, LoggedModelStatus, ModelMetric, NewLoggedModel};
pub use self::memory::MemoryTracker;
pub use self::metric::Metric;
pub use self::open::{open, tracker_url};
#[cfg(feature = "postgres")]
pub use self::postgres::{PostgresOptions, PostgresTracker};
pub use self::query::{
    DEFAULT_MODELS, DEFAULT_POINTS, DEFAULT_ROWS, ExperimentSearch, HistorySearch, LoggedModelSearch,
    MOST_ROWS, Page, Projection, RunSearch, Selection,
};
pub use self::run::{NewRun, Run, RunData, RunInfo, RunInputs, RunStatus};
pub use self::search::PageToken;
#[cfg(feature = "sqlite")]
pub use self::sqlite::{SqliteAccess, SqliteOptions, SqliteTracker};
pub use self::system::{SystemMetrics, SystemMetricsOptions};
use crate::error::Result;
use crate::name::{ExperimentId, LoggedModelId, RunId};
use crate::time::Timestamp;

/// The tag that says which run a run is nested in.
pub const PARENT_TAG: &str = "mlflow.parentRunId";
/// The tag that repeats a run's name.
pub const RUN_NAME_TAG: &str = "mlflow.runName";
/// The label of a dataset's use that says what for.
pub const CONTEXT_TAG: &str = "mlflow.data.context";

/// Stores experiments, runs, metrics and logged models.
///
/// Contract, proved for any implementation by `conformance::tracker`:
/// - **A call of [`write`](Self::write) is one transaction.** It is seen whole or not at all, by whatever reads. The edits are
///   carried out in order, and each sees the ones before it. Of a list that is refused nothing remains. Any number of
///   threads may share a tracker.
/// - **The rules** are those of [`Edit`] and [`limits`]. A parameter's value never changes. A metric's history is a set of
///   points; a run shows of each metric the point that [supersedes](Metric::supersedes) the others.
/// - **Errors** have the meanings that `write` names; the subject is the thing (an id, a name, a key) or the part that is
///   wrong. Their words are free.
/// - **What was acknowledged is kept**: it survives the process, and is there when the tracker is opened again, where it
///   outlives its handles at all.
/// - **Searches** follow [`search`]: a row that lacks what a comparison asks for does not pass it; in order, missing ones come
///   last, and NaN before them, whatever the direction. Ties of runs go to the one that began last, then by id. Experiments' ids that are numbers are
///   [ordered](search::ordinal) as such.
/// - **Pages** hold at most `limit` rows. A page begins after the last row of the one before, by what its columns were then:
///   rows that are added meanwhile are seen where they belong if that is still to come, and nothing is seen twice that
///   was not changed. A token that was not given by this search is [`InvalidInput`](crate::Error::InvalidInput).
///
/// The [module](self) shows a tracker in use.
pub trait Tracker: Send + Sync {
    /// Carries out edits, all or none. [`TrackerExt`] has a method for each kind.
    ///
    /// # Errors
    /// [`NotFound`](crate::Error::NotFound) and [`AlreadyExists`](crate::Error::AlreadyExists) of what the edits name,
    /// [`InvalidInput`](crate::Error::InvalidInput) for what is against the rules or changes what is deleted; of a backend
    /// [`Unavailable`](crate::Error::Unavailable), [`StorageFull`](crate::Error::StorageFull),
    /// [`PermissionDenied`](crate::Error::PermissionDenied), [`Corrupt`](crate::Error::Corrupt): nothing was changed. After
    /// [`OutcomeUnknown`](crate::Error::OutcomeUnknown) it may have been; to log the same once more changes nothing.
    fn write(&self, edits: &[Edit]) -> Result<()>;

    /// An experiment, active or deleted.
    ///
    /// # Errors
    /// [`NotFound`](crate::Error::NotFound), and where the backend cannot be read.
    fn experiment(&self, id: &ExperimentId) -> Result<Experiment>;

    /// The experiment of this name, active or deleted.
    ///
    /// # Errors
    /// [`NotFound`](crate::Error::NotFound), and where the backend cannot be read.
    fn experiment_by_name(&self, name: &str) -> Result<Experiment>;

    /// A page of experiments.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::Error::InvalidInput) for a filter, order, limit or token that cannot be used, and where the
    /// backend cannot be read.
    fn search_experiments(&self, search: &ExperimentSearch) -> Result<Page<Experiment>>;

    /// A run, active or deleted.
    ///
    /// # Errors
    /// [`NotFound`](crate::Error::NotFound), and where the backend cannot be read.
    fn run(&self, id: &RunId) -> Result<Run>;

    /// A page of runs.
    ///
    /// # Errors
    /// As [`search_experiments`](Self::search_experiments).
    fn search_runs(&self, search: &RunSearch) -> Result<Page<Run>>;

    /// A page of a metric's history.
    ///
    /// # Errors
    /// [`NotFound`](crate::Error::NotFound) for the run, [`InvalidInput`](crate::Error::InvalidInput) for a limit or token
    /// that cannot be used, and where the backend cannot be read.
    fn metric_history(&self, search: &HistorySearch) -> Result<Page<Metric>>;

    /// A logged model that is not deleted.
    ///
    /// # Errors
    /// [`NotFound`](crate::Error::NotFound), and where the backend cannot be read.
    fn logged_model(&self, id: &LoggedModelId) -> Result<LoggedModel>;

    /// A page of logged models.
    ///
    /// # Errors
    /// As [`search_experiments`](Self::search_experiments).
    fn search_logged_models(&self, search: &LoggedModelSearch) -> Result<Page<LoggedModel>>;
}

#[deny(clippy::missing_trait_methods)]
impl<T: Tracker + ?Sized> Tracker for std::sync::Arc<T> {
    fn write(&self, edits: &[Edit]) -> Result<()> {
        (**self).write(edits)
    }

    fn experiment(&self, id: &ExperimentId) -> Result<Experiment> {
        (**self).experiment(id)
    }

    fn experiment_by_name(&self, name: &str) -> Result<Experiment> {
        (**self).experiment_by_name(name)
    }

    fn search_experiments(&self, search: &ExperimentSearch) -> Result<Page<Experiment>> {
        (**self).search_experiments(search)
    }

    fn run(&self, id: &RunId) -> Result<Run> {
        (**self).run(id)
    }

    fn search_runs(&self, search: &RunSearch) -> Result<Page<Run>> {
        (**self).search_runs(search)
    }

    fn metric_history(&self, search: &HistorySearch) -> Result<Page<Metric>> {
        (**self).metric_history(search)
    }

    fn logged_model(&self, id: &LoggedModelId) -> Result<LoggedModel> {
        (**self).logged_model(id)
    }

    fn search_logged_models(&self, search: &LoggedModelSearch) -> Result<Page<LoggedModel>> {
        (**self).search_logged_models(search)
    }
}

/// The whole milliseconds of a time, rounded down: what is stored of it.
fn millis(time: Timestamp) -> i64 {
    time.as_micros().div_euclid(1000)
}

/// The time as it is stored and read back.
fn stored(time: Timestamp) -> Timestamp {
    Timestamp::from_millis(millis(time))
}
