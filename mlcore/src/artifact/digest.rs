use std::fmt;
use std::io::{self, Read};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::error::{Error, Result};
use crate::interrupt;

/// The SHA-256 of some bytes: what content is called by. As text and in JSON `sha256:` and 64 hexadecimal digits.
///
/// ```
/// use mlcore::artifact::Digest;
///
/// let digest = Digest::of(b"abc");
/// assert_eq!(
///     digest.to_string(),
///     "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
/// );
/// assert_eq!(digest.to_string().parse::<Digest>()?, digest);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest([u8; 32]);

impl Digest {
    /// 32 zero bytes: what the first entry of a hash chain names as its predecessor, and the default.
    pub const ZERO: Self = Self([0; 32]);

    /// The digest of `bytes`.
    #[must_use]
    pub fn of(bytes: impl AsRef<[u8]>) -> Self {
        Self(Sha256::digest(bytes.as_ref()).into())
    }

    /// The digest whose 32 bytes are known already.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The 64 hexadecimal digits, without the prefix.
    #[must_use]
    pub fn to_hex(&self) -> String {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble & 15)]);
        self.0.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", self.to_hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = Error;

    /// Parses 64 hexadecimal digits of either case, with or without `sha256:` before them.
    fn from_str(text: &str) -> Result<Self> {
        let digits = text.strip_prefix(PREFIX).unwrap_or(text).as_bytes();
        let mut bytes = [0; 32];
        let mut valid = digits.len() == 2 * bytes.len();
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let nibble =
                |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
            match (nibble(pair[0]), nibble(pair[1])) {
                (Some(high), Some(low)) => *byte = high << 4 | low,
                _ => valid = false,
            }
        }
        if valid {
            return Ok(Self(bytes));
        }
        // The text is not repeated: it may be anything, of any length.
        Err(Error::invalid_input("parse digest", "", "expected sha256: and 64 hexadecimal digits"))
    }
}

impl TryFrom<String> for Digest {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

const PREFIX: &str = "sha256:";

/// Hashes what passes through: what [`ArtifactStore::put`](super::ArtifactStore::put) reads its content by.
///
/// ```
/// use std::io::Read;
///
/// use mlcore::artifact::{Digest, HashingReader};
///
/// let mut reader = HashingReader::new(&b"a model"[..]);
/// std::io::copy(&mut reader, &mut std::io::sink()).unwrap();
/// assert_eq!((reader.count(), reader.digest()), (7, Digest::of(b"a model")));
/// ```
#[derive(Debug)]
pub struct HashingReader<R> {
    inner: R,
    hasher: Sha256,
    count: u64,
}

impl<R: Read> HashingReader<R> {
    /// Hashes what `inner` gives.
    pub fn new(inner: R) -> Self {
        Self { inner, hasher: Sha256::new(), count: 0 }
    }

    /// How many bytes have passed.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The digest of what has passed.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest(self.hasher.clone().finalize().into())
    }
}

impl<R: Read> Read for HashingReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // Not the kind of the system, after which readers try again.
        interrupt::check("read content").map_err(io::Error::other)?;
        // No more at once than is hashed in a millisecond or two.
        let most = buffer.len().min(LARGEST_READ);
        let buffer = buffer.get_mut(..most).unwrap_or_default();
        let count = self.inner.read(buffer)?;
        self.hasher.update(buffer.get(..count).unwrap_or_default());
        self.count += count as u64;
        Ok(count)
    }
}

const LARGEST_READ: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_json_round_trip_and_bad_text_is_refused() {
        let digest = Digest::of(b"model");
        assert_eq!(digest.to_hex().to_uppercase().parse::<Digest>().unwrap(), digest);
        let json = serde_json::to_string(&digest).unwrap();
        assert!(json.starts_with("\"sha256:"));
        assert_eq!(serde_json::from_str::<Digest>(&json).unwrap(), digest);
        let hex = digest.to_hex();
        for bad in
            ["", "sha256:", &hex[1..], &format!("{hex}0"), &format!("g{}", &hex[1..]), "sha512:00", "é"]
        {
            assert!(matches!(bad.parse::<Digest>(), Err(Error::InvalidInput(_))), "{bad}");
        }
    }
}
