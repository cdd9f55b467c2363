use std::fmt;

use half::f16;
use serde::{Deserialize, Serialize, Serializer};

use super::Element;
use crate::exact::named;
use crate::schema::DType;
use crate::time::{Date, DateTime, Time, Timestamp};

/// One raw cell of a table. Borrowed, so that building a row allocates nothing; [`OwnedValue`] is the same, owned.
///
/// Every Rust number, `bool`, text, the types of [`time`](crate::time) and options of them convert into one.
///
/// ```
/// use mlcore::batch::Value;
/// use mlcore::schema::DType;
///
/// let (age, income): (u8, Option<f32>) = (41, None);
/// let row = [age.into(), income.into(), Value::from("free")];
/// assert_eq!(row, [Value::UInt(41), Value::Null, Value::Text("free")]);
/// assert!(row[0].fits(DType::Float32) && !row[2].fits(DType::Float32));
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub enum Value<'a> {
    /// Missing.
    #[default]
    Null,
    /// A truth value.
    Bool(bool),
    /// A signed integer.
    Int(i64),
    /// An unsigned integer.
    UInt(u64),
    /// A float; NaN is a value, not a missing one.
    Float(f64),
    /// Text.
    Text(&'a str),
    /// A day of the calendar.
    Date(Date),
    /// A time of day.
    Time(Time),
    /// A date and a time of day in no particular time zone.
    DateTime(DateTime),
    /// A moment.
    Timestamp(Timestamp),
}

/// One cell of a table that holds its own text: a category, a fill value, what a record brought.
///
/// Serialised, it keeps its type: `"null"`, `{"bool":true}`, `{"int":-3}`, `{"uint":3}`, `{"float":0.5}`,
/// `{"text":"gold"}`, `{"date":"2024-02-29"}`, `{"time":"13:30:00"}`, `{"datetime":"2024-02-29T13:30:00"}`,
/// `{"timestamp":"2024-02-29T12:30:00Z"}`. Integers have all their digits and floats as many as tell them apart;
/// `{"float":"NaN"}` and `{"float":"-Infinity"}` stand for what JSON has no digits for. Stored feature plans, and the
/// digests of their content, are made of it.
///
/// ```
/// use mlcore::batch::{OwnedValue, Value};
///
/// let values = [OwnedValue::from("gold"), OwnedValue::from(u64::MAX), OwnedValue::from(f64::INFINITY)];
/// let json = serde_json::to_string(&values)?;
/// assert_eq!(json, r#"[{"text":"gold"},{"uint":18446744073709551615},{"float":"Infinity"}]"#);
/// assert_eq!(serde_json::from_str::<[OwnedValue; 3]>(&json)?, values);
/// assert_eq!(values[0].as_value(), Value::Text("gold"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OwnedValue {
    /// Missing.
    #[default]
    Null,
    /// A truth value.
    Bool(bool),
    /// A signed integer.
    Int(i64),
    /// An unsigned integer.
    UInt(u64),
    /// A float; NaN is a value, not a missing one.
    Float(#[serde(with = "named")] f64),
    /// Text.
    Text(String),
    /// A day of the calendar.
    Date(Date),
    /// A time of day.
    Time(Time),
    /// A date and a time of day in no particular time zone.
    DateTime(DateTime),
    /// A moment.
    Timestamp(Timestamp),
}

impl<'a> Value<'a> {
    /// Says whether the value is null.
    #[must_use]
    pub const fn is_null(self) -> bool {
        matches!(self, Self::Null)
    }

    /// Says whether the value is null or NaN, which a column of floats calls missing.
    #[must_use]
    pub const fn is_missing(self) -> bool {
        match self {
            Self::Null => true,
            Self::Float(value) => value.is_nan(),
            Self::Bool(_)
            | Self::Int(_)
            | Self::UInt(_)
            | Self::Text(_)
            | Self::Date(_)
            | Self::Time(_)
            | Self::DateTime(_)
            | Self::Timestamp(_) => false,
        }
    }

