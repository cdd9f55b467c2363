//! `mlcore.Registry`: models, versions, aliases and their history, with the artifacts beside them.

pub(crate) mod arguments;
mod backup;
mod card;
mod changes;
mod governance;
mod lineage;
mod load;
mod records;
mod register;
mod retention;
mod search;
mod signing;
mod view;

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use mlcore::Error;
use mlcore::artifact::{self, ArtifactStore, FolderStore};
use mlcore::name::{Alias, ModelName, RequestId, Version};
use mlcore::registry::{AuditHead, Change, Registry as Backend, RegistryExt, SqliteRegistry};
use mlcore::time::Timestamp;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use self::arguments::Location;
pub(crate) use self::governance::record;
pub(crate) use self::load::Chosen;
pub(crate) use self::records::{AliasChange, AuditEntry, Model, ModelVersion, datetime, moment};
use crate::door::Text;
use crate::error::{detached, entry};

#[pymodule(submodule, module = "mlcore", name = "registry")]
pub(crate) mod native {
    #[pymodule_export]
    use super::Registry;
    #[pymodule_export]
    use super::card::ModelCard;
    #[pymodule_export]
    use super::governance::_read_policy;
    #[pymodule_export]
    use super::records::{AliasChange, AuditEntry, Model, ModelVersion};
    #[pymodule_export]
    use super::view::to_frame;
}

/// Models and their versions, which version an alias means, now and at any time, and who changed what.
///
/// Every change is one transaction with one entry in a hash-chained audit log; aliases move by compare-and-swap. Any number
/// of threads and processes of one machine may share a file.
///
/// Do not carry one into a child process made by ``fork``: open it again there. (It says so if you do.)
///
/// Parameters
/// ----------
/// url : str or path
///     The file, as a ``pathlib.Path`` (any ``os.PathLike``) or as a URL: ``sqlite:///relative/path`` or ``sqlite:////absolute/path``, with ``?mode=ro`` read-only and with ``?mode=rw`` only if the
///     file exists; or ``memory:``, which ends with the object; or a PostgreSQL database for many machines,
///     ``postgresql://user:password@host:5432/database?sslmode=require&schema=mlcore``.
/// artifacts : str or path, optional
///     The folder of the artifacts, also as ``file:///absolute/path``; a bucket, as ``s3://bucket/prefix``, ``gs://bucket/prefix`` or
///     ``az://container/prefix``, with the credentials of the environment; or ``memory:``. Default: beside the file, with
///     ``.artifacts`` after its name; beside a database there is none, and it must be named. The first artifact makes it.
/// actor : str, optional
///     Who changes things here: a person, a service. Default: the user of the process.
///
/// Raises
/// ------
/// InvalidInputError
///     For a URL that names no file.
/// NotFoundError, PermissionDeniedError, CorruptError, UnavailableError
///     When the file cannot be opened: no folder, no access, damage, locked too long.
///
/// Examples
/// --------
/// >>> import mlcore
/// >>> with mlcore.Registry("memory:", actor="ana") as registry:
/// ...     first = registry.register("churn", b"any bytes", format="text")
/// ...     _ = registry.transition("churn", first.version, "staging")
/// ...     _ = registry.promote("churn", first.version, "champion", expected=None)
/// ...     registry.resolve("churn", "champion").stage, registry.verify()[0]
/// ('production', 4)
#[pyclass(module = "mlcore", frozen)]
pub(crate) struct Registry {
    opened: RwLock<Option<Opened>>,
    actor: String,
    url: String,
    /// The process that opened it: the connections of a file must not be used in a child.
    process: u32,
}

/// The two halves of a registry; cloned for each call, so that none holds a lock while it works.
#[derive(Clone)]
struct Opened {
    backend: Arc<dyn Backend>,
    artifacts: Arc<dyn ArtifactStore>,
    /// The same where it is a file, which can be copied.
    file: Option<SqliteRegistry>,
}

impl Opened {
    fn open(url: &str, artifacts: Option<PathBuf>) -> mlcore::Result<Self> {
        // Found before anything is opened: a registry without artifacts is of no use here.
        let beside = if artifacts.is_none() { mlcore::registry::artifacts_url(url)? } else { String::new() };
        let file = if url.starts_with("sqlite:") { Some(SqliteRegistry::open_url(url)?) } else { None };
        let backend: Arc<dyn Backend> = match &file {
            Some(file) => Arc::new(file.clone()),
            None => mlcore::registry::open(url)?,
        };
        let artifacts = match artifacts {
            None => artifact::open(&beside)?,
            Some(folder) => match folder.to_str() {
                Some(url) => artifact::open(url)?,
                // What is not Unicode can only be a path.
                None => Arc::new(FolderStore::open(folder)?),
            },
        };
        Ok(Self { backend, artifacts, file })
    }
}

