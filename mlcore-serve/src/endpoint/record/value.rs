//! Values in the JSON of a record: as they are where JSON has their type, and otherwise under the name of their type, as
//! [`OwnedValue`] writes them. `"2024-02-29"` is a text and `{"date":"2024-02-29"}` a date; `{"float":"NaN"}` is a float.

use std::fmt;

use mlcore::batch::{OwnedValue, Value};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// A value that is written.
pub(crate) struct Written<'a>(pub(crate) Value<'a>);

impl Serialize for Written<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Float(value) if !value.is_finite() => self.0.into_owned().serialize(serializer),
            Value::Null
            | Value::Bool(_)
            | Value::Int(_)
            | Value::UInt(_)
            | Value::Float(_)
            | Value::Text(_) => self.0.serialize(serializer),
            typed => typed.into_owned().serialize(serializer),
        }
    }
}

/// A value that is read; an integer is signed where 64 bits with a sign hold it.
pub(crate) struct Read(pub(crate) OwnedValue);

impl<'de> Deserialize<'de> for Read {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ReadVisitor).map(Self)
    }
}

struct ReadVisitor;

impl<'de> Visitor<'de> for ReadVisitor {
    type Value = OwnedValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("null, a bool, a number, text, or an object such as {\"date\": \"2024-02-29\"}")
    }

    fn visit_unit<E>(self) -> Result<OwnedValue, E> {
        Ok(OwnedValue::Null)
    }

    fn visit_none<E>(self) -> Result<OwnedValue, E> {
        Ok(OwnedValue::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<OwnedValue, E> {
        Ok(OwnedValue::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<OwnedValue, E> {
        Ok(OwnedValue::Int(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<OwnedValue, E> {
        Ok(i64::try_from(value).map_or(OwnedValue::UInt(value), OwnedValue::Int))
    }

    fn visit_f64<E>(self, value: f64) -> Result<OwnedValue, E> {
        Ok(OwnedValue::Float(value))
    }

    fn visit_str<E>(self, text: &str) -> Result<OwnedValue, E> {
        Ok(OwnedValue::Text(text.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<OwnedValue, A::Error> {
        OwnedValue::deserialize(MapAccessDeserializer::new(entries))
    }
}
