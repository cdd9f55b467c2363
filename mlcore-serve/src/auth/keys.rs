use std::fmt;
use std::hint::black_box;
#[cfg(feature = "server")]
use std::path::Path;

use mlcore::artifact::Digest;
use mlcore::{Error, Result};
use serde::Deserialize;

use super::{Authenticator, Credentials, Principal, Role};

/// One key, as a file says it, in the table `[[auth.keys]]`. Exactly one of the last three fields is given.
#[derive(Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct KeyOptions {
    /// Who has it: the name in logs, and the user that its key is the password of.
    pub name: String,
    /// What it may do.
    pub roles: Vec<Role>,
    /// The SHA-256 of the key, in hexadecimal digits: what `mlcore-serve hash-key` prints.
    pub token_sha256: Option<String>,
    /// The environment variable that holds the key. It is read once and kept as its hash.
    pub token_env: Option<String>,
    /// The SHA-256 of a client's certificate in its DER form, which `openssl x509 -noout -fingerprint -sha256` prints.
    pub certificate_sha256: Option<String>,
}

impl KeyOptions {
    /// A key of this name with these roles, by the [`hash`](hash_key) of its token.
    #[must_use]
    pub fn of_token(name: impl Into<String>, roles: impl IntoIterator<Item = Role>, hash: Digest) -> Self {
        let roles = roles.into_iter().collect();
        Self { name: name.into(), roles, token_sha256: Some(hash.to_hex()), ..Self::default() }
    }

    /// A client's certificate, by the SHA-256 of its DER form.
    #[must_use]
    pub fn of_certificate(
        name: impl Into<String>,
        roles: impl IntoIterator<Item = Role>,
        hash: Digest,
    ) -> Self {
        let roles = roles.into_iter().collect();
        Self { name: name.into(), roles, certificate_sha256: Some(hash.to_hex()), ..Self::default() }
    }
}

/// Shows no hash: a hash that is pasted wrongly may be the key.
impl fmt::Debug for KeyOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyOptions")
            .field("name", &self.name)
            .field("roles", &self.roles)
            .finish_non_exhaustive()
    }
}

/// Keys with their roles, of which only hashes are kept.
///
/// A key is sent as `Authorization: Bearer KEY`, or as the password of the user of its name. Two keys may have the same name, so that
/// one takes the place of the other without a gap.
///
/// # Hashes
/// A key is at least 24 bytes long and is meant to be made by a machine (`mlcore-serve hash-key --generate` takes 256 random bits).
/// One SHA-256 of it is enough: nobody counts through 2^256 keys, and a slow hash, which is for passwords that people choose, would let
/// anybody without a key spend the server's processor. The password of basic authentication is such a key, too.
///
/// ```
/// use mlcore_serve::auth::{Authenticator, Credentials, KeyOptions, Keys, Role, hash_key};
///
/// let hash = hash_key(b"a key of more than 24 bytes, made by a machine")?;
/// let keys = Keys::new([KeyOptions::of_token("trainer", [Role::Write], hash)])?;
/// let shown = Credentials::Bearer(b"a key of more than 24 bytes, made by a machine".to_vec());
/// assert_eq!(keys.authenticate(&shown)?.unwrap().name(), "trainer");
/// # Ok::<(), mlcore::Error>(())
/// ```
pub struct Keys {
    keys: Vec<Key>,
}

struct Key {
    principal: Principal,
    hash: Digest,
    is_certificate: bool,
}

impl Keys {
    /// The keys of these options; variables of the environment are read now.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] naming the key where its name is empty or holds other characters than visible ASCII without colons,
    /// where it has no role, not exactly one hash or variable, or what another key has; where a variable is not set, or its key too
    /// short. None repeats a key or a hash.
    pub fn new(options: impl IntoIterator<Item = KeyOptions>) -> Result<Self> {
        let mut keys: Vec<Key> = Vec::new();
        for option in options {
            let key = Key::new(&option)?;
            if keys.iter().any(|other| (other.hash, other.is_certificate) == (key.hash, key.is_certificate)) {
                return Err(invalid(&option.name, "another key is the same"));
            }
            keys.push(key);
        }
        if keys.is_empty() {
            return Err(Error::invalid_input(READ, "auth.keys", "there are no keys")
                .remedy("add a table [[auth.keys]] with name, roles and token_sha256"));
        }
        Ok(Self { keys })
    }

    /// The keys of a TOML file, each in a table `[[auth.keys]]`:
    ///
    /// ```toml
    /// [[auth.keys]]
    /// name = "trainer"
    /// roles = ["predict", "write"]
    /// token_sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidInput`] naming the file and the line or the key, as [`new`](Self::new), and what the system says.
    #[cfg(feature = "server")]
    pub fn of_file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let subject = path.display().to_string();
        let text =
            std::fs::read_to_string(path).map_err(|cause| Error::from_io(READ, subject.as_str(), cause))?;
        Self::new(KeyFile::read(&text, &subject)?.auth.keys).map_err(|error| match error {
            // The file is what is to be changed.
            Error::InvalidInput(_) => error.within(&subject),
            error => error,
        })
    }
}

