use std::fmt;
use std::str::FromStr;

use mlcore::{Error, Result};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The number of a view's version. As in Feast the first is 0, and it prints as `v0`.
///
/// ```
/// use mlcore_features::store::definition::ViewVersion;
///
/// assert_eq!("v2".parse::<ViewVersion>()?, ViewVersion::new(2));
/// assert_eq!("version2".parse::<ViewVersion>()?.to_string(), "v2");
/// assert!("2".parse::<ViewVersion>().is_err());
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct ViewVersion(u32);

impl ViewVersion {
    /// This version.
    #[must_use]
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The version after it; `None` after the last number.
    #[must_use]
    pub const fn next(self) -> Option<Self> {
        match self.0.checked_add(1) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }
}

impl fmt::Display for ViewVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}", self.0)
    }
}

impl FromStr for ViewVersion {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let lower = text.to_ascii_lowercase();
        let digits = lower.strip_prefix("version").or_else(|| lower.strip_prefix('v')).unwrap_or("");
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse().ok().filter(|_| is_number).map(Self).ok_or_else(|| {
            Error::invalid_input("read version", format!("{text:?}"), "it is no version of a view")
                .remedy("write v0, v1 and so on, or latest")
        })
    }
}

impl Serialize for ViewVersion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ViewVersion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A version that is pinned, or the latest one: `None` for an empty text and `latest`.
pub(super) fn pinned(text: &str) -> Result<Option<ViewVersion>> {
    if text.is_empty() || text.eq_ignore_ascii_case("latest") { Ok(None) } else { text.parse().map(Some) }
}

/// One feature by its names: `view:feature`, `view@v2:feature`.
///
/// ```
/// use mlcore_features::store::definition::{FeatureReference, ViewVersion};
///
/// let reference = FeatureReference::parse("driver_stats@v2:conv_rate")?;
/// assert_eq!((reference.view.as_str(), reference.feature.as_str()), ("driver_stats", "conv_rate"));
/// assert_eq!(reference.version, Some(ViewVersion::new(2)));
/// let error = FeatureReference::parse("driver_stats").unwrap_err();
/// assert!(error.to_string().contains("driver_stats:FEATURE"));
/// # Ok::<(), mlcore::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FeatureReference {
    /// The view.
    pub view: String,
    /// The version of the view; the latest where there is none.
    pub version: Option<ViewVersion>,
    /// The feature.
    pub feature: String,
}

impl FeatureReference {
    /// A feature of the latest version of a view.
    #[must_use]
    pub fn new(view: impl Into<String>, feature: impl Into<String>) -> Self {
        Self { view: view.into(), version: None, feature: feature.into() }
    }

    /// Means a feature of this version.
    #[must_use]
    pub fn with_version(mut self, version: ViewVersion) -> Self {
        self.version = Some(version);
        self
    }

    /// Reads a reference, as Feast does: the first `:` ends the view, in which `@` begins the version.
    ///
    /// # Errors
    /// [`InvalidInput`](Error::InvalidInput) for a text without a feature or a view, and for a version that is none, which Feast would
    /// take for a part of the name.
    pub fn parse(text: &str) -> Result<Self> {
        let (view, version, feature) = parts(text)?;
        match feature {
            Some(feature) => Ok(Self { view: view.to_owned(), version, feature: feature.to_owned() }),
            None => Err(Error::invalid_input(OPERATION, format!("{text:?}"), "it names no feature")
                .remedy(format!("write {text}:FEATURE"))),
        }
    }
}

impl fmt::Display for FeatureReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_view(f, &self.view, self.version)?;
        write!(f, ":{}", self.feature)
    }
}

impl FromStr for FeatureReference {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text)
    }
}

impl TryFrom<&str> for FeatureReference {
    type Error = Error;

    fn try_from(text: &str) -> Result<Self> {
        Self::parse(text)
    }
}

pub(super) fn write_view(f: &mut impl fmt::Write, view: &str, version: Option<ViewVersion>) -> fmt::Result {
    f.write_str(view)?;
    version.map_or(Ok(()), |version| write!(f, "@{version}"))
}

/// View, version and feature of `view[@version][:feature]`.
pub(super) fn parts(text: &str) -> Result<(&str, Option<ViewVersion>, Option<&str>)> {
    let refuse = |problem: &str| {
        Err(Error::invalid_input(OPERATION, format!("{text:?}"), problem)
            .remedy("write view:feature or view@v2:feature"))
    };
    let (before, feature) = match text.split_once(':') {
        Some((before, feature)) => (before, Some(feature)),
        None => (text, None),
    };
    let (view, version) = before.split_once('@').unwrap_or((before, ""));
    if view.is_empty() {
        return refuse("it names no view");
    }
    if feature == Some("") {
        return refuse("it names no feature");
    }
    let version = pinned(version).map_err(|error| error.within(format!("{text:?}")))?;
    Ok((view, version, feature))
}

const OPERATION: &str = "read feature reference";
