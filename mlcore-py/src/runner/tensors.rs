//! Tensors from what Python has, and arrays from tensors.

use mlcore::arrow::array::{Array, ArrayRef, RecordBatch};
use mlcore::batch::{Batch, ColumnView, Element, Tensor, Value};
use mlcore::schema::{self, DType, Schema};
use mlcore::{Error, match_element};
use numpy::{
    PyArray1, PyArrayDescrMethods, PyArrayDyn, PyArrayMethods, PyReadonlyArrayDyn, PyUntypedArray,
    PyUntypedArrayMethods,
};
use pyo3::prelude::*;
use pyo3::types::PyList;

use super::RUN;
use crate::door::{self, Asked, is_of, type_name};
use crate::error::{raise, wrong_type};

/// The tensors of a frame: a matrix for a model of one input, else a column per input.
pub(super) fn from_table(table: &RecordBatch, expected: &Schema) -> mlcore::Result<Batch> {
    if let [field] = expected.fields()
        && field.shape().len() == 2
        && field.dtype() != DType::String
        && table.column_by_name(field.name()).is_none()
    {
        let shape = [table.num_rows(), table.num_columns()];
        let tensor = match_element!(
            field.dtype(),
            T => {
                let columns = table.columns().iter().zip(table.schema_ref().fields());
                let columns = columns
                    .map(|(array, column)| elements::<T>(array, column.name()))
                    .collect::<mlcore::Result<Vec<Vec<T>>>>()?;
                let cell = |row: usize| columns.iter().filter_map(move |column| column.get(row).copied());
                Tensor::new(shape, (0..table.num_rows()).flat_map(cell).collect())
            },
            _ => Err(Error::unsupported(RUN, field.name(), format!("no frame is a matrix of {}", field.dtype())))
        )?;
        return Ok(Batch::single(field.name(), tensor));
    }
    let tensors = expected.fields().iter().map(|field| {
        let array = table.column_by_name(field.name()).ok_or_else(|| {
            Error::schema_mismatch(RUN, field.name(), format!("the table lacks the column; expected {field}"))
        })?;
        let tensor = column_tensor(array, field.name(), field.dtype())?;
        Ok((field.name().to_owned(), shaped(tensor, Some(field))?))
    });
    Batch::new(tensors.collect::<mlcore::Result<Vec<_>>>()?)
}

/// A column as a tensor of this type: a frame has no say in the widths of a model's numbers.
fn column_tensor(array: &ArrayRef, name: &str, dtype: DType) -> mlcore::Result<Tensor> {
    match_element!(
        dtype,
        T => elements::<T>(array, name).map(Tensor::column),
        _ => match dtype {
            DType::String => {
                let texts = ColumnView::new(name, array.as_ref())?;
                let text = |row: usize| match texts.value(row) {
                    Value::Text(text) => Ok(text),
                    other => Err(unfit(name, dtype, other)),
                };
                let texts = (0..array.len()).map(text).collect::<mlcore::Result<Vec<&str>>>()?;
                Tensor::strings([texts.len()], texts)
            }
            _ => Err(Error::unsupported(RUN, name, format!("no model takes {dtype}"))),
        }
    )
}

/// The elements of a column that a model takes as this type.
fn elements<T: Element>(array: &ArrayRef, name: &str) -> mlcore::Result<Vec<T>> {
    let plain = ColumnView::plain(name, array)?;
    let column = ColumnView::new(name, plain.as_ref())?;
    if let Some(values) = T::slice_of(plain.as_ref()).filter(|_| !column.has_nulls()) {
        return Ok(values.to_vec());
    }
    let cell = |row| {
        let value = column.value(row);
        element(value).ok_or_else(|| unfit(name, T::DTYPE, value))
    };
    (0..plain.len()).map(cell).collect()
}

/// The element that a cell means: itself where the type holds it; a missing float is NaN, a whole float an integer, a bool
/// a number, and a number a bool by whether it is another than zero.
fn element<T: Element>(value: Value<'_>) -> Option<T> {
    let is_bool = T::DTYPE == DType::Bool;
    T::from_value(value).or_else(|| match value {
        Value::Null => T::from_value(Value::Float(f64::NAN)),
        Value::Bool(flag) => T::from_value(Value::UInt(flag.into())),
        Value::Float(float) if float.is_nan() => None,
        value if is_bool => T::from_value(Value::Bool(value.as_f64()? != 0.0)),
        Value::Float(float) if float.fract() == 0.0 && float.abs() <= LARGEST_EXACT => {
            T::from_value(Value::Int(float as i64))
        }
        _ => None,
    })
}

/// 2^53: beyond, a float stands for several integers.
const LARGEST_EXACT: f64 = 9_007_199_254_740_992.0;

fn unfit(name: &str, expected: DType, value: Value<'_>) -> Error {
    if value.is_missing() {
        let problem = format!("it misses values, and {expected} holds none");
        return Error::schema_mismatch(RUN, name, problem).remedy("impute it first");
    }
    Error::schema_mismatch(RUN, name, format!("expected {expected}, got {}", value.described()))
}

