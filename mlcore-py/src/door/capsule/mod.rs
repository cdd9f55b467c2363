//! Objects that speak the Arrow PyCapsule protocol: polars, pyarrow, duckdb and others.

mod import;

use std::sync::Arc;

use arrow_select::concat::concat;
use mlcore::arrow::array::{Array, ArrayData, ArrayRef, AsArray, new_empty_array};
use mlcore::arrow::datatypes::{DataType, Field, Schema};
use mlcore::arrow::{imported, struct_columns};
use pyo3::prelude::*;

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
            return Ok(Columns::new(columns.collect(), rows, true).with_nulls());
        }
    }
    let Exported { chunks, field } = exported(object, asked.subject, asked)?;
    let (py, operation) = (object.py(), asked.operation);
    if let ([data], DataType::Struct(fields)) = (chunks.as_slice(), field.data_type()) {
        // Columns that nobody reads are not looked at.
        let columns = struct_columns(operation, asked.subject, data).map_err(|error| raise(py, &error))?;
        let columns = fields.iter().zip(columns).map(|(field, data)| {
            Column::new(field.name().clone(), move |py, name, asked| sound(py, data.clone(), 0, name, asked))
        });
        return Ok(Columns::new(columns.collect(), data.len(), true).with_nulls());
    }
    let name = field.name().clone();
    let array = joined(py, chunks, &field, asked.subject, asked)?;
    let rows = array.len();
    if let DataType::Struct(fields) = array.data_type() {
        let columns = fields.iter().zip(array.as_struct().columns());
        let columns = columns.map(|(field, array)| Column::of_array(field.name().clone(), array.clone()));
        return Ok(Columns::new(columns.collect(), rows, true).with_nulls());
    }
    let name = match name.is_empty() {
        // polars does not put the name of a series into its stream.
        true => object.getattr("name").and_then(|name| name.extract::<String>()).unwrap_or_default(),
        false => name,
    };
    let named = !name.is_empty();
    let name = if named { name } else { "x0".to_owned() };
    Ok(Columns::new(vec![Column::of_array(name, array)], rows, named).with_nulls())
}

/// The values of an object that exports some, which an error calls by this name; and their own name.
pub(super) fn array(object: &Bound<'_, PyAny>, subject: &str, asked: Asked) -> PyResult<(ArrayRef, String)> {
    let Exported { chunks, field } = exported(object, subject, asked)?;
    Ok((joined(object.py(), chunks, &field, subject, asked)?, field.name().clone()))
}

/// The tables of a stream, each of which is read when it is asked for.
pub(crate) struct Tables(import::Stream);

impl Tables {
    /// Those that the object exports.
    pub(crate) fn open(object: &Bound<'_, PyAny>, asked: Asked) -> PyResult<Self> {
        let opened = import::Stream::open(object);
        opened.map(Self).map_err(|cause| unread(object, asked.subject, asked, cause))
    }

    /// The columns that all tables have; none where the stream is one of single columns.
    pub(crate) fn schema(&self) -> Option<Schema> {
        match self.0.field.data_type() {
            DataType::Struct(fields) => Some(Schema::new(fields.clone())),
            _ => None,
        }
    }

    /// The columns of the next table; none at the end.
    pub(crate) fn next(&mut self, py: Python<'_>, asked: Asked) -> PyResult<Option<Columns>> {
        let Some(data) = self.0.next()? else { return Ok(None) };
        let columns =
            struct_columns(asked.operation, asked.subject, &data).map_err(|error| raise(py, &error))?;
        let DataType::Struct(fields) = self.0.field.data_type() else { return Ok(None) };
        let columns = fields.iter().zip(columns).map(|(field, data)| {
            Column::new(field.name().clone(), move |py, name, asked| sound(py, data.clone(), 0, name, asked))
        });
        Ok(Some(Columns::new(columns.collect(), data.len(), true).with_nulls()))
    }
}

/// What an object hands over: nothing has looked at it yet.
struct Exported {
    chunks: Vec<ArrayData>,
    field: Field,
}

fn exported(object: &Bound<'_, PyAny>, subject: &str, asked: Asked) -> PyResult<Exported> {
    let object = &typed(object)?;
    let read = match object.hasattr(STREAM)? {
        true => import::stream(object),
        false => import::array(object).map(|(data, field)| (vec![data], field)),
    };
    let (chunks, field) = read.map_err(|cause| unread(object, subject, asked, cause))?;
    Ok(Exported { chunks, field })
}

/// The error of an object whose data cannot be read.
fn unread(object: &Bound<'_, PyAny>, subject: &str, asked: Asked, cause: PyErr) -> PyErr {
    let py = object.py();
    let problem = format!("its Arrow data ({}) cannot be read: {}", type_name(object), cause.value(py));
    let error = wrong_type(py, asked.operation, subject, problem, "convert its columns to plain types first");
    error.set_cause(py, Some(cause));
    error
}

/// The chunks as one array, if they are sound.
fn joined(
    py: Python<'_>,
    chunks: Vec<ArrayData>,
    field: &Field,
    subject: &str,
    asked: Asked,
) -> PyResult<ArrayRef> {
    let mut before = 0;
    let mut checked = Vec::with_capacity(chunks.len());
    for chunk in chunks {
        let rows = chunk.len();
        checked.push(sound(py, chunk, before, subject, asked)?);
        before += rows;
    }
    match checked.as_slice() {
        [] => Ok(new_empty_array(field.data_type())),
        [one] => Ok(Arc::clone(one)),
        several => {
            let parts: Vec<&dyn Array> = several.iter().map(AsRef::as_ref).collect();
            concat(&parts).map_err(|cause| {
                let problem = format!("its chunks cannot be joined: {cause}");
                let remedy = "join them before, for instance with rechunk()";
                wrong_type(py, asked.operation, subject, problem, remedy)
            })
        }
    }
}

/// The array of the data, if that is sound: Rust takes for granted what other libraries hand over as they were told. So many rows
/// lie before it.
fn sound(py: Python<'_>, data: ArrayData, before: usize, subject: &str, asked: Asked) -> PyResult<ArrayRef> {
    imported(asked.operation, subject, data, before).map_err(|error| raise(py, &error))
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
