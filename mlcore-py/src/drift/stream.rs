//! Stream detectors by name, one call a value or one a slice.

use std::sync::{Mutex, MutexGuard, TryLockError};

use mlcore::interrupt;
use mlcore_drift::stream::{self, Baseline, DetectorState, Found};
use numpy::{IntoPyArray, PyArray1};
use pyo3::exceptions::PyAttributeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use super::named;
use crate::door::{self, Asked};
use crate::error::{detached, entry, raise};
use crate::plain::json;

/// A detector of changes in a stream of numbers by its name, with its parameters by keyword.
///
/// Each detector has a class of its own, which shows its parameters and their defaults: ``ADWIN(delta=0.01)`` is
/// ``StreamDetector("adwin", delta=0.01)``. Parameters and named numbers of the state, such as ``width``, are attributes.
///
/// NaN, ``None`` and infinities are ignored and counted in :attr:`n_ignored`. The value after a detection begins a new stream.
/// A detector pickles and copies with its memory, and goes on bit for bit.
///
/// Parameters
/// ----------
/// name : str
///     One of :func:`detector_names`.
/// **parameters
///     The parameters of that detector.
///
/// Raises
/// ------
/// NotFoundError
///     For a name that no detector has.
/// InvalidInputError
///     For a parameter that the detector does not have, or a value out of range.
///
/// Examples
/// --------
/// >>> from mlcore.drift import StreamDetector
/// >>> detector = StreamDetector("page_hinkley", threshold=10)
/// >>> detector.update_many([0.0] * 200 + [1.0] * 100)
/// array([210])
#[pyclass(module = "mlcore.drift", subclass, frozen)]
#[derive(Debug)]
pub(crate) struct StreamDetector {
    detector: Mutex<Box<dyn stream::StreamDetector>>,
}

