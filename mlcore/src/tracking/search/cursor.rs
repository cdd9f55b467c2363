use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::Order;
use crate::error::{Error, Result};

/// Where a page begins: the columns of the row before it, and which search they belong to. Opaque text.
///
/// It is not secret and gives no rights; a made-up one begins a page elsewhere at most.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct PageToken(String);

impl PageToken {
    /// The text, of hexadecimal digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The token of a search whose last row had these columns.
    pub(crate) fn new(search: Search, keys: &[SortKey]) -> Self {
        // Enums of text and numbers: writing them cannot fail.
        let keys = serde_json::to_vec(keys).unwrap_or_default();
        let check = check(search, &keys);
        let bytes = check.iter().chain(&search.0).chain(&keys);
        let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
        Self(bytes.flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect())
    }

    /// The columns of the row before the page.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a token of another search, and for one that nobody gave.
    pub(crate) fn keys(&self, search: Search, columns: usize) -> Result<Vec<SortKey>> {
        let forged = || refuse("it is not as it was given");
        let bytes = decode(&self.0).ok_or_else(forged)?;
        let (checked, bytes) = bytes.split_first_chunk::<8>().ok_or_else(forged)?;
        let (of, keys) = bytes.split_first_chunk::<8>().ok_or_else(forged)?;
        if *checked != check(Search(*of), keys) {
            return Err(forged());
        }
        if *of != search.0 {
            return Err(
                refuse("it belongs to another search").remedy("repeat the search that gave it, unchanged")
            );
        }
        let keys: Vec<SortKey> = serde_json::from_slice(keys).map_err(|_| forged())?;
        if keys.len() == columns { Ok(keys) } else { Err(forged()) }
    }
}

impl FromStr for PageToken {
    type Err = Error;

    /// Takes a token as it was told. Whether it fits is seen when it is used.
    fn from_str(text: &str) -> Result<Self> {
        if text.is_empty()
            || text.len() > MOST_TOKEN_BYTES
            || !text.bytes().all(|byte| byte.is_ascii_hexdigit())
        {
            return Err(refuse("it is not as it was given"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for PageToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn refuse(problem: &str) -> Error {
    Error::invalid_input("search", "page token", problem)
}

fn decode(text: &str) -> Option<Vec<u8>> {
    let digit = |digit: &u8| char::from(*digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    pairs.iter().map(|[high, low]| Some(digit(high)? << 4 | digit(low)?)).collect()
}

fn check(search: Search, keys: &[u8]) -> [u8; 8] {
    first_bytes(Sha256::new().chain_update(search.0).chain_update(keys))
}

fn first_bytes(hash: Sha256) -> [u8; 8] {
    hash.finalize().first_chunk::<8>().copied().unwrap_or_default()
}

/// Twenty columns of a parameter's longest text, in JSON, in hexadecimal digits.
const MOST_TOKEN_BYTES: usize = 4 << 20;

/// Which search it is: the digest of what decides over rows and their order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Search([u8; 8]);

impl Search {
    pub(crate) fn of<'a>(parts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        Self(first_bytes(hash))
    }
}

/// What a row is ordered by in one column.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum SortKey {
    /// A number that is not NaN; infinities are numbers.
    Number(#[serde(with = "bits")] f64),
    /// A text, ordered by its bytes.
    Text(String),
    /// NaN, which comes after all numbers.
    NotANumber,
    /// Nothing, which comes last.
    Missing,
}

impl SortKey {
    /// The order of two rows in a column: NaN and nothing come last in both directions.
    #[must_use]
    pub fn compare(&self, other: &Self, descending: bool) -> Ordering {
        let directed = |order: Ordering| if descending { order.reverse() } else { order };
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => directed(a.partial_cmp(b).unwrap_or(Ordering::Equal)),
            (Self::Text(a), Self::Text(b)) => directed(a.cmp(b)),
            _ => self.rank().cmp(&other.rank()),
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Number(_) => 0,
            Self::Text(_) => 1,
            Self::NotANumber => 2,
            Self::Missing => 3,
        }
    }
}

/// The order of two rows by all columns.
pub(super) fn compare(orders: &[Order], a: &[SortKey], b: &[SortKey]) -> Ordering {
    let columns = orders.iter().zip(a.iter().zip(b));
    columns
        .map(|(order, (a, b))| a.compare(b, order.descending))
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

/// JSON has no infinities.
mod bits {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(number: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(number.to_bits())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        u64::deserialize(deserializer).map(f64::from_bits)
    }
}
