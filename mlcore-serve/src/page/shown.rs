//! Numbers, times and lengths of time as people read them.

use std::fmt::Write as _;

use mlcore::time::Timestamp;

/// A number to five significant digits: `0.012346`, `1.2346e-9`, `20190`; `NaN`, `Infinity`.
pub(super) fn number(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 {
        return "0".to_owned();
    }
    if !size.is_finite() {
        return special(value).to_owned();
    }
    if !(1e-4..1e9).contains(&size) {
        let text = format!("{value:.4e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        return format!("{}e{exponent}", trimmed(digits));
    }
    // At least as many digits as stand before the point.
    let before = size.log10().floor();
    let decimals = (4.0 - before).clamp(0.0, 8.0) as usize;
    trimmed(&format!("{value:.decimals$}")).to_owned()
}

/// The same beside others of its column: with the zeros at its end, so that points stand below each other. Whole numbers have none.
pub(super) fn aligned(value: f64) -> String {
    let size = value.abs();
    if value == value.trunc() || !(1e-3..1e5).contains(&size) {
        return number(value);
    }
    let decimals = (4.0 - size.log10().floor()).clamp(0.0, 8.0) as usize;
    format!("{value:.decimals$}")
}

/// A number with all its digits.
pub(super) fn exact(value: f64) -> String {
    let size = value.abs();
    match value {
        value if !size.is_finite() => special(value).to_owned(),
        value if value != 0.0 && !(1e-5..1e16).contains(&size) => format!("{value:e}"),
        value => value.to_string(),
    }
}

fn special(value: f64) -> &'static str {
    match value {
        f64::INFINITY => "Infinity",
        f64::NEG_INFINITY => "-Infinity",
        _ => "NaN",
    }
}

fn trimmed(digits: &str) -> &str {
    if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits }
}

/// A count with separators: `20,190`.
pub(super) fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 run`, `2 runs`.
pub(super) fn counted(number: usize, one: &str, many: &str) -> String {
    format!("{} {}", count(number as u64), if number == 1 { one } else { many })
}

/// A moment to the second, in UTC: `2026-11-27 23:45:12`.
pub(super) fn time(time: Timestamp) -> String {
    moment(time.as_micros().div_euclid(1_000_000), ' ')
}

/// The same as programs read it: `2026-11-27T23:45:12Z`.
pub(super) fn machine_time(time: Timestamp) -> String {
    let mut text = moment(time.as_micros().div_euclid(1_000_000), 'T');
    text.push('Z');
    text
}

/// Seconds since 1970 as a date and a time of day.
pub(super) fn moment(seconds: i64, between: char) -> String {
    let (day, second) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
    let (year, month, date) = civil(day);
    let (hours, minutes, seconds) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{date:02}{between}{hours:02}:{minutes:02}:{seconds:02}")
}

/// Year, month and day of the month of a day since 1970, in the Gregorian calendar: H. Hinnant's count of eras of 400 years, which
/// begin in March.
fn civil(day: i64) -> (i64, i64, i64) {
    let day = day + 719_468;
    let (era, of_era) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let date = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (year + era * 400 + i64::from(month <= 2), month, date)
}

/// A length of time to two units: `0.42 s`, `3 min 4 s`, `2 d 5 h`.
pub(super) fn duration(milliseconds: i64) -> String {
    let size = milliseconds.unsigned_abs();
    let mut text = String::new();
    if milliseconds < 0 {
        text.push('-');
    }
    let (minute, hour, day) = (60_000, 3_600_000, 86_400_000);
    // Writing to a text does not fail.
    let _ = match size {
        _ if size < 1000 => write!(text, "{size} ms"),
        _ if size < minute => write!(text, "{} s", trimmed(&format!("{:.1}", size as f64 / 1000.0))),
        _ if size < hour => write!(text, "{} min {} s", size / minute, size % minute / 1000),
        _ if size < day => write!(text, "{} h {} min", size / hour, size % hour / minute),
        _ => write!(text, "{} d {} h", size / day, size % day / hour),
    };
    text
}

/// So much of a text that it fits into `most` characters, and whether that is all of it.
pub(super) fn beginning(text: &str, most: usize) -> (&str, bool) {
    match text.char_indices().nth(most) {
        Some((end, _)) => (text.get(..end).unwrap_or_default(), false),
        None => (text, true),
    }
}

const DAY: i64 = 86_400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "0"),
            (1.0, "1"),
            (0.012_345_67, "0.012346"),
            (-123.456_78, "-123.46"),
            (20_190.0, "20190"),
            (999_999.6, "1000000"),
            (0.999_999_9, "1"),
            (1.5e-9, "1.5e-9"),
            (-2.5e12, "-2.5e12"),
            (f64::MAX, "1.7977e308"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "Infinity"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(number(value), text);
        }
        assert_eq!(
            [exact(0.1 + 0.2), exact(1e300), exact(5e-324)],
            ["0.30000000000000004", "1e300", "5e-324"]
        );
        assert_eq!([count(0), count(999), count(1000), count(1_234_567)], ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([counted(1, "run", "runs"), counted(1000, "run", "runs")], ["1 run", "1,000 runs"]);
    }

    #[test]
    fn times_are_those_of_the_calendar() {
        for seconds in [0, 951_782_400, 1_709_164_800, 4_107_542_400, -1, -62_135_596_800, 1_798_761_599] {
            let own = Timestamp::from_millis(seconds * 1000);
            assert_eq!(machine_time(own), own.to_string().replace(".000Z", "Z"), "{seconds}");
        }
        assert_eq!(time(Timestamp::from_millis(1_700_000_000_999)), "2023-11-14 22:13:20");
        for (milliseconds, text) in [
            (0, "0 ms"),
            (1500, "1.5 s"),
            (59_999, "60 s"),
            (184_000, "3 min 4 s"),
            (7_500_000, "2 h 5 min"),
            (190_800_000, "2 d 5 h"),
            (-1, "-1 ms"),
        ] {
            assert_eq!(duration(milliseconds), text);
        }
        assert_eq!(beginning("äöü", 2), ("äö", false));
        assert_eq!(beginning("äö", 2), ("äö", true));
    }
}
