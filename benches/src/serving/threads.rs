//! Calls per second of several threads: on one endpoint, on one runner, and on as many bare sessions as threads.

use std::collections::BTreeSet;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use mlcore::runner::ort::OnnxRunner;
use mlcore::runner::{RunOptions, Runner};

use super::bare::Bare;
use super::model_file;
use super::requests::Requests;
use super::served::Served;
use crate::table::{Table, verdict};
use crate::timing::{percentile, show};
use crate::{Result, cpu};

const MODEL: &str = "rf30";
const ROUNDS: usize = 40;
/// Short, so that the contenders of a round meet the same speed of the machine.
const ROUND: Duration = Duration::from_millis(60);
/// How much less than bare sessions an endpoint may answer.
const GOAL: f64 = 0.1;

/// What one thread does over and over; it gets the number of the call.
pub(super) type Call<'a> = Box<dyn FnMut(usize) -> Result<()> + Send + 'a>;

/// What threads did together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    per_second: f64,
    /// Processor seconds of a call on the thread that called, NaN where the system does not say.
    cpu: f64,
}

pub(super) fn run() -> Result<()> {
    let columns = [
        "rows, threads",
        "Endpoint",
        "bare ort",
        "difference",
        "goal",
        "",
        "OnnxRunner",
        "CPU of a call: Endpoint",
        "bare",
        "OnnxRunner",
    ];
    let mut table = Table::new(
        format!(
            "Threads: calls of {MODEL} per second; one Endpoint, one OnnxRunner, a bare session for each thread"
        ),
        &columns,
    );
    let cores = thread::available_parallelism().map_or(1, usize::from);
    // One more: as many as leave the worker a core.
    let counts: BTreeSet<usize> = [1, 2, 4, cores.saturating_sub(1).clamp(1, 16)].into();
    for rows in [1, 64] {
        let requests = Requests::new(rows)?;
        for &threads in &counts {
            measure(&mut table, &requests, rows, threads)?;
        }
    }
    table.note("The difference is the median of those of single rounds, in which the contenders run one after another.");
    table.note("CPU is that of the calling threads: where it stays the same, threads do not get in each other's way.");
    table.note(format!(
        "The endpoint's worker thread runs beside the callers: of {cores} cores, {cores} callers leave it none, and it takes its \
         share from theirs."
    ));
    crate::print(&table);
    Ok(())
}

fn measure(table: &mut Table, requests: &Requests, rows: usize, threads: usize) -> Result<()> {
    let mut sessions = (0..threads).map(|_| Bare::new(&model_file(MODEL))).collect::<Result<Vec<_>>>()?;
    let runner = OnnxRunner::from_file(model_file(MODEL))?;
    let served = Served::new(MODEL, requests)?;
    let worker = served.worker()?;
    let mut rates = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        let bare = sessions
            .iter_mut()
            .map(|session| -> Call<'_> { Box::new(|call| session.run(requests.ready(call)).map(drop)) });
        rates[0].push(calls_per_second(bare.collect(), ROUND)?);
        let shared = (0..threads).map(|_| -> Call<'_> {
            Box::new(|call| {
                runner.run(requests.batch(call), &RunOptions::default())?;
                Ok(())
            })
        });
        rates[1].push(calls_per_second(shared.collect(), ROUND)?);
        let asked = (0..threads).map(|_| -> Call<'_> {
            Box::new(|call| {
                served.ask(requests, call)?;
                Ok(())
            })
        });
        rates[2].push(calls_per_second(asked.collect(), ROUND)?);
        // What the worker still has to do is not the next contender's load.
        served.settle();
    }
    worker.stop();
    // Round by round, because the speed of a machine that others use too changes between rounds.
    let mut ratios: Vec<f64> = rates[2]
        .iter()
        .zip(&rates[0])
        .map(|(asked, bare): (&Rate, &Rate)| asked.per_second / bare.per_second)
        .collect();
    let difference = percentile(&mut ratios, 0.5) - 1.0;
    let [bare, shared, asked] = rates.map(|rates| {
        let median =
            |value: fn(&Rate) -> f64| percentile(&mut rates.iter().map(value).collect::<Vec<_>>(), 0.5);
        Rate { per_second: median(|rate| rate.per_second), cpu: median(|rate| rate.cpu) }
    });
    table.line([
        format!("{rows}, {threads}"),
        format!("{:.0}", asked.per_second),
        format!("{:.0}", bare.per_second),
        format!("{:+.1} %", difference * 100.0),
        format!("-{:.0} %", GOAL * 100.0),
        verdict(Some(difference > -GOAL)).to_owned(),
        format!("{:.0}", shared.per_second),
        show(asked.cpu),
        show(bare.cpu),
        show(shared.cpu),
    ]);
    Ok(())
}

/// Lets each call run over and over on a thread of its own for a while.
pub(super) fn calls_per_second(calls: Vec<Call<'_>>, duration: Duration) -> Result<Rate> {
    let count = calls.len() as f64;
    let (start, stop) = (Barrier::new(calls.len() + 1), AtomicBool::new(false));
    thread::scope(|scope| {
        let (start, stop) = (&start, &stop);
        let threads: Vec<_> = calls
            .into_iter()
            .enumerate()
            .map(|(thread, mut call)| {
                scope.spawn(move || {
                    start.wait();
                    let (begun, cpu) = (Instant::now(), cpu::thread_seconds());
                    let mut done = 0_usize;
                    while !stop.load(Ordering::Relaxed) {
                        // Threads begin at different requests. Errors are not `Send`; their texts are.
                        call(thread * 17 + done).map_err(|error| error.to_string())?;
                        done += 1;
                    }
                    let worked =
                        cpu::thread_seconds().zip(cpu).map_or(f64::NAN, |(after, before)| after - before);
                    Ok((done as f64 / begun.elapsed().as_secs_f64(), worked / done as f64))
                })
            })
            .collect();
        start.wait();
        thread::sleep(duration);
        stop.store(true, Ordering::Relaxed);
        let mut rate = Rate { per_second: 0.0, cpu: 0.0 };
        for thread in threads {
            let done: std::result::Result<(f64, f64), String> =
                thread.join().map_err(|_| "a thread panicked")?;
            let (per_second, cpu) = done?;
            rate = Rate { per_second: rate.per_second + per_second, cpu: rate.cpu + cpu / count };
        }
        Ok(rate)
    })
}
