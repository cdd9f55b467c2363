//! Two numbers of each unit together.

use serde::{Deserialize, Serialize};

use crate::experiment::{Answer, Estimate, NoVerdict};

/// Count, means, variances and covariance of two numbers of each unit: the numerator and the denominator of a ratio, or a metric
/// and its covariate from before the experiment.
///
/// One pass without the cancellation of sums of squares (Welford 1962; merging after Chan, Golub and LeVeque 1979).
///
/// ```
/// use mlcore::experiment::JointMoments;
///
/// // Clicks and page views of each user.
/// let mut users = JointMoments::new();
/// users.extend([(1.0, 10.0), (0.0, 4.0), (3.0, 12.0)]);
/// let rate = users.ratio();
/// assert!((rate.known().unwrap().mean - 4.0 / 26.0).abs() < 1e-15);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct JointMoments {
    count: u64,
    means: [f64; 2],
    squares: [f64; 2],
    product: f64,
}

impl JointMoments {
    /// Of no unit.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// From counts and sums kept elsewhere, as a query of a warehouse answers them: gbstats' `sum`, `sum_squares` and
    /// `sum_of_products`. Digits that cancel in these sums are lost.
    #[must_use]
    pub fn from_sums(count: u64, sums: [f64; 2], sums_of_squares: [f64; 2], sum_of_products: f64) -> Self {
        if count == 0 {
            return Self::new();
        }
        let n = count as f64;
        let squares = [0, 1].map(|at| sums_of_squares[at] - sums[at] * sums[at] / n);
        let product = sum_of_products - sums[0] * sums[1] / n;
        Self { count, means: sums.map(|sum| sum / n), squares, product }
    }

    /// Adds a unit.
    pub fn push(&mut self, first: f64, second: f64) {
        self.count = self.count.saturating_add(1);
        let n = self.count as f64;
        let before = [first - self.means[0], second - self.means[1]];
        self.means[0] += before[0] / n;
        self.means[1] += before[1] / n;
        let after = [first - self.means[0], second - self.means[1]];
        self.squares[0] += before[0] * after[0];
        self.squares[1] += before[1] * after[1];
        self.product += before[0] * after[1];
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
        let count = self.count.saturating_add(other.count);
        let share = other.count as f64 / count as f64;
        let weight = self.count as f64 * share;
        let apart = [0, 1].map(|at| other.means[at] - self.means[at]);
        Self {
            count,
            means: [0, 1].map(|at| self.means[at] + apart[at] * share),
            squares: [0, 1].map(|at| self.squares[at] + other.squares[at] + apart[at] * apart[at] * weight),
            product: self.product + other.product + apart[0] * apart[1] * weight,
        }
    }

    /// How many units.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The two means; 0 of no unit.
    #[must_use]
    pub fn means(&self) -> [f64; 2] {
        self.means
    }

    /// The two unbiased variances; 0 of fewer than two units.
    #[must_use]
    pub fn variances(&self) -> [f64; 2] {
        self.squares.map(|squares| self.per_degree(squares))
    }

    /// The unbiased covariance; 0 of fewer than two units.
    #[must_use]
    pub fn covariance(&self) -> f64 {
        self.per_degree(self.product)
    }

    /// The first number by itself, without the second.
    pub fn first(&self) -> Answer<Estimate> {
        Estimate::new(self.count, self.means[0], self.variances()[0])
    }

    /// The mean of the first numbers over that of the second ones, with its variance by the delta method: `RatioStatistic`.
    ///
    /// # Source
    /// A. Deng, U. Knoblich and J. Lu, "Applying the delta method in metric analytics" (2018); gbstats 0.8.
    pub fn ratio(&self) -> Answer<Estimate> {
        let [numerator, denominator] = self.means;
        if self.count >= 2 && denominator == 0.0 {
            return Answer::NoVerdict(NoVerdict::DenominatorIsZero);
        }
        let ratio = numerator / denominator;
        let [of_numerator, of_denominator] = self.variances();
        // The variance of what a unit deviates from the ratio, over the squared denominator.
        let deviation = of_numerator - 2.0 * ratio * self.covariance() + ratio * ratio * of_denominator;
        Estimate::new(self.count, ratio, deviation / (denominator * denominator))
    }

    /// The mean of the first numbers less `theta` times that of the second ones: `RegressionAdjustedStatistic`.
    pub fn adjusted(&self, theta: f64) -> Answer<Estimate> {
        let [metric, covariate] = self.means;
        let [of_metric, of_covariate] = self.variances();
        let variance = of_metric + theta * theta * of_covariate - 2.0 * theta * self.covariance();
        Estimate::checked(self.count, metric - theta * covariate, metric, variance).into()
    }

    /// The slope of the first number on the second: `theta` of CUPED. 0 where either does not vary.
    #[must_use]
    pub fn theta(&self) -> f64 {
        let theta = self.product / self.squares[1];
        if self.squares[0] > 0.0 && self.squares[1] > 0.0 && theta.is_finite() { theta } else { 0.0 }
    }

    fn per_degree(&self, sum: f64) -> f64 {
        if self.count < 2 { 0.0 } else { sum / (self.count - 1) as f64 }
    }
}

impl Extend<(f64, f64)> for JointMoments {
    fn extend<I: IntoIterator<Item = (f64, f64)>>(&mut self, units: I) {
        units.into_iter().for_each(|(first, second)| self.push(first, second));
    }
}

impl FromIterator<(f64, f64)> for JointMoments {
    fn from_iter<I: IntoIterator<Item = (f64, f64)>>(units: I) -> Self {
        let mut moments = Self::new();
        moments.extend(units);
        moments
    }
}
