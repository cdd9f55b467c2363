//! `mlcore.replay`: what another policy, other guardrails or another detector would have done with the traffic of a log.

mod arguments;
mod log;
mod report;
mod simulated;
mod watched;

use pyo3::prelude::*;

pub(crate) use self::arguments::Truth;

#[pymodule(submodule, module = "mlcore", name = "replay")]
pub(crate) mod native {
    #[pymodule_export]
    use super::Truth;
    #[pymodule_export]
    use super::log::ReplayLog;
    #[pymodule_export]
    use super::report::ReplayReport;
    #[pymodule_export]
    use super::simulated::{SimulatedAnswer, SimulatedRequest};
    #[pymodule_export]
    use super::watched::{DetectorReport, MonitorReport};
}