#[pymethods]
impl StreamDetector {
    #[new]
    #[pyo3(signature = (name, **parameters))]
    fn new(py: Python<'_>, name: &str, parameters: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        entry(py, |py| {
            let detector = stream::start_named(name, &named::given(name, parameters)?);
            Ok(Self { detector: Mutex::new(detector.map_err(|error| raise(py, &error))?) })
        })
    }

    /// The name in configurations and saved states.
    #[getter]
    fn name(&self, py: Python<'_>) -> PyResult<String> {
        self.with(py, |detector| detector.name().to_owned())
    }

    /// What it watches, in a sentence.
    #[getter]
    fn legend(&self, py: Python<'_>) -> PyResult<String> {
        self.with(py, |detector| detector.legend().to_owned())
    }

    /// All parameters, as keywords.
    #[getter]
    fn parameters<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let parameters = self.with(py, |detector| detector.parameters())?;
        named::keywords(py, parameters)
    }

    /// Named numbers of the state.
    #[getter]
    fn statistics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let statistics = PyDict::new(py);
        for (name, number) in self.with(py, |detector| detector.statistics())? {
            statistics.set_item(name, number)?;
        }
        Ok(statistics)
    }

    /// Whether a change was detected at the latest value.
    #[getter]
    fn drift_detected(&self, py: Python<'_>) -> PyResult<bool> {
        self.with(py, |detector| detector.drift_detected())
    }

    /// Whether there was a warning at the latest value.
    #[getter]
    fn warning_detected(&self, py: Python<'_>) -> PyResult<bool> {
        self.with(py, |detector| detector.warning_detected())
    }

    /// How many changes were detected since the first value.
    #[getter]
    fn n_detections(&self, py: Python<'_>) -> PyResult<u64> {
        self.with(py, |detector| detector.counts().detections)
    }

    /// How many values entered since the first one.
    #[getter]
    fn n_values(&self, py: Python<'_>) -> PyResult<u64> {
        self.with(py, |detector| detector.counts().values)
    }

    /// How many values were no numbers, and did not enter.
    #[getter]
    fn n_ignored(&self, py: Python<'_>) -> PyResult<u64> {
        self.with(py, |detector| detector.counts().ignored)
    }

    /// Takes the next value.
    ///
    /// Parameters
    /// ----------
    /// x : float or bool
    ///     The value; NaN and ``None`` are ignored and counted.
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     For a number that the detector does not take, such as 0.5 where it takes 0 and 1.
    fn update(&self, py: Python<'_>, x: &Bound<'_, PyAny>) -> PyResult<()> {
        entry(py, |py| {
            let value = if x.is_none() { f64::NAN } else { x.extract::<f64>()? };
            let answer = self.locked(py)?.update(value);
            answer.map(drop).map_err(|error| raise(py, &error))
        })
    }

    /// Takes the next values in one call, and answers where changes were detected.
    ///
    /// Parameters
    /// ----------
    /// values : array_like, 1-D
    ///     Numbers or bools; missing ones are ignored and counted.
    ///
    /// Returns
    /// -------
    /// ndarray of int
    ///     The positions in ``values``.
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     For a number that the detector does not take; nothing is changed then.
    fn update_many<'py>(&self, py: Python<'py>, values: &Bound<'py, PyAny>) -> PyResult<Positions<'py>> {
        Ok(positions(py, &self.taken(py, values)?.drifts))
    }

    /// As :meth:`update_many`, and answers where warnings were, too.
    ///
    /// Parameters
    /// ----------
    /// values : array_like, 1-D
    ///     Numbers or bools.
    ///
    /// Returns
    /// -------
    /// drifts, warnings : ndarray of int
    ///     The positions in ``values``.
    fn update_many_with_warnings<'py>(
        &self,
        py: Python<'py>,
        values: &Bound<'py, PyAny>,
    ) -> PyResult<(Positions<'py>, Positions<'py>)> {
        let found = self.taken(py, values)?;
        Ok((positions(py, &found.drifts), positions(py, &found.warnings)))
    }

    /// Forgets everything.
    fn reset(&self, py: Python<'_>) -> PyResult<()> {
        self.with(py, |detector| detector.reset())
    }

    /// Forgets everything: river's name of it.
    fn _reset(&self, py: Python<'_>) -> PyResult<()> {
        self.reset(py)
    }

    /// How far it is, as JSON.
    ///
    /// Returns
    /// -------
    /// str
    fn save(&self, py: Python<'_>) -> PyResult<String> {
        let state = self.with(py, |detector| detector.save())?.map_err(|error| raise(py, &error))?;
        json(py, "save detector", &state)
    }

    /// Goes on where a detector of this kind and these parameters was saved.
    ///
    /// Parameters
    /// ----------
    /// state : str
    ///     What :meth:`save` gave.
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     For the state of another detector, or of other parameters.
    /// CorruptError
    ///     For a state that cannot have been saved.
    fn restore(&self, py: Python<'_>, state: &str) -> PyResult<()> {
        entry(py, |py| {
            let state = serde_json::from_str::<DetectorState>(state).map_err(|cause| {
                let error = mlcore::Error::corrupt("restore detector", "state", cause.to_string());
                raise(py, &error.remedy("begin the stream anew"))
            })?;
            let answer = self.locked(py)?.restore(&state);
            answer.map_err(|error| raise(py, &error))
        })
    }

    /// A detector with the same parameters, before its first value, as in river; with its memory where
    /// ``include_attributes`` says so.
    ///
    /// Parameters
    /// ----------
    /// include_attributes : bool
    ///     Whether the memory is copied, too.
    ///
    /// Returns
    /// -------
    /// StreamDetector
    #[pyo3(signature = (*, include_attributes = false))]
    fn clone<'py>(slf: &Bound<'py, Self>, include_attributes: bool) -> PyResult<Bound<'py, PyAny>> {
        let (make, _, state) = Self::__reduce__(slf)?;
        let made = make.call0()?;
        if include_attributes {
            made.call_method1("restore", (state,))?;
        }
        Ok(made)
    }

    /// Parameters and named numbers of the state.
    fn __getattr__<'py>(slf: &Bound<'py, Self>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        let (py, detector) = (slf.py(), slf.get());
        let number = detector.with(py, |detector| {
            let found = detector.statistics().into_iter().find(|(statistic, _)| *statistic == name);
            found.map(|(_, number)| number)
        })?;
        if let Some(number) = number {
            return Ok(number.into_pyobject(py)?.into_any());
        }
        if let Some(value) = detector.parameters(py)?.get_item(name)? {
            return Ok(value);
        }
        let class = slf.as_any().get_type().name()?;
        Err(PyAttributeError::new_err(format!("{class} has no attribute {name}")))
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let py = slf.py();
        named::call(slf, &slf.get().name(py)?, &slf.get().parameters(py)?)
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>, String)> {
        let (py, detector) = (slf.py(), slf.get());
        let (make, arguments) = named::reduced(slf, &detector.name(py)?, &detector.parameters(py)?)?;
        Ok((make, arguments, detector.save(py)?))
    }

    fn __setstate__(&self, py: Python<'_>, state: &str) -> PyResult<()> {
        self.restore(py, state)
    }
}

