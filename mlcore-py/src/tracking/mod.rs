//! `mlcore.Tracker`: experiments, runs, what was logged of them, and the search for them.

mod arguments;
mod changes;
mod compare;
mod frame;
mod gate;
mod handle;
mod log;
mod mlflow;
mod models;
mod reads;
pub(crate) mod records;
mod system;
mod view;
mod witness;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use mlcore::name::RunId;
use mlcore::tracking::Tracker as _;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};

use self::handle::{Handle, MEMORY, Parts, Settings};
use self::log::RunLog;
use crate::door::{self, Asked, Text, type_name};
use crate::error::{detached, entry, invalid, raise, wrong_type};

#[pymodule(submodule, module = "mlcore", name = "tracking")]
pub(crate) mod native {
    #[pymodule_export]
    use super::Tracker;
    #[pymodule_export]
    use super::compare::RunComparison;
    #[pymodule_export]
    use super::gate::{_after_fork, _before_fork};
    #[pymodule_export]
    use super::log::RunLog;
    #[pymodule_export]
    use super::system::SystemSampler;
    #[pymodule_export]
    use super::view::_page;
    #[pymodule_export]
    use super::{_flush_all, table_digest};
}

/// What was tried, with which parameters on which data, and how good it was: experiments and their runs, in a file or a database.
///
/// Its methods have the names of MLflow's client, and answer the same records. Runs are begun by :func:`mlcore.start_run`, which
/// uses :func:`mlcore.get_tracker`; a tracker of one's own is used directly, or made that of the process by
/// :func:`mlcore.set_tracking_url`.
///
/// Any number of threads may share one. In a process that was forked it opens itself again, and a pickled one where it is
/// unpickled; one in memory does neither.
///
/// Parameters
/// ----------
/// url : str or path
///     The file, as a path or as a URL: ``sqlite:///relative/path`` or ``sqlite:////absolute/path``, with ``?mode=ro`` read-only and
///     with ``?mode=rw`` only if the file exists; ``memory:``, which ends with the object; or a PostgreSQL database for many machines,
///     ``postgresql://user:password@host:5432/database?sslmode=require&schema=mlcore``.
/// artifacts : str or path, optional
///     The folder in which files of runs are kept, whose experiments have no folder of their own. Default: beside a file, with
///     ``.artifacts`` after its name; otherwise there is none.
/// spool : str or path, optional
///     A folder into which what is logged spills while the tracker does not keep up, and from which it goes on, in the next
///     process too. Default: none.
/// queue_bytes : int
///     The memory for what waits to be written, in bytes. What is logged beyond it and the spool is dropped and counted.
/// patience : float
///     How long a flush waits for a tracker that is away, in seconds.
///
/// Raises
/// ------
/// InvalidInputError
///     For a URL at which no tracker can be.
/// NotFoundError, PermissionDeniedError, CorruptError, UnavailableError
///     When the file cannot be opened: no folder, no access, damage, locked too long.
///
/// Examples
/// --------
/// >>> import mlcore
/// >>> with mlcore.Tracker("memory:") as tracker:
/// ...     experiment = tracker.create_experiment("churn")
/// ...     run = tracker.create_run(experiment, run_name="forest")
/// ...     log = tracker.log(run.info.run_id)
/// ...     _ = [log.metric("loss", 1 / (1 + step), step) for step in range(3)]
/// ...     log.flush().written
/// ...     [point.value for point in tracker.get_metric_history(run.info.run_id, "loss")]
/// 3
/// [1.0, 0.5, 0.3333333333333333]
#[pyclass(module = "mlcore", frozen)]
pub(crate) struct Tracker {
    handle: Arc<Handle>,
}

/// Where a tracker is: a URL, or the path of its file.
pub(crate) struct Location(String);

