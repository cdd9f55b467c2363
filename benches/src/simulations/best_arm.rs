//! The search for the best arm, and how often it finds another.

use mlcore::bandit::{Bandit, BanditOptions, Reward, Stopping, TrackAndStop};
use mlcore::name::Arm;
use mlcore::rollout::Draw;
use mlcore::stats::SplitMix64;

use super::{INTERVALS, Rate, coin, random, replicates};
use crate::Result;
use crate::table::Table;

const SEED: u64 = 106;
/// Outcomes after which a search is given up.
const MOST: u64 = 50_000;
/// A tenth of an equal share, which the policy's documentation asks for.
const FLOOR: f64 = 0.1;

/// Arms with these means, of which the first is the best.
struct Case {
    name: &'static str,
    means: &'static [f64],
    reward: fn(&mut SplitMix64, f64) -> f64,
    stopping: Stopping,
    /// Whether its rule promises anything.
    promises: bool,
}

const CASES: [Case; 6] = [
    Case {
        name: "coins",
        means: &[0.5, 0.35, 0.3],
        reward: coin,
        stopping: Stopping::Mixture,
        promises: true,
    },
    Case {
        name: "coins",
        means: &[0.5, 0.45, 0.4, 0.4, 0.3],
        reward: coin,
        stopping: Stopping::Mixture,
        promises: true,
    },
    Case {
        name: "coins",
        means: &[0.1, 0.03, 0.02],
        reward: coin,
        stopping: Stopping::Mixture,
        promises: true,
    },
    Case {
        name: "normal",
        means: &[0.5, 0.1, 0.0],
        reward: normal,
        stopping: Stopping::ConfidenceSequence,
        promises: true,
    },
    Case {
        name: "normal",
        means: &[0.3, 0.1, 0.1],
        reward: normal,
        stopping: Stopping::ConfidenceSequence,
        promises: true,
    },
    Case { name: "coins", means: &[0.1, 0.03, 0.02], reward: coin, stopping: Stopping::Glr, promises: false },
];

fn normal(random: &mut SplitMix64, mean: f64) -> f64 {
    mean + random.normal()
}

/// What was found, and after how many outcomes.
struct Search {
    winner: Option<bool>,
    outcomes: u64,
}

pub(super) fn tables(runs: u64) -> Result<Vec<Table>> {
    let runs = (runs / 10).max(1);
    let title =
        format!("Track-and-stop: how often the arm that is found is not the best, {runs} searches each");
    let mut table =
        Table::new(title, &["", "means", "stops by", "delta", "wrong", "goal", "", "open", "mean outcomes"]);
    for case in &CASES {
        for delta in [0.1, 0.05] {
            let searches = replicates(runs, |run| search(case, delta, run))?;
            let wrong = Rate::of(searches.iter().map(|search| search.winner == Some(false)));
            let open = searches.iter().filter(|search| search.winner.is_none()).count();
            let outcomes = searches.iter().map(|search| search.outcomes as f64).sum::<f64>() / runs as f64;
            let start = [
                case.name.to_owned(),
                format!("{:?}", case.means),
                case.stopping.to_string(),
                delta.to_string(),
            ];
            let cells = if case.promises { wrong.at_most(delta)? } else { wrong.alone()? };
            table.line(start.into_iter().chain(cells).chain([open.to_string(), format!("{outcomes:.0}")]));
        }
    }
    table.note(format!("a floor of a tenth of an equal share, a nursery of 10 outcomes; open: no winner after {MOST} outcomes"));
    table.note("glr is TensorZero's rule, kept for comparison, and promises nothing with few outcomes");
    table.note(INTERVALS);
    Ok(vec![table])
}

fn search(case: &Case, delta: f64, run: u64) -> Result<Search> {
    let mut random = random(SEED, run);
    let names = (0..case.means.len()).map(|number| Arm::new(format!("arm-{number:02}")));
    let names = names.collect::<mlcore::Result<Vec<Arm>>>()?;
    let policy = TrackAndStop { delta, epsilon: 0.0, stopping: case.stopping };
    let floor = FLOOR / names.len() as f64;
    let options = BanditOptions::new(policy).with_min_samples(10).with_min_prob(floor);
    let mut bandit = Bandit::new(options, names.iter().cloned())?;
    while bandit.winner().is_none() && bandit.outcomes() < MOST {
        let (position, propensity) = bandit.allocation().draw(Draw::new(random.next_u64()));
        let (Some(arm), Some(mean)) = (names.get(position), case.means.get(position)) else {
            return Err("an arm was drawn that there is not".into());
        };
        let reward = (case.reward)(&mut random, *mean);
        bandit.update(&Reward::new(arm, reward).with_propensity(propensity))?;
    }
    let winner = bandit.winner().map(|winner| Some(winner) == names.first());
    Ok(Search { winner, outcomes: bandit.outcomes() })
}
