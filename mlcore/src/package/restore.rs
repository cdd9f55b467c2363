//! Versions as a registry in memory, with the numbers, aliases and stages that they had elsewhere.

use std::collections::BTreeMap;

use super::Locked;
use crate::error::{Error, Result};
use crate::name::ModelName;
use crate::registry::{Change, Expected, MemoryRegistry, ModelVersion, NewVersion, RegistryExt as _, Stage};

pub(super) fn registry(models: &BTreeMap<ModelName, Locked>) -> Result<MemoryRegistry> {
    let registry = MemoryRegistry::new();
    for (model, locked) in models {
        restore(&registry, model, locked).map_err(|cause| {
            let problem = format!("its versions contradict each other: {}", cause.context().problem());
            Error::corrupt("open lock", model.as_str(), problem).caused_by(cause)
        })?;
    }
    Ok(registry)
}

fn restore(registry: &MemoryRegistry, model: &ModelName, locked: &Locked) -> Result<()> {
    let Some(first) = locked.versions.first() else { return Ok(()) };
    registry.create_model(model, &change(first))?;
    for version in &locked.versions {
        let mut lineage = version.lineage.clone();
        // What it was derived from lies elsewhere.
        lineage.parent = None;
        let mut new = NewVersion::new(model.clone(), version.artifact, version.signature.clone())
            .with_version(version.version)
            .with_format(version.format.as_str())
            .with_description(version.description.as_str())
            .with_lineage(lineage);
        new.tags.clone_from(&version.tags);
        new.metrics = version.metrics.clone();
        registry.create_version(new, &change(version))?;
        let way: &[Stage] = match version.stage {
            Stage::Dev => &[],
            Stage::Staging => &[Stage::Staging],
            Stage::Production => &[Stage::Staging, Stage::Production],
            // An alias may mean what is archived elsewhere by now; here it would be refused.
            Stage::Archived => &[Stage::Staging],
        };
        let mut from = Stage::Dev;
        for to in way {
            registry.transition(model, version.version, from, *to, &change(version))?;
            from = *to;
        }
    }
    for (alias, version) in &locked.aliases {
        registry.set_alias(model, alias, Some(*version), Expected::Absent, &change(first))?;
    }
    Ok(())
}

fn change(version: &ModelVersion) -> Change {
    Change::new(version.created_by.as_str(), version.created_at)
}
