use mlcore::arrow::array::RecordBatch;
use mlcore::schema::Schema;
use mlcore::stats::pairwise_sum;
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use super::projection::{Projection, matrix};
use super::svd::svd;
use crate::program::Lower;
use crate::program::builder::{Column, ProgramBuilder};
use crate::transform::{Attributes, Fit, Training, Transform, input, numeric};

/// How scikit-learn decomposes. Both come near to what is exact here.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SvdAlgorithm {
    /// By Lanczos iterations.
    Arpack,
    /// By random projections.
    #[default]
    Randomized,
}

/// Turns columns into a few features that hold most of them: latent semantic analysis, where the columns are counts of
/// words.
///
/// As [`PCA`](crate::transform::PCA), but nothing is centred. The decomposition is exact, whichever algorithm is named, and of the
/// two directions of each component the one is taken whose greatest weight is positive. At least two columns are needed.
/// Missing values and infinities are refused. Source: scikit-learn, `TruncatedSVD`.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{Float64Array, RecordBatch};
/// use mlcore_features::transform::{Fit, Transform, TruncatedSVD};
///
/// let table = RecordBatch::try_from_iter([
///     ("a", Arc::new(Float64Array::from(vec![3.0, 6.0])) as _),
///     ("b", Arc::new(Float64Array::from(vec![4.0, 8.0])) as _),
/// ]).unwrap();
/// let fitted = TruncatedSVD::default().n_components(1).fit(&table)?;
/// assert_eq!(fitted.feature_names_out()?, ["truncatedsvd0"]);
/// assert!((fitted.components()[0][0] - 0.6).abs() < 1e-12);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TruncatedSVD {
    n_components: u64,
    algorithm: SvdAlgorithm,
    random_state: Option<u32>,
}

impl Default for TruncatedSVD {
    fn default() -> Self {
        Self { n_components: 2, algorithm: SvdAlgorithm::Randomized, random_state: None }
    }
}

impl TruncatedSVD {
    /// How many components to keep, at least 1 and as many as there are columns at most. Default 2.
    #[must_use]
    pub fn n_components(mut self, n_components: u64) -> Self {
        self.n_components = n_components;
        self
    }

    /// How scikit-learn decomposes; it has no effect here. Default [`SvdAlgorithm::Randomized`].
    #[must_use]
    pub fn algorithm(mut self, algorithm: SvdAlgorithm) -> Self {
        self.algorithm = algorithm;
        self
    }

    /// A seed, which has no effect: nothing is drawn.
    #[must_use]
    pub fn random_state(mut self, random_state: u32) -> Self {
        self.random_state = Some(random_state);
        self
    }
}

const OPERATION: &str = "fit TruncatedSVD";

impl Fit for TruncatedSVD {
    type Fitted = FittedTruncatedSVD;

    fn learn(&self, training: &Training<'_>) -> Result<FittedTruncatedSVD> {
        let columns = input::columns(training, OPERATION)?;
        if columns.len() < 2 {
            let problem = "it has one column (n_features=1), and at least two are needed";
            return Err(Error::invalid_input(OPERATION, "table", problem));
        }
        if !(1..=columns.len() as u64).contains(&self.n_components) {
            let problem = format!(
                "{} components are asked for, and from 1 to {} can be made of the columns",
                self.n_components,
                columns.len()
            );
            return Err(Error::invalid_input(OPERATION, "n_components", problem));
        }
        let values = columns
            .iter()
            .map(|column| Ok(column.finite_numbers()?.into_owned()))
            .collect::<Result<Vec<_>>>()?;
        let svd = svd(values.clone(), OPERATION)?;
        let count = usize::try_from(self.n_components).unwrap_or(usize::MAX).min(svd.values.len());
        let components: Vec<Vec<f64>> = svd.vectors.into_iter().take(count).collect();
        let rows = training.table().num_rows();
        let score = |component: &[f64], row: usize| -> f64 {
            values.iter().zip(component).map(|(values, weight)| values[row] * weight).sum()
        };
        let explained: Vec<f64> = components
            .iter()
            .map(|component| variance(&(0..rows).map(|row| score(component, row)).collect::<Vec<f64>>()))
            .collect();
        let total: f64 = values.iter().map(|values| variance(values)).sum();
        if !total.is_finite() || svd.values.iter().any(|value| !value.is_finite()) {
            let problem = "the numbers are too large: their squares overflow";
            return Err(Error::invalid_input(OPERATION, "table", problem).remedy("scale the columns first"));
        }
        Ok(FittedTruncatedSVD {
            parameters: *self,
            input: input::schema(&columns)?,
            explained_variance_ratio: explained.iter().map(|own| own / total).collect(),
            explained_variance: explained,
            singular_values: svd.values.into_iter().take(count).collect(),
            components,
        })
    }
}

/// The population variance.
fn variance(values: &[f64]) -> f64 {
    let mean = numeric::mean(values);
    pairwise_sum(values.len(), &|row| (values[row] - mean) * (values[row] - mean)) / values.len() as f64
}

/// A [`TruncatedSVD`] that has seen its data.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FittedTruncatedSVD {
    parameters: TruncatedSVD,
    input: Schema,
    #[serde(with = "mlcore::exact")]
    components: Vec<Vec<f64>>,
    #[serde(with = "mlcore::exact")]
    explained_variance: Vec<f64>,
    #[serde(with = "mlcore::exact")]
    explained_variance_ratio: Vec<f64>,
    #[serde(with = "mlcore::exact")]
    singular_values: Vec<f64>,
}

impl FittedTruncatedSVD {
    /// The specification that was fitted.
    #[must_use]
    pub fn parameters(&self) -> &TruncatedSVD {
        &self.parameters
    }

    /// The components (`components_`): directions of length 1, each with a weight per column.
    #[must_use]
    pub fn components(&self) -> &[Vec<f64>] {
        &self.components
    }

    /// The variance of each feature (`explained_variance_`).
    #[must_use]
    pub fn explained_variance(&self) -> &[f64] {
        &self.explained_variance
    }

    /// Its share of the variance of all columns (`explained_variance_ratio_`); NaN where none varies.
    #[must_use]
    pub fn explained_variance_ratio(&self) -> &[f64] {
        &self.explained_variance_ratio
    }

    /// The singular values of the columns (`singular_values_`).
    #[must_use]
    pub fn singular_values(&self) -> &[f64] {
        &self.singular_values
    }

    fn projection(&self) -> Projection {
        Projection {
            centre: vec![0.0; self.input.len()],
            directions: self.components.clone(),
            scales: vec![1.0; self.components.len()],
        }
    }
}

impl Transform for FittedTruncatedSVD {
    fn attributes(&self) -> Attributes {
        vec![
            ("components_", matrix(&self.components)),
            ("explained_variance_", self.explained_variance().into()),
            ("explained_variance_ratio_", self.explained_variance_ratio().into()),
            ("singular_values_", self.singular_values().into()),
        ]
    }

    fn inverse_transform(&self, table: &RecordBatch) -> Result<RecordBatch> {
        self.projection().restored(self, table)
    }
}

impl Lower for FittedTruncatedSVD {
    fn schema(&self) -> &Schema {
        &self.input
    }

    fn lower(&self, builder: &mut ProgramBuilder, columns: Vec<Column>) -> Result<Vec<Column>> {
        self.projection().lower(builder, columns, "TruncatedSVD")
    }
}
