//! Conformal test martingales: a bet against the claim that the order of the values is chance.

use mlcore::Result;
use mlcore::stats::SplitMix64;
use serde::{Deserialize, Serialize};

use super::parameters::{parameters, require, require_share};
use super::{Algorithm, FalseAlarms, Flags, Stream, is_finite_number};

/// What counts as strange, for [`ConformalMartingale`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
#[non_exhaustive]
pub enum Strangeness {
    /// Values far from the median, on either side.
    #[default]
    Far,
    /// Large values.
    High,
    /// Small values.
    Low,
}

mlcore::words! { Strangeness, "strangeness": Far = "far", High = "high", Low = "low" }

/// How [`ConformalMartingale`] bets on p-values.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
#[non_exhaustive]
pub enum Betting {
    /// `epsilon p^(epsilon - 1)`: on small p-values, with one exponent.
    Power,
    /// The mean of such bets over twenty exponents, 0.025 to 0.975, which are carried along side by side.
    #[default]
    Mixture,
    /// On the shares of ten bins of all p-values so far (one added to each count): on any shape that lasts.
    PlugIn,
}

mlcore::words! { Betting, "betting": Power = "power", Mixture = "mixture", PlugIn = "plug_in" }

parameters! {
    /// A conformal test martingale: watches whether the values of a stream could stand in any order.
    ///
    /// Each value gets a conformal p-value: its rank, by strangeness, among it and a bag of earlier values, ties broken by a
    /// random number. While the values are independent and of one distribution, whichever it is, these p-values are
    /// independent and uniform; money bet on them by a rule that looks at the past alone is a martingale, and a change is told
    /// where it has grown from 1 to `1 / alpha`.
    ///
    /// **False alarms.** By Ville's inequality the probability that a stream of one distribution is ever told to have
    /// changed, however long it is, is at most `alpha`. After a detection a new bag and a new bet begin, with a new `alpha`.
    /// Values that depend on each other (a season, a random walk) are a change to it. The price of the guarantee is delay: a
    /// bet that lost a lot while nothing happened must win it back; begin anew ([`reset`](super::StreamDetector::reset)) at
    /// times of your choice, or take [`Watch`](super::Watch).
    ///
    /// **Memory** is the bag: while it has fewer than `memory` values each one is kept; then a random one of them and the new
    /// one goes, each with the same probability. Given the values that stood in the draw it is open which of them was the new
    /// one, so that its p-value says nothing about later ones, and they stay independent. **Cost** is a search and a shift in
    /// the sorted bag: a few hundred nanoseconds at the defaults.
    ///
    /// Source: V. Vovk, A. Gammerman and G. Shafer, "Algorithmic learning in a random world" (2005), chapter 7.1; V. Fedorova,
    /// A. Gammerman, I. Nouretdinov and V. Vovk, "Plug-in martingales for testing exchangeability on-line" (2012), whose kernel
    /// density is a histogram here, in bounded memory.
    ///
    /// ```
    /// use mlcore::stats::SplitMix64;
    /// use mlcore_drift::stream::{Algorithm, ConformalMartingale, StreamDetector};
    ///
    /// let mut random = SplitMix64::new(7);
    /// let values: Vec<f64> = (0..1000).map(|i| random.normal() + if i < 500 { 0.0 } else { 3.0 }).collect();
    /// let mut martingale = ConformalMartingale::default().start()?;
    /// let found = martingale.update_many(&values)?;
    /// assert!((500..560).contains(&found.drifts[0]), "{found:?}");
    /// # Ok::<(), mlcore::Error>(())
    /// ```
    pub struct ConformalMartingale {
        /// The probability of ever telling a change that is none.
        alpha, with_alpha: f64 = 0.01;
        /// What counts as strange.
        strangeness, with_strangeness: Strangeness = Strangeness::Far;
        /// The rule of the bets.
        betting, with_betting: Betting = Betting::Mixture;
        /// The exponent of [`Betting::Power`], above 0 and below 1: smaller bets more.
        epsilon, with_epsilon: f64 = 0.92;
        /// How many values the bag holds, 2 to 100,000.
        memory, with_memory: usize = 1_000;
        /// The seed of the random numbers.
        seed, with_seed: u64 = 0;
    }
}

/// The bag, and the logarithms of the money.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ConformalMartingaleState {
    /// Sorted.
    bag: Vec<f64>,
    /// How many random numbers were drawn, of all streams since the first.
    drawn: u64,
    /// The logarithm of the money of each bet.
    log_money: Vec<f64>,
    /// How many p-values fell into each bin.
    counts: Vec<u64>,
    pvalue: f64,
}

impl Algorithm for ConformalMartingale {
    const NAME: &'static str = "conformal_martingale";
    const LEGEND: &'static str = "Conformal martingale: the order of numbers of any distribution, with a bounded probability of ever alarming falsely.";
    /// The exponents that are bet with.
    type Constants = Vec<f64>;
    type State = ConformalMartingaleState;

    fn prepare(&self) -> Result<Vec<f64>> {
        require_share(Self::NAME, "alpha", self.alpha)?;
        require_share(Self::NAME, "epsilon", self.epsilon)?;
        require(
            (2..=MOST_MEMORY).contains(&self.memory),
            Self::NAME,
            "memory",
            self.memory,
            "from 2 to 100000",
        )?;
        Ok(match self.betting {
            Betting::Power => vec![self.epsilon],
            Betting::Mixture => (0..EXPONENTS).map(|i| (f64::from(i) + 0.5) / f64::from(EXPONENTS)).collect(),
            Betting::PlugIn => Vec::new(),
        })
    }

