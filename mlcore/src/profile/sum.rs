//! Sums of floats and of their squares without any rounding, so that no order of adding matters.

use std::iter;

use super::codec::{Reader, Writer};
use crate::error::Result;

/// A sum of floats as one fixed-point number that is wide enough for each of them: `LIMBS` words of 64 bits, the lowest bit
/// of which counts `2^BASE`, in two's complement.
///
/// The idea is U. Kulisch's long accumulator. No order of adding and no grouping changes a bit of it. [`Sum`] and
/// [`SumOfSquares`] are the two that hold any floats.
///
/// ```
/// use mlcore::profile::Sum;
///
/// let mut sum = Sum::default();
/// [1e300, 1.0, -1e300].into_iter().for_each(|value| sum.add(value));
/// assert_eq!((sum.value(), sum.to_integer()), (1.0, Some(1)));
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExactSum<const LIMBS: usize, const BASE: i32> {
    limbs: [u64; LIMBS],
}

/// The sum of up to 2^64 floats.
pub type Sum = ExactSum<34, -1074>;
/// The sum of the squares of up to 2^64 floats.
pub type SumOfSquares = ExactSum<68, -2148>;

impl<const LIMBS: usize, const BASE: i32> Default for ExactSum<LIMBS, BASE> {
    fn default() -> Self {
        Self { limbs: [0; LIMBS] }
    }
}

impl<const LIMBS: usize, const BASE: i32> ExactSum<LIMBS, BASE> {
    /// Adds a finite float.
    pub fn add(&mut self, value: f64) {
        self.add_times(value, 1);
    }

    /// Adds a finite float `times` times.
    pub(super) fn add_times(&mut self, value: f64, times: u64) {
        let (mantissa, exponent) = parts(value);
        self.add_scaled(value < 0.0, u128::from(mantissa) * u128::from(times), exponent);
    }

    /// Adds the square of a finite float `times` times.
    pub fn add_square_times(&mut self, value: f64, times: u64) {
        let (mantissa, exponent) = parts(value);
        let square = u128::from(mantissa) * u128::from(mantissa);
        self.add_scaled(false, u128::from(square as u64) * u128::from(times), 2 * exponent);
        self.add_scaled(false, (square >> 64) * u128::from(times), 2 * exponent + 64);
    }

    /// Adds another sum.
    pub fn merge(&mut self, other: &Self) {
        let mut carry = false;
        for (own, other) in self.limbs.iter_mut().zip(&other.limbs) {
            let (sum, first) = own.overflowing_add(*other);
            let (sum, second) = sum.overflowing_add(u64::from(carry));
            (*own, carry) = (sum, first | second);
        }
    }

    /// The sum whose words from `first` on are these, the lowest first and in two's complement; those below are zero, and those
    /// above repeat the sign. `None` where there are more than a sum has.
    #[must_use]
    pub fn from_words(first: usize, words: &[u64]) -> Option<Self> {
        let mut sum = Self::default();
        let (own, above) = sum.limbs.get_mut(first..)?.split_at_mut_checked(words.len())?;
        own.copy_from_slice(words);
        if words.last().is_some_and(|top| top >> 63 == 1) {
            above.fill(u64::MAX);
        }
        Some(sum)
    }

    /// The nearest float, infinite beyond the largest one.
    #[must_use]
    pub fn value(&self) -> f64 {
        let (mantissa, exponent) = rounded(&self.magnitude(), BASE);
        let value = scaled(mantissa, exponent);
        if self.is_negative() { -value } else { value }
    }

