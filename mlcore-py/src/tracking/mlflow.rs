//! Taking over what an MLflow server has stored.

use std::path::PathBuf;

use mlcore::Error;
use mlcore::tracking::mlflow;
use pyo3::prelude::*;

use super::Tracker;
use super::records::Records;
use crate::error::entry;

#[pymethods]
impl Tracker {
    /// Takes over the experiments, runs and logged models of an MLflow server's SQLite database (3.0 to 3.17), with their ids. The
    /// database is only read.
    ///
    /// Files of runs stay where they lie. What is against the rules, such as a text that is too long, is left out and told. Traces,
    /// evaluations and registered models are not looked at. To import again changes nothing that is there, and adds what is missing.
    ///
    /// Parameters
    /// ----------
    /// path : str or path
    ///     The file of the server's ``--backend-store-uri``, such as ``mlflow.db``.
    ///
    /// Returns
    /// -------
    /// mlcore.tracking.Imported
    ///     How much was taken over, and in words what was left.
    ///
    /// Raises
    /// ------
    /// MissingFileError
    ///     Where there is no such file.
    /// InvalidInputError, CorruptError
    ///     For a file that is no database of MLflow.
    /// UnsupportedError
    ///     For one of an older or a newer MLflow.
    /// AlreadyExistsError
    ///     Where this tracker has another experiment of the same id or name.
    fn import_mlflow<'py>(&self, py: Python<'py>, path: PathBuf) -> PyResult<Bound<'py, PyAny>> {
        let found = self.ask(py, |parts| {
            let failed = |cause| Error::from_io("import store", path.display().to_string(), cause);
            std::fs::metadata(&path).map_err(failed)?;
            parts.flush()?;
            mlflow::import_database(&path, &*parts.tracker)
        })?;
        entry(py, |py| Records::new(py)?.imported(&found))
    }
}
