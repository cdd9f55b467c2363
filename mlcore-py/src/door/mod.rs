//! The one door through which tables and columns come from Python.
//!
//! Whatever library a frame belongs to, it becomes the same Arrow table, so that the same data gives the same numbers.
//! Libraries are recognised by the protocols and names of their objects and never imported. The written policy:
//!
//! - **Floats**: a null is NaN. pandas writes a missing number as NaN, polars as null; both mean missing here. In tables for the
//!   feature store it is the other way round: both are null, and NaN of a library that has nulls is NaN.
//! - **Integers and bools with missing values**: integers become floats with NaN when something is fitted or compared,
//!   as numpy and scikit-learn do (those beyond 2^53 stay integers with nulls); a fitted plan gets the type back that it
//!   was fitted on, where no value is lost.
//! - **Text**: a null, `None`, `NaN` or `pandas.NA` is missing.
//! - **Dates and times**: `NaT` is missing, too. numpy's days are dates; its moments, and those of `datetime` without a zone,
//!   are dates and times in no zone; the zone of a column is that of its values, or UTC where they have several. Times of
//!   day are counted in nanoseconds. A plan that reads a date takes midnights for it, because pandas has no dates.
//! - **Decimals** are floats where no digit is lost, and are left as they are, for their reader to refuse, where one is.
//! - **Columns without any value** have no type of their own and are floats, all NaN.
//! - **numpy arrays** are copied once: their owner may write into them while Rust reads. Arrow data is shared.

mod capsule;
mod columns;
mod numpy;
mod objects;
mod pandas;
mod policy;
mod record;
mod text;

use std::sync::Arc;

use ::numpy::{PyReadonlyArray1, PyUntypedArrayMethods};
use arrow_cast::cast;
use mlcore::arrow::array::{Array, ArrayRef, AsArray, RecordBatch, new_null_array};
use mlcore::arrow::buffer::ScalarBuffer;
use mlcore::arrow::datatypes::{DataType, Field, Float64Type, Schema as ArrowSchema};
use mlcore::schema::{DType, Schema};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyMapping, PyString, PyTuple, PyType};

pub(crate) use self::capsule::Tables;
use self::columns::Column;
pub(crate) use self::columns::Columns;
pub(crate) use self::numpy::{numeric, refuse_masked};
pub(crate) use self::record::{Record, unknown_name};
pub(crate) use self::text::{Text, unicode};
use crate::error::{invalid, raise, wrong_type};
use crate::value::decimal;

/// What a table is for, and what an error calls it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    pub(crate) operation: &'static str,
    pub(crate) subject: &'static str,
}

/// The columns of any object that holds some, none of which is read yet; `names` are those of the columns of an object that
/// has none.
pub(crate) fn columns(
    object: &Bound<'_, PyAny>,
    names: Option<Vec<String>>,
    asked: Asked,
) -> PyResult<Arc<Columns>> {
    let Some(names) = names else {
        if let Ok(table) = object.cast::<crate::table::Table>() {
            return Ok(table.get().columns());
        }
        return found(object, asked).map(Arc::new);
    };
    let columns = found(object, asked)?;
    if names.len() == columns.names().len() {
        return Ok(Arc::new(columns.renamed(names)));
    }
    let problem = format!("{} names for {} columns", names.len(), columns.names().len());
    let remedy = "give one name per column";
    Err(invalid(object.py(), asked.operation, "feature_names", problem, remedy))
}

/// The table of any object that holds one.
pub(crate) fn table(object: &Bound<'_, PyAny>, asked: Asked) -> PyResult<RecordBatch> {
    columns(object, None, asked)?.batch(object.py(), asked)
}

/// The same for those who tell a null from NaN, such as a store: a float that is missing is null there. Of pandas, numpy and Python's
/// own lists, which have no null, NaN is one.
pub(crate) fn nullable_table(object: &Bound<'_, PyAny>, asked: Asked) -> PyResult<RecordBatch> {
    columns(object, None, asked)?.nullable(object.py(), asked)
}

