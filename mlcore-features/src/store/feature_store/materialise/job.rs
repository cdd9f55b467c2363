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
use crate::store::feature_store::historical::batch_source;
use crate::store::feature_store::tables::table_of;
use crate::store::feature_store::{FeatureStore, windows};
use crate::store::offline::{Latest, View};
use crate::store::online::{Entry, Note, Table, WriteBatch, Written};
use crate::store::registry::{Interval, Materialised};
use crate::store::window::{Late, OnlineWindows};

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
    pub(super) view: Arc<ResolvedView>,
    version: ViewVersion,
    /// Whether it is the version that the registry tells of.
    is_latest: bool,
    /// The table of the rows or of the tiles.
    table: Table,
    windows: Option<OnlineWindows>,
}

/// Before any event: the first moment of the year 1.
const BEGINNING: Timestamp = Timestamp::new(-62_135_596_800, TimeUnit::Second);

impl Job {
    pub(super) fn new(
        store: &FeatureStore,
        project: &str,
        view: &Arc<ResolvedView>,
        (version, is_latest): (ViewVersion, bool),
    ) -> Result<Self> {
        let windows = match windows::plan_of(view)? {
            Some(plan) => Some(store.windows(project, view, version, &plan)?),
            None => None,
        };
        let table = match &windows {
            Some(windows) => windows.table().clone(),
            None => table_of(project, view, version)?,
        };
        Ok(Self { view: Arc::clone(view), version, is_latest, table, windows })
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
        let late = self.late(span)?;
        for interval in self.wanted(store, span, &done, &late)? {
            let after = done.clone().with(interval);
            match &self.windows {
                Some(windows) => self.fill(store, windows, (span, interval), &after, how, &mut run)?,
                None => self.write(store, interval, &after, how, &mut run)?,
            }
            if self.is_latest {
                store.inner.definitions.record_materialised(self.name(), self.version, interval)?;
            }
            done = after;
            run.intervals.push(interval);
        }
        if let Some(windows) = &self.windows {
            windows.settle(&late, store.now())?;
        }
        Ok(run)
    }

    /// The intervals that are to be written. Of `noted` the note beside the rows tells.
    fn wanted(
        &self,
        store: &FeatureStore,
        span: &Span,
        noted: &Materialised,
        late: &Late,
    ) -> Result<Vec<Interval>> {
        let wanted = self.asked(store, span, noted)?;
        let Some(windows) = &self.windows else { return Ok(wanted) };
        // Tiles are whole.
        let aligned =
            |own: Interval| Interval::new(windows.align(own.start()), windows.align(own.end())).ok();
        let late = late.intervals().iter().filter_map(|(start, end)| Interval::new(*start, *end).ok());
        Ok(late.chain(wanted.into_iter().filter_map(aligned)).collect())
    }

    /// What an incremental run fills again.
    fn late(&self, span: &Span) -> Result<Late> {
        match (&self.windows, span) {
            (Some(windows), Span::Since(_)) => windows.late(),
            (Some(_), Span::Whole(_)) | (None, _) => Ok(Late::default()),
        }
    }

    fn asked(&self, store: &FeatureStore, span: &Span, noted: &Materialised) -> Result<Vec<Interval>> {
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
                let start = match (&self.windows, both.first(), self.view.view.ttl()) {
                    (Some(windows), _, _) => windows.earliest(end),
                    (None, Some(first), _) => first.start(),
                    (None, None, Some(ttl)) => {
                        let ttl = i64::try_from(ttl.as_micros()).unwrap_or(i64::MAX);
                        let start = Timestamp::from_micros(end.as_micros().saturating_sub(ttl));
                        if start < BEGINNING { BEGINNING } else { start }
                    }
                    (None, None, None) => BEGINNING,
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

    pub(super) fn put(
        &self,
        store: &FeatureStore,
        rows: &[Entry],
        after: Option<&Materialised>,
    ) -> Result<Written> {
        let text = after.map(|after| note::bytes(after.intervals())).transpose()?;
        let notes: Vec<Note<'_>> = text.iter().map(|text| Note::new(note::NAME, text)).collect();
        store.inner.online.write(&self.table, &WriteBatch::rows(rows).with_notes(&notes))
    }

    pub(super) fn tell(
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
