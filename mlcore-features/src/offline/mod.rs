//! Frames of polars in and out: what is fitted, and transformed, where data is prepared.
//!
//! Needs the feature `offline`, which brings polars 0.55 with its lazy queries and its types of columns, and none of its readers
//! and writers of files. A program that reads files with polars depends on `polars` itself and switches their features on; the frames
//! are the same, as long as both are of one version ([`polars`] is it). polars changes its interface several times a year: a newer
//! version of it is a minor release here.
//!
//! ```
//! use mlcore_features::offline::polars::prelude::*;
//! use mlcore_features::pipeline::{ColumnTransformer, Pipeline};
//! use mlcore_features::transform::{OneHotEncoder, SimpleImputer, StandardScaler};
//!
//! let customers = df!(
//!     "age" => [Some(20.0), None, Some(60.0)],
//!     "plan" => ["free", "pro", "free"],
//!     "note" => ["nobody reads", "these", "words"],
//! )?;
//! let numbers = Pipeline::new().then("impute", SimpleImputer::default()).then("scale", StandardScaler::default());
//! let columns = ColumnTransformer::new()
//!     .with("num", numbers, ["age"])
//!     .with("cat", OneHotEncoder::default(), ["plan"]);
//!
//! // Fitted on a query, of which the columns that are learnt from are collected, and no other.
//! let query = customers.clone().lazy().filter(col("age").is_null().or(col("age").gt(lit(18.0))));
//! let plan = columns.fit_batches(&query)?;
//!
//! // A frame is transformed at once, and a query when it is collected.
//! let features = plan.transform_frame(&customers)?;
//! assert_eq!(features.get_column_names(), ["num__age", "cat__plan_free", "cat__plan_pro"]);
//! let later = plan.transform_lazy(query)?.filter(col("cat__plan_pro").eq(lit(1.0))).collect()?;
//! assert_eq!(later.height(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! - [`Plan::transform_frame`](crate::pipeline::Plan::transform_frame) and
//!   [`Plan::transform_lazy`](crate::pipeline::Plan::transform_lazy) run a plan, as does
//!   [`OnThreads::transform_frame`](crate::pipeline::OnThreads::transform_frame).
//! - A frame, a query and a query that is [`Collected`] once are sources of [`Batches`](crate::pipeline::Batches) for `fit_batches`.
//! - [`to_batches`], [`to_table`], [`from_batches`] and [`from_table`] hand tables over, for everything else: a transformer that needs all rows
//!   is fitted on `to_table(&frame)`, and [`nested::flatten`](crate::nested::flatten) takes such a table apart.
//! - [`LazyTable`](crate::store::offline::LazyTable) makes a query a source of a point-in-time join, whose answer is a query again by
//!   [`Joined::into_lazy`](crate::store::offline::Joined::into_lazy).
//!
//! # What becomes of which type
//!
//! Columns cross by Arrow's C interface: numbers, texts and the bits of missing values stay where they lie, unless the table says
//! otherwise. A null stays a null and a NaN a NaN, with its bits. Every other type is refused, with the name of its column.
//!
//! | polars | Arrow | and back |
//! |---|---|---|
//! | `Boolean`, `Int8` to `Int64`, `UInt8` to `UInt64`, `Float16` to `Float64` | the same | the same |
//! | `String` | `Utf8View` | `Utf8` and `LargeUtf8` too, to which views are made |
//! | `Binary` | `BinaryView` | `Binary` and `LargeBinary` too |
//! | `Categorical`, `Enum` | a dictionary of its codes with `Utf8View`: as they lie where the column has as many rows as there are categories, or else those that it has, counted anew | a `Categorical` of polars' global categories, with the words that rows have; a dictionary of anything but text is taken out |
//! | `Date` | `Date32` | `Date64` too |
//! | `Time` | `Time64`, nanoseconds | any unit; a time beyond the day is refused |
//! | `Datetime` | `Timestamp` in its unit and zone | seconds become milliseconds |
//! | `Duration` | `Duration` in its unit | seconds become milliseconds |
//! | `Decimal` | `Decimal128` | `Decimal32` and `Decimal64` too; a negative scale is refused |
//! | `Null` | `Null` | the same |
//! | `List`, `Array`, `Struct` | `LargeList`, `FixedSizeList`, `Struct` | `List` too |
//! | `Int128`, `UInt128`, `Object`, arrays of width 0, structs without fields | refused | refused, as are 256-bit decimals, intervals, maps, unions, views of lists and run ends |
//!
//! A plan reads fewer types than cross: it names the column that it does not take.
//!
//! # Threads
//!
//! A plan runs on the thread that calls it, or on as many as [`Plan::on_threads`](crate::pipeline::Plan::on_threads) is told. Collecting a query,
//! and so fitting on one, runs on the threads of polars, a pool of the process with a thread for each processor that the environment
//! variable `POLARS_MAX_THREADS` limits. A plan inside a query runs on one of them. Neither looks at [`interrupt`](mlcore::interrupt) until polars is done.

mod categories;
mod collect;
mod exchange;
mod export;
mod import;
mod plan;
mod refusal;
mod types;

/// The version of polars whose frames are taken.
pub use ::polars;

pub use self::collect::Collected;
pub use self::export::{to_batches, to_table};
pub use self::import::{from_batches, from_table};
pub(crate) use self::refusal::meant;
