//! What experiments, bandits and canaries promise, counted in simulated traffic: `cargo run --release -p mlcore-benches -- simulations`.
//!
//! Seeds are fixed, so that the same code prints the same numbers. `MLCORE_SIMULATION_RUNS` (10,000) says how many experiments a rate
//! of the first tables is made of; the dearer tables take a part of that.

mod always_valid;
mod bandits;
mod best_arm;
mod canary;
mod contextual;
mod power;
mod sample_ratio;

use std::env;
use std::path::Path;
use std::thread;

use mlcore::stats::{ProportionMethod, SplitMix64, proportion_confint};

use crate::Result;
use crate::table::verdict;

/// The error that every test is allowed, where a table does not say otherwise.
const ALPHA: f64 = 0.05;

pub(crate) fn run(folder: &Path) -> Result<()> {
    let runs = env::var("MLCORE_SIMULATION_RUNS").ok().map_or(Ok(10_000), |text| text.parse())?;
    for print in [always_valid::tables, power::tables, sample_ratio::tables, canary::tables, best_arm::tables]
    {
        print(runs)?.iter().for_each(crate::print);
    }
    bandits::tables(folder)?.iter().for_each(crate::print);
    Ok(())
}

/// What `simulate` makes of each number below `runs`, in their order, by as many threads as there are processors.
fn replicates<T: Send>(runs: u64, simulate: impl Fn(u64) -> Result<T> + Sync) -> Result<Vec<T>> {
    let threads = thread::available_parallelism().map_or(1, usize::from) as u64;
    let simulate = &simulate;
    let part = |first: u64| -> std::result::Result<Vec<T>, String> {
        let numbers = (first..runs).step_by(threads as usize);
        numbers.map(|number| simulate(number).map_err(|error| error.to_string())).collect()
    };
    let parts: Vec<_> = thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|first| scope.spawn(move || part(first))).collect();
        let joined = running.into_iter().map(|thread| thread.join());
        joined.map(|part| part.unwrap_or_else(|_| Err("a thread panicked".to_owned()))).collect()
    });
    let mut parts = parts
        .into_iter()
        .map(|part| part.map(Vec::into_iter))
        .collect::<std::result::Result<Vec<_>, String>>()?;
    let mut all = Vec::new();
    loop {
        let before = all.len();
        all.extend(parts.iter_mut().filter_map(Iterator::next));
        if all.len() == before {
            return Ok(all);
        }
    }
}

/// The generator of one run of a simulation.
fn random(simulation: u64, run: u64) -> SplitMix64 {
    SplitMix64::new(SplitMix64::at(simulation, run).next_u64())
}

fn coin(random: &mut SplitMix64, chance: f64) -> f64 {
    f64::from(u8::from(random.uniform() < chance))
}

/// How many of all runs something happened in.
#[derive(Clone, Copy, Debug)]
struct Rate {
    count: u64,
    runs: u64,
}

impl Rate {
    fn of(happened: impl Iterator<Item = bool>) -> Self {
        let start = Self { count: 0, runs: 0 };
        happened.fold(start, |rate, is| Self { count: rate.count + u64::from(is), runs: rate.runs + 1 })
    }

    /// In percent, with the exact interval of level 95 %.
    fn cell(self) -> Result<String> {
        let (low, high) = self.interval()?;
        let share = self.count as f64 / self.runs as f64;
        Ok(format!("{:.2} % ({:.2} to {:.2})", 100.0 * share, 100.0 * low, 100.0 * high))
    }

    /// The cells `rate, goal, reached`: the rate is above what is allowed where all of its interval is.
    fn at_most(self, most: f64) -> Result<[String; 3]> {
        let reached = self.interval()?.0 <= most;
        Ok([self.cell()?, format!("<= {} %", 100.0 * most), verdict(Some(reached)).to_owned()])
    }

    /// The same where it should be at least that.
    fn at_least(self, least: f64) -> Result<[String; 3]> {
        let reached = self.interval()?.1 >= least;
        Ok([self.cell()?, format!(">= {} %", 100.0 * least), verdict(Some(reached)).to_owned()])
    }

    /// Without a goal.
    fn alone(self) -> Result<[String; 3]> {
        Ok([self.cell()?, String::new(), String::new()])
    }

    fn interval(self) -> Result<(f64, f64)> {
        let interval = proportion_confint(self.count, self.runs, 0.05, ProportionMethod::ClopperPearson)?;
        Ok((interval.low, interval.high))
    }
}

/// The number that half of all runs needed at most, as a cell; a run that needed more than it had is above all numbers.
fn median(needed: impl Iterator<Item = Option<u64>>) -> String {
    let mut needed: Vec<u64> = needed.map(|number| number.unwrap_or(u64::MAX)).collect();
    needed.sort_unstable();
    match needed.get(needed.len() / 2) {
        None | Some(&u64::MAX) => "-".to_owned(),
        Some(number) => number.to_string(),
    }
}

/// What is said below every table of rates.
const INTERVALS: &str =
    "in brackets the exact 95 % interval of the rate over the runs; MISSED: all of it is beyond the goal";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_judged_by_their_intervals_and_runs_keep_their_order() {
        let rate = Rate { count: 60, runs: 1000 };
        let cells = rate.at_most(0.05).unwrap();
        assert_eq!(cells, ["6.00 % (4.61 to 7.66)", "<= 5 %", "met"]);
        assert_eq!(rate.at_most(0.04).unwrap()[2], "MISSED");
        assert_eq!(rate.at_least(0.08).unwrap()[2], "MISSED");
        assert_eq!(replicates(7, Ok).unwrap(), [0, 1, 2, 3, 4, 5, 6]);
        assert!(replicates(3, |run| if run == 2 { Err("no".into()) } else { Ok(run) }).is_err());
        assert_eq!(median([Some(3), None, Some(1)].into_iter()), "3");
        assert_eq!(median([Some(3), None, None].into_iter()), "-");
    }
}
