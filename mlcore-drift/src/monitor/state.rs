//! How far a monitor is in its stream of rows, saved and restored.

use std::sync::Arc;

use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use super::Monitor;
use super::plan::Watched;
use super::window::{Buffer, BufferState};
use crate::sample::Kind;

/// The version of the serialised form of [`MonitorState`]: raised when a field changes its meaning or goes.
pub const MONITOR_STATE_VERSION: u32 = 1;

/// How far a [`Monitor`] is: the rows of the window that is open, and what came before it.
///
/// It holds neither the reference nor the options, which travel with the model: a monitor is made of these again, and then
/// [restored](Monitor::restore).
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{ArrayRef, Float64Array, RecordBatch};
/// use mlcore_drift::monitor::{Monitor, MonitorOptions, MonitorState};
///
/// let rows = |from: i32, to: i32| {
///     let age = Float64Array::from_iter_values((from..to).map(f64::from));
///     RecordBatch::try_from_iter([("age", Arc::new(age) as ArrayRef)])
/// };
/// let (reference, options) = (rows(0, 500)?, MonitorOptions::default().with_window_rows(500));
/// let mut monitor = Monitor::new(&reference, &options)?;
/// monitor.observe(&rows(0, 300)?)?;
/// let stored = serde_json::to_string(&monitor.save())?;
///
/// let mut again = Monitor::new(&reference, &options)?;
/// again.restore(&serde_json::from_str::<MonitorState>(&stored)?)?;
/// assert_eq!(again.rows_in_window(), 300);
/// assert_eq!(again.observe(&rows(300, 500)?)?, monitor.observe(&rows(300, 500)?)?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MonitorState {
    version: u32,
    columns: Vec<ColumnState>,
    new_columns: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    vanished_columns: Vec<String>,
    rows: usize,
    phase: usize,
    windows: u64,
    rows_before: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct ColumnState {
    name: String,
    kind: Kind,
    values: BufferState,
}

impl Monitor {
    /// How far the monitor is.
    #[must_use]
    pub fn save(&self) -> MonitorState {
        let columns = self.plan.columns.iter().zip(&self.buffers);
        let column = |(watched, buffer): (&Arc<Watched>, &Buffer)| ColumnState {
            name: watched.name.clone(),
            kind: watched.kind,
            values: buffer.save(),
        };
        MonitorState {
            version: MONITOR_STATE_VERSION,
            columns: columns.map(column).collect(),
            new_columns: self.new_columns.clone(),
            vanished_columns: self.vanished_columns.clone(),
            rows: self.rows,
            phase: self.phase,
            windows: self.windows,
            rows_before: self.rows_before,
        }
    }

    /// Goes on where a monitor of the same reference and options was [saved](Self::save).
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a state of a later version, [`Error::InvalidInput`] for that of a monitor of other columns or
    /// longer windows, and for one that contradicts itself. Nothing is changed then.
    pub fn restore(&mut self, state: &MonitorState) -> Result<()> {
        if state.version != MONITOR_STATE_VERSION {
            let problem = format!("version {}; this build reads {MONITOR_STATE_VERSION}", state.version);
            return Err(Error::unsupported(OPERATION, "state", problem).remedy("upgrade mlcore"));
        }
        let saved = state.columns.iter().map(|column| (column.name.as_str(), column.kind));
        let own = self.plan.columns.iter().map(|column| (column.name.as_str(), column.kind));
        if !saved.eq(own) {
            let problem = "it is that of a monitor of other columns";
            return Err(Error::invalid_input(OPERATION, "state", problem)
                .remedy("make the monitor of the reference and the options that it was saved with"));
        }
        let options = &self.plan.options;
        if state.rows >= options.window_rows || state.phase >= options.thin {
            let problem = format!("its window has {} rows already, of {}", state.rows, options.window_rows);
            return Err(Error::invalid_input(OPERATION, "state", problem)
                .remedy("make the monitor of the options that it was saved with"));
        }
        let rows = state.rows as u64;
        let is_counted = |column: &&ColumnState| column.values.rows() == Some(rows);
        if let Some(column) = state.columns.iter().find(|column| !is_counted(column)) {
            let problem = format!("it does not have the {rows} rows of the window");
            return Err(Error::invalid_input(OPERATION, column.name.as_str(), problem)
                .remedy("restore what was saved as it is"));
        }
        let mut buffers = self.empty_buffers();
        for (buffer, column) in buffers.iter_mut().zip(&state.columns) {
            buffer.restore(&column.values)?;
        }
        self.buffers = buffers;
        self.new_columns.clone_from(&state.new_columns);
        self.vanished_columns.clone_from(&state.vanished_columns);
        (self.rows, self.phase) = (state.rows, state.phase);
        (self.windows, self.rows_before) = (state.windows, state.rows_before);
        Ok(())
    }
}

const OPERATION: &str = "restore monitor";
