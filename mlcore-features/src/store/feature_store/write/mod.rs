//! Rows that are sent to the store.

mod push;

use std::sync::Arc;

use mlcore::arrow::array::RecordBatch;
use mlcore::{Error, Result};

pub use self::push::{PushReport, PushTo, PushedView};
use super::FeatureStore;
use super::materialise::{Columns, entries};
use super::tables::table_of;
use super::windows;
use crate::store::definition::{AnyView, ResolvedView, ViewVersion};
use crate::store::online::{Entry, WriteBatch, Written};
use crate::store::window::{Delivery, OnlineWindows};

/// Rows that were checked, ready to be stored.
enum Checked {
    Rows(Vec<Entry>),
    /// Events, and the windows that they are added to.
    Events(Box<OnlineWindows>, RecordBatch),
}

/// What became of them.
#[derive(Clone, Copy, Default)]
struct Stored {
    stored: u64,
    older: u64,
    repeated: u64,
}

impl FeatureStore {
    /// Writes rows of a view into the online store: Feast's `write_to_online_store`. Of each key what is newer by event time, then by
    /// created time, stays; rows of the same times replace what is there.
    ///
    /// The rows have a column for each join key, each feature and the event time, under the names of the view or of its source; others are
    /// left alone. Where the source has a created time and the rows have none, they are created now. The rows are written as a whole where the online store has
    /// atomic batches, and none before all were checked.
    ///
    /// The rows of a view of sliding windows are events, with the columns that its windows are computed of, and each is added: rows that are
    /// sent twice count twice, unless they are numbered ([`write_delivery`](Self::write_delivery)). What is too old for any window, and what
    /// history has brought, is counted as older. Events of at most 256 entities are written as a whole.
    ///
    /// # Errors
    /// [`NotFound`](Error::NotFound) for a view that is not there; [`SchemaMismatch`](Error::SchemaMismatch) for a column that is missing
    /// and a value that its feature does not hold; [`InvalidInput`](Error::InvalidInput) for a row without a key or an event time, and for
    /// one of the future, which would hide all that comes before it; all by column and row. Those of the online store.
    pub fn write_to_online_store(&self, view: &str, rows: &RecordBatch) -> Result<Written> {
        self.write(view, rows, None)
    }

    /// The same with the number of the rows by their producer, so that the events of a view of sliding windows are counted once, however
    /// often they are sent: what is sent again counts as older. A producer numbers its batches in ascending order, and sends one again, with
    /// the same rows, until it is acknowledged, before the next one. Rows of other views need no number.
    ///
    /// ```no_run
    /// use mlcore::arrow::array::RecordBatch;
    /// use mlcore_features::store::feature_store::FeatureStore;
    /// use mlcore_features::store::window::Delivery;
    ///
    /// # fn follow(store: &FeatureStore, clicks: &RecordBatch, offset: u64) -> mlcore::Result<()> {
    /// let delivery = Delivery::new("clicks-partition-3", offset);
    /// while let Err(error) = store.write_delivery("clicks", clicks, &delivery) {
    ///     if !error.is_transient() {
    ///         return Err(error);
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`write_to_online_store`](Self::write_to_online_store).
    pub fn write_delivery(&self, view: &str, rows: &RecordBatch, delivery: &Delivery<'_>) -> Result<Written> {
        self.write(view, rows, Some(delivery))
    }

    fn write(&self, view: &str, rows: &RecordBatch, delivery: Option<&Delivery<'_>>) -> Result<Written> {
        let snapshot = self.snapshot()?;
        let repository = snapshot.repository();
        let AnyView::View(resolved) = repository.view(view)? else {
            let problem = "it is computed when it is asked for, and has nothing to store";
            return Err(Error::unsupported(OPERATION, format!("view {view}"), problem)
                .remedy("write to the views that it reads"));
        };
        let version = snapshot.version_of(view)?;
        let rows = self.checked(repository.project(), resolved, version, rows)?;
        let Stored { stored, older, repeated } =
            self.put(repository.project(), resolved, version, &rows, delivery)?;
        Ok(Written::new(stored, older + repeated))
    }

    /// The rows of a view as what is stored, of which none is of the future.
    fn checked(
        &self,
        project: &str,
        view: &Arc<ResolvedView>,
        version: ViewVersion,
        rows: &RecordBatch,
    ) -> Result<Checked> {
        let name = view.view.name();
        let made = || {
            if !view.view.online() {
                return Err(Error::unsupported(
                    OPERATION,
                    "online store",
                    "the view is not read online (`online = false`)",
                )
                .remedy("apply it with `online = true`, or push to the history alone"));
            }
            if let Some(plan) = windows::plan_of(view)? {
                let events = windows::sent(OPERATION, view, &plan, rows, self.latest_event())?;
                let windows = self.windows(project, view, version, &plan)?;
                return Ok(Checked::Events(Box::new(windows), events));
            }
            let columns = Columns::sent(view, rows, self.now());
            let entries = entries(OPERATION, view, &table_of(project, view, version)?, rows, &columns)?;
            let latest = self.latest_event();
            let future = entries.iter().position(|entry| entry.row().stamp().event() > latest);
            match future {
                None => Ok(Checked::Rows(entries)),
                Some(row) => {
                    let subject = format!("column {}, row {row}", columns.event());
                    let problem = "the event is of the future, and would hide every row that comes before it";
                    Err(Error::invalid_input(OPERATION, subject, problem)
                        .remedy("correct the time or its unit or zone, or write the row when it is true"))
                }
            }
        };
        made().map_err(|error| match error {
            Error::Interrupted(_) => error,
            error => error.within(format!("view {name}")),
        })
    }

    fn put(
        &self,
        project: &str,
        view: &ResolvedView,
        version: ViewVersion,
        checked: &Checked,
        delivery: Option<&Delivery<'_>>,
    ) -> Result<Stored> {
        match checked {
            Checked::Rows(rows) => {
                let table = table_of(project, view, version)?;
                let written = self.inner.online.write(&table, &WriteBatch::rows(rows))?;
                Ok(Stored { stored: written.stored(), older: written.older(), repeated: 0 })
            }
            Checked::Events(windows, events) => {
                let now = self.now();
                let updated = match delivery {
                    Some(delivery) => windows.update(delivery, events, now)?,
                    None => windows.add(events, now)?,
                };
                let older = updated.expired() + updated.covered();
                Ok(Stored { stored: updated.added(), older, repeated: updated.repeated() })
            }
        }
    }
}

const OPERATION: &str = "write features";
