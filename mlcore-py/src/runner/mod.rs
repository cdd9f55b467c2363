//! `mlcore.Runner`: an ONNX model that is loaded and can answer.

mod probe;
mod tensors;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use mlcore::artifact::{ArtifactStore, Digest};
use mlcore::batch::Batch;
use mlcore::runner::ort::{Limits, OnnxOptions, OnnxRunner, OnnxRuntime, Provider};
use mlcore::runner::{RunOptions, Runner as _};
use mlcore::schema::{Dim, Schema, Signature};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyMapping};

pub(crate) use self::probe::Probe;
use self::tensors::{array, tensor};
use crate::door::{self, Asked, Text, is_of, type_name};
use crate::error::{detached, entry, invalid, raise, wrong_type};

#[pymodule(submodule, module = "mlcore", name = "runner")]
pub(crate) mod native {
    #[pymodule_export]
    use super::probe::{_serve_probe, Probe};
    #[pymodule_export]
    use super::{Field, Runner, onnx_runtime};
}

/// One input or output of a model.
#[pyclass(module = "mlcore", frozen, get_all, eq)]
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Field {
    /// Its name.
    name: String,
    /// The type of one element: ``float32``, ``int64``, ``string``, ...
    dtype: String,
    /// The size of each axis; ``None`` where any is taken, as for the batch. ``None`` itself where every shape is.
    shape: Option<Vec<Option<usize>>>,
    /// What each position of the last axis means, such as the classes of probabilities; empty where unknown.
    labels: Vec<String>,
}

#[pymethods]
impl Field {
    /// The field as plain values, which ``json.dumps`` takes.
    pub(crate) fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        dict.set_item("name", &self.name)?;
        dict.set_item("dtype", &self.dtype)?;
        dict.set_item("shape", &self.shape)?;
        dict.set_item("labels", &self.labels)?;
        Ok(dict)
    }

    fn __repr__(&self) -> String {
        let axis = |size: &Option<usize>| size.map_or("None".to_owned(), |size| size.to_string());
        let axes = |shape: &Vec<Option<usize>>| {
            let axes: Vec<String> = shape.iter().map(axis).collect();
            format!("[{}]", axes.join(", "))
        };
        let shape = self.shape.as_ref().map_or("None".to_owned(), axes);
        format!("Field(name={:?}, dtype={:?}, shape={shape})", self.name, self.dtype)
    }
}

pub(crate) fn fields(schema: &Schema) -> Vec<Field> {
    let size = |dim: &Dim| match dim {
        Dim::Fixed(size) => Some(*size),
        Dim::Dynamic => None,
    };
    schema
        .fields()
        .iter()
        .map(|field| Field {
            name: field.name().to_owned(),
            dtype: field.dtype().to_string(),
            shape: (!field.is_of_any_shape()).then(|| field.shape().iter().map(size).collect()),
            labels: field.labels().to_vec(),
        })
        .collect()
}

/// An ONNX model that is loaded and can answer; any number of threads may run it at once.
///
/// Parameters
/// ----------
/// model : str, path or bytes
///     The file, or its content.
/// name : str, optional
///     What errors and logs call the model. Default: the file's name.
/// library : str or path, optional
///     The shared library of ONNX Runtime. Default: ``ORT_DYLIB_PATH``, then the package ``onnxruntime`` of this Python
///     (``pip install mlcore[onnx]``), then mlcore's cache folder and the system.
/// intra_threads, inter_threads : int
///     Threads that share one operator, and operators that run at once; 0 lets ONNX Runtime choose. One thread is fastest
///     for tabular models.
/// sessions : int, optional
///     The sessions of ONNX Runtime that threads spread over on the CPU; one serves any number of threads, and a model that
///     is as small as a core's cache has one per core by default, up to 8, so that threads do not wait for each other. One
///     halves the memory of a small model on two cores.
/// spinning : bool
///     Whether idle threads spin, which saves microseconds and burns their cores.
/// optimization : {"all", "extended", "basic", "none"}
///     How much the graph is rewritten while loading.
/// providers : list of str
///     Where it runs, in order of preference: ``cpu``, ``cuda``, ``cuda:1``, or as :func:`mlcore.doctor` names them.
/// fallback : {"forbidden", "nodes", "allowed"}
///     What may run on the CPU when another provider was asked for.
/// warm_up : int
///     Runs on zeros before loading ends.
/// load_timeout : float, optional
///     Seconds after which loading is given up, and ends even where ONNX Runtime does not.
/// max_run_bytes : int
///     Bytes that the operators of one run may hold at a time. A run that asks for more is an :class:`OverloadedError` before the
///     memory is taken.
/// probe : mlcore.runner.Probe, optional
///     A process of its own that tries the model first, for models from strangers. Default: none.
/// domains : list of str
///     Operator domains allowed beyond the ONNX standard, such as ``com.microsoft``.
///
/// Raises
/// ------
/// UnavailableError
///     When ONNX Runtime or the provider cannot be had; it lists what was tried and the command that mends it.
/// InvalidModelError
///     When the bytes are no ONNX model, or one that must not be run.
/// MissingFileError
///     When there is no such file.
#[pyclass(module = "mlcore", frozen)]
pub(crate) struct Runner {
    runner: OnnxRunner,
}

