use serde::{Deserialize, Serialize};

use super::Side;
use crate::stats::Moments;

/// Bets on the difference of two shares: evidence that the canary's share exceeds the control's by more than a margin, and
/// evidence that it does not.
///
/// A gambler who stakes the share `l` of his wealth on harm wins `l * (x - c - margin)` with each answer `x` (1 or 0) of the
/// canary, and `l * k * (c - y)` with each answer `y` of the control. `c` is a prediction of the control's share, and `k` one
/// of the canary's answers for each of the control's, both made before the answer came. With shares `p` and `p0` he wins
/// `l * (p - p0 - margin)` for each answer of the canary on average, whatever `c` and `l` are, so that his wealth is a test
/// martingale as long as the canary is within its margin: it reaches `1 / alpha` with a probability of at most `alpha`,
/// however often one looks, for any number of answers, and also where both shares change from day to day (Ville's
/// inequality). A negative `l` bets against harm.
///
/// How much to stake depends on the harm, which nobody knows. So the wealth is spread over gamblers who each expect another
/// excess, in multiples of the margin, and its sum is looked at: a mixture.
///
/// # Source
/// I. Waudby-Smith and A. Ramdas, "Estimating means of bounded random variables by betting" (2024), for the bets;
/// H. Robbins, "Statistical methods related to the law of the iterated logarithm" (1970), for mixtures. `tests/rollout_stakes.rs`
/// compares this with two other ways of choosing the stake.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Bets {
    /// The logarithms of the wealth of those who bet on harm, in the order of [`HARMS`].
    harm: [f64; HARMS.len()],
    /// And of those who bet against it, in the order of [`CLEARANCES`].
    clearance: [f64; CLEARANCES.len()],
    /// None before the control has answered often enough to be predicted.
    prediction: Option<Prediction>,
    /// Not saved: it follows from the prediction.
    #[serde(skip)]
    winnings: Winnings,
}

/// What is predicted of the next answers.
#[derive(Clone, Copy, PartialEq, PartialOrd, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Prediction {
    /// The number of the control's answers that it was made of; it is made anew when there are twice as many.
    answers: u64,
    /// The control's share.
    share: f64,
    /// The canary's answers for each of the control's.
    ratio: f64,
}

impl Bets {
    /// Settles the bets on one answer. `before` are the answers of canary and control until then, and `assigned` the
    /// canary's share of the requests.
    pub(super) fn settle(
        &mut self,
        side: Side,
        failed: bool,
        margin: f64,
        before: [&Moments; 2],
        assigned: f64,
    ) {
        self.predict(before, assigned);
        let Some(prediction) = self.prediction else { return };
        let Winnings { harm, clearance, .. } = self.winnings.of(prediction, margin);
        let column = answer(side, failed);
        self.harm.iter_mut().zip(harm).for_each(|(wealth, wins)| *wealth += wins[column]);
        self.clearance.iter_mut().zip(clearance).for_each(|(wealth, wins)| *wealth += wins[column]);
    }

    fn predict(&mut self, [canary, control]: [&Moments; 2], assigned: f64) {
        let due = self.prediction.map_or(FEWEST_TO_PREDICT, |last| last.answers.saturating_mul(2));
        if control.count() < due {
            return;
        }
        let (canaries, controls) = (canary.count() as f64, control.count() as f64);
        let ratio = (canaries + PRIOR * assigned) / (controls + PRIOR * (1.0 - assigned));
        // Half a failure more, because a share of exactly 0 would be a bet against all experience.
        let share = (control.mean() * controls + 0.5) / (controls + 1.0);
        self.prediction = Some(Prediction { answers: control.count(), share, ratio });
    }

    /// The logarithm of the evidence for harm.
    pub(super) fn harm(&self) -> f64 {
        mixture(&self.harm, &HARMS)
    }

    /// The logarithm of the evidence against harm.
    pub(super) fn clearance(&self) -> f64 {
        mixture(&self.clearance, &CLEARANCES)
    }

