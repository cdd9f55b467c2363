//! Which versions are kept no longer, and which artifacts does nobody name?

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use mlcore::Error;
use mlcore::artifact::Digest;
use mlcore::name::ModelName;
use mlcore::registry::{Marked, Retention, RetentionExt, VersionReference};
use mlcore::time::Timestamp;
use pyo3::prelude::*;

use super::Registry;
use super::governance::record;
use crate::door::{Text, type_name};
use crate::error::{entry, invalid, raise, wrong_type};

/// A time that passes: seconds, or a `timedelta`.
struct Span(Duration);

impl<'py> FromPyObject<'_, 'py> for Span {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let (py, remedy) = (object.py(), "pass seconds, or datetime.timedelta(days=90)");
        let seconds = match object.call_method0("total_seconds") {
            Ok(seconds) => seconds.extract::<f64>()?,
            Err(_) => object.extract::<f64>().map_err(|_| {
                let problem = format!("a time is a {}", type_name(&object));
                wrong_type(py, "keep versions", "time", problem, remedy)
            })?,
        };
        Duration::try_from_secs_f64(seconds)
            .map(Self)
            .map_err(|cause| invalid(py, "keep versions", "time", cause.to_string(), remedy))
    }
}

#[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over owned texts")]
#[pymethods]
impl Registry {
    /// The versions of a model that would be kept no longer, the first first: archived long ago, meant by no alias, and not among the last ones.
    /// It changes nothing: :meth:`expire` deletes them.
    ///
    /// Parameters
    /// ----------
    /// archived_for : float or timedelta
    ///     A version goes when it was archived, and nothing about it changed, for this long, in seconds. Default: a year.
    /// keep_last : int
    ///     So many versions with the highest numbers stay, whatever their age.
    #[pyo3(
        signature = (name, *, archived_for = Span(YEAR), keep_last = 10),
        text_signature = "($self, name, *, archived_for=31536000.0, keep_last=10)"
    )]
    fn expired(
        &self,
        py: Python<'_>,
        name: Text,
        archived_for: Span,
        keep_last: usize,
    ) -> PyResult<Vec<u64>> {
        let retention = Retention::default().with_archived_for(archived_for.0).with_keep_last(keep_last);
        self.ask(py, |opened| {
            let now = Timestamp::from(SystemTime::now());
            opened.backend.expired(&ModelName::new(&name)?, &retention, now).map(numbers)
        })
    }

    /// Deletes the versions that are :meth:`expired`, each with an audit entry of its own, and answers their numbers. Artifacts stay until they
    /// are swept: see :meth:`unreferenced`.
    ///
    /// Parameters
    /// ----------
    /// archived_for, keep_last
    ///     As :meth:`expired` takes them.
    /// reason : str, optional
    ///     Why, in words.
    ///
    /// Examples
    /// --------
    /// >>> import mlcore
    /// >>> registry = mlcore.Registry("memory:")
    /// >>> for _ in range(3):
    /// ...     version = registry.register("churn", b"any bytes", format="text").version
    /// ...     _ = registry.transition("churn", version, "archived")
    /// >>> registry.expired("churn", archived_for=0, keep_last=1)
    /// [1, 2]
    /// >>> registry.expire("churn", archived_for=0, keep_last=1, reason="a quarter ended")
    /// [1, 2]
    #[pyo3(
        signature = (name, *, archived_for = Span(YEAR), keep_last = 10, reason = None),
        text_signature = "($self, name, *, archived_for=31536000.0, keep_last=10, reason=None)"
    )]
    fn expire(
        &self,
        py: Python<'_>,
        name: Text,
        archived_for: Span,
        keep_last: usize,
        reason: Option<Text>,
    ) -> PyResult<Vec<u64>> {
        let retention = Retention::default().with_archived_for(archived_for.0).with_keep_last(keep_last);
        self.ask(py, |opened| {
            let change = self.change(reason, None)?;
            opened.backend.expire(&ModelName::new(&name)?, &retention, &change).map(numbers)
        })
    }

    /// The artifacts that no version names. It deletes nothing: :meth:`sweep` does, after a grace, because an artifact without a version may
    /// belong to a registration that is under way.
    ///
    /// Parameters
    /// ----------
    /// elsewhere : list of str
    ///     Digests that others keep in the same store, such as another registry.
    ///
    /// Returns
    /// -------
    /// mlcore.registry.Marked
    ///     Data, which may be kept as JSON until it is swept.
    #[pyo3(
        signature = (*, elsewhere = Vec::new()),
        text_signature = "($self, *, elsewhere=())"
    )]
    fn unreferenced<'py>(&self, py: Python<'py>, elsewhere: Vec<Text>) -> PyResult<Bound<'py, PyAny>> {
        let marked = self.ask(py, |opened| {
            let now = Timestamp::from(SystemTime::now());
            opened.backend.mark(&*opened.artifacts, &digests(&elsewhere)?, now)
        })?;
        record(py, "Marked", &marked)
    }

    /// Deletes what was marked at least ``grace`` ago and is still named by no version.
    ///
    /// Parameters
    /// ----------
    /// marked : Marked
    ///     What :meth:`unreferenced` answered.
    /// grace : float or timedelta
    ///     The time since then, in seconds: longer than any upload and registration takes. Default: a day.
    /// elsewhere : list of str
    ///     As :meth:`unreferenced` takes it.
    ///
    /// Returns
    /// -------
    /// mlcore.registry.Swept
    ///
    /// Raises
    /// ------
    /// ConflictError
    ///     Where the grace is not over.
    ///
    /// Examples
    /// --------
    /// >>> import mlcore
    /// >>> registry = mlcore.Registry("memory:")
    /// >>> _ = registry.register("churn", b"any bytes", format="text")
    /// >>> _ = registry.delete_version("churn", 1)
    /// >>> marked = registry.unreferenced()
    /// >>> registry.sweep(marked, grace=0).bytes
    /// 9
    #[pyo3(
        signature = (marked, *, grace = Span(DAY), elsewhere = Vec::new()),
        text_signature = "($self, marked, *, grace=86400.0, elsewhere=())"
    )]
    fn sweep<'py>(
        &self,
        py: Python<'py>,
        marked: &Bound<'py, PyAny>,
        grace: Span,
        elsewhere: Vec<Text>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let marked = entry(py, |py| marked_of(py, marked))?;
        let swept = self.ask(py, |opened| {
            let now = Timestamp::from(SystemTime::now());
            opened.backend.sweep(&*opened.artifacts, &digests(&elsewhere)?, &marked, grace.0, now)
        })?;
        entry(py, |py| {
            let texts = |all: &[Digest]| all.iter().map(ToString::to_string).collect::<Vec<_>>();
            let arguments = (texts(&swept.deleted), swept.bytes, texts(&swept.kept), texts(&swept.lost));
            py.import("mlcore._governance")?.getattr("Swept")?.call1(arguments)
        })
    }
}

fn marked_of(py: Python<'_>, object: &Bound<'_, PyAny>) -> PyResult<Marked> {
    let class = py.import("mlcore._governance")?.getattr("Marked")?;
    if !object.is_instance(&class)? {
        let problem = format!("what unreferenced() answered is expected, and it is a {}", type_name(object));
        let remedy = "pass it, or Marked.from_dict(json.load(file))";
        return Err(wrong_type(py, "collect artifacts", "marked", problem, remedy));
    }
    let text = py.import("json")?.call_method1("dumps", (object.call_method0("to_dict")?,))?;
    serde_json::from_str(text.extract::<&str>()?).map_err(|cause| {
        let error = Error::invalid_input("collect artifacts", "marked", cause.to_string());
        raise(py, &error.remedy("pass what unreferenced() answered"))
    })
}

fn numbers(versions: Vec<VersionReference>) -> Vec<u64> {
    versions.into_iter().map(|version| version.version.get()).collect()
}

fn digests(texts: &[Text]) -> mlcore::Result<BTreeSet<Digest>> {
    texts.iter().map(|text| text.parse()).collect()
}

const DAY: Duration = Duration::from_secs(86_400);
const YEAR: Duration = Duration::from_secs(365 * 86_400);
