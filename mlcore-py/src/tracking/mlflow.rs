//! Taking over what MLflow has stored, and giving it back.

use std::path::PathBuf;

use mlcore::Error;
use mlcore::tracking::mlflow;
use pyo3::prelude::*;

use super::Tracker;
use super::records::Records;
use crate::error::entry;

#[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over owned paths")]
#[pymethods]
impl Tracker {
    /// Takes over the experiments, runs and logged models of MLflow's, with their ids: of the SQLite database of a server (3.0 to 3.17), or
    /// of the folder ``mlruns`` of a client without one. They are only read.
    ///
    /// Files of runs stay where they lie. What is against the rules, such as a text that is too long, is left out and told. Traces,
    /// evaluations and registered models are not looked at. To import again changes nothing that is there, and adds what is missing.
    ///
    /// Parameters
    /// ----------
    /// path : str or path
    ///     The file of the server's ``--backend-store-uri``, such as ``mlflow.db``; or the folder, when nobody writes to it.
    ///
    /// Returns
    /// -------
    /// mlcore.tracking.Imported
    ///     How much was taken over, and in words what was left.
    ///
    /// Raises
    /// ------
    /// MissingFileError
    ///     Where there is no such file or folder.
    /// InvalidInputError, CorruptError
    ///     For what is no store of MLflow.
    /// UnsupportedError
    ///     For the database of an older or a newer MLflow.
    /// AlreadyExistsError
    ///     Where this tracker has another experiment of the same id or name.
    fn import_mlflow<'py>(&self, py: Python<'py>, path: PathBuf) -> PyResult<Bound<'py, PyAny>> {
        let found = self.ask(py, |parts| {
            let failed = |cause| Error::from_io("import store", path.display().to_string(), cause);
            std::fs::metadata(&path).map_err(failed)?;
            parts.flush()?;
            mlflow::import(&path, &*parts.tracker)
        })?;
        entry(py, |py| Records::new(py)?.imported(&found))
    }

    /// Writes everything into a new SQLite database that MLflow 3.17.2 opens as its own: its client by ``sqlite:///path``, its server by
    /// ``--backend-store-uri``. :meth:`import_mlflow` reads the same back.
    ///
    /// Files of runs stay where they lie. What those tables cannot hold, such as an experiment whose id is no number, is left out and told.
    /// The file is there whole or not at all.
    ///
    /// Parameters
    /// ----------
    /// path : str or path
    ///     The new file.
    ///
    /// Returns
    /// -------
    /// mlcore.tracking.Exported
    ///     How much was written, and in words what was left.
    ///
    /// Raises
    /// ------
    /// AlreadyExistsError
    ///     For a file that is there.
    ///
    /// Examples
    /// --------
    /// >>> import mlcore, pathlib, tempfile
    /// >>> tracker = mlcore.Tracker("memory:")
    /// >>> with mlcore.start_run(tracker=tracker) as run:
    /// ...     run.log_metric("loss", 0.25)
    /// >>> tracker.export_mlflow(pathlib.Path(tempfile.mkdtemp()) / "mlflow.db").points
    /// 1
    fn export_mlflow<'py>(&self, py: Python<'py>, path: PathBuf) -> PyResult<Bound<'py, PyAny>> {
        let written = self.ask(py, |parts| {
            parts.flush()?;
            mlflow::export_database(&*parts.tracker, &path)
        })?;
        entry(py, |py| Records::new(py)?.exported(&written))
    }
}
