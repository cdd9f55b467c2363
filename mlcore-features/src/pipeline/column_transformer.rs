use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use mlcore::arrow::array::RecordBatch;
use mlcore::arrow::datatypes::Schema as ArrowSchema;
use mlcore::schema::{Field, Schema};
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use super::sequence::check_names;
use super::step::irreversible;
use super::{FittedStep, Plan, Step};
use crate::program::builder::{Column, ProgramBuilder};
use crate::program::{Lower, project};
use crate::transform::{Attributes, Fit, Training, Transform, made_by};

/// What becomes of the columns that no transformer of a [`ColumnTransformer`] names.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Remainder {
    /// They are left out, and need not be there when transforming.
    #[default]
    Drop,
    /// They follow the transformed ones, as they are.
    Passthrough,
}

mlcore::words! { Remainder, "remainder": Drop = "drop", Passthrough = "passthrough" }

/// Steps beside each other, each on columns that it names; their outputs stand in the order of the transformers.
///
/// Source: scikit-learn, `ColumnTransformer`.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{Float64Array, RecordBatch, StringArray};
/// use mlcore_features::pipeline::ColumnTransformer;
/// use mlcore_features::transform::{OneHotEncoder, StandardScaler};
///
/// let table = RecordBatch::try_from_iter([
///     ("age", Arc::new(Float64Array::from(vec![20.0, 40.0])) as _),
///     ("plan", Arc::new(StringArray::from(vec!["free", "pro"])) as _),
/// ]).unwrap();
/// let plan = ColumnTransformer::new()
///     .with("num", StandardScaler::default(), ["age"])
///     .with("cat", OneHotEncoder::default(), ["plan"])
///     .fit(&table)?;
/// assert_eq!(plan.feature_names_out(), ["num__age", "cat__plan_free", "cat__plan_pro"]);
/// assert_eq!(plan.transform_dense::<f32>(&table)?.values::<f32>()?, [-1.0, 1.0, 0.0, 1.0, 0.0, 1.0]);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, PartialEq, Debug)]
pub struct ColumnTransformer {
    branches: Vec<(String, Step, Vec<String>)>,
    remainder: Remainder,
    verbose_feature_names_out: bool,
}

impl Default for ColumnTransformer {
    fn default() -> Self {
        Self { branches: Vec::new(), remainder: Remainder::Drop, verbose_feature_names_out: true }
    }
}

const OPERATION: &str = "fit ColumnTransformer";

impl ColumnTransformer {
    /// One without transformers, which leaves everything to the remainder.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a transformer on these columns.
    #[must_use]
    pub fn with<C: Into<String>>(
        mut self,
        name: impl Into<String>,
        transformer: impl Into<Step>,
        columns: impl IntoIterator<Item = C>,
    ) -> Self {
        let columns = columns.into_iter().map(Into::into).collect();
        self.branches.push((name.into(), transformer.into(), columns));
        self
    }

    /// What becomes of columns that nobody names. Default: they are dropped.
    #[must_use]
    pub fn remainder(mut self, remainder: Remainder) -> Self {
        self.remainder = remainder;
        self
    }

    /// Sets whether the names of features begin with that of their transformer and `__`. Default `true`.
    #[must_use]
    pub fn verbose_feature_names_out(mut self, verbose_feature_names_out: bool) -> Self {
        self.verbose_feature_names_out = verbose_feature_names_out;
        self
    }

