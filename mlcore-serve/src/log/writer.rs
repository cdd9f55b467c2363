use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant, SystemTime};

use mlcore::arrow::array::RecordBatch;
use mlcore::arrow::error::ArrowError;
use mlcore::name::ModelName;
use mlcore::{Error, Result};

use super::LogOptions;
use super::file::{Open, WRITE};
use super::schema::Kind;
use super::table::{Outcomes, Predictions};
use crate::endpoint::{OutcomeRecord, Record};

/// What reaches the thread that writes.
pub(super) enum Message {
    Prediction(ModelName, Box<Record>),
    Outcome(ModelName, Box<OutcomeRecord>),
    /// Everything before it is to be durable.
    Flush(SyncSender<Result<()>>),
    /// The same, and nothing comes after it.
    Close(SyncSender<Result<()>>),
}

/// What went through a log.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) predictions: AtomicU64,
    pub(super) outcomes: AtomicU64,
    pub(super) files: AtomicU64,
    pub(super) left_out: AtomicU64,
    pub(super) dropped: AtomicU64,
    pub(super) lost: AtomicU64,
    #[cfg(feature = "metrics")]
    metrics: crate::metrics::LogMetrics,
}

impl Tally {
    /// Counts a file of so many rows.
    fn finish(&self, kind: Kind, rows: u64) {
        let counter = match kind {
            Kind::Predictions => &self.predictions,
            Kind::Outcomes => &self.outcomes,
        };
        counter.fetch_add(rows, Ordering::Relaxed);
        self.files.fetch_add(1, Ordering::Relaxed);
        #[cfg(feature = "metrics")]
        match kind {
            Kind::Predictions => self.metrics.predictions.increment(rows),
            Kind::Outcomes => self.metrics.outcomes.increment(rows),
        }
    }

    /// Counts rows that could not be written.
    fn lose(&self, rows: u64) {
        self.lost.fetch_add(rows, Ordering::Relaxed);
        #[cfg(feature = "metrics")]
        self.metrics.lost.increment(rows);
    }

    /// Counts one that did not fit into the queue; how many there are by now.
    pub(super) fn drop_one(&self) -> u64 {
        #[cfg(feature = "metrics")]
        self.metrics.dropped.increment(1);
        self.dropped.fetch_add(1, Ordering::Relaxed) + 1
    }
}

/// The thread that writes.
pub(super) struct Writer {
    pub(super) folder: PathBuf,
    pub(super) options: Arc<LogOptions>,
    pub(super) tally: Arc<Tally>,
    /// Tells the files of processes apart.
    pub(super) process: u64,
    pub(super) number: u64,
    predictions: Predictions,
    outcomes: Outcomes,
    files: [Part; 2],
}

/// The files of one kind.
struct Part {
    kind: Kind,
    open: Option<Open>,
    /// When the first row came that is in no finished file.
    since: Option<Instant>,
}

impl Writer {
    pub(super) fn new(folder: PathBuf, options: Arc<LogOptions>, tally: Arc<Tally>, process: u64) -> Self {
        let files = [Kind::Predictions, Kind::Outcomes].map(|kind| Part { kind, open: None, since: None });
        let (predictions, outcomes) = (Predictions::new(), Outcomes::new());
        Self { folder, options, tally, process, number: 0, predictions, outcomes, files }
    }

    /// Writes until nobody can send any more.
    pub(super) fn work(mut self, messages: &Receiver<Message>) {
        loop {
            match messages.recv_timeout(self.pause()) {
                Ok(Message::Prediction(model, record)) => {
                    self.came(Kind::Predictions);
                    self.predictions.append(&model, &record, &self.options);
                    if self.predictions.rows() >= self.rows_at_once() {
                        self.write(Kind::Predictions);
                    }
                }
                Ok(Message::Outcome(model, outcome)) => {
                    self.came(Kind::Outcomes);
                    self.outcomes.append(&model, &outcome, &self.options);
                    if self.outcomes.rows() >= self.rows_at_once() {
                        self.write(Kind::Outcomes);
                    }
                }
                Ok(Message::Flush(answer)) => drop(answer.send(self.end_all())),
                Ok(Message::Close(answer)) => {
                    drop(answer.send(self.end_all()));
                    return;
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    drop(self.end_all());
                    return;
                }
            }
            self.end_old();
        }
    }

