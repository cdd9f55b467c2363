use mlcore::arrow::array::RecordBatch;
use mlcore::schema::Schema;
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use super::neighbors::Neighbors;
use crate::program::Lower;
use crate::program::builder::{Column, ProgramBuilder};
use crate::program::kernel::Kernel;
use crate::transform::{Attribute, Attributes, Fit, Training, Transform, input, inverse};

/// How much each neighbour counts in a [`KNNImputer`].
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NeighborWeights {
    /// All the same.
    #[default]
    Uniform,
    /// By the inverse of its distance; where some have none, those only.
    Distance,
}

/// How a [`KNNImputer`] measures how far apart two rows are.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NeighborMetric {
    /// Euclidean, over the columns that both rows have, and enlarged by the share of those that they have not.
    #[default]
    NanEuclidean,
}

/// Replaces missing values, null and NaN alike, by the mean of the column in the nearest rows of the training table.
///
/// The training table is part of the fitted state, and every row with a missing value is compared with all of its rows.
/// Only rows that have the column count; where no row shares a column with the one to fill, the mean of the column does. Of
/// rows equally far away, the first are taken, where scikit-learn takes any. Distances are sums of squared differences,
/// which keep the digits that scikit-learn's expanded squares lose far from zero. Takes numbers; infinities are refused. A
/// column without any value is left out, unless [`keep_empty_features`](KNNImputer::keep_empty_features) is set. Source:
/// scikit-learn, `KNNImputer`.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{AsArray, Float64Array, RecordBatch};
/// use mlcore::arrow::datatypes::Float64Type;
/// use mlcore_features::transform::{Fit, KNNImputer};
///
/// let table = RecordBatch::try_from_iter_with_nullable([
///     ("age", Arc::new(Float64Array::from(vec![20.0, 22.0, 60.0, 21.0])) as _, true),
///     ("income", Arc::new(Float64Array::from(vec![Some(1.0), Some(3.0), Some(9.0), None])) as _, true),
/// ]).unwrap();
/// let (_, filled) = KNNImputer::default().n_neighbors(2).fit_transform(&table)?;
/// assert_eq!(filled.column(1).as_primitive::<Float64Type>().values(), &[1.0, 3.0, 9.0, 2.0]);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KNNImputer {
    n_neighbors: u64,
    weights: NeighborWeights,
    metric: NeighborMetric,
    add_indicator: bool,
    keep_empty_features: bool,
}

impl Default for KNNImputer {
    fn default() -> Self {
        Self {
            n_neighbors: 5,
            weights: NeighborWeights::Uniform,
            metric: NeighborMetric::NanEuclidean,
            add_indicator: false,
            keep_empty_features: false,
        }
    }
}

impl KNNImputer {
    /// How many of the nearest rows to take, at least 1; all that have the column where they are fewer. Default 5.
    #[must_use]
    pub fn n_neighbors(mut self, n_neighbors: u64) -> Self {
        self.n_neighbors = n_neighbors;
        self
    }

    /// How much each of them counts. Default: all the same.
    #[must_use]
    pub fn weights(mut self, weights: NeighborWeights) -> Self {
        self.weights = weights;
        self
    }

    /// How to measure how far apart rows are. Default, and the only one: [`NeighborMetric::NanEuclidean`].
    #[must_use]
    pub fn metric(mut self, metric: NeighborMetric) -> Self {
        self.metric = metric;
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

    /// The number of neighbours among so many rows.
    fn neighbors(&self, rows: usize) -> Result<usize, String> {
        match usize::try_from(self.n_neighbors).unwrap_or(usize::MAX).min(rows) {
            0 => Err("at least one neighbour is needed".to_owned()),
            count if count > MOST_NEIGHBORS => {
                Err(format!("at most {MOST_NEIGHBORS} neighbours are taken, got {count}"))
            }
            count => Ok(count),
        }
    }
}

const OPERATION: &str = "fit KNNImputer";

/// So that a number from outside cannot ask for all memory: each neighbour is kept for a block of rows.
const MOST_NEIGHBORS: usize = 4096;

impl Fit for KNNImputer {
    type Fitted = FittedKNNImputer;

