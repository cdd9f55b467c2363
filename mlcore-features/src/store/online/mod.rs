//! The online store: the latest features of each entity, read while a request waits.
//!
//! - A [`Table`] is one version of a view: its features with their types, and how long a value counts.
//! - An [`OnlineStore`] keeps packed rows by table and [`EntityKey`]: [`MemoryStore`] in memory, `EmbeddedStore` in a
//!   file (feature `embedded`), `RedisStore` on a Redis server (feature `redis`).
//! - A [`PreparedQuery`] resolves tables and features once and reads them many times into an [`Answer`], which says of each
//!   feature whether it is there, null, unknown or too old. It asks for the time at each read: a value that is too old is never
//!   handed out, whether the backend has removed it or not.
//! - A [`FeatureReader`] is what a service asks: a prepared query, or whatever else answers the features of an entity.
//! - A `CachedStore` (feature `cache`) keeps what was read for a bounded time.
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use mlcore::schema::{DType, Field};
//! use mlcore::time::Timestamp;
//! use mlcore_features::store::key::EntityKey;
//! use mlcore_features::store::online::{
//!     Answer, Cell, Entry, MemoryStore, OnlineStore, PreparedQuery, Stamp, Status, Table, TableId, WriteBatch,
//! };
//!
//! let features = [Field::column("trips", DType::Int64), Field::column("rating", DType::Float64).nullable()];
//! let drivers = Table::new(TableId::new("taxi", "drivers", 1)?, features)?.with_ttl(Duration::from_secs(3600));
//! let store = Arc::new(MemoryStore::new());
//!
//! let noon = Timestamp::from_millis(1_700_000_000_000);
//! let key = EntityKey::one("driver_id", 1001)?;
//! let row = drivers.pack(Stamp::new(noon, noon), &[Cell::from(12i64), Cell::NULL])?;
//! store.write(&drivers, &WriteBatch::rows(&[Entry::new(key.clone(), row)]))?;
//!
//! let query = PreparedQuery::new(store, [(&drivers, "rating"), (&drivers, "trips")])?;
//! let mut answer = Answer::default();
//! query.read(&[key.clone(), EntityKey::one("driver_id", 7)?], noon, &mut answer)?;
//! assert_eq!(answer.statuses(0), [Status::NullValue, Status::Present]);
//! assert_eq!(answer.statuses(1), [Status::NotFound, Status::NotFound]);
//! assert_eq!(answer.cell(0, 1), Cell::from(12i64));
//!
//! // An hour and a microsecond later, nothing of it counts any more.
//! let late = Timestamp::from_micros(noon.as_micros() + 3_600_000_001);
//! query.read(&[key], late, &mut answer)?;
//! assert_eq!((answer.status(0, 1), answer.cell(0, 1)), (Status::OutsideMaxAge, Cell::NULL));
//! # Ok::<(), mlcore::Error>(())
//! ```

mod batch;
mod cell;
mod memory;
mod query;
mod reader;
mod row;
mod stamp;
mod table;

#[cfg(feature = "cache")]
mod cached;
#[cfg(feature = "embedded")]
mod embedded;
#[cfg(feature = "redis")]
mod redis;

use std::fmt;

use mlcore::Result;
use mlcore::time::Timestamp;

pub use self::batch::{Entry, Note, Swap, WriteBatch, Written};
#[cfg(feature = "cache")]
pub use self::cached::{CacheOptions, CachedStore};
pub use self::cell::{Cell, Numbers};
#[cfg(feature = "embedded")]
pub use self::embedded::{EmbeddedOptions, EmbeddedStore};
pub use self::memory::MemoryStore;
pub use self::query::{Answer, PreparedQuery, QueryOptions, Status};
pub use self::reader::{FeatureReader, Found, VisitFound};
#[cfg(feature = "redis")]
pub use self::redis::{RedisOptions, RedisStore};
pub use self::row::{PackedRow, RowView};
pub use self::stamp::Stamp;
pub use self::table::{Table, TableId};
use super::key::EntityKey;

/// Gets the place of a key among those that were asked for, and what is stored for it.
pub type Visit<'a> = dyn FnMut(usize, Option<&[u8]>) -> Result<()> + 'a;
/// Gets the place of a key among those that were asked for, and one value of its series.
pub type VisitSeries<'a> = dyn FnMut(usize, &[u8]) -> Result<()> + 'a;