/// A table to learn from: each column that is read of a type that transformers take, and nulls in the place of the others.
pub(crate) fn training_table(
    py: Python<'_>,
    columns: &Columns,
    is_read: impl Fn(&str) -> bool,
    asked: Asked,
) -> PyResult<RecordBatch> {
    read_table(py, columns, is_read, asked, |array| {
        policy::float_for_missing(&array).map_err(|error| raise(py, &error))
    })
}

/// Some of the rows to learn from: as [`training_table`], but integers stay integers where some are missing, so that a column
/// has one type in all parts.
pub(crate) fn part_table(
    py: Python<'_>,
    columns: &Columns,
    is_read: impl Fn(&str) -> bool,
    asked: Asked,
) -> PyResult<RecordBatch> {
    read_table(py, columns, is_read, asked, |array| {
        if *array.data_type() == DataType::Null {
            return policy::float_for_missing(&array).map_err(|error| raise(py, &error));
        }
        Ok(array)
    })
}

/// A table of the columns that are read, each as `taken` makes it.
fn read_table(
    py: Python<'_>,
    columns: &Columns,
    is_read: impl Fn(&str) -> bool,
    asked: Asked,
    taken: impl Fn(ArrayRef) -> PyResult<ArrayRef>,
) -> PyResult<RecordBatch> {
    columns.table(py, asked, |position, name| {
        if !is_read(name) {
            return Ok(None);
        }
        let Some(array) = columns.read(py, position, asked)? else { return Ok(None) };
        require_plain(py, name, &array, asked)?;
        taken(array).map(Some)
    })
}

/// A table to be compared, with each of its columns.
pub(crate) fn comparable_table(object: &Bound<'_, PyAny>, asked: Asked) -> PyResult<RecordBatch> {
    let (py, columns) = (object.py(), columns(object, None, asked)?);
    columns.table(py, asked, |position, _| comparable(py, &columns, position, asked))
}

/// A table of which these columns are to be compared, or all: then those that nobody can compare are left for the comparison
/// to list, whatever library they come from.
pub(crate) fn compared_table(
    object: &Bound<'_, PyAny>,
    wanted: Option<&[String]>,
    asked: Asked,
) -> PyResult<RecordBatch> {
    let (py, columns) = (object.py(), columns(object, None, asked)?);
    columns.table(py, asked, |position, name| match wanted {
        Some(wanted) if !wanted.iter().any(|wanted| wanted == name) => Ok(None),
        Some(_) => comparable(py, &columns, position, asked),
        None => listed(py, columns.rows(), comparable(py, &columns, position, asked)),
    })
}

/// The columns of a table that are watched, and the names of the others, which the watcher may not know.
pub(crate) fn watched_table(
    object: &Bound<'_, PyAny>,
    watched: &[String],
    asked: Asked,
) -> PyResult<RecordBatch> {
    let (py, columns) = (object.py(), columns(object, None, asked)?);
    let rows = columns.rows();
    columns.table(py, asked, |position, name| match watched.iter().any(|watched| watched == name) {
        true => comparable(py, &columns, position, asked),
        false => Ok(Some(new_null_array(&DataType::Null, rows))),
    })
}

/// One column of a table to be compared, which nobody keeps for a second reader; `is_wanted` by name, or one of all.
pub(crate) fn compared_column(
    py: Python<'_>,
    columns: &Columns,
    position: usize,
    is_wanted: bool,
    asked: Asked,
) -> PyResult<ArrayRef> {
    let read = columns.read_once(py, position, asked).and_then(|array| without_nulls(py, array));
    let read = if is_wanted { read } else { listed(py, columns.rows(), read) };
    Ok(read?.unwrap_or_else(|| new_null_array(&DataType::Null, columns.rows())))
}

fn comparable(
    py: Python<'_>,
    columns: &Columns,
    position: usize,
    asked: Asked,
) -> PyResult<Option<ArrayRef>> {
    columns.read(py, position, asked).and_then(|array| without_nulls(py, array))
}

fn without_nulls(py: Python<'_>, array: Option<ArrayRef>) -> PyResult<Option<ArrayRef>> {
    array.map(|array| policy::float_for_missing(&array)).transpose().map_err(|error| raise(py, &error))
}

