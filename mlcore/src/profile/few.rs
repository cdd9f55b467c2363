//! A column of few distinct numbers, kept whole: each number with how often it occurs.

use super::codec::{Reader, Writer};
use super::number::Number;
use crate::error::Result;

/// A hash table from number to count, of at most [`MOST`] numbers and one more.
#[derive(Clone, Debug, Default)]
pub(super) struct Few {
    /// The place of an entry, counted from 1; 0 for none. No slots before the first number.
    slots: Vec<u16>,
    entries: Vec<(Number, u64)>,
}

/// Up to so many distinct values everything about a column is exact.
pub(super) const MOST: usize = 1024;
/// Four times as many, so that a search ends soon.
const SLOTS: usize = 4096;

impl Few {
    /// Counts a number, and answers whether there are too many distinct ones now.
    #[inline(always)]
    pub(super) fn add(&mut self, number: Number, count: u64) -> bool {
        let mut slot = number.hash() as usize % SLOTS;
        loop {
            let place = self.slots.get(slot).map_or(0, |place| usize::from(*place));
            match self.entries.get_mut(place.wrapping_sub(1)) {
                Some((own, counted)) if *own == number => {
                    *counted = counted.saturating_add(count);
                    return false;
                }
                Some(_) => slot = (slot + 1) % SLOTS,
                None => return self.insert(slot, number, count),
            }
        }
    }

    #[cold]
    fn insert(&mut self, slot: usize, number: Number, count: u64) -> bool {
        self.entries.push((number, count));
        self.slots.resize(SLOTS, 0);
        if let Some(place) = self.slots.get_mut(slot) {
            *place = self.entries.len() as u16;
        }
        self.entries.len() > MOST
    }

    /// Numbers and counts in ascending order.
    pub(super) fn sorted(&self) -> Vec<(Number, u64)> {
        let mut entries = self.entries.clone();
        entries.sort_unstable();
        entries
    }

    pub(super) fn entries(&self) -> &[(Number, u64)] {
        &self.entries
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        let entries = self.sorted();
        writer.count(entries.len());
        for (number, count) in entries {
            writer.u64(number.key);
            writer.i32(number.remainder);
            writer.u64(count);
        }
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self> {
        let mut few = Self::default();
        let mut last = None;
        for _ in 0..reader.count(20, MOST)? {
            let number = Number { key: reader.u64()?, remainder: reader.i32()? };
            let count = reader.u64()?;
            reader.require(number.is_valid(), "a value is no number")?;
            reader.require(last.is_none_or(|last| last < number), "its values are not sorted")?;
            reader.require(count > 0, "a value never occurs")?;
            last = Some(number);
            few.add(number, count);
        }
        Ok(few)
    }
}
