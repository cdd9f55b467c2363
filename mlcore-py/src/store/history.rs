//! Features for training, as Python holds them.

use std::path::PathBuf;

use mlcore_features::store::feature_store::{Historical, HistoricalOptions, SkewOptions};
use pyo3::prelude::*;

use crate::error::{detached, entry};
use crate::plain::plain;
use crate::table::Table;

/// Entity rows with their features: the native half of ``mlcore.store.RetrievalJob``.
#[pyclass(module = "mlcore.store", frozen)]
pub(crate) struct History {
    inner: Historical,
}

impl History {
    pub(super) fn new(inner: Historical) -> Self {
        Self { inner }
    }
}

#[pymethods]
impl History {
    fn table(&self) -> Table {
        Table::new(self.inner.table())
    }

    #[getter]
    fn event_timestamp(&self) -> &str {
        self.inner.event_timestamp()
    }

    #[getter]
    fn features(&self) -> Vec<String> {
        self.inner.features().to_vec()
    }

    fn training_set<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        entry(py, |py| {
            let set = detached(py, || self.inner.training_set())?;
            plain(py, "describe training set", &set)
        })
    }

    fn save<'py>(&self, py: Python<'py>, path: PathBuf) -> PyResult<Bound<'py, PyAny>> {
        entry(py, |py| {
            let set = detached(py, || self.inner.save(path))?;
            plain(py, "save training set", &set)
        })
    }
}

pub(super) fn options(event_timestamp: Option<String>, late_rows: bool) -> HistoricalOptions {
    let options = HistoricalOptions::default().with_late_rows(late_rows);
    match event_timestamp {
        Some(column) => options.with_event_timestamp(column),
        None => options,
    }
}

pub(super) fn skew_options(
    event_timestamp: Option<String>,
    late_rows: bool,
    differences: usize,
) -> SkewOptions {
    SkewOptions::default().with_historical(options(event_timestamp, late_rows)).with_differences(differences)
}
