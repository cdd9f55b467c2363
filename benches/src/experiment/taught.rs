//! Bandits that answer and learn, one reward after another.

use std::fs;
use std::path::Path;

use mlcore::bandit::{Bandit, BanditOptions, Reward, ThompsonBeta, Ucb1};
use mlcore::name::Arm;
use mlcore::rollout::Draw;
use mlcore::stats::SplitMix64;

use super::{TIMES, largest_difference};
use crate::Result;
use crate::peer::Peer;
use crate::table::{Goal, Table};
use crate::timing::median_seconds;

pub(super) const ROUNDS: usize = 100_000;
const MEANS: [f64; 5] = [0.5, 0.45, 0.4, 0.3, 0.2];

/// What each arm would earn in each round.
pub(super) struct Rewards {
    normal: Vec<[f64; 5]>,
    coins: Vec<[f64; 5]>,
}

impl Rewards {
    pub(super) fn new() -> Self {
        let mut random = SplitMix64::new(112);
        let normal = (0..ROUNDS).map(|_| MEANS.map(|mean| mean + random.normal())).collect();
        let coins =
            (0..ROUNDS).map(|_| MEANS.map(|mean| f64::from(u8::from(random.uniform() < mean)))).collect();
        Self { normal, coins }
    }

    /// For the peer.
    pub(super) fn write(&self, folder: &Path) -> Result<()> {
        for (name, rewards) in [("normal_rewards", &self.normal), ("coin_rewards", &self.coins)] {
            let bytes: Vec<u8> = rewards.iter().flatten().flat_map(|reward| reward.to_le_bytes()).collect();
            fs::write(folder.join(format!("{name}.f64")), bytes)?;
        }
        Ok(())
    }
}

pub(super) fn table(rewards: &Rewards, peer: &Peer) -> Result<()> {
    let headers = ["", "ours", "mabwiser", "faster", "goal", "", "earned, difference"];
    let mut table = Table::new(
        format!("Bandits: {ROUNDS} rounds of five arms, each an assignment and a reward, one thread"),
        &headers,
    );
    let each = BanditOptions::new(Ucb1::default()).with_refresh(0.0);
    let lines = [
        ("UCB1, anew after each reward", "ucb1", each, &rewards.normal, true),
        ("UCB1, by default", "ucb1", BanditOptions::new(Ucb1::default()), &rewards.normal, false),
        (
            "Thompson, by default",
            "thompson_beta",
            BanditOptions::new(ThompsonBeta::default()),
            &rewards.coins,
            false,
        ),
    ];
    for (name, theirs, options, rewards, is_same) in lines {
        let earned = loop_of(&options, rewards)?;
        let difference = if is_same { largest_difference(peer, &[(theirs, earned)])? } else { String::new() };
        let seconds = median_seconds(|| loop_of(&options, rewards));
        let cells = Goal::Times(TIMES).judge(seconds, peer.seconds(theirs));
        table.line([name.to_owned()].into_iter().chain(cells).chain([difference]));
    }
    table.note("theirs: predict and partial_fit of one reward. By default ours computes probabilities anew when a hundredth of the outcomes is new,");
    table.note("and draws, so that the two earn alike, and not the same");
    crate::print(&table);
    Ok(())
}

/// What a bandit earned.
fn loop_of(options: &BanditOptions, rewards: &[[f64; 5]]) -> Result<f64> {
    let mut random = SplitMix64::new(113);
    let names = (0..MEANS.len()).map(|number| Arm::new(format!("arm-{number:02}")));
    let names = names.collect::<mlcore::Result<Vec<Arm>>>()?;
    let mut bandit = Bandit::new(options.clone(), names.iter().cloned())?;
    let mut earned = 0.0;
    for (round, rewards) in rewards.iter().enumerate() {
        let (drawn, propensity) = bandit.allocation().draw(Draw::new(random.next_u64()));
        // As mabwiser, which wants an answer of each arm first.
        let (position, propensity) = if round < names.len() { (round, 1.0) } else { (drawn, propensity) };
        let (Some(arm), Some(reward)) = (names.get(position), rewards.get(position)) else {
            return Err("an arm was drawn that there is not".into());
        };
        bandit.update(&Reward::new(arm, *reward).with_propensity(propensity))?;
        earned += reward;
    }
    Ok(earned)
}