impl<'py> FromPyObject<'_, 'py> for Location {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let py = object.py();
        let text = if object.is_instance_of::<PyString>() {
            object.extract::<Text>()?.into_string()
        } else {
            let Ok(path) = object.extract::<PathBuf>() else {
                let problem = format!("a path or a URL is expected, and it is a {}", type_name(&object));
                let remedy = "pass pathlib.Path(\"tracking.db\") or \"sqlite:///tracking.db\"";
                return Err(wrong_type(py, OPEN, "url", problem, remedy));
            };
            match path.to_str() {
                Some(path) => format!("sqlite:///{path}"),
                None => {
                    let remedy = "give the file a name in Unicode";
                    return Err(invalid(py, OPEN, "url", "the path is no Unicode", remedy));
                }
            }
        };
        if text.contains('\0') {
            return Err(invalid(py, OPEN, "url", "it holds a NUL character", "pass the path of a file"));
        }
        Ok(Self(text))
    }
}

#[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over owned texts")]
#[pymethods]
impl Tracker {
    #[new]
    #[pyo3(signature = (url, *, artifacts = None, spool = None, queue_bytes = 67_108_864, patience = 30.0))]
    fn new(
        py: Python<'_>,
        url: Location,
        artifacts: Option<PathBuf>,
        spool: Option<PathBuf>,
        queue_bytes: usize,
        patience: f64,
    ) -> PyResult<Self> {
        entry(py, |py| {
            let Ok(patience) = Duration::try_from_secs_f64(patience) else {
                let problem = format!("it is {patience}");
                return Err(invalid(py, OPEN, "patience", problem, "pass seconds, such as 30.0"));
            };
            let Location(url) = url;
            let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
            let artifacts = match artifacts.map(absolute) {
                Some(folder) => match folder.into_os_string().into_string() {
                    Ok(folder) => Some(folder),
                    Err(_) => {
                        let remedy = "give the folder a name in Unicode";
                        return Err(invalid(py, OPEN, "artifacts", "the path is no Unicode", remedy));
                    }
                },
                None => None,
            };
            // A relative path is resolved once: in a child and where it is unpickled it means the same file.
            let (url, beside) = located(url);
            let spool = spool.map(absolute);
            let artifacts = artifacts.or(beside);
            let settings = Settings { url, artifacts, spool, queue_bytes, patience };
            let handle = detached(py, || Handle::open(settings))?;
            at_end(py)?;
            Ok(Self { handle })
        })
    }

    /// The URL of what it opened; a relative path became an absolute one.
    #[getter]
    fn url(&self) -> &str {
        &self.handle.settings.url
    }

    /// The folder in which files of runs are kept whose experiments have no folder of their own, or ``None``.
    #[getter]
    fn artifacts(&self) -> Option<&str> {
        self.handle.settings.artifacts.as_deref()
    }

    /// Logs of a run, which must be there: each call of it returns at once.
    fn log(&self, py: Python<'_>, run_id: Text) -> PyResult<RunLog> {
        let (run, found) = self.ask(py, |parts| {
            let run = RunId::new(&run_id)?;
            let found = parts.tracker.run(&run)?;
            Ok((run, found.data.params))
        })?;
        Ok(RunLog::new(Arc::clone(&self.handle), run, found.into_iter().collect::<HashMap<_, _>>()))
    }

    /// Waits until what was logged through it is written or refused.
    ///
    /// Raises
    /// ------
    /// UnavailableError
    ///     When the tracker was away for longer than its patience: what waits goes on waiting.
    fn flush(&self, py: Python<'_>) -> PyResult<()> {
        self.ask(py, Parts::flush)
    }

