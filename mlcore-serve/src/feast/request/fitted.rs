//! Values in the type that a feature or a key has.

use mlcore::batch::Value;
use mlcore::schema::DType;
use mlcore::time::{DateTime, TimeUnit, Timestamp};

use super::columns::{Sent, number_of};
use super::moments::moment;

impl Sent<'_> {
    /// The value as one of this type; `None` where it is none, or where something would be lost. An integer becomes a float, rounded, and
    /// seconds where the type is a timestamp. A bare NaN is missing, as in a table of pandas.
    pub(in crate::feast) fn fitted(&self, dtype: DType) -> Option<Value<'_>> {
        let value = match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(*value),
            Self::Int(value) => match dtype {
                DType::Timestamp(..) => instant(Timestamp::new(*value, TimeUnit::Second), dtype),
                dtype if dtype.is_float() => Value::Float(*value as f64),
                _ => Value::Int(*value),
            },
            Self::UInt(value) if dtype.is_float() => Value::Float(*value as f64),
            Self::UInt(value) => Value::UInt(*value),
            Self::Float(value) if dtype.is_integer() => whole(*value)?,
            Self::Float(value) => Value::Float(*value),
            Self::Bare(value) if value.is_nan() => Value::Null,
            Self::Bare(value) if dtype.is_float() => Value::Float(*value),
            Self::Bare(_) | Self::List(_) => return None,
            Self::Text(text) => match dtype {
                DType::Timestamp(..) => instant(moment(text)?, dtype),
                DType::Date => Value::Date(text.parse().ok()?),
                DType::Time(_) => Value::Time(text.parse().ok()?),
                dtype if dtype.is_float() => Value::Float(number_of(text)?),
                _ => Value::Text(text),
            },
        };
        value.fits(dtype).then_some(value)
    }

    /// What it is, as an error names it.
    pub(in crate::feast) fn described(&self) -> String {
        match self {
            Self::Null => Value::Null.described().to_string(),
            Self::Bool(value) => Value::Bool(*value).described().to_string(),
            Self::Int(value) => Value::Int(*value).described().to_string(),
            Self::UInt(value) => Value::UInt(*value).described().to_string(),
            Self::Float(value) | Self::Bare(value) => Value::Float(*value).described().to_string(),
            Self::Text(text) => Value::Text(text).described().to_string(),
            Self::List(values) => format!("a list of {}", values.len()),
        }
    }
}

/// The moment as the type has it: with a time zone, or without one in UTC.
fn instant(moment: Timestamp, dtype: DType) -> Value<'static> {
    match dtype {
        DType::Timestamp(_, None) => Value::DateTime(DateTime::new(moment.count(), moment.unit())),
        _ => Value::Timestamp(moment),
    }
}

/// A float without a fraction, as far as floats tell integers apart.
fn whole(float: f64) -> Option<Value<'static>> {
    (float.fract() == 0.0 && float.abs() <= LARGEST_EXACT).then_some(Value::Int(float as i64))
}

/// 2^53: beyond, a float stands for several integers.
const LARGEST_EXACT: f64 = 9_007_199_254_740_992.0;
