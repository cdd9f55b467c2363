//! ISO 8601 text, read and written by hand: the four types share their parts.

use std::fmt::{self, Formatter};

use super::{NANOSECONDS_PER_SECOND, SECONDS_PER_DAY, calendar};
use crate::error::Error;

/// What is wrong with a text.
type Problem = &'static str;

pub(super) const OUT_OF_RANGE: Problem = "it is out of range";
const MALFORMED: Problem = "it is not written so";
const NO_SUCH_DATE: Problem = "the calendar has no such date";
const NO_SUCH_TIME: Problem = "the day has no such time";

/// The error for a text that is refused, with the form that would be taken.
pub(super) fn refused(operation: &'static str, text: &str, problem: Problem, example: &str) -> Error {
    let mut shown: String = text.chars().take(LONGEST_SHOWN).collect();
    if shown.len() < text.len() {
        shown.push_str("...");
    }
    Error::invalid_input(operation, format!("{shown:?}"), problem).remedy(format!("write it as {example}"))
}

const LONGEST_SHOWN: usize = 40;

/// Reads the whole text with a reader of its beginning.
pub(super) fn whole<T>(
    text: &str,
    read: impl FnOnce(&mut &[u8]) -> Result<T, Problem>,
) -> Result<T, Problem> {
    let mut rest = text.as_bytes();
    let value = read(&mut rest)?;
    if rest.is_empty() { Ok(value) } else { Err(MALFORMED) }
}

/// `YYYY-MM-DD` as days since 1970-01-01; a year of more than four digits, or a negative one, has a sign.
pub(super) fn date(rest: &mut &[u8]) -> Result<i64, Problem> {
    let sign = [b'+', b'-'].into_iter().find(|sign| rest.first() == Some(sign));
    if sign.is_some() {
        *rest = &rest[1..];
    }
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits < 4 || (sign.is_none() && digits > 4) {
        return Err(MALFORMED);
    }
    if digits > MOST_YEAR_DIGITS {
        return Err(OUT_OF_RANGE);
    }
    let year = number(rest, digits)?;
    let year = if sign == Some(b'-') { -year } else { year };
    expect(rest, b"-")?;
    let month = number(rest, 2)? as u8;
    expect(rest, b"-")?;
    let day = number(rest, 2)? as u8;
    calendar::days_to(year, month, day).ok_or(NO_SUCH_DATE)
}

/// Enough for every moment that 64 bits of seconds can tell.
const MOST_YEAR_DIGITS: usize = 12;

/// `HH:MM`, `HH:MM:SS` or `HH:MM:SS.fffffffff` as nanoseconds since midnight.
pub(super) fn time(rest: &mut &[u8]) -> Result<i64, Problem> {
    let hour = number(rest, 2)?;
    expect(rest, b":")?;
    let minute = number(rest, 2)?;
    let (mut second, mut fraction) = (0, 0);
    if expect(rest, b":").is_ok() {
        second = number(rest, 2)?;
        if expect(rest, b".").is_ok() {
            let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            if !(1..=9).contains(&digits) {
                return Err("a second has one to nine digits behind the point");
            }
            fraction = number(rest, digits)? * 10_i64.pow(9 - digits as u32);
        }
    }
    if hour > 23 || minute > 59 || second > 59 {
        return Err(NO_SUCH_TIME);
    }
    Ok((hour * 3600 + minute * 60 + second) * NANOSECONDS_PER_SECOND + fraction)
}

/// A date, `T` or a space, and a time, without an offset: as nanoseconds since 1970 began.
pub(super) fn date_time(rest: &mut &[u8]) -> Result<i128, Problem> {
    let moment = clock(rest)?;
    if rest.is_empty() { Ok(moment) } else { Err("it has a time zone, and none is expected") }
}

/// The same with an offset, which is taken off: `Z`, `+01:00`, `+0100` or `+01`.
pub(super) fn timestamp(rest: &mut &[u8]) -> Result<i128, Problem> {
    let moment = clock(rest)?;
    Ok(moment - i128::from(offset(rest)?) * i128::from(NANOSECONDS_PER_SECOND))
}

fn clock(rest: &mut &[u8]) -> Result<i128, Problem> {
    let days = date(rest)?;
    expect(rest, b"Tt ")?;
    let nanoseconds = i128::from(days) * i128::from(SECONDS_PER_DAY) * i128::from(NANOSECONDS_PER_SECOND);
    Ok(nanoseconds + i128::from(time(rest)?))
}

/// The seconds by which local time is ahead of UTC.
fn offset(rest: &mut &[u8]) -> Result<i64, Problem> {
    let Some((first, after)) = rest.split_first() else { return Err("it has no time zone") };
    *rest = after;
    let sign = match first {
        b'Z' | b'z' => return Ok(0),
        b'+' => 1,
        b'-' => -1,
        _ => return Err(MALFORMED),
    };
    let hours = number(rest, 2)?;
    let minutes = if expect(rest, b":").is_ok() || !rest.is_empty() { number(rest, 2)? } else { 0 };
    if hours > 23 || minutes > 59 {
        return Err("no offset is as large");
    }
    Ok(sign * (hours * 3600 + minutes * 60))
}

/// A number of exactly this many digits.
fn number(rest: &mut &[u8], digits: usize) -> Result<i64, Problem> {
    let (number, after) = rest.split_at_checked(digits).ok_or(MALFORMED)?;
    if !number.iter().all(u8::is_ascii_digit) {
        return Err(MALFORMED);
    }
    *rest = after;
    Ok(number.iter().fold(0, |number, digit| number * 10 + i64::from(digit - b'0')))
}

/// Passes over one of these characters.
fn expect(rest: &mut &[u8], any_of: &[u8]) -> Result<(), Problem> {
    match rest.split_first() {
        Some((first, after)) if any_of.contains(first) => {
            *rest = after;
            Ok(())
        }
        _ => Err(MALFORMED),
    }
}

pub(super) fn write_date(f: &mut Formatter<'_>, days: i64) -> fmt::Result {
    let (year, month, day) = calendar::date_of(days);
    match year {
        0..=9999 => write!(f, "{year:04}")?,
        // A sign, and at least four digits.
        _ => write!(f, "{year:+05}")?,
    }
    write!(f, "-{month:02}-{day:02}")
}

/// Writes 0, 3, 6 or 9 digits of the second, whatever shows it exactly.
pub(super) fn write_time(f: &mut Formatter<'_>, nanoseconds: i64) -> fmt::Result {
    let (seconds, fraction) = (nanoseconds / NANOSECONDS_PER_SECOND, nanoseconds % NANOSECONDS_PER_SECOND);
    write!(f, "{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)?;
    match fraction {
        0 => Ok(()),
        _ if fraction % 1_000_000 == 0 => write!(f, ".{:03}", fraction / 1_000_000),
        _ if fraction % 1_000 == 0 => write!(f, ".{:06}", fraction / 1_000),
        _ => write!(f, ".{fraction:09}"),
    }
}

pub(super) fn write_moment(f: &mut Formatter<'_>, nanoseconds: i128) -> fmt::Result {
    let per_day = i128::from(SECONDS_PER_DAY * NANOSECONDS_PER_SECOND);
    write_date(f, nanoseconds.div_euclid(per_day) as i64)?;
    f.write_str("T")?;
    write_time(f, nanoseconds.rem_euclid(per_day) as i64)
}
