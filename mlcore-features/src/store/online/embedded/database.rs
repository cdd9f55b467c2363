use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use mlcore::{Error, Result};
use redb::{ReadOnlyTable, ReadableDatabase as _, ReadableTable as _, TableDefinition};

use super::EmbeddedOptions;
use super::error::{RESTORE, meaning};
use super::group::Writing;
use crate::store::online::TableId;

pub(super) type Bytes = &'static [u8];

/// Which format the file has.
const FORMAT: TableDefinition<'_, &str, u32> = TableDefinition::new("mlcore online store");
/// The number of each table, by its name.
pub(super) const TABLES: TableDefinition<'_, &str, u32> = TableDefinition::new("tables");
/// Rows by the number of their table and their key.
pub(super) const ROWS: TableDefinition<'_, Bytes, Bytes> = TableDefinition::new("rows");
/// Values of series by the number of their table, their key and the event.
pub(super) const SERIES: TableDefinition<'_, Bytes, Bytes> = TableDefinition::new("series");
/// Notes by the number of their table and their name.
pub(super) const NOTES: TableDefinition<'_, Bytes, Bytes> = TableDefinition::new("notes");

/// The format that this code writes.
const VERSION: u32 = 1;

/// The file, opened once and again after a failure of the disk.
pub(super) struct Database {
    path: PathBuf,
    options: EmbeddedOptions,
    /// Held by whoever writes.
    pub(super) writer: Mutex<Writing>,
    /// How many want to hold it to write.
    pub(super) waiting: AtomicUsize,
    /// Tells writers that a transaction which they share has ended.
    pub(super) ended: Condvar,
    /// What readers see: the state after the last commit. `None` after a failure.
    snapshot: RwLock<Option<Arc<Snapshot>>>,
}

/// The tables as of one commit.
pub(super) struct Snapshot {
    pub(super) rows: ReadOnlyTable<Bytes, Bytes>,
    pub(super) series: ReadOnlyTable<Bytes, Bytes>,
    pub(super) notes: ReadOnlyTable<Bytes, Bytes>,
    pub(super) numbers: BTreeMap<TableId, u32>,
}

