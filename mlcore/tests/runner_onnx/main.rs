//! ONNX models: what they answer, what is refused, and that nothing that comes from outside breaks the process.
//!
//! Needs ONNX Runtime; `cargo xtask test` brings it. Without it these tests fail, and the error says where it was sought.
#![cfg(all(feature = "ort", feature = "conformance"))]
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests fail by panicking, in helpers too"
)]

mod conformance;
mod declared;
mod fixtures;
mod golden;
mod limits;
mod made;
mod mutations;
mod packages;
mod probe;
mod refused;
mod runs;
mod sharing;
mod violations;
