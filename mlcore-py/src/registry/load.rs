//! Reading what a version is made of, and loading it.

use mlcore::Error;
use mlcore::artifact::ArtifactStoreExt;
use mlcore::name::{Alias, ModelName, Version};
use mlcore::package::verify_version;
use mlcore::registry::{self, RegistryExt};
use mlcore::runner::ort::{ONNX, ONNX_PACKAGE};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use super::Registry;
use crate::door::{Text, type_name};
use crate::error::wrong_type;
use crate::features::Plan;
use crate::runner::{Runner, Stored};
use crate::signing::KeyRing;

/// A version by its number, or by an alias that means it.
pub(crate) enum Chosen {
    Number(u64),
    Alias(String),
}

impl Chosen {
    /// The version that is meant.
    pub(crate) fn of(
        &self,
        backend: &dyn registry::Registry,
        model: &ModelName,
    ) -> mlcore::Result<registry::ModelVersion> {
        match self {
            Self::Number(number) => backend.version(model, Version::new(*number)?),
            Self::Alias(alias) => backend.resolve(model, &Alias::new(alias)?),
        }
    }
}

impl<'py> FromPyObject<'_, 'py> for Chosen {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        if let Ok(number) = object.extract::<u64>() {
            return Ok(Self::Number(number));
        }
        object.extract::<Text>().map(|alias| Self::Alias(alias.into_string())).map_err(|_| {
            let problem = format!("a number or an alias is expected, and it is a {}", type_name(&object));
            wrong_type(object.py(), "find version", "version", problem, "pass such as 3 or \"champion\"")
        })
    }
}

#[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over owned texts")]
#[pymethods]
impl Registry {
    /// The bytes of a version's artifact, verified against their digest; of an ``onnx-package`` those of its manifest.
    fn artifact<'py>(&self, py: Python<'py>, name: Text, version: u64) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = self.ask(py, |opened| {
            let version = opened.backend.version(&ModelName::new(&name)?, Version::new(version)?)?;
            opened.artifacts.read(&version.artifact)
        })?;
        Ok(PyBytes::new(py, &bytes))
    }

    /// The runner of a version's ONNX model.
    ///
    /// Parameters
    /// ----------
    /// version : int or str
    ///     A number or an alias.
    /// trust : mlcore.signing.KeyRing, optional
    ///     The keys of which one must have signed the version: otherwise nothing of it is loaded. Default: signatures are not asked for.
    /// **options
    ///     As :class:`mlcore.Runner` takes them.
    ///
    /// Raises
    /// ------
    /// PermissionDeniedError, CorruptError
    ///     As :meth:`verify_signature`, where keys are given.
    #[pyo3(signature = (name, version, *, trust = None, **options))]
    fn load<'py>(
        &self,
        py: Python<'py>,
        name: Text,
        version: Chosen,
        trust: Option<&Bound<'py, KeyRing>>,
        options: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let policy = trust.map(|ring| ring.get().policy());
        let (number, stored) = self.ask(py, |opened| {
            let version = version.of(&*opened.backend, &ModelName::new(&name)?)?;
            if let Some(policy) = &policy {
                verify_version(policy, &version, &*opened.artifacts)?;
            }
            if ![ONNX, ONNX_PACKAGE].contains(&version.format.as_str()) {
                let problem = format!("its format is {:?}, and only onnx is run", version.format);
                return Err(Error::unsupported("load model", format!("{name}/{}", version.version), problem)
                    .remedy("read its bytes with artifact()"));
            }
            let (store, number) = (opened.artifacts.clone(), version.version.get());
            Ok((number, Stored { store, artifact: version.artifact, format: version.format }))
        })?;
        let keywords = options.map_or_else(|| Ok(PyDict::new(py)), |options| options.copy())?;
        if !keywords.contains("name")? {
            keywords.set_item("name", format!("{name}/{number}"))?;
        }
        py.get_type::<Runner>().call((Bound::new(py, stored)?,), Some(&keywords))
    }

    /// The feature plan of a version, or ``None`` where it has none.
    fn plan(&self, py: Python<'_>, name: Text, version: u64) -> PyResult<Option<Plan>> {
        let bytes = self.ask(py, |opened| {
            let version = opened.backend.version(&ModelName::new(&name)?, Version::new(version)?)?;
            version.lineage.plan.map(|plan| opened.artifacts.read(&plan.artifact)).transpose()
        })?;
        bytes.map(|bytes| Plan::from_bytes(py, &bytes, None)).transpose()
    }
}
