use std::fmt;
use std::sync::Arc;

use mlcore::batch::OwnedValue;
use mlcore_features::store::key::EntityKey;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::context::Pairs;
use super::value::{Read, Written};
use crate::endpoint::FeatureStatus;
use crate::endpoint::prepare::{Prepared, seconds};

/// The entities of a request whose features were looked up, with status and age of every feature, in memory that is used again.
///
/// Serialised, it is a list of what each entity has:
/// `{"entity": {"driver_id": 7}, "features": {"trips": {"status": "PRESENT", "age_seconds": 12.5}}}`.
///
/// ```
/// use mlcore_features::store::key::EntityKey;
/// use mlcore_serve::endpoint::{FeatureStatus, LookedUp};
///
/// let found = [(FeatureStatus::Present, Some(12.5)), (FeatureStatus::NotFound, None)];
/// let one = LookedUp::new(["trips", "rating"], [(EntityKey::one("driver_id", 7)?, found)]);
/// assert_eq!(one.of_entity(0).nth(1), Some(("rating", FeatureStatus::NotFound, None)));
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, PartialEq, Debug, Default)]
pub struct LookedUp {
    names: Arc<[String]>,
    entities: Vec<EntityKey>,
    /// By entity, then by feature; ages in microseconds.
    found: Vec<(FeatureStatus, Option<i64>)>,
}

impl LookedUp {
    /// What became of these features of these entities, with ages in seconds.
    #[must_use]
    pub fn new<N: Into<String>, F: IntoIterator<Item = (FeatureStatus, Option<f64>)>>(
        features: impl IntoIterator<Item = N>,
        entities: impl IntoIterator<Item = (EntityKey, F)>,
    ) -> Self {
        let names: Arc<[String]> = features.into_iter().map(Into::into).collect();
        let mut own = Self { names, entities: Vec::new(), found: Vec::new() };
        for (entity, found) in entities {
            own.entities.push(entity);
            let found =
                found.into_iter().map(|(status, age)| (status, age.map(|age| (age * 1e6).round() as i64)));
            own.found.extend(found.take(own.names.len()));
            own.found.resize(own.entities.len() * own.names.len(), (FeatureStatus::NotFound, None));
        }
        own
    }

    /// Whether nothing was looked up.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entities.is_empty()
    }

    /// The entities: one for each row of the request, or one for all.
    #[must_use]
    pub fn entities(&self) -> &[EntityKey] {
        &self.entities
    }

    /// The names of the features.
    #[must_use]
    pub fn features(&self) -> &[String] {
        &self.names
    }

    /// Name, status and age in seconds of each feature of an entity. An age is negative where the clock of who wrote it runs ahead.
    pub fn of_entity(&self, entity: usize) -> impl Iterator<Item = (&str, FeatureStatus, Option<f64>)> {
        let width = self.names.len();
        let start = entity.saturating_mul(width);
        let found = self.found.get(start..start.saturating_add(width)).unwrap_or_default();
        self.names.iter().zip(found).map(|(name, (status, age))| (name.as_str(), *status, age.map(seconds)))
    }

    /// Takes over what was prepared; nothing where there is nothing.
    pub(crate) fn fill(&mut self, prepared: Option<&Prepared>, names: &Arc<[String]>) {
        let entities = prepared.map_or(&[][..], Prepared::entities);
        if entities.is_empty() && self.entities.is_empty() {
            return;
        }
        self.entities.clear();
        self.found.clear();
        if let Some(prepared) = prepared.filter(|_| !entities.is_empty()) {
            if !Arc::ptr_eq(&self.names, names) {
                self.names = names.clone();
            }
            self.entities.extend_from_slice(entities);
            self.found.extend((0..entities.len()).flat_map(|entity| prepared.found(entity)));
        }
    }
}

/// A key as an object of its join keys.
pub(crate) struct KeyObject<'a>(pub(crate) &'a EntityKey);

impl Serialize for KeyObject<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let parts = self.0.parts();
        serializer.collect_map(parts.iter().map(|(name, value)| (name, Written(value.as_value()))))
    }
}

#[derive(Serialize, Deserialize)]
struct Found {
    status: FeatureStatus,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    age_seconds: Option<f64>,
}

impl Serialize for LookedUp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct Features<'a>(&'a LookedUp, usize);

        impl Serialize for Features<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let found = self.0.of_entity(self.1);
                serializer.collect_map(
                    found.map(|(name, status, age_seconds)| (name, Found { status, age_seconds })),
                )
            }
        }

        struct Entity<'a>(&'a LookedUp, usize, &'a EntityKey);

        impl Serialize for Entity<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut map = serializer.serialize_map(Some(2))?;
                map.serialize_entry("entity", &KeyObject(self.2))?;
                map.serialize_entry("features", &Features(self.0, self.1))?;
                map.end()
            }
        }

        serializer
            .collect_seq(self.entities.iter().enumerate().map(|(place, entity)| Entity(self, place, entity)))
    }
}

/// The key of an object of join keys.
pub(crate) fn key_of(pairs: &[(String, Read)]) -> mlcore::Result<EntityKey> {
    EntityKey::new(pairs.iter().map(|(name, Read(value))| (name.as_str(), OwnedValue::as_value(value))))
}

impl<'de> Deserialize<'de> for LookedUp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Entity {
            entity: Pairs,
            features: Features,
        }

        let read = Vec::<Entity>::deserialize(deserializer)?;
        let names: Vec<String> = read
            .first()
            .map(|first| first.features.0.iter().map(|(name, _)| name.clone()).collect())
            .unwrap_or_default();
        let mut entities = Vec::new();
        for Entity { entity: Pairs(pairs), features: Features(found) } in read {
            let key = key_of(&pairs).map_err(D::Error::custom)?;
            if !found.iter().map(|(name, _)| name).eq(&names) {
                return Err(D::Error::custom(format!("the entity {key} has other features than the first")));
            }
            entities.push((key, found.into_iter().map(|(_, found)| (found.status, found.age_seconds))));
        }
        Ok(Self::new(names, entities))
    }
}

/// The entries of an object, in their order.
struct Features(Vec<(String, Found)>);

impl<'de> Deserialize<'de> for Features {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;

        impl<'de> Visitor<'de> for Entries {
            type Value = Features;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of features")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Features, A::Error> {
                let mut read = Vec::new();
                while let Some(entry) = entries.next_entry()? {
                    read.push(entry);
                }
                Ok(Features(read))
            }
        }

        deserializer.deserialize_map(Entries)
    }
}
