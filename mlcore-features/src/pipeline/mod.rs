//! Transformers combined into one plan.
//!
//! A [`Pipeline`] applies steps one after another, a [`ColumnTransformer`] beside each other on named columns, a
//! [`FeatureUnion`] beside each other on all columns; a [`Step`] is a transformer or one of these. Fitting gives a [`Plan`]: a typed, content-hashed, serialisable function. It
//! transforms whole tables ([`Plan::transform`], [`Plan::transform_dense`], [`Plan::transform_sparse`]; on several threads by
//! [`Plan::on_threads`]) and single rows ([`RowExecutor`]); both run the same kernels and give the same bits.
//!
//! What is larger than memory is fitted in batches ([`Batched`]), from any source that implements [`Batches`].

mod batches;
mod column_transformer;
mod custom;
mod diff;
mod drawing;
mod feature_union;
mod foreign;
mod plan;
mod sequence;
mod step;
mod threads;

#[cfg(feature = "parquet")]
pub use self::batches::ParquetFiles;
pub use self::batches::{BatchStream, Batched, Batches, Reader, Reopened};
pub use self::column_transformer::{ColumnTransformer, FittedColumnTransformer, Remainder};
pub use self::diff::{PlanChange, PlanDiff};
pub use self::feature_union::{FeatureUnion, FittedFeatureUnion};
pub use self::plan::Plan;
pub use self::sequence::{FittedPipeline, Pipeline};
pub use self::step::{FittedStep, Step};
pub use self::threads::OnThreads;
pub use crate::program::csr::Csr;
pub use crate::program::output::Output;
pub use crate::program::row::RowExecutor;
pub use crate::program::sparse_row::{SparseRow, SparseRowExecutor};
