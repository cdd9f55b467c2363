#![doc = include_str!("../README.md")]
//!
//! # The nouns
//!
//! - A *specification* ([`transform::Fit`]): what to learn, with scikit-learn's parameters.
//! - A *fitted transformer* ([`transform::Transform`]): what was learnt, with scikit-learn's attributes.
//! - A *plan* ([`pipeline::Plan`]): the whole function from raw columns to features; a value with a digest.
//! - An *executor*: [`pipeline::RowExecutor`] runs one row, [`pipeline::SparseRowExecutor`] one of which most is zero, and
//!   [`pipeline::Plan::transform`] and its siblings run tables. All interpret the same program with the same kernels, and a property test on random plans and data holds
//!   them equal bit for bit, errors included.
//! - A *bound plan* ([`typed::Bound`]): a plan that reads rows of one Rust struct, by place.
//!
//! What a row cannot tell, because it lies in other rows (lags, windows of time), is added to tables before a plan sees them:
//! [`window`].
//!
//! # Missing values
//!
//! scikit-learn has one missing value, NaN. Arrow has null, and a NaN that is a value. This is what each step makes of
//! them; *missing* means either.
//!
//! | step | null | NaN |
//! |---|---|---|
//! | `SimpleImputer`, `KNNImputer`, `IterativeImputer` | replaced | replaced |
//! | `MissingIndicator` | 1 | 1 |
//! | `StandardScaler` and the other scalers of columns, `PowerTransformer`, `QuantileTransformer`, `Winsorizer` | ignored by `fit`, becomes NaN | ignored by `fit`, stays NaN |
//! | `FunctionTransformer` | what the function makes of NaN; refused with `validate` | the same |
//! | `SplineTransformer` | refused, or zeros with `handle_missing` | the same |
//! | `OneHotEncoder` | a category, the last, named `nan`, where `fit` saw a missing value; else unknown | the same |
//! | `OrdinalEncoder` | `encoded_missing_value` where `fit` saw a missing value; else unknown | the same |
//! | `TargetEncoder`, `CountEncoder`, `WOEEncoder`, `JamesSteinEncoder`, `LeaveOneOutEncoder` | a category where `fit` saw a missing value, else unknown; `handle_missing` of the last four says otherwise | the same |
//! | `RareLabelEncoder` | refused, or stays missing with `missing_values` | the same |
//! | `EmbeddingLookup` | refused, or NaN, zeros or the mean with `handle_missing` | the same |
//! | `HashedCrossing` | a value of its own; NaN or refused with `handle_missing` | the same |
//! | `DerivedColumns` | as [`expression`] tells | the same |
//! | `VarianceThreshold` | ignored by `fit`, handed on | the same |
//! | `FeatureHasher` | adds nothing | adds nothing |
//! | a [function of the host](transform::custom) | what the function makes of it: NaN, or a text that is `None` | the same |
//! | `DatetimeFeatures`, `TimeSince` | refused, or NaN with `missing_values` | |
//! | `Normalizer`, `KBinsDiscretizer`, `Binarizer`, `PolynomialFeatures`, `SelectKBest`, `PCA`, `TruncatedSVD`, `CyclicalFeatures`, `GeoDistanceFeatures`, and the vectorizers of text | refused | refused |
//! | passing through | stays null; NaN in a dense matrix | stays NaN |
//!
//! A column of a plan's input is nullable where the training table's was, and where its first step is an imputer or an
//! encoder, which have an answer to null. A null elsewhere is an error that names the column and the row. Where nothing
//! imputes, the model is given NaN, never a zero. A column of Arrow's type `Null` is one of missing values.
//!
//! Infinities are no missing values: every numeric step and encoder refuses them, as scikit-learn does, but for a
//! `FunctionTransformer` without `validate`, for functions of the host, and for expressions, which compute with them as IEEE
//! 754 does.
//!
//! # Numbers
//!
//! Everything is computed as `f64`: integers, bools and narrower floats are widened once, where they are read, and a
//! result is rounded once where `f32` is asked for. (scikit-learn computes `float32` columns in `float32`.) Integers past
//! 2^53 are rounded by numeric steps; as categories, most frequent values and constants they are exact. NaN leaves with
//! one bit pattern.
//!
//! A column must have the type that it had when fitting, or one whose values the type holds without loss: `int32` where
//! `float64` was, and `int64` too while its values stay within 2^53; a wider float is rounded. Text may come in any of
//! Arrow's layouts, dictionaries included: values are compared, never codes.
//!
//! Decimals are numbers: each is the float64 that is written with its digits, which all of up to 15 digits have; one that would
//! have to be rounded is refused. Structs and lists of fixed length are columns by [`nested::flatten`]; lists of any length, bytes,
//! durations and intervals are refused by name.
//!
//! Where this differs from scikit-learn 1.9: results are dense unless they are asked for sparse; an empty table is transformed
//! into an empty one; integer columns with nulls stay integers in encoders and for most frequent values and constants (they
//! are floats in a pandas frame); an unseeded subsample of `KBinsDiscretizer`, and the noise of unseeded mutual information, are those of
//! seed 0.
//!
//! # Features
//!
//! | feature | adds |
//! |---|---|
//! | `conformance` | the contracts of `Fit` and `Transform` as test suites |
//! | `parquet` | files of Parquet as a source of batches ([`pipeline::ParquetFiles`]) and of feature rows ([`store::offline::ParquetTable`]) |
//! | `derive` | `#[derive(Features)]`: Rust structs as rows of a plan ([`typed`]) |
//! | `offline` | frames and lazy queries of polars, to fit on and to transform (the module `offline`); wants Rust 1.95 |
//! | `validate` | expectations of tables and of single rows ([`validate`]) |
//! | `sqlite` | the registry of a feature store's definitions in one SQLite file ([`store::registry`]) |
//! | `toml` | a feature store's definitions as TOML ([`store::definition`]) |
//! | `embedded` | the online store in a file of the machine ([`store::online::EmbeddedStore`]) |
//! | `redis` | the online store on a Redis server ([`store::online::RedisStore`]) |
//! | `redis-tls` | the same by TLS, `rediss://` |
//! | `cache` | a cache in front of an online store ([`store::online::CachedStore`]) |
//! | `spill` | sources of a join in temporary files, where it goes on in parts (`PointInTimeJoin::with_spill_folder`) |
//! | `postgres` | queries of a PostgreSQL server as feature rows (`store::offline::PostgresQuery`) |
//! | `object-store` | tables of Parquet in buckets as feature rows (`store::offline::ParquetTable`) |
//! | `full` | all but `offline`, which takes minutes to build, `postgres` and `object-store`, whose clients have runtimes in threads of their own, and `redis-tls`, which wants a compiler of C |

#[cfg(feature = "conformance")]
pub mod conformance;
pub mod expression;
/// Which decimals a float stands for: for the bindings of other languages, which read decimals of their own.
#[doc(hidden)]
pub mod decimal {
    pub use crate::program::decimal::{TOLD_APART, is_written_with};
}
mod graph;
pub mod nested;
#[cfg(feature = "offline")]
pub mod offline;
pub mod onnx;
pub mod pipeline;
mod program;
pub mod store;
pub mod transform;
pub mod typed;
#[cfg(feature = "validate")]
pub mod validate;
pub mod window;
