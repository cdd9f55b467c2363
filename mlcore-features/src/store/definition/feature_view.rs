use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use super::field::check_all;
use super::metadata::{built_from, metadata_getters, metadata_setters};
use super::{Aggregation, Field, Kind, ViewVersion, duration, name};

/// Features of the same entities from the same source. Feast's `FeatureView`.
///
/// Its schema names the columns that are features, and may name those of its join keys to say their type. Where it has aggregations,
/// these are its features, and the schema names the columns that they are computed of.
///
/// ```
/// use std::time::Duration;
///
/// use mlcore::schema::DType;
/// use mlcore_features::store::definition::{FeatureView, Field};
///
/// let stats = FeatureView::builder("driver_stats", ["driver"])
///     .schema([Field::new("conv_rate", DType::Float32), Field::new("trips", DType::Int64)])
///     .ttl(Duration::from_secs(3600))
///     .source("stats")
///     .build()?;
/// assert!(stats.online() && !stats.offline() && stats.ttl() == Some(Duration::from_secs(3600)));
/// // As in Feast zero is no limit.
/// let all = FeatureView::builder("all", ["driver"]).schema([Field::new("trips", DType::Int64)]).ttl(Duration::ZERO);
/// assert_eq!(all.build()?.ttl(), None);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(try_from = "FeatureViewBuilder", into = "FeatureViewBuilder")]
pub struct FeatureView(FeatureViewBuilder);

/// Collects what a [`FeatureView`] is, and is how one is stored.
#[must_use = "a view is made by `build`"]
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureViewBuilder {
    name: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    entities: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) schema: Vec<Field>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    #[serde(default, with = "duration::option", skip_serializing_if = "Option::is_none")]
    ttl: Option<Duration>,
    #[serde(default = "yes", skip_serializing_if = "Clone::clone")]
    online: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    offline: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    aggregations: Vec<Aggregation>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    description: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    tags: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    owner: String,
    #[serde(default, with = "pin", skip_serializing_if = "Option::is_none")]
    version: Option<ViewVersion>,
}

fn yes() -> bool {
    true
}

impl FeatureView {
    /// Begins a view of these entities, by their names. A view without entities has one row for everybody.
    pub fn builder(
        name: impl Into<String>,
        entities: impl IntoIterator<Item = impl Into<String>>,
    ) -> FeatureViewBuilder {
        FeatureViewBuilder {
            name: name.into(),
            entities: entities.into_iter().map(Into::into).collect(),
            schema: Vec::new(),
            source: None,
            ttl: None,
            online: true,
            offline: false,
            aggregations: Vec::new(),
            description: String::new(),
            tags: BTreeMap::new(),
            owner: String::new(),
            version: None,
        }
    }

    /// The entities, by name.
    #[must_use]
    pub fn entities(&self) -> &[String] {
        &self.0.entities
    }

    /// The columns: features, and those of join keys where the view says their type.
    #[must_use]
    pub fn schema(&self) -> &[Field] {
        &self.0.schema
    }

    /// The source, by name. A view without one is written to alone.
    #[must_use]
    pub fn source(&self) -> Option<&str> {
        self.0.source.as_deref()
    }

    /// How long after its event time a value may be used; `None` for no limit.
    #[must_use]
    pub fn ttl(&self) -> Option<Duration> {
        self.0.ttl
    }

    /// Whether it is read online. Default: true.
    #[must_use]
    pub fn online(&self) -> bool {
        self.0.online
    }

    /// Whether what is pushed is written to the source of history, too. Default: false.
    #[must_use]
    pub fn offline(&self) -> bool {
        self.0.offline
    }

    /// What is computed of sliding windows.
    #[must_use]
    pub fn aggregations(&self) -> &[Aggregation] {
        &self.0.aggregations
    }

    /// The version that is pinned; `None` for the latest.
    #[must_use]
    pub fn version(&self) -> Option<ViewVersion> {
        self.0.version
    }

    /// The same with another pin.
    pub(in crate::store) fn with_version(mut self, version: Option<ViewVersion>) -> Self {
        self.0.version = version;
        self
    }
}

metadata_getters!(FeatureView);
built_from!(FeatureView, FeatureViewBuilder);
metadata_setters!(FeatureViewBuilder);

