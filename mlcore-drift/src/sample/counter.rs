//! Counting text values without an allocation per row.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::iter;

use mlcore::text_key::{TextKey, kept_part, mix};
use serde::{Deserialize, Serialize};

use super::Categories;

/// A hash table from text to count, for columns of short, often repeated values.
///
/// Texts of up to 16 bytes are compared as two integers, without touching their bytes again. The table is seeded per
/// counter, so that nobody can send categories made to collide; the counts do not depend on the seed. With a limit, the
/// first `limit` distinct texts are kept, and the rows of all later ones are counted as overflow: memory stays bounded
/// whatever arrives.
#[derive(Debug, Clone)]
pub(crate) struct CategoryCounter {
    seed: (u64, u64),
    slots: Vec<u32>,
    entries: Vec<Entry>,
    texts: String,
    limit: usize,
    overflow: u64,
    /// The categories of the first and the last row; `EMPTY` for none, and for one that is not kept.
    ends: (u32, u32),
    /// Whether rows were counted whose order is not known.
    is_unordered: bool,
}

#[derive(Debug, Clone)]
struct Entry {
    key: TextKey,
    start: usize,
    count: u64,
    /// How many of the rows followed one of the same category.
    repeats: u64,
}

/// What a [`CategoryCounter`] has counted, to be stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct CounterState {
    /// Each text with its count and how many of its rows followed one of the same, in the order of appearance.
    counts: Vec<(String, u64, u64)>,
    overflow: u64,
    ends: (u32, u32),
    is_unordered: bool,
}

impl CounterState {
    /// The rows that were counted; `None` for what no counter saves.
    pub(crate) fn rows(&self) -> Option<u64> {
        let add = |sum: u64, (_, count, repeats): &(String, u64, u64)| {
            (repeats <= count).then(|| sum.checked_add(*count)).flatten()
        };
        self.counts.iter().try_fold(self.overflow, add)
    }
}

const EMPTY: u32 = u32::MAX;
/// Enough that the few categories of an ordinary column seldom meet.
const FIRST_SLOTS: usize = 256;
impl CategoryCounter {
    /// A counter that keeps every category.
    pub(crate) fn unbounded() -> Self {
        Self::with_limit(usize::MAX)
    }

    /// A counter that keeps at most `limit` categories.
    pub(crate) fn with_limit(limit: usize) -> Self {
        let random = RandomState::new();
        Self {
            seed: (random.hash_one(1_u64), random.hash_one(2_u64)),
            slots: vec![EMPTY; FIRST_SLOTS],
            entries: Vec::new(),
            texts: String::new(),
            // Slots hold positions of 32 bits, of which one means empty.
            limit: limit.min(EMPTY as usize - 1),
            overflow: 0,
            ends: (EMPTY, EMPTY),
            is_unordered: false,
        }
    }

    /// Counts one row, which follows those before.
    #[inline]
    pub(crate) fn add(&mut self, text: &str) {
        let slot = self.count(text, 1);
        self.follow(slot, slot);
    }

    /// Counts the rows of a column, which follow those before; `spelled` gives the text of a category.
    pub(crate) fn append<'t>(&mut self, column: &'t Categories, spelled: impl Fn(&'t str) -> &'t str) {
        self.overflow += column.overflow();
        let order = column.order();
        self.is_unordered |= order.is_none() && !column.is_empty();
        let repeats = order.map_or(&[][..], |order| &order.repeats).iter().copied().chain(iter::repeat(0));
        for ((text, count), repeats) in column.iter().zip(repeats) {
            let slot = self.count(spelled(text), count);
            if let Some(entry) = self.entries.get_mut(slot as usize) {
                entry.repeats += repeats;
            }
        }
        if let Some(order) = order {
            let [first, last] = [&order.ends.0, &order.ends.1].map(|text| self.count(spelled(text), 0));
            self.follow(first, last);
        }
    }

    /// Notes that rows follow, of which the first and the last have these categories.
    #[inline]
    fn follow(&mut self, first: u32, last: u32) {
        if first == self.ends.1
            && let Some(entry) = self.entries.get_mut(first as usize)
        {
            entry.repeats += 1;
        }
        if self.ends == (EMPTY, EMPTY) {
            self.ends.0 = first;
        }
        self.ends.1 = last;
    }

