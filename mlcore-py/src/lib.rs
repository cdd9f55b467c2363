//! mlcore for Python: the native half of the package `mlcore`. A list; each concept has its own file.

mod cell;
mod door;
mod drift;
mod endpoint;
mod error;
mod evaluate;
mod features;
mod metrics;
mod plain;
mod registry;
mod rollout;
mod runner;
mod stats;
mod table;

use pyo3::prelude::*;

#[pymodule(name = "_mlcore")]
mod native {
    use pyo3::prelude::*;

    #[pymodule_export]
    use super::drift::{
        ChiSquare, ColumnVerdict, KolmogorovSmirnov, Monitor, Psi, Report, Verdict, make_report, psi,
    };
    #[pymodule_export]
    use super::endpoint::{Endpoint, Event, Prediction, Worker};
    #[pymodule_export]
    use super::evaluate::{Gate, GateCheck, GateVerdict};
    #[pymodule_export]
    use super::features::{Plan, fit};
    #[pymodule_export]
    use super::metrics::{
        accuracy_score, average_precision_score, brier_score_loss, confusion_matrix, f1_score, log_loss,
        mean_absolute_error, mean_squared_error, precision_score, r2_score, recall_score, roc_auc_score,
        root_mean_squared_error,
    };
    #[pymodule_export]
    use super::registry::{AliasChange, AuditEntry, Model, ModelVersion, Registry};
    #[pymodule_export]
    use super::rollout::{Canary, Fixed, Guardrail, Shadowed, Weighted, bucket};
    #[pymodule_export]
    use super::runner::{Field, Runner, onnx_runtime};
    #[pymodule_export]
    use super::stats::{
        Chi2ContingencyResult, KstestResult, TtestResult, chi2_contingency, ks_2samp, multipletests,
        proportion_confint, proportions_ztest, ttest_ind,
    };
    #[pymodule_export]
    use super::table::{Table, read_table};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        module.add_function(wrap_pyfunction!(super::_panic, module)?)
    }
}

/// Panics on purpose, attached to the interpreter or not: for the test that no panic leaves the library as one.
#[pyfunction]
#[pyo3(name = "_panic")]
fn _panic(py: Python<'_>, detached: bool) -> PyResult<()> {
    error::entry(py, |py| {
        #[expect(clippy::panic, reason = "it is what this function is for")]
        let broken = || -> mlcore::Result<()> { panic!("asked to") };
        if detached {
            error::detached(py, broken)
        } else {
            broken().map_err(|error| error::raise(py, &error))
        }
    })
}
