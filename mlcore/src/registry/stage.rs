use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// How far a version has come on its way to users.
///
/// | from \ to | dev | staging | production | archived |
/// |---|---|---|---|---|
/// | dev | | yes | no: stage it first | yes |
/// | staging | yes | | yes | yes |
/// | production | no | yes | | yes |
/// | archived | no | yes | yes: it has been there | |
///
/// A new version is in `dev`. At most one version of a model is in `production`.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Made, and not yet considered for release.
    #[default]
    Dev,
    /// Being tried: offline gates, shadow or canary traffic.
    Staging,
    /// The released one.
    Production,
    /// Out of use, and kept.
    Archived,
}

impl Stage {
    /// Every stage, in order.
    pub const ALL: [Self; 4] = [Self::Dev, Self::Staging, Self::Production, Self::Archived];

    /// The stage as a word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Staging => "staging",
            Self::Production => "production",
            Self::Archived => "archived",
        }
    }

    /// May a version of this stage go to `next`?
    #[must_use]
    pub fn may_become(self, next: Self) -> bool {
        match (self, next) {
            (from, to) if from == to => false,
            (_, Self::Staging | Self::Archived) => true,
            (Self::Staging, Self::Dev | Self::Production) | (Self::Archived, Self::Production) => true,
            _ => false,
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Stage {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|stage| stage.as_str() == text).ok_or_else(|| {
            Error::invalid_input("parse stage", "", "a stage is dev, staging, production or archived")
        })
    }
}