    /// The evidence of both, about requests that are different ones: the product of two test martingales is one.
    pub(super) fn merge(&self, other: &Self) -> Self {
        let newer = if other.prediction > self.prediction { other.prediction } else { self.prediction };
        Self {
            harm: std::array::from_fn(|place| self.harm[place] + other.harm[place]),
            clearance: std::array::from_fn(|place| self.clearance[place] + other.clearance[place]),
            prediction: newer,
            winnings: Winnings::default(),
        }
    }

    /// About how many requests it takes until the evidence is `1 / level`, in half of all releases, if the canary fails
    /// with the share `canary` and the control with the share `control`; none where it never is. On harm, or else against
    /// it.
    pub(super) fn expected_requests(
        on_harm: bool,
        level: f64,
        margin: f64,
        [canary, control]: [f64; 2],
        assigned: f64,
    ) -> Option<f64> {
        let prediction = Prediction { answers: 0, share: control, ratio: assigned / (1.0 - assigned) };
        let gamblers: &[(f64, f64)] = if on_harm { &HARMS } else { &CLEARANCES };
        let needed = gamblers.iter().filter_map(|(excess, weight)| {
            let stake = prediction.stake(*excess, margin);
            let mean =
                |side, share: f64| share * stake.wins(side, true) + (1.0 - share) * stake.wins(side, false);
            let growth =
                assigned * mean(Side::Canary, canary) + (1.0 - assigned) * mean(Side::Control, control);
            let wanted = -(level * weight).ln();
            (growth > 0.0).then(|| wanted * median_of_mean(wanted) / growth)
        });
        needed.min_by(f64::total_cmp)
    }
}

impl Prediction {
    /// The stake of the gambler who expects that the canary's share exceeds the allowed one by `excess` margins: the one that
    /// makes his wealth grow fastest if he is right (Kelly's).
    fn stake(&self, excess: f64, margin: f64) -> Stake {
        let Self { share, ratio, .. } = *self;
        let allowed = share + margin;
        // More than everybody may fail where the margin is wide: then whatever comes is allowed.
        let variance = (allowed * (1.0 - allowed)).max(0.0) + ratio * share * (1.0 - share);
        let wanted = excess * margin / variance.max(SMALLEST);
        // The worst answers are a canary's that is none and a control's that is one, or the other way round.
        let worst = if excess > 0.0 {
            allowed.max(ratio * (1.0 - share))
        } else {
            (1.0 - allowed).max(ratio * share)
        };
        // Nobody loses everything with one answer.
        let most = MOST_AT_STAKE / worst.max(SMALLEST);
        Stake { staked: wanted.clamp(-most, most), share, allowed, ratio }
    }
}

/// The logarithms of what each gambler wins with each kind of [answer], computed once for a prediction: thousands of answers
/// come between two.
#[derive(Clone, Copy, Debug, Default)]
struct Winnings {
    /// The prediction and the margin.
    of: Option<(Prediction, f64)>,
    harm: [[f64; 4]; HARMS.len()],
    clearance: [[f64; 4]; CLEARANCES.len()],
}

