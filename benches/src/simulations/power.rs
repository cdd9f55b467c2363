//! How soon a difference is found that is there.

use mlcore::experiment::{Estimate, PowerAnalysis, required_sample_size};

use super::always_valid::{METHODS, METRICS, Method, Metric, Running};
use super::{INTERVALS, Rate, median, random, replicates};
use crate::Result;
use crate::table::Table;

/// What experiments are planned for.
const POWER: f64 = 0.8;
/// How often the planned number of units an experiment may take.
const LONGEST: u64 = 4;
const SEED: u64 = 102;

/// After how many pairs of units each method found the difference.
#[derive(Clone, Copy, Default, Debug)]
struct Found {
    first: Option<u64>,
    at_the_plan: bool,
}

pub(super) fn tables(runs: u64) -> Result<Vec<Table>> {
    let runs = (runs / 5).max(1);
    let title =
        format!("A difference that is there, looked at after each pair of units, {runs} experiments each");
    let columns = [
        "",
        "metric",
        "effect",
        "planned units an arm",
        "found with these",
        "goal",
        "",
        "with twice",
        "with four times",
        "units an arm in the median",
    ];
    let mut table = Table::new(title, &columns);
    for metric in METRICS.iter().take(2) {
        let pilot = Estimate::new(1_000, metric.mean, metric.variance).into_result();
        let pilot = pilot.map_err(|reason| reason.sentence())?;
        let (analysis, is_binary) = (PowerAnalysis::default(), metric.is_bounded);
        let both = required_sample_size(&pilot, metric.effect, POWER, 1.0, is_binary, &analysis)?;
        let planned = both.div_ceil(2);
        let found = replicates(runs, |run| experiment(metric, planned, run))?;
        for (place, method) in METHODS.into_iter().enumerate().filter(|(_, method)| method.takes(metric)) {
            let own = || found.iter().filter_map(|run| run.get(place));
            let within =
                |units: u64| Rate::of(own().map(|run| run.first.is_some_and(|first| first <= units)));
            let start = [
                method.name().to_owned(),
                metric.name.to_owned(),
                metric.effect.to_string(),
                planned.to_string(),
            ];
            match method {
                Method::Welch => {
                    let cells = Rate::of(own().map(|run| run.at_the_plan)).at_least(POWER)?;
                    table.line(start.into_iter().chain(cells));
                }
                _ => {
                    let later = [within(2 * planned).cell()?, within(LONGEST * planned).cell()?];
                    let half = median(own().map(|run| run.first));
                    table.line(start.into_iter().chain(within(planned).alone()?).chain(later).chain([half]));
                }
            }
        }
    }
    table.note("Welch's t looks once, at the units that the plan for a power of 80 % says; the others stop when they are sure");
    table.note("the median is over all runs, those that found nothing with four times the units among them");
    table.note(INTERVALS);
    Ok(vec![table])
}

fn experiment(metric: &Metric, planned: u64, run: u64) -> Result<[Found; METHODS.len()]> {
    let mut running = Running::new(metric, random(SEED, run), metric.effect)?;
    let options = METHODS.map(|method| method.options(metric));
    let mut found = [Found::default(); METHODS.len()];
    for pair in 1..=LONGEST * planned {
        let is_open = |method: Method| {
            let places = METHODS.iter().zip(&found);
            method.takes(metric)
                && places.filter(|(own, _)| **own == method).any(|(_, found)| found.first.is_none())
        };
        running.push(is_open)?;
        let is_open = METHODS.map(is_open);
        for (((method, options), found), is_open) in METHODS.iter().zip(&options).zip(&mut found).zip(is_open)
        {
            match method {
                Method::Welch if pair == planned => {
                    found.at_the_plan = running.differs(*method, options.as_ref())?;
                }
                Method::Welch => {}
                _ if is_open && pair > 1 && running.differs(*method, options.as_ref())? => {
                    found.first = Some(pair);
                }
                _ => {}
            }
        }
    }
    Ok(found)
}