impl FeatureViewBuilder {
    /// Names the columns.
    pub fn schema(mut self, schema: impl IntoIterator<Item = Field>) -> Self {
        self.schema = schema.into_iter().collect();
        self
    }

    /// Names the source.
    pub fn source(mut self, source: impl Into<String>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Says how long after its event time a value may be used. Zero is no limit, as in Feast, and the default.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// Whether it is read online. Default: true.
    pub fn online(mut self, online: bool) -> Self {
        self.online = online;
        self
    }

    /// Whether what is pushed is written to the source of history, too. Default: false.
    pub fn offline(mut self, offline: bool) -> Self {
        self.offline = offline;
        self
    }

    /// Computes these of sliding windows.
    pub fn aggregations(mut self, aggregations: impl IntoIterator<Item = Aggregation>) -> Self {
        self.aggregations = aggregations.into_iter().collect();
        self
    }

    /// Pins a version that the registry has: applying the view goes back to it.
    pub fn version(mut self, version: ViewVersion) -> Self {
        self.version = Some(version);
        self
    }

    /// Makes the view.
    ///
    /// # Errors
    /// [`InvalidInput`](Error::InvalidInput) for a name that may not be, an entity or a field that is named twice, a view without a
    /// field, an aggregation of a column that is not there, and a `ttl` beyond 292 years;
    /// [`SchemaMismatch`](Error::SchemaMismatch) for an aggregation of a column of another type.
    pub fn build(mut self) -> Result<FeatureView> {
        name::check_object(Kind::FeatureView, &self.name)?;
        check_all(OPERATION, &self.name, &self.schema)?;
        self.check_parts().map_err(|error| error.within(name::shown(&self.name)))?;
        self.ttl = self.ttl.filter(|ttl| !ttl.is_zero());
        Ok(FeatureView(self))
    }

    fn check_parts(&self) -> Result<()> {
        name::check_metadata(OPERATION, &self.description, &self.tags, &self.owner)?;
        name::check_count(OPERATION, "entities", self.entities.len())?;
        let mut seen = BTreeSet::new();
        for entity in &self.entities {
            name::check_object(Kind::Entity, entity)?;
            if !seen.insert(entity) {
                return Err(Error::invalid_input(OPERATION, format!("entity {entity}"), "it is named twice")
                    .remedy("name each entity once"));
            }
        }
        if let Some(source) = &self.source {
            name::check_object(Kind::Source, source)?;
        }
        if self.schema.is_empty() && self.aggregations.iter().any(|own| !own.column.is_empty())
            || self.schema.is_empty() && self.aggregations.is_empty()
        {
            return Err(Error::invalid_input(OPERATION, "schema", "it has no field")
                .remedy("list the fields, or take them from the schema of the data (schema_of)"));
        }
        if self.ttl.is_some_and(|ttl| ttl > duration::LONGEST) {
            return Err(Error::invalid_input(OPERATION, "ttl", "it is longer than 292 years")
                .remedy("leave it away for no limit"));
        }
        name::check_count(OPERATION, "aggregations", self.aggregations.len())?;
        let mut names = BTreeSet::new();
        for aggregation in &self.aggregations {
            aggregation.check()?;
            let field = self.schema.iter().find(|field| field.name == aggregation.column);
            if field.is_none() && !aggregation.column.is_empty() {
                let problem = format!("the schema has no column {}", name::shown(&aggregation.column));
                return Err(Error::invalid_input(OPERATION, aggregation.resolved_name(), problem)
                    .remedy("add the column to the schema"));
            }
            aggregation.output_type(field.map(|field| field.dtype))?;
            if !names.insert(aggregation.resolved_name()) {
                let problem = "two aggregations have this name";
                return Err(Error::invalid_input(OPERATION, aggregation.resolved_name(), problem)
                    .remedy("give one of them a name"));
            }
        }
        Ok(())
    }
}

const OPERATION: &str = "define feature view";

/// A pinned version as text, `latest` included.
pub(super) mod pin {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::store::definition::ViewVersion;
    use crate::store::definition::reference::pinned;

    pub(crate) fn serialize<S: Serializer>(
        version: &Option<ViewVersion>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        version.serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<ViewVersion>, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        pinned(&text).map_err(serde::de::Error::custom)
    }
}
