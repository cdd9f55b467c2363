//! From a category's value to a small number, exactly: an open-addressed table whose keys of up to sixteen bytes are
//! compared as two machine words.

use mlcore::text_key::fold;
use mlcore::{Error, Result};

/// An immutable map from values to slots. Texts and 64-bit patterns live in tables of their own.
#[derive(Clone, Debug)]
pub(crate) struct Lookup {
    seed: u64,
    mask: usize,
    entries: Box<[Entry]>,
    /// The texts of more than sixteen bytes, found by [`Entry::long`].
    long: Box<[Box<str>]>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    key: Key,
    slot: u32,
    long: u32,
}

/// A text of up to sixteen bytes as two words, with zeros behind its end; of a longer one the first and the last eight
/// bytes. It is made without a branch where it can be: the lengths of categories are what no processor foresees. So it is laid out as
/// Arrow's buffers and views are, and not as a `TextKey`, whose words are the two ends of a text and stand in stored digests.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    head: u64,
    tail: u64,
    length: usize,
}

/// No text is so long.
const EMPTY: usize = usize::MAX;
/// Texts of up to so many bytes are equal where their keys are.
const WHOLE: usize = 16;
/// What a text of so many bytes leaves of each of its two words.
const KEPT: [(u64, u64); WHOLE + 1] = {
    let mut kept = [(0, 0); WHOLE + 1];
    let mut length = 1;
    while length <= WHOLE {
        let (head, tail): (u64, u64) = kept[length - 1];
        kept[length] = if length <= 8 { (head << 8 | 0xFF, 0) } else { (head, tail << 8 | 0xFF) };
        length += 1;
    }
    kept
};

impl Key {
    /// The key of a text.
    #[inline(always)]
    pub(crate) fn of(text: &[u8]) -> Self {
        let length = text.len();
        let (head, tail) = match (text.first_chunk::<8>(), text.last_chunk::<8>()) {
            (Some(first), Some(last)) => {
                // What the head holds already is shifted out.
                let twice = 8 * WHOLE.saturating_sub(length) as u32;
                let tail = u64::from_le_bytes(*last).checked_shr(twice).unwrap_or(0);
                (u64::from_le_bytes(*first), tail)
            }
            _ => (short_word(text), 0),
        };
        Self { head, tail, length }
    }

    /// The key of the text from `start` to `end` of many that lie one behind another; `None` where it is longer than its
    /// key, or too near to the end of them all.
    #[inline(always)]
    pub(crate) fn within(texts: &[u8], start: usize, end: usize) -> Option<Self> {
        let words = texts.get(start..)?.first_chunk::<WHOLE>()?;
        let both = u128::from_le_bytes(*words);
        let length = end.wrapping_sub(start);
        let (head, tail) = KEPT.get(length)?;
        Some(Self { head: both as u64 & head, tail: (both >> 64) as u64 & tail, length })
    }

    /// The key of a text that an Arrow view holds whole: its length in 32 bits, and up to twelve bytes with zeros behind.
    #[inline(always)]
    pub(crate) fn of_view(view: u128) -> Option<Self> {
        let length = view as u32 as usize;
        (length <= 12).then_some(Self { head: (view >> 32) as u64, tail: (view >> 96) as u64, length })
    }

    /// The key of a 64-bit pattern, in tables that hold no texts.
    #[inline(always)]
    pub(crate) fn of_bits(bits: u64) -> Self {
        Self { head: bits, tail: 0, length: 8 }
    }

    /// That of nothing: no text is so long.
    pub(crate) const NONE: Self = Self { head: 0, tail: 0, length: EMPTY };

    /// A number whose low bits depend on all of what the key is all of.
    #[inline(always)]
    pub(crate) fn hash(self, seed: u64) -> usize {
        hash(self, 0, seed)
    }

    /// Whether the key is all of the text.
    #[inline(always)]
    pub(crate) fn is_whole(self) -> bool {
        self.length <= WHOLE
    }

    /// Compared in one step, not in three.
    #[inline(always)]
    pub(crate) fn is(self, other: Self) -> bool {
        (self.head ^ other.head) | (self.tail ^ other.tail) | (self.length ^ other.length) as u64 == 0
    }

    /// The text, where the key is all of it.
    fn text(self) -> Option<String> {
        let both = u128::from(self.head) | u128::from(self.tail) << 64;
        String::from_utf8(both.to_le_bytes().get(..self.length)?.to_vec()).ok()
    }
}

/// Up to seven bytes as one word, with zeros behind them.
#[inline(always)]
fn short_word(bytes: &[u8]) -> u64 {
    let length = bytes.len();
    if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        // Where the two overlap they agree.
        let last = u64::from(u32::from_le_bytes(*last));
        return u64::from(u32::from_le_bytes(*first)) | last << (8 * (length - 4));
    }
    match *bytes {
        [a] => u64::from(a),
        [a, b] => u64::from(a) | u64::from(b) << 8,
        [a, b, c] => u64::from(a) | u64::from(b) << 8 | u64::from(c) << 16,
        _ => 0,
    }
}

