//! Names and ids, parsed once: a value of these types cannot be a path, a control character or an empty string.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::artifact::Digest;
use crate::error::{Error, Result};

/// The longest model name, in bytes: what a file system, an SQL key and a metric label all take.
pub const MAX_NAME_BYTES: usize = 128;

/// The longest alias, in bytes: as long as MLflow's.
pub const MAX_ALIAS_BYTES: usize = 255;

/// The longest opaque id (run, request, unit), in bytes.
pub const MAX_ID_BYTES: usize = 256;

/// The longest id of an experiment, in bytes: as long as MLflow's.
pub const MAX_EXPERIMENT_ID_BYTES: usize = 64;

macro_rules! parsed {
    ($(#[doc = $doc:literal])+ $type:ident, $what:literal, $check:path) => {
        $(#[doc = $doc])+
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(SmolStr);

        impl $type {
            #[doc = concat!("Parses a ", $what, ".")]
            ///
            /// # Errors
            /// [`Error::InvalidInput`] that says which rule the text breaks.
            pub fn new(text: impl AsRef<str>) -> Result<Self> {
                let text = text.as_ref();
                match $check(text) {
                    Ok(()) => Ok(Self(text.into())),
                    Err(rule) => Err(Error::invalid_input(
                        concat!("parse ", $what),
                        printable(text),
                        rule,
                    )),
                }
            }

            /// The text as it was parsed.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($type), "({:?})"), &*self.0)
            }
        }

        impl FromStr for $type {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $type {
            type Error = Error;

            fn try_from(text: String) -> Result<Self> {
                Self::new(text)
            }
        }

        impl From<$type> for String {
            fn from(name: $type) -> Self {
                name.0.into()
            }
        }

        impl AsRef<str> for $type {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}

parsed! {
    /// The name of a registered model: 1 to 128 of `A-Z a-z 0-9 . _ -`, beginning with a letter or digit.
    ModelName, "model name", check_name
}
parsed! {
    /// A movable pointer to one version of a model, such as `champion`. A name that is not a version number
    /// (`3`, `v3`) and not `latest`.
    Alias, "alias", check_alias
}
parsed! {
    /// The id of the run that made a version: 1 to 256 visible ASCII characters.
    RunId, "run id", check_id
}
parsed! {
    /// The id of an experiment: 1 to 64 of `A-Z a-z 0-9 _ -`, beginning with a letter or digit, as MLflow's.
    ExperimentId, "experiment id", check_experiment_id
}
parsed! {
    /// The id of a logged model: 1 to 256 of `A-Z a-z 0-9 _ -`, beginning with a letter or digit. MLflow's are `m-` and 32
    /// hexadecimal digits.
    LoggedModelId, "logged model id", check_path_id
}
parsed! {
    /// The id of one request: 1 to 256 visible ASCII characters.
    RequestId, "request id", check_id
}
parsed! {
    /// One of the ways in which a request can be answered, such as `champion` or `canary`: written as a model name.
    Arm, "arm", check_name
}
parsed! {
    /// The name of a number or of a verdict that a host reports about an arm, such as `cost` or `drift`: written as a model name.
    MeasureName, "measure name", check_name
}
parsed! {
    /// What is assigned to an arm: a user, session or device; 1 to 256 bytes of any text without control characters.
    UnitId, "unit id", check_unit
}

impl ModelName {
    /// The name of what people call `title`: the same text where it is a name, and else one that the title alone gives.
    pub(crate) fn of_title(title: &str) -> Self {
        match Self::new(title) {
            Ok(name) if !name.stands_for_title() => name,
            _ => {
                let digits = Digest::of(title).to_hex();
                Self(smol_str::format_smolstr!("{TITLED}{digits:.TITLE_DIGITS$}"))
            }
        }
    }

    /// Says whether it is such as [`of_title`](Self::of_title) gives to a text that is no name.
    pub(crate) fn stands_for_title(&self) -> bool {
        let digits = self.as_str().strip_prefix(TITLED);
        digits.is_some_and(|digits| {
            digits.len() == TITLE_DIGITS && digits.bytes().all(|b| b.is_ascii_hexdigit())
        })
    }
}

/// How the name of a title begins, and how many hexadecimal digits of the title's SHA-256 follow.
const TITLED: &str = "titled.";
const TITLE_DIGITS: usize = 40;

/// The number of a model version: 1, 2, 3, ... in the order of creation, never reused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Version(NonZeroU64);

impl Version {
    /// The first version of every model.
    pub const FIRST: Self = Self(NonZeroU64::MIN);

    /// Version `number`.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for 0.
    pub fn new(number: u64) -> Result<Self> {
        NonZeroU64::new(number)
            .map(Self)
            .ok_or_else(|| Error::invalid_input("parse version", "0", "versions are counted from 1"))
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0.get()
    }

    /// The version after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Version {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let number = text.parse().map_err(|_| {
            Error::invalid_input("parse version", printable(text), "a version is a whole number from 1")
        })?;
        Self::new(number)
    }
}

fn check_name(text: &str) -> Result<(), String> {
    check_length(text, MAX_NAME_BYTES)?;
    check_label(text)
}

fn check_label(text: &str) -> Result<(), String> {
    if let Some(odd) = text.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))) {
        return Err(format!("{odd:?} is not one of A-Z a-z 0-9 . _ -"));
    }
    if !text.starts_with(|c: char| c.is_ascii_alphanumeric()) || text.ends_with('.') || text.contains("..") {
        return Err(
            "it must begin with a letter or digit, not end with a dot and hold no two dots in a row".into()
        );
    }
    Ok(())
}

