//! The store in a file of the machine, on redb.

mod database;
mod error;
mod group;
mod write;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mlcore::Result;
use mlcore::interrupt;
use mlcore::time::Timestamp;
use smallvec::SmallVec;

use self::database::{Database, Snapshot};
use super::batch::{check_limit, check_rows};
use super::{
    Capabilities, Entry, OnlineStore, Swap, Table, TableId, Visit, VisitSeries, WriteBatch, Written,
};
use crate::store::key::EntityKey;

/// An online store in one file, for one process. It needs no set-up and no server.
///
/// A write is on the disk when the call returns: one sync of the file, about half a millisecond on an SSD, however many rows there
/// are. Threads that write at once share it. Reads do not wait for writes. Pages of the file have checksums.
///
/// The file is locked: a second process that opens it gets an error that says so. After a failure of the disk, such as a full
/// one, the store opens the file again by itself at the next call.
///
/// ```
/// use mlcore_features::store::online::{EmbeddedOptions, EmbeddedStore, OnlineStore};
///
/// # let folder = tempfile::tempdir().map_err(|error| mlcore::Error::from_io("make folder", "", error))?;
/// let store = EmbeddedStore::open(folder.path().join("online.redb"), EmbeddedOptions::default())?;
/// assert!(store.capabilities().is_durable() && store.capabilities().has_atomic_batches());
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone)]
pub struct EmbeddedStore {
    database: Arc<Database>,
}

/// How an [`EmbeddedStore`] is opened.
///
/// ```
/// use mlcore_features::store::online::EmbeddedOptions;
///
/// assert_eq!(EmbeddedOptions::default().with_cache_bytes(1 << 20).cache_bytes(), 1 << 20);
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EmbeddedOptions {
    cache_bytes: usize,
}

impl Default for EmbeddedOptions {
    /// 256 MiB of cache: a million rows of ten features, and a small part of a machine that serves models.
    fn default() -> Self {
        Self { cache_bytes: 256 << 20 }
    }
}

impl EmbeddedOptions {
    /// Keeps at most this many bytes of the file's pages in memory.
    #[must_use]
    pub const fn with_cache_bytes(mut self, bytes: usize) -> Self {
        self.cache_bytes = bytes;
        self
    }

    /// The most bytes of pages in memory.
    #[must_use]
    pub const fn cache_bytes(&self) -> usize {
        self.cache_bytes
    }
}

impl EmbeddedStore {
    /// Opens the store of this file, which is made where there is none.
    ///
    /// # Errors
    /// [`Error::Unavailable`](mlcore::Error::Unavailable) while another process has it open, [`Error::Corrupt`](mlcore::Error::Corrupt)
    /// for a file that is no store, and those of the system, naming the file.
    pub fn open(path: impl AsRef<Path>, options: EmbeddedOptions) -> Result<Self> {
        Ok(Self { database: Arc::new(Database::open(path.as_ref(), options)?) })
    }
}

impl EmbeddedStore {
    /// Gives the space of rows that were evicted, deleted or replaced back to the file system: the file has the bytes of what it holds then.
    /// Reads and writes of other threads wait until it is done.
    ///
    /// ```
    /// # use mlcore_features::store::online::{EmbeddedOptions, EmbeddedStore};
    /// # let folder = tempfile::tempdir().map_err(|error| mlcore::Error::from_io("make folder", "", error))?;
    /// let store = EmbeddedStore::open(folder.path().join("online.redb"), EmbeddedOptions::default())?;
    /// store.compact()?;
    /// # Ok::<(), mlcore::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Unavailable`](mlcore::Error::Unavailable) where a read takes longer than ten seconds to end, and those of the system.
    pub fn compact(&self) -> Result<()> {
        self.database.compact(Duration::from_secs(10))
    }
}

impl fmt::Debug for EmbeddedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedStore").field("path", &self.database.path()).finish()
    }
}

impl OnlineStore for EmbeddedStore {
    fn capabilities(&self) -> Capabilities {
        Capabilities::new().with_durability().with_atomic_batches()
    }