    /// Rows that are turned into columns together.
    fn rows_at_once(&self) -> usize {
        ROWS_AT_ONCE.min(self.options.max_rows)
    }

    /// A row of this kind has come.
    fn came(&mut self, kind: Kind) {
        if let Some(part) = self.files.iter_mut().find(|part| part.kind == kind) {
            part.since.get_or_insert_with(Instant::now);
        }
    }

    /// How long it may sleep: until the oldest file is to be ended.
    fn pause(&self) -> Duration {
        let ages = self.files.iter().filter_map(|part| part.since).map(|since| since.elapsed());
        ages.max().map_or(A_LONG_TIME, |age| self.options.max_age.saturating_sub(age))
    }

    /// Puts the rows that wait into the file of their kind.
    fn write(&mut self, kind: Kind) {
        let rows = match kind {
            Kind::Predictions if self.predictions.rows() > 0 => self.predictions.take(),
            Kind::Outcomes if self.outcomes.rows() > 0 => self.outcomes.take(),
            Kind::Predictions | Kind::Outcomes => return,
        };
        if let Err(error) = self.append(kind, rows) {
            tracing::warn!(%error, "a prediction log could not write");
        }
    }

    fn append(&mut self, kind: Kind, rows: Result<RecordBatch, ArrowError>) -> Result<()> {
        let rows = rows.map_err(|cause| Error::internal(WRITE, kind.name(), cause.to_string()))?;
        let count = rows.num_rows() as u64;
        let Some(part) = self.files.iter_mut().find(|part| part.kind == kind) else { return Ok(()) };
        let lost = |rows: u64| self.tally.lose(rows);
        let open = match &mut part.open {
            Some(open) => open,
            none => {
                self.number += 1;
                let opened =
                    Open::new(&self.folder, kind, SystemTime::now().into(), (self.process, self.number));
                none.insert(opened.inspect_err(|_| {
                    lost(count);
                })?)
            }
        };
        if let Err(error) = open.write(&rows) {
            // Nothing of it can be read any more.
            lost(open.rows as u64);
            if let Some(open) = part.open.take() {
                open.abandon();
            }
            return Err(error);
        }
        Ok(())
    }

    /// Ends the files that are full or old.
    fn end_old(&mut self) {
        let LogOptions { max_rows, max_bytes, max_age, .. } = *self.options;
        for kind in [Kind::Predictions, Kind::Outcomes] {
            let waiting = match kind {
                Kind::Predictions => self.predictions.rows(),
                Kind::Outcomes => self.outcomes.rows(),
            };
            let is_over = |part: &Part| {
                let open = part.open.as_ref();
                part.since.is_some_and(|since| since.elapsed() >= max_age)
                    || open.map_or(0, |open| open.rows) + waiting >= max_rows
                    || open.is_some_and(|open| open.bytes() >= max_bytes)
            };
            if self.files.iter().any(|part| part.kind == kind && is_over(part)) {
                self.write(kind);
                if let Err(error) = self.end(kind) {
                    tracing::warn!(%error, "a prediction log could not end a file");
                }
            }
        }
    }

    fn end(&mut self, kind: Kind) -> Result<()> {
        let Some(part) = self.files.iter_mut().find(|part| part.kind == kind) else { return Ok(()) };
        part.since = None;
        let Some(open) = part.open.take() else { return Ok(()) };
        let rows = open.rows as u64;
        let ended = open.finish();
        match &ended {
            Ok(()) => self.tally.finish(kind, rows),
            Err(_) => self.tally.lose(rows),
        }
        ended
    }

    /// Ends all files; the first error.
    fn end_all(&mut self) -> Result<()> {
        let mut ended = Ok(());
        for kind in [Kind::Predictions, Kind::Outcomes] {
            let rows = match kind {
                Kind::Predictions if self.predictions.rows() > 0 => Some(self.predictions.take()),
                Kind::Outcomes if self.outcomes.rows() > 0 => Some(self.outcomes.take()),
                Kind::Predictions | Kind::Outcomes => None,
            };
            let written = rows.map_or(Ok(()), |rows| self.append(kind, rows));
            let own = written.and(self.end(kind));
            ended = ended.and(own);
        }
        ended
    }
}

/// Enough for columns to pay, and few enough to be written at once.
const ROWS_AT_ONCE: usize = 1024;
const A_LONG_TIME: Duration = Duration::from_secs(3600);
