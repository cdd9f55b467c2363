//! Features for serving, as Python holds them.

use mlcore::batch::Value;
use mlcore_features::store::feature_store::OnlineFeatures;
use mlcore_features::store::online::Cell;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};

use super::arguments::{Rows, asked};
use crate::error::entry;
use crate::table::Table;
use crate::value;

/// What was read of entities: the native half of ``mlcore.store.OnlineResponse``.
#[pyclass(module = "mlcore.store", frozen)]
pub(crate) struct OnlineAnswer {
    answer: OnlineFeatures,
    rows: Rows,
}

impl OnlineAnswer {
    pub(super) fn new(answer: OnlineFeatures, rows: Rows) -> Self {
        Self { answer, rows }
    }
}

#[pymethods]
impl OnlineAnswer {
    /// Columns of values by name: join keys as they were given, then the features.
    #[pyo3(signature = (include_event_timestamps = false))]
    fn to_dict<'py>(&self, py: Python<'py>, include_event_timestamps: bool) -> PyResult<Bound<'py, PyDict>> {
        entry(py, |py| {
            let made = PyDict::new(py);
            for key in self.answer.join_keys() {
                let values = match self.rows.column(key) {
                    Some(values) => list(py, values.iter().map(|own| value::write(py, own)))?,
                    None => self.key(py, key)?,
                };
                made.set_item(key, values)?;
            }
            for (number, feature) in self.answer.features().iter().enumerate() {
                let rows = 0..self.answer.rows();
                let values = list(py, rows.map(|row| cell(py, self.answer.cell(row, number))))?;
                made.set_item(&feature.name, values)?;
                if include_event_timestamps {
                    let seconds = |row| {
                        self.answer
                            .event_time(row, number)
                            .map_or(0, |time| time.as_micros().div_euclid(1_000_000))
                    };
                    let rows = 0..self.answer.rows();
                    let times = PyList::new(py, rows.map(seconds))?;
                    made.set_item(format!("{}__ts", feature.name), times)?;
                }
            }
            Ok(made)
        })
    }

    /// The statuses of each feature, by name.
    fn statuses<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        entry(py, |py| {
            let made = PyDict::new(py);
            for (number, feature) in self.answer.features().iter().enumerate() {
                let names = (0..self.answer.rows()).map(|row| self.answer.status(row, number).name());
                made.set_item(&feature.name, PyList::new(py, names)?)?;
            }
            Ok(made)
        })
    }

    /// Join keys and features as a table.
    fn table(&self, py: Python<'_>) -> PyResult<Table> {
        entry(py, |py| {
            let batch = self.rows.with(|rows| self.answer.with_join_keys(rows));
            Ok(Table::new(&asked(py, batch)?))
        })
    }

    fn __len__(&self) -> usize {
        self.answer.rows()
    }
}

impl OnlineAnswer {
    /// The values of a join key that was given by another name, or in a frame.
    fn key<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyList>> {
        let batch = asked(py, self.rows.with(|rows| self.answer.with_join_keys(rows)))?;
        let column = batch.column_by_name(name);
        match column {
            Some(column) => {
                let view = asked(py, mlcore::batch::ColumnView::new(name, column.as_ref()))?;
                list(py, (0..batch.num_rows()).map(|row| cell(py, view.value(row).into())))
            }
            None => Ok(PyList::empty(py)),
        }
    }
}

fn list<'py>(
    py: Python<'py>,
    values: impl Iterator<Item = PyResult<Bound<'py, PyAny>>>,
) -> PyResult<Bound<'py, PyList>> {
    PyList::new(py, values.collect::<PyResult<Vec<_>>>()?)
}

fn cell<'py>(py: Python<'py>, cell: Cell<'_>) -> PyResult<Bound<'py, PyAny>> {
    match cell {
        Cell::Value(value) => single(py, value),
        Cell::List(values) => Ok(list(py, values.iter().map(|value| single(py, value)))?.into_any()),
        _ => Ok(py.None().into_bound(py)),
    }
}

fn single<'py>(py: Python<'py>, value: Value<'_>) -> PyResult<Bound<'py, PyAny>> {
    match value {
        Value::Text(text) => Ok(PyString::new(py, text).into_any()),
        other => value::write(py, &other.into_owned()),
    }
}
