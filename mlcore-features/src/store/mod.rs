//! The feature store: what its objects are, and the registry that keeps them.

#[cfg(feature = "conformance")]
pub mod conformance;
pub mod definition;
pub mod registry;
