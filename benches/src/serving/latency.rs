//! Seconds per call, contenders in turn.

use std::hint::black_box;

use mlcore::runner::ort::OnnxRunner;
use mlcore::runner::{RunOptions, Runner};

use super::bare::Bare;
use super::model_file;
use super::requests::Requests;
use super::served::Served;
use crate::table::{Adds, Table};
use crate::timing::{interleaved, show};
use crate::{Result, allocations, cpu};

const MODELS: [&str; 3] = ["rf30", "gb30", "mlp30"];

pub(super) fn run() -> Result<()> {
    let columns = [
        "model and rows",
        "Endpoint",
        "bare ort",
        "adds",
        "goal",
        "",
        "OnnxRunner",
        "p99 Endpoint",
        "p99 bare",
    ];
    let mut wall = Table::new(
        "Serving: a call of Endpoint::predict (plan of 30 scalers, 2 arms, record, monitor) and of a bare session",
        &columns,
    );
    let columns = [
        "model and rows",
        "with process() inline",
        "CPU of a call, worker included",
        "CPU bare",
        "allocations",
        "bare",
    ];
    let mut work = Table::new("Serving: all the work that a call causes, the monitor's too", &columns);
    for rows in [1, 64] {
        let requests = Requests::new(rows)?;
        for model in MODELS {
            measure([&mut wall, &mut work], &requests, model, rows)?;
        }
    }
    wall.note("What is added is the median of blocks of calls, in which the contenders follow one another.");
    wall.note(
        "A worker thread works off records and monitor meanwhile; the bare session gets rows that are ready.",
    );
    crate::print(&wall);
    crate::print(&work);
    Ok(())
}

fn measure([wall, work]: [&mut Table; 2], requests: &Requests, model: &str, rows: usize) -> Result<()> {
    let mut bare = Bare::new(&model_file(model))?;
    let runner = OnnxRunner::from_file(model_file(model))?;
    let (served, inline) = (Served::new(model, requests)?, Served::new(model, requests)?);
    same_answers(&mut bare, &served, requests)?;
    let options = RunOptions::default();
    let mut bare_call = |call: usize| {
        black_box(bare.run(requests.ready(call))?);
        Ok(())
    };
    let mut runner_call = |call: usize| {
        black_box(runner.run(requests.batch(call), &options)?);
        Ok(())
    };
    let mut endpoint_call = |call: usize| {
        black_box(served.ask(requests, call)?);
        Ok(())
    };
    let mut inline_call = |call: usize| {
        black_box(inline.ask(requests, call)?);
        black_box(inline.endpoint.process());
        Ok(())
    };
    let (blocks, calls) = if rows == 1 { (200, 200) } else { (100, 50) };
    let worker = served.worker()?;
    let contenders: [&mut dyn FnMut(usize) -> Result<()>; 4] =
        [&mut bare_call, &mut runner_call, &mut endpoint_call, &mut inline_call];
    let [bare_spread, runner_spread, spread, inline_spread] = interleaved((blocks, calls), contenders)?;
    let goal = if rows == 1 { Adds::Seconds(3e-6) } else { Adds::Share(0.05) };
    let cells = goal.judge(&spread, &bare_spread);
    let what = format!("{model}, {rows}");
    let rest = [runner_spread.median, spread.p99, bare_spread.p99].map(show);
    wall.line([what.clone()].into_iter().chain(cells).chain(rest));

    let count = blocks * calls;
    served.settle();
    let bare_cpu = cpu_of(count, &mut bare_call, || ())?;
    let endpoint_cpu = cpu_of(count, &mut endpoint_call, || served.settle())?;
    let [endpoint_allocations, bare_allocations] =
        [&mut endpoint_call as &mut dyn FnMut(usize) -> Result<()>, &mut bare_call].map(allocations_of);
    worker.stop();
    let cpu = |seconds: Option<f64>| seconds.map_or("-".to_owned(), show);
    work.line([
        what,
        show(inline_spread.median),
        cpu(endpoint_cpu),
        cpu(bare_cpu),
        endpoint_allocations?.to_string(),
        bare_allocations?.to_string(),
    ]);
    Ok(())
}

/// Both answer the first request alike, or nothing else matters.
fn same_answers(bare: &mut Bare, served: &Served, requests: &Requests) -> Result<()> {
    let expected = bare.run(requests.ready(0))?;
    let answer = served.ask(requests, 0)?;
    match answer.outputs.tensor("probabilities")?.values::<f32>()?.first() {
        Some(first) if *first == expected => Ok(()),
        other => Err(format!("the endpoint answers {other:?} and the bare session {expected}").into()),
    }
}

/// Processor seconds of this process per call, all that the calls leave behind included.
fn cpu_of(calls: usize, call: &mut dyn FnMut(usize) -> Result<()>, settle: impl Fn()) -> Result<Option<f64>> {
    let before = cpu::process_seconds();
    for number in 0..calls {
        call(number)?;
    }
    settle();
    Ok(cpu::process_seconds().zip(before).map(|(after, before)| (after - before) / calls as f64))
}

/// Allocations of one call on the calling thread, by Rust code; ONNX Runtime's own are not seen.
fn allocations_of(call: &mut dyn FnMut(usize) -> Result<()>) -> Result<u64> {
    const CALLS: usize = 100;
    let before = allocations::of_this_thread();
    for number in 0..CALLS {
        call(number)?;
    }
    Ok((allocations::of_this_thread() - before) / CALLS as u64)
}
