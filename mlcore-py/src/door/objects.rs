//! Plain Python: lists of values, dicts of columns, lists of records.

use std::collections::HashSet;
use std::sync::Arc;

use mlcore::Error;
use mlcore::arrow::array::{ArrayRef, NullArray, StringBuilder};
use mlcore::batch::{OwnedValue, Value, column_of};
use mlcore::schema::{DType, Field};
use mlcore::time::{TimeUnit, TimeZone};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyMapping, PyString};

use super::{Asked, Column, Columns, Record, single, type_name};
use crate::error::{invalid, raise, wrong_type};
use crate::value::{self, Place};

/// A dict of columns.
pub(super) fn mapping(mapping: &Bound<'_, PyMapping>, asked: Asked) -> PyResult<Columns> {
    let py = mapping.py();
    let mut rows = None;
    let mut columns = Vec::new();
    for item in mapping.items()?.iter() {
        let (name, values) = item.extract::<(Bound<'_, PyAny>, Bound<'_, PyAny>)>()?;
        let Ok(name) = name.extract::<String>() else {
            let problem = format!("the name of a column is {}, and must be a str", name.repr()?);
            return Err(wrong_type(py, asked.operation, asked.subject, problem, "name columns with strings"));
        };
        let length = if values.is_instance_of::<PyString>() { None } else { values.len().ok() };
        // Whether a column that nobody reads is one, nobody asks.
        rows = rows.or(length);
        columns.push(Column::of_object(name, &values, move |values, name, asked| {
            if length.is_some() {
                return single(values, name, asked);
            }
            let problem = format!("a column is expected, and it is a {}", type_name(values));
            let remedy = "pass a list: one record is {name: [value]}";
            Err(wrong_type(values.py(), asked.operation, name, problem, remedy))
        }));
    }
    Ok(Columns::new(columns, rows.unwrap_or_default(), true))
}

/// A list of records, one per row: of names and values, or of values alone, of equal length.
pub(super) fn records(rows: &Bound<'_, PyAny>, asked: Asked) -> PyResult<Columns> {
    let py = rows.py();
    let rows: Vec<Bound<'_, PyAny>> = rows.try_iter()?.collect::<PyResult<_>>()?;
    let refused = |row: usize, object: &Bound<'_, PyAny>| {
        let problem = format!("row {row} is a {}", type_name(object));
        let remedy = "pass rows that are all dicts, or all sequences of equal length";
        wrong_type(py, asked.operation, asked.subject, problem, remedy)
    };
    let (mut named, mut positional) = (Vec::new(), Vec::new());
    for (position, row) in rows.iter().enumerate() {
        match Record::of(row)? {
            Some(Record::Values(values)) if named.is_empty() => positional.push(values),
            Some(Record::Dict(dict)) if positional.is_empty() => named.push(dict),
            Some(Record::Mapping(mapping)) if positional.is_empty() => {
                let dict = PyDict::new(py);
                dict.update(&mapping)?;
                named.push(dict);
            }
            _ => return Err(refused(position, row)),
        }
    }
    if named.is_empty() { by_position(py, positional, asked) } else { by_name(&named) }
}

