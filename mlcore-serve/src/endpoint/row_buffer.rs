use std::ops::Range;

use mlcore::batch::{Row, Value};

/// An owned copy of a raw record whose memory is used again: after the first few records a copy allocates nothing.
#[derive(Clone, Debug, Default)]
pub struct RowBuffer {
    cells: Vec<Cell>,
    text: String,
}

#[derive(Clone, Debug)]
enum Cell {
    Null,
    Bool(bool),
    Int(i64),
    UInt(u64),
    Float(f64),
    Text(Range<usize>),
}

impl RowBuffer {
    /// Replaces the content by a copy of `row`.
    pub fn copy(&mut self, row: Row<'_>) {
        self.cells.clear();
        self.text.clear();
        for value in row.values() {
            self.cells.push(match *value {
                Value::Null => Cell::Null,
                Value::Bool(value) => Cell::Bool(value),
                Value::Int(value) => Cell::Int(value),
                Value::UInt(value) => Cell::UInt(value),
                Value::Float(value) => Cell::Float(value),
                Value::Text(value) => {
                    let start = self.text.len();
                    self.text.push_str(value);
                    Cell::Text(start..self.text.len())
                }
            });
        }
    }

    /// The values, in the order of the record.
    pub fn values(&self) -> impl ExactSizeIterator<Item = Value<'_>> {
        self.cells.iter().map(|cell| match cell {
            Cell::Null => Value::Null,
            Cell::Bool(value) => Value::Bool(*value),
            Cell::Int(value) => Value::Int(*value),
            Cell::UInt(value) => Value::UInt(*value),
            Cell::Float(value) => Value::Float(*value),
            Cell::Text(range) => Value::Text(self.text.get(range.clone()).unwrap_or_default()),
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
        ])
        .unwrap();
        let mut buffer = RowBuffer::default();
        for values in [
            [Value::Null, Value::Text("é"), Value::Text("")],
            [Value::Float(-0.5), Value::Text(""), Value::Text("second")],
        ] {
            buffer.copy(Row::new(&values, &schema).unwrap());
            assert_eq!(buffer.values().collect::<Vec<_>>(), values);
        }
    }
}
