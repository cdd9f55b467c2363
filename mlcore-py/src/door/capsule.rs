//! Objects that speak the Arrow PyCapsule protocol: polars, pyarrow, duckdb and others.

use std::sync::Arc;

use arrow_select::concat::concat;
use mlcore::arrow::array::{Array, ArrayRef, AsArray, new_empty_array};
use mlcore::arrow::datatypes::DataType;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use pyo3_arrow::{PyArray, PyChunkedArray};

use super::{Asked, Named, is_of, type_name};
use crate::error::wrong_type;

const STREAM: &str = "__arrow_c_stream__";
const ARRAY: &str = "__arrow_c_array__";

pub(super) fn exports(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(object.hasattr(STREAM)? || object.hasattr(ARRAY)?)
}

/// The columns of a table; a column that stands alone is one, under its own name where it has one.
pub(super) fn table(object: &Bound<'_, PyAny>, asked: Asked) -> PyResult<(Named, bool)> {
    let (array, name) = array(object, asked)?;
    if let DataType::Struct(fields) = array.data_type() {
        let table = array.as_struct();
        let named = fields.iter().zip(table.columns());
        return Ok((named.map(|(field, column)| (field.name().clone(), column.clone())).collect(), true));
    }
    let name = match name.is_empty() {
        // polars does not put the name of a series into its stream.
        true => object.getattr("name").and_then(|name| name.extract::<String>()).unwrap_or_default(),
        false => name,
    };
    Ok(if name.is_empty() { (vec![("x0".to_owned(), array)], false) } else { (vec![(name, array)], true) })
}

fn array(object: &Bound<'_, PyAny>, asked: Asked) -> PyResult<(ArrayRef, String)> {
    let py = object.py();
    let refused = |cause: PyErr| {
        let problem = format!("its Arrow data ({}) cannot be read: {}", type_name(object), cause.value(py));
        let error = wrong_type(
            py,
            asked.operation,
            asked.subject,
            problem,
            "convert its columns to plain types first",
        );
        error.set_cause(py, Some(cause));
        error
    };
    let object = &typed(object)?;
    if object.hasattr(STREAM)? {
        let (chunks, field) = object.extract::<PyChunkedArray>().map_err(refused)?.into_inner();
        let array = match chunks.as_slice() {
            [] => new_empty_array(field.data_type()),
            [one] => Arc::clone(one),
            several => {
                let parts: Vec<&dyn Array> = several.iter().map(AsRef::as_ref).collect();
                concat(&parts).map_err(|cause| {
                    let problem = format!("its chunks cannot be joined: {cause}");
                    wrong_type(
                        py,
                        asked.operation,
                        asked.subject,
                        problem,
                        "join them before, for instance with rechunk()",
                    )
                })?
            }
        };
        return Ok((array, field.name().clone()));
    }
    let (array, field) = object.extract::<PyArray>().map_err(refused)?.into_inner();
    Ok((array, field.name().clone()))
}

/// The object with floats where polars has columns of type `Null`: it exports these with a buffer more than Arrow gives
/// them, and they cannot be read.
fn typed<'py>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    if !is_of(object, "polars", &["DataFrame", "Series"]) {
        return Ok(object.clone());
    }
    let polars = object.py().import("polars")?;
    let (null, float) = (polars.getattr("Null")?, polars.getattr("Float64")?);
    if is_of(object, "polars", &["Series"]) {
        return if object.getattr("dtype")?.eq(&null)? {
            object.call_method1("cast", (float,))
        } else {
            Ok(object.clone())
        };
    }
    if !object.getattr("dtypes")?.contains(&null)? {
        return Ok(object.clone());
    }
    let floats = PyDict::new(object.py());
    floats.set_item(null, float)?;
    object.call_method1("cast", (floats,))
}
