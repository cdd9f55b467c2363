use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::error::Result;
use crate::profile::{ColumnKind, ColumnProfile, Ranks};

/// Numbers of which range, mean and quantiles are kept.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Spread(ColumnProfile);

/// Quantiles of some numbers; a rank is off by at most `rank_error`.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Spreads {
    /// How many numbers there are.
    pub count: u64,
    /// Their mean, of a sum without rounding.
    pub mean: f64,
    /// Half of them are not above it.
    pub median: f64,
    /// Nine of ten are not.
    pub p90: f64,
    /// 99 of a hundred are not.
    pub p99: f64,
    /// None is above it.
    pub greatest: f64,
    /// The share of the numbers by which the three quantiles may be off, for certain; 0 of few distinct numbers.
    pub rank_error: f64,
}

impl Default for Spread {
    fn default() -> Self {
        Self(ColumnProfile::of_floats())
    }
}

impl Spread {
    /// Adds finite numbers.
    pub(super) fn add(&mut self, numbers: &[f64]) {
        self.0.add_floats(numbers);
    }

    pub(super) fn merge(&mut self, other: &Self) -> Result<()> {
        self.0.merge(&other.0)
    }

    pub(super) fn count(&self) -> u64 {
        self.0.values()
    }

    pub(super) fn ranks(&self) -> Option<Ranks> {
        self.0.ranks().filter(|ranks| !ranks.is_empty())
    }

    pub(super) fn spreads(&self) -> Option<Spreads> {
        let ranks = self.ranks()?;
        Some(Spreads {
            count: ranks.len(),
            mean: self.0.mean()?,
            median: ranks.quantile(0.5)?,
            p90: ranks.quantile(0.9)?,
            p99: ranks.quantile(0.99)?,
            greatest: ranks.range().1,
            rank_error: ranks.rank_error(),
        })
    }

    /// Whether it could have been added to: for what was read from somewhere.
    fn is_valid(&self) -> bool {
        let Self(profile) = self;
        let is_plain = match profile.kind() {
            ColumnKind::Nothing | ColumnKind::Number => profile.has_no_bins(),
            ColumnKind::Boolean
            | ColumnKind::Date
            | ColumnKind::Time(_)
            | ColumnKind::DateTime(_)
            | ColumnKind::Timestamp(_)
            | ColumnKind::Text
            | ColumnKind::Other(_) => false,
        };
        let infinite = profile.positive_infinities().saturating_add(profile.negative_infinities());
        is_plain && profile.values() == profile.rows() && infinite == 0
    }
}

/// The bytes of the profile, as hexadecimal digits.
impl Serialize for Spread {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble & 15)]);
        let bytes = self.0.to_bytes();
        let text: String = bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect();
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for Spread {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let nibble = |digit: &u8| char::from(*digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
        let byte = |pair: &[u8]| match pair {
            [high, low] => Some(nibble(high)? << 4 | nibble(low)?),
            _ => None,
        };
        let bytes: Option<Vec<u8>> = text.as_bytes().chunks(2).map(byte).collect();
        let bytes =
            bytes.ok_or_else(|| de::Error::custom("a profile is not written in hexadecimal digits"))?;
        let spread = Self(ColumnProfile::from_bytes(&bytes).map_err(de::Error::custom)?);
        if spread.is_valid() {
            Ok(spread)
        } else {
            Err(de::Error::custom("a profile is not one of finite numbers"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_summed_up_and_read_back() {
        let mut spread = Spread::default();
        assert!(spread.spreads().is_none() && spread.count() == 0);
        (0..10_000).for_each(|number| spread.add(&[f64::from(number)]));
        let found = spread.spreads().unwrap();
        assert_eq!((found.count, found.mean, found.greatest), (10_000, 4999.5, 9999.0));
        assert!((found.median - 5000.0).abs() < 40.0 && (found.p99 - 9900.0).abs() < 40.0, "{found:?}");
        let text = serde_json::to_string(&spread).unwrap();
        let mut back: Spread = serde_json::from_str(&text).unwrap();
        assert_eq!(back, spread);
        back.merge(&spread).unwrap();
        assert_eq!(back.count(), 20_000);
    }

    #[test]
    fn what_is_no_such_profile_is_refused() {
        let mut infinite = ColumnProfile::of_floats();
        infinite.add_floats(&[f64::INFINITY]);
        let mut missing = ColumnProfile::of_floats();
        missing.add_floats(&[f64::NAN, 1.0]);
        for profile in [infinite, missing] {
            let text = serde_json::to_string(&Spread(profile)).unwrap();
            assert!(serde_json::from_str::<Spread>(&text).is_err());
        }
        for text in ["\"0\"", "\"zz\"", "\"\"", "3"] {
            assert!(serde_json::from_str::<Spread>(text).is_err(), "{text}");
        }
    }
}
