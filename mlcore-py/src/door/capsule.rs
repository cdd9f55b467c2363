//! Objects that speak the Arrow PyCapsule protocol: polars, pyarrow, duckdb and others.

use std::sync::Arc;

use arrow_select::concat::concat;
use mlcore::arrow::array::{Array, ArrayRef, AsArray, new_empty_array};
use mlcore::arrow::datatypes::DataType;
use mlcore::arrow::validate;
use pyo3::prelude::*;
use pyo3_arrow::{PyArray, PyChunkedArray};

use super::{Asked, Column, Columns, is_of, type_name};
use crate::error::{raise, wrong_type};

const STREAM: &str = "__arrow_c_stream__";
const ARRAY: &str = "__arrow_c_array__";

pub(super) fn exports(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(object.hasattr(STREAM)? || object.hasattr(ARRAY)?)
}

/// The columns of a table; a column that stands alone is one, under its own name where it has one.
pub(super) fn table(object: &Bound<'_, PyAny>, asked: Asked) -> PyResult<Columns> {
    // Where a library hands over single columns, one that cannot be read is in nobody's way.
    for (library, classes, names, column, rows) in [
        ("polars", &["DataFrame"][..], "columns", "to_series", "height"),
        ("pyarrow", &["Table", "RecordBatch"], "column_names", "column", "num_rows"),
    ] {
        if is_of(object, library, classes) {
            let names: Vec<String> = object.getattr(names)?.extract()?;
            let columns = names.into_iter().enumerate().map(|(position, name)| {
                Column::of_object(name, object, move |table, name, asked| {
                    let values = table.call_method1(column, (position,))?;
                    Ok(array(&values, name, asked)?.0)
                })
            });
            let rows: usize = object.getattr(rows)?.extract()?;
            return Ok(Columns::new(columns.collect(), rows, true));
        }
    }
    let (array, name) = array(object, asked.subject, asked)?;
    let rows = array.len();
    if let DataType::Struct(fields) = array.data_type() {
        let columns = fields.iter().zip(array.as_struct().columns());
        let columns = columns.map(|(field, array)| {
            let array = array.clone();
            Column::new(field.name().clone(), move |py, name, asked| sound(py, array.clone(), 0, name, asked))
        });
        return Ok(Columns::new(columns.collect(), rows, true));
    }
    let name = match name.is_empty() {
        // polars does not put the name of a series into its stream.
        true => object.getattr("name").and_then(|name| name.extract::<String>()).unwrap_or_default(),
        false => name,
    };
    let named = !name.is_empty();
    let name = if named { name } else { "x0".to_owned() };
    Ok(Columns::new(vec![Column::of_array(name, array)], rows, named))
}

/// The values of an object that exports some, which an error calls by this name; and their own name.
pub(super) fn array(object: &Bound<'_, PyAny>, subject: &str, asked: Asked) -> PyResult<(ArrayRef, String)> {
    let py = object.py();
    let refused = |cause: PyErr| {
        let problem = format!("its Arrow data ({}) cannot be read: {}", type_name(object), cause.value(py));
        let error =
            wrong_type(py, asked.operation, subject, problem, "convert its columns to plain types first");
        error.set_cause(py, Some(cause));
        error
    };
    let object = &typed(object)?;
    if object.hasattr(STREAM)? {
        let (chunks, field) = object.extract::<PyChunkedArray>().map_err(refused)?.into_inner();
        let mut before = 0;
        let mut checked = Vec::with_capacity(chunks.len());
        for chunk in chunks {
            let rows = chunk.len();
            checked.push(sound(py, chunk, before, subject, asked)?);
            before += rows;
        }
        let array = match checked.as_slice() {
            [] => new_empty_array(field.data_type()),
            [one] => Arc::clone(one),
            several => {
                let parts: Vec<&dyn Array> = several.iter().map(AsRef::as_ref).collect();
                concat(&parts).map_err(|cause| {
                    let problem = format!("its chunks cannot be joined: {cause}");
                    wrong_type(
                        py,
                        asked.operation,
                        subject,
                        problem,
                        "join them before, for instance with rechunk()",
                    )
                })?
            }
        };
        return Ok((array, field.name().clone()));
    }
    let (array, field) = object.extract::<PyArray>().map_err(refused)?.into_inner();
    sound(py, array, 0, subject, asked).map(|array| (array, field.name().clone()))
}

/// The array, if it is sound: Rust takes for granted what other libraries hand over as they were told. So many rows lie before
/// it. The columns of a table are looked at one by one, when they are read.
fn sound(py: Python<'_>, array: ArrayRef, before: usize, subject: &str, asked: Asked) -> PyResult<ArrayRef> {
    if !matches!(array.data_type(), DataType::Struct(_)) {
        validate(asked.operation, subject, &array.to_data(), before).map_err(|error| raise(py, &error))?;
    }
    Ok(array)
}

/// The series with floats where polars has the type `Null`: it exports such columns with a buffer more than Arrow gives them,
/// and they cannot be read.
fn typed<'py>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    if !is_of(object, "polars", &["Series"]) {
        return Ok(object.clone());
    }
    let polars = object.py().import("polars")?;
    if object.getattr("dtype")?.eq(polars.getattr("Null")?)? {
        return object.call_method1("cast", (polars.getattr("Float64")?,));
    }
    Ok(object.clone())
}
