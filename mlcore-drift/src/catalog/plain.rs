//! Values as they stand in a configuration, whatever it is written in.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// A value that was written, or the NaN or infinity that stood in its place: JSON has neither, and would read it as missing.
struct Plain(Result<Value, f64>);

impl Plain {
    /// The value, unless it is no number that an option takes; `name` is the option's.
    fn named<E: Error>(self, name: &str) -> Result<Value, E> {
        self.0.map_err(|number| E::custom(format!("{name} is {number}, and must be a finite number")))
    }
}

impl<'de> Deserialize<'de> for Plain {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PlainVisitor).map(Self)
    }
}

/// Names and values, every number of which is finite.
pub(crate) fn names_and_values<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Map<String, Value>, D::Error> {
    deserializer.deserialize_map(NamesAndValues)
}

struct PlainVisitor;

impl<'de> Visitor<'de> for PlainVisitor {
    type Value = Result<Value, f64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of a configuration")
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Self::Value, E> {
        Ok(Ok(flag.into()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Ok(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Ok(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(if number.is_finite() { Ok(number.into()) } else { Err(number) })
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Ok(text.into()))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Ok(Value::Null))
    }

    fn visit_none<E>(self) -> Result<Self::Value, E> {
        Ok(Ok(Value::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let (mut list, mut refused) = (Vec::new(), None);
        while let Some(Plain(item)) = items.next_element()? {
            match item {
                Ok(item) => list.push(item),
                Err(number) => refused = Some(number),
            }
        }
        Ok(refused.map_or(Ok(Value::Array(list)), Err))
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<Self::Value, A::Error> {
        NamesAndValues.visit_map(entries).map(Value::Object).map(Ok)
    }
}

/// Reads names and values.
pub(super) struct NamesAndValues;

impl<'de> Visitor<'de> for NamesAndValues {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("names and values")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut named = Map::new();
        while let Some(name) = entries.next_key::<String>()? {
            let value = entries.next_value::<Plain>()?.named(&name)?;
            named.insert(name, value);
        }
        Ok(named)
    }
}
