//! Data validation from outside, in one binary.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test reports by panicking, in its helpers too"
)]

mod bad_input;
mod batches;
mod golden;
mod imports;
mod references;
mod reports;
mod rows;
mod suite_text;
mod suites;
mod tables;
#[path = "../../../mlcore/tests/fuzz/told.rs"]
mod told;
