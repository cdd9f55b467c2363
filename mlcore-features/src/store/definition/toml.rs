//! A repository as TOML, such as a file `feature_store.toml`.

use std::ops::Range;

use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::{Definition, Entity, FeatureService, FeatureView, OnDemandFeatureView, Repository, Source};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    project: String,
    #[serde(default)]
    entities: Vec<Spanned<Entity>>,
    #[serde(default)]
    sources: Vec<Spanned<Source>>,
    #[serde(default)]
    feature_views: Vec<Spanned<FeatureView>>,
    #[serde(default)]
    on_demand_feature_views: Vec<Spanned<OnDemandFeatureView>>,
    #[serde(default)]
    feature_services: Vec<Spanned<FeatureService>>,
}

#[derive(Default, Serialize)]
struct Written<'a> {
    project: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    entities: Vec<&'a Entity>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sources: Vec<&'a Source>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    feature_views: Vec<&'a FeatureView>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    on_demand_feature_views: Vec<&'a OnDemandFeatureView>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    feature_services: Vec<&'a FeatureService>,
}

impl Repository {
    /// Reads a repository that is written as TOML: `project`, and the lists `entities`, `sources`, `feature_views`,
    /// `on_demand_feature_views` and `feature_services`.
    ///
    /// ```
    /// use mlcore_features::store::definition::Repository;
    ///
    /// let repository = Repository::from_toml(r#"
    ///     project = "rides"
    ///
    ///     [[entities]]
    ///     name = "driver"
    ///     join_keys = ["driver_id"]
    ///     value_type = "int64"
    ///
    ///     [[sources]]
    ///     kind = "file"
    ///     name = "stats"
    ///     path = "data/stats.parquet"
    ///     timestamp_field = "event_timestamp"
    ///
    ///     [[feature_views]]
    ///     name = "driver_stats"
    ///     entities = ["driver"]
    ///     source = "stats"
    ///     ttl = "1d"
    ///     schema = [{ name = "conv_rate", dtype = "float32" }]
    ///
    ///     [[feature_services]]
    ///     name = "ranking"
    ///     features = ["driver_stats:conv_rate"]
    /// "#)?;
    /// assert_eq!(Repository::from_toml(&repository.to_toml()?)?, repository);
    ///
    /// let error = Repository::from_toml("project = \"rides\"\n[[entities]]\nname = 7\n").unwrap_err();
    /// assert!(error.to_string().contains("line 3, key name"), "{error}");
    /// # Ok::<(), mlcore::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`InvalidInput`](Error::InvalidInput) for a text that is no TOML, a key that is not known and a value that cannot be, with line and
    /// key, and what [`Repository::new`] refuses, with the line at which the object begins.
    pub fn from_toml(text: &str) -> Result<Self> {
        let document: Document = toml::from_str(text).map_err(|cause| {
            let subject = cause.span().map_or_else(|| "text".to_owned(), |span| place(text, &span));
            Error::invalid_input(OPERATION, subject, cause.message().trim().to_owned()).caused_by(cause)
        })?;
        let mut lines = Vec::new();
        let mut definitions: Vec<Definition> = Vec::new();
        let mut add = |span: Range<usize>, definition: Definition| {
            lines.push((line_of(text, span.start), definition.id().to_string()));
            definitions.push(definition);
        };
        document.entities.into_iter().for_each(|own| add(own.span(), own.into_inner().into()));
        document.sources.into_iter().for_each(|own| add(own.span(), own.into_inner().into()));
        document.feature_views.into_iter().for_each(|own| add(own.span(), own.into_inner().into()));
        document.on_demand_feature_views.into_iter().for_each(|own| add(own.span(), own.into_inner().into()));
        document.feature_services.into_iter().for_each(|own| add(own.span(), own.into_inner().into()));
        Self::new(document.project, definitions).map_err(|error| {
            let subject = error.context().subject();
            // The last of two objects of one name is the one that is too much.
            let found = lines.iter().rev().find(|(_, id)| {
                subject
                    .strip_prefix(id.as_str())
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with(", "))
            });
            match found.map(|(line, _)| *line) {
                Some(line) => error.within(format!("line {line}")),
                None => error,
            }
        })
    }

    /// Writes the repository as TOML, which reads back as the same.
    ///
    /// # Errors
    /// [`Internal`](Error::Internal) where it cannot be written.
    pub fn to_toml(&self) -> Result<String> {
        let mut written = Written { project: self.project(), ..Written::default() };
        for definition in self.definitions() {
            match definition {
                Definition::Entity(own) => written.entities.push(own),
                Definition::Source(own) => written.sources.push(own),
                Definition::FeatureView(own) => written.feature_views.push(own),
                Definition::OnDemandFeatureView(own) => written.on_demand_feature_views.push(own),
                Definition::FeatureService(own) => written.feature_services.push(own),
            }
        }
        toml::to_string(&written)
            .map_err(|cause| Error::internal("write definitions", "TOML", cause.to_string()).caused_by(cause))
    }
}

const OPERATION: &str = "read definitions";

fn line_of(text: &str, byte: usize) -> usize {
    text.get(..byte).unwrap_or(text).matches('\n').count() + 1
}

/// The line at which a span begins, and the key or the table that stands there.
fn place(text: &str, span: &Range<usize>) -> String {
    let line = line_of(text, span.start);
    let own = text.lines().nth(line - 1).unwrap_or_default().trim();
    let key = own.split_once('=').map(|(key, _)| key.trim()).filter(|key| !key.is_empty());
    match key {
        Some(key) if !own.starts_with('[') => format!("line {line}, key {key}"),
        _ if own.starts_with('[') => format!("line {line}, table {own}"),
        _ => format!("line {line}"),
    }
}
