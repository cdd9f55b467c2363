//! The feature store through its public interface.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod definition_bad_input;
mod definition_feast;
mod definition_functions;
#[cfg(feature = "toml")]
mod definition_toml;
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
