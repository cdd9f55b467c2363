//! What people and keys say of a version: approvals and signatures.

use serde::{Deserialize, Serialize};

use super::{ModelVersion, Registry, micros};
use crate::artifact::Digest;
use crate::error::{Error, Result};
use crate::name::{ModelName, Version};
use crate::time::Timestamp;

/// One person's approval of a version: see [`GovernanceExt::approve`](super::GovernanceExt::approve).
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Approval {
    /// The person: the [actor](super::Change::actor) of the change. A version has one approval of each at most.
    pub by: String,
    /// The role in which the person approved, as the caller knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The person's reason, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The time of the change, by the clock of its actor.
    #[serde(with = "micros")]
    pub at: Timestamp,
    /// The audit entry that did it.
    pub sequence: u64,
}

/// A signature of a version's artifact that is kept beside the version: see [`GovernanceExt::sign`](super::GovernanceExt::sign).
///
/// The registry keeps it and does not verify it: [`verify_signatures`] does, with what the caller trusts.
///
/// ```
/// use mlcore::artifact::Digest;
/// use mlcore::registry::DetachedSignature;
///
/// let signature = DetachedSignature::new("release-2026", "ed25519", Digest::of(b"a model"), "9f86d081");
/// assert_eq!(signature.key, "release-2026");
/// ```
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DetachedSignature {
    /// The key's id: 1 to 256 bytes without control characters. A version has one signature of each key at most.
    pub key: String,
    /// How it was signed, such as `ed25519`.
    pub algorithm: String,
    /// The digest that was signed: that of the version's artifact.
    pub artifact: Digest,
    /// The signature as text, in the form of the signer: at most 10,000 bytes.
    pub signature: String,
}

impl DetachedSignature {
    /// The signature of `artifact` with `key`.
    #[must_use]
    pub fn new(
        key: impl Into<String>,
        algorithm: impl Into<String>,
        artifact: Digest,
        signature: impl Into<String>,
    ) -> Self {
        Self { key: key.into(), algorithm: algorithm.into(), artifact, signature: signature.into() }
    }
}

/// Verifies signatures with the keys that it trusts.
///
/// ```
/// use mlcore::registry::{DetachedSignature, VerifySignature};
/// use mlcore::{Error, Result};
///
/// struct Known(&'static str);
///
/// impl VerifySignature for Known {
///     fn verify(&self, signature: &DetachedSignature) -> Result<()> {
///         if signature.key == self.0 {
///             return Ok(());
///         }
///         Err(Error::permission_denied("verify signature", &*signature.key, "the key is not trusted"))
///     }
/// }
/// ```
pub trait VerifySignature: Send + Sync {
    /// Fails unless `signature` is that of its [artifact](DetachedSignature::artifact) by its key, which is trusted.
    ///
    /// # Errors
    /// [`PermissionDenied`](Error::PermissionDenied) for a key that is not trusted, [`Corrupt`](Error::Corrupt) for a signature that
    /// does not fit.
    fn verify(&self, signature: &DetachedSignature) -> Result<()>;
}

/// Verifies every signature of a version, of which there must be one at least, and answers the version.
///
/// # Errors
/// [`PermissionDenied`](Error::PermissionDenied) for a version without signatures, and those of `verifier` and of reading.
pub fn verify_signatures<R: Registry + ?Sized>(
    registry: &R,
    model: &ModelName,
    version: Version,
    verifier: &dyn VerifySignature,
) -> Result<ModelVersion> {
    const OPERATION: &str = "verify signatures";
    let found = registry.version(model, version)?;
    let subject = || format!("{model}/{version}");
    if found.signatures.is_empty() {
        return Err(Error::permission_denied(OPERATION, subject(), "the version has no signature")
            .remedy("sign its artifact"));
    }
    for signature in &found.signatures {
        if signature.artifact != found.artifact {
            let problem = format!("the signature of {:?} is that of another artifact", signature.key);
            return Err(Error::corrupt(OPERATION, subject(), problem));
        }
        verifier.verify(signature)?;
    }
    Ok(found)
}