    /// Fits each transformer on its columns.
    ///
    /// # Errors
    /// As [`Fit::learn`], [`Error::SchemaMismatch`] for a column that is not in the table, and
    /// [`Error::InvalidInput`] for a transformer's name that is empty, occurs twice or holds `__`.
    pub fn fit<'a>(&self, training: impl Into<Training<'a>>) -> Result<Plan> {
        self.learn(&training.into())
    }

    pub(super) fn reads(&self, column: &str) -> bool {
        let mut branches = self.branches.iter().filter(|(_, _, own)| own.iter().any(|own| own == column));
        let is_named = branches.clone().next().is_some();
        (self.remainder == Remainder::Passthrough && !is_named)
            || branches.any(|(_, step, _)| step.reads(column))
    }

    pub(super) fn fit_branches(&self, training: &Training<'_>) -> Result<FittedColumnTransformer> {
        self.fit_each(training, &mut |step, own| step.learn(own))
    }

    pub(super) fn cross_fits(&self) -> bool {
        self.branches.iter().any(|(_, step, columns)| !columns.is_empty() && step.cross_fits())
    }

    /// The fitted branches, and what they make of the training table, side by side.
    pub(super) fn fit_and_transform(
        &self,
        training: &Training<'_>,
    ) -> Result<(FittedColumnTransformer, RecordBatch)> {
        if !self.cross_fits() {
            let fitted = self.fit_branches(training)?;
            let transformed = fitted.transform(training.table())?;
            return Ok((fitted, transformed));
        }
        let mut columns = Vec::new();
        let fitted = self.fit_each(training, &mut |step, own| {
            let (fitted, transformed) = step.learn_transform(own)?;
            columns.extend_from_slice(transformed.columns());
            Ok(fitted)
        })?;
        // What passes through is the last branch, and was not asked to transform.
        for branch in fitted.branches.iter().skip(self.branches.len()) {
            columns.extend_from_slice(branch.transformer.transform(training.table())?.columns());
        }
        let transformed = made_by(&fitted, columns, training.table().num_rows())?;
        Ok((fitted, transformed))
    }

    fn fit_each(
        &self,
        training: &Training<'_>,
        fit: &mut dyn FnMut(&Step, &Training<'_>) -> Result<FittedStep>,
    ) -> Result<FittedColumnTransformer> {
        let table = training.table();
        self.check()?;
        let mut fitted = Vec::with_capacity(self.branches.len());
        for (_, transformer, columns) in &self.branches {
            // As in scikit-learn, an empty list of columns leaves the transformer out.
            fitted.push(if columns.is_empty() {
                FittedStep::Drop
            } else {
                fit(transformer, &training.with_table(&project(table, columns, OPERATION)?))?
            });
        }
        let remainder = match self.remainder_columns(table.schema_ref()) {
            None => None,
            Some(columns) => {
                let transformer = Step::Passthrough.fit(&project(table, &columns, OPERATION)?)?;
                Some((columns, transformer))
            }
        };
        self.assembled(table.schema_ref(), fitted, remainder)
    }

    /// Names, steps and columns in order.
    pub(super) fn branches(&self) -> impl ExactSizeIterator<Item = (&str, &Step, &[String])> {
        self.branches.iter().map(|(name, step, columns)| (name.as_str(), step, columns.as_slice()))
    }

    /// Refuses names that cannot be told apart, and columns that are listed twice.
    pub(super) fn check(&self) -> Result<()> {
        check_names(OPERATION, &self.branches.iter().map(|(name, _, _)| name.as_str()))?;
        for (name, _, columns) in &self.branches {
            let mut seen = HashSet::with_capacity(columns.len());
            if let Some(column) = columns.iter().find(|column| !seen.insert(*column)) {
                let problem = format!("the column is listed twice for {name}");
                return Err(Error::invalid_input(OPERATION, column, problem));
            }
        }
        Ok(())
    }

    /// Whether the column is one of a branch, or of those that pass through.
    pub(super) fn names_column(&self, column: &str) -> bool {
        self.remainder == Remainder::Passthrough || self.is_listed(column)
    }

    fn is_listed(&self, column: &str) -> bool {
        self.branches.iter().any(|(_, _, own)| own.iter().any(|own| own == column))
    }

    /// The columns that no branch names and that pass through; none where there is no such column.
    pub(super) fn remainder_columns(&self, schema: &ArrowSchema) -> Option<Vec<String>> {
        if self.remainder != Remainder::Passthrough {
            return None;
        }
        let names = schema.fields().iter().map(|field| field.name().clone());
        let listed: HashSet<&String> = self.branches.iter().flat_map(|(_, _, columns)| columns).collect();
        let columns: Vec<String> = names.filter(|column| !listed.contains(column)).collect();
        (!columns.is_empty()).then_some(columns)
    }

    /// The fitted branches, one for each of these, and what passes through, of a table with these columns.
    pub(super) fn assembled(
        &self,
        schema: &ArrowSchema,
        fitted: Vec<FittedStep>,
        remainder: Option<(Vec<String>, FittedStep)>,
    ) -> Result<FittedColumnTransformer> {
        let branch = |((name, _, columns), transformer): (&(String, Step, Vec<String>), FittedStep)| Branch {
            name: name.clone(),
            columns: columns.clone(),
            transformer,
        };
        let mut branches: Vec<Branch> = self.branches.iter().zip(fitted).map(branch).collect();
        branches.extend(remainder.map(|(columns, transformer)| Branch {
            name: "remainder".to_owned(),
            columns,
            transformer,
        }));
        let steps: Vec<&FittedStep> = branches.iter().map(|branch| &branch.transformer).collect();
        let input = merged_input(schema, &steps)?;
        Ok(FittedColumnTransformer {
            verbose_feature_names_out: self.verbose_feature_names_out,
            input,
            branches,
        })
    }
}

