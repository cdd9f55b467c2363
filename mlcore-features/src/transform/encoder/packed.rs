//! Many floats as one text: their bytes in base64, which is half as long as their digits and is read many times faster.

use std::sync::Arc;

/// The text of these floats, `f4:` or `f8:` and the base64 of their bytes, the lowest first: four bytes each where every
/// float is one of single precision, else eight.
pub(super) fn pack(numbers: &[f64]) -> String {
    let is_single = |number: &f64| number.is_nan() || f64::from(*number as f32) == *number;
    if numbers.iter().all(is_single) {
        let singles: Vec<[u8; 4]> = numbers.iter().map(|number| (*number as f32).to_le_bytes()).collect();
        return format!("f4:{}", encode(singles.as_flattened()));
    }
    let doubles: Vec<[u8; 8]> = numbers.iter().map(|number| number.to_le_bytes()).collect();
    format!("f8:{}", encode(doubles.as_flattened()))
}

/// The floats of such a text; none where it is another text.
pub(super) fn unpack(text: &str) -> Option<Arc<[f64]>> {
    let (size, text) = text.split_once(':')?;
    let bytes = decode(text.as_bytes())?;
    match size {
        "f4" => {
            let (singles, []) = bytes.as_chunks::<4>() else { return None };
            Some(singles.iter().map(|bytes| f32::from_le_bytes(*bytes).into()).collect())
        }
        "f8" => {
            let (doubles, []) = bytes.as_chunks::<8>() else { return None };
            Some(doubles.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect())
        }
        _ => None,
    }
}

/// The alphabet of RFC 4648.
const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn encode(bytes: &[u8]) -> String {
    let mut text = Vec::with_capacity(bytes.len().div_ceil(3) * 4);
    let digit = |word: u32, shift: u32| DIGITS[(word >> shift & 63) as usize];
    let (threes, rest) = bytes.as_chunks::<3>();
    for [first, second, third] in threes {
        let word = u32::from_be_bytes([0, *first, *second, *third]);
        text.extend_from_slice(&[digit(word, 18), digit(word, 12), digit(word, 6), digit(word, 0)]);
    }
    match rest {
        [first] => {
            let word = u32::from_be_bytes([0, *first, 0, 0]);
            text.extend_from_slice(&[digit(word, 18), digit(word, 12), b'=', b'=']);
        }
        [first, second] => {
            let word = u32::from_be_bytes([0, *first, *second, 0]);
            text.extend_from_slice(&[digit(word, 18), digit(word, 12), digit(word, 6), b'=']);
        }
        _ => {}
    }
    // Digits are letters of ASCII.
    String::from_utf8(text).unwrap_or_default()
}

/// The value of each digit; 64 of what is none.
const VALUES: [u8; 256] = {
    let mut values = [64; 256];
    let mut place = 0;
    while place < 64 {
        values[DIGITS[place] as usize] = place as u8;
        place += 1;
    }
    values
};

fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let (fours, []) = text.as_chunks::<4>() else { return None };
    let mut bytes = Vec::with_capacity(fours.len() * 3);
    for (position, four) in fours.iter().enumerate() {
        let [first, second, third, fourth] = four.map(|sign| VALUES[usize::from(sign)]);
        if first | second | third | fourth < 64 {
            let word =
                [first, second, third, fourth].iter().fold(0, |word, value| word << 6 | u32::from(*value));
            let [_, first, second, third] = word.to_be_bytes();
            bytes.extend_from_slice(&[first, second, third]);
            continue;
        }
        let padding = four.iter().rev().take_while(|sign| **sign == b'=').count();
        if padding > 2 || (padding > 0 && position + 1 < fours.len()) {
            return None;
        }
        let mut word = 0_u32;
        for sign in four.iter().take(4 - padding) {
            let value = Some(VALUES[usize::from(*sign)]).filter(|value| *value < 64)?;
            word = word << 6 | u32::from(value);
        }
        word <<= 6 * padding;
        let [_, first, second, third] = word.to_be_bytes();
        let three = [first, second, third];
        let (own, rest) = three.split_at(3 - padding);
        // One text for each list of bytes.
        if rest.iter().any(|byte| *byte != 0) {
            return None;
        }
        bytes.extend_from_slice(own);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn base64_is_that_of_the_standard() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
        ] {
            assert_eq!(encode(bytes.as_bytes()), text);
            assert_eq!(decode(text.as_bytes()).as_deref(), Some(bytes.as_bytes()));
        }
        for wrong in ["Zg", "Zg=", "Z===", "====", "Zg==Zg==", "Zm9*", "Zh==", "Zm9="] {
            assert_eq!(decode(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn single_precision_is_packed_as_such() {
        assert_eq!(pack(&[1.0, -0.5]), "f4:AACAPwAAAL8=");
        assert!(pack(&[0.1]).starts_with("f8:"));
        for wrong in ["", "f4", "f4:Zg==", "f8:AACAPw==", "f2:AACAPw==", "f4:AACAP"] {
            assert_eq!(unpack(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn what_is_packed_is_unpacked(
            numbers in prop::collection::vec(prop_oneof![any::<f64>(), any::<f32>().prop_map(f64::from)], 0..40),
        ) {
            let unpacked = unpack(&pack(&numbers)).unwrap();
            prop_assert_eq!(unpacked.len(), numbers.len());
            for (own, number) in unpacked.iter().zip(&numbers) {
                prop_assert!(own == number || own.is_nan() && number.is_nan());
            }
        }
    }
}
