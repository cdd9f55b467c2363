//! Transformers with scikit-learn's names, parameters, defaults and numbers.
//!
//! A specification ([`StandardScaler`], [`OneHotEncoder`], ...) implements [`Fit`]: it learns from a table. What it
//! learnt ([`FittedStandardScaler`], ...) implements [`Transform`]: it turns tables into tables, or becomes a
//! [`Plan`] that also runs single rows. Specifications are combined by
//! [`Pipeline`] and [`ColumnTransformer`].

mod categories;
mod input;
mod inverse;
mod k_bins_discretizer;
mod min_max_scaler;
mod numeric;
mod one_hot_encoder;
mod ordinal_encoder;
mod scalar;
mod simple_imputer;
mod standard_scaler;

use std::fmt::Debug;

use mlcore::Result;
use mlcore::arrow::array::RecordBatch;
use mlcore::schema::Schema;
use serde::{Deserialize, Serialize};

pub use self::categories::{Categories, MinFrequency};
pub use self::k_bins_discretizer::{
    BinStrategy, Encode, FittedKBinsDiscretizer, KBinsDiscretizer, QuantileMethod,
};
pub use self::min_max_scaler::{FittedMinMaxScaler, MinMaxScaler};
pub use self::one_hot_encoder::{Drop, FittedOneHotEncoder, HandleUnknown, OneHotEncoder};
pub use self::ordinal_encoder::{FittedOrdinalEncoder, OrdinalEncoder};
pub use self::scalar::Scalar;
pub use self::simple_imputer::{FittedSimpleImputer, SimpleImputer, Strategy};
pub use self::standard_scaler::{FittedStandardScaler, StandardScaler};
use crate::pipeline::builder::{Column, ProgramBuilder};
use crate::pipeline::program::{Program, project};
use crate::pipeline::{ColumnTransformer, FittedColumnTransformer, FittedSteps, Pipeline, Plan, columnar};

/// A specification that learns from a table.
pub trait Fit: Debug + Send + Sync {
    /// What it becomes.
    type Fitted: Transform;

    /// Learns from every column of the table.
    ///
    /// # Errors
    /// [`Error::InvalidInput`](mlcore::Error::InvalidInput) for a table without rows or columns, parameters or values
    /// that the transformer refuses; [`Error::SchemaMismatch`](mlcore::Error::SchemaMismatch) for a column of a type
    /// that it does not take. The error names the column.
    fn fit(&self, table: &RecordBatch) -> Result<Self::Fitted>;

    /// Learns from the table and transforms it.
    ///
    /// # Errors
    /// As [`Fit::fit`] and [`Transform::transform`].
    fn fit_transform(&self, table: &RecordBatch) -> Result<(Self::Fitted, RecordBatch)> {
        let fitted = self.fit(table)?;
        let transformed = fitted.transform(table)?;
        Ok((fitted, transformed))
    }
}

/// What a specification became by learning: a pure function from tables of one schema to tables of another.
///
/// Implemented by this crate's transformers only, because a stored plan must mean the same wherever it is loaded.
pub trait Transform: Debug + Send + Sync + sealed::Sealed {
    /// The columns it reads, by name.
    ///
    /// # Errors
    /// [`Error::Corrupt`](mlcore::Error::Corrupt) for a fitted state that was stored and damaged.
    fn input(&self) -> Result<Schema>;

    /// The columns it makes.
    ///
    /// # Errors
    /// As [`Transform::input`], and [`Error::InvalidInput`](mlcore::Error::InvalidInput) when two of them have the same
    /// name.
    fn output(&self) -> Result<Schema>;

    /// The transformed table; its columns are [`output`](Transform::output). Columns are bound by name: their order is
    /// free and others are ignored. An empty table gives an empty table.
    ///
    /// # Errors
    /// [`Error::SchemaMismatch`](mlcore::Error::SchemaMismatch) for a column that is missing, of another type or null
    /// where that is not allowed; [`Error::InvalidInput`](mlcore::Error::InvalidInput) for a value that is refused, with
    /// its column and row.
    fn transform(&self, table: &RecordBatch) -> Result<RecordBatch>;

