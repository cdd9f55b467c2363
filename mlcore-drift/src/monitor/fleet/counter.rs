//! A replica's part of a fleet's monitor.

use mlcore::arrow::array::RecordBatch;
use mlcore::batch::Row;
use mlcore::schema::Schema;
use mlcore::{Error, Result};

use super::{Layout, Tally, WindowCounts};
use crate::monitor::window::Buffer;
use crate::monitor::{Monitor, MonitorReference};
use crate::sample::Sample;

/// The rows that are gathered before they are counted. More than one column's values fit into the nearest cache.
const BLOCK: usize = 1024;

/// Counts the rows of one replica for a [`Fleet`](super::Fleet), in memory that does not grow with them.
///
/// It takes rows as a [`Monitor`] does and judges none: [`take`](Self::take) hands out what was counted since the last time.
/// Counts that could not be delivered are [put back](Self::put_back), so that none are lost and none count twice.
#[derive(Debug)]
pub struct WindowCounter {
    monitor: Monitor,
}

impl WindowCounter {
    /// A counter for `reference`.
    ///
    /// # Errors
    /// [`Error::InvalidInput`](mlcore::Error::InvalidInput) for a column whose test needs every value.
    pub fn new(reference: &MonitorReference) -> Result<Self> {
        let mut plan = reference.plan()?;
        let layout = Layout::of(&plan)?;
        // A block with more new categories than are kept apart would lose some before they are counted.
        plan.options.window_rows = BLOCK;
        plan.options.max_categories = plan.options.max_categories.max(BLOCK);
        let names: Vec<&str> = reference.names().collect();
        let counts = layout.nothing();
        let mut monitor = Monitor::of_plan(plan, &names)?;
        monitor.tally = Some(Tally { layout, counts });
        Ok(Self { monitor })
    }

    /// The names of the columns that are counted.
    pub fn columns(&self) -> impl ExactSizeIterator<Item = &str> {
        self.monitor.columns()
    }

    /// Says in which order the values of rows come: as [`Monitor::bind`].
    ///
    /// # Errors
    /// Those of [`Monitor::bind`].
    pub fn bind(&mut self, schema: &Schema) -> Result<()> {
        self.monitor.bind(schema)
    }

    /// Takes one row.
    ///
    /// # Errors
    /// Those of [`Monitor::observe_row`].
    pub fn observe_row(&mut self, row: Row<'_>) -> Result<()> {
        self.monitor.observe_row(row).map(drop)
    }

    /// Takes the rows of a table.
    ///
    /// # Errors
    /// Those of [`Monitor::observe`].
    pub fn observe(&mut self, table: &RecordBatch) -> Result<()> {
        self.monitor.observe(table).map(drop)
    }

    /// The rows that were counted since counts were taken last.
    #[must_use]
    pub fn rows(&self) -> u64 {
        let counted = self.monitor.tally.as_ref().map_or(0, |tally| tally.counts.rows());
        counted.saturating_add(self.monitor.rows as u64)
    }

    /// Hands out what was counted since the last time.
    ///
    /// # Errors
    /// [`Error::Interrupted`](mlcore::Error::Interrupted); nothing is handed out then.
    pub fn take(&mut self) -> Result<WindowCounts> {
        self.monitor.finish_counting()
    }

    /// Takes back counts that were handed out and did not arrive.
    ///
    /// # Errors
    /// [`Error::InvalidInput`](mlcore::Error::InvalidInput) for counts that were made for another reference.
    pub fn put_back(&mut self, counts: &WindowCounts) -> Result<()> {
        match &mut self.monitor.tally {
            Some(Tally { layout, counts: own }) => layout.merge(own, counts),
            None => Ok(()),
        }
    }
}

impl Monitor {
    /// Counts the rows of the open window, and hands out all counts so far.
    fn finish_counting(&mut self) -> Result<WindowCounts> {
        let Some(Tally { layout, counts }) = &self.tally else {
            return Err(Error::internal("count window", "counter", "it does not count"));
        };
        let samples: Vec<Sample> = self.buffers.iter().map(Buffer::sample).collect();
        let mut all = counts.clone();
        let names = [self.new_columns.clone(), self.vanished_columns.clone()];
        layout.merge(&mut all, &layout.count(&samples, self.rows as u64, names)?)?;
        let nothing = layout.nothing();
        self.reset_window();
        if let Some(tally) = &mut self.tally {
            tally.counts = nothing;
        }
        Ok(all)
    }
}
