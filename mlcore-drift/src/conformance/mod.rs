//! The contract of each trait as a test suite: run it on your own test.
//!
//! A suite panics at the first broken promise, as a test does, and names the promise. What it demands stands at the
//! trait.
//!
//! ```
//! use mlcore_drift::conformance::drift_test;
//! use mlcore_drift::two_sample::KolmogorovSmirnov;
//!
//! drift_test(&KolmogorovSmirnov::default());
//! ```
#![expect(clippy::panic, reason = "a test suite fails by panicking")]

mod drift_test;
mod numbers;
mod samples;

pub use self::drift_test::drift_test;
