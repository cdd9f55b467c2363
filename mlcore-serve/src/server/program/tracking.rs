//! MLflow's tracking server, which stands beside the models where a registry has its artifacts in a folder.

use std::path::PathBuf;
use std::sync::Arc;

use mlcore::registry::{SqliteAccess, SqliteOptions};
use mlcore::{Result, artifact, registry, tracking};

use super::settings::Settings;
use super::source::is_mlflow;
use crate::mlflow::{ArtifactFolder, Mlflow};

/// The server that `--registry` and `--artifacts` ask for, where both are given.
pub(super) fn mlflow(settings: &Settings) -> Result<Option<Mlflow>> {
    let flags = &settings.flags;
    let (Some(url), Some(artifacts)) = (&flags.registry, &flags.artifacts) else { return Ok(None) };
    if is_mlflow(url) {
        return Ok(None);
    }
    if url.starts_with("sqlite:") && SqliteOptions::from_url(url)?.access == SqliteAccess::ReadOnly {
        tracing::info!("the registry is only read: there are no runs, and none of MLflow's routes");
        return Ok(None);
    }
    let tracker = tracking::open(&tracking::tracker_url(url)?)?;
    let (registry, store) = (registry::open(url)?, artifact::open(artifacts)?);
    let mut mlflow = Mlflow::new(tracker)?.with_registry(registry, store);
    if let Some(folder) = &flags.mlflow_page {
        mlflow = mlflow.with_page(folder)?;
    }
    let Some(folder) = folder_of(artifacts) else {
        tracing::warn!("MLflow's routes keep no artifacts: --artifacts names no folder");
        return Ok(Some(mlflow));
    };
    // The registry's own artifacts lie beside it, by their digests.
    let tree = ArtifactFolder::open(folder.join("mlflow"))?;
    Ok(Some(mlflow.with_artifacts(Arc::new(tree))))
}

/// The folder that a URL or path of artifacts names.
fn folder_of(artifacts: &str) -> Option<PathBuf> {
    match artifacts.strip_prefix("file://") {
        Some(path) if path.contains('%') => None,
        Some(path) => Some(path.strip_prefix("localhost").unwrap_or(path).into()),
        None if artifacts.contains("://") || artifacts == "memory:" => None,
        None => Some(artifacts.into()),
    }
}
