//! The feature store that stands beside the models: a folder with its definitions, its online store and its sources.

use std::fs;
use std::path::Path;

use mlcore::registry::Change;
use mlcore::{Error, Result};
use mlcore_features::pipeline::Plan;
use mlcore_features::store::definition::Repository;
use mlcore_features::store::feature_store::FeatureStore;
use mlcore_features::store::registry::Changes;

use super::settings::Settings;
use crate::feast::Feast;

/// What `--feature-store` asks for: the definitions of the folder's file are applied, where there is one.
pub(super) fn feast(settings: &Settings) -> Result<Option<Feast>> {
    let flags = &settings.flags;
    let Some(folder) = &flags.feature_store else { return Ok(None) };
    if !folder.is_dir() {
        return Err(Error::not_found(OPEN, folder.display().to_string(), "there is no such folder")
            .remedy(format!("make it, with definitions in {DEFINITIONS}")));
    }
    let repository = repository(folder)?;
    let project = match (&repository, &flags.feature_project) {
        (Some(repository), None) => repository.project(),
        (Some(repository), Some(project)) if repository.project() == project => project,
        (Some(repository), Some(project)) => {
            let problem =
                format!("it is {project}, and the project of {DEFINITIONS} is {}", repository.project());
            return Err(
                Error::invalid_input("read settings", "feature-project", problem).remedy("leave it out")
            );
        }
        (None, Some(project)) => project,
        (None, None) => {
            let problem = format!("it has no {DEFINITIONS}, which would name the project");
            return Err(Error::invalid_input(OPEN, folder.display().to_string(), problem)
                .remedy("write it, or give --feature-project NAME for definitions that a program applies"));
        }
    };
    let mut builder = FeatureStore::builder_in(folder, project)?;
    for plan in plans(folder)? {
        builder = builder.plan(plan);
    }
    let store = builder.build()?;
    if let Some(repository) = &repository {
        apply(&store, repository)?;
    }
    Ok(Some(Feast::new(store)))
}

/// Makes the definitions those of the file, and tells what that comes to.
fn apply(store: &FeatureStore, repository: &Repository) -> Result<()> {
    let changes = Changes::whole(repository);
    let diff = store.plan(&changes)?;
    let project = repository.project();
    if diff.is_empty() {
        tracing::info!(project, "the definitions of features are as they were");
        return Ok(());
    }
    for line in diff.to_string().lines() {
        tracing::info!(project, plan = line, "definitions of features");
    }
    let diff = store.apply(&changes.as_planned(&diff), &Change::new(ACTOR, store.now()))?;
    tracing::info!(project, "the definitions of features were applied");
    for view in diff.materialise() {
        tracing::warn!(
            project,
            view,
            "the view is to be materialised: what is stored does not fit its definition"
        );
    }
    Ok(())
}

/// The definitions of the folder's file; none where there is no such file.
fn repository(folder: &Path) -> Result<Option<Repository>> {
    let path = folder.join(DEFINITIONS);
    let subject = path.display().to_string();
    match fs::read_to_string(&path) {
        Ok(text) => Repository::from_toml(&text).map(Some).map_err(|error| error.within(subject)),
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(Error::from_io(OPEN, subject, cause)),
    }
}

/// The plans of on-demand views, in the order of their files' names.
fn plans(folder: &Path) -> Result<Vec<Plan>> {
    let folder = folder.join(PLANS);
    let failed = |cause| Error::from_io(OPEN, folder.display().to_string(), cause);
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(cause) => return Err(failed(cause)),
    };
    let mut paths = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<std::io::Result<Vec<_>>>()
        .map_err(failed)?;
    paths.retain(|path| path.extension().is_some_and(|end| end == "json"));
    paths.sort();
    let read = |path: std::path::PathBuf| {
        let subject = path.display().to_string();
        let bytes = fs::read(&path).map_err(|cause| Error::from_io(OPEN, subject.as_str(), cause))?;
        Plan::from_bytes(&bytes).map_err(|error| error.within(subject))
    };
    paths.into_iter().map(read).collect()
}

/// The file of definitions in the folder of a feature store.
const DEFINITIONS: &str = "feature_store.toml";
/// The folder of plans in it.
const PLANS: &str = "plans";
/// By whom the audit log says definitions were applied.
const ACTOR: &str = "mlcore-serve";
const OPEN: &str = "open feature store";
