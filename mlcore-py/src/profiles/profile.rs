//! The profile of a table, as Python holds it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use mlcore::profile::{self, ProfileOptions};
use mlcore::{Error, interrupt};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyType};

use super::column::ColumnProfile;
use crate::door::{self, Asked};
use crate::error::{detached, entry, raise};
use crate::plain::plain;

/// What a table looks like, in a few kilobytes for each column, whatever its rows: profiles add up.
///
/// A profile counts rows, missing ones, infinities, range, moments, quantiles, distinct and frequent values, and lengths of text.
/// Profiles of batches, threads, processes and days are merged in any order and give the same: exactly for counts, range, mean,
/// variance, histograms and lengths, and for everything of a column of at most 1,024 distinct values; within bounds that hold
/// for certain for quantiles (:attr:`ColumnProfile.rank_error`) and frequent values; and with a standard error of 1.6 % for the
/// number of distinct values.
///
/// Parameters
/// ----------
/// edges : dict of str to sequence of float, optional
///     For a column of numbers, in ascending order: how many values lie between these is counted exactly. With the edges that
///     a test of drift :attr:`needs <mlcore.drift.DriftTest>`, its score is that of the rows.
/// categories : dict of str to sequence of str, optional
///     For a column of text: how often these occur is counted exactly, however many others there are.
///
/// Raises
/// ------
/// InvalidInputError
///     For edges that are not in ascending order, or too many.
///
/// Examples
/// --------
/// >>> from mlcore import Profile
/// >>> fleet = Profile()
/// >>> for ages in ([31.0, None], [45.0, 29.0]):
/// ...     replica = Profile()
/// ...     replica.add({"age": ages, "plan": ["free", "pro"]})
/// ...     fleet.merge(Profile.from_bytes(replica.to_bytes()))
/// >>> fleet.rows, fleet["age"].missing, fleet["age"].mean
/// (4, 1, 35.0)
/// >>> fleet["plan"].frequent_items(1)
/// [('free', 2, 2)]
#[pyclass(module = "mlcore.profiles", frozen)]
#[derive(Debug)]
pub(crate) struct Profile {
    profile: Mutex<profile::Profile>,
}

/// The profile of a table.
///
/// Parameters
/// ----------
/// frame : table
///     A frame of pandas, polars or pyarrow, a dict of columns, or what else holds a table.
/// edges, categories : dict, optional
///     As of :class:`Profile`.
///
/// Returns
/// -------
/// Profile
///
/// Raises
/// ------
/// InvalidInputError
///     For two columns of one name, and as of :class:`Profile`.
///
/// Examples
/// --------
/// >>> import mlcore
/// >>> profile = mlcore.profile({"age": [31.0, 45.5, 29.0]})
/// >>> profile["age"].max, profile["age"].quantile(0.5)
/// (45.5, 31.0)
#[pyfunction]
#[pyo3(name = "profile", signature = (frame, *, edges = None, categories = None))]
pub(crate) fn profiled(
    py: Python<'_>,
    frame: &Bound<'_, PyAny>,
    edges: Option<BTreeMap<String, Vec<f64>>>,
    categories: Option<BTreeMap<String, Vec<String>>>,
) -> PyResult<Profile> {
    let made = Profile::new(py, edges, categories)?;
    made.add(py, frame)?;
    Ok(made)
}

#[pymethods]
impl Profile {
    #[new]
    #[pyo3(signature = (*, edges = None, categories = None))]
    fn new(
        py: Python<'_>,
        edges: Option<BTreeMap<String, Vec<f64>>>,
        categories: Option<BTreeMap<String, Vec<String>>>,
    ) -> PyResult<Self> {
        entry(py, |py| {
            let mut options = ProfileOptions::default();
            for (column, edges) in edges.unwrap_or_default() {
                options = options.with_edges(column, edges);
            }
            for (column, categories) in categories.unwrap_or_default() {
                options = options.with_categories(column, categories);
            }
            let made = profile::Profile::new(&options).map_err(|error| raise(py, &error))?;
            Ok(Self { profile: Mutex::new(made) })
        })
    }

    /// Adds the rows of a table.
    ///
    /// Columns are found by name, in any order; rows of a table without a column are absent from it. Of lists, bytes and other
    /// types of Arrow that are not looked at, rows and nulls are counted.
    ///
    /// Parameters
    /// ----------
    /// frame : table
    ///
    /// Raises
    /// ------
    /// SchemaMismatchError
    ///     For a column of another kind than before, such as text where numbers were; nothing is added then.
    /// InvalidTypeError
    ///     For a column of objects that no table holds, by its name.
    fn add(&self, py: Python<'_>, frame: &Bound<'_, PyAny>) -> PyResult<()> {
        entry(py, |py| {
            let table = door::table(frame, Asked { operation: PROFILE, subject: "frame" })?;
            detached(py, || self.locked()?.add(&table))
        })
    }

