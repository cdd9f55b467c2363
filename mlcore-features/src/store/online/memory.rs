use std::collections::btree_map::Entry as Place;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use mlcore::Result;
use mlcore::interrupt::Pace;
use mlcore::time::Timestamp;

use super::batch::{check_limit, check_rows};
use super::row::{replaces, stamp_of};
use super::{
    Capabilities, Entry, OnlineStore, Swap, Table, TableId, Visit, VisitSeries, WriteBatch, Written,
};
use crate::store::key::EntityKey;

/// An online store in memory: the reference, and what tests and notebooks use. It ends with the process.
///
/// Rows lie in shards by the hash of their key, so that threads rarely wait for each other. A clone is another handle of the
/// same store.
///
/// ```
/// use mlcore_features::store::online::{MemoryStore, OnlineStore};
///
/// let store = MemoryStore::new();
/// assert!(store.tables()?.is_empty());
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct MemoryStore {
    tables: Arc<RwLock<BTreeMap<TableId, Arc<Content>>>>,
}

/// A table. Each shard has a lock of its own.
struct Content {
    shards: [RwLock<Shard>; SHARDS],
    notes: Mutex<BTreeMap<String, Vec<u8>>>,
}

#[derive(Default)]
struct Shard {
    /// Shared, so that a visitor reads without a lock.
    rows: HashMap<EntityKey, Arc<[u8]>>,
    /// By the microseconds of the event.
    series: HashMap<EntityKey, BTreeMap<i64, Arc<[u8]>>>,
}

/// A few times the processors of a large machine.
const SHARDS: usize = 64;

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn table(&self, id: &TableId) -> Option<Arc<Content>> {
        read(&self.tables).get(id).cloned()
    }

    fn table_or_new(&self, id: &TableId) -> Arc<Content> {
        match self.table(id) {
            Some(table) => table,
            None => Arc::clone(write(&self.tables).entry(id.clone()).or_default()),
        }
    }
}

impl Default for Content {
    fn default() -> Self {
        Self { shards: std::array::from_fn(|_| RwLock::default()), notes: Mutex::default() }
    }
}

impl Content {
    fn shard(&self, key: &EntityKey) -> &RwLock<Shard> {
        let [first, ..] = &self.shards;
        self.shards.get(self.number(key)).unwrap_or(first)
    }

    /// The number of the shard of a key.
    fn number(&self, key: &EntityKey) -> usize {
        (key.hash64() >> 32) as usize % self.shards.len()
    }

    fn notes(&self) -> MutexGuard<'_, BTreeMap<String, Vec<u8>>> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").field("tables", &read(&self.tables).len()).finish()
    }
}

impl OnlineStore for MemoryStore {
    fn capabilities(&self) -> Capabilities {
        Capabilities::new()
    }

    fn read(&self, table: &TableId, keys: &[EntityKey], visit: &mut Visit<'_>) -> Result<()> {
        let table = self.table(table);
        for (place, key) in keys.iter().enumerate() {
            let row = table.as_ref().and_then(|table| read(table.shard(key)).rows.get(key).cloned());
            visit(place, row.as_deref())?;
        }
        Ok(())
    }

    fn write(&self, table: &Table, batch: &WriteBatch<'_>) -> Result<Written> {
        check_rows(table, batch.entries())?;
        let content = self.table_or_new(table.id());
        let mut written = Written::default();
        for entry in batch.entries() {
            let mut shard = write(content.shard(entry.key()));
            let stored = shard.rows.get(entry.key());
            let is_newer = stored.is_none_or(|stored| replaces(entry.row().stamp(), stored));
            if is_newer {
                shard.rows.insert(entry.key().clone(), entry.row().as_bytes().into());
            }
            written.count(is_newer);
        }
        if !batch.notes().is_empty() {
            let mut notes = content.notes();
            notes.extend(batch.notes().iter().map(|note| (note.name().to_owned(), note.value().to_vec())));
        }
        Ok(written)
    }

