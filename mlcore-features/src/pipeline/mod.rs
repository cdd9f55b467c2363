//! Transformers combined into one plan, and the two executors that run it.
//!
//! A [`Pipeline`] applies transformers one after another, a [`ColumnTransformer`] beside each other on named columns.
//! Fitting either gives a [`Plan`]: a typed, content-hashed, serialisable plan. It transforms whole tables
//! ([`Plan::transform`], [`Plan::transform_dense`]) and single rows ([`RowExecutor`]); both run the
//! same kernels and give the same bits.

pub(crate) mod bind;
pub(crate) mod builder;
mod column_transformer;
pub(crate) mod columnar;
pub(crate) mod exact;
pub(crate) mod kernel;
pub(crate) mod lookup;
mod plan;
pub(crate) mod program;
mod row;
mod sink;
mod vector;

use mlcore::arrow::array::RecordBatch;
use mlcore::schema::Schema;
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use self::builder::{Column, ProgramBuilder};
pub use self::column_transformer::{ColumnTransformer, FittedColumnTransformer, Remainder};
pub use self::plan::Plan;
pub use self::row::{Output, RowExecutor};
use crate::transform::{FittedTransformer, Lower, Transformer};

/// Transformers one after another: each sees what the one before it made.
///
/// ```
/// use mlcore_features::pipeline::Pipeline;
/// use mlcore_features::transform::{MinMaxScaler, StandardScaler};
///
/// let pipeline = Pipeline::new().then("scale", StandardScaler::default()).then("clip", MinMaxScaler::default());
/// assert_eq!(pipeline.names().collect::<Vec<_>>(), ["scale", "clip"]);
/// ```
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Pipeline {
    steps: Vec<(String, Transformer)>,
}

impl Pipeline {
    /// A pipeline without steps, which hands its columns on.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a step.
    #[must_use]
    pub fn then(mut self, name: impl Into<String>, step: impl Into<Transformer>) -> Self {
        self.steps.push((name.into(), step.into()));
        self
    }

    /// The names of the steps.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.steps.iter().map(|(name, _)| name.as_str())
    }

    /// Fits each step on what the one before it makes of the table.
    ///
    /// # Errors
    /// As [`Fit::fit`](crate::transform::Fit::fit), and [`Error::InvalidInput`] for a step's name that is empty, occurs
    /// twice or holds `__`.
    pub fn fit(&self, table: &RecordBatch) -> Result<Plan> {
        Plan::new(self.fit_steps(table)?)
    }

    pub(crate) fn fit_steps(&self, table: &RecordBatch) -> Result<FittedSteps> {
        check_names("fit Pipeline", &self.steps.iter().map(|(name, _)| name.as_str()))?;
        let mut steps = Vec::with_capacity(self.steps.len());
        let mut current = table.clone();
        for (position, (name, step)) in self.steps.iter().enumerate() {
            let fitted = step.fit(&current)?;
            if position + 1 < self.steps.len() {
                current = fitted.run(&current)?;
            }
            steps.push(FittedStep { name: name.clone(), transformer: fitted });
        }
        let input = match steps.first() {
            Some(first) => first.transformer.schema()?,
            None => Schema::from_arrow(table.schema_ref())?,
        };
        Ok(FittedSteps { input, steps })
    }
}

impl crate::transform::Fit for Pipeline {
    type Fitted = Plan;

    fn fit(&self, table: &RecordBatch) -> Result<Plan> {
        Self::fit(self, table)
    }
}

/// A [`Pipeline`] inside a plan.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FittedSteps {
    input: Schema,
    steps: Vec<FittedStep>,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FittedStep {
    name: String,
    transformer: FittedTransformer,
}

impl FittedSteps {
    /// Names and fitted transformers in order (`named_steps`).
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &FittedTransformer)> + DoubleEndedIterator {
        self.steps.iter().map(|step| (step.name.as_str(), &step.transformer))
    }

    /// The fitted step of this name.
    #[must_use]
    pub fn step(&self, name: &str) -> Option<&FittedTransformer> {
        self.steps.iter().find(|step| step.name == name).map(|step| &step.transformer)
    }
}

impl Lower for FittedSteps {
    fn schema(&self) -> Result<Schema> {
        Ok(self.input.clone())
    }

    fn lower(&self, builder: &mut ProgramBuilder, columns: Vec<Column>) -> Result<Vec<Column>> {
        self.steps.iter().try_fold(columns, |columns, step| step.transformer.lower(builder, columns))
    }
}

/// Are these usable as the names of steps?
fn check_names<'a>(operation: &'static str, names: &(impl Iterator<Item = &'a str> + Clone)) -> Result<()> {
    for (position, name) in names.clone().enumerate() {
        let problem = if name.is_empty() {
            "a step's name is empty"
        } else if name.contains("__") {
            "a step's name must not contain __, which separates it from a column's"
        } else if names.clone().take(position).any(|earlier| earlier == name) {
            "two steps have this name"
        } else {
            continue;
        };
        return Err(Error::invalid_input(operation, name, problem));
    }
    Ok(())
}
