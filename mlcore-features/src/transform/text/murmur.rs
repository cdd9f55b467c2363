/// MurmurHash3 of 32 bits with the seed 0, as the signed number that scikit-learn makes of it.
///
/// Source: Austin Appleby, `MurmurHash3_x86_32`, <https://github.com/aappleby/smhasher>.
pub(super) fn murmur3(bytes: &[u8]) -> i32 {
    const FIRST: u32 = 0xcc9e_2d51;
    const SECOND: u32 = 0x1b87_3593;
    let mixed = |block: u32| block.wrapping_mul(FIRST).rotate_left(15).wrapping_mul(SECOND);
    let mut hash = 0_u32;
    let (blocks, rest) = bytes.as_chunks::<4>();
    for block in blocks {
        hash = (hash ^ mixed(u32::from_le_bytes(*block))).rotate_left(13);
        hash = hash.wrapping_mul(5).wrapping_add(0xe654_6b64);
    }
    let tail = rest.iter().rev().fold(0_u32, |tail, byte| tail << 8 | u32::from(*byte));
    hash ^= mixed(tail);
    // Only the low 32 bits of the length count.
    hash ^= bytes.len() as u32;
    hash = (hash ^ hash >> 16).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ hash >> 13).wrapping_mul(0xc2b2_ae35);
    (hash ^ hash >> 16) as i32
}

/// Which of `width` features a text falls to, and with which sign.
pub(super) fn bucket(text: &str, width: u32, alternate_sign: bool) -> (u32, f64) {
    let hash = murmur3(text.as_bytes());
    let sign = if alternate_sign && hash < 0 { -1.0 } else { 1.0 };
    (hash.unsigned_abs().checked_rem(width).unwrap_or(0), sign)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_the_reference() {
        // `sklearn.utils.murmurhash3_32(text, 0)`.
        for (text, expected) in [
            ("", 0),
            ("foo", -156_908_512),
            ("a", 1_009_084_850),
            ("ab", -1_681_926_305),
            ("abcd", 1_139_631_978),
            ("Zürich", 694_770_001),
        ] {
            assert_eq!(murmur3(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn a_bucket_is_below_the_width() {
        for text in ["", "foo", "a", "Zürich"] {
            assert!(bucket(text, 7, true).0 < 7);
            assert_eq!(bucket(text, 7, false).1, 1.0);
        }
        assert_eq!(bucket("foo", 1000, true), (512, -1.0));
    }
}