    fn begin(&self, exponents: &Vec<f64>) -> ConformalMartingaleState {
        ConformalMartingaleState {
            bag: Vec::new(),
            drawn: 0,
            log_money: vec![0.0; exponents.len().max(1)],
            counts: if self.betting == Betting::PlugIn { vec![0; BINS] } else { Vec::new() },
            pvalue: 1.0,
        }
    }

    /// Random numbers go on, so that no two streams share them.
    fn begin_again(
        &self,
        exponents: &Vec<f64>,
        ended: &ConformalMartingaleState,
    ) -> ConformalMartingaleState {
        ConformalMartingaleState { drawn: ended.drawn, ..self.begin(exponents) }
    }

    fn step(&self, exponents: &Vec<f64>, state: &mut ConformalMartingaleState, value: f64) -> Flags {
        let value = value + 0.0;
        let mut random = SplitMix64::at(self.seed, state.drawn);
        state.drawn += 2;
        let place = state.bag.partition_point(|earlier| *earlier < value);
        state.bag.insert(place, value);
        // Above 0, so that no bet is infinite.
        let tie = (random.uniform() + f64::EPSILON).min(1.0);
        let (stranger, as_strange) = self.ranks(&state.bag, value);
        let pvalue = (stranger as f64 + tie * as_strange as f64) / state.bag.len() as f64;
        state.pvalue = pvalue;
        if state.bag.len() > self.memory {
            state.bag.remove(random.below(state.bag.len()));
        }
        match self.betting {
            Betting::PlugIn => bet_on_shape(state, pvalue),
            Betting::Power | Betting::Mixture => {
                let log_pvalue = pvalue.ln();
                for (money, epsilon) in state.log_money.iter_mut().zip(exponents) {
                    *money += epsilon.ln() + (epsilon - 1.0) * log_pvalue;
                }
            }
        }
        Flags { drift: state.log_value() >= -self.alpha.ln(), warning: false }
    }

    fn fits(&self, exponents: &Vec<f64>, state: &ConformalMartingaleState) -> bool {
        let begun = self.begin(exponents);
        state.bag.len() <= self.memory
            && state.bag.iter().all(|value| is_finite_number(*value))
            && state.bag.is_sorted()
            && state.log_money.len() == begun.log_money.len()
            && state.log_money.iter().all(|money| money.is_finite())
            && state.counts.len() == begun.counts.len()
            && state.counts.iter().all(|count| *count <= 1 << 48)
            && state.drawn <= 1 << 54
            && (0.0..=1.0).contains(&state.pvalue)
    }

    fn false_alarms(&self) -> FalseAlarms {
        FalseAlarms::Ever(self.alpha)
    }

    fn statistics(&self, _: &Vec<f64>, state: &ConformalMartingaleState) -> Vec<(&'static str, f64)> {
        vec![("log_martingale", state.log_value()), ("p_value", state.pvalue)]
    }
}

impl Stream<ConformalMartingale> {
    /// The natural logarithm of the martingale: 0 at the beginning, negative where nothing happens.
    #[must_use]
    pub fn log_martingale(&self) -> f64 {
        self.state().log_value()
    }
}

impl ConformalMartingale {
    /// How many values of the sorted bag are stranger than this one, and how many are as strange, itself among them.
    fn ranks(&self, bag: &[f64], value: f64) -> (usize, usize) {
        let below = bag.partition_point(|other| *other < value);
        let up_to = bag.partition_point(|other| *other <= value);
        match self.strangeness {
            Strangeness::High => (bag.len() - up_to, up_to - below),
            Strangeness::Low => (below, up_to - below),
            Strangeness::Far => {
                let median = bag.get(bag.len() / 2).copied().unwrap_or(value);
                let middle = bag.partition_point(|other| *other < median);
                let (low, high) = bag.split_at(middle);
                let distance = (value - median).abs();
                // Distances fall towards the median and rise after it.
                let farther_low = low.partition_point(|other| median - other > distance);
                let as_far_low = low.partition_point(|other| median - other >= distance) - farther_low;
                let nearer_high = high.partition_point(|other| other - median < distance);
                let up_to_as_far = high.partition_point(|other| other - median <= distance);
                let stranger = farther_low + high.len() - up_to_as_far;
                (stranger, as_far_low + up_to_as_far - nearer_high)
            }
        }
    }
}

impl ConformalMartingaleState {
    /// The logarithm of the mean of the bets.
    fn log_value(&self) -> f64 {
        let largest = self.log_money.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = self.log_money.iter().map(|money| (money - largest).exp()).sum();
        largest + (sum / self.log_money.len() as f64).ln()
    }
}

/// Bets the shares of the bins so far, and then counts.
fn bet_on_shape(state: &mut ConformalMartingaleState, pvalue: f64) {
    let bins = state.counts.len();
    let bin = ((pvalue * bins as f64) as usize).min(bins.saturating_sub(1));
    let all: u64 = state.counts.iter().sum();
    if let (Some(count), Some(money)) = (state.counts.get_mut(bin), state.log_money.first_mut()) {
        *money += (bins as f64 * (*count as f64 + 1.0) / (all as f64 + bins as f64)).ln();
        *count += 1;
    }
}

const MOST_MEMORY: usize = 100_000;
const EXPONENTS: u32 = 20;
const BINS: usize = 10;
