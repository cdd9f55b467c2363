//! Bytes with the digest that belongs to them, which no change of theirs guesses.

use mlcore::artifact::Digest;

const DIGEST: usize = 32;

/// The bytes, of which the last are taken for a digest, with that of the others.
pub(crate) fn sealed(bytes: &[u8]) -> Vec<u8> {
    let mut sealed = bytes[..bytes.len().saturating_sub(DIGEST)].to_vec();
    let digest = Digest::of(&sealed);
    sealed.extend_from_slice(digest.as_bytes());
    sealed
}
