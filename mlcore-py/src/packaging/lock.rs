//! Which versions names and aliases meant at one moment.

use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::SystemTime;

use mlcore::Error;
use mlcore::name::{Alias, ModelName, Version};
use mlcore::package::{self, Ask};
use mlcore::time::Timestamp;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::door::Text;
use crate::error::{detached, entry};
use crate::registry::{ModelVersion, Registry, datetime};

/// Which versions names and aliases meant at one moment, and by which digests: the file that a deployment is repeated from. It is JSON, the same
/// bytes for the same content, made to be kept beside a program's code. Made by :meth:`mlcore.Registry.lock`.
///
/// Examples
/// --------
/// >>> import mlcore
/// >>> registry = mlcore.Registry("memory:")
/// >>> _ = registry.register("churn", b"any bytes", format="text")
/// >>> _ = registry.set_alias("churn", "champion", 1)
/// >>> lock = registry.lock("churn@champion")
/// >>> print(lock)
/// churn@champion: version 1
/// >>> lock.check(registry)
/// >>> lock.version("churn", 1).artifact == registry.version("churn", 1).artifact
/// True
#[pyclass(module = "mlcore.package", frozen, eq)]
#[derive(PartialEq)]
pub(crate) struct Lock {
    pub(super) lock: package::Lock,
}

#[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over owned texts")]
#[pymethods]
impl Lock {
    /// The lock of a JSON text.
    ///
    /// Raises
    /// ------
    /// InvalidInputError, CorruptError, UnsupportedError
    ///     For what is none, what contradicts itself, and the form of a newer mlcore.
    #[staticmethod]
    fn from_json(py: Python<'_>, text: Text) -> PyResult<Self> {
        entry(py, |py| detached(py, || package::Lock::from_json(text.as_bytes()).map(|lock| Self { lock })))
    }

    /// The lock of such a file.
    #[staticmethod]
    fn from_file(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        entry(py, |py| detached(py, || package::Lock::from_file(path).map(|lock| Self { lock })))
    }

    /// The lock as JSON.
    fn to_json(&self, py: Python<'_>) -> PyResult<String> {
        let json = entry(py, |py| detached(py, || self.lock.to_json()))?;
        Ok(String::from_utf8_lossy(&json).into_owned())
    }

    /// Writes it into a file, in the place of the one that is there; it is whole or not at all.
    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        entry(py, |py| {
            detached(py, || {
                let failed = |cause| Error::from_io("write lock", path.display().to_string(), cause);
                let mut partial = path.clone().into_os_string();
                partial.push(format!(".partial-{}", std::process::id()));
                let partial = PathBuf::from(partial);
                let json = self.lock.to_json()?;
                let written = File::create(&partial).and_then(|mut file| {
                    file.write_all(&json)?;
                    file.sync_all()
                });
                let saved = written.and_then(|()| std::fs::rename(&partial, &path)).map_err(failed);
                if saved.is_err() {
                    // It may never have been made.
                    drop(std::fs::remove_file(&partial));
                }
                saved
            })
        })
    }

    /// Makes sure that a registry still has these versions, with these digests. Aliases may have moved.
    ///
    /// Raises
    /// ------
    /// NotFoundError
    ///     For a version that is gone.
    /// CorruptError
    ///     For one that is another by now.
    fn check(&self, py: Python<'_>, registry: &Bound<'_, Registry>) -> PyResult<()> {
        let (backend, _) = registry.get().halves(py)?;
        entry(py, |py| detached(py, || self.lock.check(&*backend)))
    }

    /// When it was resolved, in UTC.
    #[getter]
    fn resolved_at<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        datetime(py, self.lock.resolved_at())
    }

    /// What it fixes: of each model ``aliases``, a dict of numbers, and ``versions``, a list of numbers.
    #[getter]
    fn models<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        entry(py, |py| {
            let models = PyDict::new(py);
            for (name, locked) in self.lock.models() {
                let (model, aliases) = (PyDict::new(py), PyDict::new(py));
                for (alias, version) in &locked.aliases {
                    aliases.set_item(alias.as_str(), version.get())?;
                }
                model.set_item("aliases", aliases)?;
                let versions: Vec<u64> = locked.versions.iter().map(|found| found.version.get()).collect();
                model.set_item("versions", versions)?;
                models.set_item(name.as_str(), model)?;
            }
            Ok(models)
        })
    }

    /// The version that an alias meant.
    fn alias(&self, py: Python<'_>, name: Text, alias: Text) -> PyResult<ModelVersion> {
        entry(py, |py| {
            detached(py, || {
                let found = self.lock.alias(&ModelName::new(&name)?, &Alias::new(&alias)?)?;
                Ok(ModelVersion::new(found.clone()))
            })
        })
    }

    /// A version as it was.
    fn version(&self, py: Python<'_>, name: Text, version: u64) -> PyResult<ModelVersion> {
        entry(py, |py| {
            detached(py, || {
                let found = self.lock.version(&ModelName::new(&name)?, Version::new(version)?)?;
                Ok(ModelVersion::new(found.clone()))
            })
        })
    }

    fn __str__(&self) -> String {
        self.lock.to_string().trim_end().to_owned()
    }

    fn __repr__(&self) -> String {
        let models: Vec<&str> = self.lock.models().keys().map(ModelName::as_str).collect();
        format!("<mlcore.package.Lock of {}>", models.join(", "))
    }
}

#[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over owned values")]
#[pymethods]
impl Registry {
    /// Fixes which versions names and aliases mean now, and by which digests: what is answered stood in the registry together.
    ///
    /// Parameters
    /// ----------
    /// *asks : str
    ///     ``churn@champion``, what an alias means; ``churn/3``, a version; ``churn``, what every alias of a model means.
    ///
    /// Returns
    /// -------
    /// mlcore.package.Lock
    ///
    /// Raises
    /// ------
    /// NotFoundError
    ///     For a model, a version or an alias that is not there.
    /// UnsupportedError
    ///     For a version whose model is kept elsewhere.
    #[pyo3(signature = (*asks))]
    fn lock(&self, py: Python<'_>, asks: Vec<Text>) -> PyResult<Lock> {
        let (backend, _) = self.halves(py)?;
        entry(py, |py| {
            detached(py, || {
                if asks.is_empty() {
                    return Err(Error::invalid_input("resolve lock", "asks", "nothing is asked for")
                        .remedy("name what to lock, such as \"churn@champion\""));
                }
                let asks = asks.iter().map(|ask| asked(ask)).collect::<mlcore::Result<Vec<_>>>()?;
                let now = Timestamp::from(SystemTime::now());
                package::Lock::resolve(&*backend, &asks, now).map(|lock| Lock { lock })
            })
        })
    }
}

fn asked(text: &str) -> mlcore::Result<Ask> {
    if let Some((model, alias)) = text.split_once('@') {
        return Ok(Ask::Alias(ModelName::new(model)?, Alias::new(alias)?));
    }
    match text.split_once('/') {
        Some((model, version)) => Ok(Ask::Version(ModelName::new(model)?, version.parse()?)),
        None => Ok(Ask::Model(ModelName::new(text)?)),
    }
}
