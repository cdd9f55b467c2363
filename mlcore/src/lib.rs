//! The core of mlcore: what a model, a schema and a batch are; how a model is run, stored, compared and released.

pub mod artifact;
pub mod batch;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod error;
pub mod evaluate;
pub mod name;
pub mod registry;
pub mod rollout;
pub mod runner;
pub mod schema;
pub mod stats;

pub use arrow;
pub use ndarray;

pub use crate::error::{Error, Result};
