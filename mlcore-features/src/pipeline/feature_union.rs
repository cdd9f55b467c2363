use std::sync::Arc;

use mlcore::arrow::array::{ArrayRef, Float64Array, RecordBatch};
use mlcore::arrow::datatypes::Schema as ArrowSchema;
use mlcore::batch::ColumnView;
use mlcore::schema::{DType, Schema};
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use super::column_transformer::{by_name, merged_input, own_columns, prefixed};
use super::sequence::check_names;
use super::step::irreversible;
use super::{FittedStep, Plan, Step};
use crate::program::Lower;
use crate::program::builder::{Column, ProgramBuilder};
use crate::program::kernel::{Kernel, canonical};
use crate::transform::{Attributes, Fit, Training, Transform, made_by};

/// Steps beside each other, each on all columns; their outputs stand in the order of the steps.
///
/// Names of features begin with that of their step and `__`. A weight multiplies the numbers that a step makes.
///
/// Source: scikit-learn, `FeatureUnion`.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{Float64Array, RecordBatch};
/// use mlcore_features::pipeline::FeatureUnion;
/// use mlcore_features::transform::{MinMaxScaler, StandardScaler};
///
/// let ages = Arc::new(Float64Array::from(vec![20.0, 40.0]));
/// let table = RecordBatch::try_from_iter([("age", ages as _)]).unwrap();
/// let plan = FeatureUnion::new()
///     .with("standard", StandardScaler::default())
///     .with("range", MinMaxScaler::default())
///     .weight("range", 10.0)
///     .fit(&table)?;
/// assert_eq!(plan.feature_names_out(), ["standard__age", "range__age"]);
/// assert_eq!(plan.transform_dense::<f64>(&table)?.values::<f64>()?, [-1.0, 0.0, 1.0, 10.0]);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, PartialEq, Debug)]
pub struct FeatureUnion {
    steps: Vec<(String, Step)>,
    weights: Vec<(String, f64)>,
    verbose_feature_names_out: bool,
}

impl Default for FeatureUnion {
    fn default() -> Self {
        Self { steps: Vec::new(), weights: Vec::new(), verbose_feature_names_out: true }
    }
}

const OPERATION: &str = "fit FeatureUnion";

impl FeatureUnion {
    /// One without steps, which cannot be fitted.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a step (`transformer_list`).
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, step: impl Into<Step>) -> Self {
        self.steps.push((name.into(), step.into()));
        self
    }

    /// Sets what the numbers of the step of this name are multiplied by (`transformer_weights`). Steps without a weight are left as
    /// they are; the last of several weights of a name counts.
    #[must_use]
    pub fn weight(mut self, name: impl Into<String>, weight: f64) -> Self {
        self.weights.push((name.into(), weight));
        self
    }

    /// Sets whether the names of features begin with that of their step and `__`. Default `true`.
    #[must_use]
    pub fn verbose_feature_names_out(mut self, verbose_feature_names_out: bool) -> Self {
        self.verbose_feature_names_out = verbose_feature_names_out;
        self
    }

    /// Fits each step on all columns.
    ///
    /// # Errors
    /// As [`Fit::learn`], and [`Error::InvalidInput`] for a union without steps, a step's name that is empty, occurs twice or holds
    /// `__`, a weight of a name that no step has, and a weight that is not finite; [`Error::SchemaMismatch`] for a
    /// weight of a step that makes a column of no numbers.
    pub fn fit<'a>(&self, training: impl Into<Training<'a>>) -> Result<Plan> {
        self.learn(&training.into())
    }

    pub(super) fn reads(&self, column: &str) -> bool {
        self.steps.iter().any(|(_, step)| step.reads(column))
    }

    pub(super) fn cross_fits(&self) -> bool {
        self.steps.iter().any(|(_, step)| step.cross_fits())
    }

    pub(super) fn fit_steps(&self, training: &Training<'_>) -> Result<FittedFeatureUnion> {
        self.fit_each(training, &mut |step, _| step.learn(training))
    }

    /// The fitted steps, and what they make of the training table, side by side.
    pub(super) fn fit_and_transform(
        &self,
        training: &Training<'_>,
    ) -> Result<(FittedFeatureUnion, RecordBatch)> {
        if !self.cross_fits() {
            let fitted = self.fit_steps(training)?;
            let transformed = fitted.transform(training.table())?;
            return Ok((fitted, transformed));
        }
        let mut columns = Vec::new();
        let fitted = self.fit_each(training, &mut |step, weight| {
            let (fitted, transformed) = step.learn_transform(training)?;
            match weight {
                Some(weight) => {
                    for (column, field) in transformed.columns().iter().zip(transformed.schema_ref().fields())
                    {
                        columns.push(weighted(column, field.name(), weight)?);
                    }
                }
                None => columns.extend_from_slice(transformed.columns()),
            }
            Ok(fitted)
        })?;
        let transformed = made_by(&fitted, columns, training.table().num_rows())?;
        Ok((fitted, transformed))
    }

    fn fit_each(
        &self,
        training: &Training<'_>,
        fit: &mut dyn FnMut(&Step, Option<f64>) -> Result<FittedStep>,
    ) -> Result<FittedFeatureUnion> {
        self.check()?;
        let fitted = self.steps.iter().map(|(name, step)| fit(step, self.weight_of(name)));
        let fitted = fitted.collect::<Result<_>>()?;
        self.assembled(training.table().schema_ref(), fitted)
    }

    fn weight_of(&self, name: &str) -> Option<f64> {
        self.weights.iter().rev().find(|(own, _)| own == name).map(|(_, weight)| *weight)
    }

    pub(super) fn steps(&self) -> impl ExactSizeIterator<Item = &Step> {
        self.steps.iter().map(|(_, step)| step)
    }

    /// The fitted steps, one for each of these, of a table with these columns.
    pub(super) fn assembled(
        &self,
        schema: &ArrowSchema,
        fitted: Vec<FittedStep>,
    ) -> Result<FittedFeatureUnion> {
        let branch = |((name, _), transformer): (&(String, Step), FittedStep)| Branch {
            name: name.clone(),
            weight: self.weight_of(name),
            transformer,
        };
        let branches: Vec<Branch> = self.steps.iter().zip(fitted).map(branch).collect();
        let steps: Vec<&FittedStep> = branches.iter().map(|branch| &branch.transformer).collect();
        let input = merged_input(schema, &steps)?;
        let verbose_feature_names_out = self.verbose_feature_names_out;
        Ok(FittedFeatureUnion { verbose_feature_names_out, input, branches })
    }

    pub(super) fn check(&self) -> Result<()> {
        if self.steps.is_empty() {
            return Err(Error::invalid_input(OPERATION, "transformer_list", "it has no transformers")
                .remedy("add a transformer, or passthrough"));
        }
        check_names(OPERATION, &self.steps.iter().map(|(name, _)| name.as_str()))?;
        for (name, weight) in &self.weights {
            let problem = if !weight.is_finite() {
                format!("the weight of {name} is {weight}, which is no finite number")
            } else if !self.steps.iter().any(|(own, _)| own == name) {
                format!("there is a weight of {name}, and no transformer of this name")
            } else {
                continue;
            };
            return Err(Error::invalid_input(OPERATION, "transformer_weights", problem)
                .remedy("give finite weights by the names of the transformers"));
        }
        Ok(())
    }
}

