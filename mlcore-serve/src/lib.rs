#![doc = include_str!("../README.md")]
//!
//! | feature | adds |
//! |---|---|
//! | `ort` (default) | a loader for ONNX models |
//! | `http` | the Open Inference Protocol V2 and MLflow's scoring server over HTTP, as a tower service |
//! | `grpc` | the same over gRPC |
//! | `server` | a listener for them, with limits, TLS and an end that loses no request; the program `mlcore-serve` |
//! | `log` | the prediction log: Parquet files, a reader of them, and replays of what they hold |
//! | `page` | pages of experiments, runs, models and the audit log, for browsers |
//! | `mlflow` | MLflow's tracking server over HTTP; the models that an MLflow server has registered, as a source of models; a sender of webhooks |
//! | `feast` | Feast's feature server over HTTP, for its stock client |
//! | `metrics` | counters, gauges and histograms for the host's recorder of the facade `metrics` |
//! | `otel` | the spans of requests in OpenTelemetry's traces: the program exports them by OTLP, a host by its own layer |
//! | `signatures` | endpoints that load what a trusted key signed, and nothing else |
//! | `validate` | endpoints that validate their requests against a suite of expectations |
//! | `conformance` | the contracts of the endpoint's traits as test suites |

#[cfg(feature = "http")]
pub mod auth;
pub mod batching;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod endpoint;
#[cfg(feature = "feast")]
pub mod feast;
#[cfg(feature = "grpc")]
pub mod grpc;
#[cfg(feature = "http")]
pub mod http;
#[cfg(feature = "log")]
pub mod log;
#[cfg(feature = "metrics")]
pub mod metrics;
#[cfg(feature = "mlflow")]
pub mod mlflow;
#[cfg(feature = "http")]
pub mod models;
#[cfg(feature = "page")]
pub mod page;
#[cfg(feature = "log")]
pub mod replay;
#[cfg(feature = "server")]
pub mod server;
#[cfg(feature = "http")]
pub mod settings;
#[cfg(feature = "http")]
mod trace;
#[cfg(feature = "mlflow")]
mod trust;
#[cfg(feature = "http")]
pub mod v2;
#[cfg(feature = "mlflow")]
pub mod webhook;

pub use crate::endpoint::Endpoint;