impl Authenticator for Keys {
    fn authenticate(&self, credentials: &Credentials) -> Result<Option<Principal>> {
        let (user, hash, is_certificate) = match credentials {
            Credentials::Bearer(key) => (None, Digest::of(key), false),
            Credentials::Basic { user, password } => (Some(user.as_str()), Digest::of(password), false),
            Credentials::Certificate(hash) => (None, *hash, true),
        };
        let mut found = None;
        // All of them are looked at, so that the time says nothing of which one came near.
        for key in &self.keys {
            let is_this = equal(key.hash.as_bytes(), hash.as_bytes())
                & (key.is_certificate == is_certificate)
                & user.is_none_or(|user| user == key.principal.name());
            if black_box(is_this) {
                found = Some(key);
            }
        }
        Ok(found.map(|key| key.principal.clone()))
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|key| &key.principal)).finish()
    }
}

impl Key {
    fn new(options: &KeyOptions) -> Result<Self> {
        let KeyOptions { name, roles, token_sha256, token_env, certificate_sha256 } = options;
        let is_name = (1..=128).contains(&name.len());
        if !is_name || !name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':') {
            let problem = "its name is not 1 to 128 visible ASCII characters without a colon";
            return Err(invalid(&name.escape_debug().take(128).collect::<String>(), problem));
        }
        if roles.is_empty() {
            return Err(invalid(name, "it has no roles").remedy("give it some of predict, write and admin"));
        }
        let hash_of = |field: &str, text: &str| {
            let hash: std::result::Result<Digest, _> = text.replace(':', "").parse();
            // The text is not repeated: it may be the key.
            hash.map_err(|_| {
                invalid(name, format!("its {field} is not 64 hexadecimal digits"))
                    .remedy("let `mlcore-serve hash-key` make it")
            })
        };
        let (hash, is_certificate) = match (token_sha256, token_env, certificate_sha256) {
            (Some(text), None, None) => {
                let digits = text.strip_prefix("sha256:").unwrap_or(text);
                (hash_of("token_sha256", digits)?, false)
            }
            (None, Some(variable), None) => {
                let value = std::env::var(variable).map_err(|_| {
                    invalid(name, format!("the environment has no variable {variable:?} with its key"))
                })?;
                let hash = hash_key(value.as_bytes());
                (
                    hash.map_err(|_| invalid(name, format!("the variable {variable:?} holds {TOO_SHORT}")))?,
                    false,
                )
            }
            (None, None, Some(text)) => (hash_of("certificate_sha256", text)?, true),
            _ => {
                let problem = "it has not exactly one of token_sha256, token_env and certificate_sha256";
                return Err(invalid(name, problem));
            }
        };
        Ok(Self { principal: Principal::new(name.as_str(), roles.iter().copied()), hash, is_certificate })
    }
}

/// The hash of a key, as [`KeyOptions::token_sha256`] wants it.
///
/// # Errors
/// [`Error::InvalidInput`] where the key has less than 24 bytes: one that a person could remember.
pub fn hash_key(key: &[u8]) -> Result<Digest> {
    if key.len() < LEAST_BYTES {
        return Err(Error::invalid_input("hash key", "key", format!("it is {TOO_SHORT}"))
            .remedy("let `mlcore-serve hash-key --generate` make one"));
    }
    Ok(Digest::of(key))
}

/// The table `auth` of a file; the file may have others, which are somebody else's.
#[cfg(feature = "server")]
#[derive(Default, Deserialize)]
#[serde(default)]
struct KeyFile {
    auth: KeyTable,
}

#[cfg(feature = "server")]
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct KeyTable {
    keys: Vec<KeyOptions>,
}

#[cfg(feature = "server")]
impl KeyFile {
    fn read(text: &str, subject: &str) -> Result<Self> {
        // Without the cause and its words, which may repeat the line.
        toml::from_str(text).map_err(|cause| {
            let before = cause.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            let problem = format!(
                "line {line}: a table [[auth.keys]] has a name, roles of predict, write and admin, and one of token_sha256, \
                 token_env and certificate_sha256"
            );
            Error::invalid_input(READ, subject, problem)
        })
    }
}

fn invalid(name: &str, problem: impl Into<String>) -> Error {
    Error::invalid_input(READ, format!("key {name}"), problem.into())
}

/// Whether hashes are equal, in a time that does not depend on where they differ.
pub(super) fn equal(one: &[u8; 32], other: &[u8; 32]) -> bool {
    let differing = one.iter().zip(other).fold(0, |differing, (one, other)| differing | (one ^ other));
    black_box(differing) == 0
}

const READ: &str = "read keys";
const TOO_SHORT: &str = "a key of less than 24 bytes";
/// 24 characters of base 64 are 144 bits.
const LEAST_BYTES: usize = 24;
