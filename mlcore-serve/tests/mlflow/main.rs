//! MLflow's tracking server over HTTP: what no stock client sends, and what many send at once.
#![expect(clippy::unwrap_used, reason = "a test reports by panicking, in its helpers too")]

mod artifacts;
mod attacks;
#[cfg(feature = "server")]
mod bucket;
mod registry;
mod requests;
#[cfg(feature = "server")]
#[expect(dead_code, reason = "these tests do without some of its faults")]
#[path = "../../../mlcore/tests/object_store/server.rs"]
mod server;
mod support;
