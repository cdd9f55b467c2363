//! Transformers combined into one plan.
//!
//! A [`Pipeline`] applies steps one after another, a [`ColumnTransformer`] beside each other on named columns; a [`Step`]
//! is a transformer or one of these. Fitting gives a [`Plan`]: a typed, content-hashed, serialisable function. It
//! transforms whole tables ([`Plan::transform`], [`Plan::transform_dense`]) and single rows ([`RowExecutor`]); both run
//! the same kernels and give the same bits.

mod column_transformer;
mod custom;
mod diff;
mod drawing;
mod foreign;
mod plan;
mod sequence;
mod step;

pub use self::column_transformer::{ColumnTransformer, FittedColumnTransformer, Remainder};
pub use self::diff::{PlanChange, PlanDiff};
pub use self::plan::Plan;
pub use self::sequence::{FittedPipeline, Pipeline};
pub use self::step::{FittedStep, Step};
pub use crate::program::row::{Output, RowExecutor};
