//! The profile of a column, as Python reads it.

use std::sync::Arc;

use mlcore::profile;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyType};

use crate::error::{detached, entry};
use crate::value;

/// What one column looks like.
///
/// Examples
/// --------
/// >>> import mlcore
/// >>> column = mlcore.profile({"visits": [3, 1, 1, 7]})["visits"]
/// >>> column.kind, column.min, column.max, column.mean, column.distinct
/// ('number', 1, 7, 3.0, 3)
/// >>> column.below(3.0), column.frequent_items(1)
/// ((2, 2), [(1, 2, 2)])
#[pyclass(module = "mlcore.profiles", frozen)]
#[derive(Debug)]
pub(crate) struct ColumnProfile {
    /// The column.
    #[pyo3(get)]
    pub(super) name: String,
    /// The rows of the table that did not have the column.
    #[pyo3(get)]
    pub(super) absent: u64,
    pub(crate) column: Arc<profile::ColumnProfile>,
}

/// A value with the least and the largest number of its rows.
type Item<'py> = (Bound<'py, PyAny>, u64, u64);
/// What makes a column again.
type Reduced<'py> = (Bound<'py, PyAny>, (String, u64, Bound<'py, PyBytes>));

#[pymethods]
impl ColumnProfile {
    /// What the values are: ``number``, ``text``, ``boolean``, ``date``, ``timestamp[us]``; ``nothing`` where no value came, and
    /// the name of a type that is counted and not looked at.
    #[getter]
    fn kind(&self) -> String {
        self.column.kind().to_string()
    }

    /// The rows that had the column.
    #[getter]
    fn rows(&self) -> u64 {
        self.column.rows()
    }

    /// The rows that were null. Missing numbers are NaN, whatever library the frame is of.
    #[getter]
    fn nulls(&self) -> u64 {
        self.column.nulls()
    }

    /// The rows that were NaN.
    #[getter]
    fn nans(&self) -> u64 {
        self.column.nans()
    }

    /// The rows that were null or NaN.
    #[getter]
    fn missing(&self) -> u64 {
        self.column.nulls() + self.column.nans()
    }

    /// The share of rows that were null or NaN.
    #[getter]
    fn missing_rate(&self) -> f64 {
        self.column.missing_rate()
    }

    /// The values that are minus infinity and infinity.
    #[getter]
    fn infinities(&self) -> (u64, u64) {
        (self.column.negative_infinities(), self.column.positive_infinities())
    }

    /// The smallest finite number, date or time; ``None`` where there is none.
    #[getter]
    fn min<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.column.min().map(|value| value::write(py, &value)).transpose()
    }

    /// The largest finite number, date or time; ``None`` where there is none.
    #[getter]
    fn max<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.column.max().map(|value| value::write(py, &value)).transpose()
    }

    /// The mean of the finite numbers, of a sum without any rounding; of truth values the share that is true.
    #[getter]
    fn mean(&self) -> Option<f64> {
        self.column.mean()
    }

    /// The unbiased variance (``ddof=1``) of the finite numbers.
    #[getter]
    fn variance(&self) -> Option<f64> {
        self.column.variance()
    }

    /// The unbiased standard deviation of the finite numbers.
    #[getter]
    fn std(&self) -> Option<f64> {
        self.column.standard_deviation()
    }

    /// The skewness of the finite numbers, as ``scipy.stats.skew``.
    #[getter]
    fn skewness(&self) -> Option<f64> {
        self.column.skewness()
    }

    /// The excess kurtosis of the finite numbers, as ``scipy.stats.kurtosis``.
    #[getter]
    fn kurtosis(&self) -> Option<f64> {
        self.column.kurtosis()
    }

    /// How many distinct values there are, or about so many.
    #[getter]
    fn distinct(&self) -> Option<u64> {
        self.column.distinct().map(|distinct| distinct.estimate)
    }

    /// Whether the number of distinct values is certain; otherwise its standard error is 1.6 %.
    #[getter]
    fn distinct_is_exact(&self) -> bool {
        self.column.distinct().is_some_and(|distinct| distinct.is_exact)
    }

    /// The share of the rows by which a quantile or a rank may be off, for certain; ``None`` for anything but numbers.
    #[getter]
    fn rank_error(&self) -> Option<f64> {
        self.column.ranks().map(|ranks| ranks.rank_error())
    }

    /// The smallest value that at least a share ``q`` of the values are not above, up to :attr:`rank_error`.
    ///
    /// Parameters
    /// ----------
    /// q : float
    ///     From 0 to 1.
    ///
    /// Returns
    /// -------
    /// float or None
    ///     ``None`` without a number, and for a share outside the range.
    fn quantile(&self, q: f64) -> Option<f64> {
        self.column.ranks()?.quantile(q)
    }

    /// The least and the largest number of values below ``value``.
    ///
    /// Parameters
    /// ----------
    /// value : float
    ///
    /// Returns
    /// -------
    /// tuple of int or None
    ///     Equal where the number is certain: at edges that were given, and while there are few distinct values.
    fn below(&self, value: f64) -> Option<(u64, u64)> {
        Some(self.column.ranks()?.below(value))
    }

    /// The most frequent values, each with the least and the largest number of its rows.
    ///
    /// Parameters
    /// ----------
    /// most : int
    ///     At most so many.
    ///
    /// Returns
    /// -------
    /// list of tuple
    #[pyo3(signature = (most = 10))]
    fn frequent_items<'py>(&self, py: Python<'py>, most: usize) -> PyResult<Vec<Item<'py>>> {
        entry(py, |py| {
            let items = self.column.frequent_items(most);
            let item =
                |item: profile::FrequentItem| Ok((value::write(py, &item.value)?, item.count, item.at_most));
            items.into_iter().map(item).collect()
        })
    }

    /// The edges that were given, and the counts below the first, from each to below the next, and from the last on.
    #[getter]
    fn histogram(&self) -> Option<(Vec<f64>, Vec<u64>)> {
        self.column.histogram().map(|histogram| (histogram.edges, histogram.counts))
    }

    /// The characters of the shortest and of the longest text, and their mean.
    #[getter]
    fn lengths(&self) -> Option<(u64, u64, f64)> {
        self.column.lengths().map(|lengths| (lengths.shortest, lengths.longest, lengths.mean))
    }

    /// The column from what it was pickled as.
    #[classmethod]
    fn _of(
        _class: &Bound<'_, PyType>,
        py: Python<'_>,
        name: String,
        absent: u64,
        data: &[u8],
    ) -> PyResult<Self> {
        entry(py, |py| {
            let column = detached(py, || profile::ColumnProfile::from_bytes(data))?;
            Ok(Self { name, absent, column: Arc::new(column) })
        })
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Reduced<'py>> {
        let own = slf.get();
        let bytes = PyBytes::new(slf.py(), &own.column.to_bytes());
        Ok((slf.get_type().getattr("_of")?, (own.name.clone(), own.absent, bytes)))
    }

    fn __repr__(&self) -> String {
        format!(
            "<mlcore.profiles.ColumnProfile {:?}: {} rows of kind {}>",
            self.name,
            self.column.rows(),
            self.column.kind()
        )
    }
}
