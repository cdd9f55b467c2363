//! Single records: a value per column, as Python has them.

use mlcore::Error;
use mlcore::batch::Value;
use mlcore::schema::Field;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyFloat, PyInt, PyString};

use crate::door::{is_of, type_name};
use crate::error::{raise, wrong_type};

/// One value of a record, read as the column's type.
#[derive(Debug)]
pub(crate) enum Cell {
    Plain(Value<'static>),
    Text(String),
}

impl Cell {
    /// The value of `field` in a record.
    pub(crate) fn of(value: &Bound<'_, PyAny>, field: &Field, operation: &'static str) -> PyResult<Self> {
        let (py, expected, name) = (value.py(), field.dtype(), field.name());
        if value.is_none() || is_of(value, "pandas", &["NAType"]) {
            return Ok(Self::Plain(if expected.is_float() { Value::Float(f64::NAN) } else { Value::Null }));
        }
        if let Ok(value) = value.cast::<PyFloat>() {
            let value = value.value();
            // As at the door for tables: NaN is missing, and a whole float is an integer where one is expected.
            if value.is_nan() && !expected.is_float() {
                return Ok(Self::Plain(Value::Null));
            }
            if value.fract() == 0.0 && value.abs() < 9.0e15 && expected.is_numeric() && !expected.is_float() {
                return Ok(Self::Plain(Value::Int(value as i64)));
            }
            return Ok(Self::Plain(Value::Float(value)));
        }
        if let Ok(value) = value.cast::<PyBool>() {
            return Ok(Self::Plain(Value::Bool(value.is_true())));
        }
        if value.is_instance_of::<PyInt>() {
            if expected.is_float() {
                return Ok(Self::Plain(Value::Float(value.extract()?)));
            }
            let integer =
                value.extract::<i64>().map(Value::Int).or_else(|_| value.extract::<u64>().map(Value::UInt));
            return integer.map(Self::Plain).map_err(|_| {
                wrong_type(py, operation, name, "the integer has more than 64 bits", "pass a float")
            });
        }
        if let Ok(text) = value.cast::<PyString>() {
            return Ok(Self::Text(text.to_str()?.to_owned()));
        }
        if is_of(value, "numpy", &["generic"]) {
            let plain = value.call_method0("item")?;
            if !is_of(&plain, "numpy", &["generic"]) {
                return Self::of(&plain, field, operation);
            }
        }
        let problem = format!("a {expected} is expected, and it is a {}", type_name(value));
        Err(wrong_type(py, operation, name, problem, "pass a number, a bool, text or None"))
    }

    /// What a row of Rust holds in its place.
    pub(crate) fn value(&self) -> Value<'_> {
        match self {
            Self::Plain(value) => *value,
            Self::Text(text) => Value::Text(text),
        }
    }
}

/// The exception for a record that has no value for a column.
pub(crate) fn absent(py: Python<'_>, field: &Field, operation: &'static str) -> PyErr {
    let problem = format!("the row has no value for it; a {} is expected", field.dtype());
    let error = Error::schema_mismatch(operation, field.name(), problem);
    raise(py, &error.remedy("pass None where it is missing"))
}
