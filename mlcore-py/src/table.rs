//! Tables that Rust hands to Python: any Arrow library takes them, and pandas and polars are fed without it.

use std::sync::{Arc, Mutex};

use mlcore::arrow::array::{Array, ArrayRef, AsArray, ListArray, RecordBatch, StructArray};
use mlcore::arrow::datatypes::{ArrowNativeType, DataType, Field};
use mlcore::batch::{ColumnView, Element, Value};
use mlcore::match_element;
use mlcore::schema::DType;
use numpy::PyArray1;
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyList, PySlice, PyString};
use pyo3_arrow::ffi::{ArrayIterator, to_stream_pycapsule};

use crate::door::{self, Asked, Columns};
use crate::error::{entry, invalid, raise};
use crate::value;
use crate::value::time::{NOT_A_TIME, symbol};

/// A table of Arrow columns, taken by every library that speaks the Arrow PyCapsule protocol.
#[pyclass(module = "mlcore.features", frozen)]
#[derive(Debug)]
pub(crate) struct Table {
    columns: Arc<Columns>,
    /// What Rust made, where it did: a null stays one for whoever takes Arrow, and is NaN for numpy alone.
    made: Option<RecordBatch>,
}

impl Table {
    pub(crate) fn new(batch: &RecordBatch) -> Self {
        Self { columns: Arc::new(Columns::of_batch(batch)), made: Some(batch.clone()) }
    }

    /// What the door would make of it.
    pub(crate) fn columns(&self) -> Arc<Columns> {
        Arc::clone(&self.columns)
    }

    fn batch(&self, py: Python<'_>) -> PyResult<RecordBatch> {
        self.columns.batch(py, Asked { operation: "read table", subject: "table" })
    }
}

/// Reads the columns of a table, each once and when it is needed, to use them several times.
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
        let columns = door::columns(X, feature_names, Asked { operation, subject: "X" })?;
        Ok(Table { columns, made: None })
    })
}

/// The tables of what exports a stream of them, each of which is read when it is asked for.
#[pyclass(module = "mlcore.features", frozen)]
pub(crate) struct Tables {
    stream: Mutex<door::Tables>,
}

/// Begins to read what exports a stream of tables.
#[pyfunction]
pub(crate) fn tables(py: Python<'_>, source: &Bound<'_, PyAny>) -> PyResult<Tables> {
    entry(py, |_| Ok(Tables { stream: Mutex::new(door::Tables::open(source, BATCHES)?) }))
}

const BATCHES: Asked = Asked { operation: "fit", subject: "source" };

#[pymethods]
impl Tables {
    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Table>> {
        entry(py, |py| {
            // Not waited for: whoever reads may need the interpreter, which this thread holds.
            let mut stream = self.stream.try_lock().map_err(|_| {
                let remedy = "read it in one thread";
                invalid(py, BATCHES.operation, BATCHES.subject, "another thread is reading it", remedy)
            })?;
            let columns = stream.next(py, BATCHES)?;
            Ok(columns.map(|columns| Table { columns: Arc::new(columns), made: None }))
        })
    }
}

#[pymethods]
impl Table {
    /// Whether its columns have names of their own.
    #[getter]
    fn _named(&self) -> bool {
        self.columns.named()
    }

    /// The Arrow PyCapsule protocol.
    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyCapsule>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        entry(py, |py| {
            let batch = match &self.made {
                Some(batch) => batch.clone(),
                None => self.batch(py)?,
            };
            let field = Field::new_struct("", batch.schema_ref().fields().clone(), false);
            let array: ArrayRef = Arc::new(StructArray::from(batch));
            let reader = Box::new(ArrayIterator::new([Ok(array)], field.into()));
            Ok(to_stream_pycapsule(py, reader, requested_schema)?)
        })
    }

    /// The names of the columns.
    #[getter]
    fn column_names(&self) -> Vec<&str> {
        self.columns.names().collect()
    }

    /// The numbers of rows and columns.
    #[getter]
    fn shape(&self) -> (usize, usize) {
        (self.columns.rows(), self.columns.names().len())
    }

    fn __len__(&self) -> usize {
        self.columns.rows()
    }

    fn __repr__(&self) -> String {
        let (rows, columns) = self.shape();
        format!("<mlcore table: {rows} rows, {columns} columns>")
    }

    /// Names and numpy arrays: numbers as they are (floats where one is missing), text as objects; dates and moments as
    /// ``datetime64``, those with a time zone in UTC; times of day and lists as objects.
    #[pyo3(name = "columns")]
    fn arrays<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyAny>>> {
        entry(py, |py| {
            let batch = self.batch(py)?;
            let fields = batch.schema_ref().fields().iter();
            fields
                .zip(batch.columns())
                .map(|(field, array)| {
                    let values = numpy_of(py, field.name(), array)?;
                    Ok((field.name(), values).into_pyobject(py)?.into_any())
                })
                .collect()
        })
    }

    /// An array of shape ``(rows, columns)``: of numbers where all columns are, else of objects, which are Python's own.
    pub(crate) fn to_numpy<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        entry(py, |py| {
            let numpy = py.import("numpy")?;
            let batch = self.batch(py)?;
            let shape = (batch.num_rows(), batch.num_columns());
            let fields = batch.schema_ref().fields().iter();
            let columns = fields.zip(batch.columns());
            let is_number = |array: &ArrayRef| {
                let dtype = DType::from_arrow(array.data_type());
                dtype.is_some_and(|dtype| {
                    dtype.is_numeric() && (dtype != DType::Bool || array.null_count() == 0)
                })
            };
            if batch.num_columns() > 0 && batch.columns().iter().all(is_number) {
                let arrays = columns.map(|(field, array)| numpy_of(py, field.name(), array));
                return numpy.call_method1("column_stack", (arrays.collect::<PyResult<Vec<_>>>()?,));
            }
            if batch.num_columns() == 0 {
                return numpy.call_method1("empty", (shape,));
            }
            let cells = numpy.call_method1("empty", (shape, "object"))?;
            for (position, (field, array)) in columns.enumerate() {
                let values = match DType::from_arrow(array.data_type()) {
                    Some(dtype) if dtype.is_temporal() => objects_of(py, field.name(), array)?,
                    _ => numpy_of(py, field.name(), array)?,
                };
                cells.set_item((PySlice::full(py), position), values)?;
            }
            Ok(cells)
        })
    }

    /// The time zones of the columns that have one, by their names.
    fn _time_zones(&self, py: Python<'_>) -> PyResult<Vec<(String, String)>> {
        let zone = |field: &'_ Arc<Field>| match field.data_type() {
            DataType::Timestamp(_, Some(zone)) => Some(zone.to_string()),
            _ => None,
        };
        let batch = self.batch(py)?;
        let fields = batch.schema_ref().fields().iter();
        Ok(fields.filter_map(|field| Some((field.name().clone(), zone(field)?))).collect())
    }
}

