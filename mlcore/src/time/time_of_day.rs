use std::fmt;
use std::str::FromStr;

use super::{NANOSECONDS_PER_SECOND, SECONDS_PER_DAY, TimeUnit, as_text, nanoseconds_per, text};
use crate::error::{Error, Result};

/// A time of day, from midnight to just before the next, to the nanosecond and without leap seconds. Prints as `13:30:00`
/// with as many digits of the second as it has; the seconds may be left away where it is read.
///
/// ```
/// use mlcore::time::{Time, TimeUnit};
///
/// let time: Time = "13:30:00.250".parse()?;
/// assert_eq!(time, Time::new(48_600_250, TimeUnit::Millisecond)?);
/// assert_eq!((time.count_in(TimeUnit::Millisecond), time.count_in(TimeUnit::Second)), (Some(48_600_250), None));
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time {
    nanoseconds: i64,
}

impl Time {
    /// The beginning of the day.
    pub const MIDNIGHT: Self = Self { nanoseconds: 0 };

    /// The time this many units after midnight.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a negative count, and for a day or more.
    pub fn new(count: i64, unit: TimeUnit) -> Result<Self> {
        Self::from_count(count, unit).ok_or_else(|| {
            let shown = format!("{count} {}", super::symbol(unit));
            Error::invalid_input("make time of day", shown, "it is outside the day")
        })
    }

    /// The same; `None` outside the day.
    pub(crate) fn from_count(count: i64, unit: TimeUnit) -> Option<Self> {
        let nanoseconds = count.checked_mul(nanoseconds_per(unit))?;
        (0..SECONDS_PER_DAY * NANOSECONDS_PER_SECOND).contains(&nanoseconds).then_some(Self { nanoseconds })
    }

    /// The units since midnight; `None` where the time falls between two of them.
    #[must_use]
    pub fn count_in(self, unit: TimeUnit) -> Option<i64> {
        let per_unit = nanoseconds_per(unit);
        (self.nanoseconds % per_unit == 0).then_some(self.nanoseconds / per_unit)
    }

    /// The nanoseconds since midnight.
    #[must_use]
    pub const fn nanoseconds(self) -> i64 {
        self.nanoseconds
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        text::write_time(f, self.nanoseconds)
    }
}

impl FromStr for Time {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        text::whole(text, text::time)
            .map(|nanoseconds| Self { nanoseconds })
            .map_err(|problem| text::refused("read time of day", text, problem, "13:30:00"))
    }
}

as_text!(Time, "a time of day such as 13:30:00");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_print_as_many_digits_as_they_have() {
        for (nanoseconds, shown) in [
            (0, "00:00:00"),
            (86_399_999_999_999, "23:59:59.999999999"),
            (3_723_000_000_000, "01:02:03"),
            (3_723_004_000_000, "01:02:03.004"),
            (3_723_004_005_000, "01:02:03.004005"),
        ] {
            let time = Time::new(nanoseconds, TimeUnit::Nanosecond).unwrap();
            assert_eq!(time.to_string(), shown);
            assert_eq!(shown.parse::<Time>().unwrap(), time);
        }
        assert_eq!("13:30".parse::<Time>().unwrap().to_string(), "13:30:00");
        assert_eq!("13:30:00.5".parse::<Time>().unwrap().count_in(TimeUnit::Millisecond), Some(48_600_500));
    }

    #[test]
    fn what_is_outside_a_day_is_refused() {
        for text in
            ["24:00:00", "12:60:00", "12:00:60", "1:00:00", "12:00:00.", "12:00:00.1234567890", "-1:00"]
        {
            assert!(text.parse::<Time>().is_err(), "{text}");
        }
        assert!(Time::new(-1, TimeUnit::Second).is_err() && Time::new(86_400, TimeUnit::Second).is_err());
        assert!(Time::new(i64::MAX, TimeUnit::Second).is_err());
    }
}
