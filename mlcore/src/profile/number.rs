//! One number as a profile keeps it: a float and what it lacks of a larger integer, in an order.

use super::vector::key_of;

/// A number without loss, floats and all integers of 64 bits: equal numbers are equal whatever type they came in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Number {
    /// Orders the nearest float.
    pub(super) key: u64,
    /// What the float lacks of an integer past 2^53.
    pub(super) remainder: i32,
}

impl Number {
    /// The largest remainder: half the distance of two floats below 2^64.
    pub(super) const MOST_REMAINDER: i32 = 1024;

    #[inline(always)]
    pub(super) fn of_float(value: f64) -> Self {
        Self { key: key_of(value), remainder: 0 }
    }

    #[inline]
    pub(super) fn of_integer(value: i128) -> Self {
        let float = value as f64;
        Self { key: key_of(float), remainder: (value - float as i128) as i32 }
    }

    /// As [`of_integer`](Self::of_integer), without arithmetic of 128 bits.
    #[inline]
    pub(super) fn of_i64(value: i64) -> Self {
        let float = value as f64;
        // The float next to the largest integer is no integer of 64 bits.
        if float >= 9_223_372_036_854_775_808.0 {
            return Self::of_integer(i128::from(value));
        }
        Self { key: key_of(float), remainder: value.wrapping_sub(float as i64) as i32 }
    }

    /// The nearest float.
    #[inline]
    pub(super) fn float(self) -> f64 {
        float_of(self.key)
    }

    /// The integer, where it is one.
    pub(super) fn integer(self) -> Option<i128> {
        let float = self.float();
        let is_whole = float.fract() == 0.0 && float.abs() < 1e30;
        is_whole.then_some(float as i128 + i128::from(self.remainder))
    }

    /// Whether it may stand in a profile: no NaN, and a remainder only beside a float that needs one.
    pub(super) fn is_valid(self) -> bool {
        let float = self.float();
        let needs = float.abs() >= 9_007_199_254_740_992.0 && float.abs() <= 18_446_744_073_709_551_616.0;
        !float.is_nan()
            && key_of(float) == self.key
            && (self.remainder == 0 || (needs && self.remainder.abs() <= Self::MOST_REMAINDER))
    }

    /// 64 bits in which equal numbers agree, and others are mixed as if by chance.
    #[inline(always)]
    pub(super) fn hash(self) -> u64 {
        hash_of(self.key.wrapping_add((self.remainder as u64).wrapping_mul(0xa076_1d64_78bd_642f)))
    }
}

/// As [`Number::hash`], of a number without a remainder. One multiplication is not enough: numbers such as multiples of 1,024 have
/// long runs of zeros, of which it leaves patterns that put the count of distinct ones a tenth off.
#[inline(always)]
pub(super) fn hash_of(key: u64) -> u64 {
    const FACTOR: u64 = 0xd6e8_feb8_6659_fd93;
    let mixed = (key ^ (key >> 32)).wrapping_mul(FACTOR);
    let mixed = (mixed ^ (mixed >> 32)).wrapping_mul(FACTOR);
    mixed ^ (mixed >> 32)
}

/// The float of a key.
#[inline]
pub(super) fn float_of(key: u64) -> f64 {
    f64::from_bits(if key >> 63 == 1 { key ^ (1 << 63) } else { !key })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_keep_every_digit_and_their_order() {
        let edge = 1_i128 << 53;
        let values = [i128::from(i64::MIN), -edge - 1, -edge, -1, 0, edge, edge + 1, edge + 2, edge + 3];
        let values = values.into_iter().chain([i128::from(i64::MAX), i128::from(u64::MAX)]);
        let numbers: Vec<Number> = values.clone().map(Number::of_integer).collect();
        assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]));
        for (value, number) in values.zip(numbers) {
            assert!(number.integer() == Some(value) && number.is_valid(), "{value}");
            assert!(i64::try_from(value).is_err() || Number::of_i64(value as i64) == number);
        }
        assert_eq!(Number::of_integer(7), Number::of_float(7.0));
        assert!(!Number::of_float(f64::NAN).is_valid());
        assert!(!Number { key: key_of(1.0), remainder: 1 }.is_valid());
    }
}