    /// Says whether the value is a number or a truth value, which counts as 0 or 1 where numbers are computed with.
    #[must_use]
    pub const fn is_number(self) -> bool {
        match self {
            Self::Bool(_) | Self::Int(_) | Self::UInt(_) | Self::Float(_) => true,
            Self::Null
            | Self::Text(_)
            | Self::Date(_)
            | Self::Time(_)
            | Self::DateTime(_)
            | Self::Timestamp(_) => false,
        }
    }

    /// Says whether a column of this type may hold the value. An integer that the type holds exactly may; a float may be
    /// rounded to the width of a float type, but not become infinite; a moment may where it falls on a count of the unit,
    /// in whatever zone; a null may everywhere, because whether it is allowed is a matter of the field.
    #[inline]
    #[must_use]
    pub fn fits(self, dtype: DType) -> bool {
        match (self, dtype) {
            (Self::Null, _)
            | (Self::Float(_), DType::Float64)
            | (Self::Bool(_), DType::Bool)
            | (Self::Text(_), DType::String) => true,
            (Self::Float(_), DType::Float32) => f32::from_value(self).is_some(),
            (Self::Float(_), DType::Float16) => f16::from_value(self).is_some(),
            (value, dtype) => match (value.integer(), dtype.exact_integers()) {
                (Some(integer), Some((low, high))) => (low..=high).contains(&integer),
                _ => value.count_in(dtype).is_some(),
            },
        }
    }

    /// The integer by which a column of this type stores a date, a time or a timestamp: days, or units of the type. `None`
    /// where the value falls between two of them, and for every other value or type.
    #[must_use]
    pub fn count_in(self, dtype: DType) -> Option<i64> {
        match (self, dtype) {
            (Self::Date(date), DType::Date) => Some(date.days().into()),
            (Self::Time(time), DType::Time(unit)) => time.count_in(unit),
            (Self::DateTime(shown), DType::Timestamp(unit, None)) => shown.count_in(unit),
            (Self::Timestamp(moment), DType::Timestamp(unit, Some(_))) => moment.count_in(unit),
            _ => None,
        }
    }

    /// The value as a float: an integer as the nearest one, `true` as 1, a null as NaN. `None` for text, dates and times,
    /// which have no numeric reading.
    #[must_use]
    pub fn as_f64(self) -> Option<f64> {
        match self {
            Self::Null => Some(f64::NAN),
            Self::Bool(value) => Some(value.to_f64()),
            Self::Int(value) => Some(value.to_f64()),
            Self::UInt(value) => Some(value.to_f64()),
            Self::Float(value) => Some(value),
            Self::Text(_) | Self::Date(_) | Self::Time(_) | Self::DateTime(_) | Self::Timestamp(_) => None,
        }
    }

    /// The text of a text.
    #[must_use]
    pub const fn as_str(self) -> Option<&'a str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// The integer of an integer.
    #[inline]
    pub(crate) fn integer(self) -> Option<i128> {
        match self {
            Self::Int(value) => Some(value.into()),
            Self::UInt(value) => Some(value.into()),
            Self::Null
            | Self::Bool(_)
            | Self::Float(_)
            | Self::Text(_)
            | Self::Date(_)
            | Self::Time(_)
            | Self::DateTime(_)
            | Self::Timestamp(_) => None,
        }
    }

    /// What the value is, in a word or two: `null`, `bool`, `integer`, `float`, `text`, `date`, `time of day`, `date and
    /// time`, `timestamp`.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "bool",
            Self::Int(_) | Self::UInt(_) => "integer",
            Self::Float(_) => "float",
            Self::Text(_) => "text",
            Self::Date(_) => "date",
            Self::Time(_) => "time of day",
            Self::DateTime(_) => "date and time",
            Self::Timestamp(_) => "timestamp",
        }
    }

    /// The value as an error names it: what it is and, where that says more, the value itself; a long text is cut.
    ///
    /// ```
    /// use mlcore::batch::Value;
    ///
    /// assert_eq!(Value::Text("4").described().to_string(), r#"text "4""#);
    /// assert_eq!(Value::Null.described().to_string(), "null");
    /// ```
    #[must_use]
    pub fn described(self) -> impl fmt::Display + 'a {
        Described(self)
    }

    /// The same with its own text.
    #[must_use]
    pub fn into_owned(self) -> OwnedValue {
        match self {
            Self::Null => OwnedValue::Null,
            Self::Bool(value) => OwnedValue::Bool(value),
            Self::Int(value) => OwnedValue::Int(value),
            Self::UInt(value) => OwnedValue::UInt(value),
            Self::Float(value) => OwnedValue::Float(value),
            Self::Text(text) => OwnedValue::Text(text.to_owned()),
            Self::Date(date) => OwnedValue::Date(date),
            Self::Time(time) => OwnedValue::Time(time),
            Self::DateTime(shown) => OwnedValue::DateTime(shown),
            Self::Timestamp(moment) => OwnedValue::Timestamp(moment),
        }
    }
}