impl Fit for ColumnTransformer {
    type Fitted = Plan;

    fn learn(&self, training: &Training<'_>) -> Result<Plan> {
        Plan::new(self.fit_branches(training)?)
    }

    fn cross_fits(&self) -> bool {
        self.cross_fits()
    }

    fn learn_transform(&self, training: &Training<'_>) -> Result<(Plan, RecordBatch)> {
        let (fitted, transformed) = self.fit_and_transform(training)?;
        Ok((Plan::new(fitted)?, transformed))
    }
}

/// The columns that any of the steps reads, in the table's order; nullable where one of the steps takes nulls.
pub(super) fn merged_input(schema: &ArrowSchema, steps: &[&FittedStep]) -> Result<Schema> {
    let mut read: HashMap<&str, Field> = HashMap::new();
    for field in steps.iter().flat_map(|step| step.schema().fields()) {
        match read.entry(field.name()) {
            Entry::Vacant(place) => drop(place.insert(field.clone())),
            Entry::Occupied(mut first) if field.is_nullable() => {
                let nullable = first.get().clone().nullable();
                first.insert(nullable);
            }
            Entry::Occupied(_) => {}
        }
    }
    Schema::new(schema.fields().iter().filter_map(|column| read.remove(column.name().as_str())))
}

/// Those of the columns that a step reads, which may be fewer than there are: a combination of steps inside leaves some out.
pub(super) fn own_columns(step: &FittedStep, columns: &HashMap<&str, &Column>) -> Result<Vec<Column>> {
    let own = step.schema().names().map(|name| {
        columns.get(name).map(|column| (*column).clone()).ok_or_else(|| {
            Error::corrupt("compile plan", name, "a transformer names a column that is not there")
        })
    });
    own.collect()
}

pub(super) fn by_name(columns: &[Column]) -> HashMap<&str, &Column> {
    columns.iter().map(|column| (column.name.as_str(), column)).collect()
}

/// The column of a step of this name, in whose name the step stands first.
pub(super) fn prefixed(step: &str, column: Column) -> Column {
    let name = format!("{step}__{}", column.name);
    column.renamed(name)
}

/// A [`ColumnTransformer`] inside a plan.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FittedColumnTransformer {
    verbose_feature_names_out: bool,
    input: Schema,
    branches: Vec<Branch>,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Branch {
    name: String,
    columns: Vec<String>,
    transformer: FittedStep,
}

impl FittedColumnTransformer {
    /// Names, fitted transformers and columns in order (`transformers_`); a remainder that passes through is last.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &FittedStep, &[String])> {
        self.branches
            .iter()
            .map(|branch| (branch.name.as_str(), &branch.transformer, branch.columns.as_slice()))
    }

    /// The fitted transformer of this name (`named_transformers_`).
    #[must_use]
    pub fn transformer(&self, name: &str) -> Option<&FittedStep> {
        self.branches.iter().find(|branch| branch.name == name).map(|branch| &branch.transformer)
    }
}

impl FittedColumnTransformer {
    pub(super) fn steps_mut(&mut self) -> impl Iterator<Item = &mut FittedStep> {
        self.branches.iter_mut().map(|branch| &mut branch.transformer)
    }

    /// Whether the names of features begin with that of their transformer.
    pub(super) fn has_verbose_names(&self) -> bool {
        self.verbose_feature_names_out
    }
}

impl Lower for FittedColumnTransformer {
    fn schema(&self) -> &Schema {
        &self.input
    }

    fn lower(&self, builder: &mut ProgramBuilder, columns: Vec<Column>) -> Result<Vec<Column>> {
        let mut outputs = Vec::new();
        let by_name = by_name(&columns);
        for branch in &self.branches {
            if branch.transformer == FittedStep::Drop {
                continue;
            }
            let own = own_columns(&branch.transformer, &by_name)?;
            for column in branch.transformer.lower(builder, own)? {
                outputs.push(if self.verbose_feature_names_out {
                    prefixed(&branch.name, column)
                } else {
                    column
                });
            }
        }
        Ok(outputs)
    }
}

impl Transform for FittedColumnTransformer {
    /// None: those of the transformers are the transformers' own.
    fn attributes(&self) -> Attributes {
        Attributes::new()
    }

    fn inverse_transform(&self, _: &RecordBatch) -> Result<RecordBatch> {
        Err(irreversible("ColumnTransformer"))
    }
}
