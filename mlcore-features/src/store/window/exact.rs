//! Sums of floats, and of their squares, without any rounding, in as few words as the numbers need.

use mlcore::profile::ExactSum;
use smallvec::SmallVec;

use super::bytes::{Reader, put_u64};

/// A sum as a number in two's complement: the words that are kept, above them the sign's repetition and below them zeros. The
/// lowest bit of word 0 counts `2^BASE`, as in [`ExactSum`], of which it is the short form.
///
/// No order of adding and no grouping changes the number, and [`write`](Self::write) has one spelling of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Words<const LIMBS: usize, const BASE: i32> {
    first: u8,
    words: SmallVec<[u64; 4]>,
}

/// The sum of floats or integers.
pub(super) type Sum = Words<34, -1074>;
/// The sum of their squares.
pub(super) type SumOfSquares = Words<68, -2148>;

/// A top word beyond this, either way, is followed by another one: until then some 2^62 numbers may be added.
const ROOM: i64 = i64::MAX / 2;

impl Sum {
    /// Adds a finite float.
    #[inline]
    pub(super) fn add(&mut self, value: f64) {
        let (mantissa, exponent) = parts(value);
        self.add_scaled(value.is_sign_negative(), u128::from(mantissa), exponent);
    }

    /// Adds an integer.
    #[inline]
    pub(super) fn add_integer(&mut self, value: i128) {
        self.add_scaled(value < 0, value.unsigned_abs(), 0);
    }
}

impl SumOfSquares {
    /// Adds the square of a finite float.
    #[inline]
    pub(super) fn add(&mut self, value: f64) {
        let (mantissa, exponent) = parts(value);
        self.add_scaled(false, u128::from(mantissa) * u128::from(mantissa), 2 * exponent);
    }

    /// Adds the square of an integer of at most 64 bits.
    #[inline]
    pub(super) fn add_integer(&mut self, value: i128) {
        let magnitude = value.unsigned_abs();
        self.add_scaled(false, magnitude.saturating_mul(magnitude), 0);
    }
}

impl<const LIMBS: usize, const BASE: i32> Words<LIMBS, BASE> {
    /// Adds or takes away `magnitude` times `2^exponent`.
    #[inline]
    fn add_scaled(&mut self, is_negative: bool, magnitude: u128, exponent: i32) {
        if magnitude == 0 {
            return;
        }
        let shift = (exponent - BASE).max(0) as usize;
        let (place, bit) = (shift / 64, shift % 64);
        let low = u128::from(magnitude as u64) << bit;
        let high = ((magnitude >> 64) << bit) + (low >> 64);
        let mut parts = [low as u64, high as u64, (high >> 64) as u64];
        if is_negative {
            let mut carry = true;
            for part in &mut parts {
                (*part, carry) = (!*part).overflowing_add(u64::from(carry));
            }
        }
        self.add_words(place, &parts, if is_negative { u64::MAX } else { 0 });
    }

    /// Adds words from `place` on, above which is `sign`.
    #[inline]
    fn add_words(&mut self, place: usize, words: &[u64], sign: u64) {
        self.make_room(place, place + words.len() + 1);
        let start = place - usize::from(self.first);
        let others = words.iter().copied().chain(std::iter::repeat(sign));
        let mut carry = false;
        for (number, (word, other)) in
            self.words.get_mut(start..).unwrap_or_default().iter_mut().zip(others).enumerate()
        {
            // Above the words nothing is added where the carry undoes the sign, or there is none of both.
            if number >= words.len() && carry == (sign != 0) {
                break;
            }
            let (sum, one) = word.overflowing_add(other);
            let (sum, two) = sum.overflowing_add(u64::from(carry));
            (*word, carry) = (sum, one | two);
        }
    }

    /// Makes sure that there are words from `place` to `end`, and that the highest has room.
    #[inline]
    fn make_room(&mut self, place: usize, end: usize) {
        if self.words.is_empty() {
            self.first = place as u8;
        }
        let first = usize::from(self.first);
        if place < first {
            self.words.insert_many(0, std::iter::repeat_n(0, first - place));
            self.first = place as u8;
        }
        let sign = self.sign();
        while usize::from(self.first) + self.words.len() < end {
            self.words.push(sign);
        }
        let top = self.words.last().map_or(0, |top| top.cast_signed());
        if !(-ROOM..=ROOM).contains(&top) {
            self.words.push(sign);
        }
    }

    fn sign(&self) -> u64 {
        if self.words.last().is_some_and(|top| top >> 63 == 1) { u64::MAX } else { 0 }
    }

    /// Adds another sum.
    pub(super) fn merge(&mut self, other: &Self) {
        if !other.words.is_empty() {
            self.add_words(usize::from(other.first), &other.words, other.sign());
        }
    }

