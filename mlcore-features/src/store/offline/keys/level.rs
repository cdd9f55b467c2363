//! Numbers by a pair of words: the hash table below keys.

use mlcore::text_key::fold;

/// The number that no pair has.
pub(in super::super) const NOTHING: u32 = u32::MAX;

/// An odd number without a pattern, the golden ratio's.
const MIX: u64 = 0x9e37_79b9_7f4a_7c15;

/// From what went before and a word to a number.
#[derive(Debug)]
pub(super) struct Level {
    entries: Vec<Entry>,
    count: usize,
    seed: u64,
    /// The numbers of words that lie close together, by their distance from the least.
    direct: Option<(u64, Vec<u32>)>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    word: u64,
    before: u32,
    number: u32,
}

const EMPTY: Entry = Entry { word: 0, before: 0, number: NOTHING };

impl Level {
    /// The seed keeps whoever chooses the words from choosing those that collide.
    pub(super) fn new(seed: u64) -> Self {
        Self { entries: vec![EMPTY; 16], count: 0, seed, direct: None }
    }

    /// The place of a pair: its entry, or the empty one where it belongs. There is an empty one always.
    #[inline(always)]
    fn place(&self, before: u32, word: u64) -> (usize, Entry) {
        let mask = self.entries.len() - 1;
        let mut place = fold(word ^ self.seed, MIX ^ u64::from(before)) as usize & mask;
        loop {
            match self.entries.get(place) {
                Some(entry) if entry.number != NOTHING && (entry.word != word || entry.before != before) => {
                    place = (place + 1) & mask;
                }
                Some(entry) => return (place, *entry),
                None => return (0, EMPTY),
            }
        }
    }

    /// The number of a pair, [`NOTHING`] for one that was not inserted.
    #[inline(always)]
    pub(super) fn find(&self, before: u32, word: u64) -> u32 {
        self.place(before, word).1.number
    }

    /// The number of a pair, the next one for a pair that is new; [`NOTHING`] where there are no more numbers.
    pub(super) fn insert(&mut self, before: u32, word: u64) -> u32 {
        let (mut place, found) = self.place(before, word);
        if found.number != NOTHING {
            return found.number;
        }
        let number = u32::try_from(self.count).unwrap_or(NOTHING);
        if number == NOTHING {
            return NOTHING;
        }
        if 2 * self.count >= self.entries.len() {
            let larger = vec![EMPTY; 2 * self.entries.len()];
            for entry in std::mem::replace(&mut self.entries, larger) {
                if entry.number != NOTHING {
                    let (place, _) = self.place(entry.before, entry.word);
                    self.put(place, entry);
                }
            }
            place = self.place(before, word).0;
        }
        self.put(place, Entry { word, before, number });
        self.count += 1;
        number
    }

    fn put(&mut self, place: usize, entry: Entry) {
        if let Some(slot) = self.entries.get_mut(place) {
            *slot = entry;
        }
    }

    /// How many pairs there are.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Gives each pair another number, and looks whether the words of a first level lie so close together that a list tells
    /// the numbers faster. Nothing is inserted afterwards.
    pub(super) fn renumber(&mut self, numbers: Option<&[u32]>, is_first: bool) {
        let mut range: Option<(i64, i64)> = None;
        for entry in self.entries.iter_mut().filter(|entry| entry.number != NOTHING) {
            if let Some(numbers) = numbers {
                entry.number = numbers.get(entry.number as usize).copied().unwrap_or(NOTHING);
            }
            let word = entry.word as i64;
            range = Some(range.map_or((word, word), |(low, high)| (low.min(word), high.max(word))));
        }
        let Some((low, high)) = range.filter(|_| is_first) else { return };
        /// A list of four bytes for each is smaller than the table of four entries of sixteen bytes, and its use is faster.
        const CELLS_PER_WORD: u64 = 16;
        let width = high.wrapping_sub(low) as u64;
        if width >= (self.count as u64).saturating_mul(CELLS_PER_WORD).max(1024) {
            return;
        }
        let mut list = vec![NOTHING; width as usize + 1];
        for entry in self.entries.iter().filter(|entry| entry.number != NOTHING) {
            if let Some(cell) = list.get_mut(entry.word.wrapping_sub(low as u64) as usize) {
                *cell = entry.number;
            }
        }
        self.direct = Some((low as u64, list));
    }

    /// The list of numbers and its first word, where words lie close together.
    pub(super) fn direct(&self) -> Option<(u64, &[u32])> {
        self.direct.as_ref().map(|(low, list)| (*low, list.as_slice()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_numbered_in_order_and_found() {
        let mut level = Level::new(7);
        for word in 0..1000 {
            assert_eq!(level.insert(3, word * word), word as u32);
            assert_eq!(level.insert(3, word * word), word as u32);
        }
        assert_eq!((level.find(3, 81), level.find(2, 81), level.find(3, 82)), (9, NOTHING, NOTHING));
        assert_eq!(level.count(), 1000);
        let numbers: Vec<u32> = (0..1000).map(|number| 10 * number).collect();
        level.renumber(Some(&numbers), true);
        assert_eq!(level.find(3, 81), 90);
        assert!(level.direct().is_none());
    }

    #[test]
    fn words_close_together_have_a_list() {
        let mut level = Level::new(7);
        for word in -5_i64..5 {
            level.insert(0, word as u64);
        }
        level.renumber(None, true);
        let (low, list) = level.direct().unwrap();
        assert_eq!((low as i64, list.len(), list[9]), (-5, 10, 9));
        let mut far = Level::new(7);
        far.insert(0, i64::MIN as u64);
        far.insert(0, i64::MAX as u64);
        far.renumber(None, true);
        assert!(far.direct().is_none());
    }
}
