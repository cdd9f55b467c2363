//! A metric and several covariates of each unit together.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::experiment::{Answer, Estimate, NoVerdict};

/// Means and products of a metric and any number of covariates from before the experiment, for an adjustment by linear regression.
///
/// Memory is the square of the number of covariates, whatever the number of units. Slopes are estimated on both arms together, so
/// that the adjustment cannot favour an arm.
///
/// # Source
/// spotify-confidence 4.1, `ZTestLinreg`: the slopes of a regression on the pooled arms. Its variances divide by `n`; these, as
/// those of one covariate in gbstats, by `n - 1`.
///
/// ```
/// use mlcore::experiment::RegressionMoments;
///
/// let mut control = RegressionMoments::new(2)?;
/// let mut treatment = RegressionMoments::new(2)?;
/// for unit in 0..50 {
///     let (first, second) = (f64::from(unit % 7), f64::from(unit % 5));
///     control.push(first + 0.5 * second + f64::from(unit % 3), &[first, second])?;
///     treatment.push(first + 0.5 * second + f64::from(unit % 2), &[first, second])?;
/// }
/// let [of_control, _] = control.adjusted_with(&treatment)?.known().copied().unwrap();
/// assert!(of_control.variance < 1.0);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
pub struct RegressionMoments {
    count: u64,
    /// Of the metric, then of each covariate.
    means: Vec<f64>,
    /// The lower triangle of the centred products, row by row.
    products: Vec<f64>,
}

#[derive(Deserialize)]
struct Stored {
    count: u64,
    means: Vec<f64>,
    products: Vec<f64>,
}

impl TryFrom<Stored> for RegressionMoments {
    type Error = Error;

    fn try_from(stored: Stored) -> Result<Self> {
        let Stored { count, means, products } = stored;
        if means.is_empty() || means.len() > MOST_COVARIATES + 1 || products.len() != triangle(means.len()) {
            let problem = format!("{} means and {} products", means.len(), products.len());
            return Err(Error::corrupt("read regression moments", "", problem));
        }
        Ok(Self { count, means, products })
    }
}

/// A covariate more makes every unit dearer; beyond these the metric is better predicted once, by a model.
const MOST_COVARIATES: usize = 256;
/// A pivot that is smaller than this share of its covariate's variance is rounding.
const COLLINEAR: f64 = 1e-12;

impl RegressionMoments {
    /// Of no unit, with so many covariates.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for no covariate, and for more than 256.
    pub fn new(covariates: usize) -> Result<Self> {
        if covariates == 0 || covariates > MOST_COVARIATES {
            return Err(Error::invalid_input(OPERATION, "covariates", format!("there are {covariates}"))
                .remedy(
                    "give from 1 to 256 covariates, or predict the metric by a model and take the prediction",
                ));
        }
        let size = covariates + 1;
        Ok(Self { count: 0, means: vec![0.0; size], products: vec![0.0; triangle(size)] })
    }

    /// Adds a unit: its metric and its covariates.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] where the number of covariates is another; nothing was added.
    pub fn push(&mut self, metric: f64, covariates: &[f64]) -> Result<()> {
        if covariates.len() + 1 != self.means.len() {
            let problem = format!("a unit has {}, and {} are kept", covariates.len(), self.means.len() - 1);
            return Err(Error::invalid_input(OPERATION, "covariates", problem));
        }
        self.count = self.count.saturating_add(1);
        let n = self.count as f64;
        let values = || std::iter::once(metric).chain(covariates.iter().copied());
        let before: Vec<f64> = values().zip(&self.means).map(|(value, mean)| value - mean).collect();
        for (mean, before) in self.means.iter_mut().zip(&before) {
            *mean += before / n;
        }
        let mut products = self.products.iter_mut();
        for (row, value) in values().enumerate() {
            let after = value - self.means.get(row).copied().unwrap_or(value);
            for (before, product) in before.iter().take(row + 1).zip(&mut products) {
                *product += before * after;
            }
        }
        Ok(())
    }