    fn swap(&self, table: &Table, swaps: &[Swap]) -> Result<bool> {
        check_rows(table, swaps.iter().map(Swap::entry))?;
        let content = self.table_or_new(table.id());
        // Always in the order of the shards, so that two callers never wait for each other.
        let mut numbers: Vec<usize> = swaps.iter().map(|swap| content.number(swap.entry().key())).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let mut shards: Vec<(usize, RwLockWriteGuard<'_, Shard>)> = numbers
            .iter()
            .filter_map(|number| Some((*number, write(content.shards.get(*number)?))))
            .collect();
        let place = |key: &EntityKey| numbers.binary_search(&content.number(key)).unwrap_or(usize::MAX);
        let is_due = |swap: &Swap| {
            let (_, shard) = shards.get(place(swap.entry().key()))?;
            Some(swap.is_due(shard.rows.get(swap.entry().key()).map(|row| &**row)))
        };
        if !swaps.iter().all(|swap| is_due(swap) == Some(true)) {
            return Ok(false);
        }
        for entry in swaps.iter().map(Swap::entry) {
            if let Some((_, shard)) = shards.get_mut(place(entry.key())) {
                shard.rows.insert(entry.key().clone(), entry.row().as_bytes().into());
            }
        }
        Ok(true)
    }

    fn delete(&self, table: &TableId, keys: &[EntityKey]) -> Result<u64> {
        let Some(table) = self.table(table) else { return Ok(0) };
        let mut deleted = 0;
        for key in keys {
            let mut shard = write(table.shard(key));
            let (row, series) = (shard.rows.remove(key), shard.series.remove(key));
            deleted += u64::from(row.is_some() || series.is_some());
        }
        Ok(deleted)
    }

    fn evict(&self, table: &TableId, before: Timestamp) -> Result<u64> {
        let Some(table) = self.table(table) else { return Ok(0) };
        let (mut pace, mut evicted) = (Pace::default(), 0);
        let before = before.as_micros();
        for shard in &table.shards {
            let mut shard = write(shard);
            pace.check("evict features", shard.rows.len() + shard.series.len())?;
            let count = shard.rows.len();
            shard.rows.retain(|_, row| stamp_of(row).is_some_and(|stamp| stamp.event_micros() >= before));
            evicted += count - shard.rows.len();
            shard.series.retain(|_, series| {
                let kept = series.split_off(&before);
                evicted += std::mem::replace(series, kept).len();
                !series.is_empty()
            });
        }
        Ok(evicted as u64)
    }

    fn append(&self, table: &Table, rows: &[Entry], limit: usize) -> Result<Written> {
        check_rows(table, rows)?;
        check_limit(table, limit)?;
        let content = self.table_or_new(table.id());
        let mut written = Written::default();
        for entry in rows {
            let mut shard = write(content.shard(entry.key()));
            let series = shard.series.entry(entry.key().clone()).or_default();
            written.count(add(series, entry, limit));
        }
        Ok(written)
    }

    fn read_series(&self, table: &TableId, keys: &[EntityKey], visit: &mut VisitSeries<'_>) -> Result<()> {
        let Some(table) = self.table(table) else { return Ok(()) };
        for (place, key) in keys.iter().enumerate() {
            let series = read(table.shard(key)).series.get(key).cloned();
            for row in series.iter().flat_map(BTreeMap::values) {
                visit(place, row)?;
            }
        }
        Ok(())
    }

    fn note(&self, table: &TableId, name: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.table(table).and_then(|table| table.notes().get(name).cloned()))
    }

    fn tables(&self) -> Result<Vec<TableId>> {
        Ok(read(&self.tables).keys().cloned().collect())
    }

    fn drop_table(&self, table: &TableId) -> Result<bool> {
        Ok(write(&self.tables).remove(table).is_some())
    }

    fn check(&self) -> Result<()> {
        Ok(())
    }
}

/// Adds a row to a series, and says whether it stays.
fn add(series: &mut BTreeMap<i64, Arc<[u8]>>, entry: &Entry, limit: usize) -> bool {
    let (event, row) = (entry.row().stamp().event_micros(), entry.row());
    match series.entry(event) {
        Place::Occupied(mut same) => {
            if !replaces(row.stamp(), same.get()) {
                return false;
            }
            same.insert(row.as_bytes().into());
        }
        Place::Vacant(place) => {
            place.insert(row.as_bytes().into());
        }
    }
    while series.len() > limit {
        series.pop_first();
    }
    series.contains_key(&event)
}

// Nothing that holds a lock here leaves its content half changed.
fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
