//! Taking over what an MLflow server has stored: what was tracked, the models that were registered, and the files behind its proxy.

mod files;
mod models;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use mlcore::Result;
use mlcore::artifact::ArtifactStore;
use mlcore::registry::Registry;
use mlcore::tracking::{Tracker, mlflow};

use super::ArtifactTree;

/// Takes over an MLflow store: its experiments, runs and logged models into a tracker, its registered models into a registry, and the
/// files that its server handed out into the artifacts of ours.
///
/// - **Runs** are taken as [`mlcore::tracking::mlflow`] says.
/// - **Models** keep their titles, descriptions, tags, aliases and times, **versions** their numbers, sources, runs, stages and tags. A
///   version with the ONNX flavor whose files can be read, in a folder of this machine or among the artifacts of ours, is checked and
///   becomes one that mlcore serves; every other one is [external](mlcore::registry::ModelVersion::is_external), and why an ONNX file did
///   not pass stands in its tag `mlcore.unchecked`. Of several served versions in production the latest stays there. A number that a
///   deleted version had last is not given again.
/// - **Files** at `mlflow-artifacts:/..` are copied from [`with_artifacts_from`](Self::with_artifacts_from); those at any other address
///   stay where they lie.
/// - What cannot be taken is left out and told, and everything else is taken. To import again adds what is missing and changes nothing
///   that was changed here.
///
/// ```no_run
/// use std::sync::Arc;
///
/// use mlcore::artifact::FolderStore;
/// use mlcore::registry::SqliteRegistry;
/// use mlcore::tracking::SqliteTracker;
/// use mlcore_serve::mlflow::{ArtifactFolder, StoreImport};
///
/// let tracker = Arc::new(SqliteTracker::open("registry.db.tracking")?);
/// let (registry, store) = (SqliteRegistry::open("registry.db")?, FolderStore::open("artifacts")?);
/// let report = StoreImport::new(tracker, Arc::new(registry), Arc::new(store))
///     .with_artifacts(Arc::new(ArtifactFolder::open("artifacts/mlflow")?))
///     .with_artifacts_from("mlartifacts")
///     .run("mlflow.db")?;
/// println!("{} runs, {} versions", report.tracked.runs, report.versions);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone)]
pub struct StoreImport {
    tracker: Arc<dyn Tracker>,
    registry: Arc<dyn Registry>,
    store: Arc<dyn ArtifactStore>,
    tree: Option<Arc<dyn ArtifactTree>>,
    from: Option<PathBuf>,
}

/// What an import took over, and what it could not.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct StoreReport {
    /// What was tracked, with what was left out of it.
    pub tracked: mlflow::Imported,
    /// Registered models, those that were there included.
    pub models: u64,
    /// Their versions, those that were there included.
    pub versions: u64,
    /// The versions among them that mlcore can serve.
    pub served: u64,
    /// Their aliases, those that were there included.
    pub aliases: u64,
    /// Files, those that were there included.
    pub files: u64,
    /// Bytes of the files that were copied.
    pub bytes: u64,
    /// What was left out of models and files, and why, in words: the first [`MOST_LEFT`](mlflow::MOST_LEFT).
    pub left: Vec<String>,
    /// How many things of models and files were left out.
    pub left_out: u64,
}

impl StoreReport {
    fn leave(&mut self, what: impl FnOnce() -> String) {
        self.left_out += 1;
        if self.left.len() < mlflow::MOST_LEFT {
            self.left.push(what());
        }
    }
}

impl StoreImport {
    /// An import into these. The checked files of versions that mlcore can serve go into `store`.
    #[must_use]
    pub fn new(
        tracker: Arc<dyn Tracker>,
        registry: Arc<dyn Registry>,
        store: Arc<dyn ArtifactStore>,
    ) -> Self {
        Self { tracker, registry, store, tree: None, from: None }
    }

    /// The artifacts of our server, in which files that `mlflow-artifacts:/..` names are looked for.
    #[must_use]
    pub fn with_artifacts(mut self, tree: Arc<dyn ArtifactTree>) -> Self {
        self.tree = Some(tree);
        self
    }

    /// Copies the files of this folder, the `--artifacts-destination` of MLflow's server, into those artifacts first. It must not be
    /// the folder of these artifacts, nor lie in it.
    #[must_use]
    pub fn with_artifacts_from(mut self, folder: impl Into<PathBuf>) -> Self {
        self.from = Some(folder.into());
        self
    }

    /// Takes over the store at `path`: the SQLite file of an MLflow server, or the folder `mlruns` of a client without a server (feature `mlruns`
    /// of the crate `mlcore`).
    ///
    /// # Errors
    /// As [`import`](mlflow::import), and what registry, store and artifacts answer that is no fault of what is taken
    /// over.
    pub fn run(&self, path: impl AsRef<Path>) -> Result<StoreReport> {
        let path = path.as_ref();
        // Before anything is written: a store that cannot be read leaves nothing.
        let registered = mlflow::registered_models(path)?;
        let mut report = StoreReport::default();
        registered.left.into_iter().for_each(|left| report.leave(|| left));
        match (&self.from, &self.tree) {
            (Some(from), Some(tree)) => files::copy(from, &**tree, &mut report)?,
            _ => self.tell_uncopied(&registered.artifact_locations, &mut report),
        }
        report.tracked = mlflow::import(path, &*self.tracker)?;
        let reason = format!("imported from {}", path.display());
        models::take(self, registered.models, &reason, &mut report)?;
        Ok(report)
    }

    fn tell_uncopied(&self, locations: &[String], report: &mut StoreReport) {
        let of_proxy = |location: &&String| location.starts_with("mlflow-artifacts:");
        let mut behind = locations.iter().filter(of_proxy);
        let Some(first) = behind.next() else { return };
        let count = behind.count() + 1;
        let why = match (&self.from, &self.tree) {
            (Some(_), None) => "these artifacts are no folder, into which they can be copied",
            _ => "the folder that they lie in was not named: that of the server's --artifacts-destination",
        };
        report.leave(|| {
            format!("the files of {count} experiments behind MLflow's proxy, such as those at {first}: {why}")
        });
    }
}

impl std::fmt::Debug for StoreImport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoreImport").field("from", &self.from).finish_non_exhaustive()
    }
}
