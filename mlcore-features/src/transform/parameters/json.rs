//! Parameters in JSON: null, a truth value, a number, a text, a list; and an object of them by name.

use std::fmt;

use mlcore::batch::OwnedValue;
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Parameter, Parameters};

impl Serialize for Parameter {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Value(OwnedValue::Null) => serializer.serialize_none(),
            Self::Value(OwnedValue::Bool(value)) => serializer.serialize_bool(*value),
            Self::Value(OwnedValue::Int(value)) => serializer.serialize_i64(*value),
            Self::Value(OwnedValue::UInt(value)) => serializer.serialize_u64(*value),
            Self::Value(OwnedValue::Float(value)) => mlcore::exact::serialize(value, serializer),
            Self::Value(OwnedValue::Text(text)) => serializer.serialize_str(text),
            // JSON has no digits for it, or no type: it says its own.
            Self::Value(value) => value.serialize(serializer),
            Self::List(values) => serializer.collect_seq(values),
        }
    }
}

impl<'de> Deserialize<'de> for Parameter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any)
    }
}

impl Serialize for Parameters {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Parameters {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Named)
    }
}

struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = Parameter;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, a bool, text, None or a list of these")
    }

    fn visit_unit<E>(self) -> Result<Parameter, E> {
        Ok(Parameter::Value(OwnedValue::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Parameter, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Parameter, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Parameter, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Parameter, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, text: &str) -> Result<Parameter, E> {
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Parameter, A::Error> {
        let mut list = Vec::new();
        while let Some(value) = values.next_element::<Parameter>()? {
            list.push(value);
        }
        Ok(Parameter::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<Parameter, A::Error> {
        OwnedValue::deserialize(MapAccessDeserializer::new(entries)).map(Parameter::Value)
    }
}

struct Named;

impl<'de> Visitor<'de> for Named {
    type Value = Parameters;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("parameters by name")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Parameters, A::Error> {
        let mut values = Vec::new();
        while let Some(entry) = entries.next_entry::<String, Parameter>()? {
            values.push(entry);
        }
        Ok(Parameters { values })
    }
}
