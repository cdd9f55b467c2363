//! The tests of whole rows by name.

use std::sync::Arc;

use mlcore_drift::catalog::{Catalog, TableTestSpec};
use mlcore_drift::{monitor, table};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use super::drift_test::Score;
use super::named;
use super::pickle::{self, Reduced};
use crate::door::{self, Asked};
use crate::error::{detached, entry, raise};

/// A test of whole rows by its name, with its options by keyword.
///
/// Each test has a class of its own, which shows its options and their defaults: ``TableEnergy(seed=1)`` is
/// ``TableTest("energy", seed=1)``. A report makes those that ``table_tests`` lists.
///
/// Parameters
/// ----------
/// name : str
///     One of :func:`table_test_names`.
/// **options
///     The options of that test.
///
/// Raises
/// ------
/// NotFoundError
///     For a name that no test has.
/// InvalidInputError
///     For an option that the test does not have, or a value that it does not take.
///
/// Examples
/// --------
/// >>> from mlcore.drift import TableTest
/// >>> reference = {"height": list(range(100)), "weight": list(range(100))}
/// >>> score = TableTest("energy").compare(reference, {"height": list(range(100)), "weight": list(range(99, -1, -1))})
/// >>> score.pvalue < 0.05, sorted(score.columns)
/// (True, ['height', 'weight'])
#[pyclass(module = "mlcore.drift", subclass, frozen)]
#[derive(Debug)]
pub(crate) struct TableTest {
    test: Arc<dyn table::TableTest>,
}

#[pymethods]
impl TableTest {
    #[new]
    #[pyo3(signature = (name, **options))]
    fn new(py: Python<'_>, name: &str, options: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        entry(py, |py| {
            let test = Catalog::default().table_test(name, &named::given(name, options)?);
            Ok(Self { test: test.map_err(|error| raise(py, &error))? })
        })
    }

    /// The name in reports and configurations.
    #[getter]
    fn name(&self) -> &str {
        self.test.name()
    }

    /// All options, as keywords.
    #[getter]
    fn options<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        named::keywords(py, self.test.options())
    }

    /// The smallest effect that counts as drift.
    #[getter]
    fn minimum_effect(&self) -> f64 {
        self.test.default_minimum_effect()
    }

    /// What the effect means, in a sentence.
    #[getter]
    fn legend(&self) -> &str {
        self.test.legend()
    }

    /// Compares two tables, row by row; rows that miss a value are left out.
    ///
    /// Parameters
    /// ----------
    /// reference, current : table
    ///     Frames of pandas, polars or pyarrow, 2-D arrays, dicts of columns. Columns are found by name.
    ///
    /// Returns
    /// -------
    /// TableScore
    ///
    /// Raises
    /// ------
    /// SchemaMismatchError
    ///     Where ``current`` lacks a column or has it in another kind.
    /// InvalidInputError
    ///     For a table without a complete row, or without a column that the test reads.
    fn compare(
        &self,
        py: Python<'_>,
        reference: &Bound<'_, PyAny>,
        current: &Bound<'_, PyAny>,
    ) -> PyResult<TableScore> {
        entry(py, |py| {
            let asked = |subject| Asked { operation: "compare", subject };
            let reference = door::comparable_table(reference, asked("reference"))?;
            let current = door::comparable_table(current, asked("current"))?;
            let score = detached(py, || self.test.compare(&reference, &current))?;
            Ok(TableScore::new(&score))
        })
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        named::call(slf, slf.get().name(), &slf.get().options(slf.py())?)
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        named::reduced(slf, slf.get().name(), &slf.get().options(slf.py())?)
    }
}

impl TableTest {
    /// The test as a configuration names it.
    pub(super) fn spec(&self) -> TableTestSpec {
        self.test.clone().into()
    }
}

/// The names of the tests of whole rows.
///
/// Examples
/// --------
/// >>> from mlcore.drift import table_test_names
/// >>> "energy" in table_test_names()
/// True
#[pyfunction]
pub(crate) fn table_test_names() -> Vec<String> {
    Catalog::default().table_names().map(str::to_owned).collect()
}

/// The answer of a test of whole rows.
#[pyclass(module = "mlcore.drift", frozen)]
#[derive(Debug)]
pub(crate) struct TableScore {
    whole: table::TableScore,
    score: Score,
    columns: Vec<(String, f64)>,
}

