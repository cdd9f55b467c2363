//! What comes back where judging rows was interrupted.

use mlcore::interrupt;

use super::Monitor;
use super::fleet::WindowCounts;
use super::window::Buffer;

/// How far a monitor is in its stream of rows.
#[derive(Debug)]
pub(super) struct Progress {
    buffers: Vec<Buffer>,
    new_columns: Vec<String>,
    vanished_columns: Vec<String>,
    rows: usize,
    phase: usize,
    windows: u64,
    rows_before: u64,
    counts: Option<WindowCounts>,
}

impl Monitor {
    /// What is to come back if judging these rows is interrupted; `None` where none of them completes a window.
    pub(super) fn before_rows(&self, rows: usize) -> Option<Progress> {
        let may_judge = self.rows + rows >= self.plan.options.window_rows;
        (interrupt::is_active() && may_judge).then(|| Progress {
            buffers: self.buffers.clone(),
            new_columns: self.new_columns.clone(),
            vanished_columns: self.vanished_columns.clone(),
            rows: self.rows,
            phase: self.phase,
            windows: self.windows,
            rows_before: self.rows_before,
            counts: self.tally.as_ref().map(|tally| tally.counts.clone()),
        })
    }

    pub(super) fn restore_unless(&mut self, is_ok: bool, before: Option<Progress>) {
        if let (false, Some(before)) = (is_ok, before) {
            self.buffers = before.buffers;
            (self.new_columns, self.vanished_columns) = (before.new_columns, before.vanished_columns);
            (self.rows, self.phase) = (before.rows, before.phase);
            (self.windows, self.rows_before) = (before.windows, before.rows_before);
            if let (Some(tally), Some(counts)) = (&mut self.tally, before.counts) {
                tally.counts = counts;
            }
        }
    }
}