/// A column of a type that nobody compares in the place of one that cannot be read.
fn listed(py: Python<'_>, rows: usize, read: PyResult<Option<ArrayRef>>) -> PyResult<Option<ArrayRef>> {
    match read {
        Err(error) if error.is_instance_of::<PyTypeError>(py) => {
            Ok(Some(new_null_array(&DataType::Binary, rows)))
        }
        other => other,
    }
}

/// A table for something that was fitted on a table of `fitted`, of which `schema` are those it reads: these have its types
/// where no value is lost, nulls stand in the place of others, and names count only where both tables have some of their own.
pub(crate) fn fitting_table(
    object: &Bound<'_, PyAny>,
    schema: &Schema,
    fitted: &[String],
    named: bool,
    asked: Asked,
) -> PyResult<RecordBatch> {
    fitting_columns(object.py(), &*columns(object, None, asked)?, schema, fitted, named, asked)
}

/// The same of columns that were found already.
pub(crate) fn fitting_columns(
    py: Python<'_>,
    columns: &Columns,
    schema: &Schema,
    fitted: &[String],
    named: bool,
    asked: Asked,
) -> PyResult<RecordBatch> {
    let is_by_name = columns.named() && named;
    let count = columns.names().len();
    if !is_by_name && count != fitted.len() {
        let problem = format!("it has {count} features, and {} were fitted", fitted.len());
        let remedy = "pass the columns that were fitted, in their order";
        return Err(invalid(py, asked.operation, asked.subject, problem, remedy));
    }
    let table = columns.table(py, asked, |position, own| {
        let name = if is_by_name { own } else { fitted.get(position).map_or(own, String::as_str) };
        let Some(field) = schema.field(name) else { return Ok(None) };
        let Some(array) = columns.read(py, position, asked)? else { return Ok(None) };
        require_plain(py, name, &array, asked)?;
        policy::with_type_of(&array, field).map(Some).map_err(|error| raise(py, &error))
    })?;
    if is_by_name { Ok(table) } else { policy::renamed(&table, fitted).map_err(|error| raise(py, &error)) }
}

/// One column of any object that holds one.
pub(crate) fn column(object: &Bound<'_, PyAny>, asked: Asked) -> PyResult<ArrayRef> {
    let py = object.py();
    let array = single(object, asked.subject, asked)?;
    policy::float_for_missing(&policy::canonical(array)).map_err(|error| raise(py, &error))
}

/// A column of numbers, missing ones NaN; a contiguous float64 array of numpy is borrowed.
pub(crate) fn numbers<'py>(object: &Bound<'py, PyAny>, asked: Asked) -> PyResult<Numbers<'py>> {
    let py = object.py();
    if is_of(object, "numpy", &["ndarray"])
        && refuse_masked(object, asked.operation, asked.subject).is_ok()
        && let Ok(array) = object.extract::<PyReadonlyArray1<'py, f64>>()
        && array.is_c_contiguous()
    {
        return Ok(Numbers::Borrowed(array));
    }
    let array = column(object, asked)?;
    numbers_of(py, &array, asked)
}

/// The same of a column that was read.
pub(crate) fn numbers_of(py: Python<'_>, array: &ArrayRef, asked: Asked) -> PyResult<Numbers<'static>> {
    let floats = floats(py, array, asked)?;
    Ok(Numbers::Owned(policy::filled(floats.as_primitive())))
}

/// A column of numbers or bools as floats.
fn floats(py: Python<'_>, array: &ArrayRef, asked: Asked) -> PyResult<ArrayRef> {
    let is_decimal = array.data_type().is_decimal();
    let remedy = if is_decimal { decimal::REMEDY } else { "convert it to numbers first" };
    let numeric = DType::from_arrow(array.data_type()).is_some_and(DType::is_numeric);
    if !numeric && *array.data_type() != DataType::Null {
        let problem = format!("numbers are expected, and it holds {}", described(array.data_type()));
        return Err(wrong_type(py, asked.operation, asked.subject, problem, remedy));
    }
    cast(array, &DataType::Float64)
        .map_err(|cause| wrong_type(py, asked.operation, asked.subject, cause.to_string(), remedy))
}

/// Numbers that live as long as a call.
#[derive(Debug)]
pub(crate) enum Numbers<'py> {
    Borrowed(PyReadonlyArray1<'py, f64>),
    Owned(ScalarBuffer<f64>),
}

impl Numbers<'_> {
    pub(crate) fn as_slice(&self) -> &[f64] {
        match self {
            // It was checked to be contiguous when it was taken.
            Self::Borrowed(array) => array.as_slice().unwrap_or_default(),
            Self::Owned(values) => values,
        }
    }
}

