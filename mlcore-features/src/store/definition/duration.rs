//! Durations as people write them: `1d`, `36h`, `1d12h30m`, `250ms`, and whole seconds as a number.

use std::fmt::Write as _;
use std::time::Duration;

use mlcore::{Error, Result};

const UNITS: [(&str, u128); 7] = [
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

/// The longest duration: what 64 bits of nanoseconds hold, so that a timestamp of any unit can be moved by it.
pub(super) const LONGEST: Duration = Duration::from_nanos(i64::MAX as u64);

/// A duration in the greatest units.
pub(super) fn write(duration: Duration) -> String {
    let mut left = duration.as_nanos();
    let mut text = String::new();
    for (symbol, nanoseconds) in UNITS {
        if left >= nanoseconds {
            // Writing to a string cannot fail.
            let _ = write!(text, "{}{symbol}", left / nanoseconds);
            left %= nanoseconds;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

/// Reads what [`write`] writes, in any order of units.
pub(super) fn read(text: &str) -> Result<Duration> {
    let refuse = |problem: &str| {
        Err(Error::invalid_input("read duration", format!("{text:?}"), problem).remedy(
            "write a number and its unit, such as 1d, 36h, 90s or 1d12h; units are d, h, m, s, ms, us, ns",
        ))
    };
    if text.starts_with('-') {
        return refuse("it is negative");
    }
    let mut left = text;
    let mut nanoseconds: u128 = 0;
    while !left.is_empty() {
        let digits = left.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = left.split_at(digits);
        let letters = rest.bytes().take_while(u8::is_ascii_lowercase).count();
        let (symbol, next) = rest.split_at(letters);
        let unit = UNITS.iter().find(|(known, _)| *known == symbol);
        let (Ok(number), Some((_, unit))) = (number.parse::<u64>(), unit) else {
            return refuse("it is no duration");
        };
        nanoseconds = nanoseconds.saturating_add(u128::from(number).saturating_mul(*unit));
        left = next;
    }
    if text.is_empty() {
        return refuse("it is empty");
    }
    match u64::try_from(nanoseconds).map(Duration::from_nanos) {
        Ok(duration) if duration <= LONGEST => Ok(duration),
        _ => refuse("it is longer than 292 years"),
    }
}

/// `#[serde(with = "duration")]` of a duration.
pub(super) mod text {
    use std::fmt;
    use std::time::Duration;

    use serde::{Deserializer, Serializer, de};

    pub(crate) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::write(*duration))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        struct Text;

        impl de::Visitor<'_> for Text {
            type Value = Duration;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a duration such as \"1d\", or a number of seconds")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Duration, E> {
                super::read(text).map_err(E::custom)
            }

            fn visit_u64<E: de::Error>(self, seconds: u64) -> Result<Duration, E> {
                super::read(&format!("{seconds}s")).map_err(E::custom)
            }

            fn visit_i64<E: de::Error>(self, seconds: i64) -> Result<Duration, E> {
                super::read(&format!("{seconds}s")).map_err(E::custom)
            }
        }

        deserializer.deserialize_any(Text)
    }
}

/// The same of one that may be missing.
pub(super) mod option {
    use std::time::Duration;

    use serde::{Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(
        duration: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match duration {
            Some(duration) => super::text::serialize(duration, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        super::text::deserialize(deserializer).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_are_written_as_people_read_them() {
        for (seconds, text) in [(0, "0s"), (1, "1s"), (86_400, "1d"), (129_600, "1d12h"), (5_400, "1h30m")] {
            assert_eq!(write(Duration::from_secs(seconds)), text);
        }
        assert_eq!(read("36h").unwrap(), read("1d12h").unwrap());
        assert_eq!(read("90000000us").unwrap(), Duration::from_secs(90));
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in ["", "1", "d", "-1d", "1x", "1d ", "1.5h", "99999999999999999999s", "300000d", "1d-1h"] {
            let error = read(text).unwrap_err();
            assert!(error.is_caller_fault() && error.context().remedy().is_some(), "{text}: {error}");
        }
        assert!(read("-1d").unwrap_err().to_string().contains("negative"));
    }

    proptest! {
        #[test]
        fn every_duration_comes_back(nanoseconds in 0..=i64::MAX as u64) {
            let duration = Duration::from_nanos(nanoseconds);
            prop_assert_eq!(read(&write(duration)).unwrap(), duration);
        }
    }
}
