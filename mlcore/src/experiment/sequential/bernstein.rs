//! Empirical Bernstein confidence sequences for bounded means.

use serde::{Deserialize, Serialize};

use super::bets::{Bets, Range, check_alpha};
use crate::error::Result;
use crate::stats::ConfidenceInterval;

/// A confidence sequence for the mean of values of a known range: valid at every number of values, without any assumption but the
/// range, in constant memory.
///
/// [`BettingSequence`](super::BettingSequence) is narrower for values that vary little, and takes a thousand times as long for a value. The order of the values
/// counts, so that two sequences cannot be merged.
///
/// # Source
/// I. Waudby-Smith and A. Ramdas, "Estimating means of bounded random variables by betting" (2024), Theorem 2; confseq 0.0.11,
/// `predmix_empbern_cs` with its defaults.
///
/// ```
/// use mlcore::experiment::EmpiricalBernstein;
///
/// let mut sequence = EmpiricalBernstein::new(0.05)?;
/// for i in 0..2_000 {
///     sequence.push(f64::from(i % 10) / 10.0)?;
/// }
/// let interval = sequence.interval();
/// assert!(interval.low < 0.45 && 0.45 < interval.high && interval.high - interval.low < 0.1);
/// assert!(sequence.push(1.5).is_err());
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EmpiricalBernstein {
    alpha: f64,
    range: Range,
    bets: Bets,
    stakes: f64,
    staked: f64,
    /// What the bets cost, for the lower bound and for the upper one.
    costs: [f64; 2],
    intersection: [f64; 2],
}

impl EmpiricalBernstein {
    /// For values from 0 to 1, of level `1 - alpha`.
    ///
    /// # Errors
    /// [`Error::InvalidInput`](crate::Error::InvalidInput) where `alpha` is not inside `(0, 1)`.
    pub fn new(alpha: f64) -> Result<Self> {
        Self::with_range(alpha, 0.0, 1.0)
    }

    /// For values from `low` to `high`.
    ///
    /// # Errors
    /// [`Error::InvalidInput`](crate::Error::InvalidInput) where `alpha` is not inside `(0, 1)`, or `low` is not below `high`.
    pub fn with_range(alpha: f64, low: f64, high: f64) -> Result<Self> {
        check_alpha(OPERATION, alpha)?;
        let range = Range::new(OPERATION, low, high)?;
        Ok(Self {
            alpha,
            range,
            bets: Bets::new(),
            stakes: 0.0,
            staked: 0.0,
            costs: [0.0; 2],
            intersection: [0.0, 1.0],
        })
    }

    /// Adds a value.
    ///
    /// # Errors
    /// [`Error::InvalidInput`](crate::Error::InvalidInput) for a value outside of the range; nothing was added.
    pub fn push(&mut self, value: f64) -> Result<()> {
        let share = self.range.share(OPERATION, value)?;
        let bet = self.bets.next(self.alpha / 2.0).min(MOST_STAKED);
        let price = -(-bet).ln_1p() - bet;
        // The reference begins at 0 from either end.
        let begins = self.bets.count() == 0;
        let mean = self.bets.mean();
        let from_above = if begins { 1.0 } else { mean };
        self.costs[0] += (share - mean) * (share - mean) * price;
        self.costs[1] += (share - from_above) * (share - from_above) * price;
        self.stakes += bet;
        self.staked += bet * share;
        self.bets.push(share);
        let [low, high] = self.now();
        self.intersection = [self.intersection[0].max(low), self.intersection[1].min(high)];
        Ok(())
    }

    /// How many values.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.bets.count()
    }

    /// The interval of the values so far, within the range.
    #[must_use]
    pub fn interval(&self) -> ConfidenceInterval {
        self.scaled(self.now())
    }

    /// The intersection of the intervals at every number of values so far, which is as sure. It is empty, `low` above `high`,
    /// where the mean changed.
    #[must_use]
    pub fn running_intersection(&self) -> ConfidenceInterval {
        self.scaled(self.intersection)
    }

    fn now(&self) -> [f64; 2] {
        if self.stakes <= 0.0 {
            return [0.0, 1.0];
        }
        let needed = -(self.alpha / 2.0).ln();
        let centre = self.staked / self.stakes;
        let width = |cost: f64| (needed + cost) / self.stakes;
        [(centre - width(self.costs[0])).clamp(0.0, 1.0), (centre + width(self.costs[1])).clamp(0.0, 1.0)]
    }

    fn scaled(&self, [low, high]: [f64; 2]) -> ConfidenceInterval {
        ConfidenceInterval { low: self.range.value(low), high: self.range.value(high) }
    }
}

const OPERATION: &str = "bound mean";
/// confseq's truncation of the bets.
const MOST_STAKED: f64 = 0.5;