/// Rows of numbers: a 2-D array, a list of lists, a frame.
pub(crate) fn matrix(object: &Bound<'_, PyAny>, asked: Asked) -> PyResult<Vec<Vec<f64>>> {
    if object.is_instance_of::<PyList>() || object.is_instance_of::<PyTuple>() {
        return object.try_iter()?.map(|row| Ok(numbers(&row?, asked)?.as_slice().to_vec())).collect();
    }
    let table = table(object, asked)?;
    let mut rows = vec![Vec::with_capacity(table.num_columns()); table.num_rows()];
    for array in table.columns() {
        let floats = floats(object.py(), array, asked)?;
        for (row, value) in rows.iter_mut().zip(floats.as_primitive::<Float64Type>()) {
            row.push(value.unwrap_or(f64::NAN));
        }
    }
    Ok(rows)
}

/// The columns of an object, and whether their names are its own.
fn found(object: &Bound<'_, PyAny>, asked: Asked) -> PyResult<Columns> {
    let py = object.py();
    if is_of(object, "pandas", &["DataFrame"]) {
        return pandas::frame(object, asked);
    }
    if is_of(object, "pandas", &["Series", "Index"]) {
        let name = object.getattr("name")?;
        let (name, named) = match name.cast::<PyString>() {
            Ok(name) => (name.to_string(), true),
            Err(_) => ("x0".to_owned(), false),
        };
        let subject = asked.subject;
        let read = move |series: &Bound<'_, PyAny>, _: &str, asked| pandas::series(series, subject, asked);
        return Ok(Columns::new(vec![Column::of_object(name, object, read)], object.len()?, named));
    }
    if is_of(object, "numpy", &["ndarray"]) {
        return numpy::table(object, asked);
    }
    if capsule::exports(object)? {
        return capsule::table(object, asked);
    }
    if let Some(collected) = collected(object)? {
        return found(&collected, asked);
    }
    // Before mappings, because one kind of sparse matrix is a dict.
    if object.hasattr("tocsr")? && object.hasattr("toarray")? {
        return Err(wrong_type(
            py,
            asked.operation,
            asked.subject,
            format!("sparse input is not supported, and it is a {}", type_name(object)),
            "make it dense: X.toarray()",
        ));
    }
    if let Ok(mapping) = object.cast::<PyMapping>() {
        return objects::mapping(mapping, asked);
    }
    if object.is_instance_of::<PyList>() || object.is_instance_of::<PyTuple>() {
        return objects::records(object, asked);
    }
    if object.hasattr("__array__")? {
        return numpy::table(&object.call_method0("__array__")?, asked);
    }
    Err(wrong_type(
        py,
        asked.operation,
        asked.subject,
        format!("a table is expected, and it is a {}", type_name(object)),
        "pass a frame of pandas, polars or pyarrow, a 2-D numpy array, a dict of columns or a list of dicts",
    ))
}

