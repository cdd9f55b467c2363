use mlcore::batch::{Row, Value};

use super::slip::set;

/// An owned copy of a raw record whose memory is used again: after the first few records a copy allocates nothing.
///
/// Nine bytes a value, because the copy travels from one processor's cache to another's.
#[derive(Clone, Debug, Default)]
pub struct RowBuffer {
    kinds: Vec<Kind>,
    /// The value's bits, or the end of its text.
    words: Vec<u64>,
    text: String,
    names: u64,
}

#[derive(Clone, Copy, PartialEq, Debug)]
#[repr(u8)]
enum Kind {
    Null,
    Bool,
    Int,
    UInt,
    Float,
    Text,
}

impl RowBuffer {
    /// Replaces the content by a copy of `row`.
    pub fn copy(&mut self, row: Row<'_>) {
        let values = row.values();
        set(&mut self.names, row.names_digest());
        if self.kinds.len() != values.len() {
            self.kinds.clear();
            self.words.clear();
            self.kinds.resize(values.len(), Kind::Null);
            self.words.resize(values.len(), 0);
        }
        if !self.text.is_empty() {
            self.text.clear();
        }
        for ((value, place), word) in values.iter().zip(&mut self.kinds).zip(&mut self.words) {
            let (kind, bits) = match *value {
                Value::Null => (Kind::Null, 0),
                Value::Bool(value) => (Kind::Bool, u64::from(value)),
                Value::Int(value) => (Kind::Int, value as u64),
                Value::UInt(value) => (Kind::UInt, value),
                Value::Float(value) => (Kind::Float, value.to_bits()),
                Value::Text(value) => {
                    self.text.push_str(value);
                    (Kind::Text, self.text.len() as u64)
                }
            };
            set(place, kind);
            *word = bits;
        }
    }

    /// Which columns the values belong to: [`Row::names_digest`].
    #[must_use]
    pub fn names_digest(&self) -> u64 {
        self.names
    }

    /// The values, in the order of the record.
    pub fn values(&self) -> impl ExactSizeIterator<Item = Value<'_>> {
        let mut start = 0;
        self.kinds.iter().zip(&self.words).map(move |(kind, word)| match kind {
            Kind::Null => Value::Null,
            Kind::Bool => Value::Bool(*word != 0),
            Kind::Int => Value::Int(*word as i64),
            Kind::UInt => Value::UInt(*word),
            Kind::Float => Value::Float(f64::from_bits(*word)),
            Kind::Text => {
                let from = std::mem::replace(&mut start, *word as usize);
                Value::Text(self.text.get(from..start).unwrap_or_default())
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use mlcore::schema::{DType, Field, Schema};

    use super::*;

    #[test]
    fn a_copy_holds_the_same_values_and_is_used_again() {
        let schema = Schema::new([
            Field::column("a", DType::Float64).nullable(),
            Field::column("b", DType::String),
            Field::column("c", DType::String),
            Field::column("d", DType::Int64),
            Field::column("e", DType::UInt64),
            Field::column("f", DType::Bool),
        ])
        .unwrap();
        let mut buffer = RowBuffer::default();
        for values in [
            [
                Value::Null,
                Value::Text("é"),
                Value::Text(""),
                Value::Int(-1),
                Value::UInt(u64::MAX),
                Value::Bool(true),
            ],
            [
                Value::Float(-0.5),
                Value::Text(""),
                Value::Text("second"),
                Value::Int(i64::MIN),
                Value::UInt(0),
                Value::Bool(false),
            ],
        ] {
            buffer.copy(Row::new(&values, &schema).unwrap());
            assert_eq!(buffer.names_digest(), schema.names_digest());
            assert_eq!(buffer.values().collect::<Vec<_>>(), values);
        }
    }
}
