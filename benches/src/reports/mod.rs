//! Reports of whole tables: a hundred mixed columns beside Evidently, and a table that no memory holds.
//!
//! Each case runs in a process of its own, which says how far it raised the peak of its memory.

mod large;
mod mixed;

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::Result;

/// The first argument of a process that measures one case.
pub(crate) const CHILD: &str = "report-of";

/// What a process found.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Found {
    seconds: f64,
    /// By how much the peak of the memory rose.
    megabytes: f64,
    /// The highest that it was.
    peak_megabytes: f64,
    /// Columns that drifted.
    drifted: usize,
}

pub(crate) fn run(folder: &Path) -> Result<()> {
    mixed::run(folder)?;
    large::run()
}

/// In the child: one case, as JSON.
pub(crate) fn measure_case(arguments: &[String]) -> Result<String> {
    let found = match arguments {
        [case, folder, preset, threads] if case == "mixed" => {
            mixed::measure(Path::new(folder), preset, threads.parse()?)?
        }
        [case, how, rows, columns, threads] if case == "large" => {
            large::measure(how, (rows.parse()?, columns.parse()?), threads.parse()?)?
        }
        _ => return Err("expected a case and its arguments".into()),
    };
    Ok(serde_json::to_string(&found)?)
}

fn child(arguments: &[&str]) -> Result<Found> {
    let output = Command::new(env::current_exe()?).arg(CHILD).args(arguments).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Runs `work`, which answers how many columns drifted.
fn found(work: impl FnOnce() -> Result<usize>) -> Result<Found> {
    // Linux forgets the peak of the memory so far.
    fs::write("/proc/self/clear_refs", "5")?;
    let (before, start) = (megabytes("VmHWM:")?, Instant::now());
    let drifted = work()?;
    let seconds = start.elapsed().as_secs_f64();
    let peak_megabytes = megabytes("VmHWM:")?;
    Ok(Found { seconds, megabytes: peak_megabytes - before, peak_megabytes, drifted })
}

/// A line of this process's status that counts memory.
pub(crate) fn megabytes(name: &str) -> Result<f64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.split_whitespace().next()).ok_or("no such line of the status")?;
    Ok(number.parse::<f64>()? / 1024.0)
}