impl Database {
    pub(super) fn open(path: &Path, options: EmbeddedOptions) -> Result<Self> {
        let own = Self {
            path: path.to_owned(),
            options,
            writer: Mutex::default(),
            waiting: AtomicUsize::new(0),
            ended: Condvar::new(),
            snapshot: RwLock::new(None),
        };
        own.opened(&mut own.writer().database, Duration::ZERO)?;
        Ok(own)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn writer(&self) -> MutexGuard<'_, Writing> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The database, opened where it is not. `patience` is how long readers of the one before may hold it.
    pub(super) fn opened<'a>(
        &self,
        writer: &'a mut Option<redb::Database>,
        patience: Duration,
    ) -> Result<&'a redb::Database> {
        let database = match writer.take() {
            Some(database) => database,
            None => guarded(OPEN, &self.path, || {
                let database = self.open_file(patience)?;
                self.publish(Some(Snapshot::of(&database, &self.path)?));
                Ok(database)
            })?,
        };
        Ok(writer.insert(database))
    }

    fn open_file(&self, patience: Duration) -> Result<redb::Database> {
        let end = Instant::now() + patience;
        let database = loop {
            let opened = redb::Builder::new().set_cache_size(self.options.cache_bytes).create(&self.path);
            match opened {
                Err(redb::DatabaseError::DatabaseAlreadyOpen) if Instant::now() < end => {
                    std::thread::sleep(Duration::from_millis(1));
                }
                opened => break opened.map_err(|cause| meaning(OPEN, &self.path, cause))?,
            }
        };
        self.make_tables(&database)?;
        Ok(database)
    }

    /// Makes sure that all tables are there and are ours.
    fn make_tables(&self, database: &redb::Database) -> Result<()> {
        let failed = |cause: redb::Error| meaning(OPEN, &self.path, cause);
        let transaction = database.begin_write().map_err(|cause| failed(cause.into()))?;
        let is_new = {
            let mut format = transaction.open_table(FORMAT).map_err(|cause| failed(cause.into()))?;
            let found =
                format.get("version").map_err(|cause| failed(cause.into()))?.map(|found| found.value());
            match found {
                Some(VERSION) => false,
                Some(other) => {
                    let problem = format!("its format is {other}, and this build reads format {VERSION}");
                    return Err(Error::unsupported(OPEN, self.path.display().to_string(), problem).remedy(
                        "open it with the build that wrote it, or materialise the views into a new file",
                    ));
                }
                None => {
                    format.insert("version", VERSION).map_err(|cause| failed(cause.into()))?;
                    true
                }
            }
        };
        if !is_new {
            return transaction.abort().map_err(|cause| failed(cause.into()));
        }
        transaction.open_table(TABLES).map_err(|cause| failed(cause.into()))?;
        for table in [ROWS, SERIES, NOTES] {
            transaction.open_table(table).map_err(|cause| failed(cause.into()))?;
        }
        transaction.commit().map_err(|cause| failed(cause.into()))
    }

    pub(super) fn publish(&self, snapshot: Option<Snapshot>) {
        let snapshot = snapshot.map(Arc::new);
        let mut place = self.snapshot.write().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *place, snapshot);
        drop(place);
        // The last reader of it frees the pages; not while readers wait for the lock.
        drop(before);
    }

    /// Asks redb for something of a snapshot.
    pub(super) fn reading<T>(
        &self,
        question: impl FnOnce() -> std::result::Result<T, redb::StorageError>,
    ) -> Result<T> {
        const READ: &str = "read online features";
        guarded(READ, &self.path, || question().map_err(|cause| meaning(READ, &self.path, cause)))
    }

    /// Runs a reader on the state after the last commit.
    pub(super) fn read<T>(
        &self,
        operation: &'static str,
        mut reader: impl FnMut(&Snapshot) -> Result<T>,
    ) -> Result<T> {
        let current = || self.snapshot.read().unwrap_or_else(PoisonError::into_inner).clone();
        let snapshot = match current() {
            Some(snapshot) => snapshot,
            None => {
                self.opened(&mut self.writer().database, PATIENCE)?;
                current().ok_or_else(|| meaning(operation, &self.path, redb::Error::PreviousIo))?
            }
        };
        let answer = reader(&snapshot);
        if answer.as_ref().err().is_some_and(is_of_the_disk) {
            drop(snapshot);
            self.close(&mut self.writer());
        }
        answer
    }

    /// Closes the file after a failure of the disk; the next call opens it again.
    pub(super) fn close(&self, writer: &mut Writing) {
        self.abandon(writer);
        self.publish(None);
        let closed = writer.database.take();
        // A failure to close is no news after the failure before it.
        let _ = guarded(OPEN, &self.path, || {
            drop(closed);
            Ok(())
        });
    }

    /// Makes sure that the file can be read, and is still there.
    pub(super) fn check(&self) -> Result<()> {
        const CHECK: &str = "check online store";
        std::fs::metadata(&self.path)
            .map_err(|cause| Error::from_io(CHECK, self.path.display().to_string(), cause).remedy(RESTORE))?;
        self.read(CHECK, |snapshot| self.reading(|| snapshot.rows.first().map(|_| ())))
    }
}

impl Snapshot {
    pub(super) fn of(database: &redb::Database, path: &Path) -> Result<Self> {
        let failed = |cause: redb::Error| meaning(OPEN, path, cause);
        let transaction = database.begin_read().map_err(|cause| failed(cause.into()))?;
        let open = |table| transaction.open_table(table).map_err(|cause| failed(cause.into()));
        let names = transaction.open_table(TABLES).map_err(|cause| failed(cause.into()))?;
        let mut numbers = BTreeMap::new();
        for entry in names.iter().map_err(|cause| failed(cause.into()))? {
            let (name, number) = entry.map_err(|cause| failed(cause.into()))?;
            let id = name.value().parse().map_err(|cause: Error| {
                Error::corrupt(OPEN, path.display().to_string(), "it names a table that is none")
                    .remedy(RESTORE)
                    .caused_by(cause)
            })?;
            numbers.insert(id, number.value());
        }
        Ok(Self { rows: open(ROWS)?, series: open(SERIES)?, notes: open(NOTES)?, numbers })
    }
}

/// Calls redb, which panics at some damage of a file. No visitor runs within.
pub(super) fn guarded<T>(
    operation: &'static str,
    path: &Path,
    call: impl FnOnce() -> Result<T>,
) -> Result<T> {
    // What the call changed is not looked at after a panic: the file is opened anew.
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| {
        let told = panic.downcast_ref::<String>().map(String::as_str);
        let told = told.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it does not say where");
        Err(meaning(operation, path, redb::Error::Corrupted(told.to_owned())))
    })
}

/// Says whether redb refuses everything after this failure until the file is opened again.
pub(super) fn is_of_the_disk(error: &Error) -> bool {
    use std::error::Error as _;
    error.source().is_some_and(|cause| cause.is::<redb::Error>() || cause.is::<std::io::Error>())
}

const OPEN: &str = "open online store";
/// Far longer than a read takes, and short enough for a call that waits.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);
