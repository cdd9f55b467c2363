//! Columns of values, as JSON has them: an object of lists.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::BARE;
use crate::feast::FeastLimits;
use crate::feast::refusal::{Refusal, Result};

/// One value as it was sent.
#[derive(Clone, PartialEq, Debug)]
pub(in crate::feast) enum Sent<'b> {
    Null,
    Bool(bool),
    Int(i64),
    UInt(u64),
    Float(f64),
    Text(Cow<'b, str>),
    /// A bare `NaN`, `Infinity` or `-Infinity`.
    Bare(f64),
    List(Vec<Sent<'b>>),
}

/// Columns of the same length, in the order of the request.
#[derive(Debug)]
pub(in crate::feast) struct Columns<'b> {
    pub(in crate::feast) columns: Vec<(String, Vec<Sent<'b>>)>,
    pub(in crate::feast) rows: usize,
}

impl<'b> Columns<'b> {
    /// Reads the object of the field of this name.
    pub(in crate::feast) fn read(field: &str, json: &'b RawValue, limits: &FeastLimits) -> Result<Self> {
        let left = Cell::new(Some(limits.sent_values));
        let mut reader = serde_json::Deserializer::from_str(json.get());
        let read = Object { left: &left }.deserialize(&mut reader);
        let columns = read.map_err(|cause| match left.get() {
            Some(_) => Refusal::invalid(format!("read request: field {field}: {cause}")),
            None => Refusal::too_large(format!(
                "read request: field {field}: it holds more than the {} values that are taken at once; send fewer rows",
                limits.sent_values
            )),
        })?;
        let rows = columns.first().map_or(0, |(_, values)| values.len());
        for (place, (name, values)) in columns.iter().enumerate() {
            let refuse = |problem: String| {
                let remedy = "send each column once, with a value for each row";
                Err(Refusal::invalid(format!(
                    "read request: field {field}, column {name}: {problem}; {remedy}"
                )))
            };
            if values.len() != rows {
                return refuse(format!("it has {} values, and the first column has {rows}", values.len()));
            }
            if columns.iter().take(place).any(|(other, _)| other == name) {
                return refuse("two columns have this name".to_owned());
            }
        }
        Ok(Self { columns, rows })
    }

    pub(in crate::feast) fn get(&self, name: &str) -> Option<&[Sent<'b>]> {
        self.columns.iter().find(|(own, _)| own == name).map(|(_, values)| values.as_slice())
    }
}

/// Takes one of the values that are left; at the end there is none any more.
fn take<E: serde::de::Error>(left: &Cell<Option<usize>>) -> std::result::Result<(), E> {
    left.set(left.get().and_then(|left| left.checked_sub(1)));
    left.get().map(drop).ok_or_else(|| E::custom("too many values"))
}

struct Object<'l> {
    left: &'l Cell<Option<usize>>,
}

impl<'b> DeserializeSeed<'b> for Object<'_> {
    type Value = Vec<(String, Vec<Sent<'b>>)>;

    fn deserialize<D: Deserializer<'b>>(self, reader: D) -> std::result::Result<Self::Value, D::Error> {
        reader.deserialize_map(self)
    }
}

impl<'b> Visitor<'b> for Object<'_> {
    type Value = Vec<(String, Vec<Sent<'b>>)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with a list of values for each column")
    }

    fn visit_map<A: MapAccess<'b>>(self, mut map: A) -> std::result::Result<Self::Value, A::Error> {
        let mut columns = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            // A name counts, too: so there are not more columns than values either.
            take(self.left)?;
            columns.push((name, map.next_value_seed(List { left: self.left, is_column: true })?));
        }
        Ok(columns)
    }
}

/// A column, or a list in one.
struct List<'l> {
    left: &'l Cell<Option<usize>>,
    is_column: bool,
}

impl<'b> DeserializeSeed<'b> for List<'_> {
    type Value = Vec<Sent<'b>>;

    fn deserialize<D: Deserializer<'b>>(self, reader: D) -> std::result::Result<Self::Value, D::Error> {
        reader.deserialize_seq(self)
    }
}

impl<'b> Visitor<'b> for List<'_> {
    type Value = Vec<Sent<'b>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of values")
    }

    fn visit_seq<A: SeqAccess<'b>>(self, mut list: A) -> std::result::Result<Self::Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) =
            list.next_element_seed(One { left: self.left, is_listable: self.is_column })?
        {
            values.push(value);
        }
        Ok(values)
    }
}

struct One<'l> {
    left: &'l Cell<Option<usize>>,
    /// Whether it may be a list.
    is_listable: bool,
}

impl<'b> DeserializeSeed<'b> for One<'_> {
    type Value = Sent<'b>;

    fn deserialize<D: Deserializer<'b>>(self, reader: D) -> std::result::Result<Self::Value, D::Error> {
        take(self.left)?;
        reader.deserialize_any(self)
    }
}

impl<'b> Visitor<'b> for One<'_> {
    type Value = Sent<'b>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_listable {
            "a number, a text, true, false, null or a list of these"
        } else {
            "a number, a text, true, false or null"
        })
    }

    fn visit_unit<E>(self) -> std::result::Result<Self::Value, E> {
        Ok(Sent::Null)
    }

    fn visit_bool<E>(self, value: bool) -> std::result::Result<Self::Value, E> {
        Ok(Sent::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> std::result::Result<Self::Value, E> {
        Ok(Sent::Int(value))
    }

    fn visit_u64<E>(self, value: u64) -> std::result::Result<Self::Value, E> {
        Ok(i64::try_from(value).map_or(Sent::UInt(value), Sent::Int))
    }

    fn visit_f64<E>(self, value: f64) -> std::result::Result<Self::Value, E> {
        Ok(Sent::Float(value))
    }

    fn visit_borrowed_str<E>(self, text: &'b str) -> std::result::Result<Self::Value, E> {
        Ok(Sent::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> std::result::Result<Self::Value, E> {
        Ok(match text.strip_prefix(BARE).and_then(number_of) {
            Some(bare) => Sent::Bare(bare),
            None => Sent::Text(Cow::Owned(text.to_owned())),
        })
    }

    fn visit_seq<A: SeqAccess<'b>>(self, list: A) -> std::result::Result<Self::Value, A::Error> {
        if !self.is_listable {
            return Err(A::Error::custom("a list within a list is no value of a feature"));
        }
        List { left: self.left, is_column: false }.visit_seq(list).map(Sent::List)
    }
}

/// The number that JSON has no digits for.
pub(super) fn number_of(word: &str) -> Option<f64> {
    match word {
        "NaN" => Some(f64::NAN),
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        _ => None,
    }
}
