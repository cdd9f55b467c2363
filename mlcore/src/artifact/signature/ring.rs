use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{PublicKey, VERIFY};
use crate::artifact::Digest;
use crate::error::{Error, Result};
use crate::time::Timestamp;

/// A key and what it is trusted for.
///
/// ```
/// use mlcore::artifact::{PublicKey, TrustedKey};
///
/// let key = PublicKey::from_pem(
///     "-----BEGIN PUBLIC KEY-----\n\
///      MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n\
///      -----END PUBLIC KEY-----\n",
/// )?;
/// let trusted = TrustedKey::new(key, "release team").with_models(["churn", "fraud-*"]);
/// assert!(trusted.is_for("fraud-cards") && !trusted.is_for("pricing"));
/// # Ok::<(), mlcore::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TrustedKey {
    /// The key.
    pub key: PublicKey,
    /// Whose it is, in the host's own words.
    pub owner: String,
    /// The models that it may sign: names, or beginnings of names with `*` after them. Default: none, so that nothing is trusted
    /// by an oversight.
    pub models: Vec<String>,
    /// It is trusted from then on.
    pub from: Option<Timestamp>,
    /// It is trusted until then: nothing that it signed is loaded afterwards, because whoever has an old key can write any time.
    pub until: Option<Timestamp>,
    /// Nothing that it ever signed is loaded.
    pub is_revoked: bool,
}

impl TrustedKey {
    /// A key that is trusted for no name yet.
    #[must_use]
    pub fn new(key: PublicKey, owner: impl Into<String>) -> Self {
        let models = Vec::new();
        Self { key, owner: owner.into(), models, from: None, until: None, is_revoked: false }
    }

    /// Trusts it for these models; `*` is every model.
    #[must_use]
    pub fn with_models<N: Into<String>>(mut self, models: impl IntoIterator<Item = N>) -> Self {
        self.models.extend(models.into_iter().map(Into::into));
        self
    }

    /// Trusts it from then on.
    #[must_use]
    pub fn with_from(mut self, from: Timestamp) -> Self {
        self.from = Some(from);
        self
    }

    /// Trusts it until then.
    #[must_use]
    pub fn with_until(mut self, until: Timestamp) -> Self {
        self.until = Some(until);
        self
    }

    /// Trusts nothing that it ever signed.
    #[must_use]
    pub fn with_revoked(mut self, is_revoked: bool) -> Self {
        self.is_revoked = is_revoked;
        self
    }

    /// Whether it may sign a model of this name.
    #[must_use]
    pub fn is_for(&self, name: &str) -> bool {
        self.models.iter().any(|model| match model.strip_suffix('*') {
            Some(beginning) => name.starts_with(beginning),
            None => model == name,
        })
    }

    /// Refuses a key that is not trusted at this time.
    pub(super) fn check(&self, signed_at: Timestamp, now: Timestamp) -> Result<()> {
        let refuse = |problem: String, remedy: &str| {
            let subject = format!("{} of {}", self.key.id(), self.owner);
            Err(Error::permission_denied(VERIFY, subject, problem).remedy(remedy))
        };
        if self.is_revoked {
            return refuse("the key was revoked".to_owned(), "have it signed by another key");
        }
        if let Some(from) = self.from.filter(|from| now < *from || signed_at < *from) {
            return refuse(
                format!("the key is trusted from {from} on"),
                "look at the clocks of this machine and of the signer's",
            );
        }
        if let Some(until) = self.until.filter(|until| now > *until || signed_at > *until) {
            return refuse(
                format!("the key expired: it was trusted until {until}"),
                "have it signed by a newer key",
            );
        }
        Ok(())
    }
}

/// The keys that a host trusts.
///
/// As a file it is JSON: `{"keys": [{"key": "-----BEGIN PUBLIC KEY-----\n...", "owner": "release team", "models": ["churn",
/// "fraud-*"], "until": "2027-06-30T00:00:00Z"}]}`, with `from` and `revoked` where they are wanted.
///
/// ```
/// use mlcore::artifact::{KeyRing, SigningKey, TrustedKey};
///
/// # let pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----";
/// let key = SigningKey::from_pem(pem)?.public_key();
/// let ring = KeyRing::new([TrustedKey::new(key.clone(), "release team").with_models(["*"])])?;
/// assert!(ring.find(&key.id()).is_some());
/// assert_eq!(KeyRing::from_json(&ring.to_json()?)?, ring);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct KeyRing {
    keys: Vec<TrustedKey>,
}

impl KeyRing {
    /// The ring of these keys.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a key that is named twice: one entry could revoke what the other trusts.
    pub fn new(keys: impl IntoIterator<Item = TrustedKey>) -> Result<Self> {
        let keys: Vec<TrustedKey> = keys.into_iter().collect();
        for (place, trusted) in keys.iter().enumerate() {
            if keys.iter().take(place).any(|earlier| earlier.key == trusted.key) {
                let problem = "the key is in the ring twice";
                return Err(Error::invalid_input("build key ring", trusted.key.id().to_string(), problem));
            }
        }
        Ok(Self { keys })
    }

    /// The key of this id.
    #[must_use]
    pub fn find(&self, id: &Digest) -> Option<&TrustedKey> {
        self.keys.iter().find(|trusted| trusted.key.id() == *id)
    }

    /// The keys, in their order.
    #[must_use]
    pub fn keys(&self) -> &[TrustedKey] {
        &self.keys
    }

    /// Reads a ring from JSON.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for anything else, unknown fields among it.
    pub fn from_json(json: &[u8]) -> Result<Self> {
        let read: Written = serde_json::from_slice(json).map_err(|cause| {
            Error::invalid_input("read key ring", "", cause.to_string())
                .remedy("write {\"keys\": [{\"key\": PEM, \"owner\": NAME, \"models\": [NAMES]}]}")
        })?;
        let keys = read.keys.into_iter().map(|written| {
            let WrittenKey { key, owner, models, from, until, revoked } = written;
            Ok(TrustedKey {
                key: PublicKey::from_pem(&key)?,
                owner,
                models,
                from,
                until,
                is_revoked: revoked,
            })
        });
        Self::new(keys.collect::<Result<Vec<_>>>()?)
    }

    /// Reads such a file, of at most 1 MiB.
    ///
    /// # Errors
    /// As [`from_json`](Self::from_json), and as reading it.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self> {
        use std::io::Read as _;
        let path = path.as_ref();
        let subject = path.display().to_string();
        let mut json = Vec::new();
        std::fs::File::open(path)
            .and_then(|file| file.take(MOST_BYTES).read_to_end(&mut json))
            .map_err(|cause| Error::from_io("read key ring", subject.clone(), cause))?;
        Self::from_json(&json).map_err(|error| error.within(subject))
    }

    /// The ring as JSON.
    ///
    /// # Errors
    /// [`Error::Internal`] if it cannot be written.
    pub fn to_json(&self) -> Result<Vec<u8>> {
        let keys = self.keys.iter().map(|trusted| {
            Ok(WrittenKey {
                key: trusted.key.to_pem()?,
                owner: trusted.owner.clone(),
                models: trusted.models.clone(),
                from: trusted.from,
                until: trusted.until,
                revoked: trusted.is_revoked,
            })
        });
        let written = Written { keys: keys.collect::<Result<_>>()? };
        serde_json::to_vec_pretty(&written)
            .map_err(|cause| Error::internal("write key ring", "", cause.to_string()).caused_by(cause))
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    keys: Vec<WrittenKey>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenKey {
    key: String,
    owner: String,
    models: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    revoked: bool,
}

const MOST_BYTES: u64 = 1 << 20;
