//! How often tests, detectors and monitors speak when nothing changed, beside what they promise, and how soon they do when
//! something did: `cargo run --release -p mlcore-benches -- calibration`.
//!
//! `MLCORE_CALIBRATION_WINDOWS` (2,000) says how many windows each rate is made of.

mod columns;
mod monitors;
mod shapes;
mod streams;
mod tables;

use std::env;
use std::path::Path;
use std::thread;

use crate::Result;
use crate::table::Table;

/// The nominal rate of every test.
const ALPHA: f64 = 0.05;

pub(crate) fn run(_: &Path) -> Result<()> {
    let windows = env::var("MLCORE_CALIBRATION_WINDOWS").ok().map_or(Ok(2000), |text| text.parse())?;
    for print in [columns::tables, tables::tables, streams::tables, monitors::tables] {
        print(windows)?.iter().for_each(crate::print);
    }
    Ok(())
}

/// The means over `windows` numbers of what `measure` makes of each, by as many threads as there are processors.
fn shares(windows: u64, measure: impl Fn(u64) -> Result<Vec<f64>> + Sync) -> Result<Vec<f64>> {
    let threads = thread::available_parallelism().map_or(1, usize::from) as u64;
    let part = |first: u64| -> std::result::Result<Vec<f64>, String> {
        let mut sums: Vec<f64> = Vec::new();
        for window in (first..windows).step_by(threads as usize) {
            let measured = measure(window).map_err(|error| error.to_string())?;
            sums.resize(measured.len().max(sums.len()), 0.0);
            sums.iter_mut().zip(measured).for_each(|(sum, value)| *sum += value);
        }
        Ok(sums)
    };
    let parts: Vec<_> = thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|first| scope.spawn(move || part(first))).collect();
        let joined = running.into_iter().map(|thread| thread.join());
        joined.map(|part| part.unwrap_or_else(|_| Err("a thread panicked".to_owned()))).collect()
    });
    let mut sums: Vec<f64> = Vec::new();
    for part in parts {
        let part = part?;
        sums.resize(part.len().max(sums.len()), 0.0);
        sums.iter_mut().zip(part).for_each(|(sum, value)| *sum += value);
    }
    Ok(sums.into_iter().map(|sum| sum / windows.max(1) as f64).collect())
}

/// A rate as a cell: a percentage, with a mark where it is beyond the nominal one by more than chance.
fn cell(rate: Option<f64>, windows: u64) -> String {
    match rate {
        None => "-".to_owned(),
        Some(rate) => {
            let chance = 3.0 * (ALPHA * (1.0 - ALPHA) / windows.max(1) as f64).sqrt();
            let mark = if rate > ALPHA + chance { " above" } else { "" };
            format!("{:.1} %{mark}", 100.0 * rate)
        }
    }
}

fn nominal(table: &mut Table, windows: u64) {
    table.note(format!(
        "{windows} windows each; nominal {} %; \"above\": by more than three standard errors",
        100.0 * ALPHA
    ));
}
