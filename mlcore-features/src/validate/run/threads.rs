//! A table as one batch, by one thread or by several.

use std::thread;

use mlcore::arrow::array::RecordBatch;
use mlcore::{Error, Result, interrupt};

use super::{Run, RunOptions};
use crate::validate::compile::CompiledSuite;
use crate::validate::report::Report;

/// A thread is worth its start from so many rows on.
const LEAST_ROWS: usize = 1 << 16;

impl CompiledSuite {
    /// Runs the suite over a table that is one batch, on as many threads as the [options](RunOptions::with_threads) say.
    ///
    /// # Errors
    /// As [`Run::update`] and [`Run::finish`].
    pub fn validate(&self, table: &RecordBatch, options: &RunOptions) -> Result<Report> {
        let rows = table.num_rows();
        let threads = options.threads.min(rows / LEAST_ROWS).max(1);
        if threads == 1 {
            return self.part(table, options)?.finish();
        }
        let share = rows.div_ceil(threads);
        let parts = (0..threads).map(|part| {
            let start = (part * share).min(rows);
            table.slice(start, share.min(rows - start))
        });
        let parts: Vec<RecordBatch> = parts.collect();
        let handle = interrupt::handle();
        let runs: Vec<Result<Run>> = thread::scope(|scope| {
            let Some((first, rest)) = parts.split_first() else { return Vec::new() };
            let handle = &handle;
            let work = |part| move || handle.enter(|| self.part(part, options));
            let workers: Vec<_> = rest.iter().map(|part| scope.spawn(work(part))).collect();
            let first = self.part(first, options);
            let joined = workers.into_iter().map(|worker| {
                let lost = |_| Err(Error::internal("validate table", "thread", "a thread ended in a panic"));
                worker.join().unwrap_or_else(lost)
            });
            std::iter::once(first).chain(joined).collect()
        });
        let mut runs = runs.into_iter();
        let mut whole = runs.next().unwrap_or_else(|| Ok(self.start(options)))?;
        runs.try_for_each(|run| whole.merge(run?))?;
        whole.finish()
    }

    fn part(&self, table: &RecordBatch, options: &RunOptions) -> Result<Run> {
        let mut run = self.start(options);
        run.update(table)?;
        Ok(run)
    }
}
