//! Data validation: what is expected of a table, checked in one pass over its batches, or on one row of a request.
mod bounds;
mod check;
mod compile;
mod condition;
mod expectation;
mod hash;
mod import;
mod literal;
mod report;
mod run;
mod suite;
mod text;

pub use self::bounds::Bounds;
pub use self::check::{Check, IgnoreRowIf, Interpolation, Measure, QuantileRange};
pub use self::compile::{CompiledSuite, References};
pub use self::condition::{Clause, Condition, Operator};
pub use self::expectation::{Expectation, Severity};
pub use self::import::{Imported, Refused};
pub use self::literal::Literal;
pub use self::report::{ExpectationResult, Observed, Report, Unexpected};
pub use self::run::{Run, RunOptions};
pub use self::suite::Suite;
