//! How much is staked on the next value, and the range of values.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The predictable bets of the empirical Bernstein mixture: the more surely the next value is like those before, the higher.
///
/// Source: I. Waudby-Smith and A. Ramdas, "Estimating means of bounded random variables by betting" (2024), eq. 26;
/// confseq 0.0.11, `lambda_predmix_eb` with its prior of one value of mean 1/2 and variance 1/4.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Bets {
    count: u64,
    sum: f64,
    squares: f64,
}

impl Bets {
    pub(super) fn new() -> Self {
        Self { count: 0, sum: 0.0, squares: 0.0 }
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// The mean of the values so far, without the prior; 0 of none.
    pub(super) fn mean(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.sum / self.count as f64 }
    }

    /// The bet on the value that comes next.
    pub(super) fn next(&self, alpha: f64) -> f64 {
        let time = self.count as f64 + 1.0;
        let variance = (0.25 + self.squares) / time;
        (-2.0 * alpha.ln() / (time * time.ln_1p() * variance)).sqrt()
    }

    pub(super) fn push(&mut self, value: f64) {
        self.count = self.count.saturating_add(1);
        self.sum += value;
        let mean = ((0.5 + self.sum) / (self.count as f64 + 1.0)).min(1.0);
        self.squares += (value - mean) * (value - mean);
    }
}

/// The least and the largest value that can be.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Range {
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Range {
    pub(super) fn new(operation: &'static str, low: f64, high: f64) -> Result<Self> {
        if low < high && (high - low).is_finite() {
            return Ok(Self { low, high });
        }
        Err(Error::invalid_input(operation, "range", format!("there is nothing between {low} and {high}"))
            .remedy("give the least and the largest value that the metric can have"))
    }

    /// The value as a share of the range.
    pub(super) fn share(self, operation: &'static str, value: f64) -> Result<f64> {
        if value >= self.low && value <= self.high {
            return Ok((value - self.low) / (self.high - self.low));
        }
        let problem = format!("{value} is not between {} and {}", self.low, self.high);
        Err(Error::invalid_input(operation, "value", problem)
            .remedy("give the range that the metric has, or cap its values"))
    }

    pub(super) fn value(self, share: f64) -> f64 {
        self.low + share * (self.high - self.low)
    }
}

pub(super) fn check_alpha(operation: &'static str, alpha: f64) -> Result<()> {
    if alpha > 0.0 && alpha < 1.0 {
        return Ok(());
    }
    Err(Error::invalid_input(operation, "alpha", format!("{alpha} is not inside (0, 1)")))
}
