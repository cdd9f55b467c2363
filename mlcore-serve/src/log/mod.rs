//! The prediction log: what was asked, decided and answered, and what came of it, as Parquet files of one versioned schema.
//!
//! A [`PredictionLog`] writes a folder; its [sinks](PredictionLog::sink) are given to endpoints. A [`LogReader`] reads it, and so
//! does whatever reads Parquet: `polars.scan_parquet("log/predictions/*.parquet")`.
//!
//! ```
//! use mlcore_serve::endpoint::EndpointBuilder;
//! use mlcore_serve::log::{LogOptions, PredictionLog};
//!
//! # fn serve(builder: EndpointBuilder, folder: &std::path::Path) -> mlcore::Result<()> {
//! let log = PredictionLog::open(folder, LogOptions::default().with_redacted(["email"]))?;
//! let endpoint = builder.with_sink(log.sink("risk".parse()?)).build()?;
//! // ... requests, outcomes, and at the end:
//! endpoint.process();
//! log.close()?;
//! # Ok(())
//! # }
//! ```
//!
//! # Columns
//! [`predictions_schema`] has a row for each request, and [`outcomes_schema`] one for each outcome, joined by `outcome_id`. ARCHITECTURE.md
//! says of each column what it holds. Raw features are one JSON object for each row of the request, with the exact text of
//! records: models differ in their features and versions in their plans, so that columns of their own would make as many schemas;
//! and text loses no type that a column of doubles would, which replay and comparisons of features need.
//!
//! # Skew
//! [`LogReader::check_skew`] compares the features that were looked up for requests with those that a feature store recomputes from
//! history for the same entities and times.
//!
//! # What a crash loses
//! The rows that are in no finished file: at most those of [`max_age`](LogOptions::max_age), and fewer where
//! [`max_rows`](LogOptions::max_rows) or [`max_bytes`](LogOptions::max_bytes) end a file earlier, and those in the queue.
//! A file is written under a name that begins with a dot, synchronised with the disk, and renamed: what has its name is whole.
//! [`flush`](PredictionLog::flush) ends the files at once, durably.
//!
//! # What it costs a request
//! Nothing: records are handed over off its path. The queue is bounded, and what does not fit is dropped and
//! [counted](LogCounts). Files are written on a thread of the log.

mod file;
mod looked_up;
mod options;
mod reader;
mod schema;
mod skew;
mod table;
mod writer;

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use mlcore::name::ModelName;
use mlcore::{Error, Result, memory};
use xxhash_rust::xxh3::xxh3_64;

pub use self::options::LogOptions;
pub use self::reader::{LogReader, LoggedOutcome, LoggedPrediction};
pub use self::schema::{SCHEMA_VERSION, outcomes_schema, predictions_schema};
pub use self::skew::{ComparedValue, LeftOut, LogSkew, LogSkewOptions, LoggedRow};
use self::writer::{Message, Tally, Writer};
use crate::endpoint::{OutcomeId, OutcomeRecord, Record, RecordSink};

/// Writes the prediction log of a folder. Several processes may write one folder: their files have different names.
///
/// Dropping it ends the files, as [`close`](Self::close) does, and says nothing of an error.
pub struct PredictionLog {
    folder: PathBuf,
    sender: SyncSender<Message>,
    options: Arc<LogOptions>,
    tally: Arc<Tally>,
    thread: Option<JoinHandle<()>>,
}

/// The sink of one model: hands its records and outcomes to the log. What comes after the log was closed is counted as dropped.
pub struct LogSink {
    model: ModelName,
    sender: SyncSender<Message>,
    options: Arc<LogOptions>,
    tally: Arc<Tally>,
}

/// What went through a log since it was opened.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LogCounts {
    /// Predictions in finished files.
    pub predictions: u64,
    /// Outcomes in finished files.
    pub outcomes: u64,
    /// Finished files.
    pub files: u64,
    /// Predictions and outcomes that the share left out.
    pub left_out: u64,
    /// Those that did not fit into the queue, or came after the log was closed.
    pub dropped: u64,
    /// Those that could not be written: the disk was full, the folder gone.
    pub lost: u64,
}

