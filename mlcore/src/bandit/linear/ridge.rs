use serde::{Deserialize, Serialize};

use super::LinearOptions;
use super::models::check_context;
use crate::bandit::options::LARGEST_REWARD;
use crate::error::{Error, Result};

/// What is known of one arm: the sums of a regression, which add up over replicas.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Gram {
    /// The outcomes.
    pub(super) count: u64,
    /// The lower triangle of the sum of `x x^T`, row after row.
    pub(super) products: Vec<f64>,
    /// The sum of `reward x`.
    pub(super) moments: Vec<f64>,
}

impl Gram {
    pub(crate) fn new(features: usize) -> Self {
        Self { count: 0, products: vec![0.0; triangle(features)], moments: vec![0.0; features] }
    }

    pub(crate) fn add(&mut self, context: &[f64], reward: f64) {
        self.count = self.count.saturating_add(1);
        let pairs = context
            .iter()
            .enumerate()
            .flat_map(|(row, left)| context.iter().take(row + 1).map(move |right| left * right));
        self.products.iter_mut().zip(pairs).for_each(|(sum, product)| *sum += product);
        self.moments.iter_mut().zip(context).for_each(|(sum, feature)| *sum += reward * feature);
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.count = self.count.saturating_add(other.count);
        self.products.iter_mut().zip(&other.products).for_each(|(sum, other)| *sum += other);
        self.moments.iter_mut().zip(&other.moments).for_each(|(sum, other)| *sum += other);
    }

    /// Refuses a context and a reward that no regression takes.
    pub(crate) fn check_outcome(features: usize, context: &[f64], reward: f64) -> Result<()> {
        check_context("update bandit", features, context)?;
        if (-LARGEST_REWARD..=LARGEST_REWARD).contains(&reward) {
            return Ok(());
        }
        let problem = format!("it is {reward}, and must be a number of at most 1e100");
        Err(Error::invalid_input("update bandit", "reward", problem)
            .remedy("leave the outcome out, or say what it is worth"))
    }

    /// All sums, in one order.
    pub(crate) fn sums(&self) -> impl Iterator<Item = f64> + '_ {
        self.products.iter().chain(&self.moments).copied()
    }

    /// What is wrong with sums that no outcomes leave, of a bandit with these options.
    pub(crate) fn fault(&self, options: &LinearOptions) -> Option<&'static str> {
        if self.products.len() != triangle(options.features) || self.moments.len() != options.features {
            return Some("its sums are those of other features");
        }
        if self.sums().any(|sum| !(-LARGEST..=LARGEST).contains(&sum)) {
            return Some("a sum is too large");
        }
        if self.count == 0 && self.sums().any(|sum| sum != 0.0) {
            return Some("it has sums of no outcomes");
        }
        self.solve(options.l2_lambda).is_none().then_some("its sums are those of no features")
    }

    /// The regression with this regularisation; `None` where the sums are those of no features.
    pub(super) fn solve(&self, l2_lambda: f64) -> Option<Ridge> {
        let features = self.moments.len();
        let mut factor = self.products.clone();
        // Cholesky, in place: row after row, each entry from those to the left of it.
        for row in 0..features {
            for column in 0..=row {
                let (left, upper) = (row_of(&factor, row)?, row_of(&factor, column)?);
                let dot: f64 = left.iter().zip(upper).take(column).map(|(a, b)| a * b).sum();
                let ridge = if row == column { l2_lambda } else { 0.0 };
                let rest = left.get(column)? + ridge - dot;
                let entry = if row == column { rest.sqrt() } else { rest / upper.get(column)? };
                if !entry.is_finite() || (row == column && entry <= 0.0) {
                    return None;
                }
                *factor.get_mut(triangle(row) + column)? = entry;
            }
        }
        let mut ridge = Ridge { factor, beta: Vec::new() };
        let mut beta = ridge.forward(&self.moments);
        // The transposed factor, from the last row up.
        for row in (0..features).rev() {
            let entries = row_of(&ridge.factor, row)?;
            let solved = beta.get(row)? / entries.get(row)?;
            beta.iter_mut().zip(entries).take(row).for_each(|(value, entry)| *value -= entry * solved);
            *beta.get_mut(row)? = solved;
        }
        ridge.beta = beta;
        Some(ridge)
    }
}

/// A regression that is solved: `beta`, and the Cholesky factor of `A`.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Ridge {
    factor: Vec<f64>,
    beta: Vec<f64>,
}

impl Ridge {
    /// `x beta`.
    pub(super) fn mean(&self, context: &[f64]) -> f64 {
        self.beta.iter().zip(context).map(|(beta, feature)| beta * feature).sum()
    }

    /// `sqrt(x A^-1 x)`.
    pub(super) fn deviation(&self, context: &[f64]) -> f64 {
        self.forward(context).iter().map(|value| value * value).sum::<f64>().sqrt()
    }

    /// The solution of `factor y = values`.
    fn forward(&self, values: &[f64]) -> Vec<f64> {
        let mut solved: Vec<f64> = Vec::with_capacity(values.len());
        for (row, value) in values.iter().enumerate() {
            let Some(entries) = row_of(&self.factor, row) else { break };
            let dot: f64 = entries.iter().zip(&solved).map(|(entry, solved)| entry * solved).sum();
            solved.push((value - dot) / entries.last().copied().unwrap_or(1.0));
        }
        solved
    }
}

/// The entries of a lower triangle with so many rows.
pub(super) const fn triangle(rows: usize) -> usize {
    rows * (rows + 1) / 2
}

fn row_of(triangle_entries: &[f64], row: usize) -> Option<&[f64]> {
    triangle_entries.get(triangle(row)..triangle(row + 1))
}

/// The largest sum: that of many of the largest rewards times the largest features.
const LARGEST: f64 = 1e170;
