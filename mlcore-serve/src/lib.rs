//! How do requests reach a model version, and what happens when a release goes wrong?
//!
//! One type, [`Endpoint`]: synchronous, shared by threads, without an async runtime, a listener or a thread of its own.

#[cfg(feature = "conformance")]
pub mod conformance;
pub mod endpoint;

pub use crate::endpoint::Endpoint;
