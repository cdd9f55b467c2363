//! numpy arrays of any layout, byte order and element type.

use std::sync::Arc;

use mlcore::arrow::array::{ArrayRef, ArrowPrimitiveType, Date32Array, Int64Array, PrimitiveArray};
use mlcore::arrow::datatypes::{
    Float32Type, Float64Type, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType,
};
use mlcore::batch::{self, Element as _};
use mlcore::match_element;
use mlcore::schema::DType;
use mlcore::time::TimeUnit;
use numpy::{
    Element, PyArrayDescrMethods, PyReadonlyArray1, PyReadonlyArray2, PyUntypedArray, PyUntypedArrayMethods,
};
use pyo3::prelude::*;

use super::{Asked, Column, Columns, objects};
use crate::error::{invalid, wrong_type};
use crate::value::Place;
use crate::value::time::{self, Counted};

/// The columns of a 2-D array, named `x0`, `x1`, ... as scikit-learn does, or the fields of a structured one.
pub(super) fn table(object: &Bound<'_, PyAny>, asked: Asked) -> PyResult<Columns> {
    let array = object.cast::<PyUntypedArray>()?;
    let rows = array.shape().first().copied().unwrap_or_default();
    if array.dtype().has_fields() {
        let names = array.dtype().names().unwrap_or_default();
        let columns = names
            .into_iter()
            .map(|name| Ok(Column::of_object(name.clone(), &object.get_item(name)?, column)));
        return Ok(Columns::new(columns.collect::<PyResult<_>>()?, rows, true));
    }
    match array.ndim() {
        2 if array.is_c_contiguous() && dtype_is_plain(array) => {
            let columns = transposed(object)?.into_iter().enumerate();
            let columns = columns.map(|(position, array)| Column::of_array(format!("x{position}"), array));
            Ok(Columns::new(columns.collect(), rows, false))
        }
        2 => {
            let transposed = object.getattr("T")?;
            let count = array.shape().get(1).copied().unwrap_or_default();
            let columns = (0..count).map(|position| {
                Ok(Column::of_object(format!("x{position}"), &transposed.get_item(position)?, column))
            });
            Ok(Columns::new(columns.collect::<PyResult<_>>()?, rows, false))
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
    // numpy calls its numbers as mlcore does.
    let known = dtype.getattr("name")?.extract::<String>()?.parse::<DType>().ok();
    if let Some(dtype) = known.filter(|dtype| dtype.is_numeric()) {
        return match_element!(
            dtype,
            T => copied::<T>(object).map(T::into_array),
            _ => Err(invalid(py, asked.operation, name, "it has no elements", "report this to mlcore"))
        );
    }
    match (dtype.kind(), dtype.itemsize()) {
        (b'f', _) => column(&object.call_method1("astype", ("float64",))?, name, asked),
        (b'O' | b'U' | b'T', _) => objects::column(&object.call_method0("tolist")?, name, asked),
        (b'M', _) => moments(object, name, asked),
        (kind, _) => {
            let what = match kind {
                b'm' => "durations",
                b'c' => "complex numbers",
                b'S' => "bytes",
                _ => "records",
            };
            let remedy = match kind {
                b'm' => "divide them by numpy.timedelta64(1, \"s\") for seconds",
                b'S' => "decode them: array.astype(str)",
                _ => "convert them to numbers first",
            };
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

fn copied<T: batch::Element + Element>(object: &Bound<'_, PyAny>) -> PyResult<Vec<T>> {
    let values = object.extract::<PyReadonlyArray1<'_, T>>()?;
    Ok(match values.as_slice() {
        Ok(contiguous) => contiguous.to_vec(),
        Err(_) => values.as_array().iter().copied().collect(),
    })
}

/// Dates where numpy counts days or more, zone-less moments where it counts less.
fn moments(object: &Bound<'_, PyAny>, name: &str, asked: Asked) -> PyResult<ArrayRef> {
    let place = Place::single(asked.operation, name);
    let (counted, counts) = time::counts(object, place)?;
    let counts = counts.extract::<PyReadonlyArray1<'_, i64>>()?;
    let counts = counts.as_array();
    let present = counts.iter().map(|count| (*count != time::NOT_A_TIME).then_some(*count));
    let unit = match counted {
        Counted::Units(unit) => unit,
        Counted::Days => {
            let day = |(row, count): (usize, Option<i64>)| {
                let refused = |_| {
                    let place = Place { row: Some(row), ..place };
                    place.refused(object.py(), "a date beyond the calendar", "replace it by NaT")
                };
                count.map(|count| i32::try_from(count).map_err(refused)).transpose()
            };
            let days = present.enumerate().map(day).collect::<PyResult<Vec<Option<i32>>>>()?;
            return Ok(Arc::new(Date32Array::from(days)));
        }
    };
    let counts: Int64Array = present.collect();
    Ok(match unit {
        TimeUnit::Second => Arc::new(counts.reinterpret_cast::<TimestampSecondType>()),
        TimeUnit::Millisecond => Arc::new(counts.reinterpret_cast::<TimestampMillisecondType>()),
        TimeUnit::Microsecond => Arc::new(counts.reinterpret_cast::<TimestampMicrosecondType>()),
        TimeUnit::Nanosecond => Arc::new(counts.reinterpret_cast::<TimestampNanosecondType>()),
    })
}
