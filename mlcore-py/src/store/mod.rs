//! `mlcore.store`: the feature store, as Python holds it.

mod answer;
mod arguments;
mod definitions;
mod history;
mod opened;
mod skew;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use mlcore_features::store::feature_store::{
    FeatureStore, MaterialiseOptions, Progress, PushTo, StaleTables,
};
use mlcore_features::store::window::Delivery;
use mlcore_serve::log::LogReader;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use self::answer::OnlineAnswer;
use self::arguments::{Rows, asked, moment, query};
use self::history::History;
use self::opened::Opened;
use crate::door::{self, Asked, Text};
use crate::error::{detached, entry, invalid, raise};
use crate::features::Plan;
use crate::plain::plain;
use crate::registry::current_user;

#[pymodule(submodule, module = "mlcore", name = "store")]
pub(crate) mod native {
    #[pymodule_export]
    use super::Store;
    #[pymodule_export]
    use super::answer::OnlineAnswer;
    #[pymodule_export]
    use super::definitions::{check_definition, import_feast, plan_reference, read_toml};
    #[pymodule_export]
    use super::history::History;
}

/// The native half of ``mlcore.store.FeatureStore``.
#[pyclass(module = "mlcore.store", frozen)]
pub(crate) struct Store {
    opened: RwLock<Option<Arc<Opened>>>,
    actor: String,
    /// The process that opened it: the connections of a file must not be used in a child.
    process: u32,
}

impl Store {
    fn opened(&self, py: Python<'_>, operation: &'static str) -> PyResult<Arc<Opened>> {
        if self.process != std::process::id() {
            let remedy = "open the store in the process that uses it, after the fork";
            return Err(invalid(
                py,
                operation,
                "store",
                "it was opened before a fork, in another process",
                remedy,
            ));
        }
        let opened = self.opened.read().unwrap_or_else(PoisonError::into_inner).clone();
        opened.ok_or_else(|| invalid(py, operation, "store", "it is closed", "open it again"))
    }

    fn store(&self, py: Python<'_>, operation: &'static str) -> PyResult<FeatureStore> {
        Ok(self.opened(py, operation)?.store())
    }
}

#[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over owned texts")]
#[pymethods]
impl Store {
    #[new]
    #[pyo3(signature = (location, project, online = None, actor = None, postgres = None))]
    fn new(
        py: Python<'_>,
        location: Text,
        project: Text,
        online: Option<Text>,
        actor: Option<Text>,
        postgres: Option<Text>,
    ) -> PyResult<Self> {
        entry(py, |py| {
            let actor = actor.map_or_else(|| current_user(py), Text::into_string);
            let opened =
                detached(py, || Opened::open(&location, &project, online.as_deref(), postgres.as_deref()))?;
            Ok(Self { opened: RwLock::new(Some(opened)), actor, process: std::process::id() })
        })
    }

    fn close(&self, py: Python<'_>) -> PyResult<()> {
        entry(py, |py| {
            detached(py, || {
                drop(self.opened.write().unwrap_or_else(PoisonError::into_inner).take());
                Ok(())
            })
        })
    }

    /// The definitions that are there, as JSON.
    fn definitions(&self, py: Python<'_>) -> PyResult<String> {
        entry(py, |py| {
            let snapshot =
                self.store(py, "list definitions")?.snapshot().map_err(|error| raise(py, &error))?;
            let all: Vec<_> = snapshot.repository().definitions().collect();
            crate::plain::json(py, "list definitions", &all)
        })
    }

