//! Every speed that mlcore claims, beside its peer, in one run: `cargo xtask bench`.
//!
//! Nothing is asserted: a goal that was missed is printed as such, and the exit code says only whether everything ran.

mod allocations;
mod calibration;
mod cpu;
mod cuda;
mod data;
mod drift;
mod experiment;
mod feature_store;
mod features;
mod load;
mod mlflow;
mod online;
mod page;
mod peer;
mod profile;
mod python;
mod reports;
mod rollout;
mod serving;
mod simulations;
mod store;
mod streams;
mod table;
mod timing;
mod tracking;
mod validate;
mod windows;

use std::env;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use crate::table::Table;

pub(crate) type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// A topic's name on the command line, and what measures it.
type Topic = (&'static str, fn(&Path) -> Result<()>);

const TOPICS: [Topic; 16] = [
    ("drift", drift::run),
    ("reports", reports::run),
    ("streams", streams::run),
    ("features", features::run),
    ("online", online::run),
    ("store", store::run),
    ("feature_store", feature_store::run),
    ("windows", windows::run),
    ("profile", profile::run),
    ("validate", validate::run),
    ("python", python::run),
    ("rollout", rollout::run),
    ("experiment", experiment::run),
    ("tracking", tracking::run),
    ("page", page::run),
    ("serving", serving::run),
];

/// What is measured only where it is named: it takes long, wants servers that `cargo xtask load` builds and installs, or a GPU.
const ON_DEMAND: [Topic; 5] = [
    ("calibration", calibration::run),
    ("simulations", simulations::run),
    ("cuda", cuda::run),
    ("load", load::run),
    ("mlflow", mlflow::run),
];

fn main() -> ExitCode {
    let wanted: Vec<String> = env::args().skip(1).collect();
    match run(&wanted) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            show_error(&format!("the benchmarks failed: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Measures the topics named, or all of them.
fn run(wanted: &[String]) -> Result<()> {
    match wanted.split_first() {
        Some((first, case)) if first == serving::CHILD => {
            show_line(&serving::measure_case(case)?.to_string());
            return Ok(());
        }
        Some((first, case)) if first == reports::CHILD => {
            show_line(&reports::measure_case(case)?);
            return Ok(());
        }
        Some((first, [folder])) if first == store::CHILD => {
            show_line(&store::measure_case(Path::new(folder))?);
            return Ok(());
        }
        _ => {}
    }
    let topics = || TOPICS.iter().chain(&ON_DEMAND);
    if let Some(unknown) = wanted.iter().find(|name| topics().all(|(topic, _)| topic != name)) {
        let topics: Vec<&str> = topics().map(|(topic, _)| *topic).collect();
        return Err(format!("there is no topic {unknown}; there are {}", topics.join(", ")).into());
    }
    let program = env::current_exe()?;
    let folder = tempfile::TempDir::new_in(program.parent().unwrap_or(Path::new(".")))?;
    let is_wanted = |topic: &&Topic| wanted.iter().any(|name| name == topic.0);
    let chosen: Vec<&Topic> = match wanted.is_empty() {
        true => TOPICS.iter().collect(),
        false => topics().filter(is_wanted).collect(),
    };
    for (_, measure) in chosen {
        measure(folder.path())?;
        show_load();
    }
    Ok(())
}

/// How busy the machine was, which is the first thing to know about any figure.
fn show_load() {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    if let Some(load) = load.split(' ').next().filter(|load| !load.is_empty()) {
        show_line(&format!("  load of this machine over the last minute: {load} on {cores} cores"));
    }
}

pub(crate) fn print(table: &Table) {
    show_line(table.to_string().trim_end_matches('\n'));
}

#[expect(clippy::print_stdout, reason = "this is a program whose output is its purpose")]
fn show_line(text: &str) {
    println!("{text}");
}

#[expect(clippy::print_stderr, reason = "this is a program that says why it failed")]
fn show_error(text: &str) {
    eprintln!("{text}");
}
