//! One record: a value per name, or per position. What a table of one row takes, a record takes.

use mlcore::Error;
use mlcore::schema::Schema;
use pyo3::exceptions::PyKeyError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyMapping, PyString, PyTuple};

use super::{Asked, is_of, type_name};
use crate::error::{invalid, raise, wrong_type};

/// The values of a record.
#[derive(Debug)]
pub(crate) enum Record<'py> {
    /// Of any mapping, which is asked for the names that are read.
    Mapping(Bound<'py, PyMapping>),
    /// Of a dict: that of the caller, or one made of a row of pandas, a named tuple or a numpy record.
    Dict(Bound<'py, PyDict>),
    /// By position.
    Values(Vec<Bound<'py, PyAny>>),
}

impl<'py> Record<'py> {
    /// The record that an object is; none where it is something else.
    pub(crate) fn of(object: &Bound<'py, PyAny>) -> PyResult<Option<Self>> {
        if let Ok(dict) = object.cast::<PyDict>() {
            return Ok(Some(Self::Dict(dict.clone())));
        }
        if is_of(object, "pandas", &["Series"]) {
            let labels: Vec<Bound<'py, PyAny>> =
                object.getattr("index")?.try_iter()?.collect::<PyResult<_>>()?;
            // Series of numpy's numbers are read as Python's own.
            let values: Vec<Bound<'py, PyAny>> =
                object.call_method0("tolist")?.try_iter()?.collect::<PyResult<_>>()?;
            if labels.iter().all(|label| label.is_instance_of::<PyString>()) {
                return Self::zipped(object.py(), labels, values).map(Some);
            }
            return Ok(Some(Self::Values(values)));
        }
        if let Ok(mapping) = object.cast::<PyMapping>() {
            return Ok(Some(Self::Mapping(mapping.clone())));
        }
        if let Ok(tuple) = object.cast::<PyTuple>()
            && let Some(fields) = tuple.getattr_opt("_fields")?
        {
            let names = fields.try_iter()?.collect::<PyResult<_>>()?;
            return Self::zipped(object.py(), names, tuple.iter().collect()).map(Some);
        }
        if is_of(object, "numpy", &["void"]) {
            let names = object.getattr("dtype")?.getattr("names")?;
            if names.is_none() {
                return Ok(None);
            }
            let names: Vec<Bound<'py, PyAny>> = names.try_iter()?.collect::<PyResult<_>>()?;
            let values = names.iter().map(|name| object.get_item(name)).collect::<PyResult<_>>()?;
            return Self::zipped(object.py(), names, values).map(Some);
        }
        let is_flat =
            || object.getattr("ndim").and_then(|count| count.extract::<usize>()).is_ok_and(|n| n == 1);
        if object.is_instance_of::<PyList>()
            || object.is_instance_of::<PyTuple>()
            || (is_of(object, "numpy", &["ndarray"]) && is_flat())
        {
            return Ok(Some(Self::Values(object.try_iter()?.collect::<PyResult<_>>()?)));
        }
        Ok(None)
    }

    /// The record that an argument is to be.
    pub(crate) fn required(object: &Bound<'py, PyAny>, asked: Asked) -> PyResult<Self> {
        Self::of(object)?.ok_or_else(|| {
            let problem = format!("a record is expected, and it is a {}", type_name(object));
            let remedy = "pass a dict, a row of pandas (df.iloc[0]), a named tuple or a list of values";
            wrong_type(object.py(), asked.operation, asked.subject, problem, remedy)
        })
    }

    fn zipped(
        py: Python<'py>,
        names: Vec<Bound<'py, PyAny>>,
        values: Vec<Bound<'py, PyAny>>,
    ) -> PyResult<Self> {
        let dict = PyDict::new(py);
        for (name, value) in names.into_iter().zip(values) {
            dict.set_item(name, value)?;
        }
        Ok(Self::Dict(dict))
    }

    /// The same record by name, where it came by position, or by names that say nothing to a reader of `columns` without
    /// names of their own.
    pub(crate) fn by_name(
        self,
        py: Python<'py>,
        columns: &[String],
        named: bool,
        asked: Asked,
    ) -> PyResult<Self> {
        let values = match self {
            Self::Values(values) => values,
            Self::Mapping(_) | Self::Dict(_) if named => return Ok(self),
            Self::Mapping(_) | Self::Dict(_) => {
                for name in columns {
                    if self.get(name)?.is_none() {
                        return self.by_order(py, columns, asked);
                    }
                }
                return Ok(self);
            }
        };
        if values.len() != columns.len() {
            let problem = format!("it has {} values, and {} were fitted", values.len(), columns.len());
            let remedy = "pass the values of the columns that were fitted, in their order";
            return Err(invalid(py, asked.operation, asked.subject, problem, remedy));
        }
        let names = columns.iter().map(|name| PyString::new(py, name).into_any()).collect();
        Self::zipped(py, names, values)
    }

    fn by_order(self, py: Python<'py>, columns: &[String], asked: Asked) -> PyResult<Self> {
        let values: Vec<Bound<'py, PyAny>> = match &self {
            Self::Mapping(mapping) => mapping.values()?.iter().collect(),
            Self::Dict(dict) => dict.values().iter().collect(),
            Self::Values(_) => return Ok(self),
        };
        // What lacks a name is told by that name.
        if values.len() != columns.len() {
            return Ok(self);
        }
        Self::Values(values).by_name(py, columns, false, asked)
    }

    /// The value of a name; none where the record has no such name.
    pub(crate) fn get(&self, name: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
        match self {
            Self::Dict(dict) => dict.get_item(name),
            Self::Mapping(mapping) => {
                if !mapping.contains(name)? {
                    return Ok(None);
                }
                match mapping.get_item(name) {
                    Ok(value) => Ok(Some(value)),
                    Err(error) if error.is_instance_of::<PyKeyError>(mapping.py()) => Ok(None),
                    Err(error) => Err(error),
                }
            }
            Self::Values(_) => Ok(None),
        }
    }

    /// Refuses a name that `schema` does not have.
    pub(crate) fn require_known(&self, py: Python<'py>, schema: &Schema, asked: Asked) -> PyResult<()> {
        let unknown = self.names()?.into_iter().find(|name| schema.field(name).is_none());
        unknown.map_or(Ok(()), |name| Err(unknown_name(py, &name, schema, asked)))
    }

    /// The names of the record, as text.
    pub(crate) fn names(&self) -> PyResult<Vec<String>> {
        let names = match self {
            Self::Dict(dict) => dict.keys(),
            Self::Mapping(mapping) => mapping.keys()?,
            Self::Values(_) => return Ok(Vec::new()),
        };
        names.iter().map(|name| Ok(name.str()?.to_string_lossy().into_owned())).collect()
    }
}

/// The error for a name that nobody reads, where that was to be refused.
pub(crate) fn unknown_name(py: Python<'_>, name: &str, schema: &Schema, asked: Asked) -> PyErr {
    let known: Vec<&str> = schema.names().collect();
    let error = Error::schema_mismatch(asked.operation, name, "no such column is read");
    raise(py, &error.remedy(format!("leave it away, or send one of {}", known.join(", "))))
}
