//! Tensors from what Python has, and arrays from tensors.

use arrow_cast::cast;
use half::f16;
use mlcore::Error;
use mlcore::arrow::array::{Array, AsArray, RecordBatch};
use mlcore::arrow::datatypes::DataType;
use mlcore::batch::{Batch, Element, Tensor};
use mlcore::schema::{self, DType, Schema};
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
        let columns = table.columns().iter().zip(table.schema_ref().fields());
        let columns = columns
            .map(|(array, column)| {
                Tensor::to_f64(&column_tensor(array.as_ref(), column.name(), DType::Float64)?)
            })
            .collect::<mlcore::Result<Vec<Vec<f64>>>>()?;
        let shape = [table.num_rows(), columns.len()];
        let values = (0..table.num_rows()).flat_map(|row| columns.iter().map(move |column| column[row]));
        return Ok(Batch::single(field.name(), of_type(shape.into(), values.collect(), field.dtype())?));
    }
    let tensors = expected.fields().iter().map(|field| {
        let array = table.column_by_name(field.name()).ok_or_else(|| {
            Error::schema_mismatch(RUN, field.name(), format!("the table lacks the column; expected {field}"))
        })?;
        let tensor = column_tensor(array.as_ref(), field.name(), field.dtype())?;
        Ok((field.name().to_owned(), shaped(tensor, Some(field))?))
    });
    Batch::new(tensors.collect::<mlcore::Result<Vec<_>>>()?)
}

/// A column as a tensor of this type: a frame has no say in the widths of a model's numbers.
fn column_tensor(array: &dyn Array, name: &str, dtype: DType) -> mlcore::Result<Tensor> {
    let unfit = |problem: String| Error::schema_mismatch(RUN, name, problem);
    if dtype == DType::String {
        let texts = cast(array, &DataType::Utf8).map_err(|cause| unfit(cause.to_string()))?;
        if texts.null_count() > 0 {
            return Err(unfit("it misses values, and a model takes none".into()).remedy("impute it first"));
        }
        return Tensor::strings([texts.len()], texts.as_string::<i32>().iter().flatten());
    }
    if DType::from_arrow(array.data_type()).is_none_or(|got| !got.is_numeric()) {
        return Err(unfit(format!("expected {dtype}, got {}", door::described(array.data_type()))));
    }
    let floats = cast(array, &DataType::Float64).map_err(|cause| unfit(cause.to_string()))?;
    let floats = floats.as_primitive::<mlcore::arrow::datatypes::Float64Type>().iter();
    let values: Vec<f64> = floats.map(|value| value.unwrap_or(f64::NAN)).collect();
    if !dtype.is_float() && values.iter().any(|value| value.is_nan()) {
        return Err(unfit(format!("it misses values, and {dtype} holds none")).remedy("impute it first"));
    }
    if matches!(dtype, DType::Int64 | DType::UInt64) {
        // Not through floats, which round what is beyond 2^53.
        let exact = cast(array, &dtype.to_arrow()).map_err(|cause| unfit(cause.to_string()))?;
        return Ok(match dtype {
            DType::Int64 => {
                Tensor::column(exact.as_primitive::<mlcore::arrow::datatypes::Int64Type>().values().to_vec())
            }
            _ => {
                Tensor::column(exact.as_primitive::<mlcore::arrow::datatypes::UInt64Type>().values().to_vec())
            }
        });
    }
    of_type(vec![values.len()], values, dtype)
}

/// Floats as a tensor of another type, where each has a place in it.
fn of_type(shape: Vec<usize>, values: Vec<f64>, dtype: DType) -> mlcore::Result<Tensor> {
    macro_rules! integers {
        ($type:ty) => {{
            let fits = |value: &f64| {
                value.fract() == 0.0 && *value >= <$type>::MIN as f64 && *value <= <$type>::MAX as f64
            };
            if let Some(value) = values.iter().find(|value| !fits(value)) {
                return Err(Error::schema_mismatch(RUN, dtype.to_string(), format!("{value} is no {dtype}")));
            }
            Tensor::new(shape, values.into_iter().map(|value| value as $type).collect::<Vec<_>>())
        }};
    }
    match dtype {
        DType::Float64 => Tensor::new(shape, values),
        DType::Float32 => {
            Tensor::new(shape, values.into_iter().map(|value| value as f32).collect::<Vec<_>>())
        }
        DType::Float16 => Tensor::new(shape, values.into_iter().map(f16::from_f64).collect::<Vec<_>>()),
        DType::Bool => Tensor::new(shape, values.into_iter().map(|value| value != 0.0).collect::<Vec<_>>()),
        DType::Int8 => integers!(i8),
        DType::Int16 => integers!(i16),
        DType::Int32 => integers!(i32),
        DType::Int64 => integers!(i64),
        DType::UInt8 => integers!(u8),
        DType::UInt16 => integers!(u16),
        DType::UInt32 => integers!(u32),
        DType::UInt64 => integers!(u64),
        other => Err(Error::unsupported(RUN, other.to_string(), "numbers are no text")),
    }
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
    let tensor = column_tensor(array.as_ref(), name, dtype.unwrap_or(DType::Float64)).map_err(raised)?;
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
    match (dtype.kind(), dtype.itemsize()) {
        (b'b', 1) => copied::<bool>(value),
        (b'i', 1) => copied::<i8>(value),
        (b'i', 2) => copied::<i16>(value),
        (b'i', 4) => copied::<i32>(value),
        (b'i', 8) => copied::<i64>(value),
        (b'u', 1) => copied::<u8>(value),
        (b'u', 2) => copied::<u16>(value),
        (b'u', 4) => copied::<u32>(value),
        (b'u', 8) => copied::<u64>(value),
        (b'f', 2) => copied::<f16>(value),
        (b'f', 4) => copied::<f32>(value),
        (b'f', 8) => copied::<f64>(value),
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
    match tensor.dtype() {
        DType::Bool => shaped::<bool>(py, tensor),
        DType::Int8 => shaped::<i8>(py, tensor),
        DType::Int16 => shaped::<i16>(py, tensor),
        DType::Int32 => shaped::<i32>(py, tensor),
        DType::Int64 => shaped::<i64>(py, tensor),
        DType::UInt8 => shaped::<u8>(py, tensor),
        DType::UInt16 => shaped::<u16>(py, tensor),
        DType::UInt32 => shaped::<u32>(py, tensor),
        DType::UInt64 => shaped::<u64>(py, tensor),
        DType::Float16 => shaped::<f16>(py, tensor),
        DType::Float32 => shaped::<f32>(py, tensor),
        DType::Float64 => shaped::<f64>(py, tensor),
        _ => {
            let texts = tensor.texts().map_err(|error| raise(py, &error))?;
            let list = PyList::new(py, texts.collect::<Vec<_>>())?;
            let flat = py.import("numpy")?.call_method1("array", (list, "object"))?;
            flat.call_method1("reshape", (tensor.shape().to_vec(),))
        }
    }
}
