use std::fmt;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ort_sys as sys;
use smol_str::SmolStr;

use super::call::{self, Few, Names};
use super::deadline;
use super::external::{ExternalData, Folder};
use super::ffi::{Failure, Owned};
use super::graph::{self, ModelInfo, Slot};
use super::options::{Limits, OnnxOptions};
use super::pool::{self, Sessions};
use super::provider::Provider;
use super::runtime::OnnxRuntime;
use super::session::{self, Source};
use crate::batch::{Batch, Tensor};
use crate::error::{Error, Result};
use crate::runner::{RunOptions, Runner};
use crate::schema::{Dim, Signature};

const OPERATION: &str = "run model";

/// An ONNX model, loaded. Cloning shares it; any number of threads may run it at once.
///
/// Dense models, models with one input per column and models on text are taken as they are. The maps that
/// scikit-learn's converters answer by default (ZipMap) come as `float32 [rows, classes]`, whose field carries the
/// classes as labels.
#[derive(Clone)]
pub struct OnnxRunner(Arc<Loaded>);

struct Loaded {
    name: String,
    info: ModelInfo,
    runtime: OnnxRuntime,
    provider: Provider,
    placement: Vec<(String, usize)>,
    sessions: Sessions,
    inputs: Vec<Slot>,
    outputs: Vec<Slot>,
    input_names: Names,
    output_names: Names,
    answer_names: Vec<SmolStr>,
    max_output_bytes: u64,
}

impl OnnxRunner {
    /// Loads a model from memory, with default options.
    ///
    /// # Errors
    /// As [`OnnxRunner::from_bytes_with`].
    pub fn from_bytes(model: &[u8]) -> Result<Self> {
        Self::from_bytes_with(model, &OnnxOptions::default())
    }

    /// Loads a model from memory. One whose weights lie in other files is refused.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when ONNX Runtime or the provider asked for cannot be had, [`Error::InvalidModel`] and
    /// [`Error::Unsupported`] when the model cannot or must not be run, [`Error::Timeout`] when loading took too long.
    pub fn from_bytes_with(model: &[u8], options: &OnnxOptions) -> Result<Self> {
        Self::build(model, Weights::In(None), options.name.as_deref().unwrap_or("model"), options)
    }

    /// Loads a model whose weights were read from elsewhere.
    pub(super) fn from_parts(
        model: &[u8],
        weights: Vec<ExternalData>,
        options: &OnnxOptions,
    ) -> Result<Self> {
        Self::build(model, Weights::Read(weights), options.name.as_deref().unwrap_or("model"), options)
    }

    /// Loads a model from a file, with default options.
    ///
    /// # Errors
    /// As [`OnnxRunner::from_file_with`].
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self> {
        Self::from_file_with(path, &OnnxOptions::default())
    }

    /// Loads a model from a file, and its weights from other files where they lie in the same folder or below it.
    ///
    /// # Errors
    /// As [`OnnxRunner::from_bytes_with`]; [`Error::NotFound`] and [`Error::PermissionDenied`] for the file itself.
    pub fn from_file_with(path: impl AsRef<Path>, options: &OnnxOptions) -> Result<Self> {
        let path = path.as_ref();
        let file_name = path.file_name().map_or_else(|| "model".into(), |name| name.to_string_lossy());
        let name = options.name.as_deref().unwrap_or(&file_name);
        let bytes = read_file(path, name, &options.limits)?;
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        Self::build(&bytes, Weights::In(Some(folder)), name, options)
    }

