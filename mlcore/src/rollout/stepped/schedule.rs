use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::time::{Time, Timestamp};

/// A day of the week, written as `monday` to `sunday`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Weekday {
    /// Monday.
    Monday,
    /// Tuesday.
    Tuesday,
    /// Wednesday.
    Wednesday,
    /// Thursday.
    Thursday,
    /// Friday.
    Friday,
    /// Saturday.
    Saturday,
    /// Sunday.
    Sunday,
}

crate::words! {
    Weekday, "day of the week": Monday = "monday", Tuesday = "tuesday", Wednesday = "wednesday", Thursday = "thursday",
    Friday = "friday", Saturday = "saturday", Sunday = "sunday"
}

impl Weekday {
    /// The day of the week on which the day `days` after 1970-01-01 falls.
    fn of(days: i128) -> Self {
        match days.rem_euclid(7) {
            // 1970 began with a Thursday.
            0 => Self::Thursday,
            1 => Self::Friday,
            2 => Self::Saturday,
            3 => Self::Sunday,
            4 => Self::Monday,
            5 => Self::Tuesday,
            _ => Self::Wednesday,
        }
    }
}

/// Hours of some days of the week.
///
/// A window that ends before it begins goes on past midnight, and belongs to the day on which it began. One that begins and ends at
/// midnight is the whole day.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// The days on which it begins.
    pub days: Vec<Weekday>,
    /// When it begins.
    pub from: Time,
    /// The first moment after it.
    pub until: Time,
}

impl Window {
    /// These hours of these days.
    #[must_use]
    pub fn new(days: impl IntoIterator<Item = Weekday>, from: Time, until: Time) -> Self {
        Self { days: days.into_iter().collect(), from, until }
    }

    fn holds(&self, day: i128, time: Time) -> bool {
        let begins_on = |day: i128| self.days.contains(&Weekday::of(day));
        if self.from < self.until {
            return begins_on(day) && self.from <= time && time < self.until;
        }
        begins_on(day) && self.from <= time || begins_on(day - 1) && time < self.until
    }
}

/// When a release may move traffic: in windows of a week, in UTC or at a fixed offset from it.
///
/// A fixed offset knows no daylight saving time: in a zone that has it, the windows are an hour off for a half of the year.
///
/// ```
/// use mlcore::rollout::{Schedule, Weekday, Window};
///
/// use Weekday::{Monday, Thursday, Tuesday, Wednesday};
/// let hours = Window::new([Monday, Tuesday, Wednesday, Thursday], "09:00".parse()?, "16:00".parse()?);
/// // No promotion on Friday evening, nor on any other day's, in Tokyo.
/// let schedule = Schedule::new([hours]).with_offset_minutes(9 * 60);
/// assert!(schedule.is_open("2026-11-26T00:30:00Z".parse()?));
/// assert!(!schedule.is_open("2026-11-27T00:30:00Z".parse()?));
/// # Ok::<(), mlcore::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// It is open while one of them is.
    pub windows: Vec<Window>,
    /// How far its clocks are ahead of UTC, in minutes.
    #[serde(default)]
    pub offset_minutes: i32,
}

impl Schedule {
    /// These windows, in UTC.
    #[must_use]
    pub fn new(windows: impl IntoIterator<Item = Window>) -> Self {
        Self { windows: windows.into_iter().collect(), offset_minutes: 0 }
    }

    /// The same windows on clocks that are ahead of UTC by so many minutes.
    #[must_use]
    pub fn with_offset_minutes(mut self, offset_minutes: i32) -> Self {
        self.offset_minutes = offset_minutes;
        self
    }

    /// Whether traffic may be moved at this moment.
    #[must_use]
    pub fn is_open(&self, at: Timestamp) -> bool {
        let (day, time) = self.shown(at);
        self.windows.iter().any(|window| window.holds(day, time))
    }

    /// What its clocks show: the day since 1970-01-01 and the time of day.
    fn shown(&self, at: Timestamp) -> (i128, Time) {
        let nanoseconds = at.nanoseconds() + i128::from(self.offset_minutes) * NANOSECONDS_PER_MINUTE;
        let time = i64::try_from(nanoseconds.rem_euclid(NANOSECONDS_PER_DAY)).unwrap_or_default();
        let time = Time::new(time, crate::time::TimeUnit::Nanosecond).unwrap_or(Time::MIDNIGHT);
        (nanoseconds.div_euclid(NANOSECONDS_PER_DAY), time)
    }

    /// Why traffic may not be moved at this moment, in words; none where it may.
    pub(super) fn closed(&self, at: Timestamp) -> Option<String> {
        if self.is_open(at) {
            return None;
        }
        let (day, time) = self.shown(at);
        Some(format!("on {} at {time} its schedule is closed; it is open {self}", Weekday::of(day)))
    }

