//! The drift tests, as options of reports and monitors, and the population stability index by itself.

use std::sync::Arc;

use mlcore::stats::{KsMethod, KsOptions, MAX_AUTO_N};
use mlcore_drift::bins::{Binning, Recipe};
use mlcore_drift::sample::{Kind, Sample};
use mlcore_drift::two_sample::{self, DriftTest};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::door::{self, Asked, type_name};
use crate::error::{detached, entry, wrong_type};
use crate::stats::unknown;

const _: () = assert!(MAX_AUTO_N == 10_000, "the default that Python shows");

/// The two-sample Kolmogorov-Smirnov test: for numbers.
///
/// Parameters
/// ----------
/// method : {"auto", "exact", "asymp"}
///     How the p-value is computed, as in :func:`mlcore.stats.ks_2samp`.
/// max_auto_n : int
///     Up to this size of the larger sample ``auto`` is exact. Default 10,000, as in scipy.
#[pyclass(module = "mlcore.drift", frozen)]
#[derive(Debug)]
pub(crate) struct KolmogorovSmirnov {
    test: two_sample::KolmogorovSmirnov,
    method: String,
    max_auto_n: usize,
}

#[pymethods]
impl KolmogorovSmirnov {
    // A literal, so that Python sees the default; it is the one that Rust has.
    #[new]
    #[pyo3(signature = (method = "auto", max_auto_n = 10_000))]
    fn new(py: Python<'_>, method: &str, max_auto_n: usize) -> PyResult<Self> {
        entry(py, |py| {
            let options = KsOptions::default().with_max_auto_n(max_auto_n).with_method(match method {
                "auto" => KsMethod::Auto,
                "exact" => KsMethod::Exact,
                "asymp" => KsMethod::Asymptotic,
                other => return Err(unknown(py, "choose test", "method", other, "auto, exact, asymp")),
            });
            Ok(Self {
                test: two_sample::KolmogorovSmirnov::new(options),
                method: method.to_owned(),
                max_auto_n,
            })
        })
    }

    fn __repr__(&self) -> String {
        format!("KolmogorovSmirnov(method={:?}, max_auto_n={})", self.method, self.max_auto_n)
    }
}

/// Pearson's chi-square test of how often each value occurs: for categories, and for numbers with few values.
///
/// Parameters
/// ----------
/// pool_below : float
///     Categories of which fewer rows than this are expected are counted together.
#[pyclass(module = "mlcore.drift", frozen)]
#[derive(Debug)]
pub(crate) struct ChiSquare {
    test: two_sample::ChiSquare,
    pool_below: f64,
}

#[pymethods]
impl ChiSquare {
    #[new]
    #[pyo3(signature = (pool_below = 5.0))]
    fn new(pool_below: f64) -> Self {
        Self { test: two_sample::ChiSquare::default().with_pool_below(pool_below), pool_below }
    }

    fn __repr__(&self) -> String {
        format!("ChiSquare(pool_below={:?})", self.pool_below)
    }
}

/// The population stability index: for any column.
///
/// Parameters
/// ----------
/// bins : int
///     The bins of a numeric column, 2 to 1000.
/// recipe : {"quantile", "uniform", "evidently"}
///     How bins are chosen and empty ones treated, as in :func:`psi`.
#[pyclass(module = "mlcore.drift", frozen)]
#[derive(Debug)]
pub(crate) struct Psi {
    test: two_sample::Psi,
    options: Binning,
}

#[pymethods]
impl Psi {
    #[new]
    #[pyo3(signature = (bins = 10, recipe = "quantile"))]
    fn new(py: Python<'_>, bins: usize, recipe: &str) -> PyResult<Self> {
        entry(py, |py| {
            let options = Binning::default().with_bins(bins).with_recipe(psi_recipe(py, recipe)?);
            Ok(Self { test: two_sample::Psi::new(options), options })
        })
    }

    fn __repr__(&self) -> String {
        let recipe = match self.options.recipe {
            Recipe::Uniform => "uniform",
            Recipe::Evidently => "evidently",
            _ => "quantile",
        };
        format!("Psi(bins={}, recipe={recipe:?})", self.options.bins)
    }
}

/// The numbers behind :func:`mlcore.drift.psi`.
#[pyfunction]
#[pyo3(name = "_psi", signature = (reference, current, bins, recipe, kind))]
pub(crate) fn psi<'py>(
    py: Python<'py>,
    reference: &Bound<'py, PyAny>,
    current: &Bound<'py, PyAny>,
    bins: usize,
    recipe: &str,
    kind: Option<&str>,
) -> PyResult<Bound<'py, PyDict>> {
    entry(py, |py| {
        const OPERATION: &str = "psi";
        let options = Binning::default().with_bins(bins).with_recipe(psi_recipe(py, recipe)?);
        let kind = kind.map(|kind| self::kind(py, OPERATION, kind)).transpose()?;
        let reference = door::column(reference, Asked { operation: OPERATION, subject: "reference" })?;
        let current = door::column(current, Asked { operation: OPERATION, subject: "current" })?;
        let found = detached(py, || {
            let sample = |array: &mlcore::arrow::array::ArrayRef| match kind {
                Some(kind) => Sample::from_array_as(array.as_ref(), kind),
                None => Sample::from_array(array.as_ref()),
            };
            two_sample::psi::psi(&sample(&reference)?, &sample(&current)?, &options)
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

fn psi_recipe(py: Python<'_>, name: &str) -> PyResult<Recipe> {
    match name {
        "quantile" => Ok(Recipe::Quantile),
        "uniform" => Ok(Recipe::Uniform),
        "evidently" => Ok(Recipe::Evidently),
        other => Err(unknown(py, "psi", "recipe", other, "quantile, uniform, evidently")),
    }
}

pub(super) fn kind(py: Python<'_>, operation: &'static str, name: &str) -> PyResult<Kind> {
    match name {
        "numeric" => Ok(Kind::Numeric),
        "categorical" => Ok(Kind::Categorical),
        other => Err(unknown(py, operation, "kind", other, "numeric, categorical")),
    }
}

/// The test of an object or of a name.
pub(super) fn drift_test(object: &Bound<'_, PyAny>) -> PyResult<Arc<dyn DriftTest>> {
    let py = object.py();
    if let Ok(test) = object.cast::<KolmogorovSmirnov>() {
        return Ok(Arc::new(test.get().test));
    }
    if let Ok(test) = object.cast::<ChiSquare>() {
        return Ok(Arc::new(test.get().test));
    }
    if let Ok(test) = object.cast::<Psi>() {
        return Ok(Arc::new(test.get().test));
    }
    match object.extract::<String>().as_deref() {
        Ok("ks") => Ok(Arc::new(two_sample::KolmogorovSmirnov::default())),
        Ok("chi_square") => Ok(Arc::new(two_sample::ChiSquare::default())),
        Ok("psi") => Ok(Arc::new(two_sample::Psi::default())),
        Ok("psi_evidently") => {
            Ok(Arc::new(two_sample::Psi::new(Binning::default().with_recipe(Recipe::Evidently))))
        }
        Ok(other) => Err(unknown(py, "choose test", "test", other, "ks, chi_square, psi, psi_evidently")),
        Err(_) => {
            let problem = format!("a test is expected, and it is a {}", type_name(object));
            Err(wrong_type(
                py,
                "choose test",
                "test",
                problem,
                "pass a name or an object such as Psi(bins=20)",
            ))
        }
    }
}
