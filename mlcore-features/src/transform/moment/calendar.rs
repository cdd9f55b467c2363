//! What a calendar and a clock show at a moment, as numbers.

use mlcore::time::Date;
use serde::{Deserialize, Serialize};

/// What a `DatetimeFeatures` derives from a moment.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DatetimeFeature {
    /// The month, from 1.
    Month,
    /// The quarter of the year, from 1.
    Quarter,
    /// The half of the year, from 1.
    Semester,
    /// The year.
    Year,
    /// The week of ISO 8601, from 1.
    Week,
    /// The day of the week, from 0 for Monday.
    DayOfWeek,
    /// The day of the month, from 1.
    DayOfMonth,
    /// The day of the year, from 1.
    DayOfYear,
    /// 1 on Saturdays and Sundays, else 0.
    Weekend,
    /// 1 on the first day of a month, else 0.
    MonthStart,
    /// 1 on the last day of a month, else 0.
    MonthEnd,
    /// 1 on the first day of a quarter, else 0.
    QuarterStart,
    /// 1 on the last day of a quarter, else 0.
    QuarterEnd,
    /// 1 on the first day of a year, else 0.
    YearStart,
    /// 1 on the last day of a year, else 0.
    YearEnd,
    /// 1 in a leap year, else 0.
    LeapYear,
    /// The number of days of the month.
    DaysInMonth,
    /// The hour, from 0.
    Hour,
    /// The minute, from 0.
    Minute,
    /// The whole second, from 0.
    Second,
}

impl DatetimeFeature {
    /// Every feature, in the order of feature-engine.
    pub const ALL: [Self; 20] = [
        Self::Month,
        Self::Quarter,
        Self::Semester,
        Self::Year,
        Self::Week,
        Self::DayOfWeek,
        Self::DayOfMonth,
        Self::DayOfYear,
        Self::Weekend,
        Self::MonthStart,
        Self::MonthEnd,
        Self::QuarterStart,
        Self::QuarterEnd,
        Self::YearStart,
        Self::YearEnd,
        Self::LeapYear,
        Self::DaysInMonth,
        Self::Hour,
        Self::Minute,
        Self::Second,
    ];

    /// Its name, which ends the names of columns.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Month => "month",
            Self::Quarter => "quarter",
            Self::Semester => "semester",
            Self::Year => "year",
            Self::Week => "week",
            Self::DayOfWeek => "day_of_week",
            Self::DayOfMonth => "day_of_month",
            Self::DayOfYear => "day_of_year",
            Self::Weekend => "weekend",
            Self::MonthStart => "month_start",
            Self::MonthEnd => "month_end",
            Self::QuarterStart => "quarter_start",
            Self::QuarterEnd => "quarter_end",
            Self::YearStart => "year_start",
            Self::YearEnd => "year_end",
            Self::LeapYear => "leap_year",
            Self::DaysInMonth => "days_in_month",
            Self::Hour => "hour",
            Self::Minute => "minute",
            Self::Second => "second",
        }
    }

    /// Whether a time of day has it.
    pub(crate) const fn is_of_day(self) -> bool {
        matches!(self, Self::Hour | Self::Minute | Self::Second)
    }

    /// Whether it is 1 or 0.
    pub(crate) const fn is_truth(self) -> bool {
        matches!(
            self,
            Self::Weekend
                | Self::MonthStart
                | Self::MonthEnd
                | Self::QuarterStart
                | Self::QuarterEnd
                | Self::YearStart
                | Self::YearEnd
                | Self::LeapYear
        )
    }
}

/// A day and a second of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shown {
    days: i32,
    second: i64,
    year: i32,
    month: u8,
    day: u8,
}

impl Shown {
    /// What is shown so many seconds after the first of 1970; `None` beyond the calendar.
    pub(super) fn new(second: i128) -> Option<Self> {
        let days = i32::try_from(second.div_euclid(86_400)).ok()?;
        let (year, month, day) = Date::from_days(days).year_month_day();
        Some(Self { days, second: second.rem_euclid(86_400) as i64, year, month, day })
    }

    pub(super) fn number(self, feature: DatetimeFeature) -> f64 {
        let Self { second, year, month, day, .. } = self;
        let (first_of_quarter, last_of_quarter) = (month % 3 == 1, month % 3 == 0);
        let flag = |flag: bool| f64::from(u8::from(flag));
        let is_last = day == days_in(year, month);
        match feature {
            DatetimeFeature::Month => month.into(),
            DatetimeFeature::Quarter => month.div_ceil(3).into(),
            DatetimeFeature::Semester => month.div_ceil(6).into(),
            DatetimeFeature::Year => year.into(),
            DatetimeFeature::Week => self.week() as f64,
            DatetimeFeature::DayOfWeek => self.weekday() as f64,
            DatetimeFeature::DayOfMonth => day.into(),
            DatetimeFeature::DayOfYear => (self.day_of_year() + 1) as f64,
            DatetimeFeature::Weekend => flag(self.weekday() >= 5),
            DatetimeFeature::MonthStart => flag(day == 1),
            DatetimeFeature::MonthEnd => flag(is_last),
            DatetimeFeature::QuarterStart => flag(day == 1 && first_of_quarter),
            DatetimeFeature::QuarterEnd => flag(is_last && last_of_quarter),
            DatetimeFeature::YearStart => flag(day == 1 && month == 1),
            DatetimeFeature::YearEnd => flag(day == 31 && month == 12),
            DatetimeFeature::LeapYear => flag(is_leap(year)),
            DatetimeFeature::DaysInMonth => days_in(year, month).into(),
            DatetimeFeature::Hour => (second / 3600) as f64,
            DatetimeFeature::Minute => (second / 60 % 60) as f64,
            DatetimeFeature::Second => (second % 60) as f64,
        }
    }

    /// From 0 for Monday; 1970-01-01 was a Thursday.
    fn weekday(self) -> i64 {
        (i64::from(self.days) + 3).rem_euclid(7)
    }

    fn day_of_year(self) -> i64 {
        let before: i64 = (1..self.month).map(|month| i64::from(days_in(self.year, month))).sum();
        before + i64::from(self.day) - 1
    }

    /// The first week of a year is the one with its first Thursday.
    fn week(self) -> i64 {
        // The Thursday of this week is in the year that the week belongs to.
        let thursday = self.day_of_year() - self.weekday() + 3;
        let length = |year| 365 + i64::from(is_leap(year));
        let thursday = if thursday < 0 {
            thursday + length(self.year.saturating_sub(1))
        } else if thursday >= length(self.year) {
            thursday - length(self.year)
        } else {
            thursday
        };
        thursday / 7 + 1
    }
}

fn is_leap(year: i32) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in(year: i32, month: u8) -> u8 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_are_named_as_they_are_written() {
        for feature in DatetimeFeature::ALL {
            assert_eq!(serde_json::to_value(feature).unwrap(), feature.name());
        }
    }

    #[test]
    fn weeks_are_those_of_iso_8601() {
        for (year, month, day, week) in [
            (2024, 12, 30, 1),
            (2021, 1, 3, 53),
            (2020, 12, 31, 53),
            (2016, 1, 4, 1),
            (1999, 12, 31, 52),
            (2000, 1, 1, 52),
        ] {
            let days = Date::new(year, month, day).unwrap().days();
            let shown = Shown::new(i128::from(days) * 86_400).unwrap();
            assert_eq!(shown.week(), week, "{year}-{month}-{day}");
        }
        assert!(Shown::new(i128::MAX).is_none());
        let first = Shown::new(i128::from(i32::MIN) * 86_400).unwrap();
        assert!((1..=53).contains(&first.week()));
    }
}