impl Fit for FeatureUnion {
    type Fitted = Plan;

    fn learn(&self, training: &Training<'_>) -> Result<Plan> {
        Plan::new(self.fit_steps(training)?)
    }

    fn cross_fits(&self) -> bool {
        self.cross_fits()
    }

    fn learn_transform(&self, training: &Training<'_>) -> Result<(Plan, RecordBatch)> {
        let (fitted, transformed) = self.fit_and_transform(training)?;
        Ok((Plan::new(fitted)?, transformed))
    }
}

/// A [`FeatureUnion`] inside a plan.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FittedFeatureUnion {
    verbose_feature_names_out: bool,
    input: Schema,
    branches: Vec<Branch>,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Branch {
    name: String,
    weight: Option<f64>,
    transformer: FittedStep,
}

impl FittedFeatureUnion {
    /// Names, fitted steps and weights in order (`transformer_list`, `transformer_weights`).
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &FittedStep, Option<f64>)> {
        self.branches.iter().map(|branch| (branch.name.as_str(), &branch.transformer, branch.weight))
    }

    pub(super) fn steps_mut(&mut self) -> impl Iterator<Item = &mut FittedStep> {
        self.branches.iter_mut().map(|branch| &mut branch.transformer)
    }

    /// The fitted step of this name (`named_transformers`).
    #[must_use]
    pub fn transformer(&self, name: &str) -> Option<&FittedStep> {
        self.branches.iter().find(|branch| branch.name == name).map(|branch| &branch.transformer)
    }

    /// Whether the names of features begin with that of their step.
    pub(super) fn has_verbose_names(&self) -> bool {
        self.verbose_feature_names_out
    }
}

impl Lower for FittedFeatureUnion {
    fn schema(&self) -> &Schema {
        &self.input
    }

    fn lower(&self, builder: &mut ProgramBuilder, columns: Vec<Column>) -> Result<Vec<Column>> {
        let (mut outputs, by_name) = (Vec::new(), by_name(&columns));
        for Branch { name, weight, transformer } in &self.branches {
            let own = own_columns(transformer, &by_name)?;
            for column in transformer.lower(builder, own)? {
                let column = match weight {
                    Some(weight) => {
                        check_weighted(&column.name, column.dtype)?;
                        builder.number(column, [Kernel::Multiply(*weight)])?
                    }
                    None => column,
                };
                outputs.push(if self.verbose_feature_names_out { prefixed(name, column) } else { column });
            }
        }
        Ok(outputs)
    }
}

impl Transform for FittedFeatureUnion {
    /// None: those of the steps are the steps' own.
    fn attributes(&self) -> Attributes {
        Attributes::new()
    }

    fn inverse_transform(&self, _: &RecordBatch) -> Result<RecordBatch> {
        Err(irreversible("FeatureUnion"))
    }
}

/// The column times the weight, as a plan computes it.
fn weighted(column: &ArrayRef, name: &str, weight: f64) -> Result<ArrayRef> {
    check_weighted(name, DType::from_arrow(column.data_type()).unwrap_or(DType::String))?;
    let mut numbers = vec![0.0; column.len()];
    ColumnView::new(name, column.as_ref())?.numbers(0, &mut numbers);
    numbers.iter_mut().for_each(|number| *number = canonical(*number * weight));
    Ok(Arc::new(Float64Array::from(numbers)))
}

fn check_weighted(name: &str, dtype: DType) -> Result<()> {
    if dtype.is_numeric() {
        return Ok(());
    }
    let problem = format!("a weight multiplies numbers, and the column is {dtype}");
    Err(Error::schema_mismatch(OPERATION, name, problem)
        .remedy("encode the column first, or leave the weight of its transformer out"))
}
