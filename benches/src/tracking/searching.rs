//! Searches of a hundred thousand runs and ten million points.

use std::path::Path;
use std::time::Instant;

use mlcore::name::{ExperimentId, RunId};
use mlcore::time::Timestamp;
use mlcore::tracking::{Batch, Edit, Metric, NewRun, RunSearch, SqliteTracker, Tracker, TrackerExt};

use crate::Result;
use crate::table::{Table, verdict};
use crate::timing::{median_seconds, show};

const RUNS: usize = 100_000;
/// Keys of metrics of a run, and points of each.
const KEYS: usize = 10;
const POINTS: usize = 10;
/// What a search with a comparison and an order of metrics may take.
const GOAL: f64 = 10e-3;
/// Fewer runs, for a first look: `MLCORE_BENCH_TRACKING_RUNS`.
const FEWER: &str = "MLCORE_BENCH_TRACKING_RUNS";

pub(crate) fn run(folder: &Path) -> Result<()> {
    let runs = std::env::var(FEWER).ok().and_then(|runs| runs.parse().ok()).unwrap_or(RUNS);
    let tracker = SqliteTracker::open(folder.join("searching.db"))?;
    let experiment = tracker.default_experiment(Timestamp::from_millis(0))?.id;
    let started = Instant::now();
    for first in (0..runs).step_by(500) {
        let edits: Result<Vec<_>> =
            (first..runs.min(first + 500)).map(|number| made(number, runs, &experiment)).collect();
        tracker.write(&edits?.into_iter().flatten().collect::<Vec<_>>())?;
    }
    let filled = started.elapsed().as_secs_f64();
    let title =
        format!("Searching {runs} runs with {} points for a page of 100, whole runs", runs * KEYS * POINTS);
    let mut table = Table::new(title, &["filter and order", "runs found", "median", "goal", ""]);
    let search = || RunSearch::new([experiment.clone()]).with_limit(100);
    for (filter, order, goal) in [
        ("", "", None),
        ("metrics.m0 > 0.5", "metrics.m0 DESC", Some(GOAL)),
        ("metrics.m0 > 0.5", "metrics.m1", Some(GOAL)),
        ("metrics.m0 > 0.9999", "metrics.m1", Some(GOAL)),
        ("metrics.m0 > 0.5", "", Some(GOAL)),
        ("metrics.m0 > 0.5", "params.p1 DESC", Some(GOAL)),
        ("metrics.m0 > 0.5 AND tags.team = 'team 7'", "metrics.m2 DESC", Some(GOAL)),
        ("metrics.m0 > 2", "metrics.m1", Some(GOAL)),
        ("params.p0 = 'value 77'", "", None),
        ("params.p0 LIKE 'value 777%'", "", None),
        ("params.p0 LIKE '%zz%'", "", None),
        ("params.p0 ILIKE '%ZZ%'", "metrics.m0", None),
        ("params.p0 LIKE '%77%'", "metrics.m0", None),
        ("run_name LIKE '%nothing%'", "", None),
        ("datasets.name = 'none'", "", None),
    ] {
        let mut search = search().with_filter(filter);
        search.order_by.extend((!order.is_empty()).then(|| order.to_owned()));
        line(&mut table, &tracker, &format!("{filter} / {order}"), &search, goal)?;
    }
    let mut deep = search().with_order("metrics.m0 DESC").with_limit((runs / 2).clamp(1, 50_000));
    deep = deep.with_projection(mlcore::tracking::Projection::info());
    let page = tracker.search_runs(&deep)?.next;
    let deep = search().with_order("metrics.m0 DESC").with_page(page);
    line(&mut table, &tracker, "the page in the middle / metrics.m0 DESC", &deep, Some(GOAL))?;
    table.note(format!("The store was filled in {}.", show(filled)));
    crate::print(&table);
    Ok(())
}

fn line(
    table: &mut Table,
    tracker: &SqliteTracker,
    name: &str,
    search: &RunSearch,
    goal: Option<f64>,
) -> Result<()> {
    let found = tracker.search_runs(search)?.items.len();
    let median = median_seconds(|| tracker.search_runs(search));
    table.line([
        name.to_owned(),
        found.to_string(),
        show(median),
        goal.map(|goal| format!("< {}", show(goal))).unwrap_or_default(),
        verdict(goal.map(|goal| median < goal)).to_owned(),
    ]);
    Ok(())
}

/// A run with ten metrics of ten points, two parameters and a tag.
fn made(number: usize, runs: usize, experiment: &ExperimentId) -> Result<[Edit; 2]> {
    let id = RunId::new(format!("r{number}"))?;
    let new = NewRun::new(id.clone(), experiment.clone(), Timestamp::from_millis(number as i64));
    let mut batch = Batch::new(id)
        .with_param("p0", format!("value {number}"))
        .with_param("p1", format!("{}", number % 97))
        .with_tag("team", format!("team {}", number % 50));
    for key in 0..KEYS {
        // Another order of the runs for each metric.
        let value = (number * (7919 + 2 * key) % runs) as f64 / runs as f64;
        for point in 0..POINTS {
            let metric = Metric::new(format!("m{key}"), value, point as i64).at_step(point as i64);
            batch = batch.with_metric(metric);
        }
    }
    Ok([Edit::CreateRun(Box::new(new)), Edit::Log(Box::new(batch))])
}