    /// Adds the rows of another profile, which has the same columns or others.
    ///
    /// Parameters
    /// ----------
    /// other : Profile
    ///
    /// Raises
    /// ------
    /// SchemaMismatchError, InvalidInputError
    ///     For a column of another kind, or with other edges or categories; nothing is added then.
    fn merge(&self, py: Python<'_>, other: &Bound<'_, Self>) -> PyResult<()> {
        entry(py, |py| {
            let other = other.get();
            detached(py, || {
                // Taken before the own lock: two threads may merge two profiles into each other.
                let other = other.locked()?.clone();
                self.locked()?.merge(&other)
            })
        })
    }

    /// The number of rows.
    #[getter]
    fn rows(&self, py: Python<'_>) -> PyResult<u64> {
        self.ask(py, profile::Profile::rows)
    }

    /// The columns by name, as they are now.
    #[getter]
    fn columns(&self, py: Python<'_>) -> PyResult<BTreeMap<String, ColumnProfile>> {
        self.ask(py, |profile| {
            let column = |(name, column): (&str, &profile::ColumnProfile)| {
                (name.to_owned(), ColumnProfile::new(name, profile.absent(name), column.clone()))
            };
            profile.columns().map(column).collect()
        })
    }

    fn __getitem__(&self, py: Python<'_>, name: &str) -> PyResult<ColumnProfile> {
        let found = self.ask(py, |profile| {
            profile.column(name).map(|column| ColumnProfile::new(name, profile.absent(name), column.clone()))
        })?;
        found.ok_or_else(|| {
            let error = Error::not_found("read profile", name, "no batch had a column of this name");
            raise(py, &error.remedy("look at the names in columns"))
        })
    }

    fn __contains__(&self, py: Python<'_>, name: &str) -> PyResult<bool> {
        self.ask(py, |profile| profile.column(name).is_some())
    }

    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        self.ask(py, |profile| profile.columns().len())
    }

    /// The profile in numbers for people, as plain dicts and lists.
    ///
    /// Returns
    /// -------
    /// dict
    ///     ``rows`` and ``columns``, a list of dicts in the order of names.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        entry(py, |py| {
            let summary = self.ask(py, profile::Profile::summary)?;
            plain(py, PROFILE, &summary)
        })
    }

    /// The profile in numbers for people, as a table of text: a line for each column.
    fn summary(&self, py: Python<'_>) -> PyResult<String> {
        self.ask(py, |profile| profile.summary().to_string())
    }

    /// The profile as bytes of a version, with a checksum, to be sent and stored: equal profiles give equal bytes.
    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, &self.ask(py, profile::Profile::to_bytes)?))
    }

    /// The profile that these bytes hold.
    ///
    /// Parameters
    /// ----------
    /// data : bytes
    ///
    /// Raises
    /// ------
    /// CorruptError
    ///     For bytes that were cut or changed.
    /// UnsupportedError
    ///     For bytes of another version.
    #[classmethod]
    fn from_bytes(_class: &Bound<'_, PyType>, py: Python<'_>, data: &[u8]) -> PyResult<Self> {
        entry(py, |py| {
            let read = detached(py, || profile::Profile::from_bytes(data))?;
            Ok(Self { profile: Mutex::new(read) })
        })
    }

    /// The bytes of what neither the order of rows nor that of merges changes: two profiles of the same rows agree in them,
    /// however the rows were cut. They are for comparing, and are not read back.
    fn exact_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, &self.ask(py, profile::Profile::exact_bytes)?))
    }

    fn __eq__(&self, py: Python<'_>, other: &Bound<'_, PyAny>) -> PyResult<bool> {
        let Ok(other) = other.cast::<Self>() else { return Ok(false) };
        let theirs = other.get().ask(py, profile::Profile::to_bytes)?;
        Ok(self.ask(py, profile::Profile::to_bytes)? == theirs)
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, (Bound<'py, PyBytes>,))> {
        Ok((slf.get_type().getattr("from_bytes")?, (slf.get().to_bytes(slf.py())?,)))
    }

    fn __str__(&self, py: Python<'_>) -> PyResult<String> {
        self.summary(py)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        self.ask(py, |profile| {
            format!("<mlcore.profiles.Profile: {} rows, {} columns>", profile.rows(), profile.columns().len())
        })
    }

    fn _repr_html_(&self, py: Python<'_>) -> PyResult<String> {
        let text = self.summary(py)?;
        let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        Ok(format!("<pre>{escaped}</pre>"))
    }
}

impl Profile {
    /// The profile as it is now.
    pub(crate) fn snapshot(&self, py: Python<'_>) -> PyResult<profile::Profile> {
        self.ask(py, Clone::clone)
    }

    fn locked(&self) -> mlcore::Result<MutexGuard<'_, profile::Profile>> {
        interrupt::lock(PROFILE, &self.profile)
    }

    /// What `question` finds in the profile, with the interpreter released.
    fn ask<T: Send>(
        &self,
        py: Python<'_>,
        question: impl FnOnce(&profile::Profile) -> T + Send,
    ) -> PyResult<T> {
        entry(py, |py| detached(py, move || Ok(question(&*self.locked()?))))
    }
}

const PROFILE: &str = "profile";

impl ColumnProfile {
    fn new(name: &str, absent: u64, column: profile::ColumnProfile) -> Self {
        Self { name: name.to_owned(), absent, column: Arc::new(column) }
    }
}
