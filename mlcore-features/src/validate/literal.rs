//! Values as suites write them.

use std::cmp::Ordering;
use std::fmt;

use mlcore::batch::{OwnedValue, Value};
use mlcore::schema::DType;
use mlcore::time::{Date, DateTime, Time, TimeUnit, Timestamp};
use serde::{Deserialize, Serialize};

/// A value in a suite, as JSON and TOML write it. Dates and times are text, which is read by the type of the column.
///
/// ```
/// use mlcore_features::validate::Literal;
///
/// let set: Vec<Literal> = serde_json::from_str(r#"[true, 3, 0.5, "gold"]"#)?;
/// assert_eq!(set, [Literal::from(true), 3.into(), 0.5.into(), "gold".into()]);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Literal {
    /// A truth value.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// An integer past the largest signed one. TOML cannot write it.
    UInt(u64),
    /// A finite float.
    Float(f64),
    /// Text; also a date, a time or a timestamp.
    Text(String),
}

impl Literal {
    /// Whether JSON and TOML can write it and read it back.
    pub(super) fn is_finite(&self) -> bool {
        !matches!(self, Self::Float(value) if !value.is_finite())
    }

    /// The value in a column of this type, or what is wrong with it.
    pub(super) fn in_column(&self, dtype: DType) -> Result<OwnedValue, String> {
        let value = match (self, dtype) {
            (Self::Bool(value), DType::Bool) => Some(OwnedValue::Bool(*value)),
            (Self::Int(value), dtype) if dtype.is_numeric() => Some(OwnedValue::Int(*value)),
            (Self::UInt(value), dtype) if dtype.is_numeric() => Some(OwnedValue::UInt(*value)),
            (Self::Float(value), dtype) if dtype.is_numeric() => Some(OwnedValue::Float(*value)),
            (Self::Text(text), DType::String) => Some(OwnedValue::Text(text.clone())),
            (Self::Text(text), DType::Date) => text.parse::<Date>().ok().map(OwnedValue::Date),
            (Self::Text(text), DType::Time(_)) => text.parse::<Time>().ok().map(OwnedValue::Time),
            (Self::Text(text), DType::Timestamp(_, None)) => shown(text).map(OwnedValue::DateTime),
            (Self::Text(text), DType::Timestamp(_, Some(_))) => {
                text.parse::<Timestamp>().ok().map(OwnedValue::Timestamp)
            }
            _ => None,
        };
        value.ok_or_else(|| {
            let expected = match dtype {
                DType::Date => "a date such as \"2024-02-29\"",
                DType::Time(_) => "a time of day such as \"13:30:00\"",
                DType::Timestamp(_, None) => "a date and a time such as \"2024-02-29T13:30:00\"",
                DType::Timestamp(_, Some(_)) => "a moment with its zone such as \"2024-02-29T13:30:00Z\"",
                DType::Bool => "true or false",
                DType::String => "text",
                _ => "a number",
            };
            format!("{self} is no value of a column of type {dtype}, which needs {expected}")
        })
    }
}

/// A date and a time, or the midnight that a date begins with.
fn shown(text: &str) -> Option<DateTime> {
    let text = text.trim();
    if let Ok(date) = text.parse::<Date>() {
        return Some(DateTime::new(i64::from(date.days()) * 86_400, TimeUnit::Second));
    }
    text.parse().or_else(|_| text.replacen(' ', "T", 1).parse()).ok()
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => value.fmt(f),
            Self::Int(value) => value.fmt(f),
            Self::UInt(value) => value.fmt(f),
            Self::Float(value) => fmt::Debug::fmt(value, f),
            Self::Text(text) => fmt::Debug::fmt(text, f),
        }
    }
}

macro_rules! from {
    ($($variant:ident $type:ty: $($from:ty)+;)+) => {
        $($(impl From<$from> for Literal {
            fn from(value: $from) -> Self {
                Self::$variant(<$type>::from(value))
            }
        })+)+
    };
}
from! {
    Bool bool: bool;
    Int i64: i8 i16 i32 i64 u8 u16 u32;
    Float f64: f32 f64;
    Text String: &str String;
}

impl From<u64> for Literal {
    fn from(value: u64) -> Self {
        i64::try_from(value).map_or(Self::UInt(value), Self::Int)
    }
}

