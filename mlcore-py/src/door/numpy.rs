//! numpy arrays of any layout, byte order and element type.

use std::sync::Arc;

use mlcore::arrow::array::{ArrayRef, ArrowPrimitiveType, BooleanArray, Int64Array, PrimitiveArray};
use mlcore::arrow::datatypes::{
    Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
    UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use numpy::{
    Element, PyArrayDescr, PyArrayDescrMethods, PyReadonlyArray1, PyReadonlyArray2, PyUntypedArray,
    PyUntypedArrayMethods,
};
use pyo3::prelude::*;

use super::{Asked, Named, objects};
use crate::error::{invalid, wrong_type};

/// The columns of a 2-D array, named `x0`, `x1`, ... as scikit-learn does, or the fields of a structured one.
pub(super) fn table(object: &Bound<'_, PyAny>, asked: Asked) -> PyResult<(Named, bool)> {
    let array = object.cast::<PyUntypedArray>()?;
    if array.dtype().has_fields() {
        let names = array.dtype().names().unwrap_or_default();
        let columns = names.into_iter().map(|name| {
            let values = object.get_item(&name)?;
            Ok((name.clone(), column(&values, &name, asked)?))
        });
        return Ok((columns.collect::<PyResult<_>>()?, true));
    }
    match array.ndim() {
        2 if array.is_c_contiguous() && dtype_is_plain(array) => {
            let columns = transposed(object)?;
            let names = (0..columns.len()).map(|position| format!("x{position}"));
            Ok((names.zip(columns).collect(), false))
        }
        2 => {
            let transposed = object.getattr("T")?;
            let count = array.shape().get(1).copied().unwrap_or_default();
            let columns = (0..count).map(|position| {
                let name = format!("x{position}");
                let values = column(&transposed.get_item(position)?, &name, asked)?;
                Ok((name, values))
            });
            Ok((columns.collect::<PyResult<_>>()?, false))
        }
        dimensions => Err(invalid(
            object.py(),
            asked.operation,
            asked.subject,
            format!("a 2-D array is expected, and it has {dimensions} dimension(s)"),
            "reshape it: array.reshape(-1, 1) for a single feature, array.reshape(1, -1) for a single row",
        )),
    }
}

/// The values of a 1-D array.
pub(super) fn column(object: &Bound<'_, PyAny>, name: &str, asked: Asked) -> PyResult<ArrayRef> {
    let py = object.py();
    let array = object.cast::<PyUntypedArray>()?;
    if array.ndim() != 1 {
        let problem = format!("a 1-D array is expected, and its shape is {:?}", array.shape());
        return Err(invalid(py, asked.operation, name, problem, "ravel it, or pass one of its columns"));
    }
    let dtype = array.dtype();
    if dtype.is_native_byteorder() == Some(false) {
        let native = object.call_method1("astype", (dtype.call_method1("newbyteorder", ("=",))?,))?;
        return column(&native, name, asked);
    }
    match (dtype.kind(), dtype.itemsize()) {
        (b'b', 1) => {
            let values = object.extract::<PyReadonlyArray1<'_, bool>>()?;
            Ok(Arc::new(BooleanArray::from_iter(values.as_array().iter().map(|value| Some(*value)))))
        }
        (b'i', 1) => copied::<Int8Type>(object),
        (b'i', 2) => copied::<Int16Type>(object),
        (b'i', 4) => copied::<Int32Type>(object),
        (b'i', 8) => copied::<Int64Type>(object),
        (b'u', 1) => copied::<UInt8Type>(object),
        (b'u', 2) => copied::<UInt16Type>(object),
        (b'u', 4) => copied::<UInt32Type>(object),
        (b'u', 8) => copied::<UInt64Type>(object),
        (b'f', 2) => copied::<Float16Type>(object),
        (b'f', 4) => copied::<Float32Type>(object),
        (b'f', 8) => copied::<Float64Type>(object),
        (b'f', _) => column(&object.call_method1("astype", ("float64",))?, name, asked),
        (b'O' | b'U' | b'T', _) => objects::column(&object.call_method0("tolist")?, name, asked),
        (b'M', _) => dates(object, &dtype),
        (kind, _) => {
            let what = match kind {
                b'm' => "durations",
                b'c' => "complex numbers",
                b'S' => "bytes",
                _ => "records",
            };
            let remedy =
                if kind == b'S' { "decode them: array.astype(str)" } else { "convert them to numbers first" };
            Err(wrong_type(py, asked.operation, name, format!("{what} ({dtype}) are not taken"), remedy))
        }
    }
}

/// Whether it holds floats, the usual content of a matrix, in this machine's byte order.
fn dtype_is_plain(array: &Bound<'_, PyUntypedArray>) -> bool {
    let dtype = array.dtype();
    dtype.is_native_byteorder() != Some(false) && matches!((dtype.kind(), dtype.itemsize()), (b'f', 4 | 8))
}

/// The columns of a row-major matrix of floats.
fn transposed(object: &Bound<'_, PyAny>) -> PyResult<Vec<ArrayRef>> {
    fn columns<T: ArrowPrimitiveType>(object: &Bound<'_, PyAny>) -> PyResult<Vec<ArrayRef>>
    where
        T::Native: Element + Copy,
    {
        let matrix = object.extract::<PyReadonlyArray2<'_, T::Native>>()?;
        let (rows, width) = (matrix.shape().first().copied(), matrix.shape().get(1).copied());
        let (rows, width) = (rows.unwrap_or_default(), width.unwrap_or_default());
        let values = matrix.as_slice().unwrap_or_default();
        let mut columns: Vec<Vec<T::Native>> = (0..width).map(|_| Vec::with_capacity(rows)).collect();
        if width > 0 {
            // A block of rows stays in the cache while it is read once per column.
            for block in values.chunks(BLOCK_ROWS * width) {
                for (position, column) in columns.iter_mut().enumerate() {
                    column.extend(block.iter().skip(position).step_by(width));
                }
            }
        }
        Ok(columns
            .into_iter()
            .map(|column| Arc::new(PrimitiveArray::<T>::new(column.into(), None)) as ArrayRef)
            .collect())
    }
    if object.cast::<PyUntypedArray>()?.dtype().itemsize() == 4 {
        return columns::<Float32Type>(object);
    }
    columns::<Float64Type>(object)
}

const BLOCK_ROWS: usize = 256;

fn copied<T>(object: &Bound<'_, PyAny>) -> PyResult<ArrayRef>
where
    T: ArrowPrimitiveType,
    T::Native: Element + Copy,
{
    let values = object.extract::<PyReadonlyArray1<'_, T::Native>>()?;
    let owned: Vec<T::Native> = match values.as_slice() {
        Ok(contiguous) => contiguous.to_vec(),
        Err(_) => values.as_array().iter().copied().collect(),
    };
    Ok(Arc::new(PrimitiveArray::<T>::new(owned.into(), None)))
}

/// Dates and times, which reports list as skipped and transformers refuse by name.
fn dates(object: &Bound<'_, PyAny>, dtype: &Bound<'_, PyArrayDescr>) -> PyResult<ArrayRef> {
    let text = dtype.str()?.to_string();
    let unit = text.split_once('[').map_or("ns", |(_, unit)| unit.trim_end_matches(']'));
    let (unit, object) = match unit {
        "s" | "ms" | "us" | "ns" => (unit, object.clone()),
        _ => ("s", object.call_method1("astype", ("datetime64[s]",))?),
    };
    let counts = object.call_method1("view", ("int64",))?;
    let counts = counts.extract::<PyReadonlyArray1<'_, i64>>()?;
    // numpy's NaT is the smallest integer.
    let values: Int64Array =
        counts.as_array().iter().map(|value| (*value != i64::MIN).then_some(*value)).collect();
    Ok(match unit {
        "s" => Arc::new(values.reinterpret_cast::<TimestampSecondType>()),
        "ms" => Arc::new(values.reinterpret_cast::<TimestampMillisecondType>()),
        "us" => Arc::new(values.reinterpret_cast::<TimestampMicrosecondType>()),
        _ => Arc::new(values.reinterpret_cast::<TimestampNanosecondType>()),
    })
}
