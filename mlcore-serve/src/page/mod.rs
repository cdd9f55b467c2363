//! Pages to look at: experiments, runs with charts and comparison, models with their aliases, history, lineage and audit log.
//!
//! They are made on the server, out of what a [`Tracker`] and a [`Registry`] answer, and only read. Nothing is loaded from elsewhere,
//! no script is needed, and whatever comes from users is escaped. An [`HttpService`](crate::http::HttpService) serves them below `/ui/`:
//!
//! ```
//! use std::sync::Arc;
//!
//! use mlcore::registry::MemoryRegistry;
//! use mlcore::tracking::MemoryTracker;
//! use mlcore_serve::http::HttpService;
//! use mlcore_serve::models::Models;
//! use mlcore_serve::page::Pages;
//!
//! let pages = Pages::new().with_tracker(Arc::new(MemoryTracker::new())).with_registry(Arc::new(MemoryRegistry::new()));
//! let service = HttpService::new(Models::new()).with_pages(pages);
//! ```
//!
//! | path | what it shows |
//! |---|---|
//! | `/ui/experiments` | experiments, by name and by MLflow's filters |
//! | `/ui/experiments/{id}` | its runs: chosen metrics, parameters and tags as columns, filtered, ordered by a click, page by page |
//! | `/ui/runs/{id}` | a run: parameters, metrics with charts, tags, data, models, nested runs, files, registered versions |
//! | `/ui/runs/{id}/metrics/{name}` | one metric: a chart of a range, and its points |
//! | `/ui/compare?run=..&run=..` | runs beside each other: what differs, and their charts together |
//! | `/ui/models`, `/ui/models/{name}` | models; versions, stages, aliases and where they pointed when |
//! | `/ui/models/{name}/versions/{number}` | a version: metrics, signature, lineage both ways, what the audit log says of it |
//! | `/ui/datasets/{digest}` | which runs read some data, and which versions were trained on it |
//! | `/ui/audit`, `/ui/audit/{number}` | the audit log, and whether its chain is whole |
//!
//! Links are relative, so that a host or a proxy puts the pages below a path of its own. Where there are [keys](crate::auth), reading
//! needs the role that reading models needs.

mod address;
mod answer;
mod assets;
mod audit;
mod chart;
mod compare;
mod dataset;
mod experiments;
mod frame;
mod history;
mod html;
mod lineage;
mod log;
mod metric;
mod model;
mod models;
mod parts;
mod run;
mod runs;
mod shown;
mod trouble;
mod version;

use std::fmt;
use std::sync::{Arc, Mutex};

use mlcore::Result;
use mlcore::registry::{AuditHead, Registry};
use mlcore::tracking::{RunInfo, Tracker};

pub(crate) use self::answer::is_page;

/// The pages of a tracker and a registry, where there are such. Cloning shares them.
#[derive(Clone, Default)]
pub struct Pages {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    tracker: Option<Arc<dyn Tracker>>,
    registry: Option<Arc<dyn Registry>>,
    artifacts: Option<Arc<dyn RunFiles>>,
    /// The last end of the audit log whose chain was found whole.
    verified: Mutex<Option<AuditHead>>,
}

impl Pages {
    /// Pages of nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Shows the experiments and runs of this tracker.
    #[must_use]
    pub fn with_tracker(self, tracker: Arc<dyn Tracker>) -> Self {
        self.changed(|inner| inner.tracker = Some(tracker))
    }

    /// Shows the models of this registry, and its audit log.
    #[must_use]
    pub fn with_registry(self, registry: Arc<dyn Registry>) -> Self {
        self.changed(|inner| inner.registry = Some(registry))
    }

    /// Lists the files of runs.
    #[must_use]
    pub fn with_files(self, files: Arc<dyn RunFiles>) -> Self {
        self.changed(|inner| inner.artifacts = Some(files))
    }

    fn changed(self, change: impl FnOnce(&mut Inner)) -> Self {
        let shared = &self.inner;
        let mut inner = Inner {
            tracker: shared.tracker.clone(),
            registry: shared.registry.clone(),
            artifacts: shared.artifacts.clone(),
            verified: Mutex::default(),
        };
        change(&mut inner);
        Self { inner: Arc::new(inner) }
    }
}

impl fmt::Debug for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pages")
            .field("tracker", &self.inner.tracker.is_some())
            .field("registry", &self.inner.registry.is_some())
            .field("files", &self.inner.artifacts.is_some())
            .finish_non_exhaustive()
    }
}

/// Knows which files belong to a run. A run's page lists them.
///
/// ```
/// use mlcore::Result;
/// use mlcore::tracking::RunInfo;
/// use mlcore_serve::page::{RunFile, RunFiles};
///
/// /// Every run has the same note.
/// struct Note;
///
/// impl RunFiles for Note {
///     fn list(&self, _: &RunInfo, folder: &str) -> Result<Vec<RunFile>> {
///         Ok(if folder.is_empty() { vec![RunFile::file("note.txt", 6)] } else { Vec::new() })
///     }
/// }
/// ```
pub trait RunFiles: Send + Sync {
    /// The files and folders of a run that lie in this folder of it, by name; the empty text is its topmost folder. `folder` comes from
    /// the address of a page: where it is not one of the run's, the answer is empty or an error.
    ///
    /// # Errors
    /// What keeps it from knowing. The page says so instead of a list.
    fn list(&self, run: &RunInfo, folder: &str) -> Result<Vec<RunFile>>;

    /// Where a file is read, as a path that begins where the service's own paths do, such as `get-artifact?path=a&run_uuid=b`;
    /// `None` where it is nowhere.
    fn address(&self, run: &RunInfo, path: &str) -> Option<String> {
        let _ = (run, path);
        None
    }
}

/// A file or folder of a run.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RunFile {
    /// Its name, without the folders that it lies in.
    pub name: String,
    /// Its bytes; `None` of a folder.
    pub bytes: Option<u64>,
}

impl RunFile {
    /// A file of this size.
    #[must_use]
    pub fn file(name: impl Into<String>, bytes: u64) -> Self {
        Self { name: name.into(), bytes: Some(bytes) }
    }

    /// A folder.
    #[must_use]
    pub fn folder(name: impl Into<String>) -> Self {
        Self { name: name.into(), bytes: None }
    }
}
