//! `numeric` as decimals of a fixed number of digits.

use mlcore::arrow::datatypes::i256;

/// How many digits a decimal has, and how many of them behind its point.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Digits {
    pub(super) precision: u8,
    pub(super) scale: i8,
}

/// What a value has that it should not have, and what to do.
type Fault = (String, &'static str);

impl Digits {
    /// Those of `numeric(p, s)`, as the modifier of a column tells them; `None` where it tells none, or more than Arrow has.
    pub(super) fn of(modifier: i32) -> Option<Self> {
        /// What lies before every modifier of a type: the length of a header.
        const HEADER: i32 = 4;
        let packed = modifier.checked_sub(HEADER).filter(|packed| *packed >= 0)?;
        let precision = u8::try_from((packed >> 16) & 0xffff).ok()?;
        // Eleven bits with a sign.
        let scale = i8::try_from(((packed & 0x7ff) ^ 0x400) - 0x400).ok()?;
        let fits = (1..=76).contains(&precision)
            && (-76..=76).contains(&scale)
            && i16::from(scale) <= i16::from(precision);
        fits.then_some(Self { precision, scale })
    }

    pub(super) fn fits_128(self) -> bool {
        self.precision <= 38
    }
}

pub(super) fn read_128(value: &[u8], digits: Digits) -> Result<i128, Fault> {
    read_256(value, digits)?.to_i128().ok_or_else(beyond)
}

/// A number: how many digits of base 10 000 there are, the power of the first, the sign, how many decimals are shown, and the digits.
pub(super) fn read_256(value: &[u8], digits: Digits) -> Result<i256, Fault> {
    let cut = || ("has a number that is cut off".to_owned(), "check the server and its version");
    let mut words = value.chunks(2).map(|word| word.try_into().map(i16::from_be_bytes).map_err(|_| cut()));
    let mut word = || words.next().unwrap_or_else(|| Err(cut()));
    let (count, first, sign, _shown) = (word()?, word()?, word()?, word()?);
    let is_negative = match sign as u16 {
        0 => false,
        0x4000 => true,
        0xc000 => {
            return Err(("has NaN, which a decimal cannot be".to_owned(), "write NULLIF(column, 'NaN')"));
        }
        _ => {
            return Err((
                "has an infinite number, which a decimal cannot be".to_owned(),
                "leave such rows out",
            ));
        }
    };
    let mut number = i256::ZERO;
    for _ in 0..count {
        let digit = i256::from_i128(i128::from(word()?));
        number = number
            .checked_mul(i256::from_i128(10_000))
            .and_then(|number| number.checked_add(digit))
            .ok_or_else(beyond)?;
    }
    if number == i256::ZERO {
        return Ok(number);
    }
    // The power of ten of the last digit, where one behind the point is one of the scale.
    let power = 4 * (i32::from(first) - i32::from(count) + 1) + i32::from(digits.scale);
    let ten = i256::from_i128(10);
    for _ in 0..power {
        number = number.checked_mul(ten).ok_or_else(beyond)?;
    }
    for _ in power..0 {
        if number.checked_rem(ten) != Some(i256::ZERO) {
            return Err(beyond());
        }
        number = number.checked_div(ten).ok_or_else(beyond)?;
    }
    Ok(if is_negative { number.wrapping_neg() } else { number })
}

fn beyond() -> Fault {
    ("has a number of more digits than its type".to_owned(), "cast it to a numeric of more digits")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A number in the server's format.
    fn packed(first: i16, sign: u16, digits: &[i16]) -> Vec<u8> {
        let head = [digits.len() as i16, first, sign as i16, 0];
        head.iter().chain(digits).flat_map(|word| word.to_be_bytes()).collect()
    }

    #[test]
    fn modifiers_are_digits() {
        let modifier = |precision: i32, scale: i32| ((precision << 16) | (scale & 0x7ff)) + 4;
        for (precision, scale) in [(12, 2), (38, 38), (76, 0), (5, -3)] {
            let digits = Digits::of(modifier(precision, scale)).unwrap();
            assert_eq!((i32::from(digits.precision), i32::from(digits.scale)), (precision, scale));
        }
        for none in [-1, 0, modifier(77, 0), modifier(3, 5), modifier(1000, 500)] {
            assert_eq!(Digits::of(none), None);
        }
    }

    #[test]
    fn numbers_are_exact_at_every_place_of_the_point() {
        let read = |first, sign, of: &[i16], scale| {
            read_128(&packed(first, sign, of), Digits { precision: 38, scale })
        };
        // 12 345.67
        assert_eq!(read(1, 0, &[1, 2345, 6700], 2), Ok(1_234_567));
        assert_eq!(read(1, 0x4000, &[1, 2345, 6700], 4), Ok(-123_456_700));
        // 0.0001, and none of it in two decimals.
        assert_eq!(read(-1, 0, &[1], 4), Ok(1));
        assert!(read(-1, 0, &[1], 2).is_err());
        // 1 230 000 at a scale of -4.
        assert_eq!(read(1, 0, &[123], -4), Ok(123));
        assert_eq!(read(0, 0, &[], 9), Ok(0));
        assert!(read(30_000, 0, &[1], 0).unwrap_err().0.contains("more digits"));
        assert!(read(0, 0xc000, &[], 0).unwrap_err().0.contains("NaN"));
        assert!(read(0, 0xd000, &[], 0).unwrap_err().0.contains("infinite"));
        let cut = packed(0, 0, &[1, 2]);
        for length in 0..cut.len() {
            assert!(read_128(cut.get(..length).unwrap(), Digits { precision: 38, scale: 4 }).is_err());
        }
    }
}
