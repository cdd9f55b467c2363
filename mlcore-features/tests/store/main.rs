//! The feature store from outside, in one binary.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test reports by panicking, in its helpers too, and prints what it skips"
)]

mod online;
