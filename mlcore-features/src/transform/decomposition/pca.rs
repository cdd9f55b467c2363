use mlcore::arrow::array::RecordBatch;
use mlcore::schema::Schema;
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use super::parameters::{Components, SvdSolver};
use super::projection::{Projection, matrix};
use super::svd::svd;
use crate::program::Lower;
use crate::program::builder::{Column, ProgramBuilder};
use crate::transform::{Attributes, Fit, Training, Transform, input, numeric};

/// Turns columns into principal components: uncorrelated features, the first of which vary most.
///
/// The decomposition is exact, whichever solver is named. Of the two directions of each component, the one is taken whose
/// greatest weight is positive. At least two rows are needed. Missing values and infinities are refused. Source:
/// scikit-learn, `PCA`, which for large tables takes a randomized solver by itself.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{AsArray, Float64Array, RecordBatch};
/// use mlcore::arrow::datatypes::Float64Type;
/// use mlcore_features::transform::{Fit, PCA, Transform};
///
/// let table = RecordBatch::try_from_iter([
///     ("a", Arc::new(Float64Array::from(vec![0.0, 3.0, 6.0])) as _),
///     ("b", Arc::new(Float64Array::from(vec![0.0, 4.0, 8.0])) as _),
/// ]).unwrap();
/// let (fitted, features) = PCA::default().n_components(1).fit_transform(&table)?;
/// assert_eq!(fitted.feature_names_out()?, ["pca0"]);
/// assert!((fitted.components()[0][1] - 0.8).abs() < 1e-12);
/// assert!((features.column(0).as_primitive::<Float64Type>().value(2) - 5.0).abs() < 1e-12);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PCA {
    n_components: Components,
    whiten: bool,
    svd_solver: SvdSolver,
    random_state: Option<u32>,
}

impl PCA {
    /// How many components to keep, as many as there are rows or columns at most. Default: so many.
    #[must_use]
    pub fn n_components(mut self, n_components: u64) -> Self {
        self.n_components = Components::Count(n_components);
        self
    }

    /// Keeps as many components as explain more than this share of the variance, which is between 0 and 1.
    #[must_use]
    pub fn explaining(mut self, share: f64) -> Self {
        self.n_components = Components::Share(share);
        self
    }

    /// Sets whether each feature is divided by its standard deviation. Default `false`.
    #[must_use]
    pub fn whiten(mut self, whiten: bool) -> Self {
        self.whiten = whiten;
        self
    }

    /// How scikit-learn decomposes; all solvers that are taken find the same. Default [`SvdSolver::Auto`].
    #[must_use]
    pub fn svd_solver(mut self, svd_solver: SvdSolver) -> Self {
        self.svd_solver = svd_solver;
        self
    }

    /// A seed, which has no effect: nothing is drawn.
    #[must_use]
    pub fn random_state(mut self, random_state: u32) -> Self {
        self.random_state = Some(random_state);
        self
    }
}

const OPERATION: &str = "fit PCA";

impl Fit for PCA {
    type Fitted = FittedPCA;

    fn learn(&self, training: &Training<'_>) -> Result<FittedPCA> {
        let columns = input::columns(training, OPERATION)?;
        let rows = training.table().num_rows();
        if rows < 2 {
            return Err(Error::invalid_input(
                OPERATION,
                "table",
                "one row (n_samples=1) does not vary: at least two are needed",
            ));
        }
        let most = rows.min(columns.len());
        self.n_components.check(most, OPERATION)?;
        let (mut mean, mut centred) = (Vec::with_capacity(columns.len()), Vec::with_capacity(columns.len()));
        for column in &columns {
            let values = column.finite_numbers()?;
            let own = numeric::mean(&values);
            let values: Vec<f64> = values.iter().map(|value| value - own).collect();
            if values.iter().any(|value| !value.is_finite()) {
                return Err(column.error("its numbers are too large").remedy("scale the column first"));
            }
            mean.push(own);
            centred.push(values);
        }
        let svd = svd(centred, OPERATION)?;
        let mut variances: Vec<f64> =
            svd.values.iter().map(|value| value * value / (rows as f64 - 1.0)).collect();
        let total: f64 = variances.iter().sum();
        if !total.is_finite() {
            let problem = "the numbers are too large: their squares overflow";
            return Err(Error::invalid_input(OPERATION, "table", problem).remedy("scale the columns first"));
        }
        let ratios: Vec<f64> = variances.iter().map(|variance| variance / total).collect();
        let count = self.n_components.of(&ratios);
        if self.svd_solver == SvdSolver::CovarianceEigh {
            // A covariance has a variance for every column, also where there are fewer rows.
            variances.resize(columns.len(), 0.0);
        }
        let noise = variances.get(count..).filter(|_| count < most).map_or(0.0, numeric::mean);
        let first = |numbers: &[f64]| numbers.iter().copied().take(count).collect::<Vec<f64>>();
        Ok(FittedPCA {
            parameters: *self,
            input: input::schema(&columns)?,
            mean,
            explained_variance: first(&variances),
            explained_variance_ratio: first(&ratios),
            singular_values: first(&svd.values),
            noise_variance: noise,
            n_samples: rows as u64,
            components: svd.vectors.into_iter().take(count).collect(),
        })
    }
}

