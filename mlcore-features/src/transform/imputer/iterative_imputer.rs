use mlcore::arrow::array::RecordBatch;
use mlcore::batch::OwnedValue;
use mlcore::schema::Schema;
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use super::rounds::{self, Model, Rounds};
use super::simple_imputer::{SimpleImputer, Strategy};
use crate::program::Lower;
use crate::program::builder::{Column, ProgramBuilder};
use crate::program::kernel::Kernel;
use crate::transform::{Attribute, Attributes, Fit, Training, Transform, input, inverse};

/// In which order an [`IterativeImputer`] fills the columns of a round.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImputationOrder {
    /// From the column that misses fewest values to the one that misses most.
    #[default]
    Ascending,
    /// From the column that misses most values to the one that misses fewest.
    Descending,
    /// From the first column to the last.
    Roman,
    /// From the last column to the first.
    Arabic,
}

/// Replaces missing values, null and NaN alike, by what a regression on the other columns says, in rounds.
///
/// Each column is a linear function of all others, found by a Bayesian ridge regression on the rows that have it; others
/// count by what the last round filled in. A row later goes through the functions of all rounds. Rounds end when none of
/// them changes a row by more than [`tol`](IterativeImputer::tol) of the greatest number. Takes numbers; infinities are
/// refused. Source: scikit-learn, `IterativeImputer`, with its default estimator, without samples of the posterior and
/// without a random choice of columns or order.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{AsArray, Float64Array, RecordBatch};
/// use mlcore::arrow::datatypes::Float64Type;
/// use mlcore_features::transform::{Fit, IterativeImputer};
///
/// let table = RecordBatch::try_from_iter_with_nullable([
///     ("width", Arc::new(Float64Array::from(vec![1.0, 2.0, 3.0, 5.0])) as _, true),
///     ("price", Arc::new(Float64Array::from(vec![Some(10.0), Some(20.0), Some(30.0), None])) as _, true),
/// ]).unwrap();
/// let (_, filled) = IterativeImputer::default().fit_transform(&table)?;
/// assert!((filled.column(1).as_primitive::<Float64Type>().value(3) - 50.0).abs() < 0.01);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IterativeImputer {
    max_iter: u32,
    #[serde(with = "mlcore::exact")]
    tol: f64,
    initial_strategy: Strategy,
    imputation_order: ImputationOrder,
    skip_complete: bool,
    #[serde(with = "mlcore::exact")]
    min_value: f64,
    #[serde(with = "mlcore::exact")]
    max_value: f64,
    random_state: Option<u32>,
    add_indicator: bool,
    keep_empty_features: bool,
}

impl Default for IterativeImputer {
    fn default() -> Self {
        Self {
            max_iter: 10,
            tol: 1e-3,
            initial_strategy: Strategy::Mean,
            imputation_order: ImputationOrder::Ascending,
            skip_complete: false,
            min_value: f64::NEG_INFINITY,
            max_value: f64::INFINITY,
            random_state: None,
            add_indicator: false,
            keep_empty_features: false,
        }
    }
}

impl IterativeImputer {
    /// The most rounds. Default 10; without any, only the first filling is done.
    #[must_use]
    pub fn max_iter(mut self, max_iter: u32) -> Self {
        self.max_iter = max_iter;
        self
    }

    /// The change of a row, as a share of the greatest number of the table, below which rounds end. Default 0.001.
    #[must_use]
    pub fn tol(mut self, tol: f64) -> Self {
        self.tol = tol;
        self
    }

    /// What is filled in before the first round. Default: the mean.
    #[must_use]
    pub fn initial_strategy(mut self, initial_strategy: Strategy) -> Self {
        self.initial_strategy = initial_strategy;
        self
    }

    /// In which order columns are filled. Default: from the one that misses fewest values.
    #[must_use]
    pub fn imputation_order(mut self, imputation_order: ImputationOrder) -> Self {
        self.imputation_order = imputation_order;
        self
    }

