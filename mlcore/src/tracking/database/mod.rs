//! What the trackers in SQL databases share: the rows, the rules' questions to them, and the searches. A backend brings a
//! [`Database`], which carries out statements, and its tables, whose names and columns are the same everywhere.

mod bits;
mod clauses;
mod kind;
mod read;
mod search;
mod tables;

use std::borrow::Cow;
use std::str::FromStr;

pub(super) use self::tables::SqlTables;
use super::search::Test;
use super::{LifecycleStage, Metric};
use crate::error::{Error, Result};
use crate::time::Timestamp;

/// One connection to a database, in one transaction. A statement has a mark `?` for each value.
pub(super) trait Database {
    /// Writes, and answers how many rows.
    fn execute(&self, sql: &str, values: &[Value<'_>]) -> Result<u64>;

    /// Hands over one row after the other.
    fn rows(&self, sql: &str, values: &[Value<'_>], read: ReadRow<'_>) -> Result<()>;

    /// How it says what the databases say differently.
    fn dialect(&self) -> Dialect;

    /// The condition that the text in `column` is of a pattern. `among` is the rest of a statement, from `FROM` on, that reads
    /// all values of the column.
    fn matches(&self, column: &str, among: &Sql, test: &Test) -> Result<Sql>;
}

/// What a row is handed to.
pub(super) type ReadRow<'a> = &'a mut dyn FnMut(&dyn Columns) -> Result<()>;

/// What the databases say differently.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dialect {
    /// Before a value, so that it is not looked for in an index: the key of the table finds one row.
    pub(super) unindexed: &'static str,
    /// A join whose left side is read first.
    pub(super) ordered_join: &'static str,
    /// Whether indexes hold texts whole, and not only their first [`INDEXED_CHARS`] characters.
    pub(super) indexes_whole_texts: bool,
}

/// The columns of a row, counted from 0.
pub(super) trait Columns {
    /// A whole number, or nothing.
    fn integer(&self, place: usize) -> Result<Option<i64>>;

    /// A text, or nothing.
    fn text(&self, place: usize) -> Result<Option<Cow<'_, str>>>;

    /// The row is not as it was written.
    fn damaged(&self, problem: String) -> Error;
}

impl dyn Columns + '_ {
    fn whole(&self, place: usize) -> Result<i64> {
        self.integer(place)?.ok_or_else(|| self.damaged(format!("column {place} of a row is empty")))
    }

    fn string(&self, place: usize) -> Result<String> {
        self.string_if(place)?.ok_or_else(|| self.damaged(format!("column {place} of a row is empty")))
    }

    fn string_if(&self, place: usize) -> Result<Option<String>> {
        Ok(self.text(place)?.map(Cow::into_owned))
    }

    fn parsed<T: FromStr<Err = Error>>(&self, place: usize) -> Result<T> {
        self.parsed_if(place)?.ok_or_else(|| self.damaged(format!("column {place} of a row is empty")))
    }

    fn parsed_if<T: FromStr<Err = Error>>(&self, place: usize) -> Result<Option<T>> {
        let Some(text) = self.text(place)? else { return Ok(None) };
        text.parse().map(Some).map_err(|cause: Error| self.damaged(cause.to_string()).caused_by(cause))
    }

    fn json<T: serde::de::DeserializeOwned>(&self, place: usize) -> Result<T> {
        let text = self.text(place)?.unwrap_or_default();
        serde_json::from_str(&text).map_err(|cause| self.damaged(cause.to_string()).caused_by(cause))
    }

    fn time(&self, place: usize) -> Result<Timestamp> {
        self.whole(place).map(Timestamp::from_millis)
    }

    fn time_if(&self, place: usize) -> Result<Option<Timestamp>> {
        Ok(self.integer(place)?.map(Timestamp::from_millis))
    }

    fn stage(&self, place: usize) -> Result<LifecycleStage> {
        Ok(if self.whole(place)? == 0 { LifecycleStage::Active } else { LifecycleStage::Deleted })
    }

    /// Key, time, step, bits, model, name and digest of a dataset.
    fn metric(&self, first: usize) -> Result<Metric> {
        Ok(Metric {
            key: self.string(first)?,
            timestamp_ms: self.whole(first + 1)?,
            step: self.whole(first + 2)?,
            value: bits::value(self.whole(first + 3)?),
            model: self.parsed_if(first + 4)?,
            dataset_name: self.string_if(first + 5)?,
            dataset_digest: self.string_if(first + 6)?,
        })
    }
}

fn stage_number(stage: LifecycleStage) -> i64 {
    match stage {
        LifecycleStage::Active => 0,
        LifecycleStage::Deleted => 1,
    }
}

/// The value of a mark.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Value<'a> {
    Null,
    Integer(i64),
    Text(Cow<'a, str>),
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(text: &'a String) -> Self {
        text.as_str().into()
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl<'a, T: Into<Self>> From<Option<T>> for Value<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Null, Into::into)
    }
}

/// The values of a statement: whatever can be one.
macro_rules! values {
    ($($value:expr),* $(,)?) => { &[$(crate::tracking::database::Value::from($value)),*] };
}
use values;

/// A piece of SQL, and the values of its marks in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Sql {
    pub(super) text: String,
    pub(super) values: Vec<Value<'static>>,
}

impl Sql {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), values: Vec::new() }
    }

    /// Adds the value of the next mark.
    pub(super) fn with(mut self, value: impl Into<Value<'static>>) -> Self {
        self.values.push(value.into());
        self
    }

    pub(super) fn push(&mut self, other: &Self) {
        self.text.push_str(&other.text);
        self.values.extend_from_slice(&other.values);
    }

    pub(super) fn then(mut self, text: &str) -> Self {
        self.text.push_str(text);
        self
    }

    pub(super) fn and(mut self, other: &Self) -> Self {
        self.push(other);
        self
    }

    /// A list of texts in parentheses.
    pub(super) fn list<'t>(texts: impl ExactSizeIterator<Item = &'t str>) -> Self {
        let text = format!("({})", marks(texts.len()));
        Self { text, values: texts.map(|text| Value::from(text.to_owned())).collect() }
    }
}

/// So many marks.
fn marks(count: usize) -> String {
    vec!["?"; count].join(", ")
}

/// What is indexed of a text where its whole may be too long.
const INDEXED_CHARS: usize = 200;
/// No row has this number.
const NO_ROW: i64 = -1;
