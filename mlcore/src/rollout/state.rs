use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Error, Result};

/// The state of a policy as a value: its options and what it has learnt. Serialises to one JSON object.
///
/// A state belongs to a format (a kind of policy and the version of its layout) and to the options of the policy that
/// saved it; a policy of another kind, or with other options, is refused with an error that says what differs.
///
/// ```
/// use mlcore::name::Arm;
/// use mlcore::rollout::{Fixed, PolicyState, RolloutPolicy};
///
/// let state = Fixed::new(Arm::new("champion")?).save()?;
/// assert_eq!((state.kind(), state.version()), ("fixed", 1));
/// let error = Fixed::new(Arm::new("canary")?).restore(&state).unwrap_err();
/// assert!(error.to_string().contains("other options: arm is \"champion\" there and \"canary\" here"));
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyState {
    kind: String,
    version: u32,
    options: Value,
    #[serde(default, skip_serializing_if = "Value::is_null")]
    progress: Value,
}

/// The kind of a policy, and the version of the layout in which its state is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StateFormat {
    kind: &'static str,
    version: u32,
}

impl StateFormat {
    /// The format of the policies of one kind. A layout that older releases cannot read has the next version.
    #[must_use]
    pub const fn new(kind: &'static str, version: u32) -> Self {
        Self { kind, version }
    }

    /// The kind, as it is written in states.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        self.kind
    }
}

impl PolicyState {
    /// The state of a policy with these options that has learnt this; `()` where there is nothing of one of them.
    ///
    /// # Errors
    /// [`Error::Internal`] for values that JSON cannot hold, such as maps whose keys are no texts.
    pub fn new(format: StateFormat, options: &impl Serialize, progress: &impl Serialize) -> Result<Self> {
        let json = |what: &str, value: serde_json::Result<Value>| {
            value.map_err(|cause| {
                Error::internal(format!("save {} policy", format.kind), what, cause.to_string())
            })
        };
        Ok(Self {
            kind: format.kind.to_owned(),
            version: format.version,
            options: json("options", serde_json::to_value(options))?,
            progress: json("progress", serde_json::to_value(progress))?,
        })
    }

    /// The kind of the policy that saved it.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The version of its layout.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.version
    }

    /// The options of the policy that saved it, to build one like it.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for another kind, [`Error::Unsupported`] for another version, [`Error::Corrupt`] for what
    /// are no options.
    pub fn options<O: DeserializeOwned>(&self, format: StateFormat) -> Result<O> {
        self.check(format)?;
        self.read("options", &self.options)
    }

    /// What the policy that saved it had learnt, for a policy of the same format with the same `options`.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for another kind or other options, [`Error::Unsupported`] for another version,
    /// [`Error::Corrupt`] for what is no such state.
    pub fn progress<P: DeserializeOwned>(&self, format: StateFormat, options: &impl Serialize) -> Result<P> {
        self.check(format)?;
        let own = Self::new(format, options, &())?.options;
        if let Some(difference) = difference("", &self.options, &own) {
            let problem = format!("it was saved under other options: {difference}");
            return Err(
                self.refused(problem, "build the policy with the options of the state, or begin anew")
            );
        }
        self.read("progress", &self.progress)
    }

    fn check(&self, format: StateFormat) -> Result<()> {
        let StateFormat { kind, version } = format;
        if self.kind != kind {
            let problem = format!("it is not the state of a {kind} policy");
            return Err(self.refused(problem, "restore it with a policy of its own kind"));
        }
        if self.version != version {
            let problem = format!("its layout has version {}, and {version} is known here", self.version);
            return Err(Error::unsupported("restore policy", self.subject(), problem)
                .remedy("restore it with the release of mlcore that saved it, or begin anew"));
        }
        Ok(())
    }

    fn read<T: DeserializeOwned>(&self, what: &str, value: &Value) -> Result<T> {
        T::deserialize(value)
            .map_err(|cause| Error::corrupt("restore policy", self.subject(), format!("{what}: {cause}")))
    }

    fn refused(&self, problem: String, remedy: &str) -> Error {
        Error::invalid_input("restore policy", self.subject(), problem).remedy(remedy)
    }

    fn subject(&self) -> String {
        format!("state of a {} policy", self.kind)
    }
}

