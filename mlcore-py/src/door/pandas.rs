//! pandas, read column by column, so that it makes no difference whether pyarrow is installed beside it.

use std::sync::Arc;

use arrow_cast::cast;
use arrow_select::take::take;
use mlcore::arrow::array::{Array, ArrayRef, AsArray, DictionaryArray, Int32Array, make_array};
use mlcore::arrow::datatypes::{DataType, Int32Type, Int64Type};
use pyo3::exceptions::{PyAttributeError, PyImportError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PySlice};
use pyo3::{IntoPyObjectExt, intern};

use super::{Asked, Column, Columns, capsule, is_of, numpy, objects};
use crate::error::{invalid, wrong_type};
use crate::value::time;

/// The columns of a frame; without names where its labels are no strings.
pub(super) fn frame(frame: &Bound<'_, PyAny>, asked: Asked) -> PyResult<Columns> {
    let py = frame.py();
    let texts = labels(&frame.getattr(intern!(py, "columns"))?, asked)?;
    let named = texts.iter().all(Option::is_some);
    if !named && texts.iter().any(Option::is_some) {
        let problem = "some of its columns have names that are no strings";
        return Err(wrong_type(
            py,
            asked.operation,
            asked.subject,
            problem,
            "frame.columns = frame.columns.astype(str)",
        ));
    }
    let columns = texts.into_iter().enumerate().map(|(position, text)| {
        let name = text.unwrap_or_else(|| format!("x{position}"));
        Column::of_object(name, frame, move |frame, name, asked| column(frame, position, name, asked))
    });
    Ok(Columns::new(columns.collect(), frame.len()?, named))
}

/// The labels of columns that are strings.
fn labels(columns: &Bound<'_, PyAny>, asked: Asked) -> PyResult<Vec<Option<String>>> {
    let py = columns.py();
    // pandas 3 holds labels in Arrow's memory, and makes each of them a string when it is asked.
    let array = columns.getattr(intern!(py, "array"))?;
    if is_of(&array.getattr(intern!(py, "dtype"))?, "pandas", &["StringDtype"])
        && let Ok(Some(labels)) = values(&array, "columns", asked)
        && let Ok(labels) = cast(&labels, &DataType::Utf8)
    {
        return Ok(labels.as_string::<i32>().iter().map(|label| label.map(str::to_owned)).collect());
    }
    columns.try_iter()?.map(|label| Ok(label?.extract::<String>().ok())).collect()
}

/// The column of a frame at a position.
///
/// A series for each column costs a hundred microseconds, which a frame of one row would spend on little else. What a column
/// holds is asked of the frame itself, by a method that pandas has had since 1.2 and does not document: where it is missing
/// or holds what has no shorter way, the series is made.
fn column(frame: &Bound<'_, PyAny>, position: usize, name: &str, asked: Asked) -> PyResult<ArrayRef> {
    let py = frame.py();
    let array = frame.call_method1(intern!(py, "_get_column_array"), (position,)).ok();
    let read = array.map(|array| values(&array, name, asked)).transpose()?.flatten();
    read.map_or_else(
        || {
            let place = (PySlice::full(py), position).into_bound_py_any(py)?;
            series(&frame.getattr("iloc")?.get_item(place)?, name, asked)
        },
        Ok,
    )
}

/// The values of an array of pandas; none where only a series can say.
fn values(array: &Bound<'_, PyAny>, name: &str, asked: Asked) -> PyResult<Option<ArrayRef>> {
    let py = array.py();
    if numpy::is_array(array) {
        return numpy::column(array, name, asked).map(Some);
    }
    let dtype = array.getattr(intern!(py, "dtype"))?;
    if is_of(&dtype, "pandas", &["CategoricalDtype"]) {
        return categories(array, name, asked).map(Some);
    }
    if is_of(&dtype, "pandas", &["DatetimeTZDtype"]) {
        return zoned(array, &dtype, name, asked).map(Some);
    }
    if is_of(&dtype, "pandas", &["SparseDtype"]) {
        return numpy::column(&array.call_method0("to_numpy")?, name, asked).map(Some);
    }
    if let Some(array) = masked(array, &dtype, name, asked)? {
        return Ok(Some(array));
    }
    if !is_of(&dtype, "pandas", &["ArrowDtype", "StringDtype"]) {
        return Ok(None);
    }
    match array.call_method0(intern!(py, "__arrow_array__")) {
        Ok(exported) => capsule::array(&exported, name, asked).map(|(array, _)| Some(array)),
        // pandas exports Arrow data by pyarrow only, which need not be there.
        Err(cause) if is_absence(&cause, py) || cause.is_instance_of::<PyTypeError>(py) => Ok(None),
        Err(cause) => Err(cause),
    }
}