/// A column `[rows]` as the `[rows, 1]` that most converters ask for.
fn shaped(tensor: Tensor, field: Option<&schema::Field>) -> mlcore::Result<Tensor> {
    match (tensor.shape(), field.map(schema::Field::shape)) {
        ([rows], Some([_, last])) if last.accepts(1) => tensor.reshaped([*rows, 1]),
        _ => Ok(tensor),
    }
}

/// The tensor of one value of a dict: arrays as they are, lists and series as the model wants them.
pub(super) fn tensor(
    value: &Bound<'_, PyAny>,
    name: &str,
    field: Option<&schema::Field>,
) -> PyResult<Tensor> {
    let py = value.py();
    let raised = |error: Error| raise(py, &error);
    if is_of(value, "numpy", &["ndarray"]) {
        return from_numpy(value, name);
    }
    let nested = value.is_instance_of::<PyList>()
        && value.get_item(0).is_ok_and(|first| first.is_instance_of::<PyList>());
    if nested || is_of(value, "numpy", &["generic"]) || value.extract::<f64>().is_ok() {
        let dtype = match field.map(schema::Field::dtype) {
            Some(DType::String) => "object".to_owned(),
            Some(dtype) => dtype.to_string(),
            None => "float64".to_owned(),
        };
        return from_numpy(&py.import("numpy")?.call_method1("asarray", (value, dtype))?, name);
    }
    let array = door::column(value, Asked { operation: RUN, subject: "inputs" })?;
    let dtype = field.map(schema::Field::dtype).or_else(|| DType::from_arrow(array.data_type()));
    let tensor = column_tensor(&array, name, dtype.unwrap_or(DType::Float64)).map_err(raised)?;
    shaped(tensor, field).map_err(raised)
}

fn from_numpy(value: &Bound<'_, PyAny>, name: &str) -> PyResult<Tensor> {
    let py = value.py();
    let array = value.cast::<PyUntypedArray>()?;
    let dtype = array.dtype();
    if dtype.is_native_byteorder() == Some(false) {
        let native = dtype.call_method1("newbyteorder", ("=",))?;
        return from_numpy(&value.call_method1("astype", (native,))?, name);
    }
    // numpy calls its numbers as mlcore does.
    let known = dtype.getattr("name")?.extract::<String>()?.parse::<DType>().ok();
    if let Some(known) = known.filter(|known| known.is_numeric()) {
        return match_element!(
            known,
            T => copied::<T>(value),
            _ => Err(wrong_type(py, RUN, name, "it has no elements", "report this to mlcore"))
        );
    }
    match (dtype.kind(), dtype.itemsize()) {
        (b'O' | b'U' | b'T', _) => {
            let flat: Vec<Bound<'_, PyAny>> =
                value.call_method0("ravel")?.call_method0("tolist")?.extract()?;
            let texts = flat.iter().map(|text| {
                text.extract::<String>().map_err(|_| {
                    let problem = format!("text is expected, and it holds a {}", type_name(text));
                    wrong_type(py, RUN, name, problem, "pass an array of str")
                })
            });
            let texts = texts.collect::<PyResult<Vec<_>>>()?;
            Tensor::strings(array.shape(), texts).map_err(|error| raise(py, &error))
        }
        _ => Err(wrong_type(
            py,
            RUN,
            name,
            format!("arrays of {dtype} are not taken"),
            "convert it to numbers or text",
        )),
    }
}

fn copied<T: Element + numpy::Element>(value: &Bound<'_, PyAny>) -> PyResult<Tensor> {
    let array = value.extract::<PyReadonlyArrayDyn<'_, T>>()?;
    // A slice of a column-major array has the elements in that order.
    let values: Vec<T> = match array.as_slice() {
        Ok(contiguous) if array.is_c_contiguous() => contiguous.to_vec(),
        _ => array.as_array().iter().copied().collect(),
    };
    Tensor::new(array.shape(), values).map_err(|error| raise(value.py(), &error))
}

/// A tensor as an array of its shape.
pub(super) fn array<'py>(py: Python<'py>, tensor: &Tensor) -> PyResult<Bound<'py, PyAny>> {
    fn shaped<'py, T: Element + numpy::Element>(
        py: Python<'py>,
        tensor: &Tensor,
    ) -> PyResult<Bound<'py, PyAny>> {
        let values = tensor.values::<T>().map_err(|error| raise(py, &error))?;
        let array: Bound<'py, PyArrayDyn<T>> =
            PyArray1::from_slice(py, values).reshape(tensor.shape().to_vec())?;
        Ok(array.into_any())
    }
    match_element!(
        tensor.dtype(),
        T => shaped::<T>(py, tensor),
        _ => {
            let texts = tensor.texts().map_err(|error| raise(py, &error))?;
            let list = PyList::new(py, texts.collect::<Vec<_>>())?;
            let flat = py.import("numpy")?.call_method1("array", (list, "object"))?;
            flat.call_method1("reshape", (tensor.shape().to_vec(),))
        }
    )
}