    /// Sets whether columns that miss no value while fitting have no regression: a missing one later is then filled as
    /// before the first round. Default `false`.
    #[must_use]
    pub fn skip_complete(mut self, skip_complete: bool) -> Self {
        self.skip_complete = skip_complete;
        self
    }

    /// The least and the greatest number that a regression fills in. Default: any.
    #[must_use]
    pub fn between(mut self, min_value: f64, max_value: f64) -> Self {
        (self.min_value, self.max_value) = (min_value, max_value);
        self
    }

    /// A seed, which has no effect: nothing is drawn.
    #[must_use]
    pub fn random_state(mut self, random_state: u32) -> Self {
        self.random_state = Some(random_state);
        self
    }

    /// Sets whether each column that had missing values while fitting gets a feature more: 1 where the value is missing.
    /// Default `false`.
    #[must_use]
    pub fn add_indicator(mut self, add_indicator: bool) -> Self {
        self.add_indicator = add_indicator;
        self
    }

    /// Sets whether columns that had no value while fitting are kept, as zeros. Default `false`.
    #[must_use]
    pub fn keep_empty_features(mut self, keep_empty_features: bool) -> Self {
        self.keep_empty_features = keep_empty_features;
        self
    }

    fn check(&self) -> Result<()> {
        let (parameter, problem) = if self.tol.is_nan() || self.tol < 0.0 {
            ("tol", format!("a number that is not negative is expected, got {}", self.tol))
        } else if self.min_value.is_nan() || self.max_value.is_nan() || self.max_value <= self.min_value {
            ("max_value", format!("{} is not above min_value, {}", self.max_value, self.min_value))
        } else {
            return Ok(());
        };
        Err(Error::invalid_input(OPERATION, parameter, problem))
    }
}

const OPERATION: &str = "fit IterativeImputer";

impl Fit for IterativeImputer {
    type Fitted = FittedIterativeImputer;

    fn learn(&self, training: &Training<'_>) -> Result<FittedIterativeImputer> {
        let columns = input::columns(training, OPERATION)?;
        self.check()?;
        let numbers = columns.iter().map(|column| column.numbers()).collect::<Result<Vec<_>>>()?;
        let first = SimpleImputer::default()
            .strategy(self.initial_strategy)
            .keep_empty_features(self.keep_empty_features)
            .learn(training)?;
        let initial: Vec<f64> =
            first.statistics().iter().map(|value| value.as_f64().unwrap_or(f64::NAN)).collect();
        let missing: Vec<usize> =
            numbers.iter().map(|values| values.iter().filter(|value| value.is_nan()).count()).collect();
        let rows = training.table().num_rows();
        let empty: Vec<bool> = missing.iter().map(|missing| *missing == rows).collect();
        let order = self.order(&missing, &initial, &empty);
        let asked = rounds::Asked {
            most: self.max_iter,
            tolerance: self.tol,
            bounds: (self.min_value, self.max_value),
            order: &order,
        };
        let (models, n_iter) = rounds::fit(&numbers, &initial, &empty, &asked, OPERATION)?;
        let indicated =
            (0..columns.len()).filter(|position| self.add_indicator && missing[*position] > 0).collect();
        Ok(FittedIterativeImputer {
            parameters: self.clone(),
            input: input::nullable_schema(&columns)?,
            initial,
            empty,
            models,
            n_iter,
            n_features_with_missing: order.len() as u64,
            indicated,
        })
    }
}

impl IterativeImputer {
    /// The columns to fill, in order; those that are left out are not among them.
    fn order(&self, missing: &[usize], initial: &[f64], empty: &[bool]) -> Vec<usize> {
        // A column that is kept though it is empty counts as one that misses nothing.
        let missing = |position: usize| if empty[position] { 0 } else { missing[position] };
        let mut order: Vec<usize> = (0..initial.len())
            .filter(|position| {
                !initial[*position].is_nan() && (!self.skip_complete || missing(*position) > 0)
            })
            .collect();
        if matches!(self.imputation_order, ImputationOrder::Ascending | ImputationOrder::Descending) {
            order.sort_by_key(|position| missing(*position));
        }
        if matches!(self.imputation_order, ImputationOrder::Descending | ImputationOrder::Arabic) {
            order.reverse();
        }
        order
    }
}

