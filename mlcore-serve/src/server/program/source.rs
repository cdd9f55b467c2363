use std::sync::Arc;

use mlcore::runner::ort::{OnnxOptions, Probe};
use mlcore::{Error, Result, artifact, registry};

use super::flags::ControlMode;
use super::settings::Settings;
use crate::log::PredictionLog;
use crate::models::{FolderSource, MlflowOptions, MlflowSource, Models, RegistrySource, SourceOptions};

/// Whether a registry is an MLflow server.
pub(super) fn is_mlflow(url: &str) -> bool {
    ["mlflow+", "http://", "https://"].iter().any(|begin| url.starts_with(begin))
}

/// The models that the settings name, none of which is loaded yet.
pub(super) fn models(settings: &Settings, log: Option<&Arc<PredictionLog>>) -> Result<Models> {
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
    if let Some(log) = log {
        let log = log.clone();
        options = options.with_builder(move |name, builder| Ok(builder.with_sink(log.sink(name.clone()))));
    }
    let models = match (&flags.model_repository, &flags.registry) {
        (Some(folder), None) => Models::of(FolderSource::open(folder, options)?),
        (None, Some(url)) if is_mlflow(url) => {
            if flags.artifacts.is_some() {
                let problem = "the files of an MLflow server come from it";
                return Err(
                    Error::invalid_input("read settings", "artifacts", problem).remedy("leave it out")
                );
            }
            let mut server = MlflowOptions::new(url.as_str());
            server.credentials.clone_from(&settings.mlflow.credentials);
            server.authorities.clone_from(&settings.mlflow.authorities);
            Models::of(MlflowSource::open(&server, options)?)
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
            let problem = "nothing says which models are to be served";
            return Err(Error::invalid_input("read settings", "models", problem).remedy(
                "give --model-repository DIR or --registry URL; mlcore-serve --help lists all settings",
            ));
        }
    };
    models.set_fixed(flags.model_control_mode.unwrap_or_default() != ControlMode::Explicit);
    Ok(models)
}
