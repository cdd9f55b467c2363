//! Plain Python: lists of values, dicts of columns, lists of records.

use std::sync::Arc;

use mlcore::arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, NullArray, StringBuilder, UInt64Array,
};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyMapping, PyString, PyTuple};

use super::{Asked, Named, is_of, single, type_name};
use crate::error::{invalid, wrong_type};

/// A dict of columns.
pub(super) fn mapping(mapping: &Bound<'_, PyMapping>, asked: Asked) -> PyResult<Named> {
    let py = mapping.py();
    mapping
        .items()?
        .iter()
        .map(|item| {
            let (name, values) = item.extract::<(Bound<'_, PyAny>, Bound<'_, PyAny>)>()?;
            let Ok(name) = name.extract::<String>() else {
                let problem = format!("the name of a column is {}, and must be a str", name.repr()?);
                return Err(wrong_type(
                    py,
                    asked.operation,
                    asked.subject,
                    problem,
                    "name columns with strings",
                ));
            };
            if values.is_instance_of::<PyString>() || values.hasattr("__len__").is_ok_and(|sized| !sized) {
                let problem = format!("a column is expected, and it is a {}", type_name(&values));
                return Err(wrong_type(
                    py,
                    asked.operation,
                    &name,
                    problem,
                    "pass a list: one record is {name: [value]}",
                ));
            }
            let array = single(&values, &name, asked)?;
            Ok((name, array))
        })
        .collect()
}

/// A list of dicts, one per row, or of rows of equal length.
pub(super) fn records(rows: &Bound<'_, PyAny>, asked: Asked) -> PyResult<(Named, bool)> {
    let py = rows.py();
    let rows: Vec<Bound<'_, PyAny>> = rows.try_iter()?.collect::<PyResult<_>>()?;
    let refused = |row: usize, object: &Bound<'_, PyAny>| {
        let problem = format!("row {row} is a {}", type_name(object));
        wrong_type(
            py,
            asked.operation,
            asked.subject,
            problem,
            "pass rows that are all dicts, or all sequences of equal length",
        )
    };
    if rows.first().is_some_and(|row| row.is_instance_of::<PyDict>()) {
        let mut names: Vec<String> = Vec::new();
        for (position, row) in rows.iter().enumerate() {
            let Ok(row) = row.cast::<PyDict>() else { return Err(refused(position, row)) };
            for name in row.keys() {
                let name = name.extract::<String>().map_err(|_| refused(position, row))?;
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        let columns = names.into_iter().map(|name| {
            let values = rows.iter().map(|row| match row.get_item(&name) {
                Ok(value) => value,
                Err(_) => py.None().into_bound(py),
            });
            let array = column(PyList::new(py, values.collect::<Vec<_>>())?.as_any(), &name, asked)?;
            Ok((name, array))
        });
        return Ok((columns.collect::<PyResult<_>>()?, true));
    }
    let mut columns: Vec<Vec<Bound<'_, PyAny>>> = Vec::new();
    for (position, row) in rows.iter().enumerate() {
        let sequence = row.is_instance_of::<PyList>()
            || row.is_instance_of::<PyTuple>()
            || is_of(row, "numpy", &["ndarray"]);
        if !sequence {
            return Err(refused(position, row));
        }
        let values: Vec<Bound<'_, PyAny>> = row.try_iter()?.collect::<PyResult<_>>()?;
        if position == 0 {
            columns.resize_with(values.len(), Vec::new);
        }
        if values.len() != columns.len() {
            let problem =
                format!("row {position} has {} values where row 0 has {}", values.len(), columns.len());
            return Err(invalid(py, asked.operation, asked.subject, problem, "give rows of equal length"));
        }
        for (column, value) in columns.iter_mut().zip(values) {
            column.push(value);
        }
    }
    let columns = columns.into_iter().enumerate().map(|(position, values)| {
        let name = format!("x{position}");
        let array = column(PyList::new(py, values)?.as_any(), &name, asked)?;
        Ok((name, array))
    });
    Ok((columns.collect::<PyResult<_>>()?, false))
}

/// A column of Python values: all text, all bools, or numbers; `None`, NaN and `pandas.NA` are missing.
pub(super) fn column(values: &Bound<'_, PyAny>, name: &str, asked: Asked) -> PyResult<ArrayRef> {
    let py = values.py();
    let mut cells = Vec::with_capacity(values.len().unwrap_or_default());
    let mut kinds = Kinds::default();
    for (row, value) in values.try_iter()?.enumerate() {
        let value = value?;
        let Some(cell) = cell(&value)? else {
            let problem = format!("row {row} holds a {}", type_name(&value));
            return Err(wrong_type(py, asked.operation, name, problem, "pass numbers, bools or text"));
        };
        if !kinds.admits(&cell) {
            let problem = format!("row {row} holds {}, after {}", cell.described(), kinds.described());
            return Err(wrong_type(
                py,
                asked.operation,
                name,
                problem,
                "convert the column to one type first",
            ));
        }
        cells.push(cell);
    }
    Ok(kinds.array(&cells))
}

/// One value of a column.
#[derive(Debug)]
enum Cell {
    Missing,
    /// A missing number: it makes a column of integers one of floats, as numpy does.
    NotANumber,
    Bool(bool),
    Int(i64),
    UInt(u64),
    Float(f64),
    Text(String),
}

impl Cell {
    fn described(&self) -> &'static str {
        match self {
            Self::Missing | Self::NotANumber => "a missing value",
            Self::Bool(_) => "a bool",
            Self::Int(_) | Self::UInt(_) | Self::Float(_) => "a number",
            Self::Text(_) => "text",
        }
    }
}

