//! Bandits with a context, whose arms earn a linear function of it.

use std::path::Path;

use mlcore::bandit::{LinearBandit, LinearOptions, LinearPolicy, LinearReward};
use mlcore::rollout::Draw;

use super::bandits::{REPLICATES, ROUNDS, Rival, names, write};
use super::{random, replicates};
use crate::Result;

const FEATURES: usize = 5;
const ARMS: usize = 4;
const NOISE: f64 = 0.5;
const SEEDS: [u64; 2] = [109, 110];

/// A request: what it says of itself, and what each arm would earn in the mean and this time.
struct Round {
    context: [f64; FEATURES],
    means: [f64; ARMS],
    rewards: [f64; ARMS],
}

/// All rounds of all replicates.
pub(super) struct Contexts {
    replicates: Vec<Vec<Round>>,
}

impl Contexts {
    pub(super) fn new() -> Self {
        Self { replicates: (0..REPLICATES).map(rounds).collect() }
    }

    /// For the peers.
    pub(super) fn write(&self, folder: &Path) -> Result<()> {
        let rounds = || self.replicates.iter().flatten();
        write(folder, "contexts", rounds().flat_map(|round| round.context))?;
        write(folder, "linear", rounds().flat_map(|round| round.rewards))?;
        write(folder, "linear_means", rounds().flat_map(|round| round.means))
    }
}

/// One replicate: each arm has slopes of its own.
fn rounds(run: u64) -> Vec<Round> {
    let mut random = random(SEEDS[0], run);
    let slopes = [(); ARMS].map(|()| [(); FEATURES].map(|()| 0.5 * random.normal()));
    let round = |_| {
        let context = [(); FEATURES].map(|()| random.normal());
        let means = slopes.map(|slopes| slopes.iter().zip(&context).map(|(slope, x)| slope * x).sum());
        let rewards = means.map(|mean: f64| mean + NOISE * random.normal());
        Round { context, means, rewards }
    };
    (0..ROUNDS).map(round).collect()
}

/// A policy, what it lost in each replicate, and who stands beside it.
type Regrets = (&'static str, Vec<f64>, &'static [Rival]);

pub(super) fn regrets(contexts: &Contexts) -> Result<Vec<Regrets>> {
    let policies: [(&str, LinearPolicy, &[Rival]); 2] = [
        ("lin_ucb", LinearPolicy::LinUcb { alpha: 1.0 }, &[Rival::Mabwiser]),
        ("lin_ts", LinearPolicy::LinTs { alpha: 1.0 }, &[Rival::Mabwiser, Rival::Textbook]),
    ];
    let lost = |(name, policy, whose)| {
        let of = |run: u64| {
            let rounds = usize::try_from(run).ok().and_then(|run| contexts.replicates.get(run));
            regret(policy, rounds.map_or(&[][..], Vec::as_slice), run)
        };
        Ok((name, replicates(REPLICATES, of)?, whose))
    };
    policies.into_iter().map(lost).collect()
}

fn regret(policy: LinearPolicy, rounds: &[Round], run: u64) -> Result<f64> {
    let mut random = random(SEEDS[1], run);
    let names = names(ARMS)?;
    let mut bandit = LinearBandit::new(LinearOptions::new(policy, FEATURES), names.iter().cloned())?;
    let mut lost = 0.0;
    for (number, round) in rounds.iter().enumerate() {
        let (drawn, _) = bandit.models().draw(&round.context, Draw::new(random.next_u64()))?;
        let position = if number < ARMS { number } else { drawn };
        let (Some(arm), Some(reward), Some(mean)) =
            (names.get(position), round.rewards.get(position), round.means.get(position))
        else {
            return Err("an arm was drawn that there is not".into());
        };
        bandit.update(&LinearReward::new(arm, &round.context, *reward))?;
        lost += round.means.iter().copied().fold(f64::NEG_INFINITY, f64::max) - mean;
    }
    Ok(lost)
}
