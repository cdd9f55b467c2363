use std::collections::BTreeSet;
use std::path::Path;

use mlcore::interrupt::Pace;
use mlcore::{Error, Result};
use redb::{ReadableTable as _, WriteTransaction};

use super::database::{Bytes, NOTES, ROWS, SERIES, TABLES};
use super::error::meaning;
use super::{Place, series_range};
use crate::store::key::EntityKey;
use crate::store::online::row::{replaces, stamp_of};
use crate::store::online::stamp::ordered;
use crate::store::online::{Entry, Swap, TableId, WriteBatch, Written};

/// A change of the store in one transaction.
pub(super) struct Transaction<'a> {
    inner: &'a WriteTransaction,
    operation: &'static str,
    path: &'a Path,
    changed: bool,
}

/// The change of one table.
pub(super) struct Rows<'t, 'a> {
    own: &'t mut Transaction<'a>,
    number: u32,
}

impl<'a> Transaction<'a> {
    pub(super) fn new(inner: &'a WriteTransaction, operation: &'static str, path: &'a Path) -> Self {
        Self { inner, operation, path, changed: false }
    }

    /// Says whether there is anything to commit.
    pub(super) fn has_changed(&self) -> bool {
        self.changed
    }

    fn failed(&self, cause: impl Into<redb::Error>) -> Error {
        meaning(self.operation, self.path, cause)
    }

    fn open(&self, table: redb::TableDefinition<'_, Bytes, Bytes>) -> Result<redb::Table<'a, Bytes, Bytes>> {
        self.inner.open_table(table).map_err(|cause| self.failed(cause))
    }

    /// The table's rows, where there is such a table.
    pub(super) fn number(&mut self, table: &TableId) -> Result<Option<Rows<'_, 'a>>> {
        let tables = self.inner.open_table(TABLES).map_err(|cause| self.failed(cause))?;
        let number = tables.get(table.to_string().as_str()).map_err(|cause| self.failed(cause))?;
        let number = number.map(|number| number.value());
        drop(tables);
        Ok(number.map(|number| Rows { own: self, number }))
    }

    /// The table's rows; it is added where it is new.
    pub(super) fn number_or_new(&mut self, table: &TableId) -> Result<Rows<'_, 'a>> {
        let mut tables = self.inner.open_table(TABLES).map_err(|cause| self.failed(cause))?;
        let name = table.to_string();
        let known =
            tables.get(name.as_str()).map_err(|cause| self.failed(cause))?.map(|number| number.value());
        let number = match known {
            Some(number) => number,
            None => {
                let number = self.free_number(&tables)?;
                tables.insert(name.as_str(), number).map_err(|cause| self.failed(cause))?;
                self.changed = true;
                number
            }
        };
        drop(tables);
        Ok(Rows { own: self, number })
    }

    /// The least number that no table has. A table that was dropped left nothing under its number.
    fn free_number(&self, tables: &redb::Table<'_, &'static str, u32>) -> Result<u32> {
        let mut used = BTreeSet::new();
        for entry in tables.iter().map_err(|cause| self.failed(cause))? {
            used.insert(entry.map_err(|cause| self.failed(cause))?.1.value());
        }
        (0..u32::MAX).find(|number| !used.contains(number)).ok_or_else(|| {
            Error::overloaded(self.operation, self.path.display().to_string(), "it has 2^32 tables")
                .remedy("drop tables of old versions")
        })
    }

    pub(super) fn drop_table(&mut self, table: &TableId) -> Result<bool> {
        let Some(rows) = self.number(table)? else { return Ok(false) };
        let number = rows.number;
        for definition in [ROWS, SERIES, NOTES] {
            let mut content = self.open(definition)?;
            remove_where(self, &mut content, number, |_, _| true)?;
        }
        let mut tables = self.inner.open_table(TABLES).map_err(|cause| self.failed(cause))?;
        tables.remove(table.to_string().as_str()).map_err(|cause| self.failed(cause))?;
        drop(tables);
        self.changed = true;
        Ok(true)
    }
}

impl Rows<'_, '_> {
    pub(super) fn write(&mut self, batch: &WriteBatch<'_>) -> Result<Written> {
        let (mut place, mut pace, mut written) =
            (Place::of_number(self.number), Pace::default(), Written::default());
        let mut rows = self.own.open(ROWS)?;
        for entry in batch.entries() {
            pace.check(self.own.operation, 64)?;
            let key = place.of_key(entry.key());
            // Written at once: finding the place takes as long as writing there, and what is there is seldom newer.
            let before = rows.insert(key, entry.row().as_bytes()).map_err(|cause| self.own.failed(cause))?;
            let newer = before
                .filter(|before| !replaces(entry.row().stamp(), before.value()))
                .map(|before| before.value().to_vec());
            let is_newer = newer.is_none();
            if let Some(newer) = newer {
                rows.insert(key, newer.as_slice()).map_err(|cause| self.own.failed(cause))?;
            }
            written.count(is_newer);
        }
        drop(rows);
        let mut notes = self.own.open(NOTES)?;
        for note in batch.notes() {
            notes
                .insert(place.of_bytes(note.name().as_bytes()), note.value())
                .map_err(|cause| self.own.failed(cause))?;
        }
        self.own.changed |= written.stored() > 0 || !batch.notes().is_empty();
        Ok(written)
    }

