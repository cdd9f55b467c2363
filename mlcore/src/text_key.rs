//! Texts as machine words, for hash tables of short, often repeated values: categories.

use std::borrow::Cow;

/// The first and the last eight bytes of a text, and its length: together all of a text of up to sixteen bytes, so that
/// two such texts are compared without touching their bytes again.
///
/// Texts of any length have one, made of their two ends, which digests of long texts in stored profiles are made of: it stays as it is. The
/// look-ups of a plan have a key of their own, in which a text lies with zeros behind it, as Arrow's buffers and views hold it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TextKey {
    /// The first eight bytes; a shorter text whole.
    pub head: u64,
    /// The last eight bytes, which overlap the first where there are fewer than sixteen; 0 below eight.
    pub tail: u64,
    /// How many bytes the text has.
    pub length: usize,
}

impl TextKey {
    /// Texts of up to so many bytes are equal where their keys are.
    pub const WHOLE_BYTES: usize = 16;

    /// The key of a text.
    #[inline(always)]
    #[must_use]
    pub fn of(text: &[u8]) -> Self {
        let (head, tail) = match (text.first_chunk::<8>(), text.last_chunk::<8>()) {
            (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
            _ => (short_word(text), 0),
        };
        Self { head, tail, length: text.len() }
    }

    /// The text, where the key is all of it.
    #[must_use]
    pub fn bytes(self) -> Option<Vec<u8>> {
        let (head, tail) = (self.head.to_le_bytes(), self.tail.to_le_bytes());
        match self.length {
            length @ 8..=Self::WHOLE_BYTES => {
                let own = tail.get(Self::WHOLE_BYTES - length..)?;
                Some([&head, own].concat())
            }
            // Four bytes from either end, which overlap.
            length @ 4..8 => {
                let (first, last) = head.split_at(4);
                Some([first, last.get(8 - length..)?].concat())
            }
            length @ 0..4 => head.get(..length).map(<[u8]>::to_vec),
            _ => None,
        }
    }
}

/// Up to seven bytes as one word; distinct texts of equal length differ.
#[inline(always)]
fn short_word(bytes: &[u8]) -> u64 {
    if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        return u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << 32;
    }
    match *bytes {
        [a] => u64::from(a),
        [a, b] => u64::from(a) | u64::from(b) << 8,
        [a, b, c] => u64::from(a) | u64::from(b) << 8 | u64::from(c) << 16,
        _ => 0,
    }
}

/// The two halves of a 128-bit product, folded: the mixing step of wyhash. Each bit of a factor reaches the low bits.
#[inline(always)]
#[must_use]
pub fn fold(left: u64, right: u64) -> u64 {
    let product = u128::from(left) * u128::from(right);
    (product as u64) ^ ((product >> 64) as u64)
}

/// Of longer texts the beginning is kept and a digest of the whole, so that one hostile value cannot fill memory. Whatever counts
/// categories does so alike: a window or a profile is compared with a reference that nothing bounded.
pub const LONGEST_KEPT_BYTES: usize = 256;
/// Three dots and a digest of 64 bits in hexadecimal.
const DIGEST_BYTES: usize = 19;

/// The text, or of a long one the beginning and a digest, which tells it from others that begin alike.
#[inline]
#[must_use]
pub fn kept_part(text: &str) -> Cow<'_, str> {
    if text.len() <= LONGEST_KEPT_BYTES { Cow::Borrowed(text) } else { Cow::Owned(shortened(text)) }
}

#[cold]
fn shortened(text: &str) -> String {
    let digest = text.as_bytes().chunks(16).fold(text.len() as u64, |digest, chunk| {
        let part = TextKey::of(chunk);
        mix(digest ^ part.head, part.tail)
    });
    let start = text.get(..text.floor_char_boundary(LONGEST_KEPT_BYTES - DIGEST_BYTES)).unwrap_or_default();
    format!("{start}...{digest:016x}")
}

/// Mixes two words so that each input bit reaches the low bits.
#[inline]
#[must_use]
pub fn mix(a: u64, b: u64) -> u64 {
    fold(a ^ 0x9E37_79B9_7F4A_7C15, b ^ 0xD1B5_4A32_D192_ED03)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn keys_tell_short_texts_and_no_long_ones() {
        let text = b"0123456789abcdefg";
        for length in 0..=TextKey::WHOLE_BYTES {
            assert_eq!(TextKey::of(&text[..length]).bytes().as_deref(), Some(&text[..length]));
        }
        assert_eq!(TextKey::of(text).bytes(), None);
    }

    #[test]
    fn short_texts_that_differ_anywhere_have_different_keys() {
        let mut seen = HashSet::new();
        for length in 0..=TextKey::WHOLE_BYTES {
            let text = vec![b'a'; length];
            let different = (0..length).flat_map(|place| {
                ["\0", "b", "\u{7f}"].map(|other| {
                    let mut text = text.clone();
                    text[place] = other.as_bytes()[0];
                    text
                })
            });
            for text in different.chain([text.clone()]) {
                assert_eq!(TextKey::of(&text).bytes().as_deref(), Some(&text[..]));
                let TextKey { head, tail, length } = TextKey::of(&text);
                assert!(seen.insert((head, tail, length)), "{text:?}");
            }
        }
    }
}
