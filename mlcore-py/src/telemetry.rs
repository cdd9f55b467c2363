//! What the library measures, in Prometheus' text format, whether it serves or not.

use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use mlcore::name::ModelName;
use mlcore_serve::metrics::Prometheus;
use pyo3::prelude::*;

use crate::door::Text;
use crate::drift::Verdict;
use crate::error::{detached, entry};

#[pymodule(submodule, module = "mlcore", name = "prometheus")]
pub(crate) mod native {
    #[pymodule_export]
    use super::{metrics_text, tell_verdict};
}

/// Tells what something counts to the recorder. It is asked as long as its owner keeps it.
pub(crate) type Collect = Arc<dyn Fn() + Send + Sync>;

/// The recorder of this process; none where it could not be made.
static PROMETHEUS: OnceLock<Option<Prometheus>> = OnceLock::new();
static OWNERS: Mutex<Vec<Weak<dyn Fn() + Send + Sync>>> = Mutex::new(Vec::new());
/// The process whose thread puts away what histograms were told: a child has none.
static KEEPER: Mutex<Option<u32>> = Mutex::new(None);

/// Makes the recorder. Called before anything that measures is made: what has no recorder when it begins never gets one.
pub(crate) fn prepare() {
    PROMETHEUS.get_or_init(|| Prometheus::install().unwrap_or_default());
}

/// Asks `collect` from now on, as long as what is answered is kept.
pub(crate) fn watch(collect: impl Fn() + Send + Sync + 'static) -> Collect {
    let collect: Collect = Arc::new(collect);
    let mut owners = OWNERS.lock().unwrap_or_else(PoisonError::into_inner);
    owners.retain(|owner| owner.strong_count() > 0);
    owners.push(Arc::downgrade(&collect));
    collect
}

/// Puts away what histograms were told until now.
pub(crate) fn upkeep() {
    if let Some(Some(prometheus)) = PROMETHEUS.get() {
        prometheus.upkeep();
    }
}

/// Does so from now on, by a thread, in a process that has threads of ours anyway.
pub(crate) fn keep_up() {
    let mut keeper = KEEPER.lock().unwrap_or_else(PoisonError::into_inner);
    if *keeper == Some(std::process::id()) {
        return;
    }
    let spawned = thread::Builder::new().name("mlcore-metrics".to_owned()).spawn(|| {
        loop {
            thread::sleep(UPKEEP_INTERVAL);
            upkeep();
        }
    });
    // Without a thread they are put away when somebody reads them.
    *keeper = spawned.is_ok().then(std::process::id);
}

/// What every endpoint and server of this process has counted so far, in Prometheus' text format.
///
/// The names are those of the program ``mlcore-serve``, and of its ``/metrics``: requests, failures and outcomes by model, version
/// and arm, durations, drift, dropped records, and what the process takes. Records are counted when they are worked off:
/// by :meth:`mlcore.Endpoint.process` or a worker. An endpoint that is gone stays in the totals.
///
/// Returns
/// -------
/// str
///
/// See Also
/// --------
/// mlcore.prometheus.Collector : The same for a registry of ``prometheus_client``.
///
/// Examples
/// --------
/// >>> import mlcore
/// >>> mlcore.metrics_text().startswith("# ")
/// True
#[pyfunction]
pub(crate) fn metrics_text(py: Python<'_>) -> PyResult<String> {
    entry(py, |py| {
        detached(py, || {
            prepare();
            Ok(text())
        })
    })
}

/// Tells of a verdict that a job or a fleet made, under the names by which endpoints tell of theirs: the outcome, and of each
/// column the effect and the smallest that counts as drift.
///
/// Parameters
/// ----------
/// model : str
///     The label ``model``.
/// verdict : mlcore.drift.Verdict
///
/// Examples
/// --------
/// >>> import mlcore
/// >>> found = mlcore.drift.report({"age": range(1000)}, {"age": range(500, 1500)})
/// >>> mlcore.prometheus.tell_verdict("churn", found.verdict)
/// >>> 'mlcore_drift_score{model="churn",column="age",test="ks"} 0.5' in mlcore.metrics_text()
/// True
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over owned texts")]
pub(crate) fn tell_verdict(py: Python<'_>, model: Text, verdict: &Bound<'_, Verdict>) -> PyResult<()> {
    let verdict = verdict.get().verdict();
    entry(py, |py| {
        detached(py, || {
            prepare();
            mlcore_serve::metrics::judged(&ModelName::new(&model)?, verdict);
            Ok(())
        })
    })
}

/// Everything, as it stands now.
pub(crate) fn text() -> String {
    let owners = OWNERS.lock().unwrap_or_else(PoisonError::into_inner).clone();
    for collect in owners.iter().filter_map(Weak::upgrade) {
        collect();
    }
    PROMETHEUS.get().and_then(Option::as_ref).map(Prometheus::render).unwrap_or_default()
}

const UPKEEP_INTERVAL: Duration = Duration::from_secs(1);
