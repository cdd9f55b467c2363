use std::ffi::c_char;
use std::fmt;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use ort_sys as sys;
use smol_str::SmolStr;

use super::answer::{Otherwise, has_rows};
use super::call::{self, Few, Names};
use super::deadline::{self, Flag};
use super::external::{ExternalData, Folder};
use super::ffi::Failure;
use super::graph::{self, ModelInfo, Slot};
use super::options::{Limits, OnnxOptions};
use super::pool::Sessions;
use super::provider::Provider;
use super::runtime::OnnxRuntime;
use super::session::{self, Source};
use crate::batch::{Batch, Tensor};
use crate::error::{Error, Result};
use crate::interrupt;
use crate::runner::{RunOptions, Runner};
use crate::schema::Signature;

pub(super) const OPERATION: &str = "run model";
/// A run of this length is not worth a thread that could be stopped.
const QUICK: Duration = Duration::from_millis(10);

/// An ONNX model, loaded. Cloning shares it; any number of threads may run it at once.
///
/// Dense models, models with one input per column and models on text are taken as they are. The maps that
/// scikit-learn's converters answer by default (ZipMap) come as `float32 [rows, classes]`, whose field carries the
/// classes as labels.
#[derive(Clone)]
pub struct OnnxRunner(Arc<Loaded>);

pub(super) struct Loaded {
    pub(super) name: String,
    pub(super) info: ModelInfo,
    pub(super) runtime: OnnxRuntime,
    pub(super) provider: Provider,
    pub(super) placement: Vec<(String, usize)>,
    pub(super) sessions: Sessions,
    pub(super) inputs: Vec<Slot>,
    /// Inputs that have a default.
    pub(super) optional: Vec<Slot>,
    pub(super) outputs: Vec<Slot>,
    /// Those of the inputs, then those of the inputs that have a default.
    pub(super) input_names: Names,
    pub(super) output_names: Names,
    pub(super) answer_names: Vec<SmolStr>,
    pub(super) max_output_bytes: u64,
    /// For each output what it was seen to be where that is not what it is declared to be.
    pub(super) otherwise: Box<[OnceLock<Otherwise>]>,
    /// Inputs of so many numbers were seen to be answered quickly, so that nobody wants to stop such a run.
    pub(super) quick_elements: AtomicUsize,
    /// Why several rows of zeros are not answered, where one is.
    pub(super) fails_on_several: OnceLock<String>,
}

