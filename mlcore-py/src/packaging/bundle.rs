//! A folder with everything that a lock names.

use std::path::PathBuf;
use std::sync::Arc;

use mlcore::package;
use pyo3::prelude::*;

use super::Lock;
use crate::error::{detached, entry};
use crate::registry::Registry;

/// A folder with everything that a lock names: ``mlcore.lock.json``, and the artifacts. It opens without a registry and without a network, such as
/// on a machine that has neither.
///
/// Examples
/// --------
/// >>> import mlcore, pathlib, tempfile
/// >>> from mlcore.package import Bundle
/// >>> registry = mlcore.Registry("memory:")
/// >>> _ = registry.register("churn", b"any bytes", format="text")
/// >>> _ = registry.set_alias("churn", "champion", 1)
/// >>> folder = pathlib.Path(tempfile.mkdtemp()) / "bundle"
/// >>> Bundle.write(folder, registry.lock("churn@champion"), registry)
/// >>> bundle = Bundle.open(folder)
/// >>> bundle.verify()
/// >>> bundle.registry.artifact("churn", bundle.registry.alias("churn", "champion"))
/// b'any bytes'
#[pyclass(module = "mlcore.package", frozen)]
pub(crate) struct Bundle {
    bundle: package::Bundle,
    folder: PathBuf,
}

#[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over owned values")]
#[pymethods]
impl Bundle {
    /// Writes what a lock names into a folder that must not exist yet, and appears whole or not at all.
    ///
    /// Parameters
    /// ----------
    /// folder : str or path
    ///     The new folder.
    /// lock : Lock
    ///     What :meth:`mlcore.Registry.lock` answered.
    /// registry : Registry
    ///     Where its artifacts are.
    ///
    /// Raises
    /// ------
    /// AlreadyExistsError
    ///     For a folder that is there.
    /// NotFoundError, CorruptError
    ///     For artifacts that are missing or damaged.
    #[staticmethod]
    fn write(
        py: Python<'_>,
        folder: PathBuf,
        lock: &Bound<'_, Lock>,
        registry: &Bound<'_, Registry>,
    ) -> PyResult<()> {
        let (_, artifacts) = registry.get().halves(py)?;
        let lock = &lock.get().lock;
        entry(py, |py| detached(py, || package::Bundle::write(lock, &*artifacts, &folder)))
    }

    /// Opens a bundle: each artifact must be there, and is verified while it is read.
    ///
    /// Raises
    /// ------
    /// CorruptError
    ///     For an artifact that is missing or lies there unasked, and for a lock that contradicts itself.
    #[staticmethod]
    fn open(py: Python<'_>, folder: PathBuf) -> PyResult<Self> {
        entry(py, |py| detached(py, || Ok(Self { bundle: package::Bundle::open(&folder)?, folder })))
    }

    /// Reads every artifact.
    ///
    /// Raises
    /// ------
    /// CorruptError
    ///     For the first that is not what its digest says.
    fn verify(&self, py: Python<'_>) -> PyResult<()> {
        entry(py, |py| detached(py, || self.bundle.verify()))
    }

    /// What it holds.
    #[getter]
    fn lock(&self) -> Lock {
        Lock { lock: self.bundle.lock().clone() }
    }

    /// A registry of what it holds, for :meth:`mlcore.Registry.load`, :class:`mlcore.Endpoint` and all else. Changes to it are not kept.
    #[getter]
    fn registry(&self, py: Python<'_>) -> Registry {
        let (backend, artifacts) = (self.bundle.registry().clone(), self.bundle.artifacts().clone());
        Registry::of(py, Arc::new(backend), Arc::new(artifacts), self.folder.display().to_string())
    }

    fn __repr__(&self) -> String {
        format!("<mlcore.package.Bundle {}>", self.folder.display())
    }
}
