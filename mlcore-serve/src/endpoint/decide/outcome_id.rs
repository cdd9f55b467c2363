use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::str::FromStr;

use mlcore::name::RequestId;
use mlcore::{Error, Result};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use xxhash_rust::xxh3::xxh3_128;

/// Joins a prediction with what came of it: 32 hexadecimal digits.
///
/// Derived from the caller's request id where there is one, so that either name reaches the same prediction.
///
/// ```
/// use mlcore_serve::endpoint::OutcomeId;
///
/// let id = OutcomeId::of(&"order-17".parse()?);
/// assert_eq!(id.to_string().parse::<OutcomeId>()?, id);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OutcomeId(u128);

impl OutcomeId {
    /// The id under which the outcome of the caller's request `id` is joined.
    #[must_use]
    pub fn of(id: &RequestId) -> Self {
        Self(xxh3_128(id.as_str().as_bytes()))
    }

    /// The id whose halves are these.
    pub(crate) fn of_halves(upper: u64, lower: u64) -> Self {
        Self((u128::from(upper) << 64) | u128::from(lower))
    }

    /// The id as 128 bits.
    #[must_use]
    pub fn to_u128(self) -> u128 {
        self.0
    }
}

/// Makes the ids of requests that bring none: a keyed hash of a counter.
///
/// Who sees any number of ids can tell neither the next nor the last one, and so cannot report an outcome for a request of
/// somebody else's. Among 2^40 requests two ids meet with a probability of 2^-49.
///
/// # Source
/// J.-P. Aumasson and D. J. Bernstein, "SipHash: a fast short-input PRF" (2012): SipHash-2-4 with 128 bits of output.
#[derive(Clone, Copy)]
pub(crate) struct OutcomeIds {
    key: [u64; 2],
}

impl OutcomeIds {
    /// Under a key of the operating system's randomness: ids of two processes do not meet.
    pub(crate) fn random() -> Self {
        // The standard library's only public randomness: hashers with keys of their own.
        Self { key: [0, 1].map(|half: u64| RandomState::new().hash_one(half)) }
    }

    /// Under a key that follows from `seed`.
    pub(crate) fn seeded(seed: u64) -> Self {
        Self { key: [seed, !seed] }
    }

    /// The id number `sequence`.
    pub(crate) fn id(self, sequence: u64) -> OutcomeId {
        let [k0, k1] = self.key;
        let mut v = [
            k0 ^ 0x736f_6d65_7073_6575,
            k1 ^ 0x646f_7261_6e64_6f6d ^ 0xee,
            k0 ^ 0x6c79_6765_6e65_7261,
            k1 ^ 0x7465_6462_7974_6573,
        ];
        // The message is the counter, and the last block says that it has eight bytes.
        for block in [sequence, 8 << 56] {
            v[3] ^= block;
            (0..2).for_each(|_| round(&mut v));
            v[0] ^= block;
        }
        v[2] ^= 0xee;
        (0..4).for_each(|_| round(&mut v));
        let lower = v[0] ^ v[1] ^ v[2] ^ v[3];
        v[1] ^= 0xdd;
        (0..4).for_each(|_| round(&mut v));
        OutcomeId::of_halves(v[0] ^ v[1] ^ v[2] ^ v[3], lower)
    }
}

/// The key is nobody's business.
impl fmt::Debug for OutcomeIds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutcomeIds").finish_non_exhaustive()
    }
}

/// One round of SipHash.
fn round(v: &mut [u64; 4]) {
    let [mut v0, mut v1, mut v2, mut v3] = *v;
    v0 = v0.wrapping_add(v1);
    v1 = v1.rotate_left(13) ^ v0;
    v0 = v0.rotate_left(32);
    v2 = v2.wrapping_add(v3);
    v3 = v3.rotate_left(16) ^ v2;
    v0 = v0.wrapping_add(v3);
    v3 = v3.rotate_left(21) ^ v0;
    v2 = v2.wrapping_add(v1);
    v1 = v1.rotate_left(17) ^ v2;
    v2 = v2.rotate_left(32);
    *v = [v0, v1, v2, v3];
}

impl fmt::Display for OutcomeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for OutcomeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OutcomeId({self})")
    }
}

impl FromStr for OutcomeId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let hexadecimal = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        hexadecimal.then(|| u128::from_str_radix(text, 16).ok()).flatten().map(Self).ok_or_else(|| {
            Error::invalid_input("parse outcome id", "text", "an outcome id is 32 hexadecimal digits")
                .remedy("take it from the prediction, or make it of the request id that the caller gave")
        })
    }
}

impl Serialize for OutcomeId {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for OutcomeId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_are_siphash_of_the_counter() {
        // The reference's own vector: the key 00 01 .. 0f and the message 00 01 .. 07.
        let ids = OutcomeIds { key: [0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908] };
        let bytes = ids.id(0x0706_0504_0302_0100).to_u128().to_le_bytes();
        assert_eq!(
            bytes,
            [0x3b, 0x62, 0xa9, 0xba, 0x62, 0x58, 0xf5, 0x61, 0x0f, 0x83, 0xe2, 0x64, 0xf3, 0x14, 0x97, 0xb4]
        );
    }

    #[test]
    fn neighbours_share_nothing() {
        let (ids, others) = (OutcomeIds::random(), OutcomeIds::random());
        let made: Vec<u128> = (0..10_000).map(|number| ids.id(number).to_u128()).collect();
        let known: HashSet<u128> = made.iter().copied().collect();
        assert_eq!(known.len(), made.len());
        let mut flipped = 0;
        for pair in made.windows(2) {
            flipped += (pair[0] ^ pair[1]).count_ones();
            for step in 1..=64 {
                assert!(!known.contains(&pair[0].wrapping_sub(step)) && !known.contains(&(pair[0] + step)));
            }
        }
        let mean = f64::from(flipped) / 9_999.0;
        assert!((mean - 64.0).abs() < 0.5, "{mean} of 128 bits differ");
        assert!((0..10_000).all(|number| !known.contains(&others.id(number).to_u128())));
        // A replay has the same ids.
        assert_eq!(OutcomeIds::seeded(7).id(3), OutcomeIds::seeded(7).id(3));
        assert_ne!(OutcomeIds::seeded(7).id(3), OutcomeIds::seeded(8).id(3));
    }

    #[test]
    fn outcome_ids_round_trip_and_follow_the_request() {
        let id = OutcomeId::of_halves(7, 42);
        assert_eq!(id.to_string().parse::<OutcomeId>().unwrap(), id);
        let written = serde_json::to_string(&id).unwrap();
        assert_eq!(written, "\"0000000000000007000000000000002a\"");
        assert_eq!(serde_json::from_str::<OutcomeId>(&written).unwrap(), id);
        let request = RequestId::new("order-17").unwrap();
        assert_eq!(OutcomeId::of(&request), OutcomeId::of(&request.clone()));
        for bad in ["", "12", "+0000000000000000000000000000001", &"g".repeat(32)] {
            assert!(bad.parse::<OutcomeId>().is_err(), "{bad}");
        }
    }
}
