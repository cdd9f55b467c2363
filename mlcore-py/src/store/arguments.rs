//! What the calls of a store are given, read.

use std::borrow::Cow;

use mlcore::Error;
use mlcore::arrow::array::RecordBatch;
use mlcore::batch::{OwnedValue, Value};
use mlcore::time::{TimeUnit, Timestamp};
use mlcore_features::store::feature_store::{EntityRows, FeatureQuery};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};

use crate::door::{self, Asked, type_name};
use crate::error::{invalid, raise, wrong_type};
use crate::value::{self, Place};

const ONLINE: &str = "get online features";
const SUBJECT: &str = "entity_rows";

/// What Rust answers, or its error as an exception.
pub(super) fn asked<T>(py: Python<'_>, result: mlcore::Result<T>) -> PyResult<T> {
    result.map_err(|error| raise(py, &error))
}

/// The query of references or of a service.
pub(super) fn query(
    features: &[String],
    service: Option<String>,
    full: bool,
) -> mlcore::Result<FeatureQuery> {
    let query = match service {
        Some(service) => FeatureQuery::service(service),
        None => FeatureQuery::references(features.iter().map(String::as_str))?,
    };
    Ok(query.with_full_feature_names(full))
}

/// Whom a request asks about, as values of Python or as a frame.
#[derive(Debug)]
pub(super) enum Rows {
    Values { names: Vec<String>, columns: Vec<Vec<OwnedValue>> },
    Table(RecordBatch),
}

impl Rows {
    /// The rows of a list of dicts, of a dict of columns, or of a frame.
    pub(super) fn read(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        if let Ok(rows) = object.cast::<PyList>() {
            return Self::listed(rows);
        }
        if let Ok(columns) = object.cast::<PyDict>()
            && let Some(read) = Self::columns(columns)?
        {
            return Ok(read);
        }
        door::nullable_table(object, Asked { operation: ONLINE, subject: SUBJECT }).map(Self::Table)
    }

    fn listed(rows: &Bound<'_, PyList>) -> PyResult<Self> {
        let py = rows.py();
        let Ok(first) = rows.get_item(0) else {
            return Ok(Self::Values { names: Vec::new(), columns: Vec::new() });
        };
        let names: Vec<String> =
            row(&first, 0)?.keys().iter().map(|name| name.extract()).collect::<PyResult<_>>()?;
        let mut columns: Vec<Vec<OwnedValue>> =
            names.iter().map(|_| Vec::with_capacity(rows.len())).collect();
        for (number, own) in rows.iter().enumerate() {
            let own = row(&own, number)?;
            for (name, column) in names.iter().zip(&mut columns) {
                let Some(object) = own.get_item(name)? else {
                    let problem = format!("row {number} has no {name}, and the first row has");
                    return Err(invalid(py, ONLINE, SUBJECT, problem, "give every row the same names"));
                };
                column.push(value::read(&object, Place { operation: ONLINE, name, row: Some(number) })?);
            }
            if own.len() > names.len() {
                let has =
                    |name: &Bound<'_, PyAny>| name.extract().is_ok_and(|name: String| names.contains(&name));
                let extra = own.keys().iter().find(|name| !has(name)).map(|name| name.to_string());
                let problem =
                    format!("row {number} has {}, and the first row has not", extra.unwrap_or_default());
                return Err(invalid(py, ONLINE, SUBJECT, problem, "give every row the same names"));
            }
        }
        Ok(Self::Values { names, columns })
    }

    /// Columns of lists; `None` where a column is something else, such as an array.
    fn columns(given: &Bound<'_, PyDict>) -> PyResult<Option<Self>> {
        let (mut names, mut columns) = (Vec::new(), Vec::new());
        for (name, values) in given.iter() {
            let (Ok(name), Ok(values)) = (name.extract::<String>(), values.cast::<PyList>()) else {
                return Ok(None);
            };
            let read = values.iter().enumerate().map(|(number, object)| {
                value::read(&object, Place { operation: ONLINE, name: &name, row: Some(number) })
            });
            columns.push(read.collect::<PyResult<Vec<_>>>()?);
            names.push(name);
        }
        Ok(Some(Self::Values { names, columns }))
    }

    /// Works with the rows as Rust takes them.
    pub(super) fn with<T>(
        &self,
        work: impl FnOnce(&EntityRows<'_>) -> mlcore::Result<T>,
    ) -> mlcore::Result<T> {
        match self {
            Self::Table(table) => work(&EntityRows::of(table)?),
            Self::Values { names, columns } => {
                let columns: Vec<Vec<Value<'_>>> =
                    columns.iter().map(|column| column.iter().map(OwnedValue::as_value).collect()).collect();
                let named = names.iter().zip(&columns);
                work(&EntityRows::columns(named.map(|(name, column)| (name.as_str(), column.as_slice())))?)
            }
        }
    }

    /// The values of a column that was given as such.
    pub(super) fn column(&self, name: &str) -> Option<Cow<'_, [OwnedValue]>> {
        match self {
            Self::Table(_) => None,
            Self::Values { names, columns } => {
                let place = names.iter().position(|own| own == name)?;
                columns.get(place).map(|column| Cow::Borrowed(column.as_slice()))
            }
        }
    }
}

fn row<'a, 'py>(object: &'a Bound<'py, PyAny>, number: usize) -> PyResult<&'a Bound<'py, PyDict>> {
    object.cast::<PyDict>().map_err(|_| {
        let problem = format!("row {number} is a {}", type_name(object));
        wrong_type(
            object.py(),
            ONLINE,
            SUBJECT,
            problem,
            "pass a dict for each row, such as {\"driver_id\": 1001}",
        )
    })
}

/// A moment of Python's, numpy's or pandas', or as text; without a time zone it is UTC.
pub(super) fn moment(object: &Bound<'_, PyAny>, subject: &'static str) -> PyResult<Timestamp> {
    const OPERATION: &str = "materialize";
    let py = object.py();
    if let Ok(text) = object.cast::<PyString>() {
        let read = text.to_cow()?.parse().map_err(|error: Error| error.within(subject));
        return asked(py, read);
    }
    let read = value::read(object, Place { operation: OPERATION, name: subject, row: None })?;
    let micros = match read {
        OwnedValue::Timestamp(moment) => Some(moment.as_micros()),
        OwnedValue::DateTime(shown) => in_micros(shown.count(), shown.unit()),
        OwnedValue::Date(date) => i64::from(date.days()).checked_mul(86_400_000_000),
        _ => {
            let problem = format!("it is a {}", type_name(object));
            return Err(wrong_type(py, OPERATION, subject, problem, "pass a datetime"));
        }
    };
    micros.map(Timestamp::from_micros).ok_or_else(|| {
        raise(
            py,
            &Error::invalid_input(OPERATION, subject, "it is too far away").remedy("pass a nearer datetime"),
        )
    })
}

fn in_micros(count: i64, unit: TimeUnit) -> Option<i64> {
    match unit {
        TimeUnit::Second => count.checked_mul(1_000_000),
        TimeUnit::Millisecond => count.checked_mul(1_000),
        TimeUnit::Microsecond => Some(count),
        TimeUnit::Nanosecond => Some(count.div_euclid(1_000)),
    }
}