fn check_alias(text: &str) -> Result<(), String> {
    check_length(text, MAX_ALIAS_BYTES)?;
    check_label(text)?;
    let number = text.strip_prefix(['v', 'V']).unwrap_or(text);
    if text.eq_ignore_ascii_case("latest") || number.bytes().all(|b| b.is_ascii_digit()) {
        return Err("it would be read as a version; choose a word such as champion".into());
    }
    Ok(())
}

fn check_experiment_id(text: &str) -> Result<(), String> {
    check_length(text, MAX_EXPERIMENT_ID_BYTES)?;
    check_path_id(text)
}

/// An id that becomes a part of a path.
pub(crate) fn check_path_id(text: &str) -> Result<(), String> {
    check_length(text, MAX_ID_BYTES)?;
    if !text.starts_with(|first: char| first.is_ascii_alphanumeric()) {
        return Err("it must begin with a letter or a digit".into());
    }
    if text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')) {
        return Ok(());
    }
    Err("only letters, digits, underscores and dashes are allowed".into())
}

fn check_id(text: &str) -> Result<(), String> {
    check_length(text, MAX_ID_BYTES)?;
    match text.chars().find(|c| !c.is_ascii_graphic()) {
        Some(odd) => Err(format!("{odd:?} is not a visible ASCII character")),
        None => Ok(()),
    }
}

fn check_unit(text: &str) -> Result<(), String> {
    check_length(text, MAX_ID_BYTES)?;
    match text.chars().find(|c| c.is_control()) {
        Some(odd) => Err(format!("it holds the control character {odd:?}")),
        None => Ok(()),
    }
}

fn check_length(text: &str, most: usize) -> Result<(), String> {
    match text.len() {
        0 => Err("it is empty".into()),
        n if n > most => Err(format!("it has {n} bytes, and at most {most} are allowed")),
        _ => Ok(()),
    }
}

/// The text as it may appear in a message: escaped, and cut where it grows long.
fn printable(text: &str) -> String {
    let mut shown: String = text.chars().take(48).flat_map(char::escape_debug).collect();
    if text.chars().nth(48).is_some() {
        shown.push_str("...");
    }
    format!("\"{shown}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_a_path_or_a_label_could_misread_are_refused() {
        for bad in
            ["", "..", "a/b", "../../etc/passwd", "a\\b", "a..b", "a b", "a.", ".a", "é", "a\0b", "\u{202e}x"]
        {
            let error = ModelName::new(bad).unwrap_err();
            assert!(matches!(error, Error::InvalidInput(_)), "{bad:?}");
            assert!(!error.to_string().contains('\0'));
        }
        assert!(ModelName::new("x".repeat(129)).is_err());
        assert_eq!(ModelName::new("churn-2.forest_v1").unwrap().as_str(), "churn-2.forest_v1");
    }

    #[test]
    fn an_alias_is_never_a_version() {
        for bad in ["latest", "LATEST", "3", "v3", "V12", "v"] {
            assert!(Alias::new(bad).is_err(), "{bad}");
        }
        assert!(Alias::new("champion").is_ok() && Alias::new("v2-canary").is_ok());
    }

    #[test]
    fn versions_count_from_one() {
        assert!(Version::new(0).is_err() && "x".parse::<Version>().is_err());
        assert_eq!("7".parse::<Version>().unwrap().next().get(), 8);
    }

    #[test]
    fn deserialising_parses() {
        assert!(serde_json::from_str::<Alias>("\"champion\"").is_ok());
        assert!(serde_json::from_str::<ModelName>("\"a/b\"").is_err());
    }
}