/// Keeps the latest row of each entity of a table, and the last few rows of it as a series.
///
/// A store keeps the bytes of packed rows and looks at nothing of them but their [`Stamp`]. What it gives back is not trusted:
/// whoever reads it calls [`Table::unpack`], which checks every byte.
///
/// # Contract
/// - **Newer wins.** A row replaces another of its entity when its stamp is greater or equal, and is ignored and counted when
///   it is older: in whatever order rows arrive, from however many threads and processes.
/// - **Writes are idempotent.** The same batch once more changes nothing. A write that failed may be repeated as a whole.
/// - What was acknowledged is read by every later call, and, where [`Capabilities::is_durable`], after the process was killed.
/// - A note is never visible before all rows of its batch.
/// - **A swap is whole.** Either each of its rows was as the caller has read it and all are replaced, or nothing is.
/// - Reads and writes of several threads do not wait for each other longer than a write takes.
/// - A visitor gets the keys in their order, and must not call the store.
///
/// The suite `conformance::online` of the feature store (feature `conformance`) holds a backend to it.
///
/// ```
/// use mlcore::schema::{DType, Field};
/// use mlcore::time::Timestamp;
/// use mlcore_features::store::key::EntityKey;
/// use mlcore_features::store::online::{
///     Cell, Entry, MemoryStore, Note, OnlineStore, Stamp, Table, TableId, WriteBatch, Written,
/// };
///
/// fn follow(store: &dyn OnlineStore, table: &Table, trips: i64, second: i64) -> mlcore::Result<Written> {
///     let moment = Timestamp::from_millis(1000 * second);
///     let row = table.pack(Stamp::new(moment, moment), &[Cell::from(trips)])?;
///     let rows = [Entry::new(EntityKey::one("driver_id", 7)?, row)];
///     let watermark = moment.to_string();
///     let notes = [Note::new("watermark", watermark.as_bytes())];
///     store.write(table, &WriteBatch::rows(&rows).with_notes(&notes))
/// }
///
/// let table = Table::new(TableId::new("taxi", "drivers", 1)?, [Field::column("trips", DType::Int64)])?;
/// let store = MemoryStore::new();
/// assert_eq!(follow(&store, &table, 12, 60)?, Written::new(1, 0));
/// assert_eq!(follow(&store, &table, 11, 30)?, Written::new(0, 1));
/// store.read(table.id(), &[EntityKey::one("driver_id", 7)?], &mut |_, row| {
///     let key = EntityKey::one("driver_id", 7)?;
///     assert_eq!(table.unpack(&key, row.unwrap_or_default())?.cell(0)?, Cell::from(12i64));
///     Ok(())
/// })?;
/// # Ok::<(), mlcore::Error>(())
/// ```
pub trait OnlineStore: fmt::Debug + Send + Sync {
    /// What the backend can do beyond the contract.
    fn capabilities(&self) -> Capabilities;