    /// Turns what [`transform`](Transform::transform) made back into columns (`inverse_transform`), as far as features
    /// tell: numbers come back as `float64` and bins as their centres, an unknown category as null, an infrequent one as
    /// the text `infrequent_sklearn` or as null. The table must have the columns of [`output`](Transform::output).
    ///
    /// # Errors
    /// [`Error::Unsupported`](mlcore::Error::Unsupported) for a [`ColumnTransformer`], and for a [`SimpleImputer`] without
    /// indicators; [`Error::SchemaMismatch`](mlcore::Error::SchemaMismatch) for a column that is missing or no number;
    /// [`Error::InvalidInput`](mlcore::Error::InvalidInput) for features that no category or bin has.
    fn inverse_transform(&self, table: &RecordBatch) -> Result<RecordBatch>;

    /// The same function as a plan: serialisable, with an executor for single rows.
    ///
    /// # Errors
    /// As [`Transform::output`].
    fn to_plan(&self) -> Result<Plan>;

    /// The names of the columns it makes (`get_feature_names_out`).
    ///
    /// # Errors
    /// As [`Transform::output`].
    fn feature_names_out(&self) -> Result<Vec<String>> {
        Ok(self.output()?.names().map(str::to_owned).collect())
    }
}

pub(crate) mod sealed {
    pub trait Sealed {}
}

/// How a fitted transformer writes itself into a program. Both executors run what stands there.
pub(crate) trait Lower {
    /// The columns it was fitted on.
    fn schema(&self) -> Result<Schema>;

    /// Appends its steps for these columns, which are those of [`schema`](Lower::schema), and returns its outputs.
    fn lower(&self, builder: &mut ProgramBuilder, columns: Vec<Column>) -> Result<Vec<Column>>;
}

/// A transformer inside a [`Pipeline`] or a [`ColumnTransformer`], not yet fitted.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug)]
pub enum Transformer {
    /// Hands its columns on.
    Passthrough,
    /// Leaves its columns out.
    Drop,
    /// A [`SimpleImputer`].
    SimpleImputer(SimpleImputer),
    /// A [`StandardScaler`].
    StandardScaler(StandardScaler),
    /// A [`MinMaxScaler`].
    MinMaxScaler(MinMaxScaler),
    /// A [`OneHotEncoder`].
    OneHotEncoder(OneHotEncoder),
    /// An [`OrdinalEncoder`].
    OrdinalEncoder(OrdinalEncoder),
    /// A [`KBinsDiscretizer`].
    KBinsDiscretizer(KBinsDiscretizer),
    /// A [`Pipeline`].
    Pipeline(Pipeline),
    /// A [`ColumnTransformer`].
    ColumnTransformer(ColumnTransformer),
}

impl Transformer {
    /// Learns from every column of the table.
    ///
    /// # Errors
    /// As [`Fit::fit`].
    pub fn fit(&self, table: &RecordBatch) -> Result<FittedTransformer> {
        Ok(match self {
            Self::Passthrough => FittedTransformer::Passthrough(Schema::from_arrow(table.schema_ref())?),
            Self::Drop => FittedTransformer::Drop,
            Self::SimpleImputer(imputer) => FittedTransformer::SimpleImputer(imputer.fit(table)?),
            Self::StandardScaler(scaler) => FittedTransformer::StandardScaler(scaler.fit(table)?),
            Self::MinMaxScaler(scaler) => FittedTransformer::MinMaxScaler(scaler.fit(table)?),
            Self::OneHotEncoder(encoder) => FittedTransformer::OneHotEncoder(encoder.fit(table)?),
            Self::OrdinalEncoder(encoder) => FittedTransformer::OrdinalEncoder(encoder.fit(table)?),
            Self::KBinsDiscretizer(bins) => FittedTransformer::KBinsDiscretizer(bins.fit(table)?),
            Self::Pipeline(pipeline) => FittedTransformer::Pipeline(pipeline.fit_steps(table)?),
            Self::ColumnTransformer(columns) => {
                FittedTransformer::ColumnTransformer(columns.fit_branches(table)?)
            }
        })
    }
}

/// A transformer that has seen its data, whichever it is.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FittedTransformer {
    /// Hands its columns on.
    Passthrough(Schema),
    /// Leaves its columns out.
    Drop,
    /// A fitted [`SimpleImputer`].
    SimpleImputer(FittedSimpleImputer),
    /// A fitted [`StandardScaler`].
    StandardScaler(FittedStandardScaler),
    /// A fitted [`MinMaxScaler`].
    MinMaxScaler(FittedMinMaxScaler),
    /// A fitted [`OneHotEncoder`].
    OneHotEncoder(FittedOneHotEncoder),
    /// A fitted [`OrdinalEncoder`].
    OrdinalEncoder(FittedOrdinalEncoder),
    /// A fitted [`KBinsDiscretizer`].
    KBinsDiscretizer(FittedKBinsDiscretizer),
    /// A fitted [`Pipeline`].
    Pipeline(FittedSteps),
    /// A fitted [`ColumnTransformer`].
    ColumnTransformer(FittedColumnTransformer),
}

