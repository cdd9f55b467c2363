//! Which rows of a stretch something holds of, a bit for each.

/// So many rows are looked at together: their numbers fit into the processor's first cache.
pub(super) const ROWS: usize = 1024;
const WORDS: usize = ROWS / 64;

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
        let mut mask = Self::default();
        for (word, numbers) in mask.0.iter_mut().zip(numbers.chunks(64)) {
            let mut bits = 0;
            for (place, number) in numbers.iter().enumerate() {
                bits |= u64::from(holds(*number)) << place;
            }
            *word = bits;
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
        }
        let numbers: Vec<f64> = (0..130).map(f64::from).collect();
        let odd = Mask::of_numbers(&numbers, |number| number % 2.0 == 1.0);
        assert!(odd.rows().eq((0..130).filter(|row| row % 2 == 1)));
        assert!(
            Mask::first(130).without(odd).or(odd) == Mask::first(130) && odd.and(Mask::first(1)).is_empty()
        );
    }
}
