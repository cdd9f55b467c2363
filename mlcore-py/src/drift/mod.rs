//! `mlcore.drift`: tests of two samples, reports and monitors.

mod drift_test;
mod monitor;
mod options;
mod report;
mod verdict;

pub(crate) use self::drift_test::{ChiSquare, KolmogorovSmirnov, Psi, psi};
pub(crate) use self::monitor::{Monitor, parts as monitor_parts};
pub(crate) use self::report::{Report, make_report};
pub(crate) use self::verdict::{ColumnVerdict, Verdict};
