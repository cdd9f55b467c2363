//! Units that are assigned as planned, and units that are not.

use mlcore::experiment::{SequentialSrm, srm_test};
use mlcore::stats::norm;

use super::{INTERVALS, Rate, median, random, replicates};
use crate::Result;
use crate::table::Table;

const UNITS: u64 = 5_000;
/// How often the fixed test is looked at where it should not be.
const PEEK: u64 = 10;
const ALPHAS: [f64; 2] = [0.05, 0.001];
/// The level of a report, at which mismatches are looked for.
const REPORTED: f64 = 0.001;
const POWER: f64 = 0.8;
const SEEDS: [u64; 2] = [103, 104];

pub(super) fn tables(runs: u64) -> Result<Vec<Table>> {
    Ok(vec![false_alarms(runs)?, detection((runs / 5).max(1))?])
}

/// The p-values of one experiment: once at its end, the least of many looks, and the sequential one.
struct Seen {
    once: f64,
    least: f64,
    sequential: f64,
}

fn false_alarms(runs: u64) -> Result<Table> {
    let title =
        format!("Sample ratio of {UNITS} units that are assigned as planned, {runs} experiments each");
    let mut table = Table::new(title, &["", "planned", "alpha", "alarms", "goal", ""]);
    for weights in [&[0.5, 0.5][..], &[0.9, 0.1], &[0.4, 0.3, 0.2, 0.1]] {
        let seen = replicates(runs, |run| assigned(weights, run))?;
        let planned =
            weights.iter().map(|weight| format!("{:.0}", 100.0 * weight)).collect::<Vec<_>>().join("/");
        for alpha in ALPHAS {
            let rate = |pvalue: fn(&Seen) -> f64| Rate::of(seen.iter().map(|seen| pvalue(seen) <= alpha));
            let lines = [
                ("chi-square, one look at the end", rate(|seen| seen.once).at_most(alpha)?),
                ("sequential, after each unit", rate(|seen| seen.sequential).at_most(alpha)?),
                ("chi-square after every tenth unit", rate(|seen| seen.least).alone()?),
            ];
            for (name, cells) in lines {
                let start = [name.to_owned(), planned.clone(), alpha.to_string()];
                table.line(start.into_iter().chain(cells));
            }
        }
    }
    table.note(INTERVALS);
    Ok(table)
}

fn assigned(weights: &[f64], run: u64) -> Result<Seen> {
    let mut random = random(SEEDS[0], run);
    let mut test = SequentialSrm::new(weights)?;
    let mut least: f64 = 1.0;
    for unit in 1..=UNITS {
        let place = random.uniform();
        let mut end = 0.0;
        let arm = weights.iter().take_while(|weight| {
            end += **weight;
            place >= end
        });
        let arm = arm.count().min(weights.len() - 1);
        let mut came = [0; 4];
        if let Some(count) = came.get_mut(arm) {
            *count = 1;
        }
        test.update(came.get(..weights.len()).unwrap_or_default())?;
        if unit % PEEK == 0 {
            least = least.min(srm_test(test.counts(), weights)?);
        }
    }
    Ok(Seen { once: srm_test(test.counts(), weights)?, least, sequential: test.pvalue() })
}

/// Whether the fixed test found the mismatch, and after how many units the sequential one did.
struct Mismatch {
    fixed: bool,
    sequential: Option<u64>,
}

fn detection(runs: u64) -> Result<Table> {
    let title =
        format!("50/50 planned, and units assigned otherwise: alpha {REPORTED}, {runs} experiments each");
    let columns = [
        "real",
        "units",
        "chi-square with these",
        "goal",
        "",
        "sequential with these",
        "with four times",
        "in the median",
    ];
    let mut table = Table::new(title, &columns);
    for share in [0.52, 0.51, 0.505] {
        // The units with which the fixed test finds it in four of five experiments.
        let excess = share - 0.5;
        let needed =
            (norm::isf(REPORTED / 2.0) * 0.5 + norm::ppf(POWER) * f64::sqrt(0.25 - excess * excess)) / excess;
        let units = (needed * needed).ceil() as u64;
        let found = replicates(runs, |run| mismatch(share, units, run))?;
        let within =
            |units: u64| Rate::of(found.iter().map(|run| run.sequential.is_some_and(|at| at <= units)));
        let start = [format!("{:.1}/{:.1}", 100.0 * share, 100.0 - 100.0 * share), units.to_string()];
        let fixed = Rate::of(found.iter().map(|run| run.fixed)).at_least(POWER)?;
        let rest = [
            within(units).cell()?,
            within(4 * units).cell()?,
            median(found.iter().map(|run| run.sequential)),
        ];
        table.line(start.into_iter().chain(fixed).chain(rest));
    }
    table.note("the sequential test looks a hundred times until the planned number of units, and goes on");
    table.note(INTERVALS);
    Ok(table)
}

fn mismatch(share: f64, units: u64, run: u64) -> Result<Mismatch> {
    let mut random = random(SEEDS[1], run);
    let mut test = SequentialSrm::new(&[0.5, 0.5])?;
    let mut found = Mismatch { fixed: false, sequential: None };
    let step = (units / 100).max(1);
    let mut since = [0_u64; 2];
    for unit in 1..=4 * units {
        let count = usize::from(random.uniform() >= share);
        since[count] += 1;
        if unit % step != 0 && unit != units {
            continue;
        }
        test.update(&since)?;
        since = [0; 2];
        if unit == units {
            found.fixed = srm_test(test.counts(), &[0.5, 0.5])? <= REPORTED;
        }
        if found.sequential.is_none() && test.pvalue() <= REPORTED {
            found.sequential = Some(unit);
        }
        if unit >= units && found.sequential.is_some() {
            break;
        }
    }
    Ok(found)
}