    /// Refuses what is never open, and what no clock shows, also when it was read from a file.
    pub(super) fn check(&self) -> Result<()> {
        let refuse = |problem: String, remedy: &str| {
            Err(Error::invalid_input("build schedule", "schedule", problem).remedy(remedy))
        };
        if self.windows.iter().all(|window| window.days.is_empty()) {
            return refuse(
                "it is never open".into(),
                "give it a window with at least one day, or leave it away",
            );
        }
        if let Some(window) =
            self.windows.iter().find(|window| window.from == window.until && window.from != Time::MIDNIGHT)
        {
            let problem = format!("a window begins and ends at {}", window.from);
            return refuse(problem, "let it end later; from 00:00 until 00:00 is the whole day");
        }
        if self.offset_minutes.abs() >= MINUTES_PER_DAY {
            let problem = format!("no clock is {} minutes off", self.offset_minutes);
            return refuse(problem, "give an offset of less than a day, such as 120 for +02:00");
        }
        Ok(())
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, Window { days, from, until }) in self.windows.iter().enumerate() {
            let days: Vec<&str> = days.iter().map(|day| day.name()).collect();
            let joint = if place == 0 { "on" } else { " and on" };
            write!(f, "{joint} {} from {from} to {until}", days.join(", "))?;
        }
        match self.offset_minutes {
            0 => f.write_str(" in UTC"),
            minutes => {
                let sign = if minutes < 0 { '-' } else { '+' };
                write!(f, " at {sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
            }
        }
    }
}

const MINUTES_PER_DAY: i32 = 24 * 60;
const NANOSECONDS_PER_MINUTE: i128 = 60_000_000_000;
const NANOSECONDS_PER_DAY: i128 = 1_440 * NANOSECONDS_PER_MINUTE;

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Time {
        text.parse().unwrap()
    }

    fn open(schedule: &Schedule, at: &str) -> bool {
        schedule.is_open(at.parse().unwrap())
    }

    #[test]
    fn windows_are_open_from_their_first_to_before_their_last_moment() {
        let office = Schedule::new([Window::new([Weekday::Friday], time("09:00"), time("17:00"))]);
        for (at, expected) in [
            ("2026-11-27T08:59:59.999999999Z", false),
            ("2026-11-27T09:00:00Z", true),
            ("2026-11-27T16:59:59.999999999Z", true),
            ("2026-11-27T17:00:00Z", false),
            ("2026-11-26T12:00:00Z", false),
            // Before 1970, too: 1965-01-01 was a Friday.
            ("1965-01-01T12:00:00Z", true),
            ("1965-01-02T12:00:00Z", false),
        ] {
            assert_eq!(open(&office, at), expected, "{at}");
        }
        let ends = [Timestamp::MIN, Timestamp::MAX].map(|end| office.is_open(end));
        assert_eq!(ends.len(), 2, "the ends of the range are no reason to panic");
        // Past midnight, and at an offset: Friday 22:00 to Saturday 02:00 in New York's winter.
        let night = Schedule::new([Window::new([Weekday::Friday], time("22:00"), time("02:00"))]);
        let night = night.with_offset_minutes(-300);
        for (at, expected) in [
            ("2026-11-28T02:59:00Z", false),
            ("2026-11-28T03:00:00Z", true),
            ("2026-11-28T06:59:00Z", true),
            ("2026-11-28T07:00:00Z", false),
            ("2026-11-27T06:00:00Z", false),
        ] {
            assert_eq!(open(&night, at), expected, "{at}");
        }
        let sunday = Schedule::new([Window::new([Weekday::Sunday], Time::MIDNIGHT, Time::MIDNIGHT)]);
        assert!(open(&sunday, "2026-11-29T00:00:00Z") && open(&sunday, "2026-11-29T23:59:59Z"));
        assert!(!open(&sunday, "2026-11-30T00:00:00Z") && !open(&sunday, "2026-11-28T23:59:59Z"));
    }

    #[test]
    fn every_day_of_the_week_comes_in_turn() {
        let days: Vec<Weekday> = (-11..10).map(Weekday::of).collect();
        assert!(days.windows(2).all(|pair| {
            let place = |day: Weekday| Weekday::ALL.iter().position(|own| *own == day).unwrap();
            (place(pair[0]) + 1) % 7 == place(pair[1])
        }));
        // 2026-11-29, a Sunday, is 20,786 days after 1970 began.
        assert_eq!(Weekday::of(20_786), Weekday::Sunday);
    }

    #[test]
    fn what_is_no_schedule_is_refused_and_the_others_are_written_in_words() {
        let window = |from: &str, until: &str| Window::new([Weekday::Monday], time(from), time(until));
        for (schedule, words) in [
            (Schedule::new([]), "never open"),
            (Schedule::new([Window::new([], time("09:00"), time("10:00"))]), "never open"),
            (Schedule::new([window("09:00", "09:00")]), "begins and ends at 09:00"),
            (Schedule::new([window("09:00", "10:00")]).with_offset_minutes(1_440), "1440 minutes off"),
        ] {
            let error = schedule.check().unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
        let schedule = Schedule::new([window("09:00", "10:00")]).with_offset_minutes(-90);
        schedule.check().unwrap();
        assert_eq!(schedule.to_string(), "on monday from 09:00:00 to 10:00:00 at -01:30");
        let text = serde_json::to_string(&schedule).unwrap();
        assert_eq!(serde_json::from_str::<Schedule>(&text).unwrap(), schedule);
        let closed = schedule.closed("2026-11-30T12:00:00Z".parse().unwrap()).unwrap();
        assert!(
            closed.starts_with("on monday at 10:30:00 its schedule is closed; it is open on monday"),
            "{closed}"
        );
    }
}
