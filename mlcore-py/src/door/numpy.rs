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
    Element, PyArrayDescr, PyArrayDescrMethods, PyReadonlyArray1, PyReadonlyArray2, PyUntypedArray,
    PyUntypedArrayMethods,
};
use pyo3::exceptions::PyIndexError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use super::{Asked, Column, Columns, is_of, objects};
use crate::error::{invalid, wrong_type};
use crate::value::Place;
use crate::value::time::{self, Counted};

/// The columns of a 2-D array, named `x0`, `x1`, ... as scikit-learn does, or the fields of a structured one.
pub(super) fn table(object: &Bound<'_, PyAny>, asked: Asked) -> PyResult<Columns> {
    refuse_masked(object, asked.operation, asked.subject)?;
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
            // A plan that only scales reads the rows as they lie. All columns are made in one pass, and one alone by itself.
            let all: Arc<PyOnceLock<Vec<ArrayRef>>> = Arc::default();
            let count = array.shape().get(1).copied().unwrap_or_default();
            let columns = (0..count).map(|position| {
                let (all, whole, by_itself) =
                    (Arc::clone(&all), object.clone().unbind(), object.clone().unbind());
                let from_all = move |py: Python<'_>, _: &str, _| {
                    let columns = all.get_or_try_init(py, || transposed(whole.bind(py)))?;
                    let absent = || PyIndexError::new_err("there is no such column");
                    columns.get(position).cloned().ok_or_else(absent)
                };
                Column::new(format!("x{position}"), from_all).with_read_alone(move |py, name, asked| {
                    let columns = by_itself.bind(py).getattr(intern!(py, "T"))?;
                    column(&columns.get_item(position)?, name, asked)
                })
            });
            let columns = Columns::new(columns.collect(), rows, false);
            Ok(if object.is_exact_instance_of::<PyUntypedArray>() {
                columns.of_matrix(object)
            } else {
                columns
            })
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
            "Reshape your data: array.reshape(-1, 1) for a single feature, array.reshape(1, -1) for a single row",
        )),
    }
}

/// Is it an array of numpy? pandas has been met before this is asked, and so numpy is there.
pub(super) fn is_array(object: &Bound<'_, PyAny>) -> bool {
    object.cast::<PyUntypedArray>().is_ok()
}

/// Refuses a masked array: what its mask hides would be taken for values.
pub(crate) fn refuse_masked(
    object: &Bound<'_, PyAny>,
    operation: &'static str,
    subject: &str,
) -> PyResult<()> {
    if object.is_exact_instance_of::<PyUntypedArray>() || !is_of(object, "numpy", &["MaskedArray"]) {
        return Ok(());
    }
    let problem = "it is a masked array, whose mask would be lost";
    let remedy = "say what stands for a masked value: array.filled(numpy.nan)";
    Err(wrong_type(object.py(), operation, subject, problem.to_owned(), remedy))
}

/// The values of a 1-D array.
pub(super) fn column(object: &Bound<'_, PyAny>, name: &str, asked: Asked) -> PyResult<ArrayRef> {
    let py = object.py();
    refuse_masked(object, asked.operation, name)?;
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
    if let Some(dtype) = numeric(&dtype) {
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
            let problem = match kind {
                b'c' => format!("Complex data not supported: {what} ({dtype}) are not taken"),
                _ => format!("{what} ({dtype}) are not taken"),
            };
            Err(wrong_type(py, asked.operation, name, problem, remedy))
        }
    }
}

/// The type of the numbers or bools of an array that holds some.
pub(crate) fn numeric(dtype: &Bound<'_, PyArrayDescr>) -> Option<DType> {
    Some(match (dtype.kind(), dtype.itemsize()) {
        (b'b', _) => DType::Bool,
        (b'i', 1) => DType::Int8,
        (b'i', 2) => DType::Int16,
        (b'i', 4) => DType::Int32,
        (b'i', 8) => DType::Int64,
        (b'u', 1) => DType::UInt8,
        (b'u', 2) => DType::UInt16,
        (b'u', 4) => DType::UInt32,
        (b'u', 8) => DType::UInt64,
        (b'f', 2) => DType::Float16,
        (b'f', 4) => DType::Float32,
        (b'f', 8) => DType::Float64,
        _ => return None,
    })
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
            // A block of rows stays in the fastest cache while it is read once per column.
            let rows = (BLOCK_BYTES / (width * size_of::<T::Native>())).max(FEWEST_ROWS);
            for block in values.chunks(rows * width) {
                for (position, column) in columns.iter_mut().enumerate() {
                    let cell = |row: &[T::Native]| row.get(position).copied().unwrap_or_default();
                    column.extend(block.chunks_exact(width).map(cell));
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

/// The bytes of a block of rows, and the rows of one that is wider.
const BLOCK_BYTES: usize = 16 << 10;
const FEWEST_ROWS: usize = 8;

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
