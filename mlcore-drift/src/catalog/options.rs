//! A test's options as names and values.

use std::collections::BTreeMap;
use std::fmt;

use mlcore::{Error, Result};
use serde::de::{DeserializeOwned, Deserializer};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::plain::names_and_values;

/// A test's options as names and values: what stands beside its name in a configuration.
///
/// ```
/// use mlcore_drift::bins::{Binning, Recipe};
/// use mlcore_drift::catalog::TestOptions;
///
/// let options = TestOptions::of(&Binning::default().with_recipe(Recipe::Uniform))?;
/// assert_eq!(options.to_string(), r#"{"bins":10,"missing_bin":false,"recipe":"uniform"}"#);
/// assert_eq!(options.read::<Binning>()?.recipe, Recipe::Uniform);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
#[serde(transparent)]
pub struct TestOptions(pub(super) BTreeMap<String, Value>);

impl TestOptions {
    /// The options that this value writes.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a value that does not serialise as names and values.
    pub fn of(value: &impl Serialize) -> Result<Self> {
        match serde_json::to_value(value) {
            Ok(Value::Object(options)) => Ok(Self(options.into_iter().collect())),
            Ok(Value::Null) => Ok(Self::default()),
            Ok(_) => Err(Error::invalid_input(OPERATION, "options", "they are no names and values")),
            Err(cause) => Err(Error::invalid_input(OPERATION, "options", cause.to_string()).caused_by(cause)),
        }
    }

    /// The value of these options; what they do not name has its default where the type says so.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for an option that the type does not have, and for a value of another type.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T> {
        let named = self.0.clone().into_iter().collect();
        read_named(named, |value| T::deserialize(value))
            .map_err(|problem| Error::invalid_input(OPERATION, "options", problem))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn as_value(&self) -> Value {
        Value::Object(self.0.clone().into_iter().collect())
    }

    pub(super) fn require_none(&self) -> Result<()> {
        match self.0.keys().next() {
            None => Ok(()),
            Some(name) => {
                Err(Error::invalid_input(OPERATION, "options", format!("unknown option {name}: it has none")))
            }
        }
    }
}

impl<'de> Deserialize<'de> for TestOptions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        Ok(Self(names_and_values(deserializer)?.into_iter().collect()))
    }
}

/// Lets options of type `$options`, which serde sees as `remote = "Self"`, be read so that an error names the one to blame.
macro_rules! read_by_name {
    ($options:ident) => {
        impl ::serde::Serialize for $options {
            fn serialize<S: ::serde::Serializer>(
                &self,
                serializer: S,
            ) -> ::std::result::Result<S::Ok, S::Error> {
                Self::serialize(self, serializer)
            }
        }

        impl<'de> ::serde::Deserialize<'de> for $options {
            fn deserialize<D: ::serde::Deserializer<'de>>(
                deserializer: D,
            ) -> ::std::result::Result<Self, D::Error> {
                let named = $crate::catalog::names_and_values(deserializer)?;
                $crate::catalog::read_named(named, |named| Self::deserialize(named))
                    .map_err(::serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use read_by_name;

/// The value of these options; an error says which of them is to blame.
pub(crate) fn read_named<T>(
    named: Map<String, Value>,
    read: impl Fn(&Value) -> serde_json::Result<T>,
) -> std::result::Result<T, String> {
    let whole = Value::Object(named);
    let cause = match read(&whole) {
        Ok(value) => return Ok(value),
        Err(cause) => cause,
    };
    let alone = |(name, value): (&String, &Value)| {
        let cause = read(&Value::Object(Map::from_iter([(name.clone(), value.clone())]))).err()?;
        let problem = cause.to_string();
        Some(if problem.contains(name.as_str()) { problem } else { format!("{name}: {problem}") })
    };
    let blamed = whole.as_object().into_iter().flatten().find_map(alone);
    Err(blamed.unwrap_or_else(|| cause.to_string()))
}

impl fmt::Display for TestOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_value().fmt(f)
    }
}

const OPERATION: &str = "read options";
