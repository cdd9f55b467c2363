//! The columns of an object, each of which is read when somebody needs it: a column of lists or of mixed objects that nobody
//! asks for stands in nobody's way.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use mlcore::arrow::array::{Array, ArrayRef, NullArray, RecordBatch, RecordBatchOptions};
use mlcore::arrow::datatypes::{Field, Schema as ArrowSchema};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use super::{Asked, policy};
use crate::error::invalid;

/// The columns of a table, in order.
#[derive(Debug)]
pub(crate) struct Columns {
    columns: Vec<Column>,
    rows: usize,
    /// Whether the names of the columns come from the data, and not from their positions.
    named: bool,
    /// Whether the library tells a null from NaN.
    has_nulls: bool,
    /// The array whose columns they are, where it is one of floats that lie row by row.
    matrix: Option<Py<PyAny>>,
}

/// One column, read or not.
pub(super) struct Column {
    name: String,
    read: Box<Read>,
    /// Reads it without the other columns that [`read`](Self::read) prepares by the way.
    read_alone: Option<Box<Read>>,
    array: PyOnceLock<ArrayRef>,
}

/// Reads the column, which an error calls by this name.
type Read = dyn Fn(Python<'_>, &str, Asked) -> PyResult<ArrayRef> + Send + Sync;

impl Column {
    pub(super) fn new(
        name: String,
        read: impl Fn(Python<'_>, &str, Asked) -> PyResult<ArrayRef> + Send + Sync + 'static,
    ) -> Self {
        Self { name, read: Box::new(read), read_alone: None, array: PyOnceLock::new() }
    }

    /// A column that is there already.
    pub(super) fn of_array(name: String, array: ArrayRef) -> Self {
        Self::new(name, move |_, _, _| Ok(array.clone()))
    }

    /// A column of an object that a function reads.
    pub(super) fn of_object(
        name: String,
        object: &Bound<'_, PyAny>,
        read: impl Fn(&Bound<'_, PyAny>, &str, Asked) -> PyResult<ArrayRef> + Send + Sync + 'static,
    ) -> Self {
        let object = object.clone().unbind();
        Self::new(name, move |py, name, asked| read(object.bind(py), name, asked))
    }

    /// The same column, which this reads where no other column is wanted.
    pub(super) fn with_read_alone(
        mut self,
        read: impl Fn(Python<'_>, &str, Asked) -> PyResult<ArrayRef> + Send + Sync + 'static,
    ) -> Self {
        self.read_alone = Some(Box::new(read));
        self
    }
}

impl fmt::Debug for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Column").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Columns {
    pub(super) fn new(columns: Vec<Column>, rows: usize, named: bool) -> Self {
        Self { columns, rows, named, has_nulls: false, matrix: None }
    }

    /// The same columns, of a library that tells a null from NaN.
    pub(super) fn with_nulls(mut self) -> Self {
        self.has_nulls = true;
        self
    }

    /// The same columns, which are those of this array of floats.
    pub(super) fn of_matrix(mut self, array: &Bound<'_, PyAny>) -> Self {
        self.matrix = Some(array.clone().unbind());
        self
    }

    /// The array of floats whose columns they are; `None` where they are no such columns, or have names of their own.
    pub(crate) fn matrix<'py>(&self, py: Python<'py>) -> Option<&Bound<'py, PyAny>> {
        self.matrix.as_ref().filter(|_| !self.named).map(|array| array.bind(py))
    }

    /// The columns of a table that is there already.
    pub(crate) fn of_batch(batch: &RecordBatch) -> Self {
        let fields = batch.schema_ref().fields().iter();
        let columns = fields
            .zip(batch.columns())
            .map(|(field, array)| Column::of_array(field.name().clone(), array.clone()))
            .collect();
        Self::new(columns, batch.num_rows(), true).with_nulls()
    }

    pub(crate) fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.columns.iter().map(|column| column.name.as_str())
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    pub(crate) fn named(&self) -> bool {
        self.named
    }

    /// The same columns under other names.
    pub(super) fn renamed(mut self, names: Vec<String>) -> Self {
        for (column, name) in self.columns.iter_mut().zip(names) {
            column.name = name;
        }
        self.named = true;
        self
    }

    /// The column at a position; none beyond the last.
    pub(super) fn read(&self, py: Python<'_>, position: usize, asked: Asked) -> PyResult<Option<ArrayRef>> {
        let Some(column) = self.columns.get(position) else { return Ok(None) };
        column.array.get_or_try_init(py, || self.fresh(py, column, &*column.read, asked)).cloned().map(Some)
    }

    /// The same, where nobody reads the column again: its memory is the caller's alone.
    pub(super) fn read_once(
        &self,
        py: Python<'_>,
        position: usize,
        asked: Asked,
    ) -> PyResult<Option<ArrayRef>> {
        let Some(column) = self.columns.get(position) else { return Ok(None) };
        match column.array.get(py) {
            Some(array) => Ok(Some(array.clone())),
            None => {
                let read = column.read_alone.as_deref().unwrap_or(&*column.read);
                self.fresh(py, column, read, asked).map(Some)
            }
        }
    }

    fn fresh(&self, py: Python<'_>, column: &Column, read: &Read, asked: Asked) -> PyResult<ArrayRef> {
        self.plain(py, column, read, asked).map(policy::canonical)
    }

    /// The column as the object has it.
    fn plain(&self, py: Python<'_>, column: &Column, read: &Read, asked: Asked) -> PyResult<ArrayRef> {
        let array = read(py, &column.name, asked)?;
        if array.len() == self.rows {
            return Ok(array);
        }
        let problem = format!("{} rows where the first column has {}", array.len(), self.rows);
        Err(invalid(py, asked.operation, &column.name, problem, "give columns of equal length"))
    }

    /// The table of what `make` makes of each column; a column of nulls stands for one of which it makes nothing. Two columns
    /// of one name that are both read are refused: nobody could say which of them is meant.
    pub(super) fn table(
        &self,
        py: Python<'_>,
        asked: Asked,
        mut make: impl FnMut(usize, &str) -> PyResult<Option<ArrayRef>>,
    ) -> PyResult<RecordBatch> {
        let (mut fields, mut arrays, mut read) = (Vec::new(), Vec::new(), HashSet::new());
        for (position, column) in self.columns.iter().enumerate() {
            // Reading holds the interpreter: Ctrl-C between two columns.
            py.check_signals()?;
            let array = make(position, &column.name)?;
            if array.is_some() && !read.insert(column.name.as_str()) {
                let remedy = "rename one of them, or drop it: frame.loc[:, ~frame.columns.duplicated()]";
                let problem = "the name occurs twice";
                return Err(invalid(py, asked.operation, &column.name, problem.to_owned(), remedy));
            }
            let array = array.unwrap_or_else(|| Arc::new(NullArray::new(self.rows)));
            fields.push(Field::new(&column.name, array.data_type().clone(), true));
            arrays.push(array);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        RecordBatch::try_new_with_options(Arc::new(ArrowSchema::new(fields)), arrays, &options).map_err(
            |cause| invalid(py, asked.operation, asked.subject, cause.to_string(), "report this to mlcore"),
        )
    }

    /// The table of all columns, of which these are read; nulls stand in the place of the others.
    pub(crate) fn batch_of(
        &self,
        py: Python<'_>,
        asked: Asked,
        is_read: impl Fn(&str) -> bool,
    ) -> PyResult<RecordBatch> {
        self.table(
            py,
            asked,
            |position, name| if is_read(name) { self.read(py, position, asked) } else { Ok(None) },
        )
    }

    /// The table of all columns, in which what is missing is null: a float, too.
    pub(super) fn nullable(&self, py: Python<'_>, asked: Asked) -> PyResult<RecordBatch> {
        self.table(py, asked, |position, _| {
            let Some(column) = self.columns.get(position) else { return Ok(None) };
            let array = self.plain(py, column, &*column.read, asked)?;
            Ok(Some(policy::nullable(array, self.has_nulls)))
        })
    }

    /// The table of all columns.
    pub(crate) fn batch(&self, py: Python<'_>, asked: Asked) -> PyResult<RecordBatch> {
        self.table(py, asked, |position, _| self.read(py, position, asked))
    }
}
