use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::place::{Server, program};
use super::process::Usage;
use crate::Result;
use crate::table::{Goal, Table, verdict};
use crate::timing::percentile;

/// How soon the program is ready where there is no model to load, and what it takes while nobody asks.
pub(super) fn run(folder: &Path) -> Result<()> {
    if program(SERVER)?.is_none() {
        return Ok(());
    }
    let folder = folder.join("start");
    fs::create_dir_all(folder.join("models"))?;
    let (mut seconds, mut memory) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let Some(mut command) = program(SERVER)? else { return Ok(()) };
        command.args(["--model-repository", "models", "--metrics-port", "0", "--log-filter", "warn"]);
        let begun = Instant::now();
        let server = Server::start_ready(&folder, command)?;
        seconds.push(begun.elapsed().as_secs_f64());
        thread::sleep(Duration::from_secs(1));
        memory.push(Usage::of(server.process()).memory as f64);
    }
    let mut table =
        Table::new("Start of mlcore-serve without models", &["", "measured", "", "", "goal", "reached"]);
    let start = percentile(&mut seconds, 0.5);
    let [ours, _, _, goal, reached] = Goal::Within(0.1).judge(start, None);
    table.line(["until it is ready", &ours, "", "", &goal, &reached]);
    let memory = percentile(&mut memory, 0.5);
    let shown = format!("{:.0} MB", memory / 1e6);
    table.line(["resident memory after a second", &shown, "", "", "< 40 MB", verdict(Some(memory < 40e6))]);
    table.note(format!("medians of {STARTS} starts"));
    crate::print(&table);
    Ok(())
}

pub(super) const SERVER: &str = "MLCORE_LOAD_SERVER";
const STARTS: usize = 9;
