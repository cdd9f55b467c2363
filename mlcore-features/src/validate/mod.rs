//! Data validation: is a table, or one row of a request, as it is expected to be?
//!
//! A [`Suite`] is a list of [`Expectation`]s. It is [compiled](Suite::compile) for a schema and then runs over the batches of a table
//! in one pass ([`Run`]), looks at single rows in microseconds ([`CompiledSuite::check_row`]), and parts a table into rows that pass
//! and rows that do not ([`CompiledSuite::split`]). Suites come from [data](Suite::infer), from [TOML](Suite::from_toml) and JSON, and
//! from [Great Expectations](Suite::from_great_expectations).
//!
//! ```
//! use std::sync::Arc;
//!
//! use mlcore::arrow::array::{Float64Array, RecordBatch, StringArray};
//! use mlcore::schema::Schema;
//! use mlcore_features::validate::{Bounds, RunOptions, Severity, Suite};
//!
//! let suite = Suite::from_toml(r#"
//!     name = "orders"
//!
//!     [[expectations]]
//!     expect = "column_values_to_be_between"
//!     column = "price"
//!     bounds = { min_value = 0, strict_min = true }
//!     mostly = 0.99
//!     severity = "warning"
//!
//!     [[expectations]]
//!     expect = "column_values_to_not_be_null"
//!     column = "currency"
//!     where = [{ column = "price", is = ">", values = [10] }]
//! "#)?;
//! let table = RecordBatch::try_from_iter_with_nullable([
//!     ("price", Arc::new(Float64Array::from(vec![Some(12.0), Some(-1.0), None])) as _, true),
//!     ("currency", Arc::new(StringArray::from(vec![Some("EUR"), None, None])) as _, true),
//! ])?;
//! let suite = suite.compile(&Schema::from_arrow(table.schema_ref())?)?;
//!
//! let report = suite.validate(&table, &RunOptions::default())?;
//! assert!(!report.success() && report.success_at(Severity::Critical));
//! assert_eq!(report.results()[0].told(), "1 of 3 rows unexpected (50.0000 %); 1 passed over; row 1: -1.0");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Names and numbers
//!
//! They are those of Great Expectations 1.24 on a pandas frame: counts, percents, unexpected rows, observed values and what `mostly`
//! means. Its `expect_column_values_to_be_between` is [`Check::ColumnValuesToBeBetween`] here, and
//! `column_values_to_be_between` in TOML and JSON, and so are all others. This is what is written differently:
//!
//! | Great Expectations | here |
//! |---|---|
//! | `min_value`, `max_value`, `strict_min`, `strict_max` | the same, within `bounds` ([`Bounds`]) |
//! | `row_condition`, without `or` | `where` ([`Condition`]) |
//! | `quantile_ranges`, two lists | a list of [`QuantileRange`] |
//! | `allow_relative_error`, pandas' word | `interpolation` ([`Interpolation`]) |
//! | `match_on = "all"` | `match_all = true` |
//! | `ignore_row_if` of pairs: `both_values_are_missing`, `either_value_is_missing`, `neither` | the words of several columns ([`IgnoreRowIf`]) |
//! | `type_`, `type_list`: names of its engine | names of [`DType`](mlcore::schema::DType) |
//! | | `column_values_to_be_in_reference`, `column_newest_value_to_be_within`, `column_distribution_to_match_reference` are ours |
//!
//! And this is what differs on purpose:
//!
//! - A regular expression is looked for in text alone, in time linear in the text: without look-around and back-references, which are
//!   refused when the suite is checked. `$` is the end of the text, and not also the place before a last line break. Lengths are of text
//!   alone, too. (Great Expectations makes text of numbers first.)
//! - Integers compare exactly past 2^53, text by code points.
//! - `column_index = 0` is looked at. (Great Expectations takes it for none.)
//! - Values whose order is asked for may be of any type that has one.
//!
//! # Missing values
//!
//! Null and NaN are missing alike, as they are in pandas. A check of values passes over them, and so does `mostly`; checks of missing
//! values look at every row. In a condition, a comparison does not hold of a missing value, but for `!=` and `not in`.
//!
//! # Exactness and memory
//!
//! Whatever is counted is exact, over any number of batches ([`CompiledSuite::validate_batches`], and files of Parquet by the feature `parquet`). Distinct
//! values, uniqueness and the most common value hold each distinct value once, up to [`RunOptions::with_most_values`] in memory and the
//! others in a [folder](RunOptions::with_spill_folder), where one is handed in. Medians, quantiles, z-scores and distributions of numbers
//! hold the column's numbers, eight bytes each, up to the same number. Everything else takes the same memory however many rows there are.
//! What does not fit is refused by name, and never estimated in silence: [`mlcore::profile`] knows quantiles and distinct values within
//! bounds, and [`Check::ColumnDistributionToMatchReference`] compares a part of the table with such a profile.
//!
//! # What cannot be answered
//!
//! An expectation about a column that is not there, or is of a type that it cannot be asked of, is not met, and its result says
//! why ([`ExpectationResult::problem`]); [`CompiledSuite::problems`] tells it before any row is read, and
//! [`CompiledSuite::require_answers`] makes an error of it. The others are answered.

mod bounds;
mod check;
mod compile;
mod condition;
mod expectation;
mod hash;
mod import;
mod infer;
mod literal;
#[cfg(feature = "parquet")]
mod parquet;
mod quarantine;
mod report;
mod row;
mod run;
mod suite;
mod text;
mod verdict;

pub use self::bounds::Bounds;
pub use self::check::{Check, IgnoreRowIf, Interpolation, Measure, QuantileRange};
pub use self::compile::{CompiledSuite, References};
pub use self::condition::{Clause, Condition, Operator};
pub use self::expectation::{Expectation, Severity};
pub use self::import::{Imported, Refused};
pub use self::literal::Literal;
pub use self::quarantine::{REASONS, Split};
pub use self::report::{ExpectationResult, Observed, Report, Unexpected};
pub use self::row::RowVerdict;
pub use self::run::{Run, RunOptions};
pub use self::suite::Suite;