impl TableScore {
    fn new(score: &table::TableScore) -> Self {
        let columns = score.columns.iter().map(|part| (part.column.clone(), part.share));
        Self { whole: score.clone(), score: Score::new(&score.score), columns: columns.collect() }
    }
}

#[pymethods]
impl TableScore {
    /// The test's statistic.
    #[getter]
    fn statistic(&self) -> f64 {
        self.score.statistic
    }

    /// Its p-value; ``None`` for a test without one.
    #[getter]
    fn pvalue(&self) -> Option<f64> {
        self.score.pvalue
    }

    /// What the effect is measured in.
    #[getter]
    fn effect_name(&self) -> &str {
        &self.score.effect_name
    }

    /// The size of the change.
    #[getter]
    fn effect(&self) -> f64 {
        self.score.effect
    }

    /// The rows of the reference that entered.
    #[getter]
    fn reference_len(&self) -> u64 {
        self.score.reference_len
    }

    /// The rows of the current table that entered.
    #[getter]
    fn current_len(&self) -> u64 {
        self.score.current_len
    }

    /// What a reader of the numbers should know.
    #[getter]
    fn notes(&self) -> Vec<String> {
        self.score.notes.clone()
    }

    /// The columns that carry the change, with the part of the statistic that goes with each, the largest first.
    #[getter]
    fn columns<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let columns = PyDict::new(py);
        self.columns.iter().try_for_each(|(column, share)| columns.set_item(column, share))?;
        Ok(columns)
    }

    fn __repr__(&self) -> String {
        let names: Vec<&str> = self.columns.iter().map(|(column, _)| column.as_str()).collect();
        format!("Table{}, columns: {}", self.score.text(), names.join(", "))
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Reduced<'py>> {
        pickle::reduced(py, "_table_score", &self.whole)
    }
}

/// The score that was pickled.
#[pyfunction]
#[pyo3(name = "_table_score")]
pub(crate) fn unpickled_score(py: Python<'_>, version: u32, json: &str) -> PyResult<TableScore> {
    entry(py, |py| Ok(TableScore::new(&pickle::restored(py, "table score", version, json)?)))
}

/// One test of whole rows, as a report judged it.
#[pyclass(module = "mlcore.drift", frozen)]
#[derive(Debug)]
pub(crate) struct TableVerdict {
    whole: monitor::TableVerdict,
    /// The name of the test.
    #[pyo3(get)]
    test: String,
    /// The columns that it read.
    #[pyo3(get)]
    columns: Vec<String>,
    /// ``stable``, ``drifted`` or ``insufficient_data``.
    #[pyo3(get)]
    outcome: String,
    /// Whether the rows drifted: surely, and by enough to matter.
    #[pyo3(get)]
    drifted: bool,
    /// The test's answer; ``None`` where it could not be made.
    #[pyo3(get)]
    score: Option<Py<TableScore>>,
    /// The p-value corrected for all tests of the report.
    #[pyo3(get)]
    pvalue_adjusted: Option<f64>,
    /// The smallest effect that counts as drift.
    #[pyo3(get)]
    threshold: f64,
    /// The judgement and its reasons in plain words.
    #[pyo3(get)]
    sentence: String,
}

impl TableVerdict {
    pub(super) fn new(py: Python<'_>, verdict: &monitor::TableVerdict) -> PyResult<Self> {
        let score = verdict.score.as_ref().map(|score| Py::new(py, TableScore::new(score)));
        Ok(Self {
            whole: verdict.clone(),
            test: verdict.test.clone(),
            columns: verdict.columns.clone(),
            outcome: verdict.outcome.to_string(),
            drifted: verdict.outcome == monitor::Outcome::Drifted,
            score: score.transpose()?,
            pvalue_adjusted: verdict.pvalue_adjusted,
            threshold: verdict.threshold,
            sentence: verdict.sentence.clone(),
        })
    }
}

#[pymethods]
impl TableVerdict {
    fn __repr__(&self) -> String {
        format!("<{}: {}>", self.outcome, self.sentence)
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Reduced<'py>> {
        pickle::reduced(py, "_table_verdict", &self.whole)
    }
}

/// The verdict that was pickled.
#[pyfunction]
#[pyo3(name = "_table_verdict")]
pub(crate) fn unpickled_verdict(py: Python<'_>, version: u32, json: &str) -> PyResult<TableVerdict> {
    entry(py, |py| TableVerdict::new(py, &pickle::restored(py, "table verdict", version, json)?))
}
