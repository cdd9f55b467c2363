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
mod table_test;

pub use self::drift_test::drift_test;
pub use self::table_test::table_test;

/// Where the tables of Anderson and Darling's test end: a p-value of it is never more than 0.25.
const LEAST_PVALUE_OF_NO_CHANGE: f64 = 0.2;
const MOST_PVALUE_OF_A_LARGE_CHANGE: f64 = 0.01;
