//! From records whose values have names (JSON objects, serde's structs and maps) to rows, whose values have an order.

mod accept;
mod read;
mod write;

use std::collections::HashMap;
use std::ops::Range;

use serde::de::{DeserializeSeed, Deserializer};
use serde::ser::Serialize;

use self::accept::accepted;
use super::{Row, RowScratch, Value};
use crate::error::{Error, Result};
use crate::schema::{Field, Schema};

/// Reads records by name, into memory that is used again: after the first few it allocates nothing, except for what is
/// refused and, in JSON, for texts with escapes and for objects and arrays that are passed over.
///
/// A record is a JSON object, anything of serde that serialises as a struct or a map, or pairs of names and values. Its order
/// is free. The rules are those of a schema, and nothing is lost or guessed:
///
/// - A number is an integer or a float as its column says: `41` and `41.0` are both either, and what a column cannot hold
///   exactly is refused, but that a float is rounded to the width of a float column. Text is no number, except
///   `"NaN"`, `"Infinity"` and `"-Infinity"` in a column of floats, for which JSON has no digits.
/// - Dates and times are text in a column of their type: `2024-02-29`, `13:30:00`, `2024-02-29T13:30:00`, and with an offset
///   where the type has a time zone. Numbers are none: nobody knows their unit.
/// - A null is missing where the field is nullable, and an error elsewhere.
/// - A name that is absent is an error: what nobody sent is not known to be missing, and a slip of the pen in a name, or a
///   column that a new model reads and old callers do not send, would be imputed unseen. Callers that leave nulls away ask
///   for [`with_absent_as_null`](Self::with_absent_as_null).
/// - A name that the schema does not have is passed over with all that stands behind it, unless
///   [`with_strict_names`](Self::with_strict_names) is asked for; a name that occurs twice is an error.
///
/// Every error names the column.
///
/// ```
/// use mlcore::batch::{RecordReader, Value};
/// use mlcore::schema::{DType, Field, Schema};
///
/// #[derive(serde::Serialize)]
/// struct Customer {
///     plan: &'static str,
///     age: Option<u8>,
/// }
///
/// let schema = Schema::new([Field::column("age", DType::Float64).nullable(), Field::column("plan", DType::String)])?;
/// let mut records = RecordReader::new(&schema)?;
/// records.read_json(br#"{"plan": "free", "age": 41, "id": [7]}"#, |row| {
///     assert_eq!(row.values(), [Value::UInt(41), Value::Text("free")]);
///     Ok(())
/// })?;
/// let has_age = records.read(&Customer { plan: "pro", age: None }, |row| Ok(!row.values()[0].is_null()))?;
/// assert!(!has_age);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Debug)]
pub struct RecordReader {
    columns: Columns,
    record: Record,
    scratch: RowScratch,
}

/// What is known of the columns.
#[derive(Debug)]
struct Columns {
    fields: Vec<Field>,
    positions: HashMap<String, usize>,
    names: u64,
    is_strict: bool,
    takes_any_number: bool,
    absence: Absence,
}

/// What becomes of a record without one of the names.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Absence {
    Refused,
    Null,
    /// The row says of it.
    Told,
}

/// The record that is being read.
#[derive(Debug, Default)]
struct Record {
    cells: Vec<Cell>,
    text: String,
    /// The places of the columns that nobody sent, where the row says so.
    absent: Vec<usize>,
    /// Behind the last column that was found: most records come in the order of the schema.
    next: usize,
    /// Why reading stopped, where it was for a reason of ours: serde's formats keep only the words of an error.
    failure: Option<Error>,
}

/// What the record has for a column.
#[derive(Clone, Debug, Default, PartialEq)]
enum Cell {
    #[default]
    Absent,
    Plain(Value<'static>),
    /// The place of its text.
    Text(Range<usize>),
}

impl RecordReader {
    /// A reader of records with these columns.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a field that is no plain column.
    pub fn new(schema: &Schema) -> Result<Self> {
        if let Some(field) = schema.fields().iter().find(|field| field.shape().len() != 1) {
            return Err(Error::unsupported(READ, field.name(), format!("records hold no {field}"))
                .remedy("send tensors instead"));
        }
        let positions = schema.names().map(str::to_owned).zip(0..).collect();
        let names = schema.names_digest();
        let fields = schema.fields().to_vec();
        let columns = Columns {
            fields,
            positions,
            names,
            is_strict: false,
            takes_any_number: false,
            absence: Absence::Refused,
        };
        Ok(Self { columns, record: Record::default(), scratch: RowScratch::default() })
    }

    /// Refuses names that the schema does not have, instead of passing over them: a slip of the pen is found, and a caller
    /// that sends more than is read is turned away.
    #[must_use]
    pub fn with_strict_names(mut self) -> Self {
        self.columns.is_strict = true;
        self
    }

