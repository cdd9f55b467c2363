//! `mlcore.drift`: tests of two samples, reports, monitors and stream detectors.

mod drift_test;
mod fleet;
mod ipc;
mod monitor;
mod named;
mod options;
mod pickle;
mod report;
mod source;
mod stream;
mod table_test;
mod verdict;

use pyo3::pymodule;

pub(crate) use self::fleet::{MonitorReference, WindowCounts};
pub(crate) use self::monitor::{Monitor, parts as monitor_parts};
pub(crate) use self::stream::StreamDetector;
pub(crate) use self::verdict::Verdict;

#[pymodule(submodule, module = "mlcore", name = "drift")]
pub(crate) mod native {
    #[pymodule_export]
    use super::drift_test::{DriftTest, Score, psi, test_names, unpickled_score};
    #[pymodule_export]
    use super::fleet::{Fleet, FleetVerdict, MonitorReference, WindowCounter, WindowCounts};
    #[pymodule_export]
    use super::monitor::{Monitor, unpickled_monitor};
    #[pymodule_export]
    use super::report::{Report, report};
    #[pymodule_export]
    use super::stream::{StreamDetector, baseline, detector_names};
    #[pymodule_export]
    use super::table_test::{
        TableScore, TableTest, TableVerdict, table_test_names, unpickled_score as unpickled_table_score,
        unpickled_verdict as unpickled_table_verdict,
    };
    #[pymodule_export]
    use super::verdict::{ColumnVerdict, Verdict, unpickled_verdict};
}