/// The columns of records by name. A name that is read must be in every record: what nobody sent is not known to be missing.
fn by_name(rows: &[Bound<'_, PyDict>]) -> PyResult<Columns> {
    let mut names: Vec<String> = Vec::new();
    let mut known = HashSet::new();
    for row in rows {
        for name in row.keys() {
            // What is no text is the name of no column.
            if let Ok(name) = name.extract::<String>()
                && !known.contains(&name)
            {
                known.insert(name.clone());
                names.push(name);
            }
        }
    }
    let count = rows.len();
    let rows: Arc<[Py<PyDict>]> = rows.iter().map(|row| row.clone().unbind()).collect();
    let columns = names.into_iter().map(|name| {
        let rows = Arc::clone(&rows);
        Column::new(name, move |py, name, asked| {
            let values = PyList::empty(py);
            for (position, row) in rows.iter().enumerate() {
                match row.bind(py).get_item(name)? {
                    Some(value) => values.append(value)?,
                    None => {
                        let problem = format!("row {position}: the record has no value for it");
                        let error = Error::schema_mismatch(asked.operation, name, problem);
                        return Err(raise(py, &error.remedy("send None where it is missing")));
                    }
                }
            }
            column(values.as_any(), name, asked)
        })
    });
    Ok(Columns::new(columns.collect(), count, true))
}

/// The columns of rows of equal length.
fn by_position(py: Python<'_>, rows: Vec<Vec<Bound<'_, PyAny>>>, asked: Asked) -> PyResult<Columns> {
    let width = rows.first().map_or(0, Vec::len);
    let lists: Vec<Bound<'_, PyList>> = (0..width).map(|_| PyList::empty(py)).collect();
    let count = rows.len();
    for (position, row) in rows.into_iter().enumerate() {
        if row.len() != width {
            let problem = format!("row {position} has {} values where row 0 has {width}", row.len());
            return Err(invalid(py, asked.operation, asked.subject, problem, "give rows of equal length"));
        }
        for (list, value) in lists.iter().zip(row) {
            list.append(value)?;
        }
    }
    let columns = lists
        .iter()
        .enumerate()
        .map(|(position, values)| Column::of_object(format!("x{position}"), values, column));
    Ok(Columns::new(columns.collect(), count, false))
}

/// A column of Python values of one kind: text, bools, numbers, dates, times of day, dates and times without a time zone, or
/// moments. `None`, NaN, `NaT` and `pandas.NA` are missing.
pub(super) fn column(values: &Bound<'_, PyAny>, name: &str, asked: Asked) -> PyResult<ArrayRef> {
    let py = values.py();
    if let Some(texts) = texts(values, name, asked) {
        return Ok(texts);
    }
    let mut cells = Vec::with_capacity(values.len().unwrap_or_default());
    let mut seen = Seen::default();
    for (row, object) in values.try_iter()?.enumerate() {
        let object = object?;
        let place = Place { operation: asked.operation, name, row: Some(row) };
        let cell = value::read(&object, place)?;
        if let Some(other) = seen.add(&cell, &object)? {
            let what = format!("{}, after {}", Kind::of(&cell).map_or("", Kind::one), other.several());
            return Err(place.refused(py, &what, "convert the column to one type first"));
        }
        cells.push(cell);
    }
    let Some(dtype) = seen.dtype() else { return Ok(Arc::new(NullArray::new(cells.len()))) };
    let present = |cell: &OwnedValue| !cell.is_missing();
    let misfit = cells.iter().position(|cell| present(cell) && !cell.as_value().fits(dtype));
    if let Some(row) = misfit {
        let shown = cells.get(row).map_or(Value::Null, OwnedValue::as_value).described();
        let what = format!("{shown}, and the other rows ask for {dtype}, which does not hold it");
        let place = Place { operation: asked.operation, name, row: Some(row) };
        return Err(place.refused(py, &what, "convert the column to one type first"));
    }
    let values = cells.iter().map(|cell| if present(cell) { cell.as_value() } else { Value::Null });
    column_of(&Field::column(name, dtype).nullable(), values).map_err(|error| raise(py, &error))
}

/// A column that begins with text and holds nothing but text and missing values, written as it is read; none for any other.
fn texts(values: &Bound<'_, PyAny>, name: &str, asked: Asked) -> Option<ArrayRef> {
    let values = values.cast::<PyList>().ok()?;
    let mut texts = StringBuilder::with_capacity(values.len(), 0);
    let mut any = false;
    for (row, object) in values.iter().enumerate() {
        if let Ok(text) = object.cast::<PyString>() {
            // The reader of single values says what is wrong with half a pair of surrogates.
            let text = text.to_str().ok()?;
            if texts.values_slice().len() + text.len() > MOST_TEXT {
                return None;
            }
            texts.append_value(text);
            any = true;
        } else {
            let place = Place { operation: asked.operation, name, row: Some(row) };
            if !value::read(&object, place).is_ok_and(|cell| cell.is_missing()) {
                return None;
            }
            texts.append_null();
        }
    }
    any.then(|| Arc::new(texts.finish()) as ArrayRef)
}

/// The bytes that an Arrow column of text with offsets of 32 bits holds.
const MOST_TEXT: usize = i32::MAX as usize;

/// What the values of one column may be: all of one kind.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Kind {
    Bools,
    Numbers,
    Texts,
    Dates,
    Times,
    DateTimes,
    Timestamps,
}