    /// The integer that the sum is; `None` where it is none, or has more than 127 bits.
    #[must_use]
    pub fn to_integer(&self) -> Option<i128> {
        let magnitude = self.magnitude();
        let below = BASE.unsigned_abs() as usize;
        let (limb, bit) = (below / 64, below % 64);
        let at = |place: usize| u128::from(magnitude.get(place).copied().unwrap_or(0));
        let fraction = magnitude.iter().take(limb).any(|limb| *limb != 0) || at(limb) & ((1 << bit) - 1) != 0;
        let low = at(limb) >> bit | at(limb + 1) << (64 - bit);
        let high = at(limb + 1).checked_shr(bit as u32).unwrap_or(0) | at(limb + 2) << (64 - bit);
        let is_more = high >> 63 != 0
            || at(limb + 2) >> bit != 0
            || magnitude.iter().skip(limb + 3).any(|limb| *limb != 0);
        if fraction || is_more {
            return None;
        }
        let whole = (u128::from(low as u64) | high << 64).cast_signed();
        Some(if self.is_negative() { -whole } else { whole })
    }

    /// Adds or takes away `magnitude` times `2^exponent`.
    fn add_scaled(&mut self, is_negative: bool, magnitude: u128, exponent: i32) {
        let shift = (exponent - BASE).max(0) as usize;
        let (limb, bit) = (shift / 64, shift % 64);
        let low = u128::from(magnitude as u64) << bit;
        let high = ((magnitude >> 64) << bit) + (low >> 64);
        let parts = [low as u64, high as u64, (high >> 64) as u64];
        let limbs = self.limbs.get_mut(limb..).unwrap_or_default();
        let mut carry = false;
        for (place, (limb, part)) in
            limbs.iter_mut().zip(parts.into_iter().chain(iter::repeat(0))).enumerate()
        {
            if place >= parts.len() && !carry {
                return;
            }
            let step = if is_negative { u64::overflowing_sub } else { u64::overflowing_add };
            let (sum, first) = step(*limb, part);
            let (sum, second) = step(sum, u64::from(carry));
            (*limb, carry) = (sum, first | second);
        }
    }

    fn is_negative(&self) -> bool {
        self.limbs.last().is_some_and(|limb| limb >> 63 == 1)
    }

    /// The sum without its sign.
    fn magnitude(&self) -> Vec<u64> {
        let mut limbs = self.limbs.to_vec();
        if self.is_negative() {
            let mut carry = true;
            for limb in &mut limbs {
                (*limb, carry) = (!*limb).overflowing_add(u64::from(carry));
            }
        }
        limbs
    }

