//! What a plan makes of tables, as arrays of numpy and matrices of scipy.

use std::num::NonZeroUsize;

use mlcore::arrow::array::RecordBatch;
use mlcore::schema::DType;
use mlcore_features::pipeline::{self, OnThreads};
use numpy::{PyArray1, PyArrayMethods, PyReadonlyArray2};
use pyo3::prelude::*;

use super::plan::{Plan, TRANSFORM};
use crate::door::Columns;
use crate::error::{detached, invalid, is_ours};

impl Plan {
    /// The features of an array whose rows are those of the plan; `None` for anything else, and where something is wrong,
    /// which the way through columns says by name.
    pub(super) fn of_matrix<'py>(
        &self,
        py: Python<'py>,
        columns: &Columns,
        dtype: &str,
        on: OnThreads<'_>,
    ) -> Option<PyResult<Bound<'py, PyAny>>> {
        let array = columns.matrix(py)?;
        let own = self.fitted.input().names().eq(self.columns.iter().map(String::as_str));
        if !own || columns.names().len() != self.columns.len() {
            return None;
        }
        let dtype: DType = dtype.parse().ok()?;
        if let Ok(rows) = array.extract::<PyReadonlyArray2<'_, f64>>() {
            return self.of_rows(py, rows.as_slice().ok()?, dtype, on);
        }
        let rows = array.extract::<PyReadonlyArray2<'_, f32>>().ok()?;
        self.of_rows(py, rows.as_slice().ok()?, dtype, on)
    }

    fn of_rows<'py, I: Copy + Into<f64> + Sync>(
        &self,
        py: Python<'py>,
        rows: &[I],
        dtype: DType,
        on: OnThreads<'_>,
    ) -> Option<PyResult<Bound<'py, PyAny>>> {
        match dtype {
            DType::Float64 => {
                let features = detached(py, || on.transform_rows::<I, f64>(rows));
                or_refused(py, features)
                    .map(|features| self.shaped(py, features?, rows.len() / self.fitted.input().len().max(1)))
            }
            DType::Float32 => {
                let features = detached(py, || on.transform_rows::<I, f32>(rows));
                or_refused(py, features)
                    .map(|features| self.shaped(py, features?, rows.len() / self.fitted.input().len().max(1)))
            }
            _ => None,
        }
    }

    pub(super) fn matrix<'py, T>(
        &self,
        py: Python<'py>,
        table: &RecordBatch,
        on: OnThreads<'_>,
    ) -> PyResult<Bound<'py, PyAny>>
    where
        T: pipeline::Output + numpy::Element + Default,
    {
        let features = detached(py, || on.transform_dense::<T>(table)?.into_values::<T>())?;
        self.shaped(py, features, table.num_rows())
    }

    /// Features side by side as so many rows of an array, which may be rows of nothing.
    fn shaped<'py, T: numpy::Element>(
        &self,
        py: Python<'py>,
        features: Vec<T>,
        rows: usize,
    ) -> PyResult<Bound<'py, PyAny>> {
        Ok(PyArray1::from_vec(py, features).reshape([rows, self.fitted.width()])?.into_any())
    }

    /// The plan on so many threads; on one, where nobody says how many.
    pub(super) fn on_threads(&self, threads: Option<&Bound<'_, PyAny>>) -> PyResult<OnThreads<'_>> {
        let Some(asked) = threads else { return Ok(self.fitted.on_threads(NonZeroUsize::MIN)) };
        let threads = asked.extract::<usize>().ok().and_then(NonZeroUsize::new);
        threads.map(|threads| self.fitted.on_threads(threads)).ok_or_else(|| {
            let problem = format!("{asked} is no number of threads");
            invalid(asked.py(), TRANSFORM, "threads", problem, "pass an int from 1 on")
        })
    }
}

/// The features as scipy's sparse matrix, which `make` makes.
pub(super) fn sparse<'py, T>(
    py: Python<'py>,
    make: impl FnOnce() -> PyResult<pipeline::Csr<T>>,
) -> PyResult<Bound<'py, PyAny>>
where
    T: pipeline::Output + numpy::Element,
{
    // Asked before the work is done.
    let as_csr = py.import("mlcore.features._output")?.call_method0("csr")?;
    let matrix = make()?;
    let shape = matrix.shape();
    let (indptr, indices, data) = matrix.into_parts();
    let (indices, data) = (PyArray1::from_vec(py, indices), PyArray1::from_vec(py, data));
    // scipy has both in one type, the narrower one where it holds the number of entries.
    let narrow: Option<Vec<i32>> = indptr.iter().map(|end| i32::try_from(*end).ok()).collect();
    let indptr = match narrow {
        Some(narrow) => PyArray1::from_vec(py, narrow).into_any(),
        None => PyArray1::from_vec(py, indptr).into_any(),
    };
    as_csr.call1(((data, indices, indptr), shape))
}

/// The features, or what a signal's handler raised; `None` for what is refused.
fn or_refused<T>(py: Python<'_>, features: PyResult<T>) -> Option<PyResult<T>> {
    match features {
        Err(error) if is_ours(py, &error) => None,
        other => Some(other),
    }
}
