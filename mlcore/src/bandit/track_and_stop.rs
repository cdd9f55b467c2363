use serde::{Deserialize, Serialize};

use super::policy::{Rule, check, greedy, normalised};
use super::{ArmStatistics, Support};
use crate::error::Result;
use crate::stats::{Alternative, ConfidenceSequence, Moments};

/// Finds the best arm, with a probability of at most `delta` that it is another, and as soon as can be.
///
/// While it looks, arms answer in the proportions that tell the best from the others with the fewest outcomes; it does not try to
/// earn much on the way. Proportions follow variances that are estimated, so that an arm whose first outcomes are alike by chance
/// would hardly answer again: a bandit with this policy wants a [`min_prob`](super::BanditOptions::min_prob) above 0, such as 0.1
/// of an equal share. The arm that is found is kept by the bandit and answers all requests, until arms are added.
///
/// # Source
/// A. Garivier and E. Kaufmann, "Optimal best arm identification with fixed confidence" (2016): the proportions are those of
/// normal rewards, with variances that are estimated, by their theorem 5 (here for unequal variances). Parameters and defaults:
/// TensorZero's track-and-stop; `min_samples` is its `min_samples_per_variant`, which is an option of the bandit here.
///
/// ```
/// use mlcore::bandit::{ArmStatistics, BanditPolicy, TrackAndStop};
///
/// let policy = BanditPolicy::from(TrackAndStop::default());
/// let arms = [0.4, 0.6, 0.5].map(|mean| ArmStatistics::believed(2000.0, mean, 0.24));
/// let shares = policy.probabilities(&arms);
/// assert!(shares[1] > shares[2] && shares[2] > 2.0 * shares[0], "{shares:?}");
/// assert_eq!(policy.winner(&arms), Some(1));
/// ```
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrackAndStop {
    /// The probability with which the arm that is found may be another than the best.
    pub delta: f64,
    /// By how much the arm that is found may be worse than the best, in the unit of rewards.
    #[serde(default)]
    pub epsilon: f64,
    /// When it is sure.
    #[serde(default)]
    pub stopping: Stopping,
}

/// When a search for the best arm is sure.
///
/// Each rule compares the arm with the highest mean with every other one.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Stopping {
    /// For rewards from 0 to 1: when the likelihood of two Bernoulli arms of any means is `(K - 1) / delta` times that of every
    /// pair of means of which the other one is the higher, by more than `epsilon`. The likelihood of any means is a mixture over
    /// the uniform distribution, a martingale, so that by Ville's inequality an error has a probability of at most `delta`, with
    /// few outcomes too and however often one looks. (E. Kaufmann and W. M. Koolen, "Mixture martingales revisited", 2021.)
    #[default]
    Mixture,
    /// For any rewards: when the lower bound of the lead, by a [confidence sequence](crate::stats::ConfidenceSequence) of level
    /// `delta / (K - 1)`, is above `-epsilon`. It is asymptotic: with 30 outcomes or more of each arm it may be sure.
    ConfidenceSequence,
    /// For any rewards: when `lead^2 / (2 (variance / n + variance / n))` is above `ln((1 + ln(N)) / delta)`, TensorZero's rule. It
    /// is sooner sure, and with few outcomes it errs more often than `delta`: a variance that is too small by chance makes it
    /// certain.
    Glr,
}

crate::words! { Stopping, "stopping": Mixture = "mixture", ConfidenceSequence = "confidence_sequence", Glr = "glr" }

impl Default for TrackAndStop {
    fn default() -> Self {
        Self { delta: 0.05, epsilon: 0.0, stopping: Stopping::default() }
    }
}

impl TrackAndStop {
    /// The arm with the highest mean; of several the one that is known best, and of these the first.
    fn leader(arms: &[ArmStatistics]) -> Option<usize> {
        let order = |arm: &ArmStatistics| (arm.mean(), -arm.variance() / arm.count.max(1.0));
        let mut best: Option<(usize, (f64, f64))> = None;
        for (position, arm) in arms.iter().enumerate() {
            if best.is_none_or(|(_, before)| order(arm) > before) {
                best = Some((position, order(arm)));
            }
        }
        best.map(|(position, _)| position)
    }

    fn is_sure(&self, leader: &ArmStatistics, other: &ArmStatistics, arms: &[ArmStatistics]) -> bool {
        let lead = leader.mean() - other.mean() + self.epsilon;
        if !(lead > 0.0 && leader.count > 0.0 && other.count > 0.0) {
            return false;
        }
        let level = self.delta / (arms.len().max(2) - 1) as f64;
        match self.stopping {
            Stopping::Mixture => log_evidence(leader, other, self.epsilon) >= -level.ln(),
            Stopping::ConfidenceSequence => {
                let Ok(sequence) = ConfidenceSequence::new(level) else { return false };
                // Weights that fade leave fractions of an outcome, which do not count.
                let moments =
                    |arm: &ArmStatistics| Moments::from_stats(arm.count as u64, arm.mean(), arm.variance());
                let few =
                    leader.count.min(other.count) < FEWEST || leader.variance() + other.variance() <= 0.0;
                let interval = sequence.difference(&moments(leader), &moments(other), Alternative::Greater);
                !few && interval.low > -self.epsilon
            }
            Stopping::Glr => {
                let variance = |arm: &ArmStatistics| arm.variance().max(LEAST_VARIANCE) / arm.count;
                let total: f64 = arms.iter().map(|arm| arm.count).sum();
                let statistic = lead * lead / (2.0 * (variance(leader) + variance(other)));
                statistic > ((1.0 + total.ln()) / self.delta).ln()
            }
        }
    }
}