    /// Replaces all rows, or none where one is not as it was read.
    pub(super) fn swap(&mut self, swaps: &[Swap]) -> Result<bool> {
        let (mut place, mut pace) = (Place::of_number(self.number), Pace::default());
        let mut rows = self.own.open(ROWS)?;
        for swap in swaps {
            pace.check(self.own.operation, 64)?;
            let stored =
                rows.get(place.of_key(swap.entry().key())).map_err(|cause| self.own.failed(cause))?;
            if !swap.is_due(stored.as_ref().map(|stored| stored.value())) {
                return Ok(false);
            }
        }
        for entry in swaps.iter().map(Swap::entry) {
            rows.insert(place.of_key(entry.key()), entry.row().as_bytes())
                .map_err(|cause| self.own.failed(cause))?;
        }
        self.own.changed |= !swaps.is_empty();
        Ok(true)
    }

    pub(super) fn delete(&mut self, keys: &[EntityKey]) -> Result<u64> {
        let (mut place, mut pace, mut deleted) = (Place::of_number(self.number), Pace::default(), 0);
        let (mut rows, mut series) = (self.own.open(ROWS)?, self.own.open(SERIES)?);
        for key in keys {
            pace.check(self.own.operation, 64)?;
            let key = place.of_key(key);
            let had_row = rows.remove(key).map_err(|cause| self.own.failed(cause))?.is_some();
            let (low, high) = series_range(key);
            let mut had_series = false;
            series
                .retain_in::<&[u8], _>(low.as_slice()..=high.as_slice(), |_, _| {
                    had_series = true;
                    false
                })
                .map_err(|cause| self.own.failed(cause))?;
            deleted += u64::from(had_row || had_series);
        }
        self.own.changed |= deleted > 0;
        Ok(deleted)
    }

    pub(super) fn evict(&mut self, before: i64) -> Result<u64> {
        let mut evicted = 0;
        for definition in [ROWS, SERIES] {
            let mut content = self.own.open(definition)?;
            evicted += remove_where(self.own, &mut content, self.number, |_, row| {
                stamp_of(row).is_none_or(|stamp| stamp.event_micros() < before)
            })?;
        }
        self.own.changed |= evicted > 0;
        Ok(evicted)
    }

    pub(super) fn append(&mut self, entries: &[Entry], limit: usize) -> Result<Written> {
        let (mut place, mut pace, mut written) =
            (Place::of_number(self.number), Pace::default(), Written::default());
        let mut series = self.own.open(SERIES)?;
        for entry in entries {
            pace.check(self.own.operation, 64)?;
            let (low, high) = series_range(place.of_key(entry.key()));
            let event = ordered(entry.row().stamp().event_micros());
            let own = [place.of_key(entry.key()), event.as_slice()].concat();
            let same = series.get(own.as_slice()).map_err(|cause| self.own.failed(cause))?;
            if same.is_some_and(|same| !replaces(entry.row().stamp(), same.value())) {
                written.count(false);
                continue;
            }
            series.insert(own.as_slice(), entry.row().as_bytes()).map_err(|cause| self.own.failed(cause))?;
            self.own.changed = true;
            let mut kept = 0;
            let mut surplus = Vec::new();
            let range = series.range::<&[u8]>(low.as_slice()..=high.as_slice());
            for entry in range.map_err(|cause| self.own.failed(cause))?.rev() {
                let (key, _) = entry.map_err(|cause| self.own.failed(cause))?;
                kept += 1;
                if kept > limit {
                    surplus.push(key.value().to_vec());
                }
            }
            for key in &surplus {
                series.remove(key.as_slice()).map_err(|cause| self.own.failed(cause))?;
            }
            written.count(!surplus.contains(&own));
        }
        Ok(written)
    }
}

/// Removes what a table has in `content` where `is_gone` says so, and answers how many.
fn remove_where(
    own: &Transaction<'_>,
    content: &mut redb::Table<'_, Bytes, Bytes>,
    number: u32,
    is_gone: impl Fn(&[u8], &[u8]) -> bool,
) -> Result<u64> {
    let low = number.to_be_bytes();
    let high = number.checked_add(1).map(u32::to_be_bytes);
    let (mut pace, mut removed, mut stopped) = (Pace::default(), 0, Ok(()));
    let mut keeps = |key: &[u8], row: &[u8]| {
        if stopped.is_err() {
            return true;
        }
        stopped = pace.check(own.operation, 64);
        let is_gone = stopped.is_ok() && is_gone(key, row);
        removed += u64::from(is_gone);
        !is_gone
    };
    let done = match &high {
        Some(high) => {
            content.retain_in::<&[u8], _>(low.as_slice()..high.as_slice(), |key, row| keeps(key, row))
        }
        None => content.retain_in::<&[u8], _>(low.as_slice().., |key, row| keeps(key, row)),
    };
    done.map_err(|cause| own.failed(cause))?;
    stopped?;
    Ok(removed)
}
