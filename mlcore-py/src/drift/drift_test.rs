//! The drift tests by name, and the population stability index by itself.

use std::sync::Arc;

use mlcore::arrow::array::ArrayRef;
use mlcore_drift::Sample;
use mlcore_drift::bins::Binning;
use mlcore_drift::catalog::{Catalog, TestOptions, TestSpec};
use mlcore_drift::sample::Kind;
use mlcore_drift::two_sample::{self, psi as stability_index};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use super::named;
use super::options::as_json;
use super::pickle::{self, Reduced};
use crate::door::{self, Asked};
use crate::error::{detached, entry, raise};
use crate::profiles::ColumnProfile;

/// A test of two samples by its name, with its options by keyword.
///
/// Each test has a class of its own, which shows its options and their defaults: ``Psi(bins=20)`` is
/// ``DriftTest("psi", bins=20)``.
///
/// Parameters
/// ----------
/// name : str
///     One of :func:`test_names`.
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
/// >>> from mlcore.drift import DriftTest
/// >>> score = DriftTest("ks").compare(range(100), range(30, 130))
/// >>> round(score.statistic, 3), score.pvalue < 0.001, score.effect_name
/// (0.3, True, 'D')
#[pyclass(module = "mlcore.drift", subclass, frozen)]
#[derive(Debug)]
pub(crate) struct DriftTest {
    test: Arc<dyn two_sample::DriftTest>,
}

#[pymethods]
impl DriftTest {
    #[new]
    #[pyo3(signature = (name, **options))]
    fn new(py: Python<'_>, name: &str, options: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        entry(py, |py| {
            let test = Catalog::default().test(name, &named::given(name, options)?);
            Ok(Self { test: test.map_err(|error| raise(py, &error))? })
        })
    }

    /// The name in verdicts, reports and configurations.
    #[getter]
    fn name(&self) -> &str {
        self.test.name()
    }

    /// All options, as keywords.
    #[getter]
    fn options<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        named::keywords(py, self.test.options())
    }

    /// The smallest effect that counts as drift unless told otherwise.
    #[getter]
    fn minimum_effect(&self) -> f64 {
        self.test.default_minimum_effect()
    }

    /// What the effect means, in a sentence.
    #[getter]
    fn legend(&self) -> &str {
        self.test.legend()
    }

    /// Compares two samples of a column.
    ///
    /// Parameters
    /// ----------
    /// reference, current : array_like, 1-D
    ///     Numbers, or text and bools, which are compared as categories; beside numbers ``True`` is 1. Missing values are
    ///     left out. The current sample may be a :class:`mlcore.profiles.ColumnProfile`: scores are those of the rows where
    ///     the profile is exact, and Kolmogorov-Smirnov takes its rank error into the p-value. So may the reference of
    ///     Kolmogorov-Smirnov, of missing rows and of tests of categories.
    /// kind : {"numeric", "categorical"}, optional
    ///     What the values are, where the type suggests another: integers that are codes.
    ///
    /// Returns
    /// -------
    /// Score
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     For a sample without values, and for values of a kind that the test does not compare.
    #[pyo3(signature = (reference, current, *, kind = None))]
    fn compare(
        &self,
        py: Python<'_>,
        reference: &Bound<'_, PyAny>,
        current: &Bound<'_, PyAny>,
        kind: Option<&str>,
    ) -> PyResult<Score> {
        entry(py, |py| {
            let samples = samples(py, "compare", reference, current, kind)?;
            let score = detached(py, || {
                let (reference, current) = samples()?;
                self.test.compare(&reference, &current)
            })?;
            Ok(Score::new(&score))
        })
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        named::call(slf, slf.get().name(), &slf.get().options(slf.py())?)
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        named::reduced(slf, slf.get().name(), &slf.get().options(slf.py())?)
    }
}

impl DriftTest {
    /// The test as a configuration names it.
    pub(super) fn spec(&self) -> TestSpec {
        self.test.clone().into()
    }
}

/// The names of the tests, which reports and monitors take wherever they take a test.
///
/// Examples
/// --------
/// >>> from mlcore.drift import test_names
/// >>> "psi" in test_names()
/// True
#[pyfunction]
pub(crate) fn test_names() -> Vec<String> {
    Catalog::default().names().map(str::to_owned).collect()
}

/// The answer of a test of two samples.
#[pyclass(module = "mlcore.drift", frozen)]
#[derive(Debug, Clone)]
pub(crate) struct Score {
    whole: two_sample::Score,
    /// The test's statistic.
    #[pyo3(get)]
    pub(super) statistic: f64,
    /// Its p-value; ``None`` for a test without one.
    #[pyo3(get)]
    pub(super) pvalue: Option<f64>,
    /// The p-value, had every category been replaced by another; ``None`` where that is certainly small. Where it is large the
    /// test sees no change, and a monitor gives no judgement.
    #[pyo3(get)]
    pub(super) replaced_pvalue: Option<f64>,
    /// What the effect is measured in: ``D``, ``Cramer's V``, ``PSI``.
    #[pyo3(get)]
    pub(super) effect_name: String,
    /// The size of the change.
    #[pyo3(get)]
    pub(super) effect: f64,
    /// The number of values of the reference.
    #[pyo3(get)]
    pub(super) reference_len: u64,
    /// The number of values of the current sample.
    #[pyo3(get)]
    pub(super) current_len: u64,
    /// What a reader of the numbers should know.
    #[pyo3(get)]
    pub(super) notes: Vec<String>,
}