/// A model in a store of artifacts, on its way from a registry to a runner.
#[pyclass(module = "mlcore._mlcore", frozen)]
pub(crate) struct Stored {
    pub(crate) store: Arc<dyn ArtifactStore>,
    pub(crate) artifact: Digest,
    pub(crate) format: String,
}

#[pymethods]
impl Runner {
    #[new]
    #[pyo3(signature = (
        model, *, name = None, library = None, intra_threads = 1, inter_threads = 1, sessions = None, spinning = false,
        optimization = "all", providers = None, fallback = "forbidden", warm_up = 1, load_timeout = None,
        max_run_bytes = 4_294_967_296, probe = None, domains = None
    ))]
    #[expect(clippy::too_many_arguments, reason = "keyword-only options of a Python signature")]
    fn new(
        py: Python<'_>,
        model: &Bound<'_, PyAny>,
        name: Option<Text>,
        library: Option<PathBuf>,
        intra_threads: usize,
        inter_threads: usize,
        sessions: Option<usize>,
        spinning: bool,
        optimization: &str,
        providers: Option<Vec<Text>>,
        fallback: &str,
        warm_up: usize,
        load_timeout: Option<f64>,
        max_run_bytes: u64,
        probe: Option<&Bound<'_, Probe>>,
        domains: Option<Vec<Text>>,
    ) -> PyResult<Self> {
        entry(py, |py| {
            let mut options = OnnxOptions::default()
                .with_intra_threads(intra_threads)
                .with_inter_threads(inter_threads)
                .with_spinning(spinning)
                .with_warm_up(warm_up)
                .with_optimization(optimization.parse().map_err(|error| raise(py, &error))?)
                .with_fallback(fallback.parse().map_err(|error| raise(py, &error))?);
            if let Some(name) = name {
                options = options.with_name(name.into_string());
            }
            if let Some(sessions) = sessions {
                let sessions = NonZeroUsize::new(sessions)
                    .ok_or_else(|| invalid(py, LOAD, "sessions", "it is 0", "pass 1 or more, or None"))?;
                options = options.with_sessions(sessions);
            }
            if let Some(seconds) = load_timeout {
                options = options.with_load_timeout(duration(py, LOAD, "load_timeout", seconds)?);
            }
            if let Some(providers) = providers {
                let read =
                    providers.iter().map(|word| word.parse()).collect::<mlcore::Result<Vec<Provider>>>();
                options = options.with_providers(read.map_err(|error| raise(py, &error))?);
            }
            let limits = domains
                .unwrap_or_default()
                .into_iter()
                .map(Text::into_string)
                .fold(Limits::default(), Limits::with_domain);
            options = options.with_limits(limits.with_max_run_bytes(max_run_bytes));
            if let Some(probe) = probe {
                options = options.with_probe(probe.get().native.clone());
            }
            let library = match library {
                Some(library) => Some(library),
                None => own_library(py)?,
            };
            if let Some(library) = library {
                options = options.with_library(library);
            }
            let runner = if let Ok(stored) = model.cast::<Stored>() {
                let Stored { store, artifact, format } = stored.get();
                detached(py, || OnnxRunner::from_store_with(store.as_ref(), artifact, format, &options))?
            } else if let Ok(bytes) = model.cast::<PyBytes>() {
                let bytes = bytes.as_bytes();
                detached(py, || OnnxRunner::from_bytes_with(bytes, &options))?
            } else if let Ok(path) = model.extract::<PathBuf>() {
                detached(py, || OnnxRunner::from_file_with(path, &options))?
            } else if let Ok(bytes) = model.extract::<Vec<u8>>() {
                detached(py, || OnnxRunner::from_bytes_with(&bytes, &options))?
            } else {
                let problem = format!("a path or bytes are expected, and it is a {}", type_name(model));
                return Err(wrong_type(py, LOAD, "model", problem, "pass the file, or its content"));
            };
            Ok(Self { runner })
        })
    }

    /// What the model takes, in its own order.
    #[getter]
    fn inputs(&self) -> Vec<Field> {
        fields(&self.runner.signature().inputs)
    }

    /// What the model takes besides, each with a default where it is not passed.
    #[getter]
    fn optional_inputs(&self) -> Vec<Field> {
        fields(&self.runner.signature().optional)
    }

    /// Where the model was seen to answer otherwise than its file declares, a sentence for each output, and whether it
    /// fails on several rows of zeros and not on one. What it answers counts.
    #[getter]
    fn notes(&self) -> Vec<&str> {
        self.runner.notes()
    }

    /// What the model declares that it answers, in its own order.
    #[getter]
    fn outputs(&self) -> Vec<Field> {
        fields(&self.runner.signature().outputs)
    }

    /// Answers a batch.
    ///
    /// Parameters
    /// ----------
    /// inputs : dict of str to array_like, or table
    ///     An array per input, of its type and shape; lists and series take the type. A frame is taken by name for models
    ///     with one input per column, and as a matrix for models with a single one. No number is cut, wrapped or made infinite
    ///     on the way; floats are rounded to the width of a float type. An input that has a default may be left away.
    /// timeout : float, optional
    ///     Seconds after which the run is stopped. Where ONNX Runtime would not stop in time, because an operator goes on, the
    ///     run has a thread of its own, and the call returns without it.
    /// isolated : bool
    ///     With a timeout, give the run a thread of its own also where it is expected to stop in time: some ten microseconds.
    ///
    /// Returns
    /// -------
    /// dict of str to ndarray
    ///     The outputs, in the model's order. Text is an array of objects, ``bfloat16`` is ``float32``, the tensors of a sequence
    ///     are one array with an axis more in front, and an optional output that the model leaves empty is absent.
    ///
    /// Raises
    /// ------
    /// SchemaMismatchError
    ///     For an input that is missing, unknown, or of another type or shape, and for a value that its type does not hold,
    ///     with its row.
    /// TimeoutError
    ///     When the run took too long.
    /// OverloadedError
    ///     When it needs more memory than ``max_run_bytes``.
    /// UnavailableError
    ///     While two runs that did not end in time go on (:attr:`abandoned_runs`), for one that would need such a thread, too; and
    ///     after ``os.fork``, for a model that has threads or a GPU.
    #[pyo3(signature = (inputs, *, timeout = None, isolated = false))]
    fn run<'py>(
        &self,
        py: Python<'py>,
        inputs: &Bound<'py, PyAny>,
        timeout: Option<f64>,
        isolated: bool,
    ) -> PyResult<Bound<'py, PyDict>> {
        entry(py, |py| {
            let mut options = RunOptions::default().with_isolated(isolated);
            if let Some(seconds) = timeout {
                options = options.with_timeout(duration(py, RUN, "timeout", seconds)?);
            }
            let batch = tensors(inputs, self.runner.signature())?;
            let answer = detached(py, || self.runner.run(&batch, &options))?;
            arrays(py, &answer)
        })
    }

    /// The runs that did not end when they were to, at a deadline or by Ctrl-C, and still go on in threads of their own.
    #[getter]
    fn abandoned_runs(&self) -> usize {
        self.runner.abandoned_runs()
    }

    /// The execution provider that computes: ``cpu``, ``cuda``.
    #[getter]
    fn provider(&self) -> &str {
        self.runner.provider()
    }

    /// The properties that the file carries.
    #[getter]
    fn metadata<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let metadata = PyDict::new(py);
        for (key, value) in &self.runner.info().metadata {
            metadata.set_item(key, value)?;
        }
        Ok(metadata)
    }

    /// The tool that wrote the model, with its version.
    #[getter]
    fn producer(&self) -> &str {
        &self.runner.info().producer
    }

    /// The version of ONNX Runtime that runs it.
    #[getter]
    fn runtime_version(&self) -> &str {
        self.runner.runtime().version()
    }

    fn __repr__(&self) -> String {
        let names = |schema: &Schema| schema.names().collect::<Vec<_>>().join(", ");
        let signature = self.runner.signature();
        format!(
            "<mlcore.Runner ({}) -> ({}) on {}>",
            names(&signature.inputs),
            names(&signature.outputs),
            self.runner.provider()
        )
    }
}

