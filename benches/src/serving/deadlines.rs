//! What a deadline costs a run: none, one that is kept on the caller's thread, and one on a thread of its own; and what it costs
//! that the memory of a run is counted.

use std::hint::black_box;
use std::time::Duration;

use mlcore::runner::ort::{Limits, OnnxOptions, OnnxRunner};
use mlcore::runner::{RunOptions, Runner};

use super::model_file;
use super::requests::Requests;
use crate::Result;
use crate::table::Table;
use crate::timing::{interleaved, show};

const MODELS: [&str; 3] = ["rf30", "gb30", "mlp30"];

pub(super) fn run() -> Result<()> {
    let columns = [
        "model, 1 row",
        "no deadline",
        "memory not counted",
        "deadline",
        "deadline, isolated",
        "isolated adds",
    ];
    let mut table = Table::new("Serving: a run of OnnxRunner under a deadline", &columns);
    let requests = Requests::new(1)?;
    for model in MODELS {
        let counted = OnnxRunner::from_file(model_file(model))?;
        let uncounted = OnnxOptions::default().with_limits(Limits::default().with_max_run_bytes(u64::MAX));
        let uncounted = OnnxRunner::from_file_with(model_file(model), &uncounted)?;
        let plain = RunOptions::default();
        let deadline = plain.clone().with_timeout(Duration::from_secs(600));
        let isolated = deadline.clone().with_isolated(true);
        let run = |runner: &OnnxRunner, options: &RunOptions, call: usize| -> Result<()> {
            black_box(runner.run(requests.batch(call), options)?);
            Ok(())
        };
        let contenders: [&mut dyn FnMut(usize) -> Result<()>; 4] = [
            &mut |call| run(&counted, &plain, call),
            &mut |call| run(&uncounted, &plain, call),
            &mut |call| run(&counted, &deadline, call),
            &mut |call| run(&counted, &isolated, call),
        ];
        let [plain, uncounted, deadline, isolated] = interleaved((100, 100), contenders)?;
        let adds = isolated.beside(&deadline, |isolated, deadline| isolated - deadline);
        let medians = [plain, uncounted, deadline, isolated].map(|spread| show(spread.median));
        table.line([model.to_owned()].into_iter().chain(medians).chain([show(adds)]));
    }
    table.note("Isolated: the run is done by a kept thread, so that the call returns at its deadline whatever a kernel does.");
    crate::print(&table);
    Ok(())
}
