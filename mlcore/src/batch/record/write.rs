//! A record from what serde serialises: a struct or a map at the top, plain values in it.

use std::fmt::{self, Display, Write};

use serde::ser::{Error as _, Impossible, Serialize, SerializeMap, SerializeStruct, Serializer};

use super::{Columns, READ, REFUSED, Record};
use crate::batch::Value;
use crate::error::Error;

/// Why a record was not taken, as serde passes it on.
#[derive(Debug)]
pub(super) struct Refused(String);

impl Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

impl serde::ser::Error for Refused {
    fn custom<T: Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

type Result<T> = std::result::Result<T, Refused>;

/// Writes a struct or a map into the record.
pub(super) fn record<T: Serialize + ?Sized>(from: &T, columns: &Columns, record: &mut Record) -> Result<()> {
    from.serialize(Plain(WholeRecord(Place { columns, record })))
}

/// A place of a record that takes some of what serde knows, and refuses the rest by name.
trait Sink: Sized {
    type Taken;
    /// What takes the pairs of a struct or a map; nothing where one is refused.
    type Pairs: SerializeMap<Ok = Self::Taken, Error = Refused>
        + SerializeStruct<Ok = Self::Taken, Error = Refused>;

    fn value(self, value: Value<'_>) -> Result<Self::Taken>;
    fn pairs(self) -> Result<Self::Pairs>;
    fn refused(self, what: &str) -> Refused;
}

/// Where a record is written.
struct Place<'r> {
    columns: &'r Columns,
    record: &'r mut Record,
}

impl Place<'_> {
    fn malformed(self, problem: String) -> Refused {
        self.record.fail(Error::invalid_input(READ, "", problem), Refused::custom(REFUSED))
    }
}

/// The top of a record.
struct WholeRecord<'r>(Place<'r>);

impl<'r> Sink for WholeRecord<'r> {
    type Taken = ();
    type Pairs = Pairs<'r>;

    fn value(self, value: Value<'_>) -> Result<()> {
        Err(self.refused(value.kind()))
    }

    fn pairs(self) -> Result<Pairs<'r>> {
        Ok(Pairs { place: self.0, position: None })
    }

    fn refused(self, what: &str) -> Refused {
        self.0.malformed(format!("a struct or a map of names and values is expected, and it is {what}"))
    }
}

/// The value of a column.
struct Cell<'r>(Place<'r>, usize);

impl Sink for Cell<'_> {
    type Taken = ();
    type Pairs = Impossible<(), Refused>;

    fn value(self, value: Value<'_>) -> Result<()> {
        let Self(Place { columns, record }, position) = self;
        columns.put(record, position, value).map_err(|error| record.fail(error, Refused::custom(REFUSED)))
    }

    fn pairs(self) -> Result<Self::Pairs> {
        Err(self.refused("an object"))
    }

    fn refused(self, what: &str) -> Refused {
        let Self(Place { columns, record }, position) = self;
        record.fail(columns.nested(position, what), Refused::custom(REFUSED))
    }
}

/// A name, which becomes the position of its column without being kept.
struct Name<'r>(Place<'r>);

impl Sink for Name<'_> {
    type Taken = Option<usize>;
    type Pairs = Impossible<Option<usize>, Refused>;

    fn value(self, value: Value<'_>) -> Result<Option<usize>> {
        let Some(name) = value.as_str() else { return Err(self.refused(value.kind())) };
        let Place { columns, record } = self.0;
        columns.find(record, name).map_err(|error| record.fail(error, Refused::custom(REFUSED)))
    }

    fn pairs(self) -> Result<Self::Pairs> {
        Err(self.refused("an object"))
    }

    fn refused(self, what: &str) -> Refused {
        self.0.malformed(format!("names are text, and one is {what}"))
    }
}

/// The names and values of a record.
struct Pairs<'r> {
    place: Place<'r>,
    /// Of the last name, unless it is passed over.
    position: Option<usize>,
}