#[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over owned texts")]
#[pymethods]
impl Registry {
    #[new]
    #[pyo3(signature = (url, *, artifacts = None, actor = None))]
    fn new(py: Python<'_>, url: Location, artifacts: Option<PathBuf>, actor: Option<Text>) -> PyResult<Self> {
        entry(py, |py| {
            let actor = match actor {
                Some(actor) => actor.into_string(),
                None => current_user(py),
            };
            let Location(url) = url;
            let opened = detached(py, || Opened::open(&url, artifacts))?;
            Ok(Self { opened: RwLock::new(Some(opened)), actor, url, process: std::process::id() })
        })
    }

    /// The URL that it was opened with.
    #[getter]
    fn url(&self) -> &str {
        &self.url
    }

    /// Who changes things here.
    #[getter]
    fn actor(&self) -> &str {
        &self.actor
    }

    fn __enter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, py: Python<'_>, _exception: &Bound<'_, pyo3::types::PyTuple>) -> PyResult<()> {
        self.close(py)
    }

    /// Closes the file; what was acknowledged is on the disk already. Closing twice is no error.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        entry(py, |py| {
            detached(py, || {
                let opened = self.opened.write().unwrap_or_else(PoisonError::into_inner).take();
                drop(opened);
                Ok(())
            })
        })
    }

    fn __repr__(&self) -> String {
        let closed = self.opened.read().unwrap_or_else(PoisonError::into_inner).is_none();
        format!("<mlcore.Registry {}{}>", self.url, if closed { ", closed" } else { "" })
    }

    /// Models, versions and aliases as a notebook shows them; closed or damaged, it is only named.
    fn _repr_html_(&self, py: Python<'_>) -> Option<String> {
        let (models, left_out) = self.ask(py, |opened| view::overview(&*opened.backend)).ok()?;
        Some(view::registry_html(&self.url, &models, left_out))
    }

    /// Every version of a model, or of all models, as a frame with a row for each: see :func:`mlcore.registry.to_frame`.
    ///
    /// Parameters
    /// ----------
    /// name : str, optional
    ///     The model. Default: all of them.
    /// library : {"pandas", "polars"}, optional
    ///     Which frame. Default: pandas if it is installed, otherwise polars.
    ///
    /// Returns
    /// -------
    /// pandas.DataFrame or polars.DataFrame
    ///     A version's metrics and tags are a column each, such as ``metrics.auc`` and ``tags.team``.
    ///
    /// Examples
    /// --------
    /// >>> import mlcore
    /// >>> registry = mlcore.Registry("memory:")
    /// >>> _ = registry.register("churn", b"any bytes", format="text", metrics={"auc": 0.81}, tags={"team": "growth"})
    /// >>> registry.to_frame("churn")[["model", "version", "metrics.auc", "tags.team"]].values.tolist()
    /// [['churn', 1, 0.81, 'growth']]
    #[pyo3(signature = (name = None, *, library = None))]
    fn to_frame<'py>(
        &self,
        py: Python<'py>,
        name: Option<Text>,
        library: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let names = match name {
            Some(name) => vec![name],
            None => self.models(py)?.iter().map(|model| Text::new(model.inner().name.as_str())).collect(),
        };
        let versions = PyList::empty(py);
        for name in names {
            for version in self.versions(py, name)? {
                versions.append(Bound::new(py, version)?)?;
            }
        }
        view::to_frame(py, versions.as_any(), library)
    }

    /// Every model, in the order of their names.
    fn models(&self, py: Python<'_>) -> PyResult<Vec<Model>> {
        self.ask(py, |opened| {
            let mut models: Vec<mlcore::registry::Model> = Vec::new();
            loop {
                let after = models.last().map(|model| model.name.clone());
                let page = opened.backend.models(after.as_ref(), PAGE)?;
                let last = page.len() < PAGE;
                models.extend(page);
                if last {
                    return Ok(models.into_iter().map(Model::new).collect());
                }
            }
        })
    }

    /// A model.
    fn model(&self, py: Python<'_>, name: Text) -> PyResult<Model> {
        self.ask(py, |opened| opened.backend.model(&ModelName::new(&name)?).map(Model::new))
    }

    /// Every version of a model, in ascending order.
    fn versions(&self, py: Python<'_>, name: Text) -> PyResult<Vec<ModelVersion>> {
        self.ask(py, |opened| {
            let model = ModelName::new(&name)?;
            opened.backend.model(&model)?;
            let mut versions: Vec<mlcore::registry::ModelVersion> = Vec::new();
            loop {
                let after = versions.last().map(|version| version.version);
                let page = opened.backend.versions(&model, after, PAGE)?;
                let last = page.len() < PAGE;
                versions.extend(page);
                if last {
                    return Ok(versions.into_iter().map(ModelVersion::new).collect());
                }
            }
        })
    }

    /// A version of a model.
    fn version(&self, py: Python<'_>, name: Text, version: u64) -> PyResult<ModelVersion> {
        self.ask(py, |opened| {
            opened.backend.version(&ModelName::new(&name)?, Version::new(version)?).map(ModelVersion::new)
        })
    }

    /// The version that an alias means now, or ``None``. Cheap: a server may ask before each request.
    fn alias(&self, py: Python<'_>, name: Text, alias: Text) -> PyResult<Option<u64>> {
        self.ask(py, |opened| {
            Ok(opened.backend.alias(&ModelName::new(&name)?, &Alias::new(&alias)?)?.map(Version::get))
        })
    }

    /// The aliases of a model and the versions that they mean.
    fn aliases<'py>(&self, py: Python<'py>, name: Text) -> PyResult<Bound<'py, PyDict>> {
        let found = self.ask(py, |opened| opened.backend.aliases(&ModelName::new(&name)?))?;
        let aliases = PyDict::new(py);
        for (alias, version) in found {
            aliases.set_item(alias.as_str(), version.get())?;
        }
        Ok(aliases)
    }

    /// The version that an alias means now, with all that is known of it.
    ///
    /// Raises
    /// ------
    /// NotFoundError
    ///     Where the alias is not set.
    fn resolve(&self, py: Python<'_>, name: Text, alias: Text) -> PyResult<ModelVersion> {
        self.ask(py, |opened| {
            opened.backend.resolve(&ModelName::new(&name)?, &Alias::new(&alias)?).map(ModelVersion::new)
        })
    }

    /// The version that an alias meant at a moment, or ``None``. A clock that was wrong by more than a day moves no other
    /// change: the changes before and after it tell when its own took place.
    ///
    /// Parameters
    /// ----------
    /// time : datetime or float
    ///     The moment; a datetime without time zone is local time, a number is seconds since 1970.
    fn alias_at(
        &self,
        py: Python<'_>,
        name: Text,
        alias: Text,
        time: &Bound<'_, PyAny>,
    ) -> PyResult<Option<u64>> {
        let time = records::moment(time)?;
        self.ask(py, |opened| {
            let found = opened.backend.alias_at(&ModelName::new(&name)?, &Alias::new(&alias)?, time)?;
            Ok(found.map(Version::get))
        })
    }

    /// Every move of an alias, the first first; it outlives the alias, the version and the model.
    fn alias_history(&self, py: Python<'_>, name: Text, alias: Text) -> PyResult<Vec<AliasChange>> {
        self.ask(py, |opened| {
            let history = opened.backend.alias_history(&ModelName::new(&name)?, &Alias::new(&alias)?)?;
            Ok(history.into_iter().map(AliasChange::new).collect())
        })
    }

    /// Audit entries in order, beginning with ``start`` (the first is 1).
    #[pyo3(signature = (start = 1, limit = 1000))]
    fn audit(&self, py: Python<'_>, start: u64, limit: usize) -> PyResult<Vec<AuditEntry>> {
        self.ask(py, |opened| {
            Ok(opened.backend.audit(start, limit)?.into_iter().map(AuditEntry::new).collect())
        })
    }

    /// Replays the audit log: its chain must be whole, and the stored state must be what it gives. Reads everything.
    ///
    /// Parameters
    /// ----------
    /// since : (int, str), optional
    ///     A head that this method answered before and that was kept elsewhere: a log that was cut short or written anew is
    ///     found too.
    ///
    /// Returns
    /// -------
    /// sequence : int
    ///     The number of the last entry.
    /// hash : str
    ///     Its hash, as ``sha256:`` and 64 hexadecimal digits.
    ///
    /// Raises
    /// ------
    /// CorruptError
    ///     Naming the first thing that does not fit.
    #[pyo3(signature = (since = None))]
    fn verify(&self, py: Python<'_>, since: Option<(u64, String)>) -> PyResult<(u64, String)> {
        self.ask(py, |opened| {
            let head = match since {
                Some((sequence, hash)) => {
                    let hash = hash.parse().map_err(|cause: Error| {
                        let problem = format!("its hash is none: {}", cause.context().problem());
                        Error::invalid_input("verify registry", "since", problem)
                            .remedy("pass what verify() answered")
                    })?;
                    opened.backend.verify_since(&AuditHead::noted(sequence, hash))?
                }
                None => opened.backend.verify()?,
            };
            Ok((head.sequence, head.hash.to_string()))
        })
    }

    /// Verifies the registry as :meth:`verify` does, and reads every artifact: which are missing, or not what was put?
    ///
    /// Returns
    /// -------
    /// dict
    ///     ``sequence`` and ``hash`` of the last audit entry; ``artifacts`` and ``bytes``, how many were read and are what was
    ///     put; ``damaged``, a list of dicts with ``artifact`` (the digest), ``kind`` (``corrupt`` or ``not_found``),
    ///     ``problem`` and ``versions``, pairs of a model and a version that are made of it.
    ///
    /// Raises
    /// ------
    /// CorruptError
    ///     Where the registry does not verify.
    ///
    /// Examples
    /// --------
    /// >>> import mlcore
    /// >>> registry = mlcore.Registry("memory:")
    /// >>> _ = registry.register("churn", b"any bytes", format="text")
    /// >>> found = registry.scrub()
    /// >>> found["artifacts"], found["bytes"], found["damaged"]
    /// (1, 9, [])
    fn scrub<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let scrub = self.ask(py, |opened| opened.backend.scrub(&*opened.artifacts))?;
        view::scrub(py, &scrub)
    }
}