/// A [`PCA`] that has seen its data.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FittedPCA {
    parameters: PCA,
    input: Schema,
    #[serde(with = "mlcore::exact")]
    mean: Vec<f64>,
    #[serde(with = "mlcore::exact")]
    components: Vec<Vec<f64>>,
    #[serde(with = "mlcore::exact")]
    explained_variance: Vec<f64>,
    #[serde(with = "mlcore::exact")]
    explained_variance_ratio: Vec<f64>,
    #[serde(with = "mlcore::exact")]
    singular_values: Vec<f64>,
    #[serde(with = "mlcore::exact")]
    noise_variance: f64,
    n_samples: u64,
}

impl FittedPCA {
    /// The specification that was fitted.
    #[must_use]
    pub fn parameters(&self) -> &PCA {
        &self.parameters
    }

    /// The mean of each column (`mean_`).
    #[must_use]
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// The components (`components_`): directions of length 1, each with a weight per column.
    #[must_use]
    pub fn components(&self) -> &[Vec<f64>] {
        &self.components
    }

    /// The variance along each component (`explained_variance_`).
    #[must_use]
    pub fn explained_variance(&self) -> &[f64] {
        &self.explained_variance
    }

    /// Its share of the variance of all columns (`explained_variance_ratio_`); NaN where none varies.
    #[must_use]
    pub fn explained_variance_ratio(&self) -> &[f64] {
        &self.explained_variance_ratio
    }

    /// The singular values of the centred columns (`singular_values_`).
    #[must_use]
    pub fn singular_values(&self) -> &[f64] {
        &self.singular_values
    }

    /// The mean variance along the components that are left out (`noise_variance_`).
    #[must_use]
    pub fn noise_variance(&self) -> f64 {
        self.noise_variance
    }

    fn projection(&self) -> Projection {
        // The least divisor is scikit-learn's.
        let deviation = |variance: &f64| variance.sqrt().max(f64::EPSILON);
        let scales = if self.parameters.whiten {
            self.explained_variance.iter().map(deviation).collect()
        } else {
            vec![1.0; self.components.len()]
        };
        Projection { centre: self.mean.clone(), directions: self.components.clone(), scales }
    }
}

impl Transform for FittedPCA {
    fn attributes(&self) -> Attributes {
        vec![
            ("components_", matrix(&self.components)),
            ("explained_variance_", self.explained_variance().into()),
            ("explained_variance_ratio_", self.explained_variance_ratio().into()),
            ("singular_values_", self.singular_values().into()),
            ("mean_", self.mean().into()),
            ("noise_variance_", crate::transform::Attribute::Number(self.noise_variance)),
            ("n_components_", (self.components.len() as u64).into()),
            ("n_samples_", self.n_samples.into()),
        ]
    }

    fn inverse_transform(&self, table: &RecordBatch) -> Result<RecordBatch> {
        self.projection().restored(self, table)
    }
}

impl Lower for FittedPCA {
    fn schema(&self) -> &Schema {
        &self.input
    }

    fn lower(&self, builder: &mut ProgramBuilder, columns: Vec<Column>) -> Result<Vec<Column>> {
        self.projection().lower(builder, columns, "PCA")
    }
}
