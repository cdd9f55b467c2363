//! What data looks like, in bounded memory: profiles of tables that add up.
//!
//! A [`Profile`] reads batches of rows once and keeps a few kilobytes of each column: how many rows, nulls, NaN and infinities
//! there are, range, moments, quantiles, distinct and frequent values, a histogram, lengths of text. Profiles of threads,
//! replicas and days are merged, sent as bytes, and compared with a reference by the tests of `mlcore-drift`.
//!
//! ```
//! use std::sync::Arc;
//!
//! use mlcore::arrow::array::{Float64Array, RecordBatch, StringArray};
//! use mlcore::profile::Profile;
//!
//! let ages = Float64Array::from(vec![Some(31.0), None, Some(45.5), Some(f64::NAN)]);
//! let plans = StringArray::from(vec!["free", "pro", "free", "free"]);
//! let batch = RecordBatch::try_from_iter([("age", Arc::new(ages) as _), ("plan", Arc::new(plans) as _)])?;
//!
//! let mut fleet = Profile::default();
//! for _ in 0..2 {
//!     // On another machine, which sends the bytes.
//!     let mut replica = Profile::default();
//!     replica.add(&batch)?;
//!     fleet.merge(&Profile::from_bytes(&replica.to_bytes())?)?;
//! }
//! let age = fleet.column("age").unwrap();
//! assert_eq!((age.rows(), age.nulls(), age.nans(), age.mean()), (8, 2, 2, Some(38.25)));
//! assert_eq!(fleet.column("plan").unwrap().frequent_items(1)[0].count, 6);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is exact, and what is within which bound
//!
//! | what | up to 1,024 distinct values | beyond |
//! |---|---|---|
//! | rows, nulls, NaN, infinities, range, histogram, given categories, lengths | exact | exact |
//! | mean, variance | exact but for their rounding | the same: sums are kept without any rounding |
//! | skewness, kurtosis | to 1e-9 where the mean is at most a million standard deviations from 0 | the same |
//! | quantiles and ranks | exact | for certain to what [`Ranks::rank_error`] says: 0.1 % of the rows, and 0.05 % more for each doubling beyond 4,096, so 0.5 % at a million and 1 % at a billion, and never more than twice that, however profiles are merged; the error itself is usually a tenth of it |
//! | distinct values | exact | a standard error of 1.6 % |
//! | frequent numbers | exact | each count to 0.5 % of the rows, for certain |
//! | frequent texts | exact | each count to 0.1 % of the rows, for certain |
//!
//! The first two rows and the registers of distinct values are [`Profile::exact_bytes`], which neither the order of rows nor
//! the tree of merges changes by a bit. The rest depends on the tree, and on nothing else: no random number is drawn, and the same
//! tree gives the same bytes.
//!
//! Nulls and NaN are counted apart and are no values. Infinities are values, but for the range and the moments. Hashes of values
//! are not secret: who chooses the values can spoil the number of distinct ones, and nothing else.

mod answers;
mod codec;
mod column;
mod distinct;
mod few;
mod frequent;
mod kind;
mod moments;
mod number;
mod numbers;
mod options;
mod quantiles;
mod ranks;
mod read;
mod sort;
mod sum;
mod summary;
mod table;
mod texts;
mod vector;

pub use self::answers::{CategoryCounts, Distinct, FrequentItem, Histogram, Lengths};
pub use self::column::ColumnProfile;
pub use self::distinct::Registers;
pub use self::kind::ColumnKind;
pub use self::options::ProfileOptions;
pub use self::ranks::Ranks;
pub use self::sum::{ExactSum, Sum, SumOfSquares};
pub use self::summary::{ColumnSummary, Summary};
pub use self::table::Profile;

const OPERATION: &str = "profile";
/// No profile counts more rows: sums of two such numbers fit into 64 bits.
const MOST_ROWS: u64 = 1 << 62;
