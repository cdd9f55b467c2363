//! Confidence sequences for bounded means by betting.

use serde::{Deserialize, Serialize};

use super::bets::{Bets, Range, check_alpha};
use crate::error::{Error, Result};
use crate::stats::ConfidenceInterval;

/// A confidence sequence for the mean of values of a known range, by betting against every mean on a grid: those remain against
/// which nobody got rich. Valid at every number of values without any assumption but the range, and close to the narrowest
/// there is.
///
/// Memory is 16 bytes and a value takes some nanoseconds for each mean on the grid that remains, of 1,001 at the beginning. The order of
/// the values counts, so that two sequences cannot be merged. Means that the running intersection has left out are forgotten.
///
/// # Source
/// I. Waudby-Smith and A. Ramdas, "Estimating means of bounded random variables by betting" (2024), the hedged capital process of
/// Theorem 3; confseq 0.0.11, `hedged_cs` with its defaults (whose negative bets take an alpha of 0.05 whatever `alpha` is; here
/// both take `alpha`).
///
/// ```
/// use mlcore::experiment::BettingSequence;
///
/// let mut sequence = BettingSequence::new(0.05)?;
/// for i in 0..500 {
///     sequence.push(f64::from(i % 10) / 10.0)?;
/// }
/// let interval = sequence.interval();
/// assert!(interval.low < 0.45 && 0.45 < interval.high && interval.high - interval.low < 0.15);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
pub struct BettingSequence {
    alpha: f64,
    range: Range,
    breaks: u32,
    bets: Bets,
    /// The place on the grid of the first mean that remains.
    first: u32,
    /// For each mean that remains, the capital of who bets on a larger one and of who bets on a smaller one.
    capitals: Vec<[f64; 2]>,
    interval: [f64; 2],
}

#[derive(Deserialize)]
struct Stored {
    alpha: f64,
    range: Range,
    breaks: u32,
    bets: Bets,
    first: u32,
    capitals: Vec<[f64; 2]>,
    interval: [f64; 2],
}

impl TryFrom<Stored> for BettingSequence {
    type Error = Error;

    fn try_from(stored: Stored) -> Result<Self> {
        let Stored { alpha, range, breaks, bets, first, capitals, interval } = stored;
        let new = Self::with_breaks(alpha, range.low, range.high, breaks)?;
        if first as usize + capitals.len() > new.capitals.len() {
            let problem = format!("{} means from {first} on a grid of {breaks}", capitals.len());
            return Err(Error::corrupt("read betting sequence", "", problem));
        }
        Ok(Self { bets, first, capitals, interval, ..new })
    }
}

impl BettingSequence {
    /// For values from 0 to 1, of level `1 - alpha`, on a grid of a thousand steps.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] where `alpha` is not inside `(0, 1)`.
    pub fn new(alpha: f64) -> Result<Self> {
        Self::with_breaks(alpha, 0.0, 1.0, BREAKS)
    }

    /// For values from `low` to `high`, on a grid of so many steps.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] where `alpha` is not inside `(0, 1)`, `low` is not below `high`, or the steps are none or more than a
    /// million.
    pub fn with_breaks(alpha: f64, low: f64, high: f64, breaks: u32) -> Result<Self> {
        check_alpha(OPERATION, alpha)?;
        let range = Range::new(OPERATION, low, high)?;
        if breaks == 0 || breaks > MOST_BREAKS {
            return Err(Error::invalid_input(OPERATION, "breaks", format!("{breaks} steps are no grid"))
                .remedy("give from 1 to 1,000,000 steps, such as 1,000"));
        }
        Ok(Self {
            alpha,
            range,
            breaks,
            bets: Bets::new(),
            first: 0,
            capitals: vec![[1.0; 2]; breaks as usize + 1],
            interval: [0.0, 1.0],
        })
    }

    /// Adds a value.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a value outside of the range; nothing was added.
    pub fn push(&mut self, value: f64) -> Result<()> {
        let share = self.range.share(OPERATION, value)?;
        let bet = self.bets.next(self.alpha);
        let step = 1.0 / f64::from(self.breaks);
        let rich = 1.0 / self.alpha;
        let (mut low, mut high) = (None, None);
        for (place, capital) in self.capitals.iter_mut().enumerate() {
            let mean = ((self.first as usize + place) as f64 * step).min(1.0);
            let away = share - mean;
            capital[0] *= 1.0 + bet.min(STAKED / mean) * away;
            capital[1] *= 1.0 - bet.min(STAKED / (1.0 - mean)) * away;
            // Half of the money is on either side.
            if 0.5 * capital[0].max(capital[1]) <= rich {
                low = low.or(Some(place));
                high = Some(place);
            }
        }
        self.bets.push(share);
        // Where no mean remains the data have left the assumption, and the last interval stands.
        if let (Some(low), Some(high)) = (low, high) {
            let mean = |place: usize| (self.first as usize + place) as f64 * step;
            let now = [(mean(low) - step).max(0.0), (mean(high) + step).min(1.0)];
            self.interval = [self.interval[0].max(now[0]), self.interval[1].min(now[1])];
            self.capitals.truncate(high + 1);
            self.capitals.drain(..low);
            self.first += low as u32;
        }
        Ok(())
    }

    /// How many values.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.bets.count()
    }

    /// The intersection of the intervals at every number of values so far.
    #[must_use]
    pub fn interval(&self) -> ConfidenceInterval {
        let [low, high] = self.interval;
        ConfidenceInterval { low: self.range.value(low), high: self.range.value(high) }
    }
}

const OPERATION: &str = "bound mean";
/// confseq's grid.
const BREAKS: u32 = 1000;
const MOST_BREAKS: u32 = 1_000_000;
/// confseq's truncation: half of what could be lost at once.
const STAKED: f64 = 0.5;