/// How many models or versions are read at once.
const PAGE: usize = 500;

impl Registry {
    /// One of halves that were opened elsewhere.
    pub(crate) fn of(
        py: Python<'_>,
        backend: Arc<dyn Backend>,
        artifacts: Arc<dyn ArtifactStore>,
        url: String,
    ) -> Self {
        let opened = Opened { backend, artifacts, file: None };
        let (opened, actor) = (RwLock::new(Some(opened)), current_user(py));
        Self { opened, actor, url, process: std::process::id() }
    }

    /// Both halves, for something that goes on using them: closing this one then does not end it.
    pub(crate) fn halves(&self, py: Python<'_>) -> PyResult<(Arc<dyn Backend>, Arc<dyn ArtifactStore>)> {
        self.ask(py, |opened| Ok((opened.backend.clone(), opened.artifacts.clone())))
    }

    /// Asks the open registry, with the interpreter released.
    fn ask<T: Send>(
        &self,
        py: Python<'_>,
        question: impl FnOnce(&Opened) -> mlcore::Result<T> + Send,
    ) -> PyResult<T> {
        entry(py, |py| {
            detached(py, || {
                if std::process::id() != self.process {
                    let problem = "it was opened before this process was forked";
                    return Err(Error::unavailable("use registry", self.url.clone(), problem)
                        .remedy("open it again in the child"));
                }
                let opened = self.opened.read().unwrap_or_else(PoisonError::into_inner).clone();
                let opened = opened.ok_or_else(|| {
                    Error::unavailable("use registry", self.url.clone(), "it is closed")
                        .remedy("open it again")
                })?;
                question(&opened)
            })
        })
    }

    /// A change by this registry's actor, now.
    pub(crate) fn change(&self, reason: Option<Text>, request: Option<Text>) -> mlcore::Result<Change> {
        let mut change = Change::new(self.actor.clone(), Timestamp::from(SystemTime::now()));
        if let Some(reason) = reason {
            change = change.with_reason(reason);
        }
        if let Some(request) = request {
            change = change.with_request(RequestId::new(request)?);
        }
        Ok(change)
    }
}

pub(crate) fn current_user(py: Python<'_>) -> String {
    let user = py.import("getpass").and_then(|getpass| getpass.call_method0("getuser")?.extract::<String>());
    user.unwrap_or_else(|_| "unknown".to_owned())
}