    /// Writes what waits, and closes it. Closing twice is no error.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        entry(py, |py| detached(py, || self.handle.close()))
    }

    fn __enter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, py: Python<'_>, _exception: &Bound<'_, PyTuple>) -> PyResult<()> {
        self.close(py)
    }

    fn __repr__(&self) -> String {
        let closed = if self.handle.is_closed() { ", closed" } else { "" };
        format!("<mlcore.Tracker {}{closed}>", handle::shown(&self.handle.settings.url))
    }

    /// Its experiments as a notebook shows them; closed or damaged, it is only named.
    fn _repr_html_(&self, py: Python<'_>) -> Option<String> {
        let experiments =
            self.ask(py, |parts| parts.tracker.search_experiments(&view::experiments())).ok()?;
        Some(view::tracker_html(&handle::shown(&self.handle.settings.url), &experiments))
    }

    /// By its URL and its options. What waits is written before.
    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        entry(py, |py| {
            let settings = &self.handle.settings;
            if settings.url == MEMORY {
                let problem = "it is in the memory of this process";
                let error = mlcore::Error::unsupported("pickle tracker", MEMORY, problem)
                    .remedy("keep it in a file: sqlite:///tracking.db");
                return Err(raise(py, &error));
            }
            detached(py, || self.handle.flush())?;
            let options = PyDict::new(py);
            options.set_item("artifacts", settings.artifacts.as_deref())?;
            options.set_item("spool", settings.spool.as_deref())?;
            options.set_item("queue_bytes", settings.queue_bytes)?;
            options.set_item("patience", settings.patience.as_secs_f64())?;
            let make = py.import("mlcore.tracking._records")?.getattr("_open")?;
            Ok((make, (&settings.url, options).into_pyobject(py)?))
        })
    }
}

impl Tracker {
    /// Asks the open tracker, with the interpreter released.
    fn ask<T: Send>(
        &self,
        py: Python<'_>,
        question: impl FnOnce(&Parts) -> mlcore::Result<T> + Send,
    ) -> PyResult<T> {
        entry(py, |py| {
            watch(py, &self.handle)?;
            detached(py, || question(&*self.handle.parts()?))
        })
    }
}

/// The URL with an absolute path, and the folder of artifacts beside its file.
fn located(url: String) -> (String, Option<String>) {
    let path = match url.strip_prefix("sqlite:///") {
        Some(path) => path,
        // A path alone is a file.
        None if url != MEMORY && !url.contains(':') => url.as_str(),
        None => return (url, None),
    };
    let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
    if path.is_empty() {
        return (url, None);
    }
    let absolute = std::path::absolute(path).ok().and_then(|path| path.into_os_string().into_string().ok());
    let Some(absolute) = absolute else { return (url, None) };
    let query = query.map_or_else(String::new, |query| format!("?{query}"));
    (format!("sqlite:///{absolute}{query}"), Some(format!("{absolute}.artifacts")))
}

/// Sees to it that a process that was forked writes what it logs before it ends.
fn watch(py: Python<'_>, handle: &Handle) -> PyResult<()> {
    if handle.is_foreign() { at_end(py) } else { Ok(()) }
}

fn at_end(py: Python<'_>) -> PyResult<()> {
    py.import("mlcore.tracking._end")?.call_method0("at_end").map(drop)
}

/// Waits for what was logged through every tracker of the process.
#[pyfunction]
fn _flush_all(py: Python<'_>) -> PyResult<()> {
    entry(py, |py| detached(py, handle::flush_all))
}

/// The SHA-256 of what a table holds, as ``sha256:`` and 64 hexadecimal digits.
///
/// It covers the names of the columns and the values of all rows, in order, and is the same for a frame of pandas, polars, pyarrow,
/// for a dict and for numpy, where they hold the same: NaN and null are both missing.
///
/// Parameters
/// ----------
/// table : frame, 2-D array, dict of columns or list of records
///
/// Examples
/// --------
/// >>> from mlcore.tracking import table_digest
/// >>> table_digest({"age": [20.0, None]}) == table_digest({"age": [20.0, float("nan")]})
/// True
#[pyfunction]
fn table_digest(py: Python<'_>, table: &Bound<'_, PyAny>) -> PyResult<String> {
    entry(py, |py| {
        let table = door::table(table, Asked { operation: "digest table", subject: "table" })?;
        detached(py, || frame::digest(&table).map(|digest| digest.to_string()))
    })
}

const OPEN: &str = "open tracker";
