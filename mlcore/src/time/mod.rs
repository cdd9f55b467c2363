//! What a cell of a table may say about time: a date, a time of day, or a moment, with or without a time zone.
//!
//! | type | what it is | Arrow |
//! |---|---|---|
//! | [`Date`] | a day of the Gregorian calendar | `date32` |
//! | [`Time`] | a time of day, to the nanosecond | `time32`, `time64` |
//! | [`DateTime`] | what a calendar and a clock on the wall show, wherever they hang | `timestamp` without a zone |
//! | [`Timestamp`] | a moment, the same all over the world | `timestamp` with a zone |
//!
//! A [`Timestamp`] is compared and stored by its moment; the [`TimeZone`] in which people read it belongs to the column's
//! type, as in Arrow. A [`DateTime`] is no moment, and nothing turns one into the other in silence.
//!
//! Each type reads and writes ISO 8601 text, also in JSON. Everything here is arithmetic: no clock is read, and no table of
//! time zones is needed.
//!
//! ```
//! use mlcore::time::{DateTime, Timestamp};
//!
//! let paris: Timestamp = "2024-02-29T13:30:00+01:00".parse()?;
//! assert_eq!(paris, Timestamp::from_millis(1_709_209_800_000));
//! assert_eq!(paris.to_string(), "2024-02-29T12:30:00Z");
//! assert!("2024-02-29T13:30:00".parse::<Timestamp>().is_err());
//! assert_eq!("2024-02-29T13:30:00".parse::<DateTime>()?.to_string(), "2024-02-29T13:30:00");
//! # Ok::<(), mlcore::Error>(())
//! ```

mod calendar;
mod date;
mod moment;
mod text;
mod time_of_day;
mod zone;

pub use self::date::Date;
pub use self::moment::{DateTime, Timestamp};
pub use self::time_of_day::Time;
pub use self::zone::TimeZone;
pub use crate::arrow::datatypes::TimeUnit;

/// How many of a unit make a second.
pub(crate) const fn per_second(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    }
}

/// How many nanoseconds a unit has.
pub(crate) const fn nanoseconds_per(unit: TimeUnit) -> i64 {
    NANOSECONDS_PER_SECOND / per_second(unit)
}

/// The unit's symbol: `s`, `ms`, `us` or `ns`.
pub(crate) const fn symbol(unit: TimeUnit) -> &'static str {
    match unit {
        TimeUnit::Second => "s",
        TimeUnit::Millisecond => "ms",
        TimeUnit::Microsecond => "us",
        TimeUnit::Nanosecond => "ns",
    }
}

/// Every unit, the coarsest first.
pub(crate) const UNITS: [TimeUnit; 4] =
    [TimeUnit::Second, TimeUnit::Millisecond, TimeUnit::Microsecond, TimeUnit::Nanosecond];

pub(crate) const NANOSECONDS_PER_SECOND: i64 = 1_000_000_000;
pub(crate) const SECONDS_PER_DAY: i64 = 86_400;

/// Text in, text out: `Debug`, `Serialize` and `Deserialize` of a type that has `Display` and `FromStr`.
macro_rules! as_text {
    ($type:ident, $expecting:literal) => {
        impl std::fmt::Debug for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(self, f)
            }
        }

        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Text;

                impl serde::de::Visitor<'_> for Text {
                    type Value = $type;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str($expecting)
                    }

                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$type, E> {
                        text.parse().map_err(E::custom)
                    }
                }

                deserializer.deserialize_str(Text)
            }
        }
    };
}
use as_text;
