//! An experiment that takes frames, batch after batch.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use mlcore::experiment::EffectOptions;
use mlcore::{Error, Result};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use serde::{Deserialize, Serialize};

use super::Labels;
use super::effect::inference;
use super::report::{Report, read};
use super::state::Spec;
use super::streaming::{Batch, Plan, Seen};
use crate::door::{self, Asked, type_name};
use crate::error::{detached, entry, invalid, raise, wrong_type};
use crate::plain::json;
use crate::stats::{option, unknown};

const BUILD: &str = "build experiment";
const UPDATE: &str = "update experiment";
const ASKED: Asked = Asked { operation: UPDATE, subject: "frame" };

/// An experiment: arms, metrics, and what their units did, which comes in batches of any size.
///
/// What is kept are sums: memory does not grow with units, but for clusters (one entry for each) and quantiles (all values). States of
/// several machines merge. :func:`analyse` does it for one frame.
///
/// Parameters
/// ----------
/// name : str
/// arms : dict or list
///     Names and their weights in the assignment, or names of equal weight; the control first.
/// metrics : list of Metric or str
///     A name alone is the mean of the column of this name.
/// arm : str
///     The column that says which arm a unit was assigned to.
/// segments : list of str, optional
///     Columns whose values divide the units; each segment is reported, and corrected for.
/// clusters : str, optional
///     The column that names who was assigned as one, such as a household: standard errors are robust to it, and the sample ratio
///     counts clusters.
/// day : str, optional
///     A column of whole numbers: the effects of single days on the first treatment are reported with their trend.
/// difference, alpha, alternative, value, inference, tuning_parameter, effect_scale
///     As of :func:`compare`.
/// correction : {"holm", "bonferroni", "fdr_bh", "fdr_by", "none"}
///     For all metrics, segments and treatments together.
/// srm : {"fixed", "sequential"}
///     Whether the sample ratio is tested at one look, or at every update.
/// srm_alpha : float
///     Below it no decision is made. GrowthBook's threshold.
/// planned_units : int
///     Before so many are there an inference for one look makes no decision.
/// nan_policy : {"raise", "omit"}
///     Whether a unit without a value is refused, or left out of the metric.
///
/// Raises
/// ------
/// InvalidInputError
///     For options that cannot be meant.
///
/// Examples
/// --------
/// >>> from mlcore.experiment import Experiment, Metric
/// >>> experiment = Experiment("banner", ["off", "on"], [Metric("clicked", kind="proportion")])
/// >>> for shift in (0, 1):
/// ...     rows = range(shift * 5000, (shift + 1) * 5000)
/// ...     frame = {"arm": ["on" if i % 2 else "off" for i in rows], "clicked": [i % 20 < 2 + i % 2 for i in rows]}
/// ...     experiment.update(frame)
/// >>> experiment.units
/// {'off': 5000, 'on': 5000}
/// >>> experiment.report().decisions
/// {('clicked', 'on'): 'inconclusive'}
#[pyclass(module = "mlcore.experiment", frozen)]
#[derive(Debug)]
pub(crate) struct Experiment {
    plan: Plan,
    seen: Mutex<Seen>,
}

