//! What is measured, told to the recorder that the host installs for the facade [`metrics`](https://docs.rs/metrics).
//!
//! The library never installs a recorder. A host that has one, for Prometheus or for something else, installs it before it builds
//! endpoints, calls [`describe`] once, and calls [`Endpoint::collect_metrics`](crate::Endpoint::collect_metrics), or
//! [`Models::collect_metrics`](crate::models::Models::collect_metrics) for all that it serves, every few seconds or before it renders: histograms are told as requests go by, all else is read then. The program `mlcore-serve`
//! renders all of it for Prometheus on `/metrics`.
//!
//! [`METRICS`] lists every name with its unit, labels and meaning. A label's value is the name of a model that is served, of an arm, of a
//! version, of a monitored or looked-up column, of an expectation, or one of a few words; never what a client wrote.

#[cfg(feature = "http")]
mod collect;
mod drift;
mod endpoint;
#[cfg(feature = "log")]
mod log;
pub(crate) mod names;
#[cfg(feature = "server")]
mod process;
#[cfg(feature = "server")]
mod prometheus;
#[cfg(feature = "http")]
mod requests;
#[cfg(feature = "http")]
mod responses;

pub use self::drift::judged;
pub(crate) use self::endpoint::Told;
#[cfg(feature = "log")]
pub(crate) use self::log::LogMetrics;
pub use self::names::{METRICS, Metric, MetricKind, MetricUnit, describe};
#[cfg(feature = "server")]
pub(crate) use self::process::collect as collect_process;
#[cfg(feature = "server")]
pub use self::prometheus::Prometheus;
#[cfg(feature = "http")]
pub(crate) use self::requests::RequestMetrics;
#[cfg(feature = "http")]
pub(crate) use self::responses::Responses;
