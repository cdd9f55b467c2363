//! The feature store from outside, in one binary.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test reports by panicking, in its helpers too")]

mod offline;