    fn learn(&self, training: &Training<'_>) -> Result<FittedKNNImputer> {
        let columns = input::columns(training, OPERATION)?;
        let count = training.table().num_rows();
        self.neighbors(count).map_err(|problem| Error::invalid_input(OPERATION, "n_neighbors", problem))?;
        let numbers = columns.iter().map(|column| column.numbers()).collect::<Result<Vec<_>>>()?;
        let mut indicated = Vec::new();
        for (position, values) in numbers.iter().enumerate() {
            if self.add_indicator && values.iter().any(|value| value.is_nan()) {
                indicated.push(position);
            }
        }
        mlcore::memory::require::<f64>(OPERATION, "table", &[count, columns.len()])?;
        let mut rows = Vec::with_capacity(count * columns.len());
        for row in 0..count {
            rows.extend(numbers.iter().filter_map(|values| values.get(row)));
        }
        Ok(FittedKNNImputer { parameters: *self, input: input::nullable_schema(&columns)?, rows, indicated })
    }
}

/// A [`KNNImputer`] that has seen its data.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FittedKNNImputer {
    parameters: KNNImputer,
    input: Schema,
    /// The training table, row after row.
    #[serde(with = "mlcore::exact")]
    rows: Vec<f64>,
    indicated: Vec<usize>,
}

impl FittedKNNImputer {
    /// The specification that was fitted.
    #[must_use]
    pub fn parameters(&self) -> &KNNImputer {
        &self.parameters
    }

    /// The rows of the training table, NaN for what is missing.
    pub fn rows(&self) -> impl Iterator<Item = &[f64]> {
        self.rows.chunks(self.input.len().max(1))
    }

    /// The positions of the columns that have an indicator (`indicator_.features_`, here `indicator_features_`).
    #[must_use]
    pub fn indicated(&self) -> &[usize] {
        &self.indicated
    }
}

impl Transform for FittedKNNImputer {
    fn attributes(&self) -> Attributes {
        let indicated = self.indicated.iter().map(|position| *position as u64).collect();
        vec![("indicator_features_", Attribute::Counts(indicated))]
    }

    fn inverse_transform(&self, _: &RecordBatch) -> Result<RecordBatch> {
        Err(Error::unsupported(inverse::OPERATION, "KNNImputer", "nothing tells what was imputed")
            .remedy("keep the columns beside the imputed ones, with a ColumnTransformer"))
    }
}

impl Lower for FittedKNNImputer {
    fn schema(&self) -> &Schema {
        &self.input
    }

    fn lower(&self, builder: &mut ProgramBuilder, columns: Vec<Column>) -> Result<Vec<Column>> {
        let corrupt = |problem: String| Error::corrupt("compile plan", "KNNImputer", problem);
        let width = columns.len();
        if width == 0 || !self.rows.len().is_multiple_of(width) {
            return Err(corrupt("its rows do not fit its columns".to_owned()));
        }
        let count = self.parameters.neighbors(self.rows.len() / width).map_err(corrupt)?;
        let mut indicators = Vec::with_capacity(self.indicated.len());
        for position in &self.indicated {
            let column = columns.get(*position).cloned();
            let column =
                column.ok_or_else(|| corrupt("it indicates a column that is not there".to_owned()))?;
            let name = format!("missingindicator_{}", column.name);
            indicators.push(builder.indicate(column, name)?);
        }
        let checked = |column: Column| {
            let site = builder.site("KNNImputer", &column);
            builder.number(column, [Kernel::RefuseInfinite { site }])
        };
        let columns: Vec<Column> = columns.into_iter().map(checked).collect::<Result<_>>()?;
        let neighbors = Neighbors::new(
            self.rows.clone(),
            width,
            count,
            self.parameters.weights,
            self.parameters.keep_empty_features,
        );
        let kept = neighbors.columns().filter_map(|position| columns.get(position));
        let mut names: Vec<String> = kept.map(|column| column.name.clone()).collect();
        let filled = names.len();
        // A kernel allocates nothing: it keeps the neighbours of a row beside what it answers.
        names.resize(filled + neighbors.scratch(), String::new());
        let mut outputs = builder.join(&columns, neighbors, names)?;
        outputs.truncate(filled);
        outputs.extend(indicators);
        Ok(outputs)
    }
}
