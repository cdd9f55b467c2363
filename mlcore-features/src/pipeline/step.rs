use std::sync::LazyLock;

use mlcore::arrow::array::RecordBatch;
use mlcore::schema::Schema;
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use super::{
    ColumnTransformer, FeatureUnion, FittedColumnTransformer, FittedFeatureUnion, FittedPipeline, Pipeline,
    Plan,
};
use crate::program::Lower;
use crate::program::builder::{Column, ProgramBuilder};
use crate::transform::custom::{CustomTransformer, FittedCustomTransformer};
use crate::transform::{
    Attributes, Fit, FittedTransformer, Training, Transform, Transformer, input, inverse,
};

/// What a [`Pipeline`], a [`ColumnTransformer`] and a [`FeatureUnion`] are made of, not yet fitted.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug)]
pub enum Step {
    /// Hands its columns on.
    Passthrough,
    /// Leaves its columns out.
    Drop,
    /// One transformer.
    Transformer(Transformer),
    /// Steps one after another.
    Pipeline(Pipeline),
    /// Steps beside each other, each on columns of its own.
    ColumnTransformer(ColumnTransformer),
    /// Steps beside each other, each on all columns.
    FeatureUnion(FeatureUnion),
    /// A function of the host.
    Function(CustomTransformer),
}

impl Step {
    /// Says whether fitting looks at the values of the column of this name, where a table has one. Others need only be there,
    /// in whatever type.
    ///
    /// ```
    /// use mlcore_features::pipeline::{ColumnTransformer, Step};
    /// use mlcore_features::transform::StandardScaler;
    ///
    /// let step: Step = ColumnTransformer::new().with("scale", StandardScaler::default(), ["age"]).into();
    /// assert!(step.reads("age") && !step.reads("photo"));
    /// ```
    #[must_use]
    pub fn reads(&self, column: &str) -> bool {
        match self {
            Self::Passthrough | Self::Transformer(_) | Self::Function(_) => true,
            Self::Drop => false,
            Self::Pipeline(pipeline) => pipeline.reads(column),
            Self::ColumnTransformer(columns) => columns.reads(column),
            Self::FeatureUnion(union) => union.reads(column),
        }
    }
}

impl<T: Into<Transformer>> From<T> for Step {
    fn from(transformer: T) -> Self {
        Self::Transformer(transformer.into())
    }
}

impl From<Pipeline> for Step {
    fn from(pipeline: Pipeline) -> Self {
        Self::Pipeline(pipeline)
    }
}

impl From<ColumnTransformer> for Step {
    fn from(columns: ColumnTransformer) -> Self {
        Self::ColumnTransformer(columns)
    }
}

impl From<FeatureUnion> for Step {
    fn from(union: FeatureUnion) -> Self {
        Self::FeatureUnion(union)
    }
}

impl From<CustomTransformer> for Step {
    fn from(function: CustomTransformer) -> Self {
        Self::Function(function)
    }
}

impl Fit for Step {
    type Fitted = FittedStep;

    fn learn(&self, training: &Training<'_>) -> Result<FittedStep> {
        Ok(match self {
            Self::Passthrough => {
                FittedStep::Passthrough(input::schema_of(training.table(), "fit passthrough")?)
            }
            Self::Drop => FittedStep::Drop,
            Self::Transformer(transformer) => FittedStep::Transformer(transformer.learn(training)?),
            Self::Pipeline(pipeline) => FittedStep::Pipeline(pipeline.fit_steps(training)?),
            Self::ColumnTransformer(columns) => {
                FittedStep::ColumnTransformer(columns.fit_branches(training)?)
            }
            Self::FeatureUnion(union) => FittedStep::FeatureUnion(union.fit_steps(training)?),
            Self::Function(function) => FittedStep::Function(function.learn(training)?),
        })
    }

    fn cross_fits(&self) -> bool {
        match self {
            Self::Passthrough | Self::Drop | Self::Function(_) => false,
            Self::Transformer(transformer) => transformer.cross_fits(),
            Self::Pipeline(pipeline) => pipeline.cross_fits(),
            Self::ColumnTransformer(columns) => columns.cross_fits(),
            Self::FeatureUnion(union) => union.cross_fits(),
        }
    }

    fn learn_transform(&self, training: &Training<'_>) -> Result<(FittedStep, RecordBatch)> {
        Ok(match self {
            Self::Passthrough | Self::Drop | Self::Function(_) => {
                let fitted = self.learn(training)?;
                let transformed = fitted.transform(training.table())?;
                (fitted, transformed)
            }
            Self::Transformer(transformer) => {
                let (fitted, transformed) = transformer.learn_transform(training)?;
                (fitted.into(), transformed)
            }
            Self::Pipeline(pipeline) => {
                let (fitted, transformed) = pipeline.fit_and_transform(training, true)?;
                (fitted.into(), transformed)
            }
            Self::ColumnTransformer(columns) => {
                let (fitted, transformed) = columns.fit_and_transform(training)?;
                (fitted.into(), transformed)
            }
            Self::FeatureUnion(union) => {
                let (fitted, transformed) = union.fit_and_transform(training)?;
                (fitted.into(), transformed)
            }
        })
    }
}

