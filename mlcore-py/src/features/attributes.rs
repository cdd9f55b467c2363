//! What a fitted transformer learnt, as Python objects under scikit-learn's names.

use mlcore::batch::{OwnedValue, column_of};
use mlcore::schema::{DType, Field};
use mlcore_features::pipeline::FittedStep;
use mlcore_features::transform::{Attribute, Transform};
use numpy::{IntoPyArray, PyArray1};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::error::raise;
use crate::table::numpy_of;
use crate::value::write;

pub(super) fn learnt<'py>(py: Python<'py>, step: &FittedStep) -> PyResult<Bound<'py, PyDict>> {
    let learnt = PyDict::new(py);
    for (name, attribute) in step.attributes() {
        learnt.set_item(name, python(py, &attribute)?)?;
    }
    Ok(learnt)
}

fn python<'py>(py: Python<'py>, attribute: &Attribute) -> PyResult<Bound<'py, PyAny>> {
    Ok(match attribute {
        Attribute::Count(count) => count.into_pyobject(py)?.into_any(),
        Attribute::Counts(counts) => {
            let counts: Vec<i64> =
                counts.iter().map(|count| i64::try_from(*count).unwrap_or(i64::MAX)).collect();
            counts.into_pyarray(py).into_any()
        }
        Attribute::Number(number) => number.into_pyobject(py)?.into_any(),
        Attribute::Numbers(numbers) => PyArray1::from_slice(py, numbers).into_any(),
        Attribute::Values { dtype, values } => array(py, values, *dtype)?,
        Attribute::List(list) => self::list(py, list)?.into_any(),
        Attribute::Objects(list) => objects(py, &self::list(py, list)?)?,
        // Also a kind that is newer than this binding.
        _ => py.None().into_bound(py),
    })
}

fn list<'py>(py: Python<'py>, attributes: &[Attribute]) -> PyResult<Bound<'py, PyList>> {
    let list = PyList::empty(py);
    for attribute in attributes {
        list.append(python(py, attribute)?)?;
    }
    Ok(list)
}

/// The values as the array that numpy would make of them: text as objects, a missing value as NaN; dates and moments as
/// `datetime64`, where `NaT` is missing.
fn array<'py>(py: Python<'py>, values: &[OwnedValue], dtype: DType) -> PyResult<Bound<'py, PyAny>> {
    let missing = values.iter().any(OwnedValue::is_missing);
    let as_objects = || {
        let list = PyList::empty(py);
        for value in values {
            if value.is_missing() {
                list.append(f64::NAN)?;
            } else {
                list.append(write(py, value)?)?;
            }
        }
        py.import("numpy")?.call_method1("array", (list, "object"))
    };
    Ok(match dtype {
        DType::String => as_objects()?,
        DType::Bool if missing => as_objects()?,
        DType::Bool => {
            let bools: Vec<bool> = values.iter().map(|value| value.as_f64() == Some(1.0)).collect();
            bools.into_pyarray(py).into_any()
        }
        dtype if dtype.is_temporal() => {
            let field = Field::column("values", dtype).nullable();
            let column = column_of(&field, values.iter().map(OwnedValue::as_value));
            numpy_of(py, field.name(), &column.map_err(|error| raise(py, &error))?)?
        }
        dtype if dtype.is_float() || missing => {
            let floats: Vec<f64> = values.iter().map(|value| value.as_f64().unwrap_or(f64::NAN)).collect();
            floats.into_pyarray(py).into_any()
        }
        dtype => as_objects()?.call_method1("astype", (dtype.to_string(),))?,
    })
}

/// An array whose elements are these, also where they are arrays of one length.
fn objects<'py>(py: Python<'py>, list: &Bound<'py, PyList>) -> PyResult<Bound<'py, PyAny>> {
    let array = py.import("numpy")?.call_method1("empty", (list.len(), "object"))?;
    for (position, element) in list.iter().enumerate() {
        array.set_item(position, element)?;
    }
    Ok(array)
}
