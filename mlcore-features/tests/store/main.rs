//! The feature store from outside, in one binary.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test reports by panicking, in its helpers too, and prints what it skips"
)]

mod definition_bad_input;
mod definition_feast;
mod definition_functions;
#[cfg(feature = "toml")]
mod definition_toml;
#[cfg(feature = "parquet")]
mod feature_store;
#[cfg(all(any(feature = "embedded", feature = "sqlite"), unix))]
#[path = "../../../mlcore/tests/kill/mod.rs"]
mod kill;
mod offline;
mod offline_online;
mod online;
#[cfg(feature = "conformance")]
mod registry_conformance;
#[cfg(feature = "sqlite")]
mod registry_damage;
#[cfg(all(feature = "sqlite", unix))]
mod registry_kill;
mod registry_lineage;
#[cfg(feature = "sqlite")]
mod registry_processes;
mod registry_size;
mod support;
mod window;