/// One column: a series, an array, a list.
fn single(object: &Bound<'_, PyAny>, name: &str, asked: Asked) -> PyResult<ArrayRef> {
    let py = object.py();
    if is_of(object, "pandas", &["Series", "Index"]) {
        return pandas::series(object, name, asked);
    }
    if is_of(object, "numpy", &["ndarray"]) {
        return numpy::column(object, name, asked);
    }
    let table = if is_of(object, "pandas", &["DataFrame"]) {
        Some(pandas::frame(object, asked)?)
    } else if capsule::exports(object)? {
        Some(capsule::table(object, asked)?)
    } else if object.is_instance_of::<PyList>() || object.is_instance_of::<PyTuple>() {
        return objects::column(object, name, asked);
    } else if object.cast::<PyMapping>().is_err()
        && !object.is_instance_of::<PyString>()
        && object.hasattr("__array__")?
    {
        return numpy::column(&object.call_method0("__array__")?, name, asked);
    } else if !object.is_instance_of::<PyString>()
        && !object.is_instance_of::<PyDict>()
        && let Ok(items) = object.try_iter()
    {
        // Any other iterable: a range, a generator, array.array.
        let items = PyList::new(py, items.collect::<PyResult<Vec<_>>>()?)?;
        return objects::column(items.as_any(), name, asked);
    } else {
        None
    };
    let count = table.as_ref().map_or(0, |table| table.names().len());
    if let Some(table) = table.filter(|_| count == 1)
        && let Some(array) = table.read(py, 0, Asked { subject: asked.subject, ..asked })?
    {
        return Ok(array);
    }
    let found = match count {
        0 => format!("it is a {}", type_name(object)),
        count => format!("it has {count} columns"),
    };
    let problem = format!("one column is expected, and {found}");
    Err(wrong_type(py, asked.operation, name, problem, "pass a series, a 1-D array or a list"))
}

/// What a lazy frame becomes when it is collected.
fn collected<'py>(object: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    if object.hasattr("collect")? && object.hasattr("collect_schema")? {
        return object.call_method0("collect").map(Some);
    }
    Ok(None)
}

/// Makes sure that a column is one that mlcore has a type for; whether a transformer takes it, the transformer says.
fn require_plain(py: Python<'_>, name: &str, array: &ArrayRef, asked: Asked) -> PyResult<()> {
    if *array.data_type() == DataType::Null {
        return Ok(());
    }
    // The list of types is the schema's, and so is what mends the others.
    let field = Field::new(name, array.data_type().clone(), true);
    match Schema::from_arrow(&ArrowSchema::new(vec![field])) {
        Err(error @ mlcore::Error::Unsupported(_)) => {
            let problem = format!("columns of {} are not taken", described(array.data_type()));
            let remedy = error.context().remedy().unwrap_or_default();
            Err(wrong_type(py, asked.operation, name, problem, remedy))
        }
        _ => Ok(()),
    }
}

/// Is the object an instance of one of these classes of this library? Nothing is imported to find out.
pub(crate) fn is_of(object: &Bound<'_, PyAny>, library: &str, classes: &[&str]) -> bool {
    object.get_type().mro().iter().any(|class| {
        class.cast::<PyType>().is_ok_and(|class| {
            let module = class.module();
            let ours = module.as_ref().is_ok_and(|module| {
                let module = module.to_string_lossy();
                module == library || module.strip_prefix(library).is_some_and(|rest| rest.starts_with('.'))
            });
            ours && class.name().is_ok_and(|name| classes.contains(&&*name.to_string_lossy()))
        })
    })
}

pub(crate) fn type_name(object: &Bound<'_, PyAny>) -> String {
    object.get_type().fully_qualified_name().map_or_else(|_| "?".to_owned(), |name| name.to_string())
}

pub(crate) fn described(data_type: &DataType) -> String {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "text".to_owned(),
        DataType::Date32 | DataType::Date64 => "dates".to_owned(),
        DataType::Timestamp(_, None) => "dates and times".to_owned(),
        DataType::Timestamp(_, Some(zone)) => format!("timestamps in the time zone {zone:?}"),
        DataType::Decimal32(..)
        | DataType::Decimal64(..)
        | DataType::Decimal128(..)
        | DataType::Decimal256(..) => "decimals with more digits than a float has".to_owned(),
        DataType::Duration(_) | DataType::Interval(_) => "durations".to_owned(),
        DataType::Time32(_) | DataType::Time64(_) => "times of day".to_owned(),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => "bytes".to_owned(),
        DataType::Dictionary(_, values) => format!("categories of {}", described(values)),
        other => format!("type {other}"),
    }
}