impl StreamDetector {
    /// The detector, once no other thread has it; the interpreter is released while this one waits.
    /// The detector, for whoever shows it more than one value.
    pub(crate) fn shared(&self) -> &Mutex<Box<dyn stream::StreamDetector>> {
        &self.detector
    }

    fn locked(&self, py: Python<'_>) -> PyResult<MutexGuard<'_, Box<dyn stream::StreamDetector>>> {
        loop {
            match self.detector.try_lock() {
                Ok(detector) => return Ok(detector),
                // Nothing is half done where a panic was: a call that fails has changed nothing that counts.
                Err(TryLockError::Poisoned(poisoned)) => return Ok(poisoned.into_inner()),
                // The other thread may want the interpreter before it lets go.
                Err(TryLockError::WouldBlock) => {
                    detached(py, || interrupt::lock("update detector", &self.detector).map(drop))?;
                }
            }
        }
    }

    fn with<T>(
        &self,
        py: Python<'_>,
        ask: impl FnOnce(&mut Box<dyn stream::StreamDetector>) -> T,
    ) -> PyResult<T> {
        entry(py, |py| Ok(ask(&mut *self.locked(py)?)))
    }

    fn taken(&self, py: Python<'_>, values: &Bound<'_, PyAny>) -> PyResult<Found> {
        entry(py, |py| {
            let values = door::numbers(values, Asked { operation: "update detector", subject: "values" })?;
            let values = values.as_slice();
            detached(py, || interrupt::lock("update detector", &self.detector)?.update_many(values))
        })
    }
}

/// Positions in a slice.
type Positions<'py> = Bound<'py, PyArray1<i64>>;

fn positions<'py>(py: Python<'py>, found: &[usize]) -> Positions<'py> {
    found.iter().map(|at| *at as i64).collect::<Vec<_>>().into_pyarray(py)
}

/// The names of the detectors.
///
/// Examples
/// --------
/// >>> from mlcore.drift import detector_names
/// >>> "adwin" in detector_names()
/// True
#[pyfunction]
pub(crate) fn detector_names() -> Vec<&'static str> {
    stream::NAMES.to_vec()
}

/// The interval behind ``Watch.baseline_of``.
#[pyfunction]
#[pyo3(name = "_baseline")]
pub(crate) fn baseline(
    py: Python<'_>,
    values: &Bound<'_, PyAny>,
    low: f64,
    high: f64,
    confidence: f64,
) -> PyResult<(f64, f64)> {
    entry(py, |py| {
        let values = door::numbers(values, Asked { operation: "make baseline", subject: "values" })?;
        let values = values.as_slice();
        Ok(detached(py, || Baseline::of_sample(values, (low, high), confidence))?.bounds())
    })
}
