//! Signatures of versions.

use mlcore::Error;
use mlcore::artifact::Envelope;
use mlcore::name::{ModelName, Version};
use mlcore::package::{sign_version, statement_of, verify_version};
use mlcore::registry::{DetachedSignature, GovernanceExt, Registry as _};
use pyo3::prelude::*;

use super::load::Chosen;
use super::{ModelVersion, Registry};
use crate::door::Text;
use crate::signing::{KeyRing, SigningKey, Verified};

#[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over owned texts")]
#[pymethods]
impl Registry {
    /// Signs a version: its model, feature plan and monitor's reference. The signature is kept with the version, for policies that ask for one,
    /// and stored among the artifacts, for those who load it; both are entries of the audit log.
    ///
    /// Parameters
    /// ----------
    /// key : mlcore.signing.SigningKey
    ///     The key.
    /// signer : str, optional
    ///     Who signs, in words of your own. Default: :attr:`actor`.
    ///
    /// Raises
    /// ------
    /// UnsupportedError
    ///     For a version that is kept elsewhere.
    #[pyo3(signature = (name, version, key, *, signer = None, reason = None))]
    fn sign(
        &self,
        py: Python<'_>,
        name: Text,
        version: u64,
        key: &Bound<'_, SigningKey>,
        signer: Option<Text>,
        reason: Option<Text>,
    ) -> PyResult<ModelVersion> {
        let key = &key.get().key;
        self.ask(py, |opened| {
            let model = ModelName::new(&name)?;
            let found = opened.backend.version(&model, Version::new(version)?)?;
            if found.is_external() {
                let problem = "it is external: its model is kept elsewhere, and nothing of it is stored here";
                return Err(Error::unsupported("sign version", format!("{model}/{version}"), problem)
                    .remedy("register the model itself, and sign that version"));
            }
            let signer = signer.as_deref().unwrap_or(&self.actor);
            let change = self.change(reason, None)?;
            // The same statement and key give the same bytes.
            let envelope = Envelope::sign(&statement_of(&found, &change, signer)?, key)?.to_json()?;
            let kept = DetachedSignature::new(
                key.public_key().id().to_string(),
                ALGORITHM,
                found.artifact,
                String::from_utf8_lossy(&envelope),
            );
            opened.backend.sign(&model, found.version, kept, &change)?;
            let signed = sign_version(&*opened.backend, &*opened.artifacts, &found, key, signer, &change)?;
            Ok(ModelVersion::new(signed))
        })
    }

    /// Makes sure that one of these keys signed a version as it is, and answers which.
    ///
    /// Parameters
    /// ----------
    /// version : int or str
    ///     A number or an alias.
    /// trust : mlcore.signing.KeyRing
    ///     The keys.
    ///
    /// Raises
    /// ------
    /// PermissionDeniedError
    ///     For a version that is not signed, or by a key that is not in the ring, has expired, was revoked, or is not trusted for this model.
    /// CorruptError
    ///     Where version or signature were changed since.
    fn verify_signature(
        &self,
        py: Python<'_>,
        name: Text,
        version: Chosen,
        trust: &Bound<'_, KeyRing>,
    ) -> PyResult<Verified> {
        let policy = trust.get().policy();
        self.ask(py, |opened| {
            let version = version.of(&*opened.backend, &ModelName::new(&name)?)?;
            verify_version(&policy, &version, &*opened.artifacts).map(Verified::new)
        })
    }
}

/// A DSSE envelope, whose signature is of Ed25519.
const ALGORITHM: &str = "dsse+ed25519";
