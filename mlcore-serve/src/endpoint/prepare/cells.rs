use mlcore::batch::{OwnedValue, Value};

/// Copies of values that were read, in memory that is used again.
#[derive(Clone, Debug, Default)]
pub(super) struct Cells {
    values: Vec<Held>,
    text: String,
}

#[derive(Clone, Debug)]
enum Held {
    Plain(Value<'static>),
    /// From where to where in the text.
    Text(usize, usize),
    /// Of a kind that is not known here.
    Other(OwnedValue),
}

impl Cells {
    /// Holds so many nulls.
    pub(super) fn reset(&mut self, count: usize) {
        self.values.clear();
        self.values.resize(count, Held::Plain(Value::Null));
        self.text.clear();
    }

    /// Holds `value` at this place, which is there.
    pub(super) fn set(&mut self, place: usize, value: Value<'_>) {
        let held = match value {
            Value::Text(text) => {
                let start = self.text.len();
                self.text.push_str(text);
                Held::Text(start, self.text.len())
            }
            Value::Null => Held::Plain(Value::Null),
            Value::Bool(value) => Held::Plain(Value::Bool(value)),
            Value::Int(value) => Held::Plain(Value::Int(value)),
            Value::UInt(value) => Held::Plain(Value::UInt(value)),
            Value::Float(value) => Held::Plain(Value::Float(value)),
            Value::Date(value) => Held::Plain(Value::Date(value)),
            Value::Time(value) => Held::Plain(Value::Time(value)),
            Value::DateTime(value) => Held::Plain(Value::DateTime(value)),
            Value::Timestamp(value) => Held::Plain(Value::Timestamp(value)),
            other => Held::Other(other.into_owned()),
        };
        if let Some(place) = self.values.get_mut(place) {
            *place = held;
        }
    }

    /// The value at this place; null where there is none.
    pub(super) fn get(&self, place: usize) -> Value<'_> {
        match self.values.get(place) {
            Some(Held::Plain(value)) => *value,
            Some(Held::Text(start, end)) => self.text.get(*start..*end).map_or(Value::Null, Value::Text),
            Some(Held::Other(value)) => value.as_value(),
            None => Value::Null,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_out_as_they_went_in() {
        let mut cells = Cells::default();
        let values = [Value::Text("é"), Value::Float(0.5), Value::Null, Value::Text(""), Value::Text("last")];
        for _ in 0..2 {
            cells.reset(values.len() + 1);
            values.iter().enumerate().for_each(|(place, value)| cells.set(place, *value));
            values.iter().enumerate().for_each(|(place, value)| assert_eq!(cells.get(place), *value));
            assert_eq!((cells.get(values.len()), cells.get(99)), (Value::Null, Value::Null));
        }
    }
}
