//! MLflow's tracking server over HTTP: experiments, runs, metrics, logged models and their artifacts, for the stock client and page
//! of MLflow 3.17.
//!
//! An [`Mlflow`] is served beside the other routes of an [`HttpService`](crate::http::HttpService), under MLflow's own paths:
//!
//! ```
//! use std::sync::Arc;
//!
//! use mlcore::tracking::MemoryTracker;
//! use mlcore_serve::http::HttpService;
//! use mlcore_serve::mlflow::Mlflow;
//! use mlcore_serve::models::Models;
//!
//! let mlflow = Mlflow::new(Arc::new(MemoryTracker::new()))?;
//! let service = HttpService::new(Models::new()).with_mlflow(mlflow);
//! # Ok::<(), mlcore::Error>(())
//! ```
//!
//! The program does the same with `--registry URL` and `--artifacts FOLDER`; a client finds it by
//! `MLFLOW_TRACKING_URI=http://host:8000`.
//!
//! # What it answers
//! | paths under `/api/2.0` and `/ajax-api/2.0` | what |
//! |---|---|
//! | `mlflow/experiments/..` | create, get, get-by-name, search, update, delete, restore, tags, search-datasets |
//! | `mlflow/runs/..` | create, get, search, update, delete, restore, metrics, parameters, tags, batches, inputs, outputs |
//! | `mlflow/metrics/..` | the history of a metric; several runs' at once, and samples of it |
//! | `mlflow/logged-models..` | create, get, search, finalize, tags, parameters, delete |
//! | `mlflow-artifacts/artifacts/..` | files: sent, read, listed, deleted, in pieces both ways |
//! | `mlflow/registered-models/..`, `mlflow/model-versions/..` | the models of a registry: created, renamed, tagged, searched, deleted; versions, stages, aliases |
//!
//! **Models.** A version whose files lie here, with the ONNX flavor and a file that passes the checks, becomes one that mlcore serves
//! and promotes by its own rules: MLflow's step from `None` to `Production` is two in one transaction. Every other one is
//! [external](mlcore::registry::ModelVersion::is_external), follows MLflow's rules and is never served; why an ONNX file did not pass
//! stands in its tag `mlcore.unchecked`. Each change is an entry of the registry's audit log, by the name of the key.
//!
//! Beside them `/api/3.0/mlflow/server-info`, and what the page asks: `/graphql`, `/get-artifact` and others. `/health` and `/version` are the
//! tracking server's where it is served: they say `OK` also where no model is loaded, which `/ping` tells.
//!
//! Requests and answers are those of MLflow's own server, call by call, with its error codes. What differs is listed with its reason
//! beside the test that compares the two; the differences of [`tracking`](mlcore::tracking) itself are told there.
//!
//! # Keys
//! With [keys](crate::auth) every route but `/health` needs one: to read, the role `predict` or `write`; to log and to register,
//! `write`; to delete runs and files, `write`, too, and the log tells who it was. What moves traffic or takes a model away (aliases,
//! stages, renaming, deleting models and versions) is for `admin`.
//!
//! A [token](crate::auth::Tokens) for some models and experiments is answered where a request names these: experiments, the runs, logged
//! models and files of these, and models of the registry. What names others, or none, such as a search of all experiments, it is refused.

mod artifacts;
mod call;
mod endpoints;
mod experiments;
mod fields;
mod import;
mod log;
mod logged_models;
mod messages;
mod metrics;
mod on_datasets;
mod page;
mod page_files;
mod python;
mod query;
mod refusal;
mod registry;
mod rules;
mod runs;
mod scope;
mod search;
mod serve;
mod write;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use mlcore::Result;
use mlcore::artifact::ArtifactStore;
use mlcore::registry::Registry;
use mlcore::time::Timestamp;
use mlcore::tracking::{Tracker, TrackerExt as _};

