//! Data validation from outside, in one binary.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test reports by panicking, in its helpers too")]

mod bad_input;
mod golden;
mod imports;
mod references;
mod reports;
mod rows;
mod suites;
mod tables;
