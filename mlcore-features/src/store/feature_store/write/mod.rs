//! Rows that are sent to the store.

mod push;

use mlcore::arrow::array::RecordBatch;
use mlcore::{Error, Result};

pub use self::push::{PushReport, PushTo, PushedView};
use super::FeatureStore;
use super::materialise::{Columns, entries};
use super::tables::{check_read, table_of};
use crate::store::definition::{AnyView, ResolvedView, ViewVersion};
use crate::store::online::{Entry, WriteBatch, Written};

impl FeatureStore {
    /// Writes rows of a view into the online store: Feast's `write_to_online_store`. Of each key what is newer by event time, then by
    /// created time, stays; rows of the same times replace what is there.
    ///
    /// The rows have a column for each join key, each feature and the event time, under the names of the view or of its source; others are
    /// left alone. Where the source has a created time and the rows have none, they are created now. The rows are written as a whole where the online store has
    /// atomic batches, and none before all were checked.
    ///
    /// # Errors
    /// [`NotFound`](Error::NotFound) for a view that is not there; [`SchemaMismatch`](Error::SchemaMismatch) for a column that is missing
    /// and a value that its feature does not hold; [`InvalidInput`](Error::InvalidInput) for a row without a key or an event time, and for
    /// one of the future, which would hide all that comes before it; all by column and row. Those of the online store.
    pub fn write_to_online_store(&self, view: &str, rows: &RecordBatch) -> Result<Written> {
        let snapshot = self.snapshot()?;
        let repository = snapshot.repository();
        let AnyView::View(resolved) = repository.view(view)? else {
            let problem = "it is computed when it is asked for, and has nothing to store";
            return Err(Error::unsupported(OPERATION, format!("view {view}"), problem)
                .remedy("write to the views that it reads"));
        };
        let version = snapshot.version_of(view)?;
        let rows = self.checked(repository.project(), resolved, version, rows)?;
        self.put(repository.project(), resolved, version, &rows)
    }

    /// The rows of a view as entries, of which none is of the future.
    fn checked(
        &self,
        project: &str,
        view: &std::sync::Arc<ResolvedView>,
        version: ViewVersion,
        rows: &RecordBatch,
    ) -> Result<Vec<Entry>> {
        let name = view.view.name();
        let made = || {
            check_read(OPERATION, view)?;
            if !view.view.online() {
                return Err(Error::unsupported(
                    OPERATION,
                    "online store",
                    "the view is not read online (`online = false`)",
                )
                .remedy("apply it with `online = true`, or push to the history alone"));
            }
            let columns = Columns::sent(view, rows, self.now());
            let entries = entries(OPERATION, view, &table_of(project, view, version)?, rows, &columns)?;
            let latest = self.latest_event();
            let future = entries.iter().position(|entry| entry.row().stamp().event() > latest);
            match future {
                None => Ok(entries),
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
        rows: &[Entry],
    ) -> Result<Written> {
        self.inner.online.write(&table_of(project, view, version)?, &WriteBatch::rows(rows))
    }
}

const OPERATION: &str = "write features";
