//! Tables that Rust hands to Python: any Arrow library takes them, and pandas and polars are fed without it.

use std::sync::Arc;

use arrow_cast::cast;
use mlcore::arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StructArray};
use mlcore::arrow::datatypes::{DataType, Field, Float64Type};
use numpy::PyArray1;
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyList};
use pyo3_arrow::ffi::{ArrayIterator, to_stream_pycapsule};

use crate::door::{self, Asked};
use crate::error::{entry, invalid};

/// A table of Arrow columns, taken by every library that speaks the Arrow PyCapsule protocol.
#[pyclass(module = "mlcore.features", frozen)]
#[derive(Debug)]
pub(crate) struct Table {
    batch: RecordBatch,
    named: bool,
}

impl Table {
    pub(crate) fn new(batch: RecordBatch) -> Self {
        Self { batch, named: true }
    }

    /// What the door would make of it.
    pub(crate) fn to_door(&self) -> door::Table {
        door::Table { batch: self.batch.clone(), named: self.named }
    }
}

/// Reads a table once, to use it several times.
#[pyfunction]
#[pyo3(signature = (X, operation, feature_names = None))]
#[expect(non_snake_case, reason = "scikit-learn's name of the argument")]
pub(crate) fn read_table(
    py: Python<'_>,
    X: &Bound<'_, PyAny>,
    operation: &str,
    feature_names: Option<Vec<String>>,
) -> PyResult<Table> {
    entry(py, |_| {
        let operation = if operation == "transform" { "transform" } else { "fit" };
        let door::Table { batch, named } = door::table(X, feature_names, Asked { operation, subject: "X" })?;
        Ok(Table { batch, named })
    })
}

#[pymethods]
impl Table {
    /// Whether its columns have names of their own.
    #[getter]
    fn _named(&self) -> bool {
        self.named
    }

    /// The Arrow PyCapsule protocol.
    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyCapsule>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        entry(py, |py| {
            let field = Field::new_struct("", self.batch.schema_ref().fields().clone(), false);
            let array: ArrayRef = Arc::new(StructArray::from(self.batch.clone()));
            let reader = Box::new(ArrayIterator::new([Ok(array)], field.into()));
            Ok(to_stream_pycapsule(py, reader, requested_schema)?)
        })
    }

    /// The names of the columns.
    #[getter]
    fn column_names(&self) -> Vec<String> {
        self.batch.schema_ref().fields().iter().map(|field| field.name().clone()).collect()
    }

    /// The numbers of rows and columns.
    #[getter]
    fn shape(&self) -> (usize, usize) {
        (self.batch.num_rows(), self.batch.num_columns())
    }

    fn __len__(&self) -> usize {
        self.batch.num_rows()
    }

    fn __repr__(&self) -> String {
        format!("<mlcore table: {} rows, {} columns>", self.batch.num_rows(), self.batch.num_columns())
    }

    /// Names and numpy arrays: numbers as they are (floats where one is missing), text as objects.
    pub(crate) fn columns<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyAny>>> {
        entry(py, |py| {
            let fields = self.batch.schema_ref().fields().iter();
            fields
                .zip(self.batch.columns())
                .map(|(field, array)| {
                    let values = values(py, field.name(), array)?;
                    Ok((field.name(), values).into_pyobject(py)?.into_any())
                })
                .collect()
        })
    }
}

fn values<'py>(py: Python<'py>, name: &str, array: &ArrayRef) -> PyResult<Bound<'py, PyAny>> {
    let broken = |cause: mlcore::arrow::error::ArrowError| {
        invalid(py, "read table", name, cause.to_string(), "report this to mlcore")
    };
    let array = match array.data_type() {
        DataType::Dictionary(_, values) => cast(array, values).map_err(broken)?,
        _ => array.clone(),
    };
    let numpy = py.import("numpy")?;
    match array.data_type() {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            let texts = cast(&array, &DataType::Utf8).map_err(broken)?;
            let texts = texts.as_string::<i32>().iter();
            let list = PyList::new(py, texts.collect::<Vec<_>>())?;
            numpy.call_method1("array", (list, "object"))
        }
        DataType::Boolean if array.null_count() > 0 => {
            let list = PyList::new(py, array.as_boolean().iter().collect::<Vec<_>>())?;
            numpy.call_method1("array", (list, "object"))
        }
        other => {
            let is_whole = array.null_count() == 0 && (other.is_integer() || *other == DataType::Boolean);
            let dtype = match other {
                DataType::Boolean => "bool".to_owned(),
                DataType::Float32 => "float32".to_owned(),
                other if is_whole => other.to_string().to_lowercase(),
                _ => "float64".to_owned(),
            };
            let bits = array.data_type().primitive_width().unwrap_or_default() * 8;
            if is_whole && bits == 64 {
                // Through objects: a float would round what is beyond 2^53.
                let list = match other {
                    DataType::UInt64 => PyList::new(
                        py,
                        array.as_primitive::<mlcore::arrow::datatypes::UInt64Type>().values().iter(),
                    )?,
                    _ => PyList::new(
                        py,
                        array.as_primitive::<mlcore::arrow::datatypes::Int64Type>().values().iter(),
                    )?,
                };
                return numpy.call_method1("array", (list, dtype));
            }
            let floats = cast(&array, &DataType::Float64).map_err(broken)?;
            let floats = floats.as_primitive::<Float64Type>();
            let values: Vec<f64> = floats.iter().map(|value| value.unwrap_or(f64::NAN)).collect();
            let values = PyArray1::from_vec(py, values).into_any();
            if dtype == "float64" { Ok(values) } else { values.call_method1("astype", (dtype,)) }
        }
    }
}
