use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use mlcore::{Error, Result};
use serde::de::value::MapAccessDeserializer;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::reference::{ViewVersion, parts, write_view};
use super::{Kind, name};

/// A view as a service or an on-demand view takes it: all of its features or some, under its own name or another, with its own join keys
/// or others. Feast's projection: `view[["a", "b"]]`, `with_name`, `with_join_key_map`.
///
/// What a reference can say is stored as one: `driver_stats`, `driver_stats@v2:conv_rate`.
///
/// ```
/// use mlcore_features::store::definition::{Projection, ViewVersion};
///
/// let origin = Projection::of("weather").with_name("origin").with_join_key("location_id", "origin_id");
/// assert_eq!(origin.name_to_use(), "origin");
/// let pinned = Projection::parse("driver_stats@v2:conv_rate")?;
/// assert_eq!(pinned, Projection::of("driver_stats").with_version(ViewVersion::new(2)).with_features(["conv_rate"]));
/// assert_eq!(serde_json::to_string(&pinned).unwrap(), r#""driver_stats@v2:conv_rate""#);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Projection {
    /// The view.
    pub view: String,
    /// The version of the view; the latest where there is none.
    pub version: Option<ViewVersion>,
    /// The features in this order; all of them, in the view's order, where there is none.
    pub features: Vec<String>,
    /// What the view is called in the names of features.
    pub name: Option<String>,
    /// Which column of a request stands for a join key: from the view's join key to the request's column.
    pub join_key_map: BTreeMap<String, String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    view: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<ViewVersion>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    features: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    join_key_map: BTreeMap<String, String>,
}

impl Projection {
    /// All features of the latest version of a view.
    #[must_use]
    pub fn of(view: impl Into<String>) -> Self {
        Self {
            view: view.into(),
            version: None,
            features: Vec::new(),
            name: None,
            join_key_map: BTreeMap::new(),
        }
    }

    /// Reads `view`, `view:feature`, `view@v2` or `view@v2:feature`.
    ///
    /// # Errors
    /// [`InvalidInput`](Error::InvalidInput) for a text that is no such reference.
    pub fn parse(text: &str) -> Result<Self> {
        let (view, version, feature) = parts(text)?;
        let features = feature.map(str::to_owned).into_iter().collect();
        Ok(Self { version, features, ..Self::of(view) })
    }

    /// Takes these features alone, in this order.
    #[must_use]
    pub fn with_features(mut self, features: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.features = features.into_iter().map(Into::into).collect();
        self
    }

    /// Takes this version.
    #[must_use]
    pub fn with_version(mut self, version: ViewVersion) -> Self {
        self.version = Some(version);
        self
    }

    /// Gives the view another name, so that it can be taken twice.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Reads a join key of the view from this column of a request.
    #[must_use]
    pub fn with_join_key(mut self, join_key: impl Into<String>, column: impl Into<String>) -> Self {
        self.join_key_map.insert(join_key.into(), column.into());
        self
    }

    /// The name before `__` in the full names of its features: its own, or the view's, with the version where one is named.
    #[must_use]
    pub fn name_to_use(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = write_view(&mut text, self.name.as_deref().unwrap_or(&self.view), self.version);
        text
    }

    /// Checks it by itself.
    pub(super) fn check(&self, operation: &'static str) -> Result<()> {
        name::check_object(Kind::FeatureView, &self.view)?;
        if let Some(own) = &self.name {
            name::check_object(Kind::FeatureView, own)?;
        }
        name::check_count(operation, "features", self.features.len())?;
        let refuse = |what: &str, problem: &str| {
            let subject = format!("{} {}", self.name_to_use(), name::shown(what));
            Err(Error::invalid_input(operation, subject, problem).remedy("name each once"))
        };
        let mut seen = BTreeSet::new();
        for feature in &self.features {
            name::check_column(operation, "feature", feature)?;
            if !seen.insert(feature) {
                return refuse(feature, "the feature is taken twice");
            }
        }
        let mut columns = BTreeSet::new();
        for (join_key, column) in &self.join_key_map {
            name::check_column(operation, "join key", join_key)?;
            name::check_column(operation, "join key", column)?;
            if !columns.insert(column) {
                return refuse(column, "two join keys are read from the column");
            }
        }
        Ok(())
    }

    fn as_reference(&self) -> Option<String> {
        if self.features.len() > 1 || self.name.is_some() || !self.join_key_map.is_empty() {
            return None;
        }
        let feature = self.features.iter().map(|feature| format!(":{feature}"));
        Some([self.name_to_use()].into_iter().chain(feature).collect())
    }
}

impl fmt::Display for Projection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_view(f, &self.view, self.version)?;
        if !self.features.is_empty() {
            write!(f, ":{}", self.features.join(","))?;
        }
        self.name.as_ref().map_or(Ok(()), |name| write!(f, " as {name}"))
    }
}

impl Serialize for Projection {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Some(reference) = self.as_reference() {
            return serializer.serialize_str(&reference);
        }
        let Self { view, version, features, name, join_key_map } = self.clone();
        Table { view, version, features, name, join_key_map }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Projection {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> de::Visitor<'de> for Either {
            type Value = Projection;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a reference such as \"view:feature\", or a table with the key view")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Projection, E> {
                Projection::parse(text).map_err(E::custom)
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Projection, A::Error> {
                let Table { view, version, features, name, join_key_map } =
                    Table::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Projection { view, version, features, name, join_key_map })
            }
        }

        deserializer.deserialize_any(Either)
    }
}
