//! `mlcore.runner.Probe`: a process of its own that tries a model first.

use mlcore::runner::ort::Probe as NativeProbe;
use pyo3::prelude::*;

use super::{LOAD, duration};
use crate::error::{entry, raise};

/// Tries a model in a process of its own before it is loaded in this one, for models from strangers.
///
/// ONNX Runtime is written in C++: a model may make it crash, hang, or take all memory. The child is this interpreter
/// (``sys.executable -m mlcore._probe``); it loads the model, runs it once on zeros, and ends. It costs some tenths of a second
/// for each load. A model that the child does not survive is an error that says how it ended.
///
/// Parameters
/// ----------
/// timeout : float
///     Seconds that the child may take, of the clock and of the processor.
/// max_memory_bytes : int
///     The address space that the child may have, the interpreter and ONNX Runtime included. Not limited on Windows and macOS.
///
/// Raises
/// ------
/// InvalidInputError
///     For seconds that are negative or not finite.
/// UnavailableError
///     Where Python does not know its own program, as in a host that embeds it.
///
/// Examples
/// --------
/// >>> from mlcore.runner import Probe
/// >>> probe = Probe(timeout=10.0, max_memory_bytes=2 << 30)
/// >>> probe.timeout
/// 10.0
/// >>> model = mlcore.Runner("stranger.onnx", probe=probe)                       # doctest: +SKIP
#[pyclass(module = "mlcore.runner", frozen, eq)]
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Probe {
    pub(crate) native: NativeProbe,
}

#[pymethods]
impl Probe {
    #[new]
    #[pyo3(signature = (*, timeout = 30.0, max_memory_bytes = 4_294_967_296))]
    fn new(py: Python<'_>, timeout: f64, max_memory_bytes: u64) -> PyResult<Self> {
        entry(py, |py| {
            let timeout = duration(py, LOAD, "timeout", timeout)?;
            let program: Option<String> = py.import("sys")?.getattr("executable")?.extract()?;
            let program = program.filter(|program| !program.is_empty()).ok_or_else(|| {
                let error = mlcore::Error::unavailable(
                    LOAD,
                    "sys.executable",
                    "Python does not know its own program",
                )
                .remedy("set sys.executable to a Python that has mlcore");
                raise(py, &error)
            })?;
            let native = NativeProbe::program(program, ["-m", "mlcore._probe"])
                .with_timeout(timeout)
                .with_max_memory_bytes(max_memory_bytes);
            Ok(Self { native })
        })
    }

    /// Seconds that the child may take.
    #[getter]
    fn timeout(&self) -> f64 {
        self.native.timeout.as_secs_f64()
    }

    /// The address space that the child may have.
    #[getter]
    fn max_memory_bytes(&self) -> u64 {
        self.native.max_memory_bytes
    }

    fn __repr__(&self) -> String {
        format!("Probe(timeout={:?}, max_memory_bytes={})", self.timeout(), self.max_memory_bytes())
    }
}

/// The work of the child, which does not return where this process is one.
#[pyfunction]
pub(crate) fn _serve_probe() {
    NativeProbe::serve_if_asked();
}