/// The values of a series or an index, which an error calls by this name.
pub(super) fn series(series: &Bound<'_, PyAny>, name: &str, asked: Asked) -> PyResult<ArrayRef> {
    let dtype = series.getattr(intern!(series.py(), "dtype"))?;
    if is_of(&dtype, "numpy", &["dtype"]) || is_of(&dtype, "pandas", &["SparseDtype"]) {
        return numpy::column(&series.call_method0("to_numpy")?, name, asked);
    }
    if is_of(&dtype, "pandas", &["CategoricalDtype"]) {
        return categories(series, name, asked);
    }
    if is_of(&dtype, "pandas", &["DatetimeTZDtype"]) {
        return zoned(series, &dtype, name, asked);
    }
    if let Some(array) = masked(series, &dtype, name, asked)? {
        return Ok(array);
    }
    match exported(series, asked) {
        // pandas exports Arrow data by pyarrow only, which need not be there.
        Err(cause) if is_absence(&cause, series.py()) => {
            objects::column(&series.call_method0("tolist")?, name, asked)
        }
        other => other,
    }
}

/// Moments with a time zone: numpy has them in UTC.
fn zoned(
    series: &Bound<'_, PyAny>,
    dtype: &Bound<'_, PyAny>,
    name: &str,
    asked: Asked,
) -> PyResult<ArrayRef> {
    let unit: String = dtype.getattr("unit")?.extract()?;
    let keywords = PyDict::new(series.py());
    keywords.set_item("dtype", format!("datetime64[{unit}]"))?;
    let moments = numpy::column(&series.call_method("to_numpy", (), Some(&keywords))?, name, asked)?;
    let zone = time::zone(&dtype.getattr("tz")?)?;
    let zoned = match moments.data_type() {
        DataType::Timestamp(unit, _) => DataType::Timestamp(*unit, Some(zone.name().into())),
        other => other.clone(),
    };
    let data = moments.to_data().into_builder().data_type(zoned).build();
    data.map(make_array).map_err(|cause| {
        invalid(series.py(), asked.operation, name, cause.to_string(), "report this to mlcore")
    })
}

/// Columns that Arrow holds, through the stream of a frame of one column: a series exports none before pandas 3.
fn exported(series: &Bound<'_, PyAny>, asked: Asked) -> PyResult<ArrayRef> {
    let keywords = PyDict::new(series.py());
    keywords.set_item("name", "values")?;
    let frame = series.call_method("to_frame", (), Some(&keywords))?;
    let columns = capsule::table(&frame, asked)?;
    // An index comes along unless it is a plain range; the column is the first.
    columns.read(series.py(), 0, asked)?.ok_or_else(|| {
        invalid(
            series.py(),
            asked.operation,
            asked.subject,
            "pandas exported no column",
            "report this to mlcore",
        )
    })
}

fn is_absence(cause: &PyErr, py: Python<'_>) -> bool {
    let is = |error: &PyErr| {
        error.is_instance_of::<PyImportError>(py) || error.is_instance_of::<PyAttributeError>(py)
    };
    is(cause) || cause.cause(py).is_some_and(|below| is(&below))
}

/// pandas' nullable integers, floats and bools, in a series or an array: values and a mask beside them.
fn masked(
    series: &Bound<'_, PyAny>,
    dtype: &Bound<'_, PyAny>,
    name: &str,
    asked: Asked,
) -> PyResult<Option<ArrayRef>> {
    if !is_of(dtype, "pandas", &["BaseMaskedDtype"]) {
        return Ok(None);
    }
    let missing = series.call_method0("isna")?;
    let missing = if numpy::is_array(&missing) { missing } else { missing.call_method0("to_numpy")? };
    let keywords = PyDict::new(series.py());
    keywords.set_item("dtype", dtype.getattr("numpy_dtype")?)?;
    let is_bool = dtype.getattr("kind")?.extract::<String>()? == "b";
    if is_bool {
        keywords.set_item("na_value", false)?;
    } else {
        keywords.set_item("na_value", 0)?;
    }
    let present = numpy::column(&series.call_method("to_numpy", (), Some(&keywords))?, name, asked)?;
    let mask = numpy::column(&missing, name, asked)?;
    let nulled = mlcore::arrow::compute::nullif(&present, mask.as_boolean()).map_err(|cause| {
        invalid(series.py(), asked.operation, name, cause.to_string(), "report this to mlcore")
    })?;
    Ok(Some(nulled))
}

/// Categories by their values: codes are pandas' own affair.
fn categories(series: &Bound<'_, PyAny>, name: &str, asked: Asked) -> PyResult<ArrayRef> {
    let py = series.py();
    let broken = |cause: mlcore::arrow::error::ArrowError| {
        invalid(py, asked.operation, name, cause.to_string(), "convert the column to plain values first")
    };
    // An index has these itself, a series under `cat`.
    let holder = if series.hasattr("cat")? { series.getattr("cat")? } else { series.clone() };
    let words = self::series(&holder.getattr("categories")?, name, asked)?;
    let codes = holder.getattr("codes")?;
    let codes = if codes.hasattr("to_numpy")? { codes.call_method0("to_numpy")? } else { codes };
    let codes = cast(&numpy::column(&codes, name, asked)?, &DataType::Int64).map_err(broken)?;
    let keys: Int32Array = codes
        .as_primitive::<Int64Type>()
        .iter()
        .map(|code| code.and_then(|code| i32::try_from(code).ok().filter(|code| *code >= 0)))
        .collect();
    if matches!(words.data_type(), DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View) {
        return Ok(Arc::new(DictionaryArray::<Int32Type>::try_new(keys, words).map_err(broken)?));
    }
    take(&words, &keys, None).map_err(broken)
}
