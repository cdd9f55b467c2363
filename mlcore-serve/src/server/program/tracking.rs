//! MLflow's tracking server, which stands beside the models where a registry has its artifacts in a folder.

use std::path::PathBuf;
use std::sync::Arc;

use mlcore::registry::{SqliteAccess, SqliteOptions};
use mlcore::tracking::{MemoryTracker, SqliteTracker, Tracker};
use mlcore::{Result, artifact, registry};

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
    let Some(tracker) = tracker(url)? else { return Ok(None) };
    let (registry, store) = (registry::open(url)?, artifact::open(artifacts)?);
    let mlflow = Mlflow::new(tracker)?.with_registry(registry, store);
    let Some(folder) = folder_of(artifacts) else {
        tracing::warn!("MLflow's routes keep no artifacts: --artifacts names no folder");
        return Ok(Some(mlflow));
    };
    // The registry's own artifacts lie beside it, by their digests.
    let tree = ArtifactFolder::open(folder.join("mlflow"))?;
    Ok(Some(mlflow.with_artifacts(Arc::new(tree))))
}

/// The tracker of a registry: the one place that says where it is. That of an SQLite file is the file with `-tracking` behind its
/// name.
fn tracker(url: &str) -> Result<Option<Arc<dyn Tracker>>> {
    if url == "memory:" {
        return Ok(Some(Arc::new(MemoryTracker::new())));
    }
    if url.starts_with("sqlite:") {
        let options = SqliteOptions::from_url(url)?;
        if options.access == SqliteAccess::ReadOnly {
            tracing::info!("the registry is only read: there are no runs, and none of MLflow's routes");
            return Ok(None);
        }
        let mut file = options.path.into_os_string();
        file.push("-tracking");
        return Ok(Some(Arc::new(SqliteTracker::open(file)?)));
    }
    tracing::warn!("runs are kept in SQLite alone: there are none of MLflow's routes beside this registry");
    Ok(None)
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