impl Pairs<'_> {
    fn place(&mut self) -> Place<'_> {
        Place { columns: self.place.columns, record: self.place.record }
    }
}

impl SerializeMap for Pairs<'_> {
    type Ok = ();
    type Error = Refused;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, name: &T) -> Result<()> {
        self.position = name.serialize(Plain(Name(self.place())))?;
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        match self.position.take() {
            Some(position) => value.serialize(Plain(Cell(self.place(), position))),
            None => Ok(()),
        }
    }

    fn end(self) -> Result<()> {
        Ok(())
    }
}

impl SerializeStruct for Pairs<'_> {
    type Ok = ();
    type Error = Refused;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<()> {
        self.serialize_entry(name, value)
    }

    fn end(self) -> Result<()> {
        Ok(())
    }
}

/// What serde writes into.
struct Plain<S>(S);

impl<S: Sink> Plain<S> {
    fn wide(self, value: crate::error::Result<Value<'static>>) -> Result<S::Taken> {
        match value {
            Ok(value) => self.0.value(value),
            Err(error) => Err(self.0.refused(&format!("integer {}", error.context().subject()))),
        }
    }
}

/// Takes what converts into a value.
macro_rules! values {
    ($($method:ident: $type:ty),+) => {$(
        fn $method(self, value: $type) -> Result<S::Taken> {
            self.0.value(value.into())
        }
    )+};
}

impl<S: Sink> Serializer for Plain<S> {
    type Ok = S::Taken;
    type Error = Refused;
    type SerializeSeq = Impossible<S::Taken, Refused>;
    type SerializeTuple = Impossible<S::Taken, Refused>;
    type SerializeTupleStruct = Impossible<S::Taken, Refused>;
    type SerializeTupleVariant = Impossible<S::Taken, Refused>;
    type SerializeMap = S::Pairs;
    type SerializeStruct = S::Pairs;
    type SerializeStructVariant = Impossible<S::Taken, Refused>;

    values! {
        serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64, serialize_f32: f32,
        serialize_f64: f64, serialize_str: &str
    }

    fn serialize_i128(self, value: i128) -> Result<S::Taken> {
        self.wide(value.try_into())
    }

    fn serialize_u128(self, value: u128) -> Result<S::Taken> {
        self.wide(value.try_into())
    }

    fn serialize_char(self, value: char) -> Result<S::Taken> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    /// Dates and the like are written without the allocator, as long as they are short.
    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<S::Taken> {
        let mut short = Short { bytes: [0; MOST_SHORT], len: 0 };
        match write!(short, "{value}").ok().and_then(|()| short.as_str()) {
            Some(text) => self.serialize_str(text),
            None => self.serialize_str(&value.to_string()),
        }
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<S::Taken> {
        Err(self.0.refused("bytes"))
    }

    fn serialize_none(self) -> Result<S::Taken> {
        self.0.value(Value::Null)
    }

    fn serialize_unit(self) -> Result<S::Taken> {
        self.0.value(Value::Null)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<S::Taken> {
        self.0.value(Value::Null)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<S::Taken> {
        self.serialize_str(variant)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<S::Taken> {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<S::Taken> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<S::Taken> {
        Err(self.0.refused("an object"))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<S::Pairs> {
        self.0.pairs()
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<S::Pairs> {
        self.0.pairs()
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant> {
        Err(self.0.refused("an object"))
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self::SerializeSeq> {
        Err(self.0.refused("an array"))
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple> {
        Err(self.0.refused("an array"))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeTupleStruct> {
        Err(self.0.refused("an array"))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant> {
        Err(self.0.refused("an object"))
    }
}

/// A text that lies in place; longer ones are refused.
struct Short {
    bytes: [u8; MOST_SHORT],
    len: usize,
}

/// More than the longest timestamp of an ordinary year.
const MOST_SHORT: usize = 40;

impl Short {
    fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(self.bytes.get(..self.len)?).ok()
    }
}

impl Write for Short {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.len + text.len();
        self.bytes.get_mut(self.len..end).ok_or(fmt::Error)?.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}
