//! mlcore for Python: the native half of the package `mlcore`. A list of its modules; each concept has its own file.
//!
//! A function or class is declared in a module `native` of its file and nowhere else on this side: the module of the
//! package takes all that is there.

mod bandit;
mod door;
mod drift;
mod endpoint;
mod error;
mod evaluate;
mod experiment;
mod features;
mod metrics;
mod package;
mod packaging;
mod plain;
mod profiles;
mod registry;
mod replay;
mod rollout;
mod runner;
mod serving;
mod signing;
mod stats;
mod store;
mod table;
mod telemetry;
mod tracking;
mod validate;
mod value;

#[pyo3::pymodule(name = "_mlcore")]
mod native {
    use pyo3::prelude::*;
    use pyo3::wrap_pymodule as part;

    use crate::{
        bandit, drift, endpoint, evaluate, experiment, features, metrics, package, packaging, profiles,
        registry, replay, rollout, runner, serving, signing, stats, store, telemetry, tracking, validate,
    };

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        package::add(module, "bandit", &[part!(bandit::native)])?;
        package::add(module, "drift", &[part!(drift::native)])?;
        package::add(module, "endpoint", &[part!(endpoint::native)])?;
        package::add(module, "evaluate", &[part!(evaluate::native)])?;
        package::add(module, "experiment", &[part!(experiment::native)])?;
        package::add(module, "features", &[part!(features::native)])?;
        package::add(
            module,
            "metrics",
            &[
                part!(metrics::binary::native),
                part!(metrics::classes::native),
                part!(metrics::labels::native),
                part!(metrics::regression::native),
                part!(metrics::scores::native),
            ],
        )?;
        package::add(module, "package", &[part!(packaging::native)])?;
        package::add(module, "profiles", &[part!(profiles::native)])?;
        package::add(module, "prometheus", &[part!(telemetry::native)])?;
        package::add(module, "registry", &[part!(registry::native)])?;
        package::add(module, "replay", &[part!(replay::native)])?;
        package::add(module, "rollout", &[part!(rollout::native)])?;
        package::add(module, "runner", &[part!(runner::native)])?;
        package::add(module, "serving", &[part!(serving::native)])?;
        package::add(module, "signing", &[part!(signing::native)])?;
        package::add(
            module,
            "stats",
            &[
                part!(stats::counts::native),
                part!(stats::frequencies::native),
                part!(stats::many::native),
                part!(stats::multiple::native),
                part!(stats::order::native),
                part!(stats::two_sample::native),
            ],
        )?;
        package::add(module, "store", &[part!(store::native)])?;
        package::add(module, "tracking", &[part!(tracking::native)])?;
        package::add(module, "validate", &[part!(validate::native)])?;
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }

    /// Panics on purpose, attached to the interpreter or not: for the test that no panic leaves the library as one.
    #[pyfunction]
    fn _panic(py: Python<'_>, detached: bool) -> PyResult<()> {
        crate::error::entry(py, |py| {
            #[expect(clippy::panic, reason = "it is what this function is for")]
            let broken = || -> mlcore::Result<()> { panic!("asked to") };
            if detached {
                crate::error::detached(py, broken)
            } else {
                broken().map_err(|error| crate::error::raise(py, &error))
            }
        })
    }
}
