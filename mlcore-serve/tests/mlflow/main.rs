//! MLflow's tracking server over HTTP: what no stock client sends, and what many send at once.
#![expect(clippy::unwrap_used, reason = "a test reports by panicking, in its helpers too")]

mod artifacts;
mod attacks;
mod registry;
mod requests;
mod support;
