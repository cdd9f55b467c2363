//! Pages of runs: ten thousand rows of an experiment in an SQLite file, made in process.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use mlcore::name::{ExperimentId, RunId};
use mlcore::time::Timestamp;
use mlcore::tracking::{
    Batch, Edit, Metric, NewExperiment, NewRun, Projection, RunSearch, Selection, SqliteTracker, Tracker,
    TrackerExt,
};
use mlcore_serve::page::Pages;

use crate::Result;
use crate::table::{Table, verdict};
use crate::timing::{percentile, show};

const RUNS: usize = 10_000;
const METRICS: usize = 20;
const TIMES: usize = 11;
/// What a page may take.
const GOAL: f64 = 0.1;

pub(crate) fn run(folder: &Path) -> Result<()> {
    let tracker = Arc::new(SqliteTracker::open(folder.join("page.db"))?);
    let experiment = fill(&*tracker)?;
    let pages = Pages::new().with_tracker(tracker.clone());
    let title = format!("Pages of an experiment of {RUNS} runs with {METRICS} metrics each, in SQLite");
    let mut table = Table::new(title, &["page", "p50", "goal", "", "longest", "KiB"]);
    for (name, query) in [
        ("100 rows, 7 columns", "".to_owned()),
        ("10,000 rows, 4 metrics", format!("?rows=10000{}", columns(4, 0))),
        ("10,000 rows, 4 metrics and 3 parameters", format!("?rows=10000{}", columns(4, 3))),
        ("10,000 rows ordered by a metric", format!("?rows=10000&order=metrics.m03%20DESC{}", columns(4, 0))),
    ] {
        let address = format!("/ui/experiments/{experiment}{query}").parse()?;
        let (mut seconds, mut bytes) = (Vec::new(), 0);
        for _ in 0..TIMES {
            let start = Instant::now();
            let response = pages.answer(&address, &http::HeaderMap::new());
            seconds.push(start.elapsed().as_secs_f64());
            bytes = response.body().len();
            if response.status() != 200 {
                return Err(format!("{address} was answered {}", response.status()).into());
            }
        }
        let half = percentile(&mut seconds, 0.5);
        let longest = seconds.last().copied().unwrap_or(f64::NAN);
        let [half_text, longest] = [half, longest].map(show);
        let goal = format!("< {}", show(GOAL));
        let kib = (bytes / 1024).to_string();
        table.line([name.to_owned(), half_text, goal, verdict(Some(half < GOAL)).to_owned(), longest, kib]);
    }
    let searched = search(&*tracker, &experiment)?;
    table.note(format!("The tracker's part of 10,000 rows with 4 metrics: {}.", show(searched)));
    crate::print(&table);
    Ok(())
}

fn columns(metrics: usize, params: usize) -> String {
    let metrics = (0..metrics).map(|place| format!("&show=metrics.m{place:02}"));
    metrics.chain((0..params).map(|place| format!("&show=params.p{place}"))).collect()
}

/// Half of the searches for what such a page shows take no longer than this.
fn search(tracker: &dyn Tracker, experiment: &ExperimentId) -> Result<f64> {
    let metrics = Selection::keys((0..4).map(|place| format!("m{place:02}")));
    let search = RunSearch::new([experiment.clone()]).with_limit(RUNS);
    let search = search.with_projection(Projection::info().with_metrics(metrics));
    let mut seconds = Vec::new();
    for _ in 0..TIMES {
        let start = Instant::now();
        if tracker.search_runs(&search)?.items.len() != RUNS {
            return Err("runs are missing".into());
        }
        seconds.push(start.elapsed().as_secs_f64());
    }
    Ok(percentile(&mut seconds, 0.5))
}

fn fill(tracker: &dyn Tracker) -> Result<ExperimentId> {
    let at = |run: usize| Timestamp::from_millis(1_700_000_000_000 + run as i64 * 60_000);
    let experiment = ExperimentId::new("1")?;
    tracker.create_experiment(NewExperiment::new(experiment.clone(), "many", at(0)))?;
    let mut edits = Vec::new();
    for run in 0..RUNS {
        let id = RunId::new(format!("{:032x}", (run as u128 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)))?;
        edits.push(Edit::CreateRun(Box::new(NewRun::new(id.clone(), experiment.clone(), at(run)))));
        let mut batch = Batch::new(id);
        for place in 0..METRICS {
            let value = ((run * 7919 + place * 104_729) % 10_007) as f64 / 10_007.0;
            batch = batch.with_metric(Metric::new(format!("m{place:02}"), value, 1_700_000_000_000));
        }
        for place in 0..10 {
            batch = batch.with_param(format!("p{place}"), (run % (place + 2)).to_string());
        }
        edits.push(Edit::Log(Box::new(batch)));
        if edits.len() >= 1000 || run + 1 == RUNS {
            tracker.write(&edits)?;
            edits.clear();
        }
    }
    Ok(experiment)
}