/// The values of a column as a numpy array.
pub(crate) fn numpy_of<'py>(py: Python<'py>, name: &str, array: &ArrayRef) -> PyResult<Bound<'py, PyAny>> {
    if let Some(lists) = array.as_list_opt::<i32>() {
        return lists_of(py, name, lists);
    }
    let raised = |error: mlcore::Error| raise(py, &error);
    let plain = ColumnView::plain(name, array).map_err(raised)?;
    let view = ColumnView::new(name, plain.as_ref()).map_err(raised)?;
    let Some(dtype) = DType::from_arrow(plain.data_type()) else {
        return Err(invalid(py, "read table", name, "it has no numpy array", "report this to mlcore"));
    };
    match_element!(
        dtype,
        T => match elements::<T>(&view, &plain) {
            Some(elements) => Ok(PyArray1::from_vec(py, elements).into_any()),
            None if dtype == DType::Bool => objects_of(py, name, array),
            None => {
                let mut floats = vec![0.0_f64; plain.len()];
                view.numbers(0, &mut floats);
                Ok(PyArray1::from_vec(py, floats).into_any())
            }
        },
        _ => match dtype {
            DType::Date => datetimes(py, name, dtype, &view, plain.len(), "D"),
            DType::Timestamp(unit, _) => datetimes(py, name, dtype, &view, plain.len(), symbol(unit)),
            _ => objects_of(py, name, array),
        }
    )
}

/// The elements of a column, where the type holds each: also NaN for what is missing, if it is one of floats.
fn elements<T: Element>(view: &ColumnView<'_>, array: &ArrayRef) -> Option<Vec<T>> {
    if let Some(values) = T::slice_of(array.as_ref()).filter(|_| !view.has_nulls()) {
        return Some(values.to_vec());
    }
    let element = |row| match view.value(row) {
        Value::Null => T::from_value(Value::Float(f64::NAN)),
        value => T::from_value(value),
    };
    (0..array.len()).map(element).collect()
}

/// Dates or moments as `datetime64`, in which `NaT` is the smallest count.
fn datetimes<'py>(
    py: Python<'py>,
    name: &str,
    dtype: DType,
    view: &ColumnView<'_>,
    rows: usize,
    unit: &str,
) -> PyResult<Bound<'py, PyAny>> {
    let count = |row| match view.value(row) {
        Value::Null => Ok(NOT_A_TIME),
        value => value.count_in(dtype).filter(|count| *count != NOT_A_TIME).ok_or(row),
    };
    let counts = (0..rows).map(count).collect::<Result<Vec<i64>, usize>>().map_err(|row| {
        let problem = format!("row {row} holds {}, which numpy reads as NaT", view.value(row).described());
        invalid(py, "read table", name, problem, "read it by polars or pyarrow, or replace it before")
    })?;
    PyArray1::from_vec(py, counts).call_method1("view", (format!("datetime64[{unit}]"),))
}

/// The values of a column as an array of Python's own objects, `None` where one is missing.
fn objects_of<'py>(py: Python<'py>, name: &str, array: &ArrayRef) -> PyResult<Bound<'py, PyAny>> {
    py.import("numpy")?.call_method1("array", (objects(py, name, array)?, "object"))
}

/// Lists as an array of Python's own lists, `None` where one is missing.
fn lists_of<'py>(py: Python<'py>, name: &str, lists: &ListArray) -> PyResult<Bound<'py, PyAny>> {
    let values = objects(py, name, lists.values())?;
    // Filled one by one: of lists of one length numpy would make a matrix.
    let cells = py.import("numpy")?.call_method1("empty", (lists.len(), "object"))?;
    for (row, ends) in lists.value_offsets().windows(2).enumerate() {
        if let [start, end] = ends
            && lists.is_valid(row)
        {
            cells.set_item(row, values.get_slice(start.as_usize(), end.as_usize()))?;
        }
    }
    Ok(cells)
}

/// The values of a column as Python's own objects, `None` where one is missing.
fn objects<'py>(py: Python<'py>, name: &str, array: &ArrayRef) -> PyResult<Bound<'py, PyList>> {
    let raised = |error: mlcore::Error| raise(py, &error);
    let plain = ColumnView::plain(name, array).map_err(raised)?;
    let view = ColumnView::new(name, plain.as_ref()).map_err(raised)?;
    let objects = (0..plain.len()).map(|row| match view.value(row) {
        Value::Text(text) => Ok(PyString::new(py, text).into_any()),
        value => value::write(py, &value.into_owned()),
    });
    PyList::new(py, objects.collect::<PyResult<Vec<_>>>()?)
}
