//! The tests of the crate from outside, in one binary: it links in the time of one.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test reports by panicking, in its helpers too"
)]

mod bad_input;
mod batches;
#[cfg(feature = "conformance")]
mod conformance;
mod custom;
mod custom_refused;
mod dates;
mod diff;
mod expression_text;
mod expressions;
mod extremes;
mod forged;
mod functions;
mod golden;
mod held;
mod inputs;
mod interrupt;
mod layers;
mod list;
mod moments;
mod numbers;
#[cfg(feature = "offline")]
mod offline;
mod parity;
mod parts;
mod past;
mod plan;
mod plan_bytes;
mod random;
mod read;
mod recipes;
mod rows;
mod sparse;
mod stored;
mod texts;
#[path = "../../../mlcore/tests/fuzz/told.rs"]
mod told;
mod unions;
mod windows;
mod words;
