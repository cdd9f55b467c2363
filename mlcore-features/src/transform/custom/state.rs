use std::fmt;

use mlcore::{Error, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a [`CustomFunction`](super::CustomFunction) learnt: JSON, which a plan stores and its digest covers.
///
/// Objects are kept in the alphabetical order of their names, so that the digest depends on nothing else. JSON has no NaN and no
/// infinity, and serde writes null for them: a field that may be one bears `#[serde(with = "mlcore::exact")]`.
///
/// ```
/// use mlcore_features::transform::custom::State;
///
/// let medians = State::of(&vec![0.1, 20.0])?;
/// assert_eq!(medians.to_string(), "[0.1,20.0]");
/// assert_eq!(medians.read::<Vec<f64>>()?, [0.1, 20.0]);
/// assert!(medians.read::<String>().is_err());
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct State(Value);

impl State {
    /// Nothing was learnt: null.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// The value as JSON.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a value that JSON does not hold, such as a map whose keys are no texts or numbers.
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Result<Self> {
        let value = serde_json::to_value(value).map_err(|cause| {
            Error::invalid_input("learn", "state", format!("it is no JSON: {cause}")).caused_by(cause)
        })?;
        Ok(Self(sorted(value)))
    }

    /// The state that was written as this text of JSON.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a text that is none.
    pub fn from_json(text: &str) -> Result<Self> {
        let value = serde_json::from_str(text).map_err(|cause| {
            Error::invalid_input("learn", "state", format!("it is no JSON: {cause}")).caused_by(cause)
        })?;
        Ok(Self(sorted(value)))
    }

    /// The state as the type that the function learns.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for a state that is none of this type: of another version of the function, or forged.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T> {
        T::deserialize(&self.0).map_err(|cause| {
            Error::corrupt("read state", "function", format!("what was learnt is not what it reads: {cause}"))
                .remedy("give a function that changes a new version, and fit the plan again")
                .caused_by(cause)
        })
    }

    /// Says whether nothing was learnt.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.0.is_null()
    }

    pub(crate) fn value(&self) -> &Value {
        &self.0
    }
}

impl fmt::Display for State {
    /// As compact JSON.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The value with the entries of every object in alphabetical order, also where serde_json keeps the order of insertion.
fn sorted(value: Value) -> Value {
    match value {
        Value::Array(values) => Value::Array(values.into_iter().map(sorted).collect()),
        Value::Object(entries) => {
            let mut entries: Vec<(String, Value)> = entries.into_iter().collect();
            entries.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
            Value::Object(entries.into_iter().map(|(name, value)| (name, sorted(value))).collect())
        }
        other => other,
    }
}