impl OwnedValue {
    /// The same, borrowing the text.
    #[must_use]
    pub fn as_value(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(*value),
            Self::Int(value) => Value::Int(*value),
            Self::UInt(value) => Value::UInt(*value),
            Self::Float(value) => Value::Float(*value),
            Self::Text(text) => Value::Text(text),
            Self::Date(date) => Value::Date(*date),
            Self::Time(time) => Value::Time(*time),
            Self::DateTime(shown) => Value::DateTime(*shown),
            Self::Timestamp(moment) => Value::Timestamp(*moment),
        }
    }

    /// Says whether the value is null.
    #[must_use]
    pub const fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// As [`Value::is_missing`].
    #[must_use]
    pub fn is_missing(&self) -> bool {
        self.as_value().is_missing()
    }

    /// As [`Value::as_f64`].
    #[must_use]
    pub fn as_f64(&self) -> Option<f64> {
        self.as_value().as_f64()
    }

    /// As [`Value::as_str`].
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        self.as_value().as_str()
    }
}

impl fmt::Display for Value<'_> {
    /// Text in quotes; everything else as it is read back.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => value.fmt(f),
            Self::Int(value) => value.fmt(f),
            Self::UInt(value) => value.fmt(f),
            Self::Float(value) => fmt::Debug::fmt(value, f),
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Date(date) => date.fmt(f),
            Self::Time(time) => time.fmt(f),
            Self::DateTime(shown) => shown.fmt(f),
            Self::Timestamp(moment) => moment.fmt(f),
        }
    }
}

impl fmt::Display for OwnedValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_value().fmt(f)
    }
}

struct Described<'a>(Value<'a>);

impl fmt::Display for Described<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.kind())?;
        match self.0 {
            Value::Null => Ok(()),
            Value::Text(text) => match text.char_indices().nth(LONGEST_SHOWN) {
                Some((end, _)) => write!(f, " {:?}...", &text[..end]),
                None => write!(f, " {text:?}"),
            },
            value => write!(f, " {value}"),
        }
    }
}

const LONGEST_SHOWN: usize = 60;

