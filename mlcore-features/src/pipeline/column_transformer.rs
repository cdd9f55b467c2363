use mlcore::arrow::array::RecordBatch;
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
        check_names(OPERATION, &self.branches.iter().map(|(name, _, _)| name.as_str()))?;
        let mut branches = Vec::with_capacity(self.branches.len() + 1);
        for (name, transformer, columns) in &self.branches {
            if let Some(twice) =
                columns.iter().enumerate().find(|(position, column)| columns[..*position].contains(column))
            {
                return Err(Error::invalid_input(
                    OPERATION,
                    twice.1,
                    format!("the column is listed twice for {name}"),
                ));
            }
            // As in scikit-learn, an empty list of columns leaves the transformer out.
            let fitted = if columns.is_empty() {
                FittedStep::Drop
            } else {
                fit(transformer, &training.with_table(&project(table, columns, OPERATION)?))?
            };
            branches.push(Branch { name: name.clone(), columns: columns.clone(), transformer: fitted });
        }
        if self.remainder == Remainder::Passthrough {
            let named =
                |column: &str| branches.iter().any(|branch| branch.columns.iter().any(|own| own == column));
            let columns: Vec<String> = table
                .schema_ref()
                .fields()
                .iter()
                .map(|field| field.name().clone())
                .filter(|column| !named(column))
                .collect();
            if !columns.is_empty() {
                let transformer = Step::Passthrough.fit(&project(table, &columns, OPERATION)?)?;
                branches.push(Branch { name: "remainder".to_owned(), columns, transformer });
            }
        }
        let input = merged_input(table, &branches)?;
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

/// The columns that any branch reads, in the table's order; nullable where one of the branches takes nulls.
fn merged_input(table: &RecordBatch, branches: &[Branch]) -> Result<Schema> {
    let fields = table.schema_ref().fields().iter().filter_map(|column| {
        let mut readers =
            branches.iter().filter_map(|branch| branch.transformer.schema().field(column.name()));
        let first = readers.next()?;
        let nullable = first.is_nullable() || readers.any(Field::is_nullable);
        Some(if nullable { first.clone().nullable() } else { first.clone() })
    });
    Schema::new(fields)
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
        for branch in &self.branches {
            if branch.transformer == FittedStep::Drop {
                continue;
            }
            // What a branch reads may be less than its columns: a combination of steps inside leaves some out.
            let own: Vec<Column> = branch
                .transformer
                .schema()
                .names()
                .map(|name| {
                    columns.iter().find(|column| column.name == name).cloned().ok_or_else(|| {
                        Error::corrupt("compile plan", name, "a transformer names a column that is not there")
                    })
                })
                .collect::<Result<_>>()?;
            for column in branch.transformer.lower(builder, own)? {
                if self.verbose_feature_names_out {
                    let name = format!("{}__{}", branch.name, column.name);
                    outputs.push(column.renamed(name));
                } else {
                    outputs.push(column);
                }
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