impl Runner {
    /// The runner itself.
    pub(crate) fn native(&self) -> &OnnxRunner {
        &self.runner
    }
}

const LOAD: &str = "load model";
const RUN: &str = "run model";

/// The tensors of what Python passes to a model of this signature.
pub(crate) fn tensors(inputs: &Bound<'_, PyAny>, signature: &Signature) -> PyResult<Batch> {
    let py = inputs.py();
    if let Ok(mapping) = inputs.cast::<PyMapping>() {
        let mut tensors = Vec::with_capacity(signature.inputs.len());
        for item in mapping.items()?.iter() {
            let (name, value) = item.extract::<(String, Bound<'_, PyAny>)>()?;
            let tensor = tensor(&value, &name, signature.input(&name))?;
            tensors.push((name, tensor));
        }
        return Batch::new(tensors).map_err(|error| raise(py, &error));
    }
    if let [field] = signature.inputs.fields()
        && is_of(inputs, "numpy", &["ndarray"])
    {
        return Ok(Batch::single(field.name(), tensor(inputs, field.name(), Some(field))?));
    }
    let table = door::comparable_table(inputs, Asked { operation: RUN, subject: "inputs" })?;
    Batch::from_table(&table, &signature.inputs).map_err(|error| raise(py, &error))
}

/// What a model answered, as arrays by name.
pub(crate) fn arrays<'py>(py: Python<'py>, answer: &Batch) -> PyResult<Bound<'py, PyDict>> {
    let outputs = PyDict::new(py);
    for (name, tensor) in answer.iter() {
        outputs.set_item(name, array(py, tensor)?)?;
    }
    Ok(outputs)
}

