//! Between days counted from 1970-01-01 and dates of the Gregorian calendar, which is taken to have held for ever.
//!
//! Years begin with March here, so that the leap day is the last of its year; 400 of them are a cycle that repeats.

const DAYS_PER_CYCLE: i64 = 146_097;
/// From 0000-03-01 to 1970-01-01.
const DAYS_TO_1970: i64 = 719_468;

/// The year, month and day of the day `days` after 1970-01-01.
pub(crate) fn date_of(days: i64) -> (i64, u8, u8) {
    let days = days + DAYS_TO_1970;
    let (cycle, day) = (days.div_euclid(DAYS_PER_CYCLE), days.rem_euclid(DAYS_PER_CYCLE));
    let year = (day - day / 1460 + day / 36_524 - day / (DAYS_PER_CYCLE - 1)) / 365;
    let day = day - days_before_year(year);
    let month = (5 * day + 2) / 153;
    let (from_january, calendar_month) = if month < 10 { (0, month + 3) } else { (1, month - 9) };
    (400 * cycle + year + from_january, calendar_month as u8, (day - days_before_month(month) + 1) as u8)
}

/// The days from 1970-01-01 to this date; `None` where the calendar has no such date.
pub(crate) fn days_to(year: i64, month: u8, day: u8) -> Option<i64> {
    if !(1..=12).contains(&month) || !(1..=days_in(year, month)).contains(&day) {
        return None;
    }
    let (year, month) = if month > 2 { (year, month - 3) } else { (year.checked_sub(1)?, month + 9) };
    let (cycle, year) = (year.div_euclid(400), year.rem_euclid(400));
    let day = days_before_year(year) + days_before_month(month.into()) + i64::from(day) - 1;
    cycle.checked_mul(DAYS_PER_CYCLE)?.checked_add(day - DAYS_TO_1970)
}

/// The days of a month.
fn days_in(year: i64, month: u8) -> u8 {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The days of a cycle before its year number `year`.
fn days_before_year(year: i64) -> i64 {
    365 * year + year / 4 - year / 100
}

/// The days of a year before its month number `month`, March being 0.
fn days_before_month(month: i64) -> i64 {
    (153 * month + 2) / 5
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_day_of_two_centuries_follows_the_one_before() {
        let mut last = date_of(-40_000);
        for days in -39_999..40_000 {
            let next = match last {
                (year, 12, 31) => (year + 1, 1, 1),
                (year, month, day) if day == days_in(year, month) => (year, month + 1, 1),
                (year, month, day) => (year, month, day + 1),
            };
            assert_eq!(date_of(days), next);
            last = next;
        }
        assert_eq!(date_of(0), (1970, 1, 1));
    }

    #[test]
    fn dates_that_the_calendar_lacks_are_none() {
        for (year, month, day) in
            [(2023, 2, 29), (1900, 2, 29), (2024, 4, 31), (2024, 0, 1), (2024, 13, 1), (2024, 1, 0)]
        {
            assert_eq!(days_to(year, month, day), None, "{year}-{month}-{day}");
        }
        assert_eq!(days_to(2000, 2, 29), Some(11_016));
        assert_eq!(days_to(i64::MIN, 1, 1), None);
    }

    proptest! {
        #[test]
        fn days_and_dates_round_trip(days in -100_000_000_000_000_i64..100_000_000_000_000) {
            let (year, month, day) = date_of(days);
            prop_assert_eq!(days_to(year, month, day), Some(days));
        }
    }
}