impl From<OwnedValue> for Literal {
    /// A null becomes the text `null`; a date or a time becomes its text.
    fn from(value: OwnedValue) -> Self {
        match value {
            OwnedValue::Bool(value) => Self::Bool(value),
            OwnedValue::Int(value) => Self::Int(value),
            OwnedValue::UInt(value) => value.into(),
            OwnedValue::Float(value) => Self::Float(value),
            OwnedValue::Text(text) => Self::Text(text),
            other => Self::Text(other.to_string()),
        }
    }
}

/// How two values compare: numbers exactly, whatever their types; text by code points; `None` where they have no order, as
/// NaN has none, or are of different kinds.
pub(super) fn compare(a: Value<'_>, b: Value<'_>) -> Option<Ordering> {
    match (a, b) {
        (Value::Text(a), Value::Text(b)) => Some(a.cmp(b)),
        (Value::Date(a), Value::Date(b)) => Some(a.cmp(&b)),
        (Value::Time(a), Value::Time(b)) => Some(a.cmp(&b)),
        (Value::DateTime(a), Value::DateTime(b)) => Some(a.cmp(&b)),
        (Value::Timestamp(a), Value::Timestamp(b)) => Some(a.cmp(&b)),
        (Value::Float(a), Value::Float(b)) => a.partial_cmp(&b),
        (Value::Float(a), b) => compare_float(a, integer(b)?),
        (a, Value::Float(b)) => compare_float(b, integer(a)?).map(Ordering::reverse),
        (a, b) => Some(integer(a)?.cmp(&integer(b)?)),
    }
}

/// The integer of an integer, and 0 or 1 for a truth value.
pub(super) fn integer(value: Value<'_>) -> Option<i128> {
    match value {
        Value::Bool(value) => Some(value.into()),
        Value::Int(value) => Some(value.into()),
        Value::UInt(value) => Some(value.into()),
        _ => None,
    }
}

fn compare_float(float: f64, integer: i128) -> Option<Ordering> {
    if float.is_nan() {
        return None;
    }
    // The cast saturates, and 64-bit integers are far within 128 bits.
    let whole = (float.floor() as i128).cmp(&integer);
    Some(if whole == Ordering::Equal && float.fract() != 0.0 { Ordering::Greater } else { whole })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_all_types_compare_exactly() {
        let large = (1_i64 << 53) + 1;
        for (a, b, expected) in [
            (Value::Int(large), Value::Float(9_007_199_254_740_992.0), Some(Ordering::Greater)),
            (Value::UInt(u64::MAX), Value::Int(-1), Some(Ordering::Greater)),
            (Value::Float(2.5), Value::Int(2), Some(Ordering::Greater)),
            (Value::Float(-2.5), Value::Int(-2), Some(Ordering::Less)),
            (Value::Float(-3.0), Value::Int(-3), Some(Ordering::Equal)),
            (Value::Float(f64::INFINITY), Value::UInt(u64::MAX), Some(Ordering::Greater)),
            (Value::Float(f64::NAN), Value::Int(0), None),
            (Value::Bool(true), Value::Float(1.0), Some(Ordering::Equal)),
            (Value::Text("a"), Value::Int(1), None),
            (Value::Null, Value::Null, None),
        ] {
            assert_eq!(compare(a, b), expected, "{a} {b}");
            assert_eq!(compare(b, a), expected.map(Ordering::reverse), "{b} {a}");
        }
    }

    #[test]
    fn a_literal_is_read_by_the_type_of_its_column() {
        let shown = DType::Timestamp(TimeUnit::Millisecond, None);
        let midnight = Literal::from("2024-03-01").in_column(shown).unwrap();
        assert_eq!(midnight, Literal::from("2024-03-01 00:00:00").in_column(shown).unwrap());
        assert!(matches!(Literal::from("2024-03-01").in_column(DType::Date), Ok(OwnedValue::Date(_))));
        let error = Literal::from("soon").in_column(DType::Date).unwrap_err();
        assert!(error.contains("\"soon\" is no value of a column of type date"), "{error}");
        assert!(Literal::from(1).in_column(DType::String).is_err());
        assert_eq!(Literal::from(u64::MAX).in_column(DType::UInt64), Ok(OwnedValue::UInt(u64::MAX)));
    }
}
