//! Plans as graphs of ONNX, run by ONNX Runtime and compared with the executors.
//!
//! Needs ONNX Runtime; `cargo xtask test` brings it. Without it these tests fail, and the error says where it was sought.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test reports by panicking, in its helpers too"
)]

mod compare;
mod list;
mod merge;
mod plans;
#[path = "../features/read.rs"]
#[expect(dead_code, reason = "the golden files are compared elsewhere; here their tables are")]
mod read;
mod refused;