impl Score {
    pub(super) fn new(score: &two_sample::Score) -> Self {
        Self {
            whole: score.clone(),
            statistic: score.statistic,
            pvalue: score.pvalue,
            replaced_pvalue: score.replaced_pvalue,
            effect_name: score.effect.name.to_string(),
            effect: score.effect.value,
            reference_len: score.reference_len,
            current_len: score.current_len,
            notes: score.notes.iter().map(ToString::to_string).collect(),
        }
    }
}

#[pymethods]
impl Score {
    fn __repr__(&self) -> String {
        self.text()
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Reduced<'py>> {
        pickle::reduced(py, "_score", &self.whole)
    }
}

/// The score that was pickled.
#[pyfunction]
#[pyo3(name = "_score")]
pub(crate) fn unpickled_score(py: Python<'_>, version: u32, json: &str) -> PyResult<Score> {
    entry(py, |py| Ok(Score::new(&pickle::restored(py, "score", version, json)?)))
}

impl Score {
    pub(super) fn text(&self) -> String {
        let pvalue = self.pvalue.map_or_else(|| "None".to_owned(), |pvalue| format!("{pvalue:?}"));
        format!(
            "Score(statistic={:?}, pvalue={pvalue}, effect={:?}, effect_name={:?})",
            self.statistic, self.effect, self.effect_name
        )
    }
}

/// The numbers behind :func:`mlcore.drift.psi`.
#[pyfunction]
#[pyo3(name = "_psi", signature = (reference, current, binning, kind))]
pub(crate) fn psi<'py>(
    py: Python<'py>,
    reference: &Bound<'py, PyAny>,
    current: &Bound<'py, PyAny>,
    binning: &Bound<'py, PyDict>,
    kind: Option<&str>,
) -> PyResult<Bound<'py, PyDict>> {
    entry(py, |py| {
        let binning = TestOptions::of(&as_json("psi", "options", binning)?);
        let binning: Binning =
            binning.and_then(|options| options.read()).map_err(|error| raise(py, &error))?;
        let samples = samples(py, "psi", reference, current, kind)?;
        let found = detached(py, || {
            let (reference, current) = samples()?;
            stability_index::psi(&reference, &current, &binning)
        })?;
        let result = PyDict::new(py);
        result.set_item("psi", found.psi)?;
        result.set_item("psi_corrected", found.psi_corrected)?;
        result.set_item("pvalue", found.pvalue)?;
        result.set_item("dof", found.degrees_of_freedom)?;
        result.set_item("edges", found.edges)?;
        result.set_item("categories", found.categories)?;
        result.set_item("reference_share", found.reference_share)?;
        result.set_item("current_share", found.current_share)?;
        result.set_item("notes", found.notes.iter().map(ToString::to_string).collect::<Vec<_>>())?;
        Ok(result)
    })
}

/// Two columns, to be read as samples once the interpreter is released.
fn samples(
    py: Python<'_>,
    operation: &'static str,
    reference: &Bound<'_, PyAny>,
    current: &Bound<'_, PyAny>,
    kind: Option<&str>,
) -> PyResult<impl Fn() -> mlcore::Result<(Sample, Sample)>> {
    let kind = kind.map(str::parse::<Kind>).transpose().map_err(|error| raise(py, &error))?;
    let (reference, current) =
        (Side::of(operation, reference, "reference")?, Side::of(operation, current, "current")?);
    Ok(move || match (kind, &reference, &current) {
        (None, Side::Column(reference), Side::Column(current)) => Sample::pair(reference, current),
        (None, Side::Profile(_), Side::Column(_)) => {
            let current = current.sample(None)?;
            Ok((reference.sample(Some(current.kind()))?, current))
        }
        (kind, ..) => {
            let reference = reference.sample(kind)?;
            let current = current.sample(Some(reference.kind()))?;
            Ok((reference, current))
        }
    })
}

/// A column, or the profile of one.
enum Side {
    Column(ArrayRef),
    Profile(Arc<mlcore::profile::ColumnProfile>),
}

impl Side {
    fn of(operation: &'static str, object: &Bound<'_, PyAny>, subject: &'static str) -> PyResult<Self> {
        match object.cast::<ColumnProfile>() {
            Ok(profile) => Ok(Self::Profile(Arc::clone(&profile.get().column))),
            Err(_) => Ok(Self::Column(door::column(object, Asked { operation, subject })?)),
        }
    }

    fn sample(&self, kind: Option<Kind>) -> mlcore::Result<Sample> {
        match (self, kind) {
            (Self::Column(column), Some(kind)) => Sample::from_array_as(column, kind),
            (Self::Column(column), None) => Sample::from_array(column),
            (Self::Profile(profile), Some(kind)) => Sample::from_profile_as(profile, kind),
            (Self::Profile(profile), None) => Sample::from_profile(profile),
        }
    }
}
