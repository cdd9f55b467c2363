//! Calls per second of several threads: on one endpoint, on one runner, and on as many bare sessions as threads.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use mlcore::runner::ort::OnnxRunner;
use mlcore::runner::{RunOptions, Runner};

use super::bare::Bare;
use super::model_file;
use super::requests::{DIFFERENT, Requests};
use crate::Result;
use crate::table::Table;
use crate::timing::percentile;

const MODEL: &str = "rf30";
const ROUNDS: usize = 9;
const ROUND: Duration = Duration::from_millis(200);

/// What one thread does over and over; it gets the number of the call.
pub(super) type Call<'a> = Box<dyn FnMut(usize) -> Result<()> + Send + 'a>;

pub(super) fn run() -> Result<()> {
    let columns = ["rows and threads", "bare ort", "OnnxRunner"];
    let mut table = Table::new(format!("Threads: calls of {MODEL} per second"), &columns);
    for rows in [1, 64] {
        let requests = Requests::new(rows)?;
        for threads in [1, 2, 4] {
            measure(&mut table, &requests, rows, threads)?;
        }
    }
    crate::print(&table);
    Ok(())
}

fn measure(table: &mut Table, requests: &Requests, rows: usize, threads: usize) -> Result<()> {
    let mut sessions = (0..threads).map(|_| Bare::new(&model_file(MODEL))).collect::<Result<Vec<_>>>()?;
    let runner = OnnxRunner::from_file(model_file(MODEL))?;
    let mut rates = [const { Vec::new() }; 2];
    for _ in 0..ROUNDS {
        let bare = sessions.iter_mut().map(|session| -> Call<'_> {
            Box::new(|call| session.run(&requests.ready[call % DIFFERENT]).map(drop))
        });
        rates[0].push(calls_per_second(bare.collect(), ROUND)?);
        let shared = (0..threads).map(|_| -> Call<'_> {
            Box::new(|call| {
                runner.run(&requests.batches[call % DIFFERENT], &RunOptions::default())?;
                Ok(())
            })
        });
        rates[1].push(calls_per_second(shared.collect(), ROUND)?);
    }
    let [bare, shared] = rates.map(|mut rates| percentile(&mut rates, 0.5));
    table.line([format!("{rows}, {threads}"), format!("{bare:.0}"), format!("{shared:.0}")]);
    Ok(())
}

/// Lets each call run over and over on a thread of its own for a while: the calls per second of all together.
pub(super) fn calls_per_second(calls: Vec<Call<'_>>, duration: Duration) -> Result<f64> {
    let (start, stop) = (Barrier::new(calls.len() + 1), AtomicBool::new(false));
    thread::scope(|scope| {
        let (start, stop) = (&start, &stop);
        let threads: Vec<_> = calls
            .into_iter()
            .enumerate()
            .map(|(thread, mut call)| {
                scope.spawn(move || {
                    start.wait();
                    let begun = Instant::now();
                    let mut done = 0_usize;
                    while !stop.load(Ordering::Relaxed) {
                        // Threads begin at different requests. Errors are not `Send`; their texts are.
                        call(thread * 17 + done).map_err(|error| error.to_string())?;
                        done += 1;
                    }
                    Ok(done as f64 / begun.elapsed().as_secs_f64())
                })
            })
            .collect();
        start.wait();
        thread::sleep(duration);
        stop.store(true, Ordering::Relaxed);
        let mut rate = 0.0;
        for thread in threads {
            let done: std::result::Result<f64, String> = thread.join().map_err(|_| "a thread panicked")?;
            rate += done?;
        }
        Ok(rate)
    })
}