/// Seconds of Python as a duration.
pub(crate) fn duration(
    py: Python<'_>,
    operation: &'static str,
    subject: &str,
    seconds: f64,
) -> PyResult<Duration> {
    Duration::try_from_secs_f64(seconds)
        .map_err(|cause| invalid(py, operation, subject, cause.to_string(), "pass seconds, such as 0.5"))
}

/// The library inside the package `onnxruntime` of this interpreter, which is not imported. `ORT_DYLIB_PATH` goes before it.
pub(crate) fn own_library(py: Python<'_>) -> PyResult<Option<PathBuf>> {
    py.import("mlcore._onnxruntime")?.call_method0("library")?.extract()
}

/// Where ONNX Runtime was found and which version it is, loading it if need be.
#[pyfunction]
#[pyo3(signature = (library = None))]
pub(crate) fn onnx_runtime<'py>(py: Python<'py>, library: Option<PathBuf>) -> PyResult<Bound<'py, PyDict>> {
    entry(py, |py| {
        let library = match library {
            Some(library) => Some(library),
            None => own_library(py)?,
        };
        let runtime = detached(py, || match library {
            Some(library) => OnnxRuntime::load_from(library),
            None => OnnxRuntime::load(),
        })?;
        let found = PyDict::new(py);
        found.set_item("library", runtime.library().to_string_lossy())?;
        found.set_item("version", runtime.version())?;
        found.set_item("providers", runtime.providers())?;
        Ok(found)
    })
}
