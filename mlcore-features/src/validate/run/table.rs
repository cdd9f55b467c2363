//! Counts by key. Keys lie one behind the other in the order in which they were seen first, so that a new one moves nothing.

use std::hash::BuildHasher;

use crate::validate::hash::Folded;

/// How often a key occurs, and in which row first.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) count: u64,
    pub(super) first: u64,
}

/// What adding a key found: the row in which it was seen first, where it is seen for the second time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Seen {
    New,
    Second(u64),
    Again,
}

impl Entry {
    fn add(&mut self, entry: Self) -> Seen {
        let was_alone = self.count == 1;
        self.count += entry.count;
        if was_alone { Seen::Second(self.first) } else { Seen::Again }
    }
}

/// Counts of words.
#[derive(Clone, Debug, Default)]
pub(super) struct Words {
    hasher: Folded,
    slots: Slots,
    entries: Vec<(u64, Entry)>,
}

impl Words {
    /// Adds a word, or several equal ones.
    #[inline]
    pub(super) fn add(&mut self, word: u64, entry: Entry) -> Seen {
        let Self { hasher, slots, entries } = self;
        if slots.is_full(entries.len()) {
            slots.grow(entries.iter().map(|(word, _)| hasher.hash_one(*word)));
        }
        let is_equal = |place: usize| entries.get(place).is_some_and(|(own, _)| *own == word);
        match slots.find_or_fill(hasher.hash_one(word), entries.len(), is_equal) {
            Some(place) => entries.get_mut(place).map_or(Seen::New, |(_, own)| own.add(entry)),
            None => {
                entries.push((word, entry));
                Seen::New
            }
        }
    }

    pub(super) fn has(&self, word: u64) -> bool {
        let is_equal = |place: usize| self.entries.get(place).is_some_and(|(own, _)| *own == word);
        self.slots.find(self.hasher.hash_one(word), is_equal).is_some()
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The words with their counts, in the order in which they were seen first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, Entry)> {
        self.entries.iter().copied()
    }
}

/// Counts of texts, or of other bytes.
#[derive(Clone, Debug, Default)]
pub(super) struct Texts {
    hasher: Folded,
    slots: Slots,
    entries: Vec<TextEntry>,
    bytes: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct TextEntry {
    hash: u64,
    /// Where its bytes begin and end.
    start: usize,
    end: usize,
    entry: Entry,
}

impl Texts {
    /// Adds a text, or several equal ones.
    #[inline]
    pub(super) fn add(&mut self, text: &[u8], entry: Entry) -> Seen {
        let Self { hasher, slots, entries, bytes } = self;
        if slots.is_full(entries.len()) {
            slots.grow(entries.iter().map(|entry| entry.hash));
        }
        let hash = hasher.hash_one(Bytes(text));
        let is_equal = |place: usize| entries.get(place).is_some_and(|own| own.text(bytes) == text);
        match slots.find_or_fill(hash, entries.len(), is_equal) {
            Some(place) => entries.get_mut(place).map_or(Seen::New, |own| own.entry.add(entry)),
            None => {
                let start = bytes.len();
                bytes.extend_from_slice(text);
                entries.push(TextEntry { hash, start, end: bytes.len(), entry });
                Seen::New
            }
        }
    }

    pub(super) fn has(&self, text: &[u8]) -> bool {
        let is_equal =
            |place: usize| self.entries.get(place).is_some_and(|own| own.text(&self.bytes) == text);
        self.slots.find(self.hasher.hash_one(Bytes(text)), is_equal).is_some()
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The texts with their counts, in the order in which they were seen first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], Entry)> {
        self.entries.iter().map(|own| (own.text(&self.bytes), own.entry))
    }
}

impl TextEntry {
    fn text<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        bytes.get(self.start..self.end).unwrap_or_default()
    }
}

/// Bytes that are hashed as they are, without their number.
pub(super) struct Bytes<'a>(pub(super) &'a [u8]);

impl std::hash::Hash for Bytes<'_> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        state.write(self.0);
    }
}

/// The places of entries by the hashes of their keys. A slot is 0 where it is free, else one more than the place, and the upper half of
/// the hash, so that most slots of other keys are passed by without a look at their entries.
#[derive(Clone, Debug, Default)]
struct Slots(Vec<u64>);

/// So many slots are the fewest.
const LEAST: usize = 64;
/// The upper half of a hash.
const UPPER: u64 = !0 << 32;

impl Slots {
    /// Whether another entry wants more slots: three of four are filled at most.
    #[inline]
    fn is_full(&self, entries: usize) -> bool {
        entries >= self.0.len() / 4 * 3
    }

    fn grow(&mut self, hashes: impl Iterator<Item = u64>) {
        let len = (self.0.len() * 2).max(LEAST);
        self.0.clear();
        self.0.resize(len, 0);
        for (place, hash) in hashes.enumerate() {
            self.find_or_fill(hash, place, |_| false);
        }
    }

    #[inline]
    fn find(&self, hash: u64, is_equal: impl Fn(usize) -> bool) -> Option<usize> {
        let mask = self.0.len().wrapping_sub(1);
        let mut at = hash as usize & mask;
        loop {
            let slot = *self.0.get(at)?;
            if slot == 0 {
                return None;
            }
            let place = (slot as u32).wrapping_sub(1) as usize;
            if (slot ^ hash) & UPPER == 0 && is_equal(place) {
                return Some(place);
            }
            at = (at + 1) & mask;
        }
    }

    /// The place of an equal key; where there is none, a free slot is filled with the place `next`.
    #[inline]
    fn find_or_fill(&mut self, hash: u64, next: usize, is_equal: impl Fn(usize) -> bool) -> Option<usize> {
        let mask = self.0.len().wrapping_sub(1);
        let mut at = hash as usize & mask;
        loop {
            let slot = self.0.get_mut(at)?;
            if *slot == 0 {
                *slot = (hash & UPPER) | (next as u64 + 1);
                return None;
            }
            let place = (*slot as u32).wrapping_sub(1) as usize;
            if (*slot ^ hash) & UPPER == 0 && is_equal(place) {
                return Some(place);
            }
            at = (at + 1) & mask;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn counts_are_those_of_a_map(keys in proptest::collection::vec(0..300_u64, 0..2000)) {
            let (mut words, mut texts) = (Words::default(), Texts::default());
            let mut expected = BTreeMap::<u64, Entry>::new();
            for (row, key) in (0..).zip(&keys) {
                let entry = Entry { count: 1, first: row };
                let known = expected.get(key).copied();
                let seen = match known {
                    None => Seen::New,
                    Some(Entry { count: 1, first }) => Seen::Second(first),
                    Some(_) => Seen::Again,
                };
                // Zero bytes and an empty text are keys as others are.
                let text = vec![0; *key as usize];
                prop_assert_eq!((words.add(*key, entry), texts.add(&text, entry)), (seen, seen));
                expected.entry(*key).and_modify(|entry| entry.count += 1).or_insert(entry);
            }
            prop_assert_eq!((words.len(), texts.len()), (expected.len(), expected.len()));
            for (key, entry) in words.iter().chain(texts.iter().map(|(text, entry)| (text.len() as u64, entry))) {
                prop_assert_eq!((entry.count, entry.first), (expected[&key].count, expected[&key].first));
            }
            for key in 0..310 {
                let has = expected.contains_key(&key);
                prop_assert_eq!((words.has(key), texts.has(&vec![0; key as usize])), (has, has));
            }
        }
    }
}
