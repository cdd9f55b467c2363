//! The registry of models: its names, versions, stages and aliases, in a [`Registry`] whose audit log tells who did what.
//!
//! A version with the ONNX flavor whose file was checked is an ordinary one, which mlcore serves and promotes; every other one is
//! [external](mlcore::registry::ModelVersion::is_external), and moves by MLflow's rules.

mod messages;
mod models;
mod onnx;
mod source;
mod versions;
mod view;

use std::sync::Arc;

use mlcore::artifact::ArtifactStore;
use mlcore::name::{Alias, Version};
use mlcore::registry::{Change, Model, ModelVersion, Registry, RegistryExt as _, Stage, VersionSearch};
use mlcore::{Error, time::Timestamp};

pub(super) use self::messages::*;
pub(super) use self::models::{
    alias, create, delete, delete_alias, delete_tag, find, get, latest, rename, set_alias, set_tag, update,
};
pub(super) use self::onnx::{checked_files, unchecked};
pub(super) use self::versions::{
    create as create_version, delete as delete_version, delete_tag as delete_version_tag, download_uri,
    find as find_versions, get as get_version, set_tag as set_version_tag, transition,
    update as update_version,
};
pub(super) use self::view::source_of;
use super::call::Call;
use super::python;
use super::refusal::{Refusal, Result};
use super::rules;

/// Where models are registered, and where the checked files of their versions go.
#[derive(Clone)]
pub(super) struct Registered {
    pub(super) registry: Arc<dyn Registry>,
    pub(super) store: Arc<dyn ArtifactStore>,
}

impl<'c> Call<'c> {
    fn registered(&self) -> Result<&'c Registered> {
        let own = self.server.registered.as_ref();
        own.ok_or_else(|| Refusal::not_implemented("this server has no registry of models"))
    }

    fn registry(&self) -> Result<&'c dyn Registry> {
        Ok(&*self.registered()?.registry)
    }

    /// Who changes something, and when.
    fn change(&self) -> Change {
        Change::new(self.actor, self.server.now())
    }

    /// The model of this name.
    fn model(&self, name: &str) -> Result<Model> {
        self.registry()?.model_titled(name).map_err(|error| match error {
            Error::NotFound(_) => no_model(name),
            error => error.into(),
        })
    }

    /// The version that the request names, by the text that it was named by.
    fn version(&self) -> Result<(Model, ModelVersion)> {
        self.version_of(self.text("name"), self.text("version"))
    }

    fn version_of(&self, name: &str, text: &str) -> Result<(Model, ModelVersion)> {
        check_name(name)?;
        let absent = |number: &str| {
            Refusal::not_found(format!("Model Version (name={name}, version={number}) not found"))
        };
        let number = number(text)?;
        let shown = number.to_string();
        let number = u64::try_from(number).ok().and_then(|number| Version::new(number).ok());
        let number = number.ok_or_else(|| absent(&shown))?;
        let model = match self.registry()?.model_titled(name) {
            Err(Error::NotFound(_)) => return Err(absent(&shown)),
            found => found?,
        };
        match self.registry()?.version(&model.name, number) {
            Err(Error::NotFound(_)) => Err(absent(&shown)),
            found => Ok((model, found?)),
        }
    }
}

/// Where the files of a version lie.
pub(super) fn place(call: &Call<'_>, name: &str, version: &str) -> Result<String> {
    Ok(versions::place_of(&call.version_of(name, version)?.1))
}

/// The versions that came of a run, each with what its model is called; none where there is no registry.
pub(super) fn versions_of_run(
    call: &Call<'_>,
    run: &mlcore::name::RunId,
) -> Result<Vec<(String, ModelVersion)>> {
    let Some(own) = &call.server.registered else { return Ok(Vec::new()) };
    let search =
        VersionSearch::default().with_filter(format!("run_id = '{}'", run.as_str().replace('\'', "''")));
    let found = own.registry.search_versions(&search)?.items;
    let mut versions = Vec::with_capacity(found.len());
    for version in found {
        versions.push((own.registry.model(&version.model)?.title().to_owned(), version));
    }
    Ok(versions)
}

/// A version's number, as Python reads one.
fn number(text: &str) -> Result<i64> {
    text.trim().parse().map_err(|_| {
        Refusal::invalid(format!("Parameter 'version' must be an integer, got {}.", python::repr(text)))
    })
}

fn no_model(name: &str) -> Refusal {
    Refusal::not_found(format!("Registered Model with name={name} not found"))
}

/// The name of a model: it stands in addresses and paths.
fn check_name(name: &str) -> Result<()> {
    if name.trim().is_empty() {
        return Err(Refusal::missing("name"));
    }
    if name.contains(['/', ':']) {
        return Err(Refusal::invalid(format!(
            "Invalid model name '{name}'. Names cannot contain '/' or ':'."
        )));
    }
    rules::check_path(name, "name")
}

/// The word for an alias.
fn check_alias(word: &str) -> Result<()> {
    if !word.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-')) {
        return Err(Refusal::invalid(format!(
            "Invalid alias name: '{word}'. Names may only contain alphanumerics, underscores (_), and dashes (-)."
        )));
    }
    rules::check_length(word, "Registered model alias name", MOST_ALIAS_CHARS)
}

/// A tag of a model or of a version.
fn check_tag(key: &str, value: &str) -> Result<()> {
    rules::check_key(key, "key", "key")?;
    rules::check_length(value, "value", MOST_TAG_VALUE_CHARS)
}

/// The tags that come with a model or version: of a key that is there twice the last one counts.
fn tags(call: &Call<'_>) -> Result<std::collections::BTreeMap<String, String>> {
    let mut tags = std::collections::BTreeMap::new();
    for tag in call.many("tags") {
        check_tag(tag.text("key"), tag.text("value"))?;
        tags.insert(tag.text("key").to_owned(), tag.text("value").to_owned());
    }
    Ok(tags)
}

/// MLflow's word for a stage.
pub(super) fn word_of(stage: Stage) -> &'static str {
    match stage {
        Stage::Staging => "Staging",
        Stage::Production => "Production",
        Stage::Archived => "Archived",
        _ => "None",
    }
}

/// The stage of a word in any case.
fn stage_of(word: &str) -> Result<Stage> {
    let found = Stage::ALL.iter().copied().find(|stage| word_of(*stage).eq_ignore_ascii_case(word));
    found.ok_or_else(|| {
        Refusal::invalid(format!(
            "Invalid Model Version stage: {word}. Value must be one of None, Staging, Production, Archived."
        ))
    })
}

/// The latest version of each stage, in the order in which the stages first appear.
fn latest_of(versions: &[ModelVersion]) -> Vec<&ModelVersion> {
    let mut latest: Vec<&ModelVersion> = Vec::new();
    for version in versions {
        match latest.iter_mut().find(|other| other.stage == version.stage) {
            Some(place) => *place = version,
            None => latest.push(version),
        }
    }
    latest
}

/// Of every version: a registered model shows the latest ones.
fn versions_of(registry: &dyn Registry, model: &Model) -> Result<Vec<ModelVersion>> {
    Ok(registry.versions(&model.name, None, usize::MAX)?)
}

/// An alias that a registry can have.
fn known_alias(word: &str) -> Option<Alias> {
    Alias::new(word).ok()
}

fn millis(time: Timestamp) -> i64 {
    super::write::millis(time)
}

const MOST_ALIAS_CHARS: usize = 255;
const MOST_TAG_VALUE_CHARS: usize = 100_000;
