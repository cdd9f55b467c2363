use std::fmt;
use std::sync::Arc;

use serde::Deserialize;

/// What a key may do.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Ask for predictions, report outcomes, and read what the server says of its models.
    Predict,
    /// Write what training and feature jobs write: experiments, runs, logged models and their files, of which it reads all, too.
    Write,
    /// Change the server: load and unload models, set traces and logs. A key with it has the other roles, too.
    Admin,
}

impl Role {
    /// All roles, from the least to the most.
    pub const ALL: [Self; 3] = [Self::Predict, Self::Write, Self::Admin];

    /// The name that keys are given it by.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Predict => "predict",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of roles.
///
/// ```
/// use mlcore_serve::auth::{Role, Roles};
///
/// let roles = Roles::from_iter([Role::Predict, Role::Write]);
/// assert!(roles.has(Role::Write) && !roles.has(Role::Admin));
/// assert!(Roles::from_iter([Role::Admin]).has(Role::Predict));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Roles(u8);

impl Roles {
    /// Whether what needs `role` is allowed: the role is in the set, or [`Role::Admin`] is.
    #[must_use]
    pub const fn has(self, role: Role) -> bool {
        self.0 & (bit(role) | bit(Role::Admin)) != 0
    }
}

impl FromIterator<Role> for Roles {
    fn from_iter<I: IntoIterator<Item = Role>>(roles: I) -> Self {
        Self(roles.into_iter().fold(0, |set, role| set | bit(role)))
    }
}

impl fmt::Debug for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let listed = Role::ALL.iter().filter(|role| self.0 & bit(**role) != 0);
        f.debug_set().entries(listed).finish()
    }
}

const fn bit(role: Role) -> u8 {
    1 << role as u8
}

/// Who sends a request, as logs name them, and what they may do.
///
/// A host that knows its callers already puts one into the extensions of the request, and no key is asked for:
///
/// ```
/// use mlcore_serve::auth::{Principal, Role};
///
/// let mut request = http::Request::get("/v2/models/m").body(())?;
/// request.extensions_mut().insert(Principal::new("billing", [Role::Predict]));
/// # Ok::<(), http::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Principal {
    name: Arc<str>,
    roles: Roles,
}

impl Principal {
    /// Somebody of this name with these roles.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>, roles: impl IntoIterator<Item = Role>) -> Self {
        Self { name: name.into(), roles: roles.into_iter().collect() }
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The roles.
    #[must_use]
    pub const fn roles(&self) -> Roles {
        self.roles
    }
}
