use std::collections::BTreeMap;

use mlcore::Result;
use serde::{Deserialize, Serialize};

use super::{ValueType, name};

/// A named and typed column of a view or a request: a feature, or the column of a join key.
///
/// It is checked by what it is a part of.
///
/// ```
/// use mlcore::schema::DType;
/// use mlcore_features::store::definition::{Field, ValueType};
///
/// let rate = Field::new("conv_rate", DType::Float32).with_description("of trips").with_tag("pii", "no");
/// let embedding = Field::new("embedding", ValueType::List(DType::Float32));
/// assert_eq!(serde_json::to_string(&embedding).unwrap(), r#"{"name":"embedding","dtype":"list[float32]"}"#);
/// # let _ = rate;
/// ```
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// The name.
    pub name: String,
    /// The type of its values.
    pub dtype: ValueType,
    /// What it is, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Tags.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

impl Field {
    /// A field.
    #[must_use]
    pub fn new(name: impl Into<String>, dtype: impl Into<ValueType>) -> Self {
        Self { name: name.into(), dtype: dtype.into(), description: String::new(), tags: BTreeMap::new() }
    }

    /// Says what it is, for people.
    #[must_use]
    pub fn with_description(mut self, description: impl Into<String>) -> Self {
        self.description = description.into();
        self
    }

    /// Adds a tag.
    #[must_use]
    pub fn with_tag(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.tags.insert(key.into(), value.into());
        self
    }

    /// Checks it as a part of `owner`.
    pub(super) fn check(&self, operation: &'static str, owner: &str) -> Result<()> {
        name::check_column(operation, "field", &self.name)
            .and_then(|()| name::check_metadata(operation, &self.description, &self.tags, ""))
            .map_err(|error| error.within(name::shown(owner)))
    }
}

/// Checks fields of which each must have a name of its own.
pub(super) fn check_all(operation: &'static str, owner: &str, fields: &[Field]) -> Result<()> {
    name::check_count(operation, "schema", fields.len()).map_err(|error| error.within(name::shown(owner)))?;
    let mut seen = std::collections::BTreeSet::new();
    for field in fields {
        field.check(operation, owner)?;
        if !seen.insert(field.name.as_str()) {
            let subject = format!("{}, field {}", name::shown(owner), field.name);
            return Err(mlcore::Error::invalid_input(operation, subject, "two fields have this name")
                .remedy("leave one of them out, or rename it"));
        }
    }
    Ok(())
}
