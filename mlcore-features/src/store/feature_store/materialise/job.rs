//! One view of a run.

use std::sync::Arc;
use std::time::Duration;

use mlcore::Result;
use mlcore::time::{TimeUnit, Timestamp};

use super::batches::{Batch, Batches};
use super::pack::Columns;
use super::progress::{Progress, ViewRun};
use super::{OPERATION, note};
use crate::store::definition::{ResolvedView, ViewVersion};
use crate::store::feature_store::FeatureStore;
use crate::store::feature_store::historical::batch_source;
use crate::store::feature_store::tables::table_of;
use crate::store::offline::{Latest, View};
use crate::store::online::{Entry, Note, Table, WriteBatch, Written};
use crate::store::registry::{Interval, Materialised};

/// What is to be stored.
pub(super) enum Span {
    Whole(Interval),
    /// What is not stored yet, up to this moment.
    Since(Timestamp),
}

/// How it is stored.
pub(super) struct How<'a> {
    pub(super) batch_rows: usize,
    pub(super) progress: Option<&'a (dyn Fn(&Progress) + Sync)>,
    /// Whether a thread of its own writes while rows are read.
    pub(super) is_beside: bool,
}

pub(super) struct Job {
    view: Arc<ResolvedView>,
    version: ViewVersion,
    /// Whether it is the version that the registry tells of.
    is_latest: bool,
    table: Table,
}

/// Before any event: the first moment of the year 1.
const BEGINNING: Timestamp = Timestamp::new(-62_135_596_800, TimeUnit::Second);

impl Job {
    pub(super) fn new(
        project: &str,
        view: &Arc<ResolvedView>,
        version: ViewVersion,
        is_latest: bool,
    ) -> Result<Self> {
        Ok(Self { view: Arc::clone(view), version, is_latest, table: table_of(project, view, version)? })
    }

    pub(super) fn name(&self) -> &str {
        self.view.view.name()
    }

    pub(super) fn run(&self, store: &FeatureStore, span: &Span, how: &How<'_>) -> Result<ViewRun> {
        let mut run = ViewRun {
            view: self.name().to_owned(),
            version: self.version,
            intervals: Vec::new(),
            rows: 0,
            rows_without_time: 0,
            stored: 0,
            older: 0,
        };
        let noted = note::read(store.inner.online.as_ref(), &self.table)?;
        let mut done = Materialised::of(self.version);
        for interval in noted {
            done = done.with(interval);
        }
        for interval in self.wanted(store, span, &done)? {
            let after = done.clone().with(interval);
            self.write(store, interval, &after, how, &mut run)?;
            if self.is_latest {
                store.inner.definitions.record_materialised(self.name(), self.version, interval)?;
            }
            done = after;
            run.intervals.push(interval);
        }
        Ok(run)
    }

    /// The intervals that are to be written. Of `noted` the note beside the rows tells.
    fn wanted(&self, store: &FeatureStore, span: &Span, noted: &Materialised) -> Result<Vec<Interval>> {
        let now = store.now();
        let until = |end: Timestamp| if end < now { end } else { now };
        match span {
            Span::Whole(interval) => {
                Ok(Interval::new(interval.start(), until(interval.end())).into_iter().collect())
            }
            Span::Since(end) => {
                let end = until(*end);
                let both = if self.is_latest {
                    let known = store.inner.definitions.materialised(self.name())?;
                    note::common(known.intervals(), noted.intervals())
                } else {
                    noted.intervals().to_vec()
                };
                let start = match (both.first(), self.view.view.ttl()) {
                    (Some(first), _) => first.start(),
                    (None, Some(ttl)) => {
                        let ttl = i64::try_from(ttl.as_micros()).unwrap_or(i64::MAX);
                        let start = Timestamp::from_micros(end.as_micros().saturating_sub(ttl));
                        if start < BEGINNING { BEGINNING } else { start }
                    }
                    (None, None) => BEGINNING,
                };
                let done = both.into_iter().fold(Materialised::of(self.version), Materialised::with);
                Ok(Interval::new(start, end).map_or_else(|_| Vec::new(), |wanted| done.missing(wanted)))
            }
        }
    }

    /// Writes the newest rows of an interval, and then the note that they are there.
    fn write(
        &self,
        store: &FeatureStore,
        interval: Interval,
        after: &Materialised,
        how: &How<'_>,
        run: &mut ViewRun,
    ) -> Result<()> {
        let view = &self.view;
        let source = batch_source(OPERATION, self.name(), view.batch_source.as_ref())?;
        let opened = store.inner.sources.open(source)?;
        let keys = view.join_keys.iter().map(|key| (key.name.as_str(), view.source_column(&key.name)));
        let features =
            view.features.iter().map(|field| (view.source_column(&field.name), field.name.as_str()));
        let columns = Columns::stored(view);
        let mut read = View::new(self.name(), opened, keys, columns.event()).with_features(features);
        if let Some(created) = view.created_timestamp_column() {
            read = read.with_created_timestamp(created);
        }
        let latest = Latest::new(read).since(interval.start()).until(interval.end());
        let rows = latest.rows()?;
        run.rows += rows.report().rows();
        run.rows_without_time += rows.report().rows_without_time();
        let (total, began, mut done) = (rows.remaining() as u64, store.now(), 0);
        let batches = Batches::new(rows, view, &self.table, &columns, how.batch_rows);
        let put = |(rows, is_last): Batch| -> Result<()> {
            let written = self.put(store, &rows, is_last.then_some(after))?;
            run.stored += written.stored();
            run.older += written.older();
            done += rows.len() as u64;
            if !rows.is_empty() {
                self.tell(store, how, interval, (done, total), began);
            }
            Ok(())
        };
        if how.is_beside { batches.each_beside(put) } else { batches.each(put) }
    }

    fn put(&self, store: &FeatureStore, rows: &[Entry], after: Option<&Materialised>) -> Result<Written> {
        let text = after.map(|after| note::bytes(after.intervals())).transpose()?;
        let notes: Vec<Note<'_>> = text.iter().map(|text| Note::new(note::NAME, text)).collect();
        store.inner.online.write(&self.table, &WriteBatch::rows(rows).with_notes(&notes))
    }

    fn tell(
        &self,
        store: &FeatureStore,
        how: &How<'_>,
        interval: Interval,
        (done, total): (u64, u64),
        began: Timestamp,
    ) {
        let Some(progress) = how.progress else { return };
        let micros = store.now().as_micros().saturating_sub(began.as_micros());
        let elapsed = Duration::from_micros(u64::try_from(micros).unwrap_or(0));
        progress(&Progress { view: self.name().to_owned(), interval, done, total, elapsed });
    }
}