    /// The moments of both streams together.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] where the numbers of covariates differ.
    pub fn merge(&self, other: &Self) -> Result<Self> {
        if self.means.len() != other.means.len() {
            let problem = format!("{} and {} differ", self.means.len() - 1, other.means.len() - 1);
            return Err(Error::invalid_input(OPERATION, "covariates", problem));
        }
        if self.count == 0 {
            return Ok(other.clone());
        }
        if other.count == 0 {
            return Ok(self.clone());
        }
        let count = self.count.saturating_add(other.count);
        let share = other.count as f64 / count as f64;
        let weight = self.count as f64 * share;
        let apart: Vec<f64> =
            other.means.iter().zip(&self.means).map(|(theirs, ours)| theirs - ours).collect();
        let means = self.means.iter().zip(&apart).map(|(mean, apart)| mean + apart * share).collect();
        let crossed =
            apart.iter().enumerate().flat_map(|(row, a)| apart.iter().take(row + 1).map(move |b| a * b));
        let products = self.products.iter().zip(&other.products).zip(crossed);
        let products = products.map(|((ours, theirs), apart)| ours + theirs + apart * weight).collect();
        Ok(Self { count, means, products })
    }

    /// How many units.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The slopes of the metric on the covariates; no verdict where covariates determine each other.
    pub fn slopes(&self) -> Answer<Vec<f64>> {
        self.solve().into()
    }

    /// The means of both arms, adjusted by the slopes of both arms together.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] where the numbers of covariates differ.
    pub fn adjusted_with(&self, other: &Self) -> Result<Answer<[Estimate; 2]>> {
        let pooled = self.merge(other)?;
        let both = || -> Result<[Estimate; 2], NoVerdict> {
            let slopes = pooled.solve()?;
            Ok([self.adjusted(&slopes, &pooled.means)?, other.adjusted(&slopes, &pooled.means)?])
        };
        Ok(both().into())
    }

    fn adjusted(&self, slopes: &[f64], pooled: &[f64]) -> Result<Estimate, NoVerdict> {
        let unadjusted = self.means.first().copied().unwrap_or(f64::NAN);
        let centred = self.means.iter().zip(pooled).skip(1).map(|(mean, pooled)| mean - pooled);
        let mean = unadjusted - centred.zip(slopes).map(|(centred, slope)| centred * slope).sum::<f64>();
        let mut squares = self.product(0, 0);
        for (row, slope) in slopes.iter().enumerate() {
            squares -= 2.0 * slope * self.product(row + 1, 0);
            for (column, other) in slopes.iter().enumerate() {
                squares += slope * other * self.product(row + 1, column + 1);
            }
        }
        Estimate::checked(self.count, mean, unadjusted, squares / self.count.saturating_sub(1).max(1) as f64)
    }

    /// Cholesky's decomposition of the covariates' products, which also tells which of them is superfluous.
    fn solve(&self) -> Result<Vec<f64>, NoVerdict> {
        let size = self.means.len().saturating_sub(1);
        if self.count < 2 {
            return Err(NoVerdict::TooFewUnits);
        }
        if self.products.iter().any(|product| !product.is_finite()) {
            return Err(NoVerdict::NotFinite);
        }
        let mut lower = vec![0.0; triangle(size)];
        let mut slopes = vec![0.0; size];
        for row in 0..size {
            for column in 0..=row {
                let known: f64 = (0..column).map(|k| lower[at(row, k)] * lower[at(column, k)]).sum();
                let rest = self.product(row + 1, column + 1) - known;
                if row != column {
                    lower[at(row, column)] = rest / lower[at(column, column)];
                    continue;
                }
                if rest <= COLLINEAR * self.product(row + 1, row + 1) {
                    return Err(NoVerdict::CollinearCovariates);
                }
                lower[at(row, row)] = rest.sqrt();
            }
            let known: f64 = (0..row).map(|k| lower[at(row, k)] * slopes[k]).sum();
            slopes[row] = (self.product(row + 1, 0) - known) / lower[at(row, row)];
        }
        for row in (0..size).rev() {
            let known: f64 = (row + 1..size).map(|k| lower[at(k, row)] * slopes[k]).sum();
            slopes[row] = (slopes[row] - known) / lower[at(row, row)];
        }
        Ok(slopes)
    }

    fn product(&self, row: usize, column: usize) -> f64 {
        self.products.get(at(row.max(column), row.min(column))).copied().unwrap_or(f64::NAN)
    }
}

const OPERATION: &str = "adjust by covariates";

/// Where a row and a column stand in a lower triangle.
fn at(row: usize, column: usize) -> usize {
    triangle(row) + column
}

/// How many numbers a lower triangle of so many rows has.
fn triangle(rows: usize) -> usize {
    rows * (rows + 1) / 2
}
