//! What bandits lose against the best arm, beside those of other libraries on the same arms and rewards.

use std::fs;
use std::path::Path;

use mlcore::bandit::{
    Bandit, BanditOptions, BanditPolicy, EpsilonGreedy, Exp3, KlUcb, Reward, Softmax, ThompsonBeta,
    ThompsonGammaPoisson, ThompsonGaussian, Ucb1,
};
use mlcore::name::Arm;
use mlcore::rollout::Draw;
use mlcore::stats::SplitMix64;

use super::contextual::{self, Contexts};
use super::{coin, random, replicates};
use crate::Result;
use crate::peer::Peer;
use crate::table::{Table, verdict};

pub(super) const REPLICATES: u64 = 100;
pub(super) const ROUNDS: usize = 1_000;
const SEEDS: [u64; 2] = [107, 108];

/// Arms with these means, of which the first is the best.
struct Arms {
    name: &'static str,
    means: [f64; 5],
    reward: fn(&mut SplitMix64, f64) -> f64,
    /// The Kullback-Leibler divergence of the rewards of one mean from those of another.
    divergence: fn(f64, f64) -> f64,
}

const COINS: Arms = Arms {
    name: "coins",
    means: [0.5, 0.45, 0.4, 0.3, 0.2],
    reward: coin,
    divergence: |p, q| p * (p / q).ln() + (1.0 - p) * ((1.0 - p) / (1.0 - q)).ln(),
};
const NORMAL: Arms = Arms {
    name: "normal",
    means: [1.0, 0.8, 0.6, 0.4, 0.2],
    reward: |random, mean| mean + random.normal(),
    divergence: |p, q| (p - q) * (p - q) / 2.0,
};
const COUNTS: Arms = Arms {
    name: "counts",
    means: [2.0, 1.8, 1.5, 1.2, 1.0],
    reward: poisson,
    divergence: |p, q| p * (p / q).ln() - p + q,
};

/// Who stands beside a policy.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Rival {
    Mabwiser,
    River,
    Textbook,
}

/// What the others lost, each in a process of its own.
pub(super) struct Rivals {
    mabwiser: Peer,
    river: Peer,
    textbook: Peer,
}

impl Rivals {
    fn run(folder: &Path) -> Result<Self> {
        let [replicates, rounds] = [REPLICATES.to_string(), ROUNDS.to_string()];
        let run = |variable, library| {
            let arguments = ["--library", library, "--replicates", &replicates, "--rounds", &rounds];
            Peer::run(variable, "bandits.py", folder, &arguments)
        };
        Ok(Self {
            mabwiser: run(EXPERIMENT, "mabwiser")?,
            // mabwiser's environment has numpy 1, and river wants numpy 2.
            river: run("MLCORE_BENCH_EVIDENTLY_PYTHON", "river")?,
            textbook: run(EXPERIMENT, "textbook")?,
        })
    }

    fn of(&self, rival: Rival) -> (&Peer, &'static str) {
        match rival {
            Rival::Mabwiser => (&self.mabwiser, "mabwiser"),
            Rival::River => (&self.river, "river"),
            Rival::Textbook => (&self.textbook, "textbook"),
        }
    }

    /// The cells `ours, theirs, whose, goal, reached`: the intervals overlap, or ours is lower.
    pub(super) fn judge(&self, ours: &[f64], rival: Rival, name: &str) -> [String; 5] {
        let (peer, whose) = self.of(rival);
        let (mean, half) = interval(ours);
        let cell = |mean: f64, half: f64| format!("{mean:.1} +- {half:.1}");
        let theirs = peer.answer(name).zip(peer.answer(&format!("{name}/half")));
        let reached = theirs.map(|(theirs, reach)| mean - half <= theirs + reach);
        let shown = theirs.map_or("-".to_owned(), |(mean, half)| cell(mean, half));
        [
            cell(mean, half),
            shown,
            whose.to_owned(),
            "overlaps, or lower".to_owned(),
            verdict(reached).to_owned(),
        ]
    }
}

const EXPERIMENT: &str = "MLCORE_BENCH_EXPERIMENT_PYTHON";

/// The mean, and half the width of its normal interval of level 95 %.
fn interval(values: &[f64]) -> (f64, f64) {
    let moments: mlcore::stats::Moments = values.iter().copied().collect();
    (moments.mean(), 1.96 * (moments.variance() / values.len() as f64).sqrt())
}

