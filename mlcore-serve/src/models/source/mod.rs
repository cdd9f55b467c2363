//! Where a server's models lie: a folder in Triton's layout, a registry of ours, an MLflow server.

#[cfg(feature = "ort")]
mod brought;
#[cfg(feature = "ort")]
mod files;
#[cfg(feature = "ort")]
mod folder;
#[cfg(feature = "mlflow")]
mod mlflow;
mod monitor;
mod options;
#[cfg(feature = "ort")]
mod pinned;
#[cfg(feature = "ort")]
mod registry;
#[cfg(feature = "ort")]
mod temporary;
#[cfg(feature = "ort")]
mod triton;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use mlcore::Result;
use mlcore::name::ModelName;
#[cfg(feature = "ort")]
use mlcore::runner::ort::OnnxOptions;
use mlcore_features::transform::custom::Functions;

#[cfg(feature = "ort")]
pub use self::folder::FolderSource;
#[cfg(feature = "mlflow")]
pub(crate) use self::mlflow::MlModel;
#[cfg(feature = "mlflow")]
pub use self::mlflow::{MirrorReport, MlflowCredentials, MlflowOptions, MlflowSource};
pub use self::monitor::MonitorSettings;
pub use self::options::{CanarySettings, GuardrailSettings, ModelOptions, PolicyOptions, ShadowOptions};
#[cfg(feature = "ort")]
pub use self::registry::RegistrySource;
#[cfg(feature = "mlflow")]
pub(crate) use self::temporary::Temporary;
use crate::Endpoint;
use crate::batching::BatchOptions;
use crate::endpoint::EndpointBuilder;
use crate::v2::Parameters;

/// Where models come from that a client asks to load by name: a registry, a folder.
///
/// Contract: what [`names`](Self::names) lists can be opened unless something is wrong with it, which the error says; opening
/// serves nobody yet, and a model that was opened is served until it is dropped.
pub trait ModelSource: Send + Sync {
    /// The models that there are, loaded or not, in order.
    ///
    /// # Errors
    /// What reading the source answers.
    fn names(&self) -> Result<Vec<ModelName>>;

    /// Says whether a model that it lists is, as it is now, for others to serve, such as one of MLflow's whose file is kept elsewhere.
    /// It is not loaded unless it is asked for, and one that is served stays so. None is, where it is not said.
    ///
    /// # Errors
    /// What reading the source answers.
    fn is_for_others(&self, _name: &ModelName) -> Result<bool> {
        Ok(false)
    }

    /// Opens the model of this name: loads its versions and warms them. `parameters` are the client's.
    ///
    /// # Errors
    /// [`Error::NotFound`](mlcore::Error::NotFound) for a name that it does not have, and what loading answers.
    fn open(&self, name: &ModelName, parameters: &Parameters) -> Result<Endpoint>;

    /// How requests of the model of this name share runs; asked whenever it was opened, with the same parameters. They do not, where
    /// it is not said.
    ///
    /// # Errors
    /// What reading the source answers.
    fn batching(&self, _name: &ModelName, _parameters: &Parameters) -> Result<Option<BatchOptions>> {
        Ok(None)
    }

    /// A number that changes when [`open`](Self::open) would open something else; none, the default, where the endpoint follows
    /// that by itself.
    ///
    /// # Errors
    /// What reading the source answers.
    fn state(&self, _name: &ModelName) -> Result<Option<u64>> {
        Ok(None)
    }
}

/// How the models of a source are served.
#[non_exhaustive]
#[derive(Clone, Default)]
pub struct SourceOptions {
    /// The options of single models; the defaults hold for others.
    pub models: BTreeMap<ModelName, ModelOptions>,
    /// How models are loaded.
    #[cfg(feature = "ort")]
    pub onnx: OnnxOptions,
    /// A folder in which each model's last good deployment is kept, for starts without a registry.
    pub snapshots: Option<PathBuf>,
    /// The functions of the host that the feature plans of models name.
    pub functions: Functions,
    last_word: Option<Arc<LastWord>>,
}

type LastWord = dyn Fn(&ModelName, EndpointBuilder) -> Result<EndpointBuilder> + Send + Sync;

impl SourceOptions {
    /// Lets `build` have the last word on every endpoint: for sinks, monitors and what else settings cannot say.
    #[must_use]
    pub fn with_builder(
        mut self,
        build: impl Fn(&ModelName, EndpointBuilder) -> Result<EndpointBuilder> + Send + Sync + 'static,
    ) -> Self {
        self.last_word = Some(Arc::new(build));
        self
    }

    /// Loads feature plans with these functions of the host, as [`EndpointBuilder::with_functions`] does.
    #[must_use]
    pub fn with_functions(mut self, functions: Functions) -> Self {
        self.functions = functions;
        self
    }

    /// Serves this model with these options.
    #[must_use]
    pub fn with_model(mut self, name: ModelName, options: ModelOptions) -> Self {
        self.models.insert(name, options);
        self
    }

    /// Loads models with these options.
    #[cfg(feature = "ort")]
    #[must_use]
    pub fn with_onnx(mut self, onnx: OnnxOptions) -> Self {
        self.onnx = onnx;
        self
    }

    fn of(&self, name: &ModelName) -> ModelOptions {
        self.models.get(name).cloned().unwrap_or_default()
    }

    #[cfg(feature = "ort")]
    fn onnx_of(&self, options: &ModelOptions) -> OnnxOptions {
        let mut onnx = self.onnx.clone();
        if let Some(bytes) = options.max_run_bytes {
            onnx.limits.max_run_bytes = bytes;
        }
        onnx
    }

    fn customise(&self, name: &ModelName, builder: EndpointBuilder) -> Result<EndpointBuilder> {
        let builder = builder.with_functions(self.functions.clone());
        match &self.last_word {
            Some(build) => build(name, builder),
            None => Ok(builder),
        }
    }
}

impl fmt::Debug for SourceOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SourceOptions").field("models", &self.models).finish_non_exhaustive()
    }
}
