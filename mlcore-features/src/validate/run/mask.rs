//! Which rows of a stretch something holds of, a bit for each.

use mlcore::arrow::buffer::BooleanBuffer;

/// So many rows are looked at together: their numbers fit into the processor's first cache.
pub(super) const ROWS: usize = 1024;
const WORDS: usize = ROWS / 64;
/// Moves the lowest bit of each byte of a word into one byte, as a factor.
const GATHER: u64 = 0x0102_0408_1020_4080;

/// A bit for each row of a stretch.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub(super) struct Mask([u64; WORDS]);

impl Mask {
    /// The first so many rows.
    pub(super) fn first(count: usize) -> Self {
        let mut mask = Self::default();
        for (place, word) in mask.0.iter_mut().enumerate() {
            *word = match count.saturating_sub(place * 64) {
                0 => 0,
                rest @ 1..64 => (1 << rest) - 1,
                _ => u64::MAX,
            };
        }
        mask
    }

    /// The rows of which this holds.
    #[inline]
    pub(super) fn of_numbers(numbers: &[f64], holds: impl Fn(f64) -> bool) -> Self {
        Self::of_pairs(numbers, numbers, |number, _| holds(number))
    }

    /// The rows of whose two numbers this holds.
    #[inline]
    pub(super) fn of_pairs(a: &[f64], b: &[f64], holds: impl Fn(f64, f64) -> bool) -> Self {
        let mut mask = Self::default();
        for ((word, a), b) in mask.0.iter_mut().zip(a.chunks(64)).zip(b.chunks(64)) {
            let ((eights, rest), (other_eights, other_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
            let mut bits = 0;
            for (place, (a, b)) in eights.iter().zip(other_eights).enumerate() {
                let mut flags = [0; 8];
                for ((flag, a), b) in flags.iter_mut().zip(a).zip(b) {
                    *flag = u8::from(holds(*a, *b));
                }
                // Eight comparisons are made at once, and the product gathers their bits into its highest byte.
                let byte = u64::from_le_bytes(flags).wrapping_mul(GATHER) >> 56;
                bits |= byte << (place * 8);
            }
            for (place, (a, b)) in rest.iter().zip(other_rest).enumerate() {
                bits |= u64::from(holds(*a, *b)) << (eights.len() * 8 + place);
            }
            *word = bits;
        }
        mask
    }

    /// The rows whose bits are set.
    pub(super) fn of_bits(bits: &BooleanBuffer) -> Self {
        let mut mask = Self::default();
        for (word, bits) in mask.0.iter_mut().zip(bits.bit_chunks().iter_padded()) {
            *word = bits;
        }
        mask
    }

    /// The rows whose word has this bit.
    pub(super) fn of_words(words: &[u64; ROWS], bit: usize) -> Self {
        let mut mask = Self::default();
        for (word, words) in mask.0.iter_mut().zip(words.chunks(64)) {
            for (place, own) in words.iter().enumerate() {
                *word |= (own >> bit & 1) << place;
            }
        }
        mask
    }

    pub(super) fn set(&mut self, row: usize) {
        if let Some(word) = self.0.get_mut(row / 64) {
            *word |= 1 << (row % 64);
        }
    }

    pub(super) fn has(self, row: usize) -> bool {
        self.0.get(row / 64).is_some_and(|word| word >> (row % 64) & 1 == 1)
    }

    #[inline]
    fn with(self, other: Self, both: impl Fn(u64, u64) -> u64) -> Self {
        let mut mask = self;
        for (word, other) in mask.0.iter_mut().zip(other.0) {
            *word = both(*word, other);
        }
        mask
    }

    pub(super) fn and(self, other: Self) -> Self {
        self.with(other, |a, b| a & b)
    }

    pub(super) fn or(self, other: Self) -> Self {
        self.with(other, |a, b| a | b)
    }

    pub(super) fn without(self, other: Self) -> Self {
        self.with(other, |a, b| a & !b)
    }

    pub(super) fn count(self) -> u64 {
        self.0.iter().map(|word| u64::from(word.count_ones())).sum()
    }

    pub(super) fn is_empty(self) -> bool {
        self.0 == [0; WORDS]
    }

    /// The last row.
    pub(super) fn last(self) -> Option<usize> {
        let (place, word) = self.0.into_iter().enumerate().rfind(|(_, word)| *word != 0)?;
        Some(place * 64 + 63 - word.leading_zeros() as usize)
    }

    /// The rows, in ascending order.
    pub(super) fn rows(self) -> impl Iterator<Item = usize> {
        self.0.into_iter().enumerate().flat_map(|(place, word)| {
            let mut rest = word;
            std::iter::from_fn(move || {
                let bit = rest.trailing_zeros() as usize;
                (rest != 0).then(|| {
                    rest &= rest - 1;
                    place * 64 + bit
                })
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_those_that_were_set() {
        for count in [0, 1, 63, 64, 65, 1000, ROWS] {
            let mask = Mask::first(count);
            assert!(mask.rows().eq(0..count) && mask.count() == count as u64);
            assert_eq!(mask.last(), count.checked_sub(1));
        }
        let bits = BooleanBuffer::collect_bool(200, |row| row % 3 == 0);
        assert!(Mask::of_bits(&bits.slice(3, 150)).rows().eq((0..150).filter(|row| row % 3 == 0)));
        for len in [0, 1, 7, 8, 9, 63, 64, 130, ROWS] {
            let numbers: Vec<f64> = (0..len as i32).map(f64::from).collect();
            let holds = |number: f64| number * 7.0 % 5.0 < 2.0;
            assert!(Mask::of_numbers(&numbers, holds).rows().eq((0..len).filter(|row| holds(*row as f64))));
            let doubled: Vec<f64> = numbers.iter().map(|number| number * 7.0 % 40.0).collect();
            let rows = (0..len).filter(|row| (*row as f64) > (*row as f64) * 7.0 % 40.0);
            assert!(Mask::of_pairs(&numbers, &doubled, |a, b| a > b).rows().eq(rows));
        }
        let numbers: Vec<f64> = (0..130).map(f64::from).collect();
        let odd = Mask::of_numbers(&numbers, |number| number % 2.0 == 1.0);
        assert!(odd.rows().eq((0..130).filter(|row| row % 2 == 1)));
        assert!(
            Mask::first(130).without(odd).or(odd) == Mask::first(130) && odd.and(Mask::first(1)).is_empty()
        );
    }
}