/// They say nothing that the prediction does not say.
impl PartialEq for Winnings {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Winnings {
    fn of(&mut self, prediction: Prediction, margin: f64) -> &Self {
        if self.of != Some((prediction, margin)) {
            let table = |(excess, _): (f64, f64)| {
                let stake = prediction.stake(excess, margin);
                let mut wins = [0.0; 4];
                for side in [Side::Canary, Side::Control] {
                    for failed in [false, true] {
                        wins[answer(side, failed)] = stake.wins(side, failed);
                    }
                }
                wins
            };
            *self = Self {
                of: Some((prediction, margin)),
                harm: HARMS.map(table),
                clearance: CLEARANCES.map(table),
            };
        }
        self
    }
}

/// The column of an answer.
fn answer(side: Side, failed: bool) -> usize {
    2 * usize::from(side == Side::Control) + usize::from(failed)
}

/// A share of the wealth, and what it is staked on.
struct Stake {
    staked: f64,
    share: f64,
    allowed: f64,
    ratio: f64,
}

impl Stake {
    /// The logarithm of the factor by which the wealth grows with an answer.
    fn wins(&self, side: Side, failed: bool) -> f64 {
        let value = f64::from(u8::from(failed));
        let won = match side {
            Side::Canary => self.staked * (value - self.allowed),
            Side::Control => self.staked * self.ratio * (self.share - value),
        };
        won.ln_1p()
    }
}

/// The logarithm of the weighted mean of wealths.
fn mixture(wealths: &[f64], gamblers: &[(f64, f64)]) -> f64 {
    let largest = wealths.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 =
        wealths.iter().zip(gamblers).map(|(wealth, (_, weight))| weight * (wealth - largest).exp()).sum();
    largest + sum.ln()
}

/// The median of the time until a sum reaches `wanted`, as a share of its mean, where the summands are logarithms of
/// likelihood ratios: that of the inverse Gaussian distribution with the shape `wanted / 2`, to a few percent.
fn median_of_mean(wanted: f64) -> f64 {
    1.0 - 1.0 / (1.0 + wanted)
}

/// The excess over the allowed share that a gambler expects, in margins, and his part of the money. Most of it is on one to
/// four margins, because a margin is chosen with the harm in mind that matters; the rest finds outright failure soon.
const HARMS: [(f64, f64); 7] =
    [(0.5, 0.1), (1.0, 0.3), (2.0, 0.25), (4.0, 0.15), (8.0, 0.1), (16.0, 0.06), (32.0, 0.04)];

/// The same for those who bet against harm: on a canary that is equal to the control above all.
const CLEARANCES: [(f64, f64); 3] = [(-0.5, 0.2), (-1.0, 0.6), (-2.0, 0.2)];

/// So many answers of the control make the first prediction.
const FEWEST_TO_PREDICT: u64 = 20;
/// The ratio of the arms is predicted as if so many requests had been seen in the assigned proportion.
const PRIOR: f64 = 20.0;
/// The largest share of a gambler's wealth that one answer may take.
const MOST_AT_STAKE: f64 = 0.98;
/// Nothing is divided by less than this.
const SMALLEST: f64 = 1e-9;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_neither_made_nor_lost_at_the_margin() {
        for (excess, _) in HARMS.iter().chain(&CLEARANCES) {
            for (share, ratio, margin) in
                [(0.02, 1.0 / 19.0, 0.01), (0.2, 1.0, 0.05), (1e-3, 0.25, 5e-4), (0.5, 1.0, 0.6)]
            {
                let prediction = Prediction { answers: 1, share, ratio };
                let stake = prediction.stake(*excess, margin);
                let mean = |side, failing: f64| {
                    failing * stake.wins(side, true).exp() + (1.0 - failing) * stake.wins(side, false).exp()
                };
                // Also where the prediction is wrong: what one arm wins the other loses.
                for control in [share, 0.3 * share, (3.0 * share).min(1.0 - margin.min(0.5))] {
                    let canary = control + margin;
                    if canary > 1.0 {
                        continue;
                    }
                    let assigned = ratio / (1.0 + ratio);
                    let mean = assigned * mean(Side::Canary, canary)
                        + (1.0 - assigned) * mean(Side::Control, control);
                    assert!((mean - 1.0).abs() < 1e-12, "{excess} margins, {control} of {share}: {mean}");
                }
                for failed in [false, true] {
                    for side in [Side::Canary, Side::Control] {
                        assert!(stake.wins(side, failed).is_finite());
                    }
                }
            }
        }
        for gamblers in [&HARMS[..], &CLEARANCES[..]] {
            assert!((gamblers.iter().map(|(_, weight)| weight).sum::<f64>() - 1.0).abs() < 1e-12);
        }
    }
}
