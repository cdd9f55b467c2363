use mlcore::arrow::array::RecordBatch;
use mlcore::schema::Schema;
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use super::{FittedStep, Plan, Step};
use crate::program::Lower;
use crate::program::builder::{Column, ProgramBuilder};
use crate::transform::{Attributes, Fit, Training, Transform, input};

/// Steps one after another: each sees what the one before it made.
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
    steps: Vec<(String, Step)>,
}

impl Pipeline {
    /// A pipeline without steps, which hands its columns on.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a step.
    #[must_use]
    pub fn then(mut self, name: impl Into<String>, step: impl Into<Step>) -> Self {
        self.steps.push((name.into(), step.into()));
        self
    }

    /// The names of the steps.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.steps.iter().map(|(name, _)| name.as_str())
    }

    /// Names and steps in order.
    pub(super) fn steps(&self) -> impl ExactSizeIterator<Item = (&str, &Step)> + DoubleEndedIterator {
        self.steps.iter().map(|(name, step)| (name.as_str(), step))
    }

    /// Refuses names of steps that cannot be told apart.
    pub(super) fn check(&self) -> Result<()> {
        check_names("fit Pipeline", &self.steps.iter().map(|(name, _)| name.as_str()))
    }

    /// Fits each step on what the one before it makes of the table.
    ///
    /// # Errors
    /// As [`Fit::learn`], and [`Error::InvalidInput`] for a step's name that is empty, occurs
    /// twice or holds `__`.
    pub fn fit<'a>(&self, training: impl Into<Training<'a>>) -> Result<Plan> {
        self.learn(&training.into())
    }

    /// The first step sees the table; a pipeline without steps hands it on.
    pub(super) fn reads(&self, column: &str) -> bool {
        self.steps.first().is_none_or(|(_, step)| step.reads(column))
    }

    /// A step behind one that cross-fits learns from the cross-fitted features, as in scikit-learn.
    pub(super) fn fit_steps(&self, training: &Training<'_>) -> Result<FittedPipeline> {
        self.fit_and_transform(training, false).map(|(fitted, _)| fitted)
    }

    pub(super) fn cross_fits(&self) -> bool {
        self.steps.iter().any(|(_, step)| step.cross_fits())
    }

    /// The fitted steps, and what they make of the training table; only if `to_the_end` what the last one makes too.
    pub(super) fn fit_and_transform(
        &self,
        training: &Training<'_>,
        to_the_end: bool,
    ) -> Result<(FittedPipeline, RecordBatch)> {
        self.check()?;
        let mut steps = Vec::with_capacity(self.steps.len());
        let mut current = training.table().clone();
        for (position, (name, step)) in self.steps.iter().enumerate() {
            let own = training.with_table(&current);
            let fitted = if to_the_end || position + 1 < self.steps.len() {
                let (fitted, transformed) = step.learn_transform(&own)?;
                current = transformed;
                fitted
            } else {
                step.learn(&own)?
            };
            steps.push(Named { name: name.clone(), transformer: fitted });
        }
        let input = match steps.first() {
            Some(first) => first.transformer.schema().clone(),
            None => input::schema_of(&current, "fit Pipeline")?,
        };
        Ok((FittedPipeline { input, steps }, current))
    }
}

impl Fit for Pipeline {
    type Fitted = Plan;

    fn learn(&self, training: &Training<'_>) -> Result<Plan> {
        Plan::new(self.fit_steps(training)?)
    }

    fn cross_fits(&self) -> bool {
        self.cross_fits()
    }

    fn learn_transform(&self, training: &Training<'_>) -> Result<(Plan, RecordBatch)> {
        let (fitted, transformed) = self.fit_and_transform(training, true)?;
        Ok((Plan::new(fitted)?, transformed))
    }
}

/// A [`Pipeline`] inside a plan.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FittedPipeline {
    input: Schema,
    steps: Vec<Named>,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    name: String,
    transformer: FittedStep,
}

impl FittedPipeline {
    /// These steps, of which the first reads `input`.
    pub(super) fn of(input: Schema, steps: impl IntoIterator<Item = (String, FittedStep)>) -> Self {
        let steps = steps.into_iter().map(|(name, transformer)| Named { name, transformer }).collect();
        Self { input, steps }
    }

    /// Names and fitted transformers in order (`named_steps`).
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &FittedStep)> + DoubleEndedIterator {
        self.steps.iter().map(|step| (step.name.as_str(), &step.transformer))
    }

    pub(super) fn steps_mut(&mut self) -> impl Iterator<Item = &mut FittedStep> {
        self.steps.iter_mut().map(|step| &mut step.transformer)
    }

    /// The fitted step of this name.
    #[must_use]
    pub fn step(&self, name: &str) -> Option<&FittedStep> {
        self.steps.iter().find(|step| step.name == name).map(|step| &step.transformer)
    }
}

impl Lower for FittedPipeline {
    fn schema(&self) -> &Schema {
        &self.input
    }

    fn lower(&self, builder: &mut ProgramBuilder, columns: Vec<Column>) -> Result<Vec<Column>> {
        self.steps.iter().try_fold(columns, |columns, step| step.transformer.lower(builder, columns))
    }
}

impl Transform for FittedPipeline {
    /// None: those of the steps are the steps' own.
    fn attributes(&self) -> Attributes {
        Attributes::new()
    }

    fn inverse_transform(&self, table: &RecordBatch) -> Result<RecordBatch> {
        let mut backwards = self.steps.iter().rev();
        backwards.try_fold(table.clone(), |table, step| step.transformer.inverse_transform(&table))
    }
}

/// Refuses what cannot be the names of steps.
pub(super) fn check_names<'a>(
    operation: &'static str,
    names: &(impl Iterator<Item = &'a str> + Clone),
) -> Result<()> {
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