#[cfg(feature = "server")]
pub use self::artifacts::ArtifactBucket;
pub(crate) use self::artifacts::Outgoing;
pub use self::artifacts::{ArtifactFile, ArtifactFolder, ArtifactTree, FoundArtifact, IncomingArtifact};
pub use self::endpoints::routes;
pub(crate) use self::endpoints::{Found, Matched, find};
pub use self::import::{StoreImport, StoreReport};
use crate::endpoint::{Clock, OutcomeIds, SystemClock};

/// The version of MLflow whose protocol is spoken, which `GET /version` answers.
pub(crate) const VERSION: &str = "3.17.2";

/// MLflow's tracking server. Cloning shares it.
#[derive(Clone)]
pub struct Mlflow {
    inner: Arc<Inner>,
}

/// What all requests share.
struct Inner {
    tracker: Arc<dyn Tracker>,
    artifacts: Option<Arc<dyn ArtifactTree>>,
    registered: Option<self::registry::Registered>,
    page: Option<Arc<page_files::PageFiles>>,
    clock: Arc<dyn Clock>,
    ids: Ids,
}

impl Mlflow {
    /// A server of this tracker, without artifacts. The experiment `0`, which clients expect, is created where it is missing.
    ///
    /// # Errors
    /// What the tracker answers.
    pub fn new(tracker: Arc<dyn Tracker>) -> Result<Self> {
        let clock = SystemClock::default();
        tracker.default_experiment(clock.now())?;
        let clock = Arc::new(clock);
        let inner =
            Inner { tracker, artifacts: None, registered: None, page: None, clock, ids: Ids::random() };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The same with the artifacts of this tree: what clients name by `mlflow-artifacts:/`.
    #[must_use]
    pub fn with_artifacts(self, artifacts: Arc<dyn ArtifactTree>) -> Self {
        self.with(|inner| inner.artifacts = Some(artifacts))
    }

    /// The same with the models of this registry. The checked files of versions that mlcore can serve go into `store`.
    #[must_use]
    pub fn with_registry(self, registry: Arc<dyn Registry>, store: Arc<dyn ArtifactStore>) -> Self {
        self.with(|inner| inner.registered = Some(registry::Registered { registry, store }))
    }

    /// The same with MLflow's own web page at `/`, whose files are in the folder `mlflow/server/js/build` of MLflow's Python package.
    ///
    /// # Errors
    /// [`NotFound`](mlcore::Error::NotFound) where there is no such folder, [`InvalidInput`](mlcore::Error::InvalidInput) for one
    /// without the page.
    pub fn with_page(self, folder: impl AsRef<std::path::Path>) -> Result<Self> {
        let page = Arc::new(page_files::PageFiles::open(folder.as_ref())?);
        Ok(self.with(|inner| inner.page = Some(page)))
    }

    /// Whether MLflow's own page stands at `/`.
    pub(crate) fn has_page(&self) -> bool {
        self.inner.page.is_some()
    }

    /// The same, which tells the time by this clock.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        self.with(|inner| inner.clock = clock)
    }

    /// Changes what nobody shares yet.
    fn with(self, change: impl FnOnce(&mut Inner)) -> Self {
        let mut inner = match Arc::try_unwrap(self.inner) {
            Ok(inner) => inner,
            Err(shared) => Inner {
                tracker: shared.tracker.clone(),
                artifacts: shared.artifacts.clone(),
                registered: shared.registered.clone(),
                page: shared.page.clone(),
                clock: shared.clock.clone(),
                ids: Ids::random(),
            },
        };
        change(&mut inner);
        Self { inner: Arc::new(inner) }
    }
}

impl fmt::Debug for Mlflow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mlflow").field("artifacts", &self.inner.artifacts.is_some()).finish_non_exhaustive()
    }
}

impl Inner {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

/// Makes ids that nobody can guess and no two processes share.
struct Ids {
    ids: OutcomeIds,
    next: AtomicU64,
}

impl Ids {
    fn random() -> Self {
        Self { ids: OutcomeIds::random(), next: AtomicU64::new(0) }
    }

    /// 32 hexadecimal digits.
    fn next(&self) -> String {
        self.ids.id(self.next.fetch_add(1, Ordering::Relaxed)).to_string()
    }
}