    /// Reads the rows of these entities in one call: `visit` gets each key once, in order, with `None` where there is no row.
    ///
    /// # Errors
    /// Those of the backend, and the first error of `visit`, which ends the call.
    fn read(&self, table: &TableId, keys: &[EntityKey], visit: &mut Visit<'_>) -> Result<()>;

    /// Writes rows, each where none newer is stored, and then the notes.
    ///
    /// # Errors
    /// [`Error::SchemaMismatch`](mlcore::Error::SchemaMismatch) naming the entity of a row that was packed for other features,
    /// before anything is written; those of the backend.
    fn write(&self, table: &Table, batch: &WriteBatch<'_>) -> Result<Written>;

    /// Replaces rows that are still as the caller has read them: all of them, in one step that no write and no other swap comes between;
    /// or none, where one has another stamp by now, is there though it was not, or is gone. Answers whether they were replaced. The new
    /// rows need not be newer.
    ///
    /// The caller gives a row another stamp whenever it changes it. No entity is named twice.
    ///
    /// # Errors
    /// [`Error::Unsupported`](mlcore::Error::Unsupported) by default, for a backend that cannot compare and swap; as
    /// [`write`](Self::write).
    fn swap(&self, table: &Table, swaps: &[Swap]) -> Result<bool> {
        let _ = swaps;
        Err(mlcore::Error::unsupported(
            "swap rows",
            table.id().to_string(),
            "the store cannot compare and swap",
        )
        .remedy("use a store that can, such as one in memory, in a file or on Redis"))
    }

    /// Deletes rows and series of these entities, and answers how many of them had any.
    ///
    /// # Errors
    /// Those of the backend.
    fn delete(&self, table: &TableId, keys: &[EntityKey]) -> Result<u64>;

    /// Deletes rows and values of series whose event was before this moment, and answers how many. Called with the time less the
    /// time to live it deletes what no read hands out any more.
    ///
    /// # Errors
    /// Those of the backend, and [`Error::Interrupted`](mlcore::Error::Interrupted).
    fn evict(&self, table: &TableId, before: Timestamp) -> Result<u64>;

    /// Adds rows to the series of their entities, which keep the `limit` newest by event. Of rows with the same event the one that
    /// was created last stays; one that is older than all that a full series keeps is ignored and counted.
    ///
    /// # Errors
    /// As [`write`](Self::write); [`Error::InvalidInput`](mlcore::Error::InvalidInput) for a limit of zero.
    fn append(&self, table: &Table, rows: &[Entry], limit: usize) -> Result<Written>;

    /// Reads the series of these entities: `visit` gets each value of each key, the keys in order, the oldest event first.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    fn read_series(&self, table: &TableId, keys: &[EntityKey], visit: &mut VisitSeries<'_>) -> Result<()>;

    /// The value of a note of a table, such as how far it was materialised; `None` where it was never written.
    ///
    /// # Errors
    /// Those of the backend.
    fn note(&self, table: &TableId, name: &str) -> Result<Option<Vec<u8>>>;

    /// The tables that were written to and not dropped, in ascending order.
    ///
    /// # Errors
    /// Those of the backend.
    fn tables(&self) -> Result<Vec<TableId>>;

    /// Deletes all rows, series and notes of a table, and answers whether there was one.
    ///
    /// # Errors
    /// Those of the backend, and [`Error::Interrupted`](mlcore::Error::Interrupted); called again, it goes on.
    fn drop_table(&self, table: &TableId) -> Result<bool>;

    /// Makes sure that the backend answers.
    ///
    /// # Errors
    /// What a read or a write would fail with.
    fn check(&self) -> Result<()>;
}

/// What an [`OnlineStore`] can do beyond its contract.
///
/// ```
/// use mlcore_features::store::online::{MemoryStore, OnlineStore};
///
/// assert!(!MemoryStore::new().capabilities().is_durable());
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Capabilities {
    durable: bool,
    atomic: bool,
    expires: bool,
    remote: bool,
}

impl Capabilities {
    /// A backend that keeps the contract and no more.
    #[must_use]
    pub const fn new() -> Self {
        Self { durable: false, atomic: false, expires: false, remote: false }
    }

    /// What was acknowledged outlives the process and a `kill -9` of it, without anything that the operator must set.
    #[must_use]
    pub const fn with_durability(mut self) -> Self {
        self.durable = true;
        self
    }

    /// A batch is stored as a whole, with its notes, or not at all.
    #[must_use]
    pub const fn with_atomic_batches(mut self) -> Self {
        self.atomic = true;
        self
    }

    /// Rows go away by themselves some time after they have expired.
    #[must_use]
    pub const fn with_expiry(mut self) -> Self {
        self.expires = true;
        self
    }

    /// A call waits for another machine or another process, and so perhaps for ever.
    #[must_use]
    pub const fn with_remote(mut self) -> Self {
        self.remote = true;
        self
    }

    /// Says whether what was acknowledged outlives the process.
    #[must_use]
    pub const fn is_durable(self) -> bool {
        self.durable
    }

    /// Says whether a batch is stored as a whole or not at all.
    #[must_use]
    pub const fn has_atomic_batches(self) -> bool {
        self.atomic
    }

    /// Says whether a call waits for another machine or another process.
    #[must_use]
    pub const fn is_remote(self) -> bool {
        self.remote
    }

    /// Says whether expired rows go away by themselves, by the clock of the backend.
    #[must_use]
    pub const fn expires(self) -> bool {
        self.expires
    }
}
