#![doc = include_str!("../README.md")]
//!
//! | feature | adds |
//! |---|---|
//! | `ort` (default) | a loader for ONNX models |
//! | `conformance` | the contracts of the endpoint's traits as test suites |

#[cfg(feature = "conformance")]
pub mod conformance;
pub mod endpoint;

pub use crate::endpoint::Endpoint;
