//! The feature store: what its objects are, and the registry that keeps them.

pub mod definition;
pub mod registry;