impl FittedTransformer {
    pub(crate) fn lower(&self, builder: &mut ProgramBuilder, columns: Vec<Column>) -> Result<Vec<Column>> {
        match self {
            Self::Passthrough(_) => Ok(columns),
            Self::Drop => Ok(Vec::new()),
            Self::SimpleImputer(fitted) => fitted.lower(builder, columns),
            Self::StandardScaler(fitted) => fitted.lower(builder, columns),
            Self::MinMaxScaler(fitted) => fitted.lower(builder, columns),
            Self::OneHotEncoder(fitted) => fitted.lower(builder, columns),
            Self::OrdinalEncoder(fitted) => fitted.lower(builder, columns),
            Self::KBinsDiscretizer(fitted) => fitted.lower(builder, columns),
            Self::Pipeline(fitted) => fitted.lower(builder, columns),
            Self::ColumnTransformer(fitted) => fitted.lower(builder, columns),
        }
    }

    pub(crate) fn schema(&self) -> Result<Schema> {
        match self {
            Self::Passthrough(schema) => Ok(schema.clone()),
            Self::Drop => Ok(Schema::default()),
            Self::SimpleImputer(fitted) => fitted.schema(),
            Self::StandardScaler(fitted) => fitted.schema(),
            Self::MinMaxScaler(fitted) => fitted.schema(),
            Self::OneHotEncoder(fitted) => fitted.schema(),
            Self::OrdinalEncoder(fitted) => fitted.schema(),
            Self::KBinsDiscretizer(fitted) => fitted.schema(),
            Self::Pipeline(fitted) => fitted.schema(),
            Self::ColumnTransformer(fitted) => fitted.schema(),
        }
    }

    /// Transforms the columns it was fitted on; for the steps between.
    pub(crate) fn run(&self, table: &RecordBatch) -> Result<RecordBatch> {
        let schema = self.schema()?;
        let program = Program::compile(self, &schema)?;
        columnar::to_table(&program, table)
    }
}

/// The table's columns of these names.
pub(crate) fn select(table: &RecordBatch, names: &[String], operation: &'static str) -> Result<RecordBatch> {
    project(table, names, operation)
}

macro_rules! transformers {
    ($($spec:ident => $fitted:ident),+ $(,)?) => {$(
        impl From<$spec> for Transformer {
            fn from(specification: $spec) -> Self {
                Self::$spec(specification)
            }
        }

        impl From<$fitted> for FittedTransformer {
            fn from(fitted: $fitted) -> Self {
                Self::$spec(fitted)
            }
        }

        impl sealed::Sealed for $fitted {}

        impl Transform for $fitted {
            fn input(&self) -> Result<Schema> {
                self.schema()
            }

            fn output(&self) -> Result<Schema> {
                FittedTransformer::from(self.clone()).output()
            }

            fn transform(&self, table: &RecordBatch) -> Result<RecordBatch> {
                FittedTransformer::from(self.clone()).run(table)
            }

            fn inverse_transform(&self, table: &RecordBatch) -> Result<RecordBatch> {
                FittedTransformer::from(self.clone()).invert(table)
            }

            fn to_plan(&self) -> Result<Plan> {
                Plan::new(self.clone())
            }
        }
    )+};
}

transformers! {
    SimpleImputer => FittedSimpleImputer,
    StandardScaler => FittedStandardScaler,
    MinMaxScaler => FittedMinMaxScaler,
    OneHotEncoder => FittedOneHotEncoder,
    OrdinalEncoder => FittedOrdinalEncoder,
    KBinsDiscretizer => FittedKBinsDiscretizer,
    Pipeline => FittedSteps,
    ColumnTransformer => FittedColumnTransformer,
}

impl sealed::Sealed for FittedTransformer {}

impl Transform for FittedTransformer {
    fn input(&self) -> Result<Schema> {
        self.schema()
    }

    fn output(&self) -> Result<Schema> {
        let schema = self.schema()?;
        Ok(Program::compile(self, &schema)?.output)
    }

    fn transform(&self, table: &RecordBatch) -> Result<RecordBatch> {
        self.run(table)
    }

    fn inverse_transform(&self, table: &RecordBatch) -> Result<RecordBatch> {
        self.invert(table)
    }

    fn to_plan(&self) -> Result<Plan> {
        Plan::new(self.clone())
    }
}