    /// Counts `times` rows of the same value, and answers where it is kept.
    #[inline]
    fn count(&mut self, text: &str, times: u64) -> u32 {
        let text = kept_part(text);
        let (text, bytes) = (&*text, text.as_bytes());
        let key = TextKey::of(bytes);
        let mask = self.slots.len() - 1;
        let mut position = self.hash(key, bytes) as usize & mask;
        // The table is never full, so that an empty slot ends every search.
        while let Some(&slot) = self.slots.get(position) {
            if slot == EMPTY {
                return self.insert(text, key, position, times);
            }
            if let Some(entry) = self.entries.get_mut(slot as usize)
                && entry.key.head == key.head
                && entry.key.tail == key.tail
                && entry.key.length == key.length
                && (key.length <= 16
                    || self.texts.as_bytes().get(entry.start..entry.start + key.length) == Some(bytes))
            {
                entry.count += times;
                return slot;
            }
            position = (position + 1) & mask;
        }
        EMPTY
    }

    /// What it has counted.
    pub(crate) fn save(&self) -> CounterState {
        let texts = self.entries.iter().map(|entry| {
            let text = self.texts.get(entry.start..entry.start + entry.key.length).unwrap_or_default();
            (text.to_owned(), entry.count, entry.repeats)
        });
        CounterState {
            counts: texts.collect(),
            overflow: self.overflow,
            ends: self.ends,
            is_unordered: self.is_unordered,
        }
    }

    /// Takes over, while it is empty, what another one has counted.
    pub(crate) fn restore(&mut self, state: &CounterState) {
        for (text, count, repeats) in &state.counts {
            let slot = self.count(text, *count);
            if let Some(entry) = self.entries.get_mut(slot as usize) {
                entry.repeats = *repeats;
            }
        }
        self.overflow += state.overflow;
        (self.ends, self.is_unordered) = (state.ends, state.is_unordered);
    }

    /// Forgets all counts and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.slots.fill(EMPTY);
        self.entries.clear();
        self.texts.clear();
        self.overflow = 0;
        (self.ends, self.is_unordered) = ((EMPTY, EMPTY), false);
    }

    /// The counts so far.
    pub(crate) fn categories(&self) -> Categories {
        let text = |entry: &Entry| -> Option<Box<str>> {
            Some(self.texts.get(entry.start..entry.start + entry.key.length)?.into())
        };
        let end = |slot: u32| self.entries.get(slot as usize).and_then(text);
        let ends = if self.is_unordered { None } else { end(self.ends.0).zip(end(self.ends.1)) };
        let counts =
            self.entries.iter().filter_map(|entry| Some((text(entry)?, (entry.count, entry.repeats))));
        Categories::ordered(counts.collect(), self.overflow, ends)
    }

    #[cold]
    fn insert(&mut self, text: &str, key: TextKey, position: usize, times: u64) -> u32 {
        let slot = self.entries.len() as u32;
        if self.entries.len() >= self.limit {
            self.overflow += times;
            return EMPTY;
        }
        if let Some(place) = self.slots.get_mut(position) {
            *place = slot;
        }
        self.entries.push(Entry { key, start: self.texts.len(), count: times, repeats: 0 });
        self.texts.push_str(text);
        // Half full at most: linear probing slows down steeply beyond, and without an empty slot it would not end.
        if self.entries.len() * 2 > self.slots.len() {
            self.grow();
        }
        slot
    }

    fn grow(&mut self) {
        let size = self.slots.len() * 4;
        let mut slots = vec![EMPTY; size];
        for (index, entry) in self.entries.iter().enumerate() {
            let bytes =
                self.texts.as_bytes().get(entry.start..entry.start + entry.key.length).unwrap_or_default();
            let mut position = self.hash(entry.key, bytes) as usize & (size - 1);
            while slots.get(position).is_some_and(|slot| *slot != EMPTY) {
                position = (position + 1) & (size - 1);
            }
            if let Some(slot) = slots.get_mut(position) {
                *slot = index as u32;
            }
        }
        self.slots = slots;
    }

    #[inline]
    fn hash(&self, key: TextKey, bytes: &[u8]) -> u64 {
        // Each factor has a secret of its own, so that no text can be made for which one is zero, and with it the hash.
        let mut hash = mix(key.head ^ self.seed.0, key.tail ^ self.seed.1 ^ key.length as u64);
        if key.length > 16 {
            for chunk in bytes.chunks(16) {
                let part = TextKey::of(chunk);
                hash = mix(hash ^ part.head ^ self.seed.0, part.tail ^ self.seed.1);
            }
        }
        hash
    }
}