impl PredictionLog {
    /// Opens the log in `folder`, which is made where there is none, and starts its thread.
    ///
    /// # Errors
    /// As [`LogOptions::check`]; what making the folder answers, and [`Error::Unavailable`] where the system gives no thread.
    pub fn open(folder: impl Into<PathBuf>, options: LogOptions) -> Result<Self> {
        options.check()?;
        let folder = folder.into();
        std::fs::create_dir_all(&folder)
            .map_err(|cause| Error::from_io(OPEN, folder.display().to_string(), cause))?;
        memory::require::<Message>(OPEN, "queue_capacity", &[options.queue_capacity])?;
        file::clean(&folder, 2 * options.max_age);
        let (sender, messages) = sync_channel(options.queue_capacity);
        let (options, tally) = (Arc::new(options), Arc::<Tally>::default());
        let process = RandomState::new().hash_one(std::process::id());
        let writer = Writer::new(folder.clone(), options.clone(), tally.clone(), process);
        let thread = thread::Builder::new()
            .name("mlcore-log".to_owned())
            .spawn(move || writer.work(&messages))
            .map_err(|cause| Error::from_io(OPEN, "thread", cause))?;
        Ok(Self { folder, sender, options, tally, thread: Some(thread) })
    }

    /// A sink for the endpoint of `model`.
    #[must_use]
    pub fn sink(&self, model: ModelName) -> LogSink {
        let (sender, options, tally) = (self.sender.clone(), self.options.clone(), self.tally.clone());
        LogSink { model, sender, options, tally }
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Counts since it was opened.
    #[must_use]
    pub fn counts(&self) -> LogCounts {
        let Tally { predictions, outcomes, files, left_out, dropped, lost, .. } = &*self.tally;
        let [predictions, outcomes, files, left_out, dropped, lost] =
            [predictions, outcomes, files, left_out, dropped, lost]
                .map(|count| count.load(Ordering::Relaxed));
        LogCounts { predictions, outcomes, files, left_out, dropped, lost }
    }

    /// Ends the files: when this returns, what sinks took before is on the disk and can be read. Waits for the disk.
    ///
    /// # Errors
    /// What writing answers; rows of files that could not be ended are [lost](LogCounts::lost).
    pub fn flush(&self) -> Result<()> {
        self.ask(Message::Flush)
    }

    /// Ends the files and the thread.
    ///
    /// # Errors
    /// As [`flush`](Self::flush).
    pub fn close(mut self) -> Result<()> {
        self.end()
    }

    fn end(&mut self) -> Result<()> {
        let Some(thread) = self.thread.take() else { return Ok(()) };
        let ended = self.ask(Message::Close);
        drop(thread.join());
        ended
    }

    fn ask(&self, message: fn(SyncSender<Result<()>>) -> Message) -> Result<()> {
        let gone = || {
            Error::internal("write prediction log", self.folder.display().to_string(), "its thread has ended")
        };
        let (sender, answer) = sync_channel(1);
        self.sender.send(message(sender)).map_err(|_| gone())?;
        answer.recv().map_err(|_| gone())?
    }
}

impl LogSink {
    /// Whether a request of this id is logged, and its outcomes.
    fn chooses(&self, id: OutcomeId) -> bool {
        let place = xxh3_64(&id.to_u128().to_le_bytes());
        // The draw of the policy is a hash of the same id: the sample must not depend on the arm.
        let place = xxh3_64(&[place.to_le_bytes(), *b"predlog1"].concat());
        let is_chosen = self.options.share >= 1.0 || (place as f64) < self.options.share * 2_f64.powi(64);
        if !is_chosen {
            self.tally.left_out.fetch_add(1, Ordering::Relaxed);
        }
        is_chosen
    }

    fn send(&self, message: Message) {
        if self.sender.try_send(message).is_err() {
            let dropped = self.tally.drop_one();
            if dropped.is_power_of_two() {
                tracing::warn!(
                    dropped,
                    "a prediction log drops records: its disk is slower than the traffic"
                );
            }
        }
    }
}

impl RecordSink for LogSink {
    fn record(&mut self, record: &Record) {
        if self.chooses(record.outcome_id) {
            self.send(Message::Prediction(self.model.clone(), Box::new(record.clone())));
        }
    }

    fn outcome(&mut self, outcome: &OutcomeRecord) {
        if self.chooses(outcome.outcome_id) {
            self.send(Message::Outcome(self.model.clone(), Box::new(*outcome)));
        }
    }
}

impl Drop for PredictionLog {
    fn drop(&mut self) {
        drop(self.end());
    }
}

impl fmt::Debug for PredictionLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PredictionLog").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl fmt::Debug for LogSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogSink").field("model", &self.model).finish_non_exhaustive()
    }
}

const OPEN: &str = "open prediction log";
