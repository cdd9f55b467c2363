//! Inference that may be looked at before the end.

use mlcore::experiment::{self, Boundary, GroupSequentialBounds, GroupSequentialOptions, SpendingFunction};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::effect::Effect;
use super::report::read;
use crate::door::{self, Asked};
use crate::error::{detached, entry, invalid, raise};
use crate::plain::json;
use crate::stats::{option, unknown};

/// A class around a confidence sequence for bounded means.
macro_rules! sequence {
    ($(#[doc = $doc:literal])+ $class:ident, $name:literal) => {
        $(#[doc = $doc])+
        #[pyclass(module = "mlcore.experiment")]
        #[derive(Debug)]
        pub(crate) struct $class {
            sequence: experiment::$class,
        }

        #[pymethods]
        impl $class {
            /// Adds values, in their order. Where one is outside of the range, nothing is added.
            fn update(&mut self, py: Python<'_>, values: &Bound<'_, PyAny>) -> PyResult<()> {
                entry(py, |py| {
                    let values = door::numbers(values, Asked { operation: "bound mean", subject: "values" })?;
                    let (values, mut sequence) = (values.as_slice(), self.sequence.clone());
                    self.sequence = detached(py, || {
                        values.iter().try_for_each(|value| sequence.push(*value))?;
                        Ok(sequence)
                    })?;
                    Ok(())
                })
            }

            /// How many values.
            #[getter]
            fn count(&self) -> u64 {
                self.sequence.count()
            }

            /// The sequence as JSON, which ``from_json`` reads.
            fn to_json(&self, py: Python<'_>) -> PyResult<String> {
                entry(py, |py| json(py, "save confidence sequence", &self.sequence))
            }

            /// The sequence that ``to_json`` wrote, where it stood.
            #[staticmethod]
            fn from_json(py: Python<'_>, json: &str) -> PyResult<Self> {
                entry(py, |py| Ok(Self { sequence: read(py, "restore confidence sequence", json)? }))
            }

            fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, (String,))> {
                Ok((py.get_type::<Self>().getattr("from_json")?, (self.to_json(py)?,)))
            }

            fn __repr__(&self) -> String {
                let interval = self.sequence.interval();
                let (count, low, high) = (self.sequence.count(), interval.low, interval.high);
                format!("<mlcore.experiment.{}: {count} values, from {low:?} to {high:?}>", $name)
            }
        }
    };
}

sequence! {
    /// A confidence sequence for the mean of values of a known range, in constant memory and valid at every number of values.
    ///
    /// Parameters
    /// ----------
    /// alpha : float
    /// low, high : float
    ///     The range of the values.
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     For an ``alpha`` that is not inside ``(0, 1)``, and a range that is none.
    ///
    /// Notes
    /// -----
    /// I. Waudby-Smith and A. Ramdas (2024), Theorem 2; confseq's ``predmix_empbern_cs``.
    ///
    /// Examples
    /// --------
    /// >>> from mlcore.experiment import EmpiricalBernstein
    /// >>> sequence = EmpiricalBernstein(0.05)
    /// >>> sequence.update([i % 10 / 10 for i in range(2000)])
    /// >>> low, high = sequence.interval
    /// >>> low < 0.45 < high, high - low < 0.1
    /// (True, True)
    EmpiricalBernstein, "EmpiricalBernstein"
}

#[pymethods]
impl EmpiricalBernstein {
    #[new]
    #[pyo3(signature = (alpha = 0.05, low = 0.0, high = 1.0))]
    fn new(py: Python<'_>, alpha: f64, low: f64, high: f64) -> PyResult<Self> {
        entry(py, |py| {
            let sequence = experiment::EmpiricalBernstein::with_range(alpha, low, high);
            Ok(Self { sequence: sequence.map_err(|error| raise(py, &error))? })
        })
    }

    /// The interval of the values so far, within the range.
    #[getter]
    fn interval(&self) -> (f64, f64) {
        let interval = self.sequence.interval();
        (interval.low, interval.high)
    }

    /// The intersection of the intervals at every number of values so far, which is as sure.
    #[getter]
    fn running_intersection(&self) -> (f64, f64) {
        let interval = self.sequence.running_intersection();
        (interval.low, interval.high)
    }
}

sequence! {
    /// A confidence sequence for bounded means by betting: narrower than :class:`EmpiricalBernstein`, and slower.
    ///
    /// Parameters
    /// ----------
    /// alpha : float
    /// low, high : float
    ///     The range of the values.
    /// breaks : int
    ///     Steps of the grid of means, up to a million.
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     For an ``alpha`` that is not inside ``(0, 1)``, a range that is none, and no steps or too many.
    ///
    /// Notes
    /// -----
    /// I. Waudby-Smith and A. Ramdas (2024), Theorem 3; confseq's ``hedged_cs``.
    ///
    /// Examples
    /// --------
    /// >>> from mlcore.experiment import BettingSequence
    /// >>> sequence = BettingSequence(0.05)
    /// >>> sequence.update([i % 10 / 10 for i in range(500)])
    /// >>> low, high = sequence.interval
    /// >>> low < 0.45 < high, high - low < 0.15
    /// (True, True)
    BettingSequence, "BettingSequence"
}

#[pymethods]
impl BettingSequence {
    #[new]
    #[pyo3(signature = (alpha = 0.05, low = 0.0, high = 1.0, breaks = 1000))]
    fn new(py: Python<'_>, alpha: f64, low: f64, high: f64, breaks: u32) -> PyResult<Self> {
        entry(py, |py| {
            let sequence = experiment::BettingSequence::with_breaks(alpha, low, high, breaks);
            Ok(Self { sequence: sequence.map_err(|error| raise(py, &error))? })
        })
    }

    /// The intersection of the intervals at every number of values so far.
    #[getter]
    fn interval(&self) -> (f64, f64) {
        let interval = self.sequence.interval();
        (interval.low, interval.high)
    }
}

/// The smallest p-value and the intersection of the intervals of all looks so far, of effects whose inference is ``sequential`` or
/// ``mixture``: still valid, and never less sure than before.
///
/// Examples
/// --------
/// >>> from mlcore.experiment import AlwaysValid, Estimate, compare
/// >>> looks = AlwaysValid()
/// >>> for count, old, new in [(1000, 100, 150), (2000, 200, 290)]:
/// ...     arms = Estimate.of_proportion(old, count), Estimate.of_proportion(new, count)
/// ...     looks.look(compare(*arms, inference="sequential"))
/// >>> looks.looks, looks.pvalue < 0.05, looks.interval[0] > 0
/// (2, True, True)
#[pyclass(module = "mlcore.experiment")]
#[derive(Debug)]
pub(crate) struct AlwaysValid {
    looks: experiment::AlwaysValid,
}

#[pymethods]
impl AlwaysValid {
    #[new]
    fn new() -> Self {
        Self { looks: experiment::AlwaysValid::new() }
    }

    /// Looks once more.
    fn look(&mut self, effect: &Effect) {
        self.looks.look(&effect.effect);
    }

    /// How many looks.
    #[getter]
    fn looks(&self) -> u64 {
        self.looks.looks()
    }

    /// The smallest p-value so far; 1 before the first look.
    #[getter]
    fn pvalue(&self) -> f64 {
        self.looks.pvalue()
    }

    /// The intersection of the intervals; empty, the first above the second, where the effect changed between looks.
    #[getter]
    fn interval(&self) -> (f64, f64) {
        self.looks.interval()
    }

    fn __repr__(&self) -> String {
        format!(
            "<mlcore.experiment.AlwaysValid: {} looks, p = {:?}>",
            self.looks.looks(),
            self.looks.pvalue()
        )
    }
}

/// The bounds of planned looks, as R's ldbounds and gsDesign have them.
///
/// Parameters
/// ----------
/// information : list of float
///     The share of the planned sample at each look, ascending within ``(0, 1]``.
/// alpha : float
///     How often all looks together may see an effect where there is none.
/// sides : {"two", "one"}
/// boundary : {"spending", "pocock", "obrien_fleming"}
///     ``spending`` is that of Lan and DeMets, for looks whose times need not be known beforehand.
/// spending : {"obrien_fleming", "pocock", "power", "hwang_shih_decani"}
///     The spending function.
/// parameter : float, optional
///     ``rho`` of ``power`` or ``gamma`` of ``hwang_shih_decani``.
///
/// Returns
/// -------
/// dict
///     Lists with a number for each look: the bound ``z``, the p-value ``nominal_alpha`` that crosses it, and the error ``spent``.
///
/// Raises
/// ------
/// InvalidInputError
///     For shares that do not ascend, and options that cannot be meant.
///
/// Examples
/// --------
/// >>> from mlcore.experiment import group_sequential_bounds
/// >>> [round(z, 3) for z in group_sequential_bounds([0.5, 1.0], boundary="pocock")["z"]]
/// [2.178, 2.178]
#[pyfunction]
#[pyo3(signature = (
    information, *, alpha = 0.05, sides = "two", boundary = "spending", spending = "obrien_fleming",
    parameter = None
))]
#[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over owned lists")]
pub(super) fn group_sequential_bounds<'py>(
    py: Python<'py>,
    information: Vec<f64>,
    alpha: f64,
    sides: &str,
    boundary: &str,
    spending: &str,
    parameter: Option<f64>,
) -> PyResult<Bound<'py, PyDict>> {
    const OPERATION: &str = "bound looks";
    entry(py, |py| {
        let needed = |name: &str| {
            parameter.ok_or_else(|| {
                let problem = format!("{name} of the spending function {spending} is needed");
                invalid(py, OPERATION, "parameter", problem, "pass parameter=")
            })
        };
        let boundary = match boundary {
            "pocock" => Boundary::Pocock,
            "obrien_fleming" => Boundary::OBrienFleming,
            "spending" => Boundary::Spending(match spending {
                "obrien_fleming" => SpendingFunction::OBrienFleming,
                "pocock" => SpendingFunction::Pocock,
                "power" => SpendingFunction::Power { rho: needed("rho")? },
                "hwang_shih_decani" => SpendingFunction::HwangShihDeCani { gamma: needed("gamma")? },
                word => {
                    let known = "obrien_fleming, pocock, power, hwang_shih_decani";
                    return Err(unknown(py, OPERATION, "spending", word, known));
                }
            }),
            word => {
                return Err(unknown(py, OPERATION, "boundary", word, "spending, pocock, obrien_fleming"));
            }
        };
        let options = GroupSequentialOptions::default()
            .with_alpha(alpha)
            .with_sides(option(py, OPERATION, "sides", sides)?)
            .with_boundary(boundary);
        let bounds = detached(py, || GroupSequentialBounds::of(&information, &options))?;
        let answer = PyDict::new(py);
        answer.set_item("z", bounds.z)?;
        answer.set_item("nominal_alpha", bounds.nominal_alpha)?;
        answer.set_item("spent", bounds.spent)?;
        Ok(answer)
    })
}