impl Serialize for Value<'_> {
    /// As a format without types writes it: null, a bool, a number, text; dates and times as text, and floats without
    /// digits by name.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_none(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Int(value) => serializer.serialize_i64(*value),
            Self::UInt(value) => serializer.serialize_u64(*value),
            Self::Float(value) => named::serialize(value, serializer),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Date(date) => date.serialize(serializer),
            Self::Time(time) => time.serialize(serializer),
            Self::DateTime(shown) => shown.serialize(serializer),
            Self::Timestamp(moment) => moment.serialize(serializer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{TimeUnit, TimeZone};

    #[test]
    fn integers_fit_where_nothing_is_lost() {
        assert!(Value::Int(-1).fits(DType::Int8) && !Value::Int(-1).fits(DType::UInt64));
        assert!(Value::Int(1 << 24).fits(DType::Float32) && !Value::Int((1 << 24) + 1).fits(DType::Float32));
        assert!(Value::UInt(u64::MAX).fits(DType::UInt64) && !Value::UInt(u64::MAX).fits(DType::Int64));
        assert!(!Value::Int(1).fits(DType::Bool) && !Value::Bool(true).fits(DType::Int8));
    }

    #[test]
    fn a_float_is_rounded_but_never_becomes_infinite() {
        for (value, dtype, expected) in [
            (0.1, DType::Float32, true),
            (1e300, DType::Float32, false),
            (1e300, DType::Float64, true),
            (f64::INFINITY, DType::Float16, true),
            (f64::NAN, DType::Float16, true),
            (70_000.0, DType::Float16, false),
            (1.0, DType::Int64, false),
        ] {
            assert_eq!(Value::Float(value).fits(dtype), expected, "{value} {dtype}");
        }
    }

    #[test]
    fn moments_fit_their_unit_and_only_where_a_zone_is_or_is_not() {
        let (utc, naive) = (
            DType::Timestamp(TimeUnit::Second, Some(TimeZone::UTC)),
            DType::Timestamp(TimeUnit::Second, None),
        );
        let berlin = DType::Timestamp(TimeUnit::Millisecond, Some(TimeZone::new("Europe/Berlin").unwrap()));
        let moment = Value::from(Timestamp::from_millis(1_500));
        assert!(!moment.fits(utc) && moment.fits(berlin) && !moment.fits(naive));
        let shown = Value::from(DateTime::from_millis(2_000));
        assert!(shown.fits(naive) && !shown.fits(utc) && !shown.fits(DType::Date));
        assert!(Value::from(Date::MAX).fits(DType::Date) && !Value::from(Date::MAX).fits(DType::Int32));
        let time = Value::from("00:00:00.5".parse::<Time>().unwrap());
        assert!(time.fits(DType::Time(TimeUnit::Millisecond)) && !time.fits(DType::Time(TimeUnit::Second)));
        assert!(!Value::from(Timestamp::new(i64::MAX, TimeUnit::Second)).fits(berlin));
    }

    #[test]
    fn an_owned_value_reads_what_it_wrote() {
        for (value, json) in [
            (OwnedValue::Null, r#""null""#),
            (OwnedValue::from(true), r#"{"bool":true}"#),
            (OwnedValue::from(i64::MIN), r#"{"int":-9223372036854775808}"#),
            (OwnedValue::from(u64::MAX), r#"{"uint":18446744073709551615}"#),
            (OwnedValue::from(-0.0), r#"{"float":-0.0}"#),
            (OwnedValue::from(f64::INFINITY), r#"{"float":"Infinity"}"#),
            (OwnedValue::from("é\""), r#"{"text":"é\""}"#),
            (OwnedValue::from(Date::from_days(0)), r#"{"date":"1970-01-01"}"#),
            (OwnedValue::from(Time::MIDNIGHT), r#"{"time":"00:00:00"}"#),
            (OwnedValue::from(DateTime::from_millis(1)), r#"{"datetime":"1970-01-01T00:00:00.001"}"#),
            (OwnedValue::from(Timestamp::from_micros(-1)), r#"{"timestamp":"1969-12-31T23:59:59.999999Z"}"#),
        ] {
            assert_eq!(serde_json::to_string(&value).unwrap(), json);
            assert_eq!(serde_json::from_str::<OwnedValue>(json).unwrap(), value);
        }
        let nan = serde_json::to_string(&OwnedValue::from(f64::NAN)).unwrap();
        assert_eq!(nan, r#"{"float":"NaN"}"#);
        assert!(serde_json::from_str::<OwnedValue>(&nan).unwrap().as_f64().unwrap().is_nan());
        assert!(serde_json::from_str::<OwnedValue>(r#"{"int":1.5}"#).is_err());
    }

    #[test]
    fn errors_show_what_a_value_is_and_cut_long_texts() {
        let long = "é".repeat(100);
        for (value, expected) in [
            (Value::Null, "null".to_owned()),
            (Value::Int(-3), "integer -3".to_owned()),
            (Value::Float(1.0), "float 1.0".to_owned()),
            (Value::from(Date::from_days(0)), "date 1970-01-01".to_owned()),
            (Value::Text(&long), format!("text \"{}\"...", "é".repeat(60))),
        ] {
            assert_eq!(value.described().to_string(), expected);
        }
    }
}
