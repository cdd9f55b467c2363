//! HMAC-SHA256 (RFC 2104).

use crate::artifact::Digest;

const BLOCK_BYTES: usize = 64;

/// The code of `message` by `key`.
pub(super) fn sha256(key: &[u8], message: &[u8]) -> Digest {
    let mut block = [0; BLOCK_BYTES];
    let hashed = Digest::of(key);
    let key = if key.len() > BLOCK_BYTES { hashed.as_bytes().as_slice() } else { key };
    for (byte, key) in block.iter_mut().zip(key) {
        *byte = *key;
    }
    let inner = Digest::of([block.map(|byte| byte ^ 0x36).as_slice(), message].concat());
    Digest::of([block.map(|byte| byte ^ 0x5c).as_slice(), inner.as_bytes()].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231, cases 1, 2 and 6.
    #[test]
    fn the_codes_are_those_of_the_standard() {
        let code = |key: &[u8], message: &[u8]| sha256(key, message).to_hex();
        assert_eq!(
            code(&[0x0b; 20], b"Hi There"),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        );
        assert_eq!(
            code(b"Jefe", b"what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        assert_eq!(
            code(&[0xaa; 131], b"Test Using Larger Than Block-Size Key - Hash Key First"),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        );
    }
}
