//! The models, of the library smartcore.

use mlcore::interrupt;
use mlcore::{Error, Result};
use smartcore::ensemble::random_forest_regressor::{RandomForestRegressor, RandomForestRegressorParameters};
use smartcore::error::Failed;
use smartcore::linalg::basic::arrays::Array;
use smartcore::linalg::basic::matrix::DenseMatrix;
use smartcore::linear::logistic_regression::{LogisticRegression, LogisticRegressionParameters};

use super::{DomainClassifier, Model, OPERATION};

/// A model that was trained.
pub(super) enum Fitted {
    /// One by one, so that training may be interrupted between two. They regress, so that a leaf says a share and no vote.
    Forest(Vec<RandomForestRegressor<f64, f64, DenseMatrix<f64>, Vec<f64>>>),
    /// A weight for each column.
    Linear(Vec<f64>),
}

impl Fitted {
    /// Learns which rows are current, of columns of ranks.
    pub(super) fn train(
        columns: &[Vec<f64>],
        current: &[bool],
        test: &DomainClassifier,
        seed: u64,
    ) -> Result<Self> {
        let rows = matrix(columns, current.len())?;
        match test.model {
            Model::Forest => {
                let labels: Vec<f64> = current.iter().map(|label| f64::from(u8::from(*label))).collect();
                let width = columns.len() as f64;
                let tree = |tree: usize| {
                    interrupt::check(OPERATION)?;
                    let options = RandomForestRegressorParameters::default()
                        .with_n_trees(1)
                        .with_m((width.sqrt().round() as usize).max(1))
                        .with_min_samples_leaf(LEAST_OF_A_LEAF)
                        .with_seed(seed.wrapping_add(tree as u64));
                    RandomForestRegressor::fit(&rows, &labels, options).map_err(failed)
                };
                Ok(Self::Forest((0..test.trees).map(tree).collect::<Result<_>>()?))
            }
            Model::Linear => {
                let labels: Vec<i32> = current.iter().map(|label| i32::from(*label)).collect();
                let options = LogisticRegressionParameters::default().with_alpha(RIDGE);
                let model: LogisticRegression<f64, i32, DenseMatrix<f64>, Vec<i32>> =
                    LogisticRegression::fit(&rows, &labels, options).map_err(failed)?;
                interrupt::check(OPERATION)?;
                Ok(Self::Linear(model.coefficients().iterator(0).copied().collect()))
            }
        }
    }

    /// How much each row looks like a current one.
    pub(super) fn scores(&self, columns: &[Vec<f64>]) -> Result<Vec<f64>> {
        let count = columns.first().map_or(0, Vec::len);
        let mut scores = vec![0.0; count];
        match self {
            Self::Forest(trees) => {
                let rows = matrix(columns, count)?;
                for tree in trees {
                    interrupt::check(OPERATION)?;
                    let found = tree.predict(&rows).map_err(failed)?;
                    scores.iter_mut().zip(found).for_each(|(score, found)| *score += found);
                }
            }
            Self::Linear(weights) => {
                for (column, weight) in columns.iter().zip(weights) {
                    scores.iter_mut().zip(column).for_each(|(score, value)| *score += weight * value);
                }
            }
        }
        Ok(scores)
    }
}

fn matrix(columns: &[Vec<f64>], rows: usize) -> Result<DenseMatrix<f64>> {
    DenseMatrix::new(rows, columns.len(), columns.concat(), true).map_err(failed)
}

#[expect(clippy::needless_pass_by_value, reason = "map_err hands it over")]
fn failed(cause: Failed) -> Error {
    Error::internal(OPERATION, "model", cause.to_string())
}

/// Rows of a leaf, each as often as it was drawn: some six different ones. Smaller leaves learn single rows by heart.
const LEAST_OF_A_LEAF: usize = 10;
/// Weights stay finite where a column tells all rows apart.
const RIDGE: f64 = 1.0;