pub(super) fn tables(folder: &Path) -> Result<Vec<Table>> {
    let contexts = Contexts::new();
    for arms in [&COINS, &NORMAL, &COUNTS] {
        let rows: Vec<f64> =
            (0..REPLICATES).flat_map(|run| arms.rewards(run).into_iter().flatten()).collect();
        write(folder, arms.name, rows.into_iter())?;
        let rows = REPLICATES as usize * ROUNDS;
        write(folder, &format!("{}_means", arms.name), (0..rows).flat_map(|_| arms.means))?;
    }
    contexts.write(folder)?;
    let rivals = Rivals::run(folder)?;
    let title = format!(
        "Regret of bandits after {ROUNDS} rounds, mean of {REPLICATES} replicates with its 95 % interval"
    );
    let columns = ["", "rewards", "ours", "theirs", "whose", "goal", "", "Lai and Robbins"];
    let mut table = Table::new(title, &columns);
    let policies: [(&str, &Arms, BanditPolicy, &[Rival]); 8] = [
        ("epsilon_greedy", &COINS, EpsilonGreedy { epsilon: 0.1, decay: 0.0 }.into(), &[Rival::Mabwiser]),
        ("ucb1", &COINS, Ucb1 { alpha: 1.0 }.into(), &[Rival::Mabwiser]),
        ("kl_ucb", &COINS, KlUcb { c: 0.0 }.into(), &[Rival::Textbook]),
        ("softmax", &COINS, Softmax { tau: 0.1 }.into(), &[Rival::Mabwiser]),
        ("exp3", &COINS, Exp3 { gamma: 0.1 }.into(), &[Rival::River]),
        ("thompson_beta", &COINS, ThompsonBeta::default().into(), &[Rival::Mabwiser]),
        ("thompson_gaussian", &NORMAL, ThompsonGaussian::default().into(), &[Rival::River, Rival::Textbook]),
        ("thompson_gamma_poisson", &COUNTS, ThompsonGammaPoisson::default().into(), &[Rival::Textbook]),
    ];
    for (name, arms, policy, whose) in policies {
        let lost = replicates(REPLICATES, |run| arms.regret(name, &policy, run))?;
        for rival in whose {
            let cells = rivals.judge(&lost, *rival, name);
            let start = [name.to_owned(), arms.name.to_owned()];
            table.line(start.into_iter().chain(cells).chain([format!("{:.1}", arms.bound())]));
        }
    }
    for (name, lost, whose) in contextual::regrets(&contexts)? {
        for rival in whose {
            let cells = rivals.judge(&lost, *rival, name);
            table.line([name.to_owned(), "linear".to_owned()].into_iter().chain(cells));
        }
    }
    table.note("default options: probabilities are computed anew when a hundredth of the outcomes is new. Peers learn from each outcome.");
    table.note("No library has kl_ucb, nor Thompson's policy with a posterior of normal means or of counts: a textbook's, in peers/bandits.py, stands");
    table.note("there. river's draws a reward, not a mean. The bound of Lai and Robbins is asymptotic, and may be undercut after few rounds.");
    table.note("mabwiser's lin_ts draws the same numbers for all arms, because each arm has a copy of one generator: it explores less");
    for (peer, whose) in [Rival::Mabwiser, Rival::River, Rival::Textbook].map(|rival| rivals.of(rival)) {
        table.note(format!("{whose}: {}", peer.versions));
    }
    Ok(vec![table])
}

/// A column of numbers for the peers.
pub(super) fn write(folder: &Path, name: &str, values: impl Iterator<Item = f64>) -> Result<()> {
    let bytes: Vec<u8> = values.flat_map(f64::to_le_bytes).collect();
    Ok(fs::write(folder.join(format!("{name}.f64")), bytes)?)
}

/// Names in the order of the arms' positions.
pub(super) fn names(count: usize) -> Result<Vec<Arm>> {
    let names = (0..count).map(|number| Arm::new(format!("arm-{number:02}")));
    Ok(names.collect::<mlcore::Result<Vec<Arm>>>()?)
}

impl Arms {
    /// What each arm would earn in each round.
    fn rewards(&self, run: u64) -> Vec<[f64; 5]> {
        let mut random = random(SEEDS[0], run);
        (0..ROUNDS).map(|_| self.means.map(|mean| (self.reward)(&mut random, mean))).collect()
    }

    fn regret(&self, name: &str, policy: &BanditPolicy, run: u64) -> Result<f64> {
        let mut random = random(SEEDS[1], run);
        let names = names(self.means.len())?;
        let mut bandit = Bandit::new(BanditOptions::new(policy.clone()), names.iter().cloned())?;
        let mut lost = 0.0;
        for (round, rewards) in self.rewards(run).into_iter().enumerate() {
            let (drawn, propensity) = bandit.allocation().draw(Draw::new(random.next_u64()));
            let is_forced = round < names.len() && name != "exp3";
            let (position, propensity) = if is_forced { (round, 1.0) } else { (drawn, propensity) };
            let (Some(arm), Some(reward)) = (names.get(position), rewards.get(position)) else {
                return Err("an arm was drawn that there is not".into());
            };
            bandit.update(&Reward::new(arm, *reward).with_propensity(propensity))?;
            lost += self.means[0] - self.means.get(position).copied().unwrap_or_default();
        }
        Ok(lost)
    }

    /// What no policy that learns from any arms undercuts in the long run.
    fn bound(&self) -> f64 {
        let best = self.means[0];
        let of = |mean: &f64| (best - mean) / (self.divergence)(*mean, best);
        (ROUNDS as f64).ln() * self.means.iter().skip(1).map(of).sum::<f64>()
    }
}

/// By multiplying uniform numbers, which is quick for small means.
fn poisson(random: &mut SplitMix64, mean: f64) -> f64 {
    let (least, mut product, mut count) = ((-mean).exp(), random.uniform(), 0.0);
    while product > least {
        product *= random.uniform();
        count += 1.0;
    }
    count
}
