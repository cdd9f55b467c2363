/// How far a version has come on its way to users.
///
/// | from \ to | dev | staging | production | archived |
/// |---|---|---|---|---|
/// | dev | | yes | no: stage it first | yes |
/// | staging | yes | | yes | yes |
/// | production | no | yes | | yes |
/// | archived | no | yes | yes: it has been there | |
///
/// A new version is in `dev`. At most one version of a model is in `production`. What an alias means is in use, and is not
/// archived: a change to `archived` is refused while one means the version, and a version that another one takes the place
/// of in production goes to `staging` then.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
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

crate::words! {
    Stage, "stage": Dev = "dev", Staging = "staging", Production = "production", Archived = "archived",
}

impl Stage {
    /// Whether a version of this stage may go to `next`.
    #[must_use]
    pub fn may_become(self, next: Self) -> bool {
        let ways: &[Self] = match self {
            Self::Dev => &[Self::Staging, Self::Archived],
            Self::Staging => &[Self::Dev, Self::Production, Self::Archived],
            Self::Production => &[Self::Staging, Self::Archived],
            Self::Archived => &[Self::Staging, Self::Production],
        };
        ways.contains(&next)
    }
}
