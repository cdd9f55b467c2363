//! Loading a model: from its bytes to the sessions that run it.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::answer::has_rows;
use super::call::{self, Names};
use super::external::{ExternalData, Folder};
use super::fork;
use super::graph::{self, Model};
use super::isolated::{self, Abandoned, Work};
use super::options::{Limits, OnnxOptions};
use super::pool::Sessions;
use super::provider::Provider;
use super::room;
use super::runner::{Loaded, OnnxRunner};
use super::runtime::OnnxRuntime;
use super::session::{self, Source};
use crate::error::{Error, Result};
use crate::schema::Dim;

const OPERATION: &str = "load model";

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
        let name = options.name.as_deref().unwrap_or("model");
        room::check(name, model.len() as u64, &options.limits)?;
        Self::build(Cow::Borrowed(model), Weights::In(None), name, options)
    }

    /// Loads a model that was read, and its weights where they lie elsewhere.
    pub(super) fn from_parts(
        model: Vec<u8>,
        weights: Option<Vec<ExternalData>>,
        options: &OnnxOptions,
    ) -> Result<Self> {
        let weights = weights.map_or(Weights::In(None), Weights::Read);
        Self::build(Cow::Owned(model), weights, options.name.as_deref().unwrap_or("model"), options)
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
        room::check(name, fs::metadata(path).map_or(0, |file| file.len()), &options.limits)?;
        let bytes = read_file(path, name, &options.limits)?;
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        Self::build(Cow::Owned(bytes), Weights::In(Some(folder)), name, options)
    }

    fn build(bytes: Cow<'_, [u8]>, weights: Weights<'_>, name: &str, options: &OnnxOptions) -> Result<Self> {
        let mut bytes = bytes;
        let model = graph::read(&bytes, name, &options.limits)?;
        let locations = &model.info.external_data;
        let external = match weights {
            Weights::Read(files) => files,
            Weights::In(path) => {
                let folder = Folder { model: name, path };
                folder.check(locations)?;
                folder.read(locations, bytes.len() as u64, &options.limits)?
            }
        };
        if let Some(probe) = &options.probe {
            probe.check(name, &bytes, &external, options)?;
        }
        let runtime = match &options.library {
            Some(library) => OnnxRuntime::load_from(library)?,
            None => OnnxRuntime::load()?,
        };
        let malformed = |problem: String| Error::invalid_model(OPERATION, name, problem);
        if !model.zip_maps.is_empty() {
            bytes = Cow::Owned(graph::without_zip_maps(&bytes, &model.zip_maps).map_err(malformed)?);
        }
        if let Some(named) = graph::with_named_axes(&bytes, model.info.nodes).map_err(malformed)? {
            bytes = Cow::Owned(named);
        }
        let due = options.load_timeout.map(|timeout| (timeout, Instant::now().checked_add(timeout)));
        let (sessions, provider, placement) = match due {
            None => make(&runtime, name, &bytes, &model, &external, options)?,
            Some((timeout, _)) => {
                make_within(timeout, &runtime, name, bytes.into_owned(), &model, external, options)?
            }
        };
        let loaded = Arc::new(Loaded {
            name: name.to_owned(),
            placement,
            input_names: Names::of(model.inputs.iter().chain(&model.optional))?,
            output_names: Names::of(&model.outputs)?,
            otherwise: model.outputs.iter().map(|_| OnceLock::new()).collect(),
            quick_elements: AtomicUsize::new(0),
            fails_on_several: OnceLock::new(),
            answer_names: call::answer_names(&model.outputs),
            is_sized_by_rows: is_sized_by_rows(&model),
            tree_steps: model.kernels.tree_steps,
            abandoned: Arc::default(),
            generation: fork::generation(),
            row_axes: model.row_axes,
            has_threads: options.intra_threads != 1 || options.inter_threads != 1,
            info: model.info,
            runtime,
            provider,
            sessions,
            inputs: model.inputs,
            optional: model.optional,
            outputs: model.outputs,
            max_output_bytes: options.limits.max_output_bytes,
            max_run_bytes: options.limits.max_run_bytes,
        });
        let due = due.and_then(|(_, due)| due);
        loaded.warm_up(options, due)?;
        room::check_after(name, &options.limits)?;
        Ok(Self(loaded))
    }
}

type Made = (Sessions, Provider, Vec<(String, usize)>);

fn make(
    runtime: &OnnxRuntime,
    name: &str,
    bytes: &[u8],
    model: &Model,
    external: &[ExternalData],
    options: &OnnxOptions,
) -> Result<Made> {
    let source = Source {
        model: name,
        bytes,
        opsets: &model.info.opsets,
        external,
        nodes: model.info.nodes,
        grows: model.kernels.grows,
    };
    let (sessions, provider) = session::make(runtime, &source, options)?;
    // Proved already where it matters; a minimal build of ONNX Runtime does not record it.
    let placement = sessions.with(|session| session::placement(runtime.api(), session)).unwrap_or_default();
    Ok((sessions, provider, placement))
}

/// As [`make`], on a thread of its own: what ONNX Runtime does with constants while it loads does not end when it is told to.
fn make_within(
    timeout: Duration,
    runtime: &OnnxRuntime,
    name: &str,
    bytes: Vec<u8>,
    model: &Model,
    external: Vec<ExternalData>,
    options: &OnnxOptions,
) -> Result<Made> {
    /// Loading that was given up and still goes on, of all models: there is no runner yet.
    static ABANDONED: OnceLock<Arc<Abandoned>> = OnceLock::new();
    let what = Work {
        operation: OPERATION,
        subject: name,
        timeout: Some(timeout),
        remedy: "raise load_timeout, or simplify the model",
    };
    let (runtime, own_name) = (runtime.clone(), name.to_owned());
    let (model, options) = (model.clone(), options.clone());
    let work = move || make(&runtime, &own_name, &bytes, &model, &external, &options);
    // The timer of the session's options tells ONNX Runtime to stop.
    isolated::run(&what, ABANDONED.get_or_init(Arc::default), |_| {}, work)
}

/// Whether the number of rows, and nothing else that a caller passes, decides how much each kernel has to do.
fn is_sized_by_rows(model: &Model) -> bool {
    let mut axes = HashSet::new();
    let is_fixed = |dims: &[Dim]| dims.iter().all(|dim| matches!(dim, Dim::Fixed(_)));
    model.kernels.unbounded.is_none()
        && model.inputs.iter().chain(&model.optional).all(|slot| {
            if has_rows(slot) {
                axes.insert(slot.rows);
            }
            let dims = slot.field.shape();
            !slot.field.is_of_any_shape()
                && is_fixed(if has_rows(slot) { dims.get(1..).unwrap_or_default() } else { dims })
        })
        && axes.len() <= 1
}

/// Where weights come from that lie outside the model's file.
enum Weights<'a> {
    /// From files in this folder; without one there are none.
    In(Option<&'a Path>),
    /// They were read.
    Read(Vec<ExternalData>),
}

/// The bytes of a regular file, bounded: a pipe or a device would never end.
fn read_file(path: &Path, name: &str, limits: &Limits) -> Result<Vec<u8>> {
    let unreadable = |cause| Error::from_io(OPERATION, name, cause);
    let refused = |problem: String| Err(Error::invalid_model(OPERATION, name, problem));
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
    // As much as it is, at once: a vector that grows takes up to twice that, which an allocator may keep.
    let mut bytes = Vec::new();
    let length = usize::try_from(opened.len()).unwrap_or(usize::MAX);
    bytes.try_reserve_exact(length).map_err(|cause| unreadable(cause.into()))?;
    file.take(opened.len()).read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(bytes)
}