    /// Creates or changes definitions, or says what it would come to; the difference as text and as plain data.
    #[pyo3(signature = (definitions, plans, deletions, is_whole, is_dry, reason = None))]
    #[expect(clippy::too_many_arguments, reason = "Python's side names each of them")]
    fn apply<'py>(
        &self,
        py: Python<'py>,
        definitions: Text,
        plans: Vec<Bound<'py, Plan>>,
        deletions: Vec<(String, String)>,
        is_whole: bool,
        is_dry: bool,
        reason: Option<Text>,
    ) -> PyResult<(String, Bound<'py, PyAny>)> {
        entry(py, |py| {
            let operation = if is_dry { "plan definitions" } else { "apply definitions" };
            let opened = self.opened(py, operation)?;
            let plans: Vec<_> = plans.iter().map(|plan| plan.get().fitted().clone()).collect();
            let change = definitions::change(&self.actor, reason.as_deref());
            let diff = detached(py, || {
                let changes = definitions::changes(&definitions, &deletions, is_whole, &opened)?;
                if is_dry {
                    return opened.store().plan(&changes);
                }
                opened.keep_plans(plans)?;
                opened.store().apply(&changes, &change)
            })?;
            Ok((diff.to_string(), plain(py, operation, &diff)?))
        })
    }

    /// The fields of a view whose columns are those of its source, as JSON.
    fn schema_of(&self, py: Python<'_>, source: Text) -> PyResult<String> {
        entry(py, |py| {
            let opened = self.opened(py, "infer schema")?;
            let fields = detached(py, || definitions::schema_of(&source, &opened))?;
            crate::plain::json(py, "infer schema", &fields)
        })
    }

    /// The versions of a view.
    fn versions(&self, py: Python<'_>, view: Text) -> PyResult<Vec<String>> {
        entry(py, |py| {
            let store = self.store(py, "list versions")?;
            let versions = detached(py, || store.definitions().versions(&view))?;
            Ok(versions.iter().map(ToString::to_string).collect())
        })
    }

    /// Of which times the values of a view are stored online: its version, and pairs of moments.
    fn materialised<'py>(&self, py: Python<'py>, view: Text) -> PyResult<Bound<'py, PyAny>> {
        entry(py, |py| {
            let store = self.store(py, "read intervals")?;
            let materialised = detached(py, || store.definitions().materialised(&view))?;
            plain(py, "read intervals", &materialised.intervals())
        })
    }

    /// Who changed what.
    fn audit<'py>(&self, py: Python<'py>, from_revision: u64, limit: usize) -> PyResult<Bound<'py, PyAny>> {
        entry(py, |py| {
            let store = self.store(py, "read audit")?;
            let entries = detached(py, || store.definitions().audit(from_revision, limit))?;
            plain(py, "read audit", &entries)
        })
    }

    /// Registers a frame as the table of a source.
    fn register(&self, py: Python<'_>, source: Text, table: &Bound<'_, PyAny>) -> PyResult<()> {
        entry(py, |py| {
            let opened = self.opened(py, "register table")?;
            let batch = door::nullable_table(table, Asked { operation: "register table", subject: "table" })?;
            opened.register(&source, batch);
            Ok(())
        })
    }

    /// Features for training.
    #[pyo3(signature = (entity_rows, features, service, full_feature_names, event_timestamp = None, late_rows = false))]
    #[expect(clippy::too_many_arguments, reason = "Python's side names each of them")]
    fn historical(
        &self,
        py: Python<'_>,
        entity_rows: &Bound<'_, PyAny>,
        features: Vec<String>,
        service: Option<String>,
        full_feature_names: bool,
        event_timestamp: Option<String>,
        late_rows: bool,
    ) -> PyResult<History> {
        entry(py, |py| {
            let operation = "get historical features";
            let store = self.store(py, operation)?;
            let rows = door::nullable_table(entity_rows, Asked { operation, subject: "entity_df" })?;
            let query = asked(py, query(&features, service, full_feature_names))?;
            let options = history::options(event_timestamp, late_rows);
            let history = detached(py, || store.historical_features(&rows, &query, &options))?;
            Ok(History::new(history))
        })
    }

    /// Features for serving.
    fn online(
        &self,
        py: Python<'_>,
        entity_rows: &Bound<'_, PyAny>,
        features: Vec<String>,
        service: Option<String>,
        full_feature_names: bool,
    ) -> PyResult<OnlineAnswer> {
        entry(py, |py| {
            let store = self.store(py, "get online features")?;
            let rows = Rows::read(entity_rows)?;
            let query = asked(py, query(&features, service, full_feature_names))?;
            let answer = detached(py, || rows.with(|rows| store.online_features(&query, rows)))?;
            Ok(OnlineAnswer::new(answer, rows))
        })
    }

    /// Fills the online store; without a start, from where the last run ended.
    #[pyo3(signature = (start, end, views, threads, progress = None, version = None))]
    #[expect(clippy::too_many_arguments, reason = "Python's side names each of them")]
    fn materialise<'py>(
        &self,
        py: Python<'py>,
        start: Option<Bound<'py, PyAny>>,
        end: &Bound<'py, PyAny>,
        views: Vec<String>,
        threads: usize,
        progress: Option<Py<PyAny>>,
        version: Option<Text>,
    ) -> PyResult<Bound<'py, PyAny>> {
        entry(py, |py| {
            let store = self.store(py, "materialize")?;
            let start = start.map(|start| moment(&start, "start_date")).transpose()?;
            let end = moment(end, "end_date")?;
            let tell = progress.map(told);
            let mut options = MaterialiseOptions::default()
                .with_views(views)
                .with_threads(NonZeroUsize::new(threads).unwrap_or(NonZeroUsize::MIN));
            if let Some(version) = version.filter(|version| !version.eq_ignore_ascii_case("latest")) {
                options = options.with_version(asked(py, version.parse())?);
            }
            if let Some(tell) = &tell {
                options = options.with_progress(tell);
            }
            let report = detached(py, || match start {
                Some(start) => store.materialise(start, end, &options),
                None => store.materialise_incremental(end, &options),
            })?;
            plain(py, "materialize", &report)
        })
    }

    /// Sends rows to the views of a push source.
    #[pyo3(signature = (source, rows, to, delivery = None))]
    fn push<'py>(
        &self,
        py: Python<'py>,
        source: Text,
        rows: &Bound<'py, PyAny>,
        to: Text,
        delivery: Option<(String, u64)>,
    ) -> PyResult<Bound<'py, PyAny>> {
        entry(py, |py| {
            let store = self.store(py, "push")?;
            let to: PushTo = asked(py, to.parse())?;
            let rows = door::nullable_table(rows, Asked { operation: "push", subject: "df" })?;
            let report = detached(py, || match &delivery {
                Some((producer, number)) => {
                    store.push_delivery(&source, &rows, to, &Delivery::new(producer, *number))
                }
                None => store.push(&source, &rows, to),
            })?;
            plain(py, "push", &report)
        })
    }

    /// Writes rows of a view into the online store; how many were stored, and how many were older than what was there.
    #[pyo3(signature = (view, rows, delivery = None))]
    fn write(
        &self,
        py: Python<'_>,
        view: Text,
        rows: &Bound<'_, PyAny>,
        delivery: Option<(String, u64)>,
    ) -> PyResult<(u64, u64)> {
        entry(py, |py| {
            let operation = "write to online store";
            let store = self.store(py, operation)?;
            let rows = door::nullable_table(rows, Asked { operation, subject: "df" })?;
            let written = detached(py, || match &delivery {
                Some((producer, number)) => {
                    store.write_delivery(&view, &rows, &Delivery::new(producer, *number))
                }
                None => store.write_to_online_store(&view, &rows),
            })?;
            Ok((written.stored(), written.older()))
        })
    }

    /// Compares served features with history: the report as text and as plain data.
    #[pyo3(signature = (served, features, service, full_feature_names, event_timestamp = None, late_rows = false, differences = 10))]
    #[expect(clippy::too_many_arguments, reason = "Python's side names each of them")]
    fn check_skew<'py>(
        &self,
        py: Python<'py>,
        served: &Bound<'py, PyAny>,
        features: Vec<String>,
        service: Option<String>,
        full_feature_names: bool,
        event_timestamp: Option<String>,
        late_rows: bool,
        differences: usize,
    ) -> PyResult<(String, Bound<'py, PyAny>)> {
        entry(py, |py| {
            let store = self.store(py, "check skew")?;
            let served = door::nullable_table(served, Asked { operation: "check skew", subject: "served" })?;
            let query = asked(py, query(&features, service, full_feature_names))?;
            let options = history::skew_options(event_timestamp, late_rows, differences);
            let report = detached(py, || store.check_skew(&served, &query, &options))?;
            Ok((report.to_string(), plain(py, "check skew", &report)?))
        })
    }

    /// Compares the features that a prediction log has with history: the report as text and as plain data.
    #[pyo3(signature = (log, features, service, full_feature_names, options))]
    fn check_log_skew<'py>(
        &self,
        py: Python<'py>,
        log: PathBuf,
        features: Vec<String>,
        service: Option<String>,
        full_feature_names: bool,
        options: &Bound<'py, PyDict>,
    ) -> PyResult<(String, Bound<'py, PyAny>)> {
        entry(py, |py| {
            let store = self.store(py, "check skew")?;
            let query = asked(py, query(&features, service, full_feature_names))?;
            let options = skew::options(options)?;
            let skew = detached(py, || LogReader::new(log).check_skew(&store, &query, &options))?;
            Ok((skew.to_string(), plain(py, "check skew", &skew)?))
        })
    }

    /// Deletes what no read hands out any more; how many rows that were.
    #[pyo3(signature = (*views))]
    fn evict_expired(&self, py: Python<'_>, views: &Bound<'_, PyTuple>) -> PyResult<u64> {
        entry(py, |py| {
            let store = self.store(py, "evict expired")?;
            let views: Vec<String> = views.extract()?;
            let views: Vec<&str> = views.iter().map(String::as_str).collect();
            detached(py, || store.evict_expired(&views))
        })
    }

    /// Deletes the online tables of views that are gone, or of old versions; their names.
    fn drop_stale_tables(&self, py: Python<'_>, which: Text) -> PyResult<Vec<String>> {
        entry(py, |py| {
            let store = self.store(py, "drop tables")?;
            let which: StaleTables = asked(py, which.parse())?;
            detached(py, || {
                let tables = store.stale_tables(which)?;
                store.drop_tables(&tables)?;
                Ok(tables.iter().map(ToString::to_string).collect())
            })
        })
    }
}

/// Tells a function of Python how far a view is. What it raises is told to `sys.unraisablehook`: it must not end the run.
fn told(function: Py<PyAny>) -> impl Fn(&Progress) + Sync {
    move |progress| {
        Python::attach(|py| {
            let Progress { view, done, total, .. } = progress;
            let seconds = progress.elapsed.as_secs_f64();
            let called = function.call1(py, (view, *done, *total, seconds));
            if let Err(error) = called {
                error.write_unraisable(py, Some(function.bind(py)));
            }
        });
    }
}
