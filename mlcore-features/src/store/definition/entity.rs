use std::collections::BTreeMap;

use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use super::metadata::{built_from, metadata_getters, metadata_setters};
use super::{Kind, ValueType, name};

/// What features are about: a driver, a customer. Feast's `Entity`.
///
/// It has one join key, the column by which rows of views and requests are its own. Keys of several columns are views of several entities.
///
/// ```
/// use mlcore::schema::DType;
/// use mlcore_features::store::definition::Entity;
///
/// let driver = Entity::builder("driver").join_keys(["driver_id"]).value_type(DType::Int64).build()?;
/// assert_eq!(driver.join_key(), "driver_id");
/// assert_eq!(Entity::builder("driver").build()?.join_key(), "driver");
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "EntityBuilder", into = "EntityBuilder")]
pub struct Entity(EntityBuilder);

/// Collects what an [`Entity`] is, and is how one is stored.
#[must_use = "an entity is made by `build`"]
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntityBuilder {
    name: String,
    #[serde(default)]
    join_keys: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value_type: Option<ValueType>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    description: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    tags: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    owner: String,
}

impl Entity {
    /// Begins an entity.
    pub fn builder(name: impl Into<String>) -> EntityBuilder {
        EntityBuilder {
            name: name.into(),
            join_keys: Vec::new(),
            value_type: None,
            description: String::new(),
            tags: BTreeMap::new(),
            owner: String::new(),
        }
    }

    /// The column by which rows belong to it.
    #[must_use]
    pub fn join_key(&self) -> &str {
        self.0.join_keys.first().unwrap_or(&self.0.name)
    }

    /// The type of its keys; where there is none, the schema of each view says it.
    #[must_use]
    pub fn value_type(&self) -> Option<ValueType> {
        self.0.value_type
    }
}

metadata_getters!(Entity);
built_from!(Entity, EntityBuilder);
metadata_setters!(EntityBuilder);

impl EntityBuilder {
    /// Names the column of its keys: one. Default: the entity's name.
    pub fn join_keys(mut self, join_keys: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.join_keys = join_keys.into_iter().map(Into::into).collect();
        self
    }

    /// Says the type of its keys.
    pub fn value_type(mut self, value_type: impl Into<ValueType>) -> Self {
        self.value_type = Some(value_type.into());
        self
    }

    /// Makes the entity.
    ///
    /// # Errors
    /// [`InvalidInput`](Error::InvalidInput) for a name or a key that may not be, for several join keys, and for keys that are floats or lists.
    pub fn build(mut self) -> Result<Entity> {
        let operation = Kind::Entity.operation();
        name::check_object(Kind::Entity, &self.name)?;
        let own = |error: Error| error.within(name::shown(&self.name));
        name::check_metadata(operation, &self.description, &self.tags, &self.owner).map_err(own)?;
        if self.join_keys.len() > 1 {
            let problem = format!("it has {} join keys, and an entity has one", self.join_keys.len());
            return Err(Error::invalid_input(operation, name::shown(&self.name), problem)
                .remedy("define an entity for each key, and name all of them in the view"));
        }
        for key in &self.join_keys {
            name::check_column(operation, "join key", key).map_err(own)?;
        }
        if let Some(value_type) = self.value_type {
            check_key_type(operation, &self.name, value_type)?;
        }
        if self.join_keys.is_empty() {
            self.join_keys.push(self.name.clone());
        }
        Ok(Entity(self))
    }
}

/// Keys are compared for equality, which floats and lists are not made for.
pub(super) fn check_key_type(operation: &'static str, owner: &str, value_type: ValueType) -> Result<()> {
    if !value_type.is_list() && !value_type.dtype().is_float() {
        return Ok(());
    }
    let problem = format!("its keys are {value_type}, which cannot be compared for equality safely");
    Err(Error::invalid_input(operation, name::shown(owner), problem)
        .remedy("use keys that are text, integers, bools, dates or timestamps"))
}