impl Kind {
    /// The kind of a value; none for one that is missing, and for a kind that is newer than this binding.
    fn of(value: &OwnedValue) -> Option<Self> {
        Some(match value {
            value if value.is_missing() => return None,
            OwnedValue::Bool(_) => Self::Bools,
            OwnedValue::Int(_) | OwnedValue::UInt(_) | OwnedValue::Float(_) => Self::Numbers,
            OwnedValue::Text(_) => Self::Texts,
            OwnedValue::Date(_) => Self::Dates,
            OwnedValue::Time(_) => Self::Times,
            OwnedValue::DateTime(_) => Self::DateTimes,
            OwnedValue::Timestamp(_) => Self::Timestamps,
            _ => return None,
        })
    }

    fn one(self) -> &'static str {
        match self {
            Self::Bools => "a bool",
            Self::Numbers => "a number",
            Self::Texts => "text",
            Self::Dates => "a date",
            Self::Times => "a time of day",
            Self::DateTimes => "a date and time without a time zone",
            Self::Timestamps => "a date and time with a time zone",
        }
    }

    fn several(self) -> &'static str {
        match self {
            Self::Bools => "bools",
            Self::Numbers => "numbers",
            Self::Texts => "text",
            Self::Dates => "dates",
            Self::Times => "times of day",
            Self::DateTimes => "dates and times without a time zone",
            Self::Timestamps => "dates and times with a time zone",
        }
    }
}

/// What a column has held so far.
#[derive(Debug, Default)]
struct Seen<'py> {
    kind: Option<Kind>,
    nans: bool,
    floats: bool,
    unsigned: bool,
    negative: bool,
    /// The finest unit of its moments.
    unit: Option<TimeUnit>,
    zone: Option<TimeZone>,
    /// Of the last moment: most columns have one time zone.
    tzinfo: Option<Bound<'py, PyAny>>,
}

impl<'py> Seen<'py> {
    /// Takes account of a value and the object that it is; answers the kind of those before where it is of another.
    fn add(&mut self, value: &OwnedValue, object: &Bound<'py, PyAny>) -> PyResult<Option<Kind>> {
        match value {
            OwnedValue::Int(value) => self.negative |= *value < 0,
            OwnedValue::UInt(_) => self.unsigned = true,
            OwnedValue::Float(value) if value.is_nan() => self.nans = true,
            OwnedValue::Float(_) => self.floats = true,
            OwnedValue::DateTime(shown) => self.unit = self.unit.max(Some(shown.unit())),
            OwnedValue::Timestamp(moment) => {
                self.unit = self.unit.max(Some(moment.unit()));
                self.add_zone(object.getattr("tzinfo")?)?;
            }
            _ => {}
        }
        match (self.kind, Kind::of(value)) {
            (Some(kind), Some(other)) if kind != other => return Ok(Some(kind)),
            (None, kind) => self.kind = kind,
            _ => {}
        }
        Ok(None)
    }

    /// Columns have one zone in which people read them. Moments of several are read in UTC.
    fn add_zone(&mut self, tzinfo: Bound<'py, PyAny>) -> PyResult<()> {
        if self.tzinfo.as_ref().is_none_or(|last| !last.is(&tzinfo)) {
            let zone = value::time::zone(&tzinfo)?;
            let is_other = self.zone.is_some_and(|known| known != zone);
            self.zone = Some(if is_other { TimeZone::UTC } else { zone });
            self.tzinfo = Some(tzinfo);
        }
        Ok(())
    }

    /// The type of the column; none without any value.
    fn dtype(&self) -> Option<DType> {
        let unit = self.unit.unwrap_or(TimeUnit::Microsecond);
        Some(match self.kind {
            None if self.nans => DType::Float64,
            None => return None,
            Some(Kind::Numbers) if self.floats || (self.unsigned && self.negative) => DType::Float64,
            Some(Kind::Numbers) if self.unsigned => DType::UInt64,
            Some(Kind::Numbers) => DType::Int64,
            Some(Kind::Bools) => DType::Bool,
            Some(Kind::Texts) => DType::String,
            Some(Kind::Dates) => DType::Date,
            Some(Kind::Times) => DType::Time(TimeUnit::Nanosecond),
            Some(Kind::DateTimes) => DType::Timestamp(unit, None),
            Some(Kind::Timestamps) => DType::Timestamp(unit, Some(self.zone.unwrap_or(TimeZone::UTC))),
        })
    }
}
