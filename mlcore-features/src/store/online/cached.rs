use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use mlcore::Result;
use mlcore::time::Timestamp;
use quick_cache::Equivalent;
use quick_cache::sync::Cache;

use super::{
    Capabilities, Entry, OnlineStore, Swap, Table, TableId, Visit, VisitSeries, WriteBatch, Written,
};
use crate::store::key::EntityKey;

/// A store with a cache of rows in front: what was read is kept for a bounded time, in a bounded number of entries.
///
/// An answer is at most [`max_staleness`](CacheOptions::with_max_staleness) behind what somebody else wrote. What is written,
/// deleted or evicted through this handle is seen at once by all its readers. A cached row expires as any other, because the
/// time to live is looked at by each read of a query. That an entity has no row is kept as well. Series and notes are not.
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// use mlcore_features::store::online::{CacheOptions, CachedStore, MemoryStore, OnlineStore};
///
/// let options = CacheOptions::default().with_max_staleness(Duration::from_millis(200));
/// let store = CachedStore::new(Arc::new(MemoryStore::new()), options);
/// assert!(store.tables()?.is_empty());
/// # Ok::<(), mlcore::Error>(())
/// ```
pub struct CachedStore {
    inner: Arc<dyn OnlineStore>,
    cache: Cache<Key, Cached>,
    /// Counts writes, by the hash of the key, so that a reader who was overtaken by one keeps nothing.
    writes: Box<[AtomicU64]>,
    max_staleness: Duration,
    clock: Box<dyn Fn() -> Duration + Send + Sync>,
}

/// How a [`CachedStore`] caches.
///
/// ```
/// use mlcore_features::store::online::CacheOptions;
///
/// assert_eq!(CacheOptions::default().with_max_entries(10).max_entries(), 10);
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CacheOptions {
    max_entries: usize,
    max_staleness: Duration,
}

impl Default for CacheOptions {
    /// 100,000 entries, some tens of megabytes; and a second, below which few features change.
    fn default() -> Self {
        Self { max_entries: 100_000, max_staleness: Duration::from_secs(1) }
    }
}

impl CacheOptions {
    /// Keeps at most this many rows.
    #[must_use]
    pub const fn with_max_entries(mut self, entries: usize) -> Self {
        self.max_entries = entries;
        self
    }

    /// Hands out what was read up to this long ago.
    #[must_use]
    pub const fn with_max_staleness(mut self, staleness: Duration) -> Self {
        self.max_staleness = staleness;
        self
    }

    /// The most rows that are kept.
    #[must_use]
    pub const fn max_entries(&self) -> usize {
        self.max_entries
    }

    /// How long ago an answer may have been read.
    #[must_use]
    pub const fn max_staleness(&self) -> Duration {
        self.max_staleness
    }
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Key(TableId, EntityKey);

/// The same, borrowed.
#[derive(Hash)]
struct Asked<'a>(&'a TableId, &'a EntityKey);

impl Equivalent<Key> for Asked<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        *self.0 == key.0 && *self.1 == key.1
    }
}

#[derive(Clone)]
struct Cached {
    row: Option<Arc<[u8]>>,
    read_at: Duration,
}

/// As many counts as make it rare that a write meets a reader of another key.
const STRIPES: usize = 256;

impl CachedStore {
    /// A cache in front of this store, by the clock of the system.
    #[must_use]
    pub fn new(inner: Arc<dyn OnlineStore>, options: CacheOptions) -> Self {
        let started = Instant::now();
        Self::with_clock(inner, options, move || started.elapsed())
    }

    /// The same by another clock: the time since some fixed moment, which never goes back.
    #[must_use]
    pub fn with_clock(
        inner: Arc<dyn OnlineStore>,
        options: CacheOptions,
        clock: impl Fn() -> Duration + Send + Sync + 'static,
    ) -> Self {
        Self {
            inner,
            cache: Cache::new(options.max_entries),
            writes: (0..STRIPES).map(|_| AtomicU64::new(0)).collect(),
            max_staleness: options.max_staleness,
            clock: Box::new(clock),
        }
    }

    fn writes_of(&self, key: &EntityKey) -> u64 {
        self.stripe(key).map_or(0, |count| count.load(Ordering::SeqCst))
    }

    fn stripe(&self, key: &EntityKey) -> Option<&AtomicU64> {
        self.writes.get((key.hash64() >> 32) as usize % STRIPES)
    }

