use std::fmt;
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

    /// The id number `sequence` of the endpoint that was started with `seed`.
    pub(crate) fn generated(seed: u64, sequence: u64) -> Self {
        Self((u128::from(seed) << 64) | u128::from(sequence))
    }

    /// The id as 128 bits.
    #[must_use]
    pub fn to_u128(self) -> u128 {
        self.0
    }
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
    use super::*;

    #[test]
    fn outcome_ids_round_trip_and_follow_the_request() {
        let id = OutcomeId::generated(7, 42);
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
