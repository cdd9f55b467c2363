//! Units that stand for more or less than themselves.

use serde::{Deserialize, Serialize};

use crate::experiment::{Answer, Estimate};

/// Count, mean and variance of weighted units, such as rows of a log of which one in ten was kept: the weight is what the row
/// stands for.
///
/// [`mean`](Self::mean) and [`variance`](Self::variance) are those of statsmodels' `DescrStatsW` (`ddof=0`); the standard error
/// of [`estimate`](Self::estimate) does not trust the weights to be counts, it is that of a weighted regression on a constant
/// with heteroscedasticity-robust errors (`WLS(..).fit(cov_type="HC0")`).
///
/// ```
/// use mlcore::experiment::WeightedMoments;
///
/// let mut rows = WeightedMoments::new();
/// rows.push(1.0, 10.0);
/// rows.push(4.0, 5.0);
/// assert_eq!((rows.mean(), rows.variance()), (2.0, 2.0));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct WeightedMoments {
    count: u64,
    /// Of the weights, and of the squared weights.
    sums: [f64; 2],
    /// Weighted by the weights, and by the squared weights.
    means: [f64; 2],
    /// Around the mean beside.
    squares: [f64; 2],
}

impl WeightedMoments {
    /// Of no unit.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a unit. A weight of 0 or less, or NaN, is not counted.
    pub fn push(&mut self, value: f64, weight: f64) {
        if weight.is_nan() || weight <= 0.0 {
            return;
        }
        let unit = Self { count: 1, sums: [weight, weight * weight], means: [value; 2], squares: [0.0; 2] };
        *self = self.merge(&unit);
    }

    /// The moments of both streams together.
    #[must_use]
    pub fn merge(&self, other: &Self) -> Self {
        if self.count == 0 {
            return *other;
        }
        if other.count == 0 {
            return *self;
        }
        let sums = [0, 1].map(|at| self.sums[at] + other.sums[at]);
        let apart = [0, 1].map(|at| other.means[at] - self.means[at]);
        let share = [0, 1].map(|at| other.sums[at] / sums[at]);
        Self {
            count: self.count.saturating_add(other.count),
            sums,
            means: [0, 1].map(|at| self.means[at] + apart[at] * share[at]),
            squares: [0, 1].map(|at| {
                self.squares[at] + other.squares[at] + apart[at] * apart[at] * self.sums[at] * share[at]
            }),
        }
    }

    /// How many units.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// What all units stand for together.
    #[must_use]
    pub fn sum_weights(&self) -> f64 {
        self.sums[0]
    }

    /// How many units of equal weight would be as sure (Kish 1965); 0 of none.
    #[must_use]
    pub fn effective_count(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.sums[0] * self.sums[0] / self.sums[1] }
    }

    /// The weighted mean; 0 of no unit.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.means[0]
    }

    /// The weighted variance, by the sum of the weights; 0 of no unit.
    #[must_use]
    pub fn variance(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.squares[0] / self.sums[0] }
    }

    /// The weighted mean with its robust standard error.
    pub fn estimate(&self) -> Answer<Estimate> {
        let apart = self.means[1] - self.means[0];
        // Squared weights times squared deviations from the weighted mean.
        let deviations = self.squares[1] + self.sums[1] * apart * apart;
        let squared_error = deviations / (self.sums[0] * self.sums[0]);
        Estimate::new(self.count, self.means[0], squared_error * self.count as f64)
    }
}
