//! The suite finds each of these faults: a backend that has one does not pass.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use mlcore::Result;
use mlcore::time::Timestamp;
use mlcore_features::store::conformance;
use mlcore_features::store::key::EntityKey;
use mlcore_features::store::online::{
    Capabilities, Entry, MemoryStore, Note, OnlineStore, Stamp, Swap, Table, TableId, Visit, VisitSeries,
    WriteBatch, Written,
};

/// A promise that is broken.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Fault {
    None,
    LastWriteWins,
    MiscountsOlder,
    ForgetsNotes,
    SharesNotes,
    SwapsKeys,
    SkipsMissing,
    ChangesBytes,
    IgnoresVisitor,
    TakesForeignRows,
    EvictsTheMoment,
    EvictsNothing,
    DropsNothing,
    DeletesNoSeries,
    UnboundedSeries,
    SeriesBackwards,
    ClaimsDurability,
    SwapsHalf,
    SwapsBlindly,
    SwapsIgnoringCreation,
}

const FAULTS: [Fault; 19] = [
    Fault::LastWriteWins,
    Fault::MiscountsOlder,
    Fault::ForgetsNotes,
    Fault::SharesNotes,
    Fault::SwapsKeys,
    Fault::SkipsMissing,
    Fault::ChangesBytes,
    Fault::IgnoresVisitor,
    Fault::TakesForeignRows,
    Fault::EvictsTheMoment,
    Fault::EvictsNothing,
    Fault::DropsNothing,
    Fault::DeletesNoSeries,
    Fault::UnboundedSeries,
    Fault::SeriesBackwards,
    Fault::ClaimsDurability,
    Fault::SwapsHalf,
    Fault::SwapsBlindly,
    Fault::SwapsIgnoringCreation,
];

#[derive(Debug)]
struct Broken {
    inner: MemoryStore,
    fault: Fault,
}

impl Broken {
    fn has(&self, fault: Fault) -> bool {
        self.fault == fault
    }
}

impl OnlineStore for Broken {
    fn capabilities(&self) -> Capabilities {
        if self.has(Fault::ClaimsDurability) {
            Capabilities::new().with_durability()
        } else {
            Capabilities::new()
        }
    }

    fn read(&self, table: &TableId, keys: &[EntityKey], visit: &mut Visit<'_>) -> Result<()> {
        let last = keys.len().saturating_sub(1);
        let mut own = |place: usize, row: Option<&[u8]>| {
            let place = if self.has(Fault::SwapsKeys) { last - place } else { place };
            if self.has(Fault::SkipsMissing) && row.is_none() {
                return Ok(());
            }
            let changed = row.filter(|_| self.has(Fault::ChangesBytes)).map(|row| [row, &[0]].concat());
            let seen = visit(place, changed.as_deref().or(row));
            if self.has(Fault::IgnoresVisitor) { Ok(()) } else { seen }
        };
        self.inner.read(table, keys, &mut own)
    }