fn cell(value: &Bound<'_, PyAny>) -> PyResult<Option<Cell>> {
    if value.is_none() || is_of(value, "pandas", &["NAType", "NaTType"]) {
        return Ok(Some(Cell::Missing));
    }
    if let Ok(value) = value.cast::<PyFloat>() {
        let value = value.value();
        return Ok(Some(if value.is_nan() { Cell::NotANumber } else { Cell::Float(value) }));
    }
    if let Ok(value) = value.cast::<PyBool>() {
        return Ok(Some(Cell::Bool(value.is_true())));
    }
    if value.is_instance_of::<PyInt>() {
        return Ok(Some(match value.extract::<i64>() {
            Ok(value) => Cell::Int(value),
            Err(_) => match value.extract::<u64>() {
                Ok(value) => Cell::UInt(value),
                // Beyond 64 bits there are only floats.
                Err(_) => Cell::Float(value.extract::<f64>()?),
            },
        }));
    }
    if let Ok(value) = value.cast::<PyString>() {
        return Ok(Some(Cell::Text(value.to_str()?.to_owned())));
    }
    if is_of(value, "numpy", &["generic"]) && !is_of(value, "numpy", &["datetime64", "timedelta64", "void"]) {
        let plain = value.call_method0("item")?;
        return if is_of(&plain, "numpy", &["generic"]) { Ok(None) } else { cell(&plain) };
    }
    if is_of(value, "decimal", &["Decimal"]) {
        let value = value.extract::<f64>()?;
        return Ok(Some(if value.is_nan() { Cell::NotANumber } else { Cell::Float(value) }));
    }
    Ok(None)
}

/// What a column has held so far.
#[derive(Debug, Default)]
struct Kinds {
    bools: bool,
    integers: bool,
    unsigned: bool,
    negative: bool,
    floats: bool,
    texts: bool,
    nans: bool,
    missing: bool,
}

impl Kinds {
    fn admits(&mut self, cell: &Cell) -> bool {
        let numbers = self.integers || self.floats;
        let alone = match cell {
            Cell::Missing | Cell::NotANumber => true,
            Cell::Bool(_) => !numbers && !self.texts,
            Cell::Int(_) | Cell::UInt(_) | Cell::Float(_) => !self.bools && !self.texts,
            Cell::Text(_) => !numbers && !self.bools,
        };
        match cell {
            Cell::Missing => self.missing = true,
            Cell::NotANumber => self.nans = true,
            Cell::Bool(_) => self.bools |= alone,
            Cell::Int(value) => {
                self.integers |= alone;
                self.negative |= *value < 0;
            }
            Cell::UInt(_) => {
                self.integers |= alone;
                self.unsigned = true;
            }
            Cell::Float(_) => self.floats |= alone,
            Cell::Text(_) => self.texts |= alone,
        }
        alone
    }

    fn described(&self) -> &'static str {
        match self {
            Self { texts: true, .. } => "text",
            Self { bools: true, .. } => "bools",
            _ => "numbers",
        }
    }

    fn array(&self, cells: &[Cell]) -> ArrayRef {
        if self.texts {
            let mut texts = StringBuilder::new();
            for cell in cells {
                match cell {
                    Cell::Text(text) => texts.append_value(text),
                    _ => texts.append_null(),
                }
            }
            return Arc::new(texts.finish());
        }
        if self.bools {
            let bools = cells.iter().map(|cell| match cell {
                Cell::Bool(value) => Some(*value),
                _ => None,
            });
            return Arc::new(bools.collect::<BooleanArray>());
        }
        let mixed = self.unsigned && self.negative;
        if self.integers && !self.floats && !self.nans && !mixed {
            if self.unsigned {
                let integers = cells.iter().map(|cell| match cell {
                    Cell::UInt(value) => Some(*value),
                    Cell::Int(value) => u64::try_from(*value).ok(),
                    _ => None,
                });
                return Arc::new(integers.collect::<UInt64Array>());
            }
            let integers = cells.iter().map(|cell| match cell {
                Cell::Int(value) => Some(*value),
                _ => None,
            });
            return Arc::new(integers.collect::<Int64Array>());
        }
        if self.integers || self.floats || self.nans {
            let floats = cells.iter().map(|cell| match cell {
                Cell::Int(value) => *value as f64,
                Cell::UInt(value) => *value as f64,
                Cell::Float(value) => *value,
                _ => f64::NAN,
            });
            return Arc::new(Float64Array::from_iter_values(floats));
        }
        Arc::new(NullArray::new(cells.len()))
    }
}
