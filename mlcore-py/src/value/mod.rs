//! Single values: an object of Python as a cell of a table, and a cell as an object of Python.
//!
//! One reader serves the cells of columns, of records, of parameters and of contexts, so that an object means the same
//! wherever it stands.

pub(crate) mod decimal;
pub(crate) mod time;

use mlcore::batch::OwnedValue;
use mlcore::schema::DType;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyFloat, PyInt, PyString};

use crate::door::{is_of, type_name};
use crate::error::{invalid, wrong_type};

/// Where a value stands, for errors.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) operation: &'static str,
    /// The column, the parameter.
    pub(crate) name: &'a str,
    /// The row of a column; a single value has none.
    pub(crate) row: Option<usize>,
}

impl<'a> Place<'a> {
    /// The place of a value that stands alone.
    pub(crate) fn single(operation: &'static str, name: &'a str) -> Self {
        Self { operation, name, row: None }
    }

    /// The exception for what stands here and is no value.
    pub(crate) fn refused(&self, py: Python<'_>, what: &str, remedy: &str) -> PyErr {
        wrong_type(py, self.operation, self.name, self.problem(what), remedy)
    }

    /// The exception for a value of a kind that is taken, and that cannot be used.
    fn unusable(&self, py: Python<'_>, what: &str, remedy: &str) -> PyErr {
        invalid(py, self.operation, self.name, self.problem(what), remedy)
    }

    fn problem(&self, what: &str) -> String {
        match self.row {
            Some(row) => format!("row {row} holds {what}"),
            None => format!("it is {what}"),
        }
    }
}

/// The value of an object: `None`, `pandas.NA` and `NaT` are null, NaN is a float.
///
/// Nothing is rounded: integers of more than 64 bits, and decimals that no float tells apart, are refused.
pub(crate) fn read(object: &Bound<'_, PyAny>, place: Place<'_>) -> PyResult<OwnedValue> {
    let py = object.py();
    if object.is_none() {
        return Ok(OwnedValue::Null);
    }
    if let Ok(float) = object.cast::<PyFloat>() {
        return Ok(float.value().into());
    }
    if let Ok(flag) = object.cast::<PyBool>() {
        return Ok(flag.is_true().into());
    }
    if object.is_instance_of::<PyInt>() {
        let integer = object.extract::<i64>().map(OwnedValue::from);
        return integer.or_else(|_| object.extract::<u64>().map(OwnedValue::from)).map_err(|_| {
            place.refused(py, "an integer of more than 64 bits", "pass a float, or the digits as text")
        });
    }
    if let Ok(text) = object.cast::<PyString>() {
        return self::text(text, place).map(Into::into);
    }
    if let Some(value) = time::read(object, place)? {
        return Ok(value);
    }
    if is_of(object, "numpy", &["generic"]) && !is_of(object, "numpy", &["void"]) {
        let plain = object.call_method0("item")?;
        // A number that Python has no type for is handed back as it is.
        if !is_of(&plain, "numpy", &["generic"]) {
            return read(&plain, place);
        }
        if is_of(&plain, "numpy", &["floating"]) {
            return Ok(plain.extract::<f64>()?.into());
        }
    }
    if is_of(object, "pyarrow", &["Scalar"]) {
        return read(&object.call_method0("as_py")?, place);
    }
    if is_of(object, "decimal", &["Decimal"]) {
        return decimal::read(object, place);
    }
    if is_of(object, "pandas", &["NAType"]) {
        return Ok(OwnedValue::Null);
    }
    let what = format!("a {}", type_name(object));
    Err(place.refused(py, &what, "the argument must be a string, a number, a bool, a date, a time or None"))
}

/// The text of a `str`.
pub(crate) fn text<'a>(text: &'a Bound<'_, PyString>, place: Place<'_>) -> PyResult<&'a str> {
    // A surrogate without its other half: bytes that were decoded with `surrogateescape`, or half an emoji.
    text.to_str().map_err(|_| {
        let what = "text that is no Unicode: half a pair of surrogates";
        place.unusable(text.py(), what, "replace it: text.encode(\"utf-8\", \"replace\").decode()")
    })
}

/// What a value means to a column of this type, beyond what all of mlcore says: the written policy of the [door](crate::door).
///
/// NaN is how pandas says that a value of any type is missing, and null is how others say it of a float. A midnight is how
/// numpy and pandas, which compute with moments only, say a date.
pub(crate) fn meant(value: OwnedValue, dtype: DType) -> OwnedValue {
    if value.is_missing() {
        return if dtype.is_float() { OwnedValue::Float(f64::NAN) } else { OwnedValue::Null };
    }
    if let (OwnedValue::DateTime(shown), DType::Date) = (&value, dtype)
        && let Some(date) = time::date_of(*shown)
    {
        return OwnedValue::Date(date);
    }
    value
}

/// The value as Python's own; a missing one is `None`.
///
/// A moment is a datetime in UTC. What Python's types cannot hold, as nanoseconds and years beyond 9999, is a
/// `numpy.datetime64`.
pub(crate) fn write<'py>(py: Python<'py>, value: &OwnedValue) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        OwnedValue::Null => py.None().into_bound(py),
        OwnedValue::Bool(value) => value.into_pyobject(py)?.to_owned().into_any(),
        OwnedValue::Int(value) => value.into_pyobject(py)?.into_any(),
        OwnedValue::UInt(value) => value.into_pyobject(py)?.into_any(),
        OwnedValue::Float(value) => value.into_pyobject(py)?.into_any(),
        OwnedValue::Text(value) => value.into_pyobject(py)?.into_any(),
        OwnedValue::Date(date) => time::write_date(py, *date)?,
        OwnedValue::Time(time) => time::write_time(py, *time)?,
        OwnedValue::DateTime(shown) => time::write_moment(py, shown.count(), shown.unit(), false)?,
        OwnedValue::Timestamp(moment) => time::write_moment(py, moment.count(), moment.unit(), true)?,
        // A kind that is newer than this binding.
        other => {
            let problem = format!("it is {}", other.as_value().described());
            return Err(wrong_type(py, "read value", "value", problem, "update mlcore"));
        }
    })
}
