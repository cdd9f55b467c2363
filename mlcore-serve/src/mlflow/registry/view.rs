//! How models and versions are written.

use mlcore::name::{Alias, Version};
use mlcore::registry::{Model, ModelVersion};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::{latest_of, millis, word_of};
use crate::mlflow::write::{List, put_pairs};

type Written<S> = std::result::Result<<S as Serializer>::Ok, <S as Serializer>::Error>;

/// A version, with the aliases that mean it where those are told.
#[derive(Clone, Copy)]
pub(in crate::mlflow) struct VersionView<'a> {
    pub(in crate::mlflow) title: &'a str,
    pub(in crate::mlflow) version: &'a ModelVersion,
    pub(in crate::mlflow) aliases: &'a [(Alias, Version)],
}

impl Serialize for VersionView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Written<S> {
        let own = self.version;
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("name", self.title)?;
        map.serialize_entry("version", &own.version.to_string())?;
        map.serialize_entry("creation_timestamp", &millis(own.created_at))?;
        map.serialize_entry("last_updated_timestamp", &millis(own.updated_at))?;
        map.serialize_entry("current_stage", word_of(own.stage))?;
        map.serialize_entry("description", &own.description)?;
        map.serialize_entry("source", &source_of(own))?;
        map.serialize_entry("run_id", &text(own.lineage.run.as_ref().map(|run| run.as_str())))?;
        map.serialize_entry("status", "READY")?;
        put_pairs(&mut map, "tags", &own.tags)?;
        map.serialize_entry("run_link", &text(own.lineage.run_link.as_deref()))?;
        let aliases = self.aliases.iter().filter(|(_, meant)| *meant == own.version);
        if aliases.clone().next().is_some() {
            map.serialize_entry("aliases", &List(aliases.map(|(alias, _)| alias.as_str())))?;
        }
        map.end()
    }
}

/// Where a version came from; one that was registered here lies under its digest.
pub(super) fn source_of(version: &ModelVersion) -> String {
    version.lineage.source.clone().unwrap_or_else(|| format!("mlcore:/{}", version.artifact))
}

/// A model with the latest version of each of its stages.
pub(super) struct ModelView<'a> {
    pub(super) model: &'a Model,
    pub(super) versions: &'a [ModelVersion],
    pub(super) aliases: &'a [(Alias, Version)],
}

impl Serialize for ModelView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Written<S> {
        let own = self.model;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("name", own.title())?;
        map.serialize_entry("creation_timestamp", &millis(own.created_at))?;
        map.serialize_entry("last_updated_timestamp", &millis(own.updated_at))?;
        if !own.description.is_empty() {
            map.serialize_entry("description", &own.description)?;
        }
        let latest = latest_of(self.versions);
        if !latest.is_empty() {
            // Here MLflow leaves the aliases of versions out: they stand beside them.
            let views =
                latest.iter().map(|version| VersionView { title: own.title(), version, aliases: &[] });
            map.serialize_entry("latest_versions", &List(views))?;
        }
        put_pairs(&mut map, "tags", &own.tags)?;
        if !self.aliases.is_empty() {
            let views = self.aliases.iter().map(|(alias, version)| AliasView(alias, *version));
            map.serialize_entry("aliases", &List(views))?;
        }
        map.end()
    }
}

struct AliasView<'a>(&'a Alias, Version);

impl Serialize for AliasView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Written<S> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("alias", self.0.as_str())?;
        map.serialize_entry("version", &self.1.to_string())?;
        map.end()
    }
}
