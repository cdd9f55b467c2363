use std::fmt;
use std::str::FromStr;

use super::{as_text, calendar, text};
use crate::error::{Error, Result};

/// A day of the Gregorian calendar, with no time of day and no time zone. Prints and is read as `2024-02-29`.
///
/// ```
/// use mlcore::time::Date;
///
/// let date = Date::new(2024, 2, 29)?;
/// assert_eq!((date.days(), date.to_string().as_str()), (19_782, "2024-02-29"));
/// assert_eq!("2024-02-29".parse::<Date>()?, date);
/// assert!(Date::new(2023, 2, 29).is_err());
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Date {
    days: i32,
}

impl Date {
    /// The earliest date that a column can hold, in the year -5,877,641.
    pub const MIN: Self = Self { days: i32::MIN };
    /// The latest date that a column can hold, in the year 5,881,580.
    pub const MAX: Self = Self { days: i32::MAX };

    /// The date of this year, month (1 to 12) and day (from 1).
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a date that the calendar does not have, or that is outside [`Date::MIN`] to
    /// [`Date::MAX`].
    pub fn new(year: i32, month: u8, day: u8) -> Result<Self> {
        calendar::days_to(year.into(), month, day)
            .and_then(|days| Some(Self { days: i32::try_from(days).ok()? }))
            .ok_or_else(|| {
                let shown = format!("{year:04}-{month:02}-{day:02}");
                Error::invalid_input("make date", shown, "the calendar has no such date")
            })
    }

    /// The date this many days after 1970-01-01.
    #[must_use]
    pub const fn from_days(days: i32) -> Self {
        Self { days }
    }

    /// The days since 1970-01-01.
    #[must_use]
    pub const fn days(self) -> i32 {
        self.days
    }

    /// The year, the month from 1 to 12, and the day of the month from 1.
    #[must_use]
    pub fn year_month_day(self) -> (i32, u8, u8) {
        let (year, month, day) = calendar::date_of(self.days.into());
        (year as i32, month, day)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        text::write_date(f, self.days.into())
    }
}

impl FromStr for Date {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        text::whole(text, text::date)
            .and_then(|days| i32::try_from(days).map_err(|_| text::OUT_OF_RANGE))
            .map(Self::from_days)
            .map_err(|problem| text::refused("read date", text, problem, "2024-02-29"))
    }
}

as_text!(Date, "a date such as 2024-02-29");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_print_and_parse() {
        for (days, shown) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (11_016, "2000-02-29"),
            (-719_528, "0000-01-01"),
            (-719_529, "-0001-12-31"),
            (2_932_896, "9999-12-31"),
            (2_932_897, "+10000-01-01"),
            (i32::MIN, "-5877641-06-23"),
            (i32::MAX, "+5881580-07-11"),
        ] {
            assert_eq!(Date::from_days(days).to_string(), shown);
            assert_eq!(shown.parse::<Date>().unwrap(), Date::from_days(days));
        }
    }

    #[test]
    fn what_is_no_date_is_refused_with_the_form_of_one() {
        for text in [
            "",
            "2024",
            "2024-2-29",
            "2024-02-30",
            "2024-02-29 ",
            "24-02-29",
            "2024-02-29T00:00:00",
            "20240229",
        ] {
            let error = text.parse::<Date>().unwrap_err().to_string();
            assert!(error.contains("write it as 2024-02-29"), "{error}");
        }
        assert!("+5881580-07-12".parse::<Date>().unwrap_err().to_string().contains("out of range"));
        assert!("+99999999999999999999-01-01".parse::<Date>().is_err());
        assert_eq!(
            Date::new(2024, 2, 30).unwrap_err().to_string(),
            "make date 2024-02-30: the calendar has no such date"
        );
    }
}