/// The tensors of a run in the order of their names.
struct Bound<'a> {
    tensors: Few<&'a Tensor>,
    /// Which of the inputs that have a default stand behind the others.
    optional: Few<usize>,
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
            input_names: Names::of(model.inputs.iter().chain(&model.optional))?,
            output_names: Names::of(&model.outputs)?,
            otherwise: model.outputs.iter().map(|_| OnceLock::new()).collect(),
            quick_elements: AtomicUsize::new(0),
            fails_on_several: OnceLock::new(),
            answer_names: call::answer_names(&model.outputs),
            info: model.info,
            runtime,
            provider,
            sessions,
            inputs: model.inputs,
            optional: model.optional,
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

    /// Where the model was seen to answer otherwise than its file declares, a sentence for each output; and whether it fails on
    /// several rows of zeros and not on one. Exporters declare shapes that are none: what the model answers counts.
    #[must_use]
    pub fn notes(&self) -> Vec<&str> {
        let otherwise = self.0.otherwise.iter().filter_map(OnceLock::get).map(|seen| seen.note.as_str());
        otherwise.chain(self.0.fails_on_several.get().map(String::as_str)).collect()
    }

    /// How many nodes of the optimised graph each execution provider was given, by ONNX Runtime's names.
    /// Empty with an ONNX Runtime older than 1.24, which does not tell.
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
    /// A batch of zero rows is answered with zero rows, by the model or, where all shapes are known, for it. An output whose
    /// shape is not the declared one is answered as it is ([`notes`](Self::notes)). An optional output that the model leaves
    /// empty is not in the answer; the tensors of a sequence are answered as one, with an axis more in front.
    fn run(&self, inputs: &Batch, options: &RunOptions) -> Result<Batch> {
        if !interrupt::is_active() {
            return self.0.run(inputs, options);
        }
        let elements: usize = inputs.iter().map(|(_, tensor)| tensor.len()).sum();
        if elements <= self.0.quick_elements.load(Ordering::Relaxed) {
            return self.0.run(inputs, options);
        }
        let begin = Instant::now();
        let (loaded, inputs, options) = (self.0.clone(), inputs.clone(), options.clone());
        let answer = deadline::interruptible(&self.0.runtime, move |flag| {
            loaded.run_under(&inputs, &options, Some(flag))
        });
        if answer.is_ok() && begin.elapsed() < QUICK {
            self.0.quick_elements.fetch_max(elements, Ordering::Relaxed);
        }
        answer
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
    pub(super) fn run(&self, batch: &Batch, options: &RunOptions) -> Result<Batch> {
        self.run_under(batch, options, None)
    }

    /// A run that is stopped by the flag, too, where there is one.
    fn run_under(&self, batch: &Batch, options: &RunOptions, flag: Option<&Arc<Flag>>) -> Result<Batch> {
        let bound = self.bind(batch)?;
        let tensors = bound.tensors.as_slice();
        let rows = self.rows(tensors)?;
        if let Some(empty) = self.empty_answer(tensors)? {
            return Ok(empty);
        }
        if options.timeout.is_some_and(|timeout| timeout.is_zero()) {
            return Err(self.too_late());
        }
        let narrowed = self.narrowed(&bound)?;
        let run = |run_options| {
            let (needed, all) = self.names(&bound);
            let names = if all.is_empty() { needed } else { all.as_slice() };
            // SAFETY: the values borrow from tensors of `batch` and from `narrowed`, which outlive them; the sessions were made
            // from the model that the names come from, and `with` hands out one that this thread may run.
            #[expect(unsafe_code, reason = "a foreign interface")]
            unsafe {
                let values = tensors.iter().enumerate().map(|(position, tensor)| {
                    match narrowed.get(position).and_then(Option::as_ref) {
                        Some(narrow) => call::borrow(&self.runtime, narrow, true),
                        None => call::borrow(&self.runtime, tensor, false),
                    }
                });
                let values = values.collect::<Result<Few<_>, Failure>>()?;
                let inputs = (names, values.as_slice());
                let api = self.runtime.api();
                self.sessions.with(|session| call::run(api, session, run_options, inputs, &self.output_names))
            }
        };
        let outcome = match flag {
            None => deadline::within(&self.runtime, options.timeout, run)?,
            Some(flag) => flag.within(options.timeout, run)?,
        };
        let values = outcome.answer.map_err(|failure| match outcome.passed {
            true => self.too_late().caused_by(failure.message),
            false => self.failed(&failure),
        })?;
        self.answer(&values, &rows)
    }

    /// The tensor of each input, in the model's order, checked; and those that have a default and are passed all the same.
    fn bind<'a>(&self, batch: &'a Batch) -> Result<Bound<'a>> {
        let mut tensors = Few::with_capacity(self.inputs.len());
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
            tensors.push(tensor);
        }
        let mut optional = Few::new();
        if batch.len() != tensors.len() {
            for (position, slot) in self.optional.iter().enumerate() {
                if let Some(tensor) = batch.find(slot.field.name()) {
                    slot.field.check(tensor.dtype(), tensor.shape())?;
                    tensors.push(tensor);
                    optional.push(position);
                }
            }
        }
        if batch.len() == tensors.len() { Ok(Bound { tensors, optional }) } else { Err(self.misfit(batch)) }
    }

    #[cold]
    fn misfit(&self, batch: &Batch) -> Error {
        let signature = &self.info.signature;
        let needed = batch.iter().filter(|(name, _)| signature.optional.field(name).is_none());
        Batch::new(needed.map(|(name, tensor)| (name, tensor.clone())))
            .and_then(|needed| needed.check(&signature.inputs))
            .err()
            .unwrap_or_else(|| Error::internal(OPERATION, &*self.name, "inputs fit and do not"))
    }

    /// The slots of the bound tensors, in their order.
    fn slots<'a>(&'a self, bound: &'a Bound<'_>) -> impl Iterator<Item = &'a Slot> {
        let optional = bound.optional.iter().filter_map(|position| self.optional.get(*position));
        self.inputs.iter().chain(optional)
    }

    /// The names of the bound tensors, as C takes them: of the needed ones, and of all where there are more.
    fn names(&self, bound: &Bound<'_>) -> (&[*const c_char], Vec<*const c_char>) {
        let (needed, optional) = self.input_names.as_slice().split_at(self.inputs.len());
        if bound.optional.is_empty() {
            return (needed, Vec::new());
        }
        let optional = bound.optional.iter().filter_map(|position| optional.get(*position));
        (needed, needed.iter().chain(optional).copied().collect())
    }

    /// For each bound tensor its bits, where ONNX Runtime takes it narrower; empty where it takes all as they are.
    fn narrowed(&self, bound: &Bound<'_>) -> Result<Few<Option<Tensor>>> {
        if !self.slots(bound).any(|slot| slot.is_bfloat16) {
            return Ok(Few::new());
        }
        let narrow = |(slot, tensor): (&Slot, &&Tensor)| {
            let is_narrow = slot.is_bfloat16;
            is_narrow.then(|| call::bfloat16(slot.field.name(), tensor)).transpose()
        };
        self.slots(bound).zip(&bound.tensors).map(narrow).collect()
    }

    /// The size of the first axis for every name of a first axis. Inputs that share a name must share the size.
    fn rows(&self, tensors: &[&Tensor]) -> Result<Few<(Option<&str>, usize)>> {
        let mut known: Few<(Option<&str>, usize)> = Few::new();
        for (slot, tensor) in self.inputs.iter().zip(tensors) {
            if !has_rows(slot) {
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
