//! The registered models of an MLflow server, read and never changed: `client.rs` asks, `registry.rs` answers as a registry of ours,
//! `artifacts.rs` fetches files, `mlmodel.rs` reads what MLflow says of them, and `mirror.rs` takes versions over.

mod artifacts;
mod client;
mod mirror;
mod mlmodel;
mod options;
mod registry;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use mlcore::artifact::FolderStore;
use mlcore::name::{Alias, ModelName};
use mlcore::{Error, Result};

use self::client::Client;
pub use self::mirror::MirrorReport;
pub(crate) use self::mlmodel::MlModel;
pub use self::options::{MlflowCredentials, MlflowOptions};
use self::registry::MlflowRegistry;
use super::pinned::Meaning;
use super::temporary::Temporary;
use super::{ModelSource, PolicyOptions, RegistrySource, SourceOptions};
use crate::Endpoint;
use crate::batching::BatchOptions;
use crate::v2::Parameters;

/// The registered models of an MLflow server: versions with the ONNX flavor, by alias, stage or number. The server is read and never
/// changed.
///
/// A model answers by the version of its default alias (`champion`, unless the options name another), or by what
/// [`version`](super::ModelOptions::version) names: an alias or a stage (`Staging`, `Production`, `Archived`: its latest version), both
/// of which are followed while the model is served; or a number or the value of a version's tag `version`, which stay. The server is
/// asked every five seconds; where it cannot be reached, the versions that are loaded answer on.
///
/// Files come through the server's own artifact proxy (`mlflow server --serve-artifacts`), or from a folder of this machine. They are
/// checked as every model is, within the limits of the options, and kept by content: in the folder of
/// [`snapshots`](SourceOptions::snapshots), from which a model starts where the server cannot be reached, or in a temporary folder
/// that goes with the source. The columns of a version's signature become its tag `mlflow.input_columns`.
///
/// ```no_run
/// use mlcore_serve::models::{MlflowOptions, MlflowSource, Models, SourceOptions};
///
/// let server = MlflowOptions::new("mlflow+http://mlflow:5000");
/// let models = Models::of(MlflowSource::open(&server, SourceOptions::default())?);
/// models.load(&mlcore::name::ModelName::new("churn")?, &Default::default())?;
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Debug)]
pub struct MlflowSource {
    source: RegistrySource,
    registry: Arc<MlflowRegistry>,
    has_snapshots: bool,
    /// Removed when nobody reads it any more.
    _temporary: Option<Temporary>,
}

impl MlflowSource {
    /// The models of this server, which is not asked yet.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for an address or credentials that cannot be, and what the system says where no folder for files can
    /// be made.
    pub fn open(server: &MlflowOptions, options: SourceOptions) -> Result<Self> {
        let client = Client::open(server)?;
        let (folder, temporary) = match &options.snapshots {
            Some(folder) => (folder.join("mlflow"), None),
            None => {
                let temporary = Temporary::new(", or give --snapshots DIR")?;
                (temporary.path().to_owned(), Some(temporary))
            }
        };
        let store = Arc::new(FolderStore::open(folder.join("artifacts"))?);
        let limits = options.onnx.limits.clone();
        let registry = Arc::new(MlflowRegistry::new(client, store.clone(), folder, limits));
        let source =
            RegistrySource::new(registry.clone(), store, options).with_follow_interval(FOLLOW_INTERVAL);
        Ok(Self { source, registry, has_snapshots: temporary.is_none(), _temporary: temporary })
    }
}

impl ModelSource for MlflowSource {
    fn names(&self) -> Result<Vec<ModelName>> {
        self.source.names()
    }

    fn open(&self, name: &ModelName, parameters: &Parameters) -> Result<Endpoint> {
        let mut options = self.source.options_of(name);
        if let Some(PolicyOptions::Canary(_) | PolicyOptions::BlueGreen { .. }) = &options.policy {
            let problem = "its policy promotes versions, and an MLflow server is only read";
            return Err(Error::unsupported("load model", name.as_str(), problem)
                .remedy("choose the policy fixed or weighted, and move the alias in MLflow"));
        }
        let mut pinned = None;
        if let Some(word) = options.version.take() {
            match self.registry.meaning(name, &word) {
                Ok(Meaning::Followed(alias)) => options.default_arm = Some(alias),
                Ok(Meaning::Version(version)) => pinned = Some(version),
                // The snapshot has the arm of an alias.
                Err(error) if error.is_transient() && self.has_snapshots => match Alias::new(&word) {
                    Ok(alias) => options.default_arm = Some(alias),
                    Err(_) => return Err(error),
                },
                Err(error) => return Err(error),
            }
        }
        self.source.open_with(name, &options, pinned, parameters)
    }

    fn batching(&self, name: &ModelName, parameters: &Parameters) -> Result<Option<BatchOptions>> {
        self.source.batching(name, parameters)
    }
}

/// Each look is a request to the server, for each model.
const FOLLOW_INTERVAL: Duration = Duration::from_secs(5);
