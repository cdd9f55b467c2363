use std::fmt;
use std::sync::Arc;

use super::{Envelope, KeyRing, Statement, VERIFY};
use crate::artifact::Digest;
use crate::error::{Error, Result};
use crate::time::Timestamp;

/// Which signatures a host demands of what it loads.
///
/// The clock is handed in: an expired key is one that has expired by it.
///
/// ```
/// use mlcore::artifact::{Digest, Envelope, KeyRing, SigningKey, Statement, TrustedKey, VerifyPolicy};
/// use mlcore::time::Timestamp;
///
/// # let pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----";
/// let key = SigningKey::from_pem(pem)?;
/// let ring = KeyRing::new([TrustedKey::new(key.public_key(), "release team").with_models(["churn"])])?;
/// let policy = VerifyPolicy::demand(ring, || Timestamp::from_millis(1_790_000_000_000));
///
/// let artifact = Digest::of(b"a model");
/// let statement = Statement::new("churn", "ana", Timestamp::from_millis(1_780_000_000_000)).with_part("artifact", artifact);
/// let envelope = Envelope::sign(&statement, &key)?;
/// let verified = policy.verify("churn", &[("artifact", artifact)], Some(&envelope))?;
/// assert_eq!(verified.owner, "release team");
/// assert!(policy.verify("churn", &[("artifact", artifact)], None).is_err(), "unsigned");
/// assert!(policy.verify("pricing", &[("artifact", artifact)], Some(&envelope)).is_err(), "another model");
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone)]
pub struct VerifyPolicy {
    ring: KeyRing,
    now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

/// Who signed what was verified.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verified {
    /// The id of the key.
    pub key: Digest,
    /// Whose key it is, by the ring.
    pub owner: String,
    /// What was signed.
    pub statement: Statement,
}

impl VerifyPolicy {
    /// Demands a signature of a key in `ring` for everything, at the time that `now` tells.
    #[must_use]
    pub fn demand(ring: KeyRing, now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self { ring, now: Arc::new(now) }
    }

    /// Verifies that one trusted key signed all `parts` of the model `name`, each under its role.
    ///
    /// A statement may have more parts than are asked for. Of several signatures one is enough; when none is, the error is that of
    /// the first.
    ///
    /// # Errors
    /// [`Error::PermissionDenied`] where nothing is signed, by a key that is not in the ring, expired, not trusted yet, revoked, or
    /// not trusted for this name; [`Error::Corrupt`] where a byte of statement or signature was changed, or it is the signature of
    /// another model or of other parts; [`Error::InvalidInput`] where what was signed is no statement.
    pub fn verify(
        &self,
        name: &str,
        parts: &[(&str, Digest)],
        envelope: Option<&Envelope>,
    ) -> Result<Verified> {
        let Some(envelope) = envelope else {
            return Err(Error::permission_denied(
                VERIFY,
                name,
                "it is not signed, and the policy demands that it is",
            )
            .remedy("have it signed by a key that this host trusts"));
        };
        let mut refused = None;
        for id in envelope.key_ids() {
            match self.verify_by(&id, name, parts, envelope) {
                Ok(verified) => return Ok(verified),
                Err(error) => refused = refused.or(Some(error)),
            }
        }
        // An envelope has a signature.
        Err(refused.unwrap_or_else(|| Error::permission_denied(VERIFY, name, "it is not signed")))
    }

    fn verify_by(
        &self,
        id: &Digest,
        name: &str,
        parts: &[(&str, Digest)],
        envelope: &Envelope,
    ) -> Result<Verified> {
        let Some(trusted) = self.ring.find(id) else {
            let problem = format!("it is signed by the key {id}, which this host does not know");
            return Err(Error::permission_denied(VERIFY, name, problem)
                .remedy("add the key to the ring if you trust its owner"));
        };
        // Before anything of it is believed.
        let statement = envelope.opened_by(&trusted.key).map_err(|error| error.within(name))?;
        trusted.check(statement.signed_at, (self.now)()).map_err(|error| error.within(name))?;
        let other = |problem: String| {
            Err(Error::corrupt(VERIFY, name, problem)
                .remedy("put the signature of this version in its place"))
        };
        if statement.name != name {
            return other("it is the signature of a model of another name".to_owned());
        }
        if !trusted.is_for(name) {
            let problem = format!("the key of {} is not trusted for this name", trusted.owner);
            return Err(Error::permission_denied(VERIFY, name, problem)
                .remedy("have it signed by a key that is, or add the name to the ring"));
        }
        for (role, digest) in parts {
            match statement.parts.get(*role) {
                Some(signed) if signed == digest => {}
                Some(_) => return other(format!("it is the signature of another {role}")),
                None => return other(format!("its signature says nothing of the {role}")),
            }
        }
        Ok(Verified { key: *id, owner: trusted.owner.clone(), statement })
    }
}

impl fmt::Debug for VerifyPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyPolicy").field("ring", &self.ring).finish_non_exhaustive()
    }
}