#[pymethods]
impl Experiment {
    #[new]
    #[pyo3(signature = (
        name, arms, metrics, *, arm = "arm", segments = None, clusters = None, day = None,
        difference = "relative", alpha = 0.05, alternative = "two-sided", value = 0.0, inference = "welch",
        tuning_parameter = None, effect_scale = None, correction = "holm", srm = "fixed", srm_alpha = 0.001,
        planned_units = 0, nan_policy = "raise"
    ))]
    #[expect(clippy::too_many_arguments, reason = "they are keywords in Python")]
    #[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over owned lists")]
    fn new(
        py: Python<'_>,
        name: String,
        arms: &Bound<'_, PyAny>,
        metrics: Vec<Bound<'_, PyAny>>,
        arm: &str,
        segments: Option<Vec<String>>,
        clusters: Option<String>,
        day: Option<String>,
        difference: &str,
        alpha: f64,
        alternative: &str,
        value: f64,
        inference: &str,
        tuning_parameter: Option<f64>,
        effect_scale: Option<f64>,
        correction: &str,
        srm: &str,
        srm_alpha: f64,
        planned_units: u64,
        nan_policy: &str,
    ) -> PyResult<Self> {
        entry(py, |py| {
            let options = EffectOptions::default()
                .with_difference(option(py, BUILD, "difference", difference)?)
                .with_alpha(alpha)
                .with_alternative(option(py, BUILD, "alternative", alternative)?)
                .with_value(value)
                .with_inference(self::inference(py, BUILD, inference, tuning_parameter, effect_scale)?);
            let chosen = |subject: &str, word: &str, [no, yes]: [&str; 2]| match word {
                word if word == no => Ok(false),
                word if word == yes => Ok(true),
                word => Err(unknown(py, BUILD, subject, word, &format!("{no}, {yes}"))),
            };
            let plan = Plan {
                name,
                arms: weights(arms)?,
                arm: arm.to_owned(),
                metrics: metrics.iter().map(spec).collect::<PyResult<_>>()?,
                segments: segments.unwrap_or_default(),
                clusters,
                day,
                options,
                correction: option(py, BUILD, "correction", correction)?,
                srm_alpha,
                planned_units,
                is_srm_sequential: chosen("srm", srm, ["fixed", "sequential"])?,
                omits_missing: chosen("nan_policy", nan_policy, ["raise", "omit"])?,
            };
            let made = plan.check().and_then(|()| Seen::new(&plan)).map_err(|error| raise(py, &error))?;
            Ok(Self { plan, seen: Mutex::new(made) })
        })
    }

    /// Takes units: a row for each.
    ///
    /// Parameters
    /// ----------
    /// frame : frame of pandas, polars or pyarrow, dict of columns, list of dicts
    ///
    /// Raises
    /// ------
    /// SchemaMismatchError
    ///     Where a column is not there.
    /// InvalidInputError
    ///     For an arm that the experiment has not, and values that are missing or infinite; it names column and row. Nothing was
    ///     taken then.
    /// InvalidTypeError
    ///     For a column that holds no numbers, or no names.
    fn update(&self, py: Python<'_>, frame: &Bound<'_, PyAny>) -> PyResult<()> {
        entry(py, |py| {
            let batch = self.batch(py, frame)?;
            detached(py, || {
                let new = Seen::of_batch(&self.plan, &batch)?;
                self.locked().merge(&new)
            })
        })
    }

    /// Adds the units of another machine, which this experiment has not seen.
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     For an experiment of another plan; nothing was added.
    fn merge(&self, py: Python<'_>, other: &Bound<'_, Self>) -> PyResult<()> {
        entry(py, |py| {
            let other = other.get();
            if other.plan != self.plan {
                let remedy = "build both by the same arguments";
                return Err(invalid(py, "merge experiment", "other", "it has another plan", remedy));
            }
            detached(py, || {
                // Copied first, so that two threads that merge each other's do not wait for one another.
                let seen = other.locked().clone();
                self.locked().merge(&seen)
            })
        })
    }

    /// What came out so far.
    fn report(&self, py: Python<'_>) -> PyResult<Report> {
        entry(py, |py| {
            let report = detached(py, || {
                let seen = self.locked().clone();
                seen.report(&self.plan)
            })?;
            Ok(Report { report })
        })
    }

    /// The name.
    #[getter]
    fn name(&self) -> &str {
        &self.plan.name
    }

    /// The units of each arm; clusters, where units come in clusters.
    #[getter]
    fn units<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        entry(py, |py| {
            let counts = detached(py, || Ok(self.locked().counts()))?;
            let units = PyDict::new(py);
            for ((name, _), count) in self.plan.arms.iter().zip(counts) {
                units.set_item(name, count)?;
            }
            Ok(units)
        })
    }

    /// The experiment with what it has seen as JSON, which :meth:`from_json` reads.
    fn to_json(&self, py: Python<'_>) -> PyResult<String> {
        entry(py, |py| {
            let seen = detached(py, || Ok(self.locked().clone()))?;
            json(py, "save experiment", &Stored { version: VERSION, plan: self.plan.clone(), seen })
        })
    }

    /// The experiment that :meth:`to_json` wrote, where it stood.
    ///
    /// Raises
    /// ------
    /// CorruptError
    ///     For any other text.
    /// UnsupportedError
    ///     For another version of the layout.
    #[staticmethod]
    fn from_json(py: Python<'_>, json: &str) -> PyResult<Self> {
        entry(py, |py| {
            let Stored { version, plan, seen } = read(py, RESTORE, json)?;
            let checked = || -> Result<()> {
                if version != VERSION {
                    let problem = format!("its layout has version {version}, and {VERSION} is known here");
                    return Err(Error::unsupported(RESTORE, "state", problem)
                        .remedy("restore it with the release of mlcore that saved it"));
                }
                plan.check().map_err(|error| Error::corrupt(RESTORE, "plan", error.to_string()))?;
                seen.check(&plan)
            };
            checked().map_err(|error| raise(py, &error))?;
            Ok(Self { plan, seen: Mutex::new(seen) })
        })
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, (String,))> {
        Ok((py.get_type::<Self>().getattr("from_json")?, (self.to_json(py)?,)))
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let units = self.units(py)?.repr()?.to_string();
        Ok(format!("<mlcore.experiment.Experiment {}: {units}>", self.plan.name))
    }
}

