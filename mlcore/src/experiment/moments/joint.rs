//! Two numbers of each unit together.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
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

    /// Of columns, for each of `arms` arms: the arm of each unit, from 0, and its two numbers. As [`push`](Self::push) for each unit, up to
    /// rounding, and in less time.
    ///
    /// ```
    /// use mlcore::experiment::JointMoments;
    ///
    /// let (arm, clicks, views) = ([0_u8, 1, 1, 0], [1.0, 0.0, 3.0, 2.0], [10.0, 4.0, 12.0, 6.0]);
    /// let [old, new] = JointMoments::by_arm(2, &arm, &clicks, &views)?[..] else { unreachable!() };
    /// assert_eq!((old.count(), old.means(), new.means()), (2, [1.5, 8.0], [1.5, 8.0]));
    /// # Ok::<(), mlcore::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for more than 1,000 arms, for columns of different lengths, and for an arm that is none; it names the row.
    pub fn by_arm(
        arms: usize,
        codes: &[impl Copy + Into<u64>],
        first: &[f64],
        second: &[f64],
    ) -> Result<Vec<Self>> {
        if arms > MOST_ARMS {
            let problem = format!("there are {arms}, and may be {MOST_ARMS}");
            return Err(
                Error::invalid_input(BY_ARM, "arms", problem).remedy("count the arms of one experiment")
            );
        }
        for (name, found) in [("first", first.len()), ("second", second.len())] {
            if found != codes.len() {
                let problem = format!("it has {found} numbers, and {} units have an arm", codes.len());
                return Err(Error::invalid_input(BY_ARM, name, problem).remedy("pass a number for each unit"));
            }
        }
        let mut moments = vec![Self::new(); arms];
        // The units of a block, arm after arm.
        let (mut sorted, mut filled) = (vec![[0.0; 2]; arms * BLOCK], vec![0_usize; arms]);
        let blocks = codes.chunks(BLOCK).zip(first.chunks(BLOCK)).zip(second.chunks(BLOCK));
        for (block, ((codes, first), second)) in blocks.enumerate() {
            filled.fill(0);
            for (row, ((code, first), second)) in codes.iter().zip(first).zip(second).enumerate() {
                let code: u64 = (*code).into();
                let arm = usize::try_from(code).unwrap_or(usize::MAX);
                let Some(place) = filled.get_mut(arm) else {
                    let problem = format!("row {} is arm {code}, and there are {arms}", block * BLOCK + row);
                    return Err(Error::invalid_input(BY_ARM, "codes", problem).remedy("count arms from 0"));
                };
                if let Some(unit) = sorted.get_mut(arm * BLOCK + *place) {
                    *unit = [*first, *second];
                }
                *place += 1;
            }
            for ((own, sorted), filled) in moments.iter_mut().zip(sorted.chunks(BLOCK)).zip(&filled) {
                *own = own.merge(&Self::of_block(sorted.get(..*filled).unwrap_or_default()));
            }
        }
        Ok(moments)
    }

    /// Of a few units, in two passes.
    fn of_block(units: &[[f64; 2]]) -> Self {
        if units.is_empty() {
            return Self::new();
        }
        let count = units.len() as f64;
        let (chunks, rest) = units.as_chunks::<LANES>();
        let mut lanes = [[0.0; 2]; LANES];
        for chunk in chunks {
            for (lane, unit) in lanes.iter_mut().zip(chunk) {
                lane[0] += unit[0];
                lane[1] += unit[1];
            }
        }
        let sums = lanes.iter().chain(rest).fold([0.0; 2], |sum, lane| [sum[0] + lane[0], sum[1] + lane[1]]);
        let means = sums.map(|sum| sum / count);
        let (mut squares, mut products) = ([[0.0; 2]; LANES], [0.0; LANES]);
        let mut add = |lane: usize, unit: &[f64; 2]| {
            let apart = [unit[0] - means[0], unit[1] - means[1]];
            squares[lane][0] += apart[0] * apart[0];
            squares[lane][1] += apart[1] * apart[1];
            products[lane] += apart[0] * apart[1];
        };
        for chunk in chunks {
            for (lane, unit) in chunk.iter().enumerate() {
                add(lane, unit);
            }
        }
        rest.iter().enumerate().for_each(|(lane, unit)| add(lane, unit));
        Self {
            count: units.len() as u64,
            means,
            squares: [0, 1].map(|at: usize| squares.iter().map(|lane| lane[at]).sum()),
            product: products.iter().sum(),
        }
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

const BY_ARM: &str = "sum up arms";
/// Each has a block of its own. As many as a bandit takes.
const MOST_ARMS: usize = crate::bandit::Bandit::MOST_ARMS;
/// The units of two arms lie in a processor's nearest cache.
const BLOCK: usize = 512;
/// Sums that do not wait for each other.
const LANES: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::SplitMix64;

    #[test]
    fn columns_are_their_units_one_by_one() {
        let mut random = SplitMix64::new(3);
        for (rows, arms) in [(0, 2), (1, 1), (7, 3), (512, 2), (5_000, 2), (5_000, 7)] {
            let codes: Vec<u32> = (0..rows).map(|_| random.below(arms) as u32).collect();
            let first: Vec<f64> = (0..rows).map(|_| 1e6 + random.normal()).collect();
            let second: Vec<f64> = first.iter().map(|first| 0.3 * first + random.normal()).collect();
            let found = JointMoments::by_arm(arms, &codes, &first, &second).unwrap();
            for (arm, found) in found.iter().enumerate() {
                let units = codes.iter().zip(first.iter().zip(&second));
                let own = units.filter(|(code, _)| **code as usize == arm);
                let due: JointMoments = own.map(|(_, (first, second))| (*first, *second)).collect();
                assert_eq!(found.count(), due.count());
                let close = |found: f64, due: f64| {
                    assert!((found - due).abs() <= 1e-9 * due.abs().max(1.0), "{found} is not {due}");
                };
                for at in [0, 1] {
                    close(found.means()[at], due.means()[at]);
                    close(found.variances()[at], due.variances()[at]);
                }
                close(found.covariance(), due.covariance());
            }
        }
    }

    #[test]
    fn odd_columns_are_refused_by_name_and_row() {
        let words = |found: Result<Vec<JointMoments>>| found.unwrap_err().to_string();
        let (codes, numbers) = (vec![1_u8; 600], vec![0.0; 600]);
        let short = words(JointMoments::by_arm(2, &codes, &numbers[1..], &numbers));
        assert!(short.contains("first") && short.contains("599"), "{short}");
        let short = words(JointMoments::by_arm(2, &codes, &numbers, &numbers[2..]));
        assert!(short.contains("second") && short.contains("598"), "{short}");
        let mut odd = codes;
        odd[555] = 2;
        let odd = words(JointMoments::by_arm(2, &odd, &numbers, &numbers));
        assert!(odd.contains("row 555 is arm 2, and there are 2"), "{odd}");
        assert!(JointMoments::by_arm(0, &[] as &[u8], &[], &[]).unwrap().is_empty());
        let many = words(JointMoments::by_arm(usize::MAX, &[0_u8], &[0.0], &[0.0]));
        assert!(many.contains("may be 1000"), "{many}");
        let far = words(JointMoments::by_arm(2, &[u64::MAX], &[0.0], &[0.0]));
        assert!(far.contains("row 0"), "{far}");
    }
}
