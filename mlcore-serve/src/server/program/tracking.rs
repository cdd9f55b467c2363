//! MLflow's tracking server and our pages, which stand beside the models where a registry has its artifacts.

use std::path::PathBuf;
use std::sync::Arc;

use mlcore::registry::{SqliteAccess, SqliteOptions};
use mlcore::tracking::RunInfo;
use mlcore::{Result, artifact, registry, tracking};

use super::settings::Settings;
use super::source::is_mlflow;
use crate::mlflow::{ArtifactBucket, ArtifactFolder, ArtifactTree, FoundArtifact, Mlflow};
use crate::page::{Pages, RunFile, RunFiles};

/// What is served of a registry and its runs beside its models.
#[derive(Clone, Debug)]
pub(super) struct Tracked {
    pub(super) mlflow: Mlflow,
    pub(super) pages: Pages,
}

/// What `--registry` and `--artifacts` ask for, where both are given.
pub(super) fn tracked(settings: &Settings) -> Result<Option<Tracked>> {
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
    let mut pages = Pages::new().with_tracker(tracker.clone()).with_registry(registry.clone());
    let mut mlflow = Mlflow::new(tracker)?.with_registry(registry, store);
    if let Some(folder) = &flags.mlflow_page {
        mlflow = mlflow.with_page(folder)?;
    }
    match tree(artifacts)? {
        Some(tree) => {
            pages = pages.with_files(Arc::new(TreeFiles(tree.clone())));
            mlflow = mlflow.with_artifacts(tree);
        }
        None => {
            tracing::warn!("MLflow's routes keep no artifacts: --artifacts names no folder and no bucket");
        }
    }
    Ok(Some(Tracked { mlflow, pages }))
}

/// The files of runs, as they lie in the tree of MLflow's artifacts.
struct TreeFiles(Arc<dyn ArtifactTree>);

impl RunFiles for TreeFiles {
    fn list(&self, run: &RunInfo, folder: &str) -> Result<Vec<RunFile>> {
        let Some(place) = run.artifact_uri.strip_prefix("mlflow-artifacts:/") else { return Ok(Vec::new()) };
        let found = self.0.list(&format!("{}/{folder}", place.trim_matches('/')))?;
        let file = |found: FoundArtifact| match found.size {
            Some(bytes) => RunFile::file(found.name, bytes),
            None => RunFile::folder(found.name),
        };
        Ok(found.into_iter().map(file).collect())
    }

    fn address(&self, run: &RunInfo, path: &str) -> Option<String> {
        run.artifact_uri.starts_with("mlflow-artifacts:/").then(|| {
            let coded = |text: &str| {
                text.bytes().fold(String::new(), |coded, byte| match byte {
                    b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                        coded + &char::from(byte).to_string()
                    }
                    byte => coded + &format!("%{byte:02X}"),
                })
            };
            format!("get-artifact?path={}&run_uuid={}", coded(path), coded(run.id.as_str()))
        })
    }
}

/// The folder below the artifacts of a registry in which the files of runs lie.
pub(super) const FILES: &str = "mlflow";
/// How the URLs of buckets begin.
const BUCKETS: [&str; 3] = ["s3://", "gs://", "az://"];

/// The files of runs where the artifacts of a registry are; none where these are neither a folder nor a bucket.
pub(super) fn tree(artifacts: &str) -> Result<Option<Arc<dyn ArtifactTree>>> {
    if let Some(folder) = folder_of(artifacts) {
        // The registry's own artifacts lie beside it, by their digests.
        return Ok(Some(Arc::new(ArtifactFolder::open(folder.join(FILES))?)));
    }
    let is_bucket = BUCKETS.iter().any(|scheme| artifacts.starts_with(scheme));
    if !is_bucket {
        return Ok(None);
    }
    let (place, query) =
        artifacts.split_once('?').map_or((artifacts, None), |(place, query)| (place, Some(query)));
    let mut url = format!("{}/{FILES}", place.trim_end_matches('/'));
    if let Some(query) = query {
        url.push('?');
        url.push_str(query);
    }
    Ok(Some(Arc::new(ArtifactBucket::open(&url)?)))
}

/// The folder that a URL or path of artifacts names.
pub(super) fn folder_of(artifacts: &str) -> Option<PathBuf> {
    match artifacts.strip_prefix("file://") {
        Some(path) if path.contains('%') => None,
        Some(path) => Some(path.strip_prefix("localhost").unwrap_or(path).into()),
        None if artifacts.contains("://") || artifacts == "memory:" => None,
        None => Some(artifacts.into()),
    }
}