const RESTORE: &str = "restore experiment";
/// The version of the layout that is written and read.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    version: u32,
    plan: Plan,
    seen: Seen,
}

impl Experiment {
    /// What was seen. It is waited for without the interpreter, which whoever has it may need.
    fn locked(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn batch(&self, py: Python<'_>, frame: &Bound<'_, PyAny>) -> PyResult<Batch> {
        let plan = &self.plan;
        let numbers = plan.numbers();
        let labels: Vec<&str> =
            [&plan.arm].into_iter().chain(&plan.segments).chain(&plan.clusters).map(String::as_str).collect();
        let is_read = |name: &str| {
            numbers.contains(name) || labels.contains(&name) || plan.day.as_deref() == Some(name)
        };
        let table = door::columns(frame, None, ASKED)?.batch_of(py, ASKED, is_read)?;
        let column = |name: &str| {
            table.column_by_name(name).ok_or_else(|| {
                let error =
                    Error::schema_mismatch(UPDATE, format!("column {name}"), "the frame has no such column");
                raise(py, &error.remedy("pass the column, or build the experiment by the name that it has"))
            })
        };
        let named = |name: &String| Labels::read(py, name, column(name)?, ASKED);
        let own = named(&plan.arm)?;
        let place = |name: &String| {
            let found = plan.arms.iter().position(|(arm, _)| arm == name);
            found.map(|place| place as u32).ok_or_else(|| {
                let problem = format!("{name:?} is none of the arms of the experiment");
                invalid(
                    py,
                    UPDATE,
                    &plan.arm,
                    problem,
                    "leave such units out, or build the experiment with this arm",
                )
            })
        };
        let places = own.names.iter().map(place).collect::<PyResult<Vec<u32>>>()?;
        let mut columns = HashMap::new();
        for name in numbers {
            let asked = Asked { operation: UPDATE, subject: "column of a metric" };
            columns.insert(name.to_owned(), door::numbers_of(py, column(name)?, asked)?.as_slice().to_vec());
        }
        let days = plan.day.as_ref().map(|name| -> PyResult<Vec<i64>> {
            let days = door::numbers_of(py, column(name)?, Asked { operation: UPDATE, subject: "day" })?;
            let whole = |(row, day): (usize, &f64)| {
                if day.fract() == 0.0 && day.abs() < 1e15 {
                    return Ok(*day as i64);
                }
                let problem = format!("row {row} is {day}, and days are whole numbers");
                Err(invalid(py, UPDATE, name, problem, "count days from the beginning of the experiment"))
            };
            days.as_slice().iter().enumerate().map(whole).collect()
        });
        Ok(Batch {
            arms: own.codes.iter().filter_map(|code| places.get(*code as usize).copied()).collect(),
            clusters: plan.clusters.as_ref().map(named).transpose()?,
            segments: plan.segments.iter().map(named).collect::<PyResult<_>>()?,
            days: days.transpose()?,
            columns,
        })
    }
}

/// The names in a column of a frame, in their order, the control first where one is named.
///
/// Parameters
/// ----------
/// frame : frame of pandas, polars or pyarrow, dict of columns, list of dicts
/// arm : str
///     The column.
/// control : str, optional
///
/// Returns
/// -------
/// list of str
///
/// Raises
/// ------
/// SchemaMismatchError
///     Where the column is not there.
/// InvalidInputError
///     Where the control is none of the names.
///
/// Examples
/// --------
/// >>> from mlcore.experiment import arm_names
/// >>> arm_names({"arm": ["new", "old", "new"]}, "arm", control="old")
/// ['old', 'new']
#[pyfunction]
#[pyo3(signature = (frame, arm = "arm", control = None))]
pub(super) fn arm_names(
    py: Python<'_>,
    frame: &Bound<'_, PyAny>,
    arm: &str,
    control: Option<&str>,
) -> PyResult<Vec<String>> {
    entry(py, |py| {
        let table = door::columns(frame, None, ASKED)?.batch_of(py, ASKED, |name| name == arm)?;
        let Some(column) = table.column_by_name(arm) else {
            let error =
                Error::schema_mismatch(UPDATE, format!("column {arm}"), "the frame has no such column");
            return Err(raise(py, &error.remedy("pass arm=, the column that says which arm a unit has")));
        };
        let mut names = Labels::read(py, arm, column, ASKED)?.names;
        names.sort();
        if let Some(control) = control {
            let Some(place) = names.iter().position(|name| name == control) else {
                let problem = format!("{control:?} is none of {names:?}");
                return Err(invalid(py, UPDATE, "control", problem, "pass one of the arms"));
            };
            let control = names.remove(place);
            names.insert(0, control);
        }
        Ok(names)
    })
}

/// The arms and their weights, of a dict or of names alone.
fn weights(arms: &Bound<'_, PyAny>) -> PyResult<Vec<(String, f64)>> {
    if let Ok(arms) = arms.cast::<PyDict>() {
        return arms.iter().map(|(name, weight)| Ok((name.extract()?, weight.extract()?))).collect();
    }
    if arms.is_instance_of::<PyString>() {
        let remedy = "pass a list of names, or a dict of names and weights";
        return Err(wrong_type(arms.py(), BUILD, "arms", "several are expected, and it is one str", remedy));
    }
    Ok(arms.extract::<Vec<String>>()?.into_iter().map(|name| (name, 1.0)).collect())
}

/// What a metric is: a name, a `Metric`, or a dict of its attributes.
fn spec(metric: &Bound<'_, PyAny>) -> PyResult<Spec> {
    let py = metric.py();
    let class = py.import("mlcore.experiment")?.getattr("Metric")?;
    let metric = if metric.is_instance_of::<PyString>() { class.call1((metric,))? } else { metric.clone() };
    if !metric.is_instance(&class)? {
        let problem = format!("a metric is expected, and it is a {}", type_name(&metric));
        return Err(wrong_type(
            py,
            BUILD,
            "metrics",
            problem,
            "pass a Metric of mlcore.experiment, or a name",
        ));
    }
    let attributes = metric.call_method0("to_dict")?;
    let json: String = py.import("json")?.call_method1("dumps", (attributes,))?.extract()?;
    serde_json::from_str(&json).map_err(|cause| {
        let remedy = "look at the parameters of mlcore.experiment.Metric";
        invalid(py, BUILD, "metrics", cause.to_string(), remedy)
    })
}
