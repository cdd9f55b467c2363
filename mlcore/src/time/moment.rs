use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

use super::{TimeUnit, UNITS, as_text, nanoseconds_per, text};
use crate::error::{Error, Result};

/// What both kinds of moments are: a count of units from the first moment of 1970, equal and ordered by what it amounts to.
macro_rules! moment {
    ($(#[doc = $doc:literal])+ $type:ident, $operation:literal, $suffix:literal, $parse:path, $example:literal) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy)]
        pub struct $type {
            count: i64,
            unit: TimeUnit,
        }

        impl $type {
            /// The earliest that 64 bits of seconds can tell.
            pub const MIN: Self = Self::new(i64::MIN, TimeUnit::Second);
            /// The latest that 64 bits of seconds can tell.
            pub const MAX: Self = Self::new(i64::MAX, TimeUnit::Second);

            /// This many units after 1970-01-01T00:00:00.
            #[must_use]
            pub const fn new(count: i64, unit: TimeUnit) -> Self {
                Self { count, unit }
            }

            /// This many milliseconds after 1970-01-01T00:00:00.
            #[must_use]
            pub const fn from_millis(milliseconds: i64) -> Self {
                Self::new(milliseconds, TimeUnit::Millisecond)
            }

            /// This many microseconds after 1970-01-01T00:00:00.
            #[must_use]
            pub const fn from_micros(microseconds: i64) -> Self {
                Self::new(microseconds, TimeUnit::Microsecond)
            }

            /// The units since 1970-01-01T00:00:00, in [`unit`](Self::unit).
            #[must_use]
            pub const fn count(self) -> i64 {
                self.count
            }

            /// The unit that is counted.
            #[must_use]
            pub const fn unit(self) -> TimeUnit {
                self.unit
            }

            /// The same in another unit; `None` where it falls between two of them, or has too many for 64 bits.
            #[must_use]
            pub fn count_in(self, unit: TimeUnit) -> Option<i64> {
                if unit == self.unit {
                    return Some(self.count);
                }
                let per_unit = i128::from(nanoseconds_per(unit));
                let nanoseconds = self.nanoseconds();
                if nanoseconds % per_unit != 0 {
                    return None;
                }
                i64::try_from(nanoseconds / per_unit).ok()
            }

            /// The whole microseconds since 1970-01-01T00:00:00, rounded down; beyond 64 bits, the least or the greatest
            /// number.
            #[must_use]
            pub fn as_micros(self) -> i64 {
                let micros = self.nanoseconds().div_euclid(1_000);
                i64::try_from(micros).unwrap_or(if micros < 0 { i64::MIN } else { i64::MAX })
            }

            /// The nanoseconds since 1970-01-01T00:00:00: what two of them are compared by.
            #[must_use]
            pub fn nanoseconds(self) -> i128 {
                i128::from(self.count) * i128::from(nanoseconds_per(self.unit))
            }

            /// From nanoseconds, in the coarsest unit that holds them exactly; `None` where none does.
            fn from_nanoseconds(nanoseconds: i128) -> Option<Self> {
                UNITS.into_iter().find_map(|unit| {
                    let per_unit = i128::from(nanoseconds_per(unit));
                    let count = i64::try_from(nanoseconds / per_unit).ok()?;
                    (nanoseconds % per_unit == 0).then_some(Self { count, unit })
                })
            }
        }

        impl Default for $type {
            /// 1970-01-01T00:00:00.
            fn default() -> Self {
                Self::new(0, TimeUnit::Second)
            }
        }

        impl PartialEq for $type {
            fn eq(&self, other: &Self) -> bool {
                self.cmp(other) == Ordering::Equal
            }
        }

        impl Eq for $type {}

        impl PartialOrd for $type {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }

        impl Ord for $type {
            fn cmp(&self, other: &Self) -> Ordering {
                if self.unit == other.unit {
                    return self.count.cmp(&other.count);
                }
                self.nanoseconds().cmp(&other.nanoseconds())
            }
        }

        impl Hash for $type {
            fn hash<H: Hasher>(&self, state: &mut H) {
                self.nanoseconds().hash(state);
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                text::write_moment(f, self.nanoseconds())?;
                f.write_str($suffix)
            }
        }

        impl FromStr for $type {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self> {
                text::whole(text, $parse)
                    .and_then(|nanoseconds| Self::from_nanoseconds(nanoseconds).ok_or(text::OUT_OF_RANGE))
                    .map_err(|problem| text::refused($operation, text, problem, $example))
            }
        }
    };
}

moment! {
    /// A moment, counted in one of Arrow's four units. Two are equal when they are the same moment, whatever their units.
    ///
    /// Prints in UTC, `2024-02-29T12:30:00Z`, and is read from text with any offset (`2024-02-29T13:30:00+01:00`); text
    /// without one is no moment and is refused.
    ///
    /// ```
    /// use mlcore::time::{TimeUnit, Timestamp};
    ///
    /// let moment = Timestamp::from_millis(1_709_209_800_000);
    /// assert_eq!(moment, Timestamp::new(1_709_209_800, TimeUnit::Second));
    /// assert_eq!(moment.to_string(), "2024-02-29T12:30:00Z");
    /// assert_eq!("2024-02-29T13:30:00+01:00".parse::<Timestamp>()?, moment);
    /// # Ok::<(), mlcore::Error>(())
    /// ```
    Timestamp, "read timestamp", "Z", text::timestamp, "2024-02-29T12:30:00Z"
}
as_text!(Timestamp, "a timestamp such as 2024-02-29T12:30:00Z");

moment! {
    /// A date and a time of day as a calendar and a clock on the wall show them, in no particular time zone: Arrow's
    /// timestamp without one, Python's naive `datetime`. Prints as `2024-02-29T12:30:00`, and is read from text without
    /// an offset.
    ///
    /// ```
    /// use mlcore::time::DateTime;
    ///
    /// let shown: DateTime = "2024-02-29 12:30".parse()?;
    /// assert_eq!(shown, DateTime::from_millis(1_709_209_800_000));
    /// assert!("2024-02-29T12:30:00Z".parse::<DateTime>().is_err());
    /// # Ok::<(), mlcore::Error>(())
    /// ```
    DateTime, "read date and time", "", text::date_time, "2024-02-29T12:30:00"
}
as_text!(DateTime, "a date and time such as 2024-02-29T12:30:00");

impl From<SystemTime> for Timestamp {
    /// To the nanosecond from the year 1677 to 2262; beyond, to the second towards 1970.
    fn from(time: SystemTime) -> Self {
        let (sign, distance) = match time.duration_since(UNIX_EPOCH) {
            Ok(after) => (1, after),
            Err(before) => (-1, before.duration()),
        };
        match i64::try_from(distance.as_nanos()) {
            Ok(nanoseconds) => Self::new(sign * nanoseconds, TimeUnit::Nanosecond),
            Err(_) => {
                let seconds = i64::try_from(distance.as_secs()).unwrap_or(i64::MAX);
                Self::new(sign * seconds, TimeUnit::Second)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn moments_are_equal_whatever_their_units() {
        let second = Timestamp::new(-1, TimeUnit::Second);
        let others = [
            Timestamp::from_millis(-1_000),
            Timestamp::from_micros(-1_000_000),
            Timestamp::new(-1_000_000_000, TimeUnit::Nanosecond),
        ];
        assert!(others.iter().all(|other| *other == second));
        assert_eq!(HashSet::from([second]).union(&HashSet::from(others)).count(), 1);
        assert!(Timestamp::from_millis(-1_001) < second && second < Timestamp::from_micros(-999_999));
        assert_eq!(Timestamp::from_millis(1_500).count_in(TimeUnit::Second), None);
        assert_eq!(Timestamp::MAX.count_in(TimeUnit::Millisecond), None);
        assert_eq!(Timestamp::default(), Timestamp::from_micros(0));
    }

    #[test]
    fn microseconds_are_rounded_down_and_end_where_64_bits_do() {
        for (count, unit, micros) in [
            (1_999, TimeUnit::Nanosecond, 1),
            (-1, TimeUnit::Nanosecond, -1),
            (-1_000, TimeUnit::Nanosecond, -1),
            (-7, TimeUnit::Microsecond, -7),
            (-2, TimeUnit::Millisecond, -2_000),
            (i64::MAX, TimeUnit::Millisecond, i64::MAX),
        ] {
            assert_eq!(Timestamp::new(count, unit).as_micros(), micros, "{count} {unit:?}");
        }
        assert_eq!((DateTime::MIN.as_micros(), Timestamp::MAX.as_micros()), (i64::MIN, i64::MAX));
        assert!(
            Timestamp::MIN < Timestamp::from_micros(i64::MIN)
                && Timestamp::from_micros(i64::MAX) < Timestamp::MAX
        );
        // The ends of the range are far away, and no reason to panic.
        assert_eq!(Timestamp::MIN.to_string().parse::<Timestamp>().unwrap(), Timestamp::MIN);
    }

    #[test]
    fn moments_print_as_the_calendar_says() {
        for (milliseconds, shown) in [
            (0, "1970-01-01T00:00:00"),
            (-1, "1969-12-31T23:59:59.999"),
            (951_782_400_000, "2000-02-29T00:00:00"),
            (1_709_251_199_500, "2024-02-29T23:59:59.500"),
            (-62_135_596_800_000, "0001-01-01T00:00:00"),
        ] {
            assert_eq!(DateTime::from_millis(milliseconds).to_string(), shown);
            assert_eq!(Timestamp::from_millis(milliseconds).to_string(), format!("{shown}Z"));
        }
    }

    #[test]
    fn offsets_are_taken_off_and_naive_text_is_refused() {
        let noon = Timestamp::from_millis(1_709_208_000_000);
        for text in [
            "2024-02-29T12:00:00Z",
            "2024-02-29 12:00z",
            "2024-02-29T12:00:00.000+00:00",
            "2024-02-29T17:30:00+05:30",
            "2024-02-28T23:00:00-1300",
            "2024-02-29t14:00+02",
        ] {
            assert_eq!(text.parse::<Timestamp>().unwrap(), noon, "{text}");
        }
        for text in
            ["2024-02-29T12:00:00", "2024-02-29", "2024-02-29T12:00:00+25:00", "2024-02-29T12:00:00Zz", "now"]
        {
            let error = text.parse::<Timestamp>().unwrap_err().to_string();
            assert!(error.contains("write it as 2024-02-29T12:30:00Z"), "{error}");
        }
        let naive = "2024-02-29T12:00:00".parse::<Timestamp>().unwrap_err().to_string();
        assert!(naive.contains("no time zone"), "{naive}");
        let zoned = "2024-02-29T12:00:00Z".parse::<DateTime>().unwrap_err().to_string();
        assert!(zoned.contains("time zone"), "{zoned}");
    }

    #[test]
    fn what_has_more_digits_than_fit_is_refused() {
        assert!("2262-04-11T23:47:16.854775807Z".parse::<Timestamp>().is_ok());
        let error = "2262-04-11T23:47:16.854775808Z".parse::<Timestamp>().unwrap_err().to_string();
        assert!(error.contains("out of range"), "{error}");
        assert!("+300000000000-01-01T00:00:00Z".parse::<Timestamp>().is_err());
    }

    #[test]
    fn system_time_converts_on_both_sides_of_1970() {
        assert_eq!(Timestamp::from(UNIX_EPOCH + Duration::from_millis(5)), Timestamp::from_millis(5));
        assert_eq!(Timestamp::from(UNIX_EPOCH - Duration::from_micros(1)), Timestamp::from_micros(-1));
    }

    proptest! {
        #[test]
        fn moments_round_trip_through_text_and_json(count in any::<i64>(), unit in 0..4_usize) {
            let (moment, shown) = (Timestamp::new(count, UNITS[unit]), DateTime::new(count, UNITS[unit]));
            prop_assert_eq!(moment.to_string().parse::<Timestamp>().unwrap(), moment);
            prop_assert_eq!(shown.to_string().parse::<DateTime>().unwrap(), shown);
            let json = serde_json::to_string(&(moment, shown)).unwrap();
            prop_assert_eq!(serde_json::from_str::<(Timestamp, DateTime)>(&json).unwrap(), (moment, shown));
        }
    }
}
