use super::{SIGNATURE_TAG, artifacts_of, tagged};
use crate::artifact::{
    ArtifactStore, ArtifactStoreExt, Digest, Envelope, SigningKey, Statement, Verified, VerifyPolicy,
};
use crate::error::Result;
use crate::registry::{Change, ModelVersion, Registry, RegistryExt as _};

/// What belongs to a version, by role: what its signature names and a load verifies. The feature plan stands for its bytes.
///
/// # Errors
/// [`Error::Corrupt`](crate::Error::Corrupt) for tags that name no digest.
pub fn parts_of(version: &ModelVersion) -> Result<Vec<(&'static str, Digest)>> {
    artifacts_of(version)
}

/// The statement that a key signs for a version.
///
/// # Errors
/// As [`parts_of`].
pub fn statement_of(version: &ModelVersion, change: &Change, signer: &str) -> Result<Statement> {
    let statement = Statement::new(version.model.as_str(), signer, change.at);
    Ok(parts_of(version)?
        .into_iter()
        .fold(statement, |statement, (role, digest)| statement.with_part(role, digest)))
}

/// Signs a registered version: stores the envelope, and names it in the version's tag [`SIGNATURE_TAG`].
///
/// ```
/// use mlcore::artifact::{ArtifactStoreExt, KeyRing, MemoryStore, SigningKey, TrustedKey, VerifyPolicy};
/// use mlcore::name::ModelName;
/// use mlcore::package::{sign_version, verify_version};
/// use mlcore::registry::{Change, MemoryRegistry, NewVersion, Registry, RegistryExt};
/// use mlcore::schema::{DType, Field, Schema, Signature};
/// use mlcore::time::Timestamp;
///
/// # let pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----";
/// # let (registry, artifacts) = (MemoryRegistry::new(), MemoryStore::new());
/// # let churn = ModelName::new("churn")?;
/// # let column = |name: &str| Schema::new([Field::column(name, DType::Float64)]);
/// # let new = NewVersion::new(churn.clone(), artifacts.put_bytes(b"a model")?, Signature::new(column("x")?, column("y")?));
/// let change = Change::new("ana", Timestamp::from_millis(1_780_000_000_000));
/// let version = registry.register(&artifacts, new, &change)?;
/// let key = SigningKey::from_pem(pem)?;
/// let ring = KeyRing::new([TrustedKey::new(key.public_key(), "release team").with_models(["churn"])])?;
/// let policy = VerifyPolicy::demand(ring, || Timestamp::from_millis(1_790_000_000_000));
/// assert!(verify_version(&policy, &version, &artifacts).is_err(), "unsigned");
///
/// let signed = sign_version(&registry, &artifacts, &version, &key, "ana@example.com", &change)?;
/// assert_eq!(verify_version(&policy, &signed, &artifacts)?.owner, "release team");
/// # Ok::<(), mlcore::Error>(())
/// ```
///
/// # Errors
/// As [`parts_of`], and what store and registry answer.
pub fn sign_version(
    registry: &dyn Registry,
    artifacts: &dyn ArtifactStore,
    version: &ModelVersion,
    key: &SigningKey,
    signer: &str,
    change: &Change,
) -> Result<ModelVersion> {
    let envelope = Envelope::sign(&statement_of(version, change, signer)?, key)?;
    let digest = artifacts.put_bytes(&envelope.to_json()?)?;
    registry.set_version_tag(&version.model, version.version, SIGNATURE_TAG, &digest.to_string(), change)?;
    registry.version(&version.model, version.version)
}

/// The signature that a version names; none where it is not signed.
///
/// # Errors
/// [`Error::NotFound`](crate::Error::NotFound) where it is not stored, [`Error::Corrupt`](crate::Error::Corrupt) and
/// [`Error::InvalidInput`](crate::Error::InvalidInput) for what is none.
pub fn envelope_of(version: &ModelVersion, artifacts: &dyn ArtifactStore) -> Result<Option<Envelope>> {
    let Some(digest) = tagged(version, SIGNATURE_TAG)? else { return Ok(None) };
    let json = artifacts.read_up_to(&digest, Envelope::MOST_BYTES as u64)?;
    Envelope::from_json(&json).map(Some)
}

/// Verifies a version as `policy` demands, before any of its bytes is believed.
///
/// # Errors
/// As [`VerifyPolicy::verify`] and [`envelope_of`].
pub fn verify_version(
    policy: &VerifyPolicy,
    version: &ModelVersion,
    artifacts: &dyn ArtifactStore,
) -> Result<Verified> {
    let envelope = envelope_of(version, artifacts)?;
    policy
        .verify(version.model.as_str(), &parts_of(version)?, envelope.as_ref())
        .map_err(|error| error.within(format!("version {}", version.version)))
}