    /// Takes any number, and any truth value, in a column of numbers, as it came: for a reader that computes with numbers and
    /// has no say in their widths, as a feature plan. What the column's type holds is read as without this.
    ///
    /// ```
    /// use mlcore::batch::{RecordReader, Value};
    /// use mlcore::schema::{DType, Field, Schema};
    ///
    /// let schema = Schema::new([Field::column("visits", DType::Int64)])?;
    /// assert!(RecordReader::new(&schema)?.read_json(br#"{"visits": 0.5}"#, |_| Ok(())).is_err());
    /// let mut records = RecordReader::new(&schema)?.with_any_number();
    /// assert!(records.read_json(br#"{"visits": 0.5}"#, |row| Ok(row.values() == [Value::Float(0.5)]))?);
    /// assert!(records.read_json(br#"{"visits": 2.0}"#, |row| Ok(row.values() == [Value::Int(2)]))?);
    /// # Ok::<(), mlcore::Error>(())
    /// ```
    #[must_use]
    pub fn with_any_number(mut self) -> Self {
        self.columns.takes_any_number = true;
        self
    }

    /// Takes a name that is absent as null, for callers that leave nulls away. Where the field is not nullable it is an error
    /// still.
    ///
    /// ```
    /// use mlcore::batch::{RecordReader, Value};
    /// use mlcore::schema::{DType, Field, Schema};
    ///
    /// let schema = Schema::new([Field::column("age", DType::Float64).nullable()])?;
    /// assert!(RecordReader::new(&schema)?.read_json(b"{}", |_| Ok(())).is_err());
    /// let mut records = RecordReader::new(&schema)?.with_absent_as_null();
    /// assert!(records.read_json(b"{}", |row| Ok(row.values() == [Value::Null]))?);
    /// # Ok::<(), mlcore::Error>(())
    /// ```
    #[must_use]
    pub fn with_absent_as_null(mut self) -> Self {
        self.columns.absence = Absence::Null;
        self
    }

    /// Lets a nullable column be absent and [says so in the row](Row::absent): for a reader of the columns of several plans,
    /// of which the one that answers need not read all.
    #[must_use]
    pub fn with_absent_told(mut self) -> Self {
        self.columns.absence = Absence::Told;
        self
    }