/// A [`Step`] that has seen its data: what a [`Plan`] stores.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum FittedStep {
    /// Hands its columns on.
    Passthrough(Schema),
    /// Leaves its columns out.
    Drop,
    /// One fitted transformer.
    Transformer(FittedTransformer),
    /// A fitted [`Pipeline`].
    Pipeline(FittedPipeline),
    /// A fitted [`ColumnTransformer`].
    ColumnTransformer(FittedColumnTransformer),
    /// A fitted [`FeatureUnion`].
    FeatureUnion(FittedFeatureUnion),
    /// A function of the host, and what it learnt.
    Function(FittedCustomTransformer),
}

impl<T: Into<FittedTransformer>> From<T> for FittedStep {
    fn from(fitted: T) -> Self {
        Self::Transformer(fitted.into())
    }
}

impl From<FittedPipeline> for FittedStep {
    fn from(fitted: FittedPipeline) -> Self {
        Self::Pipeline(fitted)
    }
}

impl From<FittedColumnTransformer> for FittedStep {
    fn from(fitted: FittedColumnTransformer) -> Self {
        Self::ColumnTransformer(fitted)
    }
}

impl From<FittedFeatureUnion> for FittedStep {
    fn from(fitted: FittedFeatureUnion) -> Self {
        Self::FeatureUnion(fitted)
    }
}

impl From<FittedCustomTransformer> for FittedStep {
    fn from(fitted: FittedCustomTransformer) -> Self {
        Self::Function(fitted)
    }
}

impl From<Plan> for FittedStep {
    fn from(plan: Plan) -> Self {
        plan.step().clone()
    }
}

/// What [`FittedStep::Drop`] reads.
static NO_COLUMNS: LazyLock<Schema> = LazyLock::new(Schema::default);

impl Lower for FittedStep {
    fn schema(&self) -> &Schema {
        match self {
            Self::Passthrough(schema) => schema,
            Self::Drop => &NO_COLUMNS,
            Self::Transformer(fitted) => fitted.schema(),
            Self::Pipeline(fitted) => fitted.schema(),
            Self::ColumnTransformer(fitted) => fitted.schema(),
            Self::FeatureUnion(fitted) => fitted.schema(),
            Self::Function(fitted) => fitted.schema(),
        }
    }

    fn lower(&self, builder: &mut ProgramBuilder, columns: Vec<Column>) -> Result<Vec<Column>> {
        match self {
            Self::Passthrough(_) => Ok(columns),
            Self::Drop => Ok(Vec::new()),
            Self::Transformer(fitted) => fitted.lower(builder, columns),
            Self::Pipeline(fitted) => fitted.lower(builder, columns),
            Self::ColumnTransformer(fitted) => fitted.lower(builder, columns),
            Self::FeatureUnion(fitted) => fitted.lower(builder, columns),
            Self::Function(fitted) => fitted.lower(builder, columns),
        }
    }
}

impl Transform for FittedStep {
    fn attributes(&self) -> Attributes {
        match self {
            Self::Passthrough(_) | Self::Drop => Attributes::new(),
            Self::Transformer(fitted) => fitted.attributes(),
            Self::Pipeline(fitted) => fitted.attributes(),
            Self::ColumnTransformer(fitted) => fitted.attributes(),
            Self::FeatureUnion(fitted) => fitted.attributes(),
            Self::Function(fitted) => fitted.attributes(),
        }
    }

    fn inverse_transform(&self, table: &RecordBatch) -> Result<RecordBatch> {
        match self {
            Self::Passthrough(_) => Ok(table.clone()),
            Self::Drop => Err(irreversible("Drop")),
            Self::Transformer(fitted) => fitted.inverse_transform(table),
            Self::Pipeline(fitted) => fitted.inverse_transform(table),
            Self::ColumnTransformer(fitted) => fitted.inverse_transform(table),
            Self::FeatureUnion(fitted) => fitted.inverse_transform(table),
            Self::Function(fitted) => fitted.inverse_transform(table),
        }
    }
}

/// The error of a step that has no inverse.
pub(super) fn irreversible(step: &'static str) -> Error {
    Error::unsupported(
        inverse::OPERATION,
        step,
        "columns that were dropped or used twice cannot be brought back",
    )
    .remedy("invert the transformers inside one by one")
}
