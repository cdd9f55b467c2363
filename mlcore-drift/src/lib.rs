//! Has the data changed, and how sure are we: drift tests, monitors and reports.

#[cfg(feature = "conformance")]
pub mod conformance;
#[cfg(feature = "report")]
pub mod html;
pub mod monitor;
pub mod report;
pub mod sample;
pub mod test;
mod vector;

pub use crate::monitor::{Monitor, MonitorOptions, Verdict};
pub use crate::report::{Report, ReportOptions, report};
pub use crate::sample::Sample;
