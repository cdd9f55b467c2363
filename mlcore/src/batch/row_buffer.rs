use super::{Row, Value};
use crate::time::{Date, DateTime, Time, TimeUnit, Timestamp};

/// An owned copy of a raw record whose memory is used again: after the first few records a copy allocates nothing.
///
/// Ten bytes a value, because a copy often travels from one processor's cache to another's.
///
/// ```
/// use mlcore::batch::{Row, RowBuffer, RowScratch, Value};
///
/// let mut buffer = RowBuffer::default();
/// buffer.copy(Row::unchecked(&[Value::Float(41.5), Value::Text("free")]));
/// assert_eq!(buffer.values().last(), Some(Value::Text("free")));
/// let mut scratch = RowScratch::default();
/// assert_eq!(scratch.with(&buffer, |row| row.values().len()), 2);
/// ```
#[derive(Clone, Debug, Default)]
pub struct RowBuffer {
    kinds: Vec<Kind>,
    /// The value's bits, or the end of its text.
    words: Vec<u64>,
    text: String,
    names: u64,
    absent: Vec<usize>,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Kind {
    Null,
    Bool,
    Int,
    UInt,
    Float,
    Text,
    Date,
    Time,
    DateTime(TimeUnit),
    Timestamp(TimeUnit),
}

impl RowBuffer {
    /// Replaces the content by a copy of `row`.
    pub fn copy(&mut self, row: Row<'_>) {
        let values = row.values();
        set(&mut self.names, row.names_digest());
        if self.absent != row.absent() {
            self.absent.clear();
            self.absent.extend_from_slice(row.absent());
        }
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
                Value::Date(date) => (Kind::Date, date.days() as u64),
                Value::Time(time) => (Kind::Time, time.nanoseconds() as u64),
                Value::DateTime(shown) => (Kind::DateTime(shown.unit()), shown.count() as u64),
                Value::Timestamp(moment) => (Kind::Timestamp(moment.unit()), moment.count() as u64),
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

    /// The places of the values that nobody sent: [`Row::absent`].
    #[must_use]
    pub fn absent(&self) -> &[usize] {
        &self.absent
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
            Kind::Date => Value::Date(Date::from_days(*word as i32)),
            Kind::Time => {
                Time::from_count(*word as i64, TimeUnit::Nanosecond).map_or(Value::Null, Value::Time)
            }
            Kind::DateTime(unit) => Value::DateTime(DateTime::new(*word as i64, *unit)),
            Kind::Timestamp(unit) => Value::Timestamp(Timestamp::new(*word as i64, *unit)),
        })
    }
}

/// Writes only what changes: memory that nobody writes stays in the caches of both processors that use it.
fn set<T: PartialEq>(place: &mut T, value: T) {
    if *place != value {
        *place = value;
    }
}

/// Memory for the values of one row at a time, used again: what shows the content of a [`RowBuffer`] as a [`Row`].
#[derive(Debug, Default)]
pub struct RowScratch {
    /// Always empty between two calls.
    values: Vec<Value<'static>>,
}

impl RowScratch {
    /// Calls `use_row` with the content of `buffer`.
    pub fn with<R>(&mut self, buffer: &RowBuffer, use_row: impl FnOnce(Row<'_>) -> R) -> R {
        self.with_values(buffer.values(), buffer.names_digest(), buffer.absent(), use_row)
    }

    /// Calls `use_row` with a row of these values.
    pub(crate) fn with_values<'a, R>(
        &mut self,
        values: impl Iterator<Item = Value<'a>>,
        names: u64,
        absent: &[usize],
        use_row: impl FnOnce(Row<'_>) -> R,
    ) -> R {
        let mut row: Vec<Value<'a>> = emptied(std::mem::take(&mut self.values));
        row.extend(values);
        let result = use_row(Row::unchecked(&row).with_names_digest(names).with_absent(absent));
        self.values = emptied(row);
        result
    }
}

/// The memory of these values, for values that live otherwise long. Collecting nothing of the same size from a vector keeps
/// its memory; if it ever did not, only time would be lost.
fn emptied<'b>(values: Vec<Value<'_>>) -> Vec<Value<'b>> {
    values.into_iter().map_while(|_| None).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::batch::strategies;
    use crate::schema::{DType, Field, Schema};

    #[test]
    fn a_copy_knows_its_columns_and_is_used_again() {
        let schema =
            Schema::new([Field::column("a", DType::String), Field::column("b", DType::String)]).unwrap();
        let mut buffer = RowBuffer::default();
        for texts in [["é", ""], ["", "second"], ["a longer first", "x"]] {
            let values = texts.map(Value::Text);
            buffer.copy(Row::new(&values, &schema).unwrap());
            assert_eq!(buffer.names_digest(), schema.names_digest());
            assert_eq!(buffer.values().collect::<Vec<_>>(), values);
        }
    }

    #[test]
    fn a_copy_knows_what_nobody_sent() {
        let mut buffer = RowBuffer::default();
        for absent in [&[1][..], &[0, 1], &[]] {
            buffer.copy(Row::unchecked(&[Value::Null, Value::Null]).with_absent(absent));
            assert_eq!(buffer.absent(), absent);
            assert!(RowScratch::default().with(&buffer, |row| row.absent() == absent));
        }
    }

    #[test]
    fn memory_is_kept_between_rows() {
        let mut buffer = RowBuffer::default();
        let mut scratch = RowScratch::default();
        let texts: Vec<String> = (0..100).map(|number| format!("text {number}")).collect();
        let values: Vec<Value<'_>> = texts.iter().map(Value::from).collect();
        buffer.copy(Row::unchecked(&values));
        let address = |scratch: &mut RowScratch| scratch.with(&buffer, |row| row.values().as_ptr() as usize);
        let first = address(&mut scratch);
        assert_eq!(address(&mut scratch), first);
        scratch.with(&buffer, |row| assert_eq!(row.values(), values));
    }

    proptest! {
        #[test]
        fn a_copy_holds_the_same_values(rows in prop::collection::vec(prop::collection::vec(strategies::owned_value(), 0..6), 1..4)) {
            let (mut buffer, mut scratch) = (RowBuffer::default(), RowScratch::default());
            for row in &rows {
                let values: Vec<Value<'_>> = row.iter().map(Value::from).collect();
                buffer.copy(Row::unchecked(&values));
                prop_assert_eq!(buffer.values().collect::<Vec<_>>(), values.clone());
                scratch.with(&buffer, |row| assert_eq!(row.values(), values));
            }
        }
    }
}