/// An [`IterativeImputer`] that has seen its data.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FittedIterativeImputer {
    parameters: IterativeImputer,
    input: Schema,
    /// NaN for a column that is left out.
    #[serde(with = "mlcore::exact")]
    initial: Vec<f64>,
    empty: Vec<bool>,
    models: Vec<Model>,
    n_iter: u64,
    n_features_with_missing: u64,
    indicated: Vec<usize>,
}

impl FittedIterativeImputer {
    /// The specification that was fitted.
    #[must_use]
    pub fn parameters(&self) -> &IterativeImputer {
        &self.parameters
    }

    /// What fills each column before the first round (`initial_imputer_.statistics_`); missing for one that is left out.
    #[must_use]
    pub fn initial(&self) -> Vec<OwnedValue> {
        let value =
            |initial: &f64| if initial.is_nan() { OwnedValue::Null } else { OwnedValue::Float(*initial) };
        self.initial.iter().map(value).collect()
    }

    /// The rounds that were done (`n_iter_`).
    #[must_use]
    pub fn n_iter(&self) -> u64 {
        self.n_iter
    }

    /// The columns that are filled in each round (`n_features_with_missing_`).
    #[must_use]
    pub fn n_features_with_missing(&self) -> u64 {
        self.n_features_with_missing
    }

    /// The positions of the columns that have an indicator (`indicator_.features_`, here `indicator_features_`).
    #[must_use]
    pub fn indicated(&self) -> &[usize] {
        &self.indicated
    }
}

impl Transform for FittedIterativeImputer {
    fn attributes(&self) -> Attributes {
        let indicated = self.indicated.iter().map(|position| *position as u64).collect();
        vec![
            ("n_iter_", self.n_iter.into()),
            ("n_features_with_missing_", self.n_features_with_missing.into()),
            ("indicator_features_", Attribute::Counts(indicated)),
        ]
    }

    fn inverse_transform(&self, _: &RecordBatch) -> Result<RecordBatch> {
        Err(Error::unsupported(inverse::OPERATION, "IterativeImputer", "nothing tells what was imputed")
            .remedy("keep the columns beside the imputed ones, with a ColumnTransformer"))
    }
}

impl Lower for FittedIterativeImputer {
    fn schema(&self) -> &Schema {
        &self.input
    }

    fn lower(&self, builder: &mut ProgramBuilder, columns: Vec<Column>) -> Result<Vec<Column>> {
        let corrupt = |problem: &str| Error::corrupt("compile plan", "IterativeImputer", problem);
        let width = columns.len();
        let fits = |model: &Model| model.column < width && model.weights.len() == width;
        if self.initial.len() != width || self.empty.len() != width || !self.models.iter().all(fits) {
            return Err(corrupt("its regressions do not fit its columns"));
        }
        let mut indicators = Vec::with_capacity(self.indicated.len());
        for position in &self.indicated {
            let column = columns.get(*position).cloned();
            let column = column.ok_or_else(|| corrupt("it indicates a column that is not there"))?;
            let name = format!("missingindicator_{}", column.name);
            indicators.push(builder.indicate(column, name)?);
        }
        let checked = |column: Column| {
            let site = builder.site("IterativeImputer", &column);
            builder.number(column, [Kernel::RefuseInfinite { site }])
        };
        let columns: Vec<Column> = columns.into_iter().map(checked).collect::<Result<_>>()?;
        // The kernel fills all columns, and those that are left out are not handed on.
        let names = columns.iter().map(|column| column.name.clone()).collect();
        let bounds = (self.parameters.min_value, self.parameters.max_value);
        let rounds = Rounds {
            initial: self.initial.clone(),
            empty: self.empty.clone(),
            models: self.models.clone(),
            bounds,
        };
        let filled = builder.join(&columns, rounds, names)?.into_iter().zip(&self.initial);
        let kept = filled.filter(|(_, initial)| !initial.is_nan()).map(|(column, _)| column);
        Ok(kept.chain(indicators).collect())
    }
}
