//! What a loaded model costs in memory, alone and shared by threads. Each case runs in a process of its own.

use std::env;
use std::fs;
use std::num::NonZeroUsize;
use std::process::Command;

use mlcore::runner::ort::{OnnxOptions, OnnxRunner};
use mlcore::runner::{RunOptions, Runner};

use super::bare::Bare;
use super::model_file;
use super::requests::Requests;
use super::threads::{Call, calls_per_second};
use crate::Result;
use crate::table::{Table, verdict};

/// The first argument of a process that measures one case.
pub(crate) const CHILD: &str = "memory-of";
const MODEL: &str = "rf30";
/// So many copies of the model, because one is smaller than the noise of an allocator.
const COPIES: usize = 24;
/// A shared model may cost this much more when threads use it: their own stacks and buffers.
const SHARED_AT_MOST: f64 = 1.25;

pub(super) fn run() -> Result<()> {
    let columns = ["case", "resident memory of a model", "of one thread", "goal", ""];
    let mut table =
        Table::new(format!("Memory of {MODEL}, mean of {COPIES} models loaded at once"), &columns);
    let one = child("runner", 1)?;
    let mut line = |what: &str, kilobytes: f64, goal: Option<f64>| {
        let ratio = kilobytes / one;
        table.line([
            what.to_owned(),
            format!("{:.0} kB", kilobytes),
            format!("{ratio:.2}x"),
            goal.map_or(String::new(), |goal| format!("< {goal}x")),
            verdict(goal.map(|goal| ratio < goal)).to_owned(),
        ]);
    };
    line("one OnnxRunner, 1 thread", one, None);
    line("one OnnxRunner shared by 4 threads", child("runner", 4)?, Some(SHARED_AT_MOST));
    line("one OnnxRunner of one session, 1 thread", child("one session", 1)?, None);
    line("one bare session, 1 thread", child("bare", 1)?, None);
    line("4 bare sessions, one per thread", child("bare", 4)?, None);
    crate::print(&table);
    Ok(())
}

fn child(kind: &str, threads: usize) -> Result<f64> {
    let output = Command::new(env::current_exe()?).args([CHILD, kind, &threads.to_string()]).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().parse()?)
}

/// In the child: the growth of resident memory, in kilobytes per model, of loading the models and running each of them
/// from `threads` threads.
pub(crate) fn measure_case(arguments: &[String]) -> Result<f64> {
    let [kind, threads] = arguments else { return Err("expected a kind and a number of threads".into()) };
    let threads: usize = threads.parse()?;
    let requests = Requests::new(1)?;
    // The library, its environment and its first session belong to nobody.
    drop((Bare::new(&model_file(MODEL))?, OnnxRunner::from_file(model_file(MODEL))?));
    let before = resident_kilobytes()?;
    let mut runners = Vec::new();
    let mut sessions = Vec::new();
    for _ in 0..COPIES {
        match kind.as_str() {
            "runner" | "one session" => {
                let mut options = OnnxOptions::default();
                if kind == "one session" {
                    options = options.with_sessions(NonZeroUsize::MIN);
                }
                let runner = OnnxRunner::from_file_with(model_file(MODEL), &options)?;
                let calls = (0..threads).map(|_| -> Call<'_> {
                    Box::new(|call| {
                        runner.run(requests.batch(call), &RunOptions::default())?;
                        Ok(())
                    })
                });
                calls_per_second(calls.collect(), SHORT)?;
                runners.push(runner);
            }
            _ => {
                let mut own =
                    (0..threads).map(|_| Bare::new(&model_file(MODEL))).collect::<Result<Vec<_>>>()?;
                let calls = own.iter_mut().map(|session| -> Call<'_> {
                    Box::new(|call| session.run(requests.ready(call)).map(drop))
                });
                calls_per_second(calls.collect(), SHORT)?;
                sessions.extend(own);
            }
        }
    }
    Ok((resident_kilobytes()? - before) / COPIES as f64)
}

const SHORT: std::time::Duration = std::time::Duration::from_millis(20);

fn resident_kilobytes() -> Result<f64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number =
        line.and_then(|line| line.split_whitespace().next()).ok_or("no VmRSS in /proc/self/status")?;
    Ok(number.parse()?)
}
