//! `mlcore.signing`: who says that a version is theirs, and whom does a host believe?

mod keys;
mod ring;

use mlcore::artifact;
use pyo3::prelude::*;
use std::collections::BTreeMap;

pub(crate) use self::keys::SigningKey;
pub(crate) use self::ring::KeyRing;
use crate::registry::datetime;

#[pymodule(submodule, module = "mlcore", name = "signing")]
pub(crate) mod native {
    #[pymodule_export]
    use super::Verified;
    #[pymodule_export]
    use super::keys::{PublicKey, SigningKey};
    #[pymodule_export]
    use super::ring::{KeyRing, TrustedKey};
}

/// Who signed what was verified.
#[pyclass(module = "mlcore.signing", frozen)]
#[derive(Clone)]
pub(crate) struct Verified {
    verified: artifact::Verified,
}

impl Verified {
    pub(crate) fn new(verified: artifact::Verified) -> Self {
        Self { verified }
    }
}

#[pymethods]
impl Verified {
    /// The id of the key.
    #[getter]
    fn key(&self) -> String {
        self.verified.key.to_string()
    }

    /// Whose key it is, by the ring.
    #[getter]
    fn owner(&self) -> &str {
        &self.verified.owner
    }

    /// Who signed, in the signer's own words.
    #[getter]
    fn signer(&self) -> &str {
        &self.verified.statement.signer
    }

    /// When, in UTC, by the signer's clock.
    #[getter]
    fn signed_at<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        datetime(py, self.verified.statement.signed_at)
    }

    /// The model that was signed.
    #[getter]
    fn model(&self) -> &str {
        &self.verified.statement.name
    }

    /// The digests that were signed, by what they are: ``artifact``, ``plan``, ``monitor``, or ``package``.
    #[getter]
    fn parts(&self) -> BTreeMap<&str, String> {
        let parts = self.verified.statement.parts.iter();
        parts.map(|(role, digest)| (role.as_str(), digest.to_string())).collect()
    }

    fn __repr__(&self) -> String {
        format!("<mlcore.signing.Verified {} by {}>", self.model(), self.owner())
    }
}