/// Where a text stands in an order that nobody chose and that is the same everywhere.
pub(crate) fn priority(text: &str) -> u64 {
    let digest = text.as_bytes().chunks(16).fold(text.len() as u64, |digest, chunk| {
        let part = TextKey::of(chunk);
        mix(digest ^ part.head, part.tail)
    });
    mix(digest, digest.rotate_left(32))
}

/// Hashes the bits of numbers, seeded per map like [`CategoryCounter`].
#[derive(Debug, Clone)]
pub(crate) struct MixBuilder(u64);

impl Default for MixBuilder {
    fn default() -> Self {
        Self(RandomState::new().hash_one(3_u64))
    }
}

impl BuildHasher for MixBuilder {
    type Hasher = MixHasher;

    fn build_hasher(&self) -> MixHasher {
        MixHasher(self.0)
    }
}

#[derive(Debug)]
pub(crate) struct MixHasher(u64);

impl Hasher for MixHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word.iter_mut().zip(chunk).for_each(|(to, from)| *to = *from);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = mix(self.0 ^ word, word.rotate_left(32));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use mlcore::text_key::LONGEST_KEPT_BYTES;

    proptest! {
        #[test]
        fn counts_are_those_of_a_map(texts in prop::collection::vec("[ab\u{e9}]{0,20}", 0..400)) {
            let mut counter = CategoryCounter::unbounded();
            let mut map: BTreeMap<&str, u64> = BTreeMap::new();
            for text in &texts {
                counter.add(text);
                *map.entry(text).or_default() += 1;
            }
            let categories = counter.categories();
            prop_assert_eq!(categories.iter().collect::<Vec<_>>(), map.into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_bounded_counter_keeps_its_memory() {
        let mut counter = CategoryCounter::with_limit(3);
        for i in 0..1000 {
            counter.add(&format!("{i}"));
        }
        counter.add("1");
        counter.add(&"x".repeat(1 << 20));
        let categories = counter.categories();
        assert_eq!((categories.len(), categories.count("1"), categories.overflow()), (3, 2, 998));
        assert_eq!(categories.total(), 1002);
        counter.clear();
        counter.add(&"é".repeat(200));
        assert!(counter.texts.capacity() < 4096);
    }

    #[test]
    fn long_texts_are_told_apart_and_counted_alike_with_and_without_a_limit() {
        let long = |end: &str| format!("{}{end}", "é".repeat(500));
        let (mut bounded, mut unbounded) = (CategoryCounter::with_limit(9), CategoryCounter::unbounded());
        for counter in [&mut bounded, &mut unbounded] {
            ["a", "b", "a"].iter().for_each(|end| counter.add(&long(end)));
        }
        let counted = unbounded.categories();
        assert_eq!((counted.clone(), counted.len(), counted.total()), (bounded.categories(), 2, 3));
        assert!(counted.iter().all(|(text, _)| text.len() <= LONGEST_KEPT_BYTES && text.starts_with("éé")));
    }

    #[test]
    fn many_categories_are_told_apart() {
        let mut counter = CategoryCounter::unbounded();
        for round in 0..2 {
            for i in 0..20_000 {
                counter.add(&format!("a category with a long common part, number {i}"));
            }
            assert_eq!(counter.categories().len(), 20_000, "round {round}");
        }
        assert!(counter.categories().iter().all(|(_, count)| count == 2));
    }
}