/// The first place at which two values differ, in words.
fn difference(place: &str, there: &Value, here: &Value) -> Option<String> {
    match (there, here) {
        (Value::Object(there), Value::Object(here)) => {
            let keys = there.keys().chain(here.keys().filter(|key| !there.contains_key(*key)));
            keys.into_iter().find_map(|key| {
                let place = if place.is_empty() { key.clone() } else { format!("{place}.{key}") };
                let value = |of: &serde_json::Map<String, Value>| of.get(key).cloned().unwrap_or(Value::Null);
                difference(&place, &value(there), &value(here))
            })
        }
        (Value::Array(there), Value::Array(here)) if there.len() == here.len() => {
            let mut pairs = there.iter().zip(here).enumerate();
            pairs.find_map(|(index, (there, here))| difference(&format!("{place}[{index}]"), there, here))
        }
        // Another writer of JSON may have written 1 for 1.0.
        (Value::Number(there), Value::Number(here))
            if there.is_f64() != here.is_f64() && there.as_f64() == here.as_f64() =>
        {
            None
        }
        (there, here) if there == here => None,
        (there, here) => Some(format!("{place} is {there} there and {here} here")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const FORMAT: StateFormat = StateFormat::new("explore", 2);

    #[test]
    fn what_is_not_this_policys_state_is_refused_by_name() {
        let state = PolicyState::new(FORMAT, &json!({ "share": 0.5, "arms": ["a", "b"] }), &7).unwrap();
        let check = |format: StateFormat, options: Value, words: &str| {
            let error = state.progress::<u32>(format, &options).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        };
        let same = || json!({ "share": 0.5, "arms": ["a", "b"] });
        assert_eq!(state.progress::<u32>(FORMAT, &same()).unwrap(), 7);
        check(
            StateFormat::new("exploit", 2),
            same(),
            "state of a explore policy: it is not the state of a exploit",
        );
        check(StateFormat::new("explore", 1), same(), "version 2, and 1 is known here");
        check(FORMAT, json!({ "share": 0.25, "arms": ["a", "b"] }), "share is 0.5 there and 0.25 here");
        check(FORMAT, json!({ "share": 0.5, "arms": ["a", "c"] }), "arms[1] is \"b\" there and \"c\" here");
        check(FORMAT, json!({ "share": 0.5, "arms": ["a"] }), "arms is [\"a\",\"b\"] there");
        check(
            FORMAT,
            json!({ "share": 0.5, "arms": ["a", "b"], "more": 1 }),
            "more is null there and 1 here",
        );
        check(FORMAT, json!({ "arms": ["a", "b"] }), "share is 0.5 there and null here");
        assert!(matches!(state.progress::<String>(FORMAT, &same()), Err(Error::Corrupt(_))));
    }

    #[test]
    fn a_state_is_one_json_object_and_reads_back_the_same() {
        let state = PolicyState::new(FORMAT, &json!({ "share": 0.1 + 0.2 }), &(1.0 / 3.0, u64::MAX)).unwrap();
        let text = serde_json::to_string(&state).unwrap();
        assert_eq!(serde_json::from_str::<PolicyState>(&text).unwrap(), state);
        let bare = PolicyState::new(FORMAT, &(), &()).unwrap();
        assert_eq!(serde_json::to_string(&bare).unwrap(), r#"{"kind":"explore","version":2,"options":null}"#);
        assert_eq!(serde_json::from_value::<PolicyState>(json!(bare)).unwrap(), bare);
        assert!(
            serde_json::from_str::<PolicyState>(r#"{"kind":"a","version":1,"options":1,"x":2}"#).is_err()
        );
        // Written elsewhere, 1.0 may have become 1.
        let whole = PolicyState::new(FORMAT, &json!({ "share": 1 }), &()).unwrap();
        whole.progress::<()>(FORMAT, &json!({ "share": 1.0 })).unwrap();
        let keyed = std::collections::HashMap::from([([1, 2], 3)]);
        assert!(matches!(PolicyState::new(FORMAT, &keyed, &()), Err(Error::Internal(_))));
    }
}
