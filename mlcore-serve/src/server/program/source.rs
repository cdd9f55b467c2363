use std::path::Path;
use std::sync::Arc;

use mlcore::artifact::{KeyRing, VerifyPolicy};
use mlcore::package::Bundle;
use mlcore::runner::ort::{OnnxOptions, Probe};
use mlcore::{Error, Result, artifact, registry};

use super::flags::ControlMode;
use super::settings::Settings;
use crate::endpoint::{Clock as _, SystemClock};
use crate::log::PredictionLog;
use crate::models::{FolderSource, MlflowOptions, MlflowSource, Models, RegistrySource, SourceOptions};

/// Whether a registry is an MLflow server.
pub(super) fn is_mlflow(url: &str) -> bool {
    ["mlflow+", "http://", "https://"].iter().any(|begin| url.starts_with(begin))
}

/// The models that the settings name, none of which is loaded yet.
pub(super) fn models(settings: &Settings, log: Option<&Arc<PredictionLog>>) -> Result<Models> {
    let (flags, options) = (&settings.flags, options(settings, log)?);
    let models = match (&flags.model_repository, &flags.registry) {
        (Some(folder), None) => Models::of(FolderSource::open(folder, options)?),
        (None, Some(url)) if is_mlflow(url) => {
            if flags.artifacts.is_some() {
                let problem = "the files of an MLflow server come from it";
                return Err(
                    Error::invalid_input("read settings", "artifacts", problem).remedy("leave it out")
                );
            }
            Models::of(server(settings, url, options)?)
        }
        (None, Some(url)) => {
            let artifacts = match &flags.artifacts {
                Some(url) => url.clone(),
                None => registry::artifacts_url(url)?,
            };
            let (registry, artifacts) = (registry::open(url)?, artifact::open(&artifacts)?);
            Models::of(RegistrySource::new(registry, artifacts, options))
        }
        _ => {
            let Some(folder) = &flags.bundle else {
                if flags.feature_store.is_some() {
                    return Ok(Models::new());
                }
                let problem = "nothing says which models are to be served";
                return Err(Error::invalid_input("read settings", "models", problem).remedy(
                    "give --model-repository DIR, --registry URL, --bundle DIR or --feature-store DIR; mlcore-serve --help lists all settings",
                ));
            };
            let bundle = Bundle::open(folder)?;
            let (registry, artifacts) = (bundle.registry().clone(), bundle.artifacts().clone());
            Models::of(RegistrySource::new(Arc::new(registry), Arc::new(artifacts), options))
        }
    };
    models.set_fixed(flags.model_control_mode.unwrap_or_default() != ControlMode::Explicit);
    Ok(models)
}

/// The models of the MLflow server at an address, as the settings say how it is reached.
pub(super) fn server(settings: &Settings, url: &str, options: SourceOptions) -> Result<MlflowSource> {
    let mut server = MlflowOptions::new(url);
    server.credentials.clone_from(&settings.mlflow.credentials);
    server.authorities.clone_from(&settings.mlflow.authorities);
    MlflowSource::open(&server, options)
}

/// How models are loaded and built.
fn options(settings: &Settings, log: Option<&Arc<PredictionLog>>) -> Result<SourceOptions> {
    let flags = &settings.flags;
    let mut onnx = OnnxOptions::default();
    if let Some(threads) = flags.intra_op_threads {
        onnx = onnx.with_intra_threads(threads);
    }
    if let Some(library) = &flags.onnxruntime {
        onnx = onnx.with_library(library);
    }
    if let Some(bytes) = flags.max_memory_bytes {
        onnx.limits.max_process_bytes = bytes;
    }
    if flags.probe_models.unwrap_or(false) {
        onnx = onnx.with_probe(Probe::this_program()?);
    }
    let mut options = SourceOptions::default().with_onnx(onnx);
    options.models.clone_from(&settings.models);
    options.snapshots.clone_from(&flags.snapshots);
    let (log, trusted) = (log.cloned(), policy(flags.trusted_keys.as_deref())?);
    Ok(options.with_builder(move |name, mut builder| {
        if let Some(log) = &log {
            builder = builder.with_sink(log.sink(name.clone()));
        }
        if let Some(policy) = &trusted {
            builder = builder.with_verify_policy(policy.clone());
        }
        Ok(builder)
    }))
}

/// What the keys of a file demand; nothing where there is no such file.
fn policy(keys: Option<&Path>) -> Result<Option<VerifyPolicy>> {
    let Some(keys) = keys else { return Ok(None) };
    let (ring, clock) = (KeyRing::from_file(keys)?, SystemClock::default());
    Ok(Some(VerifyPolicy::demand(ring, move || clock.now())))
}
