//! How values are spelled as categories: one text for one value, whatever type the column came in.

use std::fmt::Write;

use mlcore::arrow::datatypes::DataType;
use serde::{Deserialize, Serialize};

/// What the values of a categorical sample were before they became text, which decides how truth values are spelled.
///
/// A column of truth values and a column of zeros and ones are the same column: libraries change one into the other where
/// a value is missing, in files without types, and by arithmetic. So `true` is 1 beside numbers, and 1 is `true` beside
/// truth values.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Spelling {
    /// Text, which stands for itself.
    #[default]
    Text,
    /// Truth values: `true` and `false`.
    Boolean,
    /// Numbers, with all the digits that tell them apart.
    Number,
}

impl Spelling {
    /// The spelling of a column of this type.
    pub(super) fn of(data_type: &DataType) -> Self {
        match data_type {
            DataType::Boolean => Self::Boolean,
            DataType::Dictionary(_, values) => Self::of(values),
            other if other.is_numeric() => Self::Number,
            _ => Self::Text,
        }
    }

    /// A truth value.
    pub(crate) fn truth(self, flag: bool) -> &'static str {
        match (self, flag) {
            (Self::Number, true) => "1",
            (Self::Number, false) => "0",
            (Self::Text | Self::Boolean, true) => "true",
            (Self::Text | Self::Boolean, false) => "false",
        }
    }

    /// A category that is spelled as `from` says.
    pub(crate) fn respelled(self, from: Self, text: &str) -> &str {
        if !self.respells(from) {
            return text;
        }
        [true, false].into_iter().find(|flag| from.truth(*flag) == text).map_or(text, |flag| self.truth(flag))
    }

    /// Whether any category that is spelled as `from` says has another text here.
    pub(super) fn respells(self, from: Self) -> bool {
        matches!((self, from), (Self::Boolean, Self::Number) | (Self::Number, Self::Boolean))
    }
}

/// Appends a number: the shortest digits that read back as the same float, and every digit of a whole one, so that an
/// integer column and a float column spell it alike. -0 is 0.
pub(crate) fn write_float(text: &mut String, value: f64) {
    let is_whole = value.fract() == 0.0 && (ALL_WHOLE..MOST_DIGITS).contains(&value.abs());
    // Writing to a String does not fail. Adding zero turns -0 into 0 and nothing else.
    let _ = match value {
        whole if is_whole => write!(text, "{whole:.0}"),
        huge if huge.is_finite() && huge.abs() >= MOST_DIGITS => write!(text, "{huge:e}"),
        other => write!(text, "{}", other + 0.0),
    };
}

/// As [`write_float`].
pub(crate) fn float_text(value: f64) -> String {
    let mut text = String::new();
    write_float(&mut text, value);
    text
}

/// A decimal number without the zeros that its scale adds: 1.50 is 1.5.
pub(super) fn decimal_text(digits: &str) -> &str {
    let short = match digits.contains('.') {
        true => digits.trim_end_matches('0').trim_end_matches('.'),
        false => digits,
    };
    if short == "-0" { "0" } else { short }
}

/// From here on every float is whole, and its shortest digits are not all of them.
const ALL_WHOLE: f64 = 9_007_199_254_740_992.0;
/// Larger numbers than the largest decimal are written by their exponent.
const MOST_DIGITS: f64 = 1e77;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_has_one_text() {
        let cases: [(f64, &str); 8] = [
            (1.0, "1"),
            (-0.0, "0"),
            (0.1, "0.1"),
            (9_007_199_254_740_992.0, "9007199254740992"),
            (1_152_921_504_606_846_976.0, "1152921504606846976"),
            (-9_223_372_036_854_775_808.0, "-9223372036854775808"),
            (1e300, "1e300"),
            (f64::NEG_INFINITY, "-inf"),
        ];
        for (value, text) in cases {
            assert_eq!(float_text(value), text);
        }
        for (digits, text) in
            [("1.50", "1.5"), ("-0.00", "0"), ("100", "100"), ("100.00", "100"), ("0.10", "0.1")]
        {
            assert_eq!(decimal_text(digits), text);
        }
    }
}
