//! The tiles of sliding windows, made of history.

use mlcore::Result;

use super::OPERATION;
use super::job::{How, Job, Span};
use super::progress::ViewRun;
use crate::store::feature_store::FeatureStore;
use crate::store::feature_store::historical::batch_source;
use crate::store::feature_store::windows::Events;
use crate::store::registry::{Interval, Materialised};
use crate::store::window::{Fill, OnlineWindows};

impl Job {
    /// Makes the tiles of an interval, and then the note that they are there.
    pub(super) fn fill(
        &self,
        store: &FeatureStore,
        windows: &OnlineWindows,
        (span, interval): (&Span, Interval),
        after: &Materialised,
        how: &How<'_>,
        run: &mut ViewRun,
    ) -> Result<()> {
        let source = batch_source(OPERATION, self.name(), self.view.batch_source.as_ref())?;
        let opened = store.inner.sources.open(source)?;
        let events = Events::stored(OPERATION, &self.view, windows.plan(), opened);
        let began = store.now();
        let fill = Fill::new(interval.start(), interval.end()).with_most_tiles(how.batch_rows);
        let fill = match span {
            Span::Whole(_) => fill,
            // What came since the last time the stream may have brought.
            Span::Since(_) => fill.with_stream_kept(),
        };
        let mut tell = |done, total| self.tell(store, how, interval, (done, total), began);
        let filled = windows.fill(&events, fill, store.now(), &mut tell)?;
        run.rows += filled.rows();
        run.rows_without_time += filled.events().without_time();
        run.stored += filled.entities();
        run.older += filled.kept_entities();
        self.put(store, &[], Some(after)).map(drop)
    }
}