    fn build(bytes: &[u8], weights: Weights<'_>, name: &str, options: &OnnxOptions) -> Result<Self> {
        let model = graph::read(bytes, name, &options.limits)?;
        let locations = &model.info.external_data;
        let external = match weights {
            Weights::Read(files) => files,
            Weights::In(path) => {
                let folder = Folder { model: name, path };
                folder.check(locations)?;
                folder.read(locations, bytes.len() as u64, &options.limits)?
            }
        };
        let runtime = match &options.library {
            Some(library) => OnnxRuntime::load_from(library)?,
            None => OnnxRuntime::load()?,
        };
        let rewritten;
        let bytes = if model.zip_maps.is_empty() {
            bytes
        } else {
            rewritten = graph::without_zip_maps(bytes, &model.zip_maps)
                .map_err(|problem| Error::invalid_model("load model", name, problem))?;
            &rewritten
        };
        let source = Source { model: name, bytes, opsets: &model.info.opsets, external: &external };
        let (sessions, provider) = session::make(&runtime, &source, options)?;
        // Proved already where it matters; a minimal build of ONNX Runtime does not record it.
        let placement =
            sessions.with(|session| session::placement(runtime.api(), session)).unwrap_or_default();
        let loaded = Loaded {
            name: name.to_owned(),
            placement,
            input_names: Names::of(&model.inputs)?,
            output_names: Names::of(&model.outputs)?,
            answer_names: call::answer_names(&model.outputs),
            info: model.info,
            runtime,
            provider,
            sessions,
            inputs: model.inputs,
            outputs: model.outputs,
            max_output_bytes: options.limits.max_output_bytes,
        };
        loaded.warm_up(options)?;
        Ok(Self(Arc::new(loaded)))
    }

    /// What the file says about itself: producer, operator sets, metadata.
    #[must_use]
    pub fn info(&self) -> &ModelInfo {
        &self.0.info
    }

    /// How many nodes of the optimised graph each execution provider was given, by ONNX Runtime's names.
    #[must_use]
    pub fn placement(&self) -> &[(String, usize)] {
        &self.0.placement
    }

    /// The library that runs it.
    #[must_use]
    pub fn runtime(&self) -> &OnnxRuntime {
        &self.0.runtime
    }
}

impl Runner for OnnxRunner {
    fn signature(&self) -> &Signature {
        &self.0.info.signature
    }

    /// Answers a batch. Inputs are passed without a copy, outputs are copied once.
    ///
    /// A batch of zero rows is answered with zero rows, by the model or, where the signature tells all shapes, for it.
    fn run(&self, inputs: &Batch, options: &RunOptions) -> Result<Batch> {
        self.0.run(inputs, options)
    }

    fn provider(&self) -> &str {
        self.0.provider.label()
    }
}

impl fmt::Debug for OnnxRunner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnnxRunner")
            .field("name", &self.0.name)
            .field("provider", &self.0.provider)
            .field("runtime", &self.0.runtime)
            .finish_non_exhaustive()
    }
}

/// Where weights come from that lie outside the model's file.
enum Weights<'a> {
    /// From files in this folder; without one there are none.
    In(Option<&'a Path>),
    /// They were read.
    Read(Vec<ExternalData>),
}

impl Loaded {
    fn run(&self, batch: &Batch, options: &RunOptions) -> Result<Batch> {
        let tensors = self.bind(batch)?;
        let rows = self.rows(&tensors)?;
        if let Some(empty) = self.empty_answer(&tensors)? {
            return Ok(empty);
        }
        if options.timeout.is_some_and(|timeout| timeout.is_zero()) {
            return Err(self.too_late());
        }
        let outcome = deadline::within(&self.runtime, options.timeout, |run_options| {
            // SAFETY: the values borrow from tensors of `batch`, which outlives them; the sessions were made from the model
            // that the names come from, and `with` hands out one that this thread may run.
            #[expect(unsafe_code, reason = "a foreign interface")]
            unsafe {
                let values = tensors.iter().map(|tensor| call::borrow(&self.runtime, tensor));
                let values = values.collect::<Result<Few<_>, Failure>>()?;
                let inputs = (&self.input_names, values.as_slice());
                let api = self.runtime.api();
                self.sessions.with(|session| call::run(api, session, run_options, inputs, &self.output_names))
            }
        })?;
        let values = outcome.answer.map_err(|failure| match outcome.passed {
            true => self.too_late().caused_by(failure.message),
            false => self.failed(&failure),
        })?;
        self.answer(&values, &rows)
    }