    /// The words that say something, and the number of the first.
    fn trimmed(&self) -> (usize, &[u64]) {
        let zeros = self.words.iter().take_while(|word| **word == 0).count();
        let (sign, mut end) = (self.sign(), self.words.len());
        let is_spare = |words: &[u64]| match words {
            [.., below, top] => *top == sign && (below >> 63 == 1) == (sign != 0),
            [top] => *top == 0,
            [] => false,
        };
        while self.words.get(zeros..end).is_some_and(is_spare) {
            end -= 1;
        }
        match self.words.get(zeros..end).unwrap_or_default() {
            [] => (0, &[]),
            words => (usize::from(self.first) + zeros, words),
        }
    }

    /// The number in the form that answers are made of; `None` beyond all sums of 2^64 floats.
    pub(super) fn exact(&self) -> Option<ExactSum<LIMBS, BASE>> {
        let (first, words) = self.trimmed();
        ExactSum::from_words(first, words)
    }

    pub(super) fn write(&self, bytes: &mut Vec<u8>) {
        let (first, words) = self.trimmed();
        bytes.extend_from_slice(&[first as u8, words.len() as u8]);
        words.iter().for_each(|word| put_u64(bytes, *word));
    }

    /// Adds what [`write`](Self::write) wrote.
    #[inline]
    pub(super) fn absorb(&mut self, reader: &mut Reader<'_>) -> Option<()> {
        let (first, bytes) = Self::open(reader)?;
        let mut words: SmallVec<[u64; 4]> = SmallVec::new();
        for word in bytes.as_chunks::<8>().0 {
            words.push(u64::from_le_bytes(*word));
        }
        let sign = if words.last().is_some_and(|top| top >> 63 == 1) { u64::MAX } else { 0 };
        if !words.is_empty() {
            self.add_words(first, &words, sign);
        }
        Some(())
    }

    /// Passes over what [`write`](Self::write) wrote.
    #[inline]
    pub(super) fn skip(reader: &mut Reader<'_>) -> Option<()> {
        Self::open(reader).map(|_| ())
    }

    #[inline]
    fn open<'a>(reader: &mut Reader<'a>) -> Option<(usize, &'a [u8])> {
        let (first, count) = (usize::from(reader.u8()?), usize::from(reader.u8()?));
        let bytes = reader.raw(count * 8)?;
        (first + count <= LIMBS).then_some((first, bytes))
    }
}

/// A finite float without its sign as an integer times a power of two.
#[inline]
fn parts(value: f64) -> (u64, i32) {
    let bits = value.to_bits();
    let (exponent, mantissa) = ((bits >> 52) & 0x7ff, bits & ((1 << 52) - 1));
    match exponent {
        0 => (mantissa, -1074),
        _ => (mantissa | 1 << 52, exponent as i32 - 1075),
    }
}

#[cfg(test)]
mod tests {
    use mlcore::profile;
    use proptest::prelude::*;

    use super::*;

    fn spelled(sum: &Sum) -> Vec<u8> {
        let mut bytes = Vec::new();
        sum.write(&mut bytes);
        bytes
    }

    fn sum(values: &[f64]) -> Sum {
        let mut sum = Sum::default();
        values.iter().for_each(|value| sum.add(*value));
        sum
    }

    fn values() -> impl Strategy<Value = Vec<f64>> {
        let any = any::<f64>().prop_filter("finite", |value| value.is_finite());
        prop::collection::vec(prop_oneof![any, -1e3..1e3, Just(0.1), Just(-0.0), Just(f64::MAX)], 0..60)
    }

    proptest! {
        #[test]
        fn sums_are_those_of_the_profile(values in values(), cut in 0_usize..60) {
            let (mut whole, mut squares) = (profile::Sum::default(), profile::SumOfSquares::default());
            let mut own = SumOfSquares::default();
            for value in &values {
                whole.add(*value);
                squares.add_square_times(*value, 1);
                own.add(*value);
            }
            prop_assert_eq!(sum(&values).exact(), Some(whole));
            prop_assert_eq!(own.exact(), Some(squares));
            let (left, right) = values.split_at(cut.min(values.len()));
            let (mut one, other) = (sum(right), sum(left));
            one.merge(&other);
            prop_assert_eq!(spelled(&one), spelled(&sum(&values)));
            let bytes = spelled(&other);
            let mut absorbed = sum(right);
            let mut reader = Reader::new(&bytes);
            absorbed.absorb(&mut reader).unwrap();
            prop_assert!(reader.is_empty());
            prop_assert_eq!(spelled(&absorbed), spelled(&one));
        }

        #[test]
        fn what_is_taken_away_again_leaves_nothing(values in values()) {
            let mut sum = sum(&values);
            values.iter().for_each(|value| sum.add(-value));
            prop_assert_eq!(spelled(&sum), [0, 0]);
        }

        #[test]
        fn integers_are_exact(values in prop::collection::vec(any::<i64>(), 0..40)) {
            let mut sum = Sum::default();
            values.iter().for_each(|value| sum.add_integer(i128::from(*value)));
            let due: i128 = values.iter().map(|value| i128::from(*value)).sum();
            prop_assert_eq!(sum.exact().unwrap().to_integer(), Some(due));
        }
    }
}
