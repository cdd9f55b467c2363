//! A test's options as names and values.

use std::collections::BTreeMap;
use std::fmt;

use mlcore::{Error, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

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
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
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
        serde_json::from_value(self.as_value())
            .map_err(|cause| Error::invalid_input(OPERATION, "options", cause.to_string()).caused_by(cause))
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

impl fmt::Display for TestOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_value().fmt(f)
    }
}

const OPERATION: &str = "read options";
