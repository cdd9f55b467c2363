//! The keys that a host trusts.

use std::path::PathBuf;
use std::time::SystemTime;

use mlcore::artifact::{self, VerifyPolicy};
use mlcore::time::Timestamp;
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::keys::PublicKey;
use crate::door::{Text, type_name};
use crate::error::{detached, entry, raise, wrong_type};
use crate::registry::{datetime, moment};

/// A key and what it is trusted for.
///
/// Parameters
/// ----------
/// key : PublicKey or str
///     The key, or its PEM.
/// owner : str
///     Whose it is, in your own words.
/// models : list of str
///     The models that it may sign: names, or beginnings of names with ``*`` after them; ``*`` alone is every model. Default: none, so that
///     nothing is trusted by an oversight.
/// since, until : datetime or float, optional
///     It is trusted from then on, and until then. Nothing that it signed is loaded afterwards, because whoever has an old key can write any
///     time.
/// revoked : bool
///     Whether nothing that it ever signed is loaded.
#[pyclass(module = "mlcore.signing", frozen, eq)]
#[derive(Clone, PartialEq)]
pub(crate) struct TrustedKey {
    trusted: artifact::TrustedKey,
}

#[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over owned texts")]
#[pymethods]
impl TrustedKey {
    #[new]
    #[pyo3(
        signature = (key, owner, *, models = Vec::new(), since = None, until = None, revoked = false),
        text_signature = "(key, owner, *, models=(), since=None, until=None, revoked=False)"
    )]
    fn new(
        py: Python<'_>,
        key: &Bound<'_, PyAny>,
        owner: Text,
        models: Vec<Text>,
        since: Option<&Bound<'_, PyAny>>,
        until: Option<&Bound<'_, PyAny>>,
        revoked: bool,
    ) -> PyResult<Self> {
        entry(py, |py| {
            let key = if let Ok(key) = key.cast::<PublicKey>() {
                key.get().key.clone()
            } else if key.is_instance_of::<PyString>() {
                let pem = key.extract::<Text>()?;
                artifact::PublicKey::from_pem(&pem).map_err(|error| raise(py, &error))?
            } else {
                let problem = format!("a public key or its PEM is expected, and it is a {}", type_name(key));
                return Err(wrong_type(py, "trust key", "key", problem, "pass signing_key.public_key"));
            };
            let models = models.into_iter().map(Text::into_string);
            let mut trusted = artifact::TrustedKey::new(key, owner.into_string()).with_models(models);
            (trusted.from, trusted.until) = (since.map(moment).transpose()?, until.map(moment).transpose()?);
            Ok(Self { trusted: trusted.with_revoked(revoked) })
        })
    }

    /// The key.
    #[getter]
    fn key(&self) -> PublicKey {
        PublicKey { key: self.trusted.key.clone() }
    }

    /// Whose it is.
    #[getter]
    fn owner(&self) -> &str {
        &self.trusted.owner
    }

    /// The models that it may sign.
    #[getter]
    fn models(&self) -> Vec<String> {
        self.trusted.models.clone()
    }

    /// From when on it is trusted, in UTC.
    #[getter]
    fn since<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.trusted.from.map(|at| datetime(py, at)).transpose()
    }

    /// Until when it is trusted, in UTC.
    #[getter]
    fn until<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.trusted.until.map(|at| datetime(py, at)).transpose()
    }

    /// Whether nothing that it ever signed is loaded.
    #[getter]
    fn revoked(&self) -> bool {
        self.trusted.is_revoked
    }

    /// Whether it may sign a model of this name.
    fn is_for(&self, name: Text) -> bool {
        self.trusted.is_for(&name)
    }

    fn __repr__(&self) -> String {
        format!(
            "<mlcore.signing.TrustedKey of {} for {}>",
            self.trusted.owner,
            self.trusted.models.join(", ")
        )
    }
}

/// The keys that a host trusts: what :meth:`mlcore.Registry.load`, :class:`mlcore.Endpoint` and :meth:`mlcore.package.ModelPackage.open` take as
/// ``trust``. What none of them has signed is refused: without a signature, by another key, by one that has expired or was revoked, and what was
/// changed since.
///
/// Parameters
/// ----------
/// keys : list of TrustedKey
///     The keys, each once.
///
/// Raises
/// ------
/// InvalidInputError
///     For a key that is named twice: one entry could revoke what the other trusts.
#[pyclass(module = "mlcore.signing", frozen, eq)]
#[derive(Clone, PartialEq)]
pub(crate) struct KeyRing {
    ring: artifact::KeyRing,
}

#[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over owned texts")]
#[pymethods]
impl KeyRing {
    #[new]
    #[pyo3(signature = (keys = Vec::new()), text_signature = "(keys=())")]
    fn new(py: Python<'_>, keys: Vec<Bound<'_, TrustedKey>>) -> PyResult<Self> {
        entry(py, |py| {
            let ring = artifact::KeyRing::new(keys.iter().map(|key| key.get().trusted.clone()));
            ring.map(|ring| Self { ring }).map_err(|error| raise(py, &error))
        })
    }

    /// The ring of a JSON text: ``{"keys": [{"key": PEM, "owner": "release team", "models": ["churn", "fraud-*"], "until":
    /// "2027-06-30T00:00:00Z"}]}``, with ``from`` and ``revoked`` where they are wanted. The program ``mlcore-serve`` reads the same.
    #[staticmethod]
    fn from_json(py: Python<'_>, text: Text) -> PyResult<Self> {
        entry(py, |py| {
            detached(py, || artifact::KeyRing::from_json(text.as_bytes()).map(|ring| Self { ring }))
        })
    }

    /// The ring of such a file.
    #[staticmethod]
    fn from_file(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        entry(py, |py| detached(py, || artifact::KeyRing::from_file(path).map(|ring| Self { ring })))
    }

    /// The ring as JSON, which :meth:`from_json` reads.
    fn to_json(&self, py: Python<'_>) -> PyResult<String> {
        entry(py, |py| {
            let json = self.ring.to_json().map_err(|error| raise(py, &error))?;
            Ok(String::from_utf8_lossy(&json).into_owned())
        })
    }

    /// The keys, in their order.
    #[getter]
    fn keys(&self) -> Vec<TrustedKey> {
        self.ring.keys().iter().map(|trusted| TrustedKey { trusted: trusted.clone() }).collect()
    }

    fn __len__(&self) -> usize {
        self.ring.keys().len()
    }

    fn __repr__(&self) -> String {
        let owners: Vec<&str> = self.ring.keys().iter().map(|trusted| trusted.owner.as_str()).collect();
        format!("<mlcore.signing.KeyRing of {}>", owners.join(", "))
    }
}

impl KeyRing {
    /// What demands a signature of one of these keys, by the clock of this machine.
    pub(crate) fn policy(&self) -> VerifyPolicy {
        VerifyPolicy::demand(self.ring.clone(), || Timestamp::from(SystemTime::now()))
    }
}