    fn read(&self, table: &TableId, keys: &[EntityKey], visit: &mut Visit<'_>) -> Result<()> {
        self.database.read("read online features", |snapshot| {
            let Some(mut place) = Place::of(snapshot, table) else {
                return (0..keys.len()).try_for_each(|key| visit(key, None));
            };
            for (number, key) in keys.iter().enumerate() {
                let row = self.database.reading(|| snapshot.rows.get(place.of_key(key)))?;
                visit(number, self.database.reading(|| Ok(row.as_ref().map(|row| row.value())))?)?;
            }
            Ok(())
        })
    }

    fn write(&self, table: &Table, batch: &WriteBatch<'_>) -> Result<Written> {
        check_rows(table, batch.entries())?;
        self.database
            .write("write online features", |transaction| transaction.number_or_new(table.id())?.write(batch))
    }

    fn swap(&self, table: &Table, swaps: &[Swap]) -> Result<bool> {
        check_rows(table, swaps.iter().map(Swap::entry))?;
        self.database
            .write("swap online features", |transaction| transaction.number_or_new(table.id())?.swap(swaps))
    }

    fn delete(&self, table: &TableId, keys: &[EntityKey]) -> Result<u64> {
        self.database.write("delete online features", |transaction| match transaction.number(table)? {
            Some(mut rows) => rows.delete(keys),
            None => Ok(0),
        })
    }

    fn evict(&self, table: &TableId, before: Timestamp) -> Result<u64> {
        self.database.write("evict online features", |transaction| match transaction.number(table)? {
            Some(mut rows) => rows.evict(before.as_micros()),
            None => Ok(0),
        })
    }

    fn append(&self, table: &Table, rows: &[Entry], limit: usize) -> Result<Written> {
        check_rows(table, rows)?;
        check_limit(table, limit)?;
        self.database.write("append online features", |transaction| {
            transaction.number_or_new(table.id())?.append(rows, limit)
        })
    }

    fn read_series(&self, table: &TableId, keys: &[EntityKey], visit: &mut VisitSeries<'_>) -> Result<()> {
        self.database.read("read online series", |snapshot| {
            let Some(mut place) = Place::of(snapshot, table) else { return Ok(()) };
            for (number, key) in keys.iter().enumerate() {
                let (low, high) = series_range(place.of_key(key));
                let range = || snapshot.series.range::<&[u8]>(low.as_slice()..=high.as_slice());
                let mut range = self.database.reading(range)?;
                while let Some((_, row)) = self.database.reading(|| range.next().transpose())? {
                    visit(number, self.database.reading(|| Ok(row.value()))?)?;
                }
            }
            Ok(())
        })
    }

    fn note(&self, table: &TableId, name: &str) -> Result<Option<Vec<u8>>> {
        self.database.read("read note", |snapshot| {
            let Some(mut place) = Place::of(snapshot, table) else { return Ok(None) };
            self.database.reading(|| {
                let note = snapshot.notes.get(place.of_bytes(name.as_bytes()))?;
                Ok(note.map(|note| note.value().to_vec()))
            })
        })
    }

    fn tables(&self) -> Result<Vec<TableId>> {
        self.database.read("list tables", |snapshot| Ok(snapshot.numbers.keys().cloned().collect()))
    }

    fn drop_table(&self, table: &TableId) -> Result<bool> {
        interrupt::check("drop table")?;
        self.database.write("drop table", |transaction| transaction.drop_table(table))
    }

    fn check(&self) -> Result<()> {
        self.database.check()
    }
}

/// The keys of one table: its number and what follows, in memory that is used again.
pub(super) struct Place {
    bytes: SmallVec<[u8; 128]>,
}

impl Place {
    fn of(snapshot: &Snapshot, table: &TableId) -> Option<Self> {
        snapshot.numbers.get(table).map(|number| Self::of_number(*number))
    }

    fn of_number(number: u32) -> Self {
        let mut bytes = SmallVec::new();
        bytes.extend_from_slice(&number.to_be_bytes());
        Self { bytes }
    }

    fn of_key(&mut self, key: &EntityKey) -> &[u8] {
        self.of_bytes(key.as_bytes())
    }

    fn of_bytes(&mut self, bytes: &[u8]) -> &[u8] {
        self.bytes.truncate(4);
        self.bytes.extend_from_slice(bytes);
        &self.bytes
    }
}

/// The first and the last place that a value of a series may have: the key, and the ordered bytes of an event. No key begins with
/// another one.
fn series_range(key: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let with = |event: [u8; 8]| [key, event.as_slice()].concat();
    (with([0; 8]), with([0xff; 8]))
}