impl Lookup {
    /// The table of these texts and their slots.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a text twice, or too many of them.
    pub(crate) fn of_texts<'a>(pairs: impl IntoIterator<Item = (&'a str, u32)>) -> Result<Self> {
        let mut long: Vec<Box<str>> = Vec::new();
        let mut items = Vec::new();
        for (text, slot) in pairs {
            let position = if text.len() > WHOLE {
                long.push(text.into());
                u32::try_from(long.len() - 1).map_err(|_| too_many())?
            } else {
                0
            };
            items.push((Key::of(text.as_bytes()), text_mix(text), slot, position));
        }
        Self::build(&items, &long)
    }

    /// The table of these 64-bit patterns and their slots.
    ///
    /// # Errors
    /// As [`Lookup::of_texts`].
    pub(crate) fn of_bits(pairs: impl IntoIterator<Item = (u64, u32)>) -> Result<Self> {
        let items: Vec<_> = pairs.into_iter().map(|(bits, slot)| (Key::of_bits(bits), 0, slot, 0)).collect();
        Self::build(&items, &[])
    }

    fn build(items: &[(Key, u64, u32, u32)], long: &[Box<str>]) -> Result<Self> {
        // A quarter full, so that most searches end where they begin; half full where indices of 32 bits ask for it. An
        // empty place, which ends a search, is always left.
        let mut size = items.len().checked_mul(4).ok_or_else(too_many)?.next_power_of_two().max(4);
        if size > u32::MAX as usize {
            size = items.len().next_power_of_two() << 1;
        }
        let mut best: Option<(usize, Self)> = None;
        // A few dozen categories nearly always find a seed without any collision; many are not worth the search.
        let attempts = if items.len() <= 512 { 64 } else { 1 };
        for seed in 0..attempts {
            let (longest, table) = Self::with_seed(items, long, size, seed)?;
            if best.as_ref().is_none_or(|(shortest, _)| longest < *shortest) {
                best = Some((longest, table));
            }
            if longest <= 1 {
                break;
            }
        }
        best.map(|(_, table)| table).ok_or_else(too_many)
    }

    fn with_seed(
        items: &[(Key, u64, u32, u32)],
        long: &[Box<str>],
        size: usize,
        seed: u64,
    ) -> Result<(usize, Self)> {
        let vacant = Entry { key: Key::NONE, slot: 0, long: 0 };
        let mut entries = vec![vacant; size];
        let mask = size - 1;
        let mut longest = 0;
        for (key, mix, slot, position) in items {
            let mut place = hash(*key, *mix, seed) & mask;
            let mut probes = 1;
            while entries[place].key.length != EMPTY {
                let other = &entries[place];
                let same_text =
                    key.is_whole() || long.get(other.long as usize) == long.get(*position as usize);
                if other.key.is(*key) && same_text {
                    return Err(Error::invalid_input(
                        "build category table",
                        "categories",
                        "a category occurs twice",
                    ));
                }
                place = (place + 1) & mask;
                probes += 1;
            }
            entries[place] = Entry { key: *key, slot: *slot, long: *position };
            longest = longest.max(probes);
        }
        Ok((longest, Self { seed, mask, entries: entries.into(), long: long.into() }))
    }

    /// The slot of this text.
    #[inline]
    pub(crate) fn text(&self, text: &str) -> Option<u32> {
        let key = Key::of(text.as_bytes());
        if key.is_whole() { self.key(key) } else { self.long_text(key, text) }
    }

    fn long_text(&self, key: Key, text: &str) -> Option<u32> {
        let mut place = hash(key, text_mix(text), self.seed) & self.mask;
        loop {
            let entry = self.entries.get(place)?;
            if entry.key.is(key) && self.long.get(entry.long as usize).is_some_and(|own| **own == *text) {
                return Some(entry.slot);
            }
            if entry.key.length == EMPTY {
                return None;
            }
            place = (place + 1) & self.mask;
        }
    }

    /// The slot of this 64-bit pattern.
    #[inline]
    pub(crate) fn bits(&self, bits: u64) -> Option<u32> {
        self.key(Key::of_bits(bits))
    }

    /// The slot of what this key is all of.
    #[inline(always)]
    pub(crate) fn key(&self, key: Key) -> Option<u32> {
        let mut place = hash(key, 0, self.seed) & self.mask;
        loop {
            let entry = self.entries.get(place)?;
            if entry.key.is(key) {
                return Some(entry.slot);
            }
            if entry.key.length == EMPTY {
                return None;
            }
            place = (place + 1) & self.mask;
        }
    }

    /// Every 64-bit pattern and its slot, in no order.
    pub(crate) fn all_bits(&self) -> impl Iterator<Item = (u64, u32)> {
        self.entries
            .iter()
            .filter(|entry| entry.key.length != EMPTY)
            .map(|entry| (entry.key.head, entry.slot))
    }

    /// Every text and its slot, in no order. Short texts are put together from their keys.
    pub(crate) fn all_texts(&self) -> impl Iterator<Item = (String, u32)> {
        self.entries.iter().filter(|entry| entry.key.length != EMPTY).filter_map(|entry| {
            let text = match entry.key.is_whole() {
                true => entry.key.text(),
                false => self.long.get(entry.long as usize).map(|text| String::from(&**text)),
            };
            text.map(|text| (text, entry.slot))
        })
    }
}

