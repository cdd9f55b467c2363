#![doc = include_str!("../README.md")]
//!
//! | feature | adds |
//! |---|---|
//! | `ort` (default) | a loader for ONNX models |
//! | `http` | the Open Inference Protocol V2: what clients ask and are answered |
//! | `conformance` | the contracts of the endpoint's traits as test suites |

#[cfg(feature = "conformance")]
pub mod conformance;
pub mod endpoint;
#[cfg(feature = "http")]
pub mod http;
#[cfg(feature = "http")]
pub mod models;
#[cfg(feature = "http")]
pub mod v2;

pub use crate::endpoint::Endpoint;
