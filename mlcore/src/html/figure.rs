//! Numbers as people read them.

use std::fmt;

/// A count with separators: `20,190`.
#[must_use]
pub fn count(count: u64) -> String {
    Grouped(count).to_string()
}

/// A number to about four significant digits: `0.01235`, `1,235`, `1.2e9`; `-` for none.
#[must_use]
pub fn compact(value: impl Into<Option<f64>>) -> String {
    let Some(value) = value.into().filter(|value| !value.is_nan()) else { return "-".to_owned() };
    let size = value.abs();
    if size == 0.0 {
        return "0".to_owned();
    }
    if !(1e-4..1e7).contains(&size) {
        return if size.is_finite() { format!("{value:.2e}") } else { format!("{value}") };
    }
    if size >= 10_000.0 {
        let sign = if value < 0.0 { "-" } else { "" };
        return format!("{sign}{}", count(size.round() as u64));
    }
    let decimals = match size {
        s if s >= 1000.0 => 0,
        s if s >= 100.0 => 1,
        s if s >= 10.0 => 2,
        s if s >= 1.0 => 3,
        s if s >= 0.1 => 4,
        _ => 5,
    };
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// A share as a percentage that never rounds something to nothing: `12 %`, `3.4 %`, `< 0.01 %`.
#[must_use]
pub fn percent(share: f64) -> String {
    if share.is_nan() { "-".to_owned() } else { Percent(share).to_string() }
}

/// A share as a percentage that never rounds something to nothing.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Percent(pub f64);

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = self.0 * 100.0;
        match percent.abs() {
            0.0 => f.write_str("0 %"),
            p if p < 0.01 => f.write_str("< 0.01 %"),
            p if p < 1.0 => write!(f, "{percent:.2} %"),
            p if p < 10.0 => write!(f, "{percent:.1} %"),
            _ => write!(f, "{percent:.0} %"),
        }
    }
}

/// A count with separators: `20,190`.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Grouped(pub u64);

impl fmt::Display for Grouped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            few @ 0..1000 => write!(f, "{few}"),
            many => write!(f, "{},{:03}", Self(many / 1000), many % 1000),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!([count(0), count(999), count(1000), count(1_234_567)], ["0", "999", "1,000", "1,234,567"]);
        for (value, text) in [
            (0.0, "0"),
            (1.0, "1"),
            (-2.5, "-2.5"),
            (0.012_345_6, "0.01235"),
            (123.456, "123.5"),
            (9999.4, "9999"),
            (-20_190.0, "-20,190"),
            (1.5e-9, "1.50e-9"),
            (2e12, "2.00e12"),
            (f64::INFINITY, "inf"),
            (f64::NAN, "-"),
        ] {
            assert_eq!(compact(value), text);
        }
        assert_eq!(compact(None), "-");
        assert_eq!(
            [percent(0.0), percent(1e-9), percent(0.034), percent(1.0)],
            ["0 %", "< 0.01 %", "3.4 %", "100 %"]
        );
    }
}