#[inline(always)]
fn hash(key: Key, mix: u64, seed: u64) -> usize {
    let seeded = key.head ^ seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    // The constants are those of wyhash. A factor of zero would wipe out the other: hence `| 1`.
    let rest = key.tail ^ 0xE703_7ED1_A0B4_28DB ^ key.length as u64;
    fold(fold(seeded ^ 0xA076_1D64_78BD_642F, rest | 1) ^ mix, 0x8EBC_6AF0_9C88_C6E3) as usize
}

/// What the head and the tail do not show of a long text.
#[inline(always)]
fn text_mix(text: &str) -> u64 {
    let bytes = text.as_bytes();
    if bytes.len() <= WHOLE {
        return 0;
    }
    // The bytes behind the last whole word are in the tail.
    bytes.chunks_exact(8).fold(0, |mix, chunk| {
        let word = chunk.first_chunk::<8>().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        fold(mix ^ word, 0x5897_89E6_CF13_70B3)
    })
}

fn too_many() -> Error {
    Error::unsupported("build category table", "categories", "there are too many, or one is too long")
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn texts_that_differ_anywhere_are_told_apart() {
        let base = "https://example.org/a/very/long/category/name";
        let mut texts: Vec<String> = (0..=base.len()).map(|length| base[..length].to_owned()).collect();
        texts.extend((0..50).map(|middle| format!("the same head {middle:02} the same tail")));
        texts.extend(["\0", "\0\0", "aaaa", "aaaaa", "aaaaaaa", "aaaaaaaa", "aaaaaaaaa"].map(str::to_owned));
        let table =
            Lookup::of_texts(texts.iter().zip(0..).map(|(text, slot)| (text.as_str(), slot))).unwrap();
        for (text, slot) in texts.iter().zip(0..) {
            assert_eq!(table.text(text), Some(slot), "{text:?}");
        }
        for absent in ["aaa", "x", "https://example.org/b", "the same head 50 the same tail", "\0\0\0"] {
            assert_eq!(table.text(absent), None, "{absent:?}");
        }
    }

    #[test]
    fn twins_are_refused_and_nothing_is_found_in_nothing() {
        assert!(Lookup::of_texts([("a", 0), ("a", 1)]).is_err());
        let long = "a text of more than sixteen bytes";
        assert!(Lookup::of_texts([(long, 0), (long, 1)]).is_err());
        assert!(Lookup::of_bits([(7, 0), (7, 1)]).is_err());
        assert_eq!(Lookup::of_bits([]).unwrap().bits(0), None);
        assert_eq!(Lookup::of_texts([]).unwrap().text(""), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(50))]

        #[test]
        fn a_table_answers_as_a_map_does(
            known in prop::collection::hash_set("[a-c]{0,40}", 0..700),
            asked in prop::collection::vec("[a-c]{0,40}", 0..50),
            numbers in prop::collection::hash_set(any::<u64>(), 0..700),
        ) {
            let map: HashMap<&str, u32> = known.iter().map(String::as_str).zip(0..).collect();
            let table = Lookup::of_texts(map.iter().map(|(text, slot)| (*text, *slot))).unwrap();
            for text in known.iter().chain(&asked) {
                prop_assert_eq!(table.text(text), map.get(text.as_str()).copied());
            }
            let bits = Lookup::of_bits(numbers.iter().copied().zip(0..)).unwrap();
            let listed: HashMap<String, u32> = table.all_texts().collect();
            prop_assert_eq!(listed.len(), map.len());
            for (text, slot) in &map {
                prop_assert_eq!(listed.get(*text), Some(slot));
            }
            let listed: HashMap<u64, u32> = bits.all_bits().collect();
            prop_assert_eq!(listed.len(), numbers.len());
            for (number, slot) in numbers.iter().zip(0..) {
                prop_assert_eq!(bits.bits(*number), Some(slot));
                prop_assert_eq!(listed.get(number), Some(&slot));
                prop_assert_eq!(bits.bits(number ^ 1).is_some(), numbers.contains(&(number ^ 1)));
            }
        }
    }
}