    /// The tensor of each input, in the model's order, checked.
    fn bind<'a>(&self, batch: &'a Batch) -> Result<Few<&'a Tensor>> {
        let mut bound = Few::with_capacity(self.inputs.len());
        let mut given = batch.iter();
        for slot in &self.inputs {
            let name = slot.field.name();
            // Most callers send the inputs in the model's order.
            let tensor = match given.next() {
                Some((own, tensor)) if own == name => tensor,
                _ => match batch.find(name) {
                    Some(tensor) => tensor,
                    None => return Err(self.misfit(batch)),
                },
            };
            slot.field.check(tensor.dtype(), tensor.shape())?;
            bound.push(tensor);
        }
        if batch.len() == self.inputs.len() { Ok(bound) } else { Err(self.misfit(batch)) }
    }

    #[cold]
    fn misfit(&self, batch: &Batch) -> Error {
        batch
            .check(&self.info.signature.inputs)
            .err()
            .unwrap_or_else(|| Error::internal(OPERATION, &*self.name, "inputs fit and do not"))
    }

    /// The size of the first axis for every name of a first axis. Inputs that share a name must share the size.
    fn rows(&self, tensors: &[&Tensor]) -> Result<Few<(Option<&str>, usize)>> {
        let mut known: Few<(Option<&str>, usize)> = Few::new();
        for (slot, tensor) in self.inputs.iter().zip(tensors) {
            if slot.field.shape().first() != Some(&Dim::Dynamic) {
                continue;
            }
            let (axis, size) = (slot.rows.as_deref(), tensor.rows().unwrap_or(0));
            match known.iter().find(|(name, _)| *name == axis) {
                None => known.push((axis, size)),
                Some((_, first)) if *first == size => {}
                Some((_, first)) => {
                    return Err(Error::schema_mismatch(
                        OPERATION,
                        slot.field.name(),
                        format!("it has {size} rows, and an input before it has {first}"),
                    ));
                }
            }
        }
        Ok(known)
    }

    /// The answer to zero rows, where the signature tells its shape: many operators cannot compute it.
    fn empty_answer(&self, tensors: &[&Tensor]) -> Result<Option<Batch>> {
        let mut batched = self
            .inputs
            .iter()
            .zip(tensors)
            .filter(|(slot, _)| slot.field.shape().first() == Some(&Dim::Dynamic))
            .peekable();
        if batched.peek().is_none() || !batched.all(|(_, tensor)| tensor.rows() == Some(0)) {
            return Ok(None);
        }
        let mut answers = Vec::with_capacity(self.outputs.len());
        for (slot, name) in self.outputs.iter().zip(&self.answer_names) {
            let [Dim::Dynamic, inner @ ..] = slot.field.shape() else { return Ok(None) };
            let mut shape = vec![0];
            for dim in inner {
                let Dim::Fixed(size) = dim else { return Ok(None) };
                shape.push(*size);
            }
            answers.push((name.clone(), Tensor::zeros(slot.field.dtype(), shape)?));
        }
        Batch::new(answers).map(Some)
    }

    /// The answers as tensors, checked against the signature and the rows that were asked for.
    fn answer(&self, values: &[Owned<sys::OrtValue>], rows: &[(Option<&str>, usize)]) -> Result<Batch> {
        let mut left = self.max_output_bytes;
        let mut answers = Vec::with_capacity(values.len());
        for ((value, slot), name) in values.iter().zip(&self.outputs).zip(&self.answer_names) {
            let (tensor, bytes) = call::copy_out(self.runtime.api(), value, name, left)?;
            left = left.saturating_sub(bytes);
            let expected = match slot.field.shape().first() {
                Some(Dim::Dynamic) => {
                    rows.iter().find(|(axis, _)| *axis == slot.rows.as_deref()).map(|(_, size)| *size)
                }
                _ => None,
            };
            let fits = match slot.has_shape {
                true => slot.field.check(tensor.dtype(), tensor.shape()).is_ok(),
                false => tensor.dtype() == slot.field.dtype(),
            };
            if !fits || slot.has_shape && expected.is_some_and(|rows| tensor.rows() != Some(rows)) {
                let rows = expected.map(|rows| format!(" for {rows} rows")).unwrap_or_default();
                return Err(Error::invalid_model(
                    OPERATION,
                    &*self.name,
                    format!(
                        "it declares {} and answered {} {:?}{rows}",
                        slot.field,
                        tensor.dtype(),
                        tensor.shape()
                    ),
                )
                .remedy("export it with the shapes that it answers"));
            }
            answers.push((name.clone(), tensor));
        }
        Batch::new(answers)
    }

    #[cold]
    fn too_late(&self) -> Error {
        Error::timeout(OPERATION, &*self.name, "it was stopped at its deadline")
            .remedy("allow a longer timeout, or send fewer rows")
    }

    #[cold]
    fn failed(&self, failure: &Failure) -> Error {
        const NOT_IMPLEMENTED: i32 = sys::OrtErrorCode::ORT_NOT_IMPLEMENTED as i32;
        const DEVICE: [i32; 3] = [
            sys::OrtErrorCode::ORT_ENGINE_ERROR as i32,
            sys::OrtErrorCode::ORT_EP_FAIL as i32,
            sys::OrtErrorCode::ORT_DEVICE_RESET as i32,
        ];
        let (name, message) = (&*self.name, &failure.message);
        let error = if message.contains("bad_alloc") || message.contains("Failed to allocate memory") {
            Error::overloaded(OPERATION, name, "there is no memory for it")
                .remedy("send fewer rows, or free memory")
        } else if failure.code == NOT_IMPLEMENTED {
            Error::unsupported(OPERATION, name, failure.reason())
        } else if DEVICE.contains(&failure.code) {
            Error::unavailable(OPERATION, name, failure.reason())
        } else {
            Error::invalid_input(OPERATION, name, format!("it failed on these inputs: {}", failure.reason()))
        };
        error.caused_by(message.clone())
    }

    /// Runs every session on zeros. What does not run on zeros, such as a lookup by name, may still run on data.
    fn warm_up(&self, options: &OnnxOptions) -> Result<()> {
        const PATIENCE: Duration = Duration::from_secs(10);
        const MOST_ELEMENTS: usize = 1 << 26;
        let mut inputs = Vec::with_capacity(self.inputs.len());
        for slot in &self.inputs {
            let size = |dim: &Dim| if let Dim::Fixed(size) = dim { *size } else { 1 };
            let shape: Vec<usize> = slot.field.shape().iter().map(size).collect();
            let length = shape.iter().try_fold(1_usize, |length, &size| length.checked_mul(size));
            if length.is_none_or(|length| length > MOST_ELEMENTS) {
                return Ok(());
            }
            inputs.push((slot.field.name(), Tensor::zeros(slot.field.dtype(), shape)?));
        }
        let inputs = Batch::new(inputs)?;
        let once = RunOptions::default().with_timeout(options.load_timeout.unwrap_or(PATIENCE));
        for _ in 0..options.warm_up {
            for position in 0..self.sessions.len() {
                pool::prefer(position);
                match self.run(&inputs, &once) {
                    Ok(_) => {}
                    Err(error @ Error::Timeout(_)) => {
                        tracing::warn!(model = %self.name, %error, "warm-up on zeros took too long");
                        return Ok(());
                    }
                    Err(error) => {
                        tracing::debug!(model = %self.name, %error, "warm-up on zeros failed");
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }
}

/// The bytes of a regular file, bounded: a pipe or a device would never end.
fn read_file(path: &Path, name: &str, limits: &Limits) -> Result<Vec<u8>> {
    let unreadable = |cause| Error::from_io("load model", name, cause);
    let refused = |problem: String| Err(Error::invalid_model("load model", name, problem));
    if !fs::metadata(path).map_err(unreadable)?.is_file() {
        return refused("it is no regular file".into());
    }
    let file = File::open(path).map_err(unreadable)?;
    let opened = file.metadata().map_err(unreadable)?;
    if !opened.is_file() {
        return refused("it is no regular file".into());
    }
    if opened.len() > limits.max_model_bytes {
        return refused(format!(
            "it has {} bytes, and at most {} are allowed",
            opened.len(),
            limits.max_model_bytes
        ));
    }
    let mut bytes = Vec::new();
    file.take(opened.len()).read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(bytes)
}