/// The logarithm of the likelihood of two Bernoulli arms, mixed over all means, over the highest one of means of which the
/// other's is higher by `epsilon` or more.
fn log_evidence(leader: &ArmStatistics, other: &ArmStatistics, epsilon: f64) -> f64 {
    let mixed = |arm: &ArmStatistics| {
        let successes = arm.sum.clamp(0.0, arm.count);
        ln_gamma(1.0 + successes) + ln_gamma(1.0 + arm.count - successes) - ln_gamma(2.0 + arm.count)
    };
    let against = |arm: &ArmStatistics, mean: f64| {
        let mean = mean.clamp(TINY, 1.0 - f64::EPSILON);
        let successes = arm.sum.clamp(0.0, arm.count);
        -successes * mean.ln() - (arm.count - successes) * (-mean).ln_1p()
    };
    // The means with the highest likelihood differ by just epsilon. The sum is convex: its least is found by halving.
    let both = |mean: f64| against(leader, mean) + against(other, mean + epsilon);
    let (mut low, mut high) = (0.0, (1.0 - epsilon).max(0.0));
    for _ in 0..100 {
        let (first, second) = (low + (high - low) / 3.0, high - (high - low) / 3.0);
        if both(first) < both(second) { high = second } else { low = first }
    }
    mixed(leader) + mixed(other) + both(0.5 * (low + high))
}

/// `ln Gamma(x)` for `x >= 1`: Stirling's series, from 10 on.
fn ln_gamma(x: f64) -> f64 {
    let (mut shifted, mut product) = (x, 1.0);
    while shifted < 10.0 {
        product *= shifted;
        shifted += 1.0;
    }
    let inverse = 1.0 / shifted;
    let square = inverse * inverse;
    let series = inverse * (1.0 / 12.0 - square * (1.0 / 360.0 - square * (1.0 / 1260.0 - square / 1680.0)));
    (shifted - 0.5) * shifted.ln() - shifted + 0.5 * std::f64::consts::TAU.ln() + series - product.ln()
}

impl Rule for TrackAndStop {
    fn check(&self) -> Result<()> {
        let Self { delta, epsilon, stopping: _ } = *self;
        check("track_and_stop", "delta", delta, delta > 0.0 && delta < 1.0, "between 0 and 1")?;
        check("track_and_stop", "epsilon", epsilon, (0.0..=1e100).contains(&epsilon), "0 or more, and finite")
    }

    fn support(&self) -> Support {
        match self.stopping {
            Stopping::Mixture => Support::UnitInterval,
            Stopping::ConfidenceSequence | Stopping::Glr => Support::Real,
        }
    }

    fn scores(&self, arms: &[ArmStatistics]) -> Vec<f64> {
        arms.iter().map(ArmStatistics::mean).collect()
    }

    fn probabilities(&self, arms: &[ArmStatistics]) -> Vec<f64> {
        let Some(leader) = Self::leader(arms) else { return Vec::new() };
        optimal_proportions(arms, leader, self.epsilon)
    }

    fn winner(&self, arms: &[ArmStatistics]) -> Option<usize> {
        let leader = Self::leader(arms)?;
        let best = arms.get(leader)?;
        let mut others = arms.iter().enumerate().filter(|(position, _)| *position != leader).peekable();
        others.peek()?;
        others.all(|(_, other)| self.is_sure(best, other, arms)).then_some(leader)
    }
}

/// The shares of requests with which the leader is told from every other arm alike, and soonest.
///
/// With a share of 1 for the leader, each other arm gets the share at which its evidence is `y`; the `y` is the one where the sum
/// of `(share / deviation)^2` of the others is that of the leader.
fn optimal_proportions(arms: &[ArmStatistics], leader: usize, epsilon: f64) -> Vec<f64> {
    let variance = |arm: &ArmStatistics| arm.variance().max(LEAST_VARIANCE);
    let Some(best) = arms.get(leader) else { return greedy(&vec![0.0; arms.len()]) };
    let own = variance(best);
    // The squared lead over each other arm; arms alike are told apart as if their lead were a millionth of a deviation.
    let leads: Vec<(f64, f64)> = arms
        .iter()
        .map(|arm| {
            let lead = best.mean() - arm.mean() + epsilon;
            let least = 1e-12 * (own + variance(arm));
            ((lead * lead).max(least), variance(arm))
        })
        .collect();
    let others =
        || leads.iter().enumerate().filter(|(position, _)| *position != leader).map(|(_, lead)| *lead);
    let highest = others().map(|(squared, _)| squared / own).fold(f64::INFINITY, f64::min);
    if !highest.is_finite() {
        return greedy(&arms.iter().map(ArmStatistics::mean).collect::<Vec<_>>());
    }
    // `y` as a part of the highest at which shares are finite.
    let share = |part: f64, (squared, variance): (f64, f64)| variance / (squared / (part * highest) - own);
    let balance = |part: f64| others().map(|lead| share(part, lead).powi(2) * own / lead.1).sum::<f64>();
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            break;
        }
        if balance(middle) < 1.0 { low = middle } else { high = middle }
    }
    let of =
        |(position, lead): (usize, &(f64, f64))| if position == leader { 1.0 } else { share(low, *lead) };
    normalised(leads.iter().enumerate().map(of).collect())
}

/// TensorZero's floor under variances.
const LEAST_VARIANCE: f64 = 1e-12;
/// Fewer outcomes of an arm say nothing of its variance.
const FEWEST: f64 = 30.0;
/// Keeps logarithms finite.
const TINY: f64 = 1e-300;
