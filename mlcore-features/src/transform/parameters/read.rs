//! From names and values to a specification, through its own `Deserialize`.

use std::fmt;

use mlcore::batch::OwnedValue;
use serde::de::value::{SeqDeserializer, StrDeserializer};
use serde::de::{
    self, DeserializeSeed, Deserializer, Expected, IntoDeserializer, MapAccess, Unexpected, Visitor,
};
use serde::forward_to_deserialize_any;

use super::{Parameter, Parameters};

/// Why parameters were refused.
#[derive(Debug)]
pub(super) struct Refused {
    /// The parameter that it is about, once that is known.
    pub(super) parameter: Option<String>,
    pub(super) problem: String,
    pub(super) remedy: Option<String>,
}

/// Reads a specification from all its parameters.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a>(pub(super) &'a Parameters);

impl<'de> Deserializer<'de> for Reader<'de> {
    type Error = Refused;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_map(Entries { rest: self.0.values.iter(), current: None })
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct newtype_struct
        seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

struct Entries<'a> {
    rest: std::slice::Iter<'a, (String, Parameter)>,
    current: Option<&'a (String, Parameter)>,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Refused;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Refused> {
        self.current = self.rest.next();
        let key = |(name, _): &'de (String, Parameter)| seed.deserialize(StrDeserializer::new(name));
        self.current.map(key).transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Refused> {
        let Some((name, value)) = self.current else {
            return Err(de::Error::custom("a value was asked for before its name"));
        };
        seed.deserialize(One(value)).map_err(|refused| Refused { parameter: Some(name.clone()), ..refused })
    }
}

/// Reads one value.
#[derive(Clone, Copy)]
struct One<'a>(&'a Parameter);

impl<'de> IntoDeserializer<'de, Refused> for One<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for One<'de> {
    type Error = Refused;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        match self.0 {
            Parameter::Value(OwnedValue::Null) => visitor.visit_unit(),
            Parameter::Value(OwnedValue::Bool(value)) => visitor.visit_bool(*value),
            Parameter::Value(OwnedValue::Int(value)) => visitor.visit_i64(*value),
            Parameter::Value(OwnedValue::UInt(value)) => visitor.visit_u64(*value),
            Parameter::Value(OwnedValue::Float(value)) => visitor.visit_f64(*value),
            Parameter::Value(OwnedValue::Text(text)) => visitor.visit_borrowed_str(text),
            Parameter::Value(_) => Err(de::Error::custom(self.0.is_not("a number, a bool or text"))),
            Parameter::List(values) => {
                let mut list = SeqDeserializer::new(values.iter().map(One));
                let value = visitor.visit_seq(&mut list)?;
                list.end()?;
                Ok(value)
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        match self.0 {
            Parameter::Value(OwnedValue::Null) => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        words: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        match self.0.as_text() {
            Some(word) => visitor.visit_enum(word.into_deserializer()),
            None => Err(Refused {
                remedy: Some(format!("use one of {}", words.join(", "))),
                ..de::Error::custom(self.0.is_not("text"))
            }),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Refused> {
        match self.0 {
            Parameter::List(values) if values.len() != length => {
                Err(de::Error::invalid_length(values.len(), &visitor))
            }
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf unit unit_struct
        seq tuple_struct map struct identifier ignored_any
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problem)
    }
}

impl std::error::Error for Refused {}

impl de::Error for Refused {
    fn custom<T: fmt::Display>(problem: T) -> Self {
        Self { parameter: None, problem: problem.to_string(), remedy: None }
    }

    fn invalid_type(got: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::custom(format!("{} is expected, got {}", words(expected), shown(got)))
    }

    fn invalid_value(got: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(got, expected)
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        let values = if length == 1 { "value" } else { "values" };
        Self::custom(format!("{} is expected, got {length} {values}", words(expected)))
    }

    fn unknown_variant(word: &str, known: &'static [&'static str]) -> Self {
        Self {
            remedy: Some(format!("use one of {}", known.join(", "))),
            ..Self::custom(format!("{word:?} is not known"))
        }
    }

    fn unknown_field(name: &str, known: &'static [&'static str]) -> Self {
        let remedy = match known {
            [] => "leave it out: the transformer has no parameters".to_owned(),
            known => format!("use one of {}", known.join(", ")),
        };
        Self {
            parameter: Some(name.to_owned()),
            remedy: Some(remedy),
            ..Self::custom("there is no such parameter")
        }
    }

    fn duplicate_field(name: &'static str) -> Self {
        Self { parameter: Some(name.to_owned()), ..Self::custom("the parameter is given twice") }
    }
}

/// What serde expects, in words that a user of Python knows.
fn words(expected: &dyn Expected) -> String {
    let told = expected.to_string();
    let word = match told.as_str() {
        "a boolean" => "a bool",
        "f32" | "f64" => "a number",
        "i8" | "i16" | "i32" | "i64" => "an integer",
        "u32" => "an integer from 0 to 2^32 - 1",
        "u8" | "u16" | "u64" | "usize" => "an integer that is not negative",
        "a string" => "text",
        "a sequence" => "a list",
        "a tuple of size 2" => "a pair",
        _ => return told,
    };
    word.to_owned()
}

fn shown(got: Unexpected<'_>) -> String {
    match got {
        Unexpected::Unit => "None".to_owned(),
        Unexpected::Bool(value) => Parameter::from(value).to_string(),
        Unexpected::Signed(value) => value.to_string(),
        Unexpected::Unsigned(value) => value.to_string(),
        Unexpected::Float(value) => Parameter::from(value).to_string(),
        Unexpected::Str(text) => format!("{text:?}"),
        Unexpected::Seq => "a list".to_owned(),
        other => other.to_string(),
    }
}