    /// Forgets a row that was written. Whoever reads the old one at this moment sees the count move.
    fn forget(&self, table: &TableId, key: &EntityKey) {
        if let Some(count) = self.stripe(key) {
            count.fetch_add(1, Ordering::SeqCst);
        }
        self.cache.remove(&Asked(table, key));
    }

    fn forget_all(&self) {
        for count in &self.writes {
            count.fetch_add(1, Ordering::SeqCst);
        }
        self.cache.clear();
    }

    fn keep(&self, table: &TableId, key: &EntityKey, row: Option<&[u8]>, read_at: Duration, writes: u64) {
        self.cache.insert(Key(table.clone(), key.clone()), Cached { row: row.map(Arc::from), read_at });
        if self.writes_of(key) != writes {
            self.cache.remove(&Asked(table, key));
        }
    }
}

impl fmt::Debug for CachedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedStore").field("inner", &self.inner).field("entries", &self.cache.len()).finish()
    }
}

impl OnlineStore for CachedStore {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn read(&self, table: &TableId, keys: &[EntityKey], visit: &mut Visit<'_>) -> Result<()> {
        let now = (self.clock)();
        let is_fresh = |cached: &Cached| now.saturating_sub(cached.read_at) <= self.max_staleness;
        let found: Vec<Option<Cached>> =
            keys.iter().map(|key| self.cache.get(&Asked(table, key)).filter(is_fresh)).collect();
        let missing: Vec<(usize, EntityKey, u64)> = found
            .iter()
            .zip(keys)
            .enumerate()
            .filter(|(_, (found, _))| found.is_none())
            .map(|(place, (_, key))| (place, key.clone(), self.writes_of(key)))
            .collect();
        let mut rows: Vec<Option<Arc<[u8]>>> =
            found.into_iter().map(|found| found.and_then(|found| found.row)).collect();
        if !missing.is_empty() {
            let asked: Vec<EntityKey> = missing.iter().map(|(_, key, _)| key.clone()).collect();
            self.inner.read(table, &asked, &mut |number, row| {
                if let Some((place, key, writes)) = missing.get(number) {
                    self.keep(table, key, row, now, *writes);
                    if let Some(place) = rows.get_mut(*place) {
                        *place = row.map(Arc::from);
                    }
                }
                Ok(())
            })?;
        }
        rows.iter().enumerate().try_for_each(|(place, row)| visit(place, row.as_deref()))
    }

    fn write(&self, table: &Table, batch: &WriteBatch<'_>) -> Result<Written> {
        let written = self.inner.write(table, batch);
        // After a failure, too: some of it may have been stored.
        batch.entries().iter().for_each(|entry| self.forget(table.id(), entry.key()));
        written
    }

    fn swap(&self, table: &Table, swaps: &[Swap]) -> Result<bool> {
        let swapped = self.inner.swap(table, swaps);
        // Where it was refused, too: the caller reads again, and must not get what is out of date.
        swaps.iter().for_each(|swap| self.forget(table.id(), swap.entry().key()));
        swapped
    }

    fn delete(&self, table: &TableId, keys: &[EntityKey]) -> Result<u64> {
        let deleted = self.inner.delete(table, keys);
        keys.iter().for_each(|key| self.forget(table, key));
        deleted
    }

    fn evict(&self, table: &TableId, before: Timestamp) -> Result<u64> {
        let evicted = self.inner.evict(table, before);
        self.forget_all();
        evicted
    }

    fn append(&self, table: &Table, rows: &[Entry], limit: usize) -> Result<Written> {
        self.inner.append(table, rows, limit)
    }

    fn read_series(&self, table: &TableId, keys: &[EntityKey], visit: &mut VisitSeries<'_>) -> Result<()> {
        self.inner.read_series(table, keys, visit)
    }

    fn note(&self, table: &TableId, name: &str) -> Result<Option<Vec<u8>>> {
        self.inner.note(table, name)
    }

    fn tables(&self) -> Result<Vec<TableId>> {
        self.inner.tables()
    }

    fn drop_table(&self, table: &TableId) -> Result<bool> {
        let dropped = self.inner.drop_table(table);
        self.forget_all();
        dropped
    }

    fn check(&self) -> Result<()> {
        self.inner.check()
    }
}