    /// Calls `use_row` with the row of a JSON object.
    ///
    /// # Errors
    /// [`Error::SchemaMismatch`] naming the column, for what it cannot hold and for what is missing;
    /// [`Error::InvalidInput`] for what is no JSON object; and whatever `use_row` answers.
    pub fn read_json<R>(&mut self, json: &[u8], use_row: impl FnOnce(Row<'_>) -> Result<R>) -> Result<R> {
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        self.fill(|columns, record| {
            read::RecordSeed { columns, record }
                .deserialize(&mut deserializer)
                .and_then(|()| deserializer.end())
        })?;
        self.finish(use_row)
    }

    /// Calls `use_row` with the row of a record in any format that serde knows.
    ///
    /// # Errors
    /// As [`RecordReader::read_json`].
    pub fn read_from<'de, R>(
        &mut self,
        deserializer: impl Deserializer<'de>,
        use_row: impl FnOnce(Row<'_>) -> Result<R>,
    ) -> Result<R> {
        self.fill(|columns, record| read::RecordSeed { columns, record }.deserialize(deserializer))?;
        self.finish(use_row)
    }

    /// Calls `use_row` with the row of a struct or a map that serde serialises; fields that are flattened, skipped or renamed
    /// count as they are serialised, and a variant without fields is its name.
    ///
    /// # Errors
    /// As [`RecordReader::read_json`].
    pub fn read<T: Serialize + ?Sized, R>(
        &mut self,
        record: &T,
        use_row: impl FnOnce(Row<'_>) -> Result<R>,
    ) -> Result<R> {
        self.fill(|columns, into| write::record(record, columns, into))?;
        self.finish(use_row)
    }

    /// Calls `use_row` with the row of these names and values.
    ///
    /// # Errors
    /// As [`RecordReader::read_json`].
    pub fn read_pairs<'v, R>(
        &mut self,
        pairs: impl IntoIterator<Item = (impl AsRef<str>, Value<'v>)>,
        use_row: impl FnOnce(Row<'_>) -> Result<R>,
    ) -> Result<R> {
        self.record.clear(self.columns.fields.len());
        for (name, value) in pairs {
            if let Some(position) = self.columns.find(&mut self.record, name.as_ref())? {
                self.columns.put(&mut self.record, position, value)?;
            }
        }
        self.finish(use_row)
    }

    /// Reads a record; serde's error gives way to ours.
    fn fill<E: std::fmt::Display>(
        &mut self,
        read: impl FnOnce(&Columns, &mut Record) -> std::result::Result<(), E>,
    ) -> Result<()> {
        self.record.clear(self.columns.fields.len());
        read(&self.columns, &mut self.record).map_err(|cause| {
            self.record.failure.take().unwrap_or_else(|| {
                Error::invalid_input(READ, "", cause.to_string()).remedy("send an object of names and values")
            })
        })
    }

    /// Checks that the record is whole, and shows it.
    fn finish<R>(&mut self, use_row: impl FnOnce(Row<'_>) -> Result<R>) -> Result<R> {
        let Self { columns, record, scratch } = self;
        for (place, (cell, field)) in record.cells.iter().zip(&columns.fields).enumerate() {
            match (cell, columns.absence) {
                (Cell::Absent, Absence::Null) if field.is_nullable() => {}
                (Cell::Absent, Absence::Told) if field.is_nullable() => record.absent.push(place),
                (Cell::Absent, _) => return Err(Row::unsent(READ, field)),
                (Cell::Plain(Value::Null), _) if !field.is_nullable() => {
                    let problem = "null, and the column is not nullable";
                    let remedy = format!("send a {}, or make the column nullable", field.dtype());
                    return Err(Error::schema_mismatch(READ, field.name(), problem).remedy(remedy));
                }
                (Cell::Plain(_) | Cell::Text(_), _) => {}
            }
        }
        let values = record.cells.iter().map(|cell| match cell {
            Cell::Absent => Value::Null,
            Cell::Plain(value) => *value,
            Cell::Text(place) => Value::Text(record.text.get(place.clone()).unwrap_or_default()),
        });
        scratch.with_values(values, columns.names, &record.absent, use_row)
    }
}

const READ: &str = "read record";
/// What serde is told: our own error says more.
const REFUSED: &str = "refused";

impl Columns {
    /// The position of a column; `None` for one that is passed over.
    fn find(&self, record: &mut Record, name: &str) -> Result<Option<usize>> {
        let expected = self.fields.get(record.next).filter(|field| field.name() == name).map(|_| record.next);
        let Some(position) = expected.or_else(|| self.positions.get(name).copied()) else {
            return if self.is_strict { Err(self.unknown(name)) } else { Ok(None) };
        };
        record.next = position + 1;
        if record.cells.get(position).is_some_and(|cell| *cell != Cell::Absent) {
            return Err(Error::invalid_input(READ, name, "the record has the name twice"));
        }
        Ok(Some(position))
    }

    fn unknown(&self, name: &str) -> Error {
        let known: Vec<&str> = self.fields.iter().map(Field::name).collect();
        let shown: String = name.chars().take(LONGEST_SHOWN).collect();
        Error::schema_mismatch(READ, shown, "no such column is read")
            .remedy(format!("leave it away, or send one of {}", known.join(", ")))
    }

    /// Keeps the value of a column.
    fn put(&self, record: &mut Record, position: usize, value: Value<'_>) -> Result<()> {
        let (Some(field), Some(cell)) = (self.fields.get(position), record.cells.get_mut(position)) else {
            return Ok(());
        };
        *cell = match accepted(field, value, self.takes_any_number)? {
            Value::Text(text) => {
                let start = record.text.len();
                record.text.push_str(text);
                Cell::Text(start..record.text.len())
            }
            Value::Null => Cell::Plain(Value::Null),
            Value::Bool(value) => Cell::Plain(Value::Bool(value)),
            Value::Int(value) => Cell::Plain(Value::Int(value)),
            Value::UInt(value) => Cell::Plain(Value::UInt(value)),
            Value::Float(value) => Cell::Plain(Value::Float(value)),
            Value::Date(date) => Cell::Plain(Value::Date(date)),
            Value::Time(time) => Cell::Plain(Value::Time(time)),
            Value::DateTime(shown) => Cell::Plain(Value::DateTime(shown)),
            Value::Timestamp(moment) => Cell::Plain(Value::Timestamp(moment)),
        };
        Ok(())
    }

    /// The error for a value that is none: an array, an object, bytes.
    fn nested(&self, position: usize, what: &str) -> Error {
        let field = self.fields.get(position);
        let name = field.map_or("", Field::name);
        let expected = field.map_or_else(String::new, |field| format!("expected {}, ", field.dtype()));
        Error::schema_mismatch(READ, name, format!("{expected}got {what}"))
    }
}

const LONGEST_SHOWN: usize = 60;

impl Record {
    /// Forgets the last record and keeps its memory.
    fn clear(&mut self, columns: usize) {
        self.cells.clear();
        self.cells.resize(columns, Cell::Absent);
        self.text.clear();
        self.absent.clear();
        self.next = 0;
        self.failure = None;
    }

    /// Keeps our error, and answers serde's that stands for it.
    fn fail<E>(&mut self, error: Error, stand_in: E) -> E {
        self.failure = Some(error);
        stand_in
    }
}

#[cfg(test)]
mod tests;
