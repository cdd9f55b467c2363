//! Numbers as whole numbers of the same order: one zero, and one NaN that is greater than all others.

/// The greatest number that is not NaN: infinity.
pub(super) const INFINITY: i64 = f64::INFINITY.to_bits().cast_signed();

pub(super) fn of(value: f64) -> i64 {
    if value.is_nan() {
        return of_bits(f64::NAN.to_bits() & (i64::MAX.cast_unsigned()));
    }
    // One zero.
    of_bits((value + 0.0).to_bits())
}

/// The bits of a negative number but its sign run against its order.
fn of_bits(bits: u64) -> i64 {
    let bits = bits.cast_signed();
    if bits < 0 { bits ^ i64::MAX } else { bits }
}

pub(super) fn value(bits: i64) -> f64 {
    let bits = if bits < 0 { bits ^ i64::MAX } else { bits };
    f64::from_bits(bits.cast_unsigned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_kept() {
        let numbers = [
            f64::NEG_INFINITY,
            f64::MIN,
            -1.0,
            -f64::MIN_POSITIVE,
            0.0,
            5e-324,
            1.0,
            f64::MAX,
            f64::INFINITY,
            f64::NAN,
        ];
        assert!(numbers.windows(2).all(|pair| of(pair[0]) < of(pair[1])));
        assert!(numbers.iter().all(|number| number.is_nan() || value(of(*number)) == *number));
        assert!(value(of(-f64::NAN)).is_nan() && of(-0.0) == of(0.0) && of(f64::INFINITY) == INFINITY);
    }
}
