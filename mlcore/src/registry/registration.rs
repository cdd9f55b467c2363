use std::iter;

use super::model::artifact_of_tag;
use super::{Change, Event, Model, ModelVersion, Mutation, NewModel, NewVersion, Registry, RegistryExt};
use crate::artifact::{ArtifactStore, ArtifactStoreExt, Digest};
use crate::error::{Error, Result};

pub(super) fn register<R: Registry + ?Sized>(
    registry: &R,
    artifacts: &dyn ArtifactStore,
    new: NewVersion,
    change: &Change,
) -> Result<ModelVersion> {
    let tagged = new.tags.iter().filter_map(|(key, value)| artifact_of_tag(key, value));
    let parts: Vec<Digest> = iter::once(new.artifact).chain(new.lineage.artifacts()).chain(tagged).collect();
    for digest in &parts {
        if !artifacts.contains(digest)? {
            let problem = format!("{digest} is not in the artifact store");
            return Err(Error::not_found("register version", new.model.as_str(), problem)
                .remedy("put the bytes into the store first"));
        }
    }
    // The request makes the registration repeatable, not the creation of the model, which repeats by itself.
    let mut creation = change.clone();
    creation.request = None;
    match registry.model(&new.model) {
        Err(Error::NotFound(_)) => {
            match create_model(registry, NewModel::new(new.model.clone()), &creation) {
                Ok(_) | Err(Error::AlreadyExists(_)) => {}
                Err(error) => return Err(error),
            }
        }
        known => drop(known?),
    }
    let version = registry.create_version(new, change)?;
    // From here on nobody collects them; one that was collected until here is told.
    for digest in &parts {
        if !artifacts.contains(digest)? {
            let subject = format!("{}/{}", version.model, version.version);
            let problem =
                format!("{digest} was removed from the artifact store while the version was registered");
            return Err(Error::not_found("register version", subject, problem)
                .remedy("put the bytes again: the version is there, and names them"));
        }
    }
    Ok(version)
}

pub(super) fn create_model<R: Registry + ?Sized>(
    registry: &R,
    new: NewModel,
    change: &Change,
) -> Result<Model> {
    let entry = registry.apply(&Mutation::CreateModel(new), change)?;
    match &entry.event {
        Event::CreateModel(new) => registry.model(&new.name),
        other => Err(another("create model", other)),
    }
}

pub(super) fn another(operation: &'static str, event: &Event) -> Error {
    let problem = format!("the registry answered the entry of another change: {}", event.operation());
    Error::internal(operation, event.subject(), problem)
}
