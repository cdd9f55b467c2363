//! Counting the distinct values of a column.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use crate::program::lookup::Key;

/// A hash table from short texts, or from 64-bit patterns, to how often they were counted. It is seeded, so that nobody can
/// send values made to collide; the counts do not depend on the seed.
#[derive(Debug)]
pub(super) struct Counter {
    seed: u64,
    slots: Vec<Slot>,
    filled: usize,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    key: Key,
    count: u64,
    /// Where it was met first; nothing is there where the count is zero.
    row: usize,
}

/// Enough that the few categories of an ordinary column seldom meet.
const FIRST_SLOTS: usize = 256;

impl Default for Counter {
    fn default() -> Self {
        Self { seed: RandomState::new().hash_one(0), slots: vec![Slot::EMPTY; FIRST_SLOTS], filled: 0 }
    }
}

impl Slot {
    const EMPTY: Self = Self { key: Key::NONE, count: 0, row: 0 };
}

impl Counter {
    /// Counts what this key is all of.
    #[inline]
    pub(super) fn add(&mut self, key: Key, row: usize) {
        let slot = Self::find(&mut self.slots, self.seed, key);
        if slot.count == 0 {
            *slot = Slot { key, count: 1, row };
            self.filled += 1;
            if self.filled * 2 > self.slots.len() {
                self.grow();
            }
        } else {
            slot.count += 1;
        }
    }

    /// The place of the key, which is empty where it was not counted before. One is always empty.
    #[inline]
    fn find(slots: &mut [Slot], seed: u64, key: Key) -> &mut Slot {
        let mask = slots.len() - 1;
        let mut place = key.hash(seed) & mask;
        while slots[place].count > 0 && !slots[place].key.is(key) {
            place = (place + 1) & mask;
        }
        &mut slots[place]
    }

    fn grow(&mut self) {
        let mut slots = vec![Slot::EMPTY; self.slots.len() * 2];
        for slot in self.slots.iter().filter(|slot| slot.count > 0) {
            *Self::find(&mut slots, self.seed, slot.key) = *slot;
        }
        self.slots = slots;
    }

    /// The row in which each value was met first, and how often it was counted, in no order.
    pub(super) fn into_counts(self) -> impl Iterator<Item = (usize, u64)> {
        self.slots.into_iter().filter(|slot| slot.count > 0).map(|slot| (slot.row, slot.count))
    }
}

/// The same for texts of any length.
#[derive(Debug, Default)]
pub(super) struct TextCounter<'a> {
    short: Counter,
    long: HashMap<&'a str, u64>,
}

impl<'a> TextCounter<'a> {
    #[inline]
    pub(super) fn add_key(&mut self, key: Key, row: usize) {
        self.short.add(key, row);
    }

    #[inline]
    pub(super) fn add(&mut self, text: &'a str, row: usize) {
        let key = Key::of(text.as_bytes());
        if key.is_whole() { self.short.add(key, row) } else { *self.long.entry(text).or_default() += 1 }
    }

    /// Each text and how often it was counted, in no order; `text` answers that of a row.
    pub(super) fn into_counts(self, text: impl Fn(usize) -> Option<&'a str>) -> Vec<(&'a str, u64)> {
        let short = self.short.into_counts().filter_map(|(row, count)| Some((text(row)?, count)));
        short.chain(self.long).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_counts_as_a_map_does(texts in prop::collection::vec("[ab\0]{0,20}", 0..600), numbers in prop::collection::vec(0_u64..300, 0..600)) {
            let mut counter = TextCounter::default();
            let mut expected: HashMap<&str, u64> = HashMap::new();
            for (row, text) in texts.iter().enumerate() {
                counter.add(text, row);
                *expected.entry(text).or_default() += 1;
            }
            let counted: HashMap<&str, u64> =
                counter.into_counts(|row| texts.get(row).map(String::as_str)).into_iter().collect();
            prop_assert_eq!(counted, expected);
            let mut counter = Counter::default();
            let mut expected: HashMap<u64, u64> = HashMap::new();
            for (row, number) in numbers.iter().enumerate() {
                counter.add(Key::of_bits(*number), row);
                *expected.entry(*number).or_default() += 1;
            }
            let counted: HashMap<u64, u64> =
                counter.into_counts().map(|(row, count)| (numbers[row], count)).collect();
            prop_assert_eq!(counted, expected);
        }
    }
}
