//! From a category's value to a small number, exactly: an open-addressed table whose keys of up to sixteen bytes are
//! compared as two machine words.

use mlcore::text_key::{TextKey, fold};
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
    key: TextKey,
    slot: u32,
    long: u32,
}

/// No text is so long.
const EMPTY: usize = usize::MAX;
const WHOLE: usize = TextKey::WHOLE_BYTES;

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
            items.push((TextKey::of(text.as_bytes()), text_mix(text), slot, position));
        }
        Self::build(&items, &long)
    }

    /// The table of these 64-bit patterns and their slots.
    ///
    /// # Errors
    /// As [`Lookup::of_texts`].
    pub(crate) fn of_bits(pairs: impl IntoIterator<Item = (u64, u32)>) -> Result<Self> {
        let items: Vec<_> = pairs.into_iter().map(|(bits, slot)| (key_of_bits(bits), 0, slot, 0)).collect();
        Self::build(&items, &[])
    }

    fn build(items: &[(TextKey, u64, u32, u32)], long: &[Box<str>]) -> Result<Self> {
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
        items: &[(TextKey, u64, u32, u32)],
        long: &[Box<str>],
        size: usize,
        seed: u64,
    ) -> Result<(usize, Self)> {
        let vacant = Entry { key: TextKey { head: 0, tail: 0, length: EMPTY }, slot: 0, long: 0 };
        let mut entries = vec![vacant; size];
        let mask = size - 1;
        let mut longest = 0;
        for (key, mix, slot, position) in items {
            let mut place = hash(*key, *mix, seed) & mask;
            let mut probes = 1;
            while entries[place].key.length != EMPTY {
                let other = &entries[place];
                let same_text =
                    key.length <= WHOLE || long.get(other.long as usize) == long.get(*position as usize);
                if other.key == *key && same_text {
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
        let key = TextKey::of(text.as_bytes());
        let mut place = hash(key, text_mix(text), self.seed) & self.mask;
        loop {
            let entry = self.entries.get(place)?;
            if entry.key == key
                && (text.len() <= WHOLE
                    || self.long.get(entry.long as usize).is_some_and(|own| **own == *text))
            {
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
        let key = key_of_bits(bits);
        let mut place = hash(key, 0, self.seed) & self.mask;
        loop {
            let entry = self.entries.get(place)?;
            if entry.key == key {
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
            let text = if entry.key.length > WHOLE {
                self.long.get(entry.long as usize).map(|text| String::from(&**text))
            } else {
                String::from_utf8(entry.key.bytes()?).ok()
            };
            text.map(|text| (text, entry.slot))
        })
    }
}

/// The key of a 64-bit pattern, in tables that hold no texts.
#[inline(always)]
fn key_of_bits(bits: u64) -> TextKey {
    TextKey { head: bits, tail: 0, length: 8 }
}

#[inline(always)]
fn hash(key: TextKey, mix: u64, seed: u64) -> usize {
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
