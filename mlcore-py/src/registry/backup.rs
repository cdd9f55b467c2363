//! A registry as a second file, and as text.

use std::fs::{self, File};
use std::io::{BufReader, BufWriter};
use std::path::{Path, PathBuf};

use mlcore::Error;
use mlcore::registry::{self, AuditHead};
use pyo3::prelude::*;
use pyo3::types::PyType;

use super::Registry;
use super::arguments::Location;
use crate::door::Text;

/// The number and the hash of the last entry, as `verify` answers them.
type Head = (u64, String);

#[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over owned values")]
#[pymethods]
impl Registry {
    /// Copies the registry into a new file while others read and write it: a registry of its own, as it was at one moment, verified. The copy
    /// appears whole or not at all, and is on the disk when the call returns. Artifacts are no part of it.
    ///
    /// ``mlcore.Registry(path)`` opens it. To go back to it, close the registry, put the copy in the place of its file, and remove the files
    /// beside it whose names end in ``-wal``, ``-shm`` and ``-head``.
    ///
    /// Parameters
    /// ----------
    /// path : str or path
    ///     The new file.
    ///
    /// Returns
    /// -------
    /// sequence : int
    ///     The number of the last entry of its log.
    /// hash : str
    ///     Its hash: note both elsewhere, and pass them to :meth:`verify` of the copy.
    ///
    /// Raises
    /// ------
    /// AlreadyExistsError
    ///     For a file that is there.
    /// UnsupportedError
    ///     For a registry that is no file: use :meth:`export_log`.
    ///
    /// Examples
    /// --------
    /// >>> import mlcore, pathlib, tempfile
    /// >>> folder = pathlib.Path(tempfile.mkdtemp())
    /// >>> with mlcore.Registry(folder / "registry.db") as registry:
    /// ...     _ = registry.create_model("churn")
    /// ...     head = registry.back_up(folder / "monday.db")
    /// >>> with mlcore.Registry(folder / "monday.db") as copy:
    /// ...     copy.verify(since=head) == head
    /// True
    fn back_up(&self, py: Python<'_>, path: PathBuf) -> PyResult<Head> {
        self.ask(py, |opened| match &opened.file {
            Some(file) => file.back_up(&path).map(noted),
            None => {
                let problem = "it is no file that could be copied";
                Err(Error::unsupported("back up registry", self.url.clone(), problem)
                    .remedy("write its log with export_log, or back the database up with its own tools"))
            }
        })
    }

    /// Writes the whole log as lines of JSON into a new file, from which :meth:`restore` makes the same registry, on any backend: so a file moves
    /// to PostgreSQL. Artifacts are no part of it.
    ///
    /// Parameters
    /// ----------
    /// path : str or path
    ///     The new file.
    ///
    /// Returns
    /// -------
    /// (int, str)
    ///     The head that the log ends with, as of :meth:`verify`: note it elsewhere.
    ///
    /// Raises
    /// ------
    /// AlreadyExistsError
    ///     For a file that is there.
    /// CorruptError
    ///     For a log whose chain is broken.
    fn export_log(&self, py: Python<'_>, path: PathBuf) -> PyResult<Head> {
        self.ask(py, |opened| {
            let failed = |cause| Error::from_io("export log", path.display().to_string(), cause);
            let file = File::create_new(&path).map_err(failed)?;
            let mut lines = BufWriter::new(&file);
            let written = registry::export_log(&*opened.backend, &mut lines);
            drop(lines);
            let written = written.and_then(|head| file.sync_all().map_err(failed).map(|()| head));
            if written.is_err() {
                // Half a log would be taken for a damaged one.
                drop(fs::remove_file(&path));
            }
            written.map(noted)
        })
    }

    /// Makes this registry, which must be empty, what an exported log says: all of it, or nothing where the log does not verify.
    ///
    /// Parameters
    /// ----------
    /// path : str or path
    ///     The file that :meth:`export_log` wrote.
    /// head : (int, str), optional
    ///     What that call answered: a log that ends elsewhere is refused.
    ///
    /// Raises
    /// ------
    /// CorruptError
    ///     For a log that was cut or changed.
    /// ConflictError
    ///     For a registry that is not empty.
    #[pyo3(signature = (path, *, head = None))]
    fn import_log(&self, py: Python<'_>, path: PathBuf, head: Option<Head>) -> PyResult<Head> {
        self.ask(py, |opened| read_log(&path, head, &*opened.backend))
    }

    /// A new registry, of any backend, from a log that :meth:`export_log` wrote.
    ///
    /// Parameters
    /// ----------
    /// path : str or path
    ///     The log.
    /// url, artifacts, actor
    ///     The new registry, as :class:`mlcore.Registry` takes them: a file or a database without a registry.
    /// head : (int, str), optional
    ///     What the export answered: a log that ends elsewhere is refused.
    ///
    /// Raises
    /// ------
    /// CorruptError, ConflictError
    ///     As :meth:`import_log`. The file that was made stays, and is empty.
    ///
    /// Examples
    /// --------
    /// >>> import mlcore, pathlib, tempfile
    /// >>> folder = pathlib.Path(tempfile.mkdtemp())
    /// >>> registry = mlcore.Registry("memory:")
    /// >>> _ = registry.create_model("churn")
    /// >>> head = registry.export_log(folder / "registry.jsonl")
    /// >>> with mlcore.Registry.restore(folder / "registry.jsonl", folder / "registry.db", head=head) as restored:
    /// ...     [model.name for model in restored.models()], restored.verify() == head
    /// (['churn'], True)
    #[classmethod]
    #[pyo3(signature = (path, url, *, artifacts = None, actor = None, head = None))]
    fn restore(
        _class: &Bound<'_, PyType>,
        py: Python<'_>,
        path: PathBuf,
        url: Location,
        artifacts: Option<PathBuf>,
        actor: Option<Text>,
        head: Option<Head>,
    ) -> PyResult<Self> {
        let registry = Self::new(py, url, artifacts, actor)?;
        registry.ask(py, |opened| read_log(&path, head, &*opened.backend))?;
        Ok(registry)
    }
}

fn read_log(path: &Path, head: Option<Head>, into: &dyn registry::Registry) -> mlcore::Result<Head> {
    let failed = |cause| Error::from_io("import log", path.display().to_string(), cause);
    let noted_head = head.map(|(sequence, hash)| Ok::<_, Error>(AuditHead::noted(sequence, hash.parse()?)));
    let mut lines = BufReader::new(File::open(path).map_err(failed)?);
    registry::import_log(into, &mut lines, noted_head.transpose()?.as_ref()).map(noted)
}

fn noted(head: AuditHead) -> Head {
    (head.sequence, head.hash.to_string())
}
