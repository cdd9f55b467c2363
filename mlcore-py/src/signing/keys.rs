//! Keys of Ed25519.

use std::path::PathBuf;

use mlcore::artifact;
use pyo3::prelude::*;

use crate::door::Text;
use crate::error::{detached, entry, raise};

/// A private key of Ed25519. Its bytes are wiped when it is dropped, and nothing prints them; it cannot be pickled.
///
/// :meth:`generate` makes one, as ``openssl genpkey -algorithm ed25519 -out key.pem`` does.
///
/// Examples
/// --------
/// >>> from mlcore.signing import KeyRing, SigningKey, TrustedKey
/// >>> import mlcore
/// >>> key = SigningKey.generate()
/// >>> registry = mlcore.Registry("memory:", actor="ana")
/// >>> _ = registry.register("churn", b"any bytes", format="text")
/// >>> _ = registry.sign("churn", 1, key, signer="ana@example.com")
/// >>> trust = KeyRing([TrustedKey(key.public_key, "release team", models=["churn", "fraud-*"])])
/// >>> registry.verify_signature("churn", 1, trust).owner
/// 'release team'
#[pyclass(module = "mlcore.signing", frozen)]
pub(crate) struct SigningKey {
    pub(crate) key: artifact::SigningKey,
}

#[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over owned texts")]
#[pymethods]
impl SigningKey {
    /// A new key, of the system's randomness.
    ///
    /// Parameters
    /// ----------
    /// path : str or path, optional
    ///     A new file into which it is written, in PEM, and which nobody but its owner can read. Default: it is kept in memory alone.
    ///
    /// Raises
    /// ------
    /// AlreadyExistsError
    ///     For a file that is there.
    #[staticmethod]
    #[pyo3(signature = (path = None))]
    fn generate(py: Python<'_>, path: Option<PathBuf>) -> PyResult<Self> {
        entry(py, |py| {
            let pem = py.import("mlcore._keys")?.call_method1("new_pem", (path,))?;
            let key = artifact::SigningKey::from_pem(pem.extract::<&str>()?);
            key.map(|key| Self { key }).map_err(|error| raise(py, &error))
        })
    }

    /// The key of a text in PEM, PKCS #8.
    #[staticmethod]
    fn from_pem(py: Python<'_>, pem: Text) -> PyResult<Self> {
        entry(py, |py| detached(py, || artifact::SigningKey::from_pem(&pem).map(|key| Self { key })))
    }

    /// The key of such a file, which nobody but its owner may read.
    ///
    /// Raises
    /// ------
    /// PermissionDeniedError
    ///     For a file that others may read.
    /// InvalidInputError
    ///     For a file that holds no such key; nothing of it is repeated.
    #[staticmethod]
    fn from_file(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        entry(py, |py| detached(py, || artifact::SigningKey::from_file(path).map(|key| Self { key })))
    }

    /// The key that others verify with.
    #[getter]
    fn public_key(&self) -> PublicKey {
        PublicKey { key: self.key.public_key() }
    }

    fn __repr__(&self) -> String {
        format!("<mlcore.signing.SigningKey {}>", self.key.public_key().id())
    }
}

/// A public key of Ed25519, as ``openssl pkey -in key.pem -pubout`` writes it.
#[pyclass(module = "mlcore.signing", frozen, eq)]
#[derive(Clone, PartialEq)]
pub(crate) struct PublicKey {
    pub(super) key: artifact::PublicKey,
}

#[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over owned texts")]
#[pymethods]
impl PublicKey {
    /// The key of a text in PEM.
    #[staticmethod]
    fn from_pem(py: Python<'_>, pem: Text) -> PyResult<Self> {
        entry(py, |py| detached(py, || artifact::PublicKey::from_pem(&pem).map(|key| Self { key })))
    }

    /// The key as PEM.
    fn to_pem(&self, py: Python<'_>) -> PyResult<String> {
        entry(py, |py| self.key.to_pem().map_err(|error| raise(py, &error)))
    }

    /// What it is called: ``sha256:`` and the SHA-256 of its DER form, as ``openssl pkey -pubin -outform DER | sha256sum`` has it.
    #[getter]
    fn id(&self) -> String {
        self.key.id().to_string()
    }

    fn __hash__(&self) -> u64 {
        let hex = self.key.id().to_hex();
        u64::from_str_radix(hex.get(..15).unwrap_or_default(), 16).unwrap_or_default()
    }

    fn __repr__(&self) -> String {
        format!("<mlcore.signing.PublicKey {}>", self.key.id())
    }
}