    fn write(&self, table: &Table, batch: &WriteBatch<'_>) -> Result<Written> {
        if self.has(Fault::LastWriteWins) {
            let keys: Vec<EntityKey> = batch.entries().iter().map(|entry| entry.key().clone()).collect();
            self.inner.delete(table.id(), &keys)?;
        }
        let fitting: Vec<Entry> = if self.has(Fault::TakesForeignRows) {
            let fits = |entry: &&Entry| {
                MemoryStore::new().write(table, &WriteBatch::rows(std::slice::from_ref(*entry))).is_ok()
            };
            batch.entries().iter().filter(fits).cloned().collect()
        } else {
            batch.entries().to_vec()
        };
        let notes: &[Note<'_>] = if self.has(Fault::ForgetsNotes) { &[] } else { batch.notes() };
        let written = self.inner.write(table, &WriteBatch::rows(&fitting).with_notes(notes))?;
        if self.has(Fault::MiscountsOlder) {
            return Ok(Written::new(written.stored() + written.older(), 0));
        }
        Ok(written)
    }

    fn swap(&self, table: &Table, swaps: &[Swap]) -> Result<bool> {
        match self.fault {
            Fault::SwapsHalf => {
                let done = swaps.iter().map(|swap| self.inner.swap(table, std::slice::from_ref(swap)));
                Ok(done.collect::<Result<Vec<bool>>>()?.into_iter().all(|done| done))
            }
            Fault::SwapsBlindly | Fault::SwapsIgnoringCreation => {
                let keys: Vec<EntityKey> = swaps.iter().map(|swap| swap.entry().key().clone()).collect();
                let mut stored = Vec::new();
                self.inner.read(table.id(), &keys, &mut |place, row| {
                    let stamp = row.map(|row| table.unpack(&keys[place], row).map(|row| row.stamp()));
                    stored.push(stamp.transpose()?);
                    Ok(())
                })?;
                let is_due = |(swap, stored): (&Swap, &Option<Stamp>)| match (swap.expected(), stored) {
                    _ if self.has(Fault::SwapsBlindly) => true,
                    (Some(expected), Some(stored)) => expected.event() == stored.event(),
                    (expected, stored) => expected == *stored,
                };
                if !swaps.iter().zip(&stored).all(is_due) {
                    return Ok(false);
                }
                let own =
                    swaps.iter().zip(stored).map(|(swap, stored)| Swap::new(stored, swap.entry().clone()));
                self.inner.swap(table, &own.collect::<Vec<_>>())
            }
            _ => self.inner.swap(table, swaps),
        }
    }

    fn delete(&self, table: &TableId, keys: &[EntityKey]) -> Result<u64> {
        if self.has(Fault::DeletesNoSeries) {
            let mut series = Vec::new();
            self.inner.read_series(table, keys, &mut |place, _| {
                series.push(place);
                Ok(())
            })?;
            let keys: Vec<EntityKey> = (0..keys.len())
                .filter(|place| !series.contains(place))
                .map(|place| keys[place].clone())
                .collect();
            return Ok(self.inner.delete(table, &keys)? + u64::from(!series.is_empty()));
        }
        self.inner.delete(table, keys)
    }

    fn evict(&self, table: &TableId, before: Timestamp) -> Result<u64> {
        match self.fault {
            Fault::EvictsTheMoment => {
                self.inner.evict(table, Timestamp::from_micros(before.as_micros().saturating_add(1)))
            }
            Fault::EvictsNothing => Ok(0),
            _ => self.inner.evict(table, before),
        }
    }

    fn append(&self, table: &Table, rows: &[Entry], limit: usize) -> Result<Written> {
        let limit = if self.has(Fault::UnboundedSeries) && limit > 0 { 1000 } else { limit };
        self.inner.append(table, rows, limit)
    }

    fn read_series(&self, table: &TableId, keys: &[EntityKey], visit: &mut VisitSeries<'_>) -> Result<()> {
        let mut all = Vec::new();
        self.inner.read_series(table, keys, &mut |place, row| {
            all.push((place, row.to_vec()));
            Ok(())
        })?;
        if self.has(Fault::SeriesBackwards) {
            all.reverse();
        }
        all.iter().try_for_each(|(place, row)| visit(*place, row))
    }

    fn note(&self, table: &TableId, name: &str) -> Result<Option<Vec<u8>>> {
        if self.has(Fault::SharesNotes) {
            for table in self.inner.tables()? {
                if let Some(note) = self.inner.note(&table, name)? {
                    return Ok(Some(note));
                }
            }
        }
        self.inner.note(table, name)
    }

    fn tables(&self) -> Result<Vec<TableId>> {
        self.inner.tables()
    }

    fn drop_table(&self, table: &TableId) -> Result<bool> {
        if self.has(Fault::DropsNothing) {
            Ok(self.tables()?.contains(table))
        } else {
            self.inner.drop_table(table)
        }
    }

    fn check(&self) -> Result<()> {
        self.inner.check()
    }
}

fn suite(fault: Fault) {
    conformance::online(|_| Arc::new(Broken { inner: MemoryStore::new(), fault }));
}

#[test]
fn the_suite_finds_each_broken_promise() {
    suite(Fault::None);
    for fault in FAULTS {
        let caught = catch_unwind(AssertUnwindSafe(|| suite(fault)));
        assert!(caught.is_err(), "{fault:?} passes the suite");
    }
}