    /// The words that are not the sign's repetition, and before them how many lowest words are zero.
    pub(super) fn write(&self, writer: &mut Writer) {
        let first = self.limbs.iter().take_while(|limb| **limb == 0).count();
        let sign = if self.is_negative() { u64::MAX } else { 0 };
        let repeated = self.limbs.iter().rev().take_while(|limb| **limb == sign).count();
        let end = (LIMBS - repeated).max(first);
        let kept = self.limbs.get(first..end).unwrap_or_default();
        writer.u8(u8::from(sign != 0));
        writer.u8(first as u8);
        writer.u8(kept.len() as u8);
        kept.iter().for_each(|limb| writer.u64(*limb));
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self> {
        let sign = reader.flag("sign")?;
        let (first, kept) = (usize::from(reader.u8()?), usize::from(reader.u8()?));
        let mut sum = Self::default();
        let Some(limbs) = sum.limbs.get_mut(first..).filter(|limbs| limbs.len() >= kept) else {
            return Err(reader.corrupt("a sum is longer than any"));
        };
        for (place, limb) in limbs.iter_mut().enumerate() {
            *limb = match place < kept {
                true => reader.u64()?,
                false if sign => u64::MAX,
                false => 0,
            };
        }
        if sum.is_negative() != sign {
            return Err(reader.corrupt("a sum has two signs"));
        }
        Ok(sum)
    }
}

impl Sum {
    /// The mean of so many numbers with this sum, to one unit in the last place of both roundings.
    #[must_use]
    pub fn mean(&self, count: u64) -> f64 {
        mean(self, count)
    }
}

impl SumOfSquares {
    /// The sum of the squared deviations of so many numbers, which have this sum and these squares, from their mean. No digit is
    /// lost before the end.
    #[must_use]
    pub fn about_the_mean(&self, sum: &Sum, count: u64) -> f64 {
        squared_deviations(sum, self, count)
    }
}

/// The mean of `count` numbers with this sum, to one unit in the last place of both roundings.
pub(super) fn mean(sum: &Sum, count: u64) -> f64 {
    let (mantissa, exponent) = rounded(&sum.magnitude(), -1074);
    let mean = scaled(mantissa / count as f64, exponent);
    if sum.is_negative() { -mean } else { mean }
}

/// The sum of squared deviations of `count` numbers from their mean: no digit is lost before the end.
pub(super) fn squared_deviations(sum: &Sum, squares: &SumOfSquares, count: u64) -> f64 {
    let square = squared(&sum.magnitude());
    let whole = times(&squares.magnitude(), count);
    let length = square.len().max(whole.len());
    let mut carry = false;
    let at = |limbs: &[u64], place: usize| limbs.get(place).copied().unwrap_or(0);
    let difference: Vec<u64> = (0..length)
        .map(|place| {
            let (left, first) = at(&whole, place).overflowing_sub(at(&square, place));
            let (left, second) = left.overflowing_sub(u64::from(carry));
            carry = first | second;
            left
        })
        .collect();
    // By Cauchy and Schwarz it is not negative, unless the sums are not those of any numbers.
    if carry || squares.is_negative() {
        return 0.0;
    }
    let (mantissa, exponent) = rounded(&difference, -2148);
    scaled(mantissa / count as f64, exponent)
}

/// A float as an integer times a power of two.
fn parts(value: f64) -> (u64, i32) {
    let bits = value.to_bits();
    let (exponent, mantissa) = ((bits >> 52) & 0x7ff, bits & ((1 << 52) - 1));
    match exponent {
        0 => (mantissa, -1074),
        _ => (mantissa | 1 << 52, exponent as i32 - 1075),
    }
}

/// The nearest float of 53 bits to a long integer times `2^base`, as a float and the exponent that it is to be scaled by.
fn rounded(limbs: &[u64], base: i32) -> (f64, i32) {
    let Some(top) = limbs.iter().rposition(|limb| *limb != 0) else { return (0.0, 0) };
    let at = |back: usize| top.checked_sub(back).and_then(|place| limbs.get(place)).copied().unwrap_or(0);
    let shift = at(0).leading_zeros();
    let pair = (u128::from(at(0)) << 64 | u128::from(at(1))) << shift;
    let is_more = pair as u64 != 0 || limbs.iter().take(top.saturating_sub(1)).any(|limb| *limb != 0);
    // A last bit that is set for all that follows decides ties as the whole number would.
    let leading = (pair >> 64) as u64 | u64::from(is_more);
    (leading as f64, base + 64 * top as i32 - shift as i32)
}

/// `value` times `2^exponent`, without overflow or underflow on the way.
fn scaled(value: f64, exponent: i32) -> f64 {
    let (mut value, mut left) = (value, exponent);
    while left != 0 {
        let step = left.clamp(-1000, 1000);
        value *= 2_f64.powi(step);
        left -= step;
    }
    value
}

fn times(limbs: &[u64], factor: u64) -> Vec<u64> {
    let mut carry = 0_u128;
    let mut product: Vec<u64> = limbs
        .iter()
        .map(|limb| {
            carry += u128::from(*limb) * u128::from(factor);
            let low = carry as u64;
            carry >>= 64;
            low
        })
        .collect();
    product.push(carry as u64);
    product
}

fn squared(limbs: &[u64]) -> Vec<u64> {
    let mut product = vec![0_u64; 2 * limbs.len()];
    for (place, factor) in limbs.iter().enumerate().filter(|(_, factor)| **factor != 0) {
        let mut carry = 0_u128;
        let others = limbs.iter().copied().chain(iter::repeat(0));
        for (into, other) in product.iter_mut().skip(place).zip(others) {
            carry += u128::from(*into) + u128::from(*factor) * u128::from(other);
            *into = carry as u64;
            carry >>= 64;
        }
    }
    product
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::profile::vector::slices;

    fn sums(values: &[f64]) -> (Sum, SumOfSquares) {
        let (mut sum, mut squares) = (Sum::default(), SumOfSquares::default());
        for value in values {
            sum.add(*value);
            squares.add_square_times(*value, 1);
        }
        (sum, squares)
    }

    #[test]
    fn integers_are_told_from_others() {
        for value in [0.0, 1.0, -1.0, 9e18, -9_223_372_036_854_775_808.0, 1.5e38, -1.5e38] {
            assert_eq!(sums(&[value]).0.to_integer(), Some(value as i128), "{value}");
        }
        for value in [0.5, -1.25, 5e-324, 2e38, 1e300, -f64::MAX] {
            assert_eq!(sums(&[value]).0.to_integer(), None, "{value}");
        }
    }

    #[test]
    fn nothing_cancels() {
        let (sum, squares) = sums(&[1e300, 1.0, -1e300, 1e-300, f64::MAX, f64::MAX, -f64::MAX]);
        assert_eq!(mean(&sum, 1), f64::MAX);
        assert_eq!(squares, sums(&[f64::MAX, 1e300, -f64::MAX, 1.0, f64::MAX, 1e300, 1e-300]).1);
        let values = [1e9 + 4.0, 1e9 + 7.0, 1e9 + 13.0, 1e9 + 16.0];
        let (sum, squares) = sums(&values);
        assert_eq!((mean(&sum, 4), squared_deviations(&sum, &squares, 4)), (1e9 + 10.0, 90.0));
        let (sum, squares) = sums(&[f64::MAX, -f64::MAX]);
        assert_eq!((mean(&sum, 2), squared_deviations(&sum, &squares, 2)), (0.0, f64::INFINITY));
        let (sum, squares) = sums(&[5e-324; 3]);
        assert_eq!((mean(&sum, 3), squared_deviations(&sum, &squares, 3)), (5e-324, 0.0));
        assert_eq!(mean(&sums(&[-3.0, 1.0]).0, 2), -1.0);
    }

    fn values() -> impl Strategy<Value = Vec<f64>> {
        let any = any::<f64>().prop_filter("finite", |value| value.is_finite());
        prop::collection::vec(prop_oneof![any, -1e3..1e3, Just(0.1), Just(-0.0)], 0..60)
    }

    proptest! {
        #[test]
        fn no_order_and_no_grouping_matters(values in values(), cut in 0_usize..60) {
            let whole = sums(&values);
            let (left, right) = values.split_at(cut.min(values.len()));
            let (mut first, other) = (sums(right), sums(left));
            first.0.merge(&other.0);
            first.1.merge(&other.1);
            prop_assert_eq!(&first, &whole);
            let mut writer = Writer::default();
            whole.0.write(&mut writer);
            whole.1.write(&mut writer);
            let bytes = writer.into_bytes();
            let mut reader = Reader::new(&bytes);
            prop_assert_eq!(&(Sum::read(&mut reader).unwrap(), SumOfSquares::read(&mut reader).unwrap()), &whole);
            prop_assert_eq!(Sum::from_words(0, &whole.0.limbs), Some(whole.0.clone()));
            prop_assert_eq!(Sum::from_words(1, &whole.0.limbs), None);
            prop_assert_eq!(whole.0.value(), mean(&whole.0, 1));
        }

        #[test]
        fn blocks_are_added_exactly(values in prop::collection::vec(-1e3..1e3_f64, 1..200), scale in -120_i32..120) {
            let values: Vec<f64> = values.iter().map(|value| value * 2_f64.powi(scale)).collect();
            let largest = values.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
            prop_assume!(largest > 0.0);
            let slices = slices(&values, super::super::moments::exponent_above(largest));
            let (mut sum, mut squares) = (Sum::default(), SumOfSquares::default());
            slices.sum.iter().for_each(|part| sum.add(*part));
            slices.squares.iter().for_each(|part| squares.add(*part));
            prop_assert!(!slices.is_exact || (sum, squares) == sums(&values));
        }
    }
}
