//! Seconds per call, contenders in turn.

use std::hint::black_box;

use mlcore::runner::ort::OnnxRunner;
use mlcore::runner::{RunOptions, Runner};

use super::bare::Bare;
use super::model_file;
use super::requests::{DIFFERENT, Requests};
use crate::Result;
use crate::table::{Goal, Table};
use crate::timing::{interleaved, show};

const MODELS: [&str; 3] = ["rf30", "gb30", "mlp30"];

pub(super) fn run() -> Result<()> {
    let columns = ["model and rows", "OnnxRunner", "bare ort", "adds", "goal", "", "p99", "p99 bare"];
    let mut table = Table::new("Seconds per call", &columns);
    for rows in [1, 64] {
        let requests = Requests::new(rows)?;
        for model in MODELS {
            measure(&mut table, &requests, model, rows)?;
        }
    }
    crate::print(&table);
    Ok(())
}

fn measure(table: &mut Table, requests: &Requests, model: &str, rows: usize) -> Result<()> {
    let mut bare = Bare::new(&model_file(model))?;
    let runner = OnnxRunner::from_file(model_file(model))?;
    let options = RunOptions::default();
    let size = if rows == 1 { (200, 200) } else { (100, 50) };
    let mut bare_call = |call: usize| {
        black_box(bare.run(&requests.ready[call % DIFFERENT])?);
        Ok(())
    };
    let mut runner_call = |call: usize| {
        black_box(runner.run(&requests.batches[call % DIFFERENT], &options)?);
        Ok(())
    };
    let [a, b] = interleaved(size, [&mut bare_call, &mut runner_call])?;
    let goal = if rows == 1 { Goal::Adds(3e-6) } else { Goal::AddsShare(0.05) };
    let cells = goal.judge(b.median, Some(a.median));
    let what = format!("{model}, {rows}");
    table.line([what].into_iter().chain(cells).chain([show(b.p99), show(a.p99)]));
    Ok(())
}
