//! What is removed, and what is called otherwise from then on.

use super::rules::{existing_version, living_model, moved};
use super::{Tables, release};
use crate::error::{Error, Result};
use crate::name::{ModelName, Version};
use crate::registry::{AliasChange, AliasMove, Event, Model, ModelVersion, Stage};

pub(super) fn delete_model(tables: &dyn Tables, name: &ModelName) -> Result<Event> {
    const OPERATION: &str = "delete model";
    let model = living_model(tables, OPERATION, name)?;
    let (versions, aliases) = unused(tables, OPERATION, &model)?;
    let aliases = aliases.iter().map(|change| ended(&change.moved)).collect();
    Ok(Event::DeleteModel { model: name.clone(), versions: numbers(&versions), aliases })
}

pub(super) fn rename_model(
    tables: &dyn Tables,
    name: &ModelName,
    to: &ModelName,
    title: Option<&str>,
) -> Result<Event> {
    const OPERATION: &str = "rename model";
    let model = living_model(tables, OPERATION, name)?;
    if let Some(other) = tables.model(to)? {
        if !other.deleted {
            return Err(Error::already_exists(OPERATION, to.as_str(), "there is a model of this name"));
        }
        // What it was called before it is called again: the numbers are its own.
        let is_own = other.renamed.is_some_and(|renamed| renamed == *name);
        if !is_own && other.last_version.is_some() {
            let problem = "a model of this name was deleted, and its version numbers stay taken";
            return Err(Error::already_exists(OPERATION, to.as_str(), problem).remedy("choose another name"));
        }
    }
    let (versions, aliases) = unused(tables, OPERATION, &model)?;
    if title.is_some() && versions.iter().any(|version| !version.is_external()) {
        let problem = "the new name is none that mlcore can serve, and the model has versions that it runs";
        return Err(Error::invalid_input(OPERATION, name.as_str(), problem)
            .remedy("choose 1 to 128 letters, digits, dots, dashes and underscores"));
    }
    let there = |change: &AliasChange| moved(to, &change.moved.alias, None, change.target());
    let aliases = aliases.iter().flat_map(|change| [ended(&change.moved), there(change)]).collect();
    Ok(Event::RenameModel {
        model: name.clone(),
        name: to.clone(),
        title: title.map(str::to_owned),
        versions: numbers(&versions),
        aliases,
    })
}

pub(super) fn delete_version(tables: &dyn Tables, model: &ModelName, version: Version) -> Result<Event> {
    const OPERATION: &str = "delete version";
    let found = existing_version(tables, OPERATION, model, version)?;
    let mut aliases = Vec::new();
    if found.is_external() {
        let meaning = tables.aliases(model)?.into_iter().filter(|change| change.target() == Some(version));
        aliases.extend(meaning.map(|change| ended(&change.moved)));
    } else if let Some(alias) = release::alias_of(tables, model, version, None)? {
        let problem = format!("the alias {alias} means it");
        return Err(Error::conflict(OPERATION, format!("{model}/{version}"), problem)
            .remedy("move or remove the alias first"));
    } else if found.stage == Stage::Production {
        return Err(Error::conflict(OPERATION, format!("{model}/{version}"), "it is in production")
            .remedy("archive it first"));
    }
    Ok(Event::DeleteVersion { model: model.clone(), version, aliases })
}

/// The versions and aliases of a model of which no version that mlcore runs is in use.
fn unused(
    tables: &dyn Tables,
    operation: &'static str,
    model: &Model,
) -> Result<(Vec<ModelVersion>, Vec<AliasChange>)> {
    let name = &model.name;
    let (versions, aliases) = (tables.versions(name, None, usize::MAX)?, tables.aliases(name)?);
    let is_run = |change: &&AliasChange| {
        versions.iter().any(|version| change.target() == Some(version.version) && !version.is_external())
    };
    if let Some(alias) = aliases.iter().find(is_run) {
        let problem = format!("its alias {} is set", alias.moved.alias);
        return Err(Error::conflict(operation, name.as_str(), problem).remedy("remove its aliases first"));
    }
    if let Some(version) = model.production {
        let problem = format!("its version {version} is in production");
        return Err(Error::conflict(operation, name.as_str(), problem).remedy("archive that version first"));
    }
    Ok((versions, aliases))
}

fn numbers(versions: &[ModelVersion]) -> Vec<Version> {
    versions.iter().map(|version| version.version).collect()
}

/// The move that removes an alias.
fn ended(alias: &AliasMove) -> AliasMove {
    moved(&alias.model, &alias.alias, alias.to, None)
}
