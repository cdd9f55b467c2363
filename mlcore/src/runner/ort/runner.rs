use std::cell::Cell;
use std::ffi::c_char;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use ort_sys as sys;
use smallvec::SmallVec;
use smol_str::SmolStr;

use super::answer::{Otherwise, has_rows};
use super::call::{self, Few, Names};
use super::deadline::{self, Flag};
use super::ffi::Failure;
use super::graph::{ModelInfo, Slot};
use super::isolated::{self, Abandoned, Work};
use super::pool::{self, Sessions};
use super::provider::Provider;
use super::runtime::OnnxRuntime;
use super::{budget, fork};
use crate::batch::{Batch, Tensor};
use crate::error::{Error, Result};
use crate::interrupt;
use crate::runner::{RunOptions, Runner};
use crate::schema::Signature;

pub(super) const OPERATION: &str = "run model";
/// A run of this length is not worth a thread that could be stopped.
const QUICK: Duration = Duration::from_millis(10);
/// So many nodes of trees are visited in some milliseconds, whichever way the values of the rows lead.
const MOST_STEPS: u64 = 1_000_000;
const LONGER: &str = "allow a longer timeout, or send fewer rows";

/// An ONNX model, loaded. Cloning shares it; any number of threads may run it at once.
///
/// Dense models, models with one input per column and models on text are taken as they are. The maps that
/// scikit-learn's converters answer by default (ZipMap) come as `float32 [rows, classes]`, whose field carries the
/// classes as labels.
#[derive(Clone)]
pub struct OnnxRunner(pub(super) Arc<Loaded>);

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
    pub(super) max_run_bytes: u64,
    /// Whether the number of rows, and nothing else that a caller passes, decides how much each kernel has to do.
    pub(super) is_sized_by_rows: bool,
    /// The nodes of trees that are visited for one row, at most.
    pub(super) tree_steps: u64,
    pub(super) abandoned: Arc<Abandoned>,
    /// The process that loaded it, by the number of forks.
    pub(super) generation: u32,
    /// The names that first axes have.
    pub(super) row_axes: usize,
    /// Whether ONNX Runtime has threads of its own for it.
    pub(super) has_threads: bool,
    /// For each output what it was seen to be where that is not what it is declared to be.
    pub(super) otherwise: Box<[OnceLock<Otherwise>]>,
    /// Inputs of so many numbers were seen to be answered quickly, so that nobody wants to stop such a run.
    pub(super) quick_elements: AtomicUsize,
    /// Why several rows of zeros are not answered, where one is.
    pub(super) fails_on_several: OnceLock<String>,
}

/// The size of the first axis for each name of one.
pub(super) type Rows = SmallVec<[Option<usize>; 2]>;

/// The tensors of a run in the order of their names.
struct Bound<'a> {
    tensors: Few<&'a Tensor>,
    /// Which of the inputs that have a default stand behind the others.
    optional: Few<usize>,
}

impl OnnxRunner {
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

    /// The threads that were left alone because a kernel went on after the deadline of its call, or after its caller was asked to
    /// stop, and that have not ended since. While there are two, calls that would need such a thread are
    /// [`Error::Unavailable`].
    #[must_use]
    pub fn abandoned_runs(&self) -> usize {
        self.0.abandoned.count()
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
    ///
    /// With a [deadline](RunOptions::timeout) the call ends then, even where a kernel goes on: see
    /// [`isolated`](RunOptions::isolated). After a fork a child runs models that have no threads of their own, and answers
    /// [`Error::Unavailable`] for others.
    fn run(&self, inputs: &Batch, options: &RunOptions) -> Result<Batch> {
        let loaded = &self.0;
        if loaded.generation != fork::generation() {
            loaded.require_no_threads()?;
        }
        if !loaded.is_to_be_apart(inputs, options) {
            return loaded.run(inputs, options);
        }
        let begin = Instant::now();
        let answer = loaded.run_apart(inputs, options, None);
        loaded.learn(inputs, &answer, begin);
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

impl Loaded {
    pub(super) fn run(&self, batch: &Batch, options: &RunOptions) -> Result<Batch> {
        self.run_under(batch, options, None)
    }

    /// Whether a run is to be on a thread of its own, because this one wants to go on at a deadline or when it is asked to stop.
    fn is_to_be_apart(&self, inputs: &Batch, options: &RunOptions) -> bool {
        let is_stoppable = interrupt::is_active();
        if options.timeout.is_none_or(|timeout| timeout.is_zero()) && !is_stoppable {
            return false;
        }
        let elements: usize = inputs.iter().map(|(_, tensor)| tensor.len()).sum();
        let is_quick = elements <= self.quick_elements.load(Ordering::Relaxed);
        let is_stopped_in_time = || self.is_sized_by_rows && self.steps(inputs) <= MOST_STEPS;
        match options.timeout {
            Some(timeout) if !timeout.is_zero() => !is_quick || options.isolated || !is_stopped_in_time(),
            _ => !is_quick,
        }
    }

    /// The nodes of trees that a run can visit, at most.
    fn steps(&self, inputs: &Batch) -> u64 {
        let rows = inputs.iter().filter_map(|(_, tensor)| tensor.rows()).max().unwrap_or(1);
        self.tree_steps.saturating_mul(rows as u64)
    }

    /// Runs on a thread of its own, first on the session at this position.
    pub(super) fn run_apart(
        self: &Arc<Self>,
        inputs: &Batch,
        options: &RunOptions,
        session: Option<usize>,
    ) -> Result<Batch> {
        let flag = Arc::new(Flag::new(&self.runtime)?);
        let (loaded, inputs, own_options, own_flag) =
            (self.clone(), inputs.clone(), options.clone(), flag.clone());
        let what =
            Work { operation: OPERATION, subject: &self.name, timeout: options.timeout, remedy: LONGER };
        isolated::run(
            &what,
            &self.abandoned,
            |is_late| flag.set(is_late),
            move || {
                if let Some(position) = session {
                    pool::prefer(position);
                }
                loaded.run_under(&inputs, &own_options, Some(&own_flag))
            },
        )
    }

    /// Remembers that inputs of this size are answered quickly.
    pub(super) fn learn(&self, inputs: &Batch, answer: &Result<Batch>, begin: Instant) {
        if answer.is_ok() && begin.elapsed() < QUICK {
            let elements: usize = inputs.iter().map(|(_, tensor)| tensor.len()).sum();
            self.quick_elements.fetch_max(elements, Ordering::Relaxed);
        }
    }

    /// In a child after a fork: threads of the parent are not there, and a run that waits for them would never end.
    #[cold]
    fn require_no_threads(&self) -> Result<()> {
        match (self.has_threads, self.provider) {
            (false, Provider::Cpu) => Ok(()),
            _ => Err(self.forked("it was loaded, with threads of its own, before this process was forked")),
        }
    }

    #[cold]
    fn forked(&self, problem: &str) -> Error {
        Error::unavailable(OPERATION, &*self.name, problem).remedy("load it again in the child")
    }

    /// A run that is stopped by the flag, too, where there is one.
    fn run_under(&self, batch: &Batch, options: &RunOptions, flag: Option<&Flag>) -> Result<Batch> {
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
        let is_exceeded = Cell::new(false);
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
                let run = |session| call::run(api, session, run_options, inputs, &self.output_names);
                let (answer, exceeded) = budget::within(self.max_run_bytes, || self.sessions.with(run));
                is_exceeded.set(exceeded);
                answer
            }
        };
        let outcome = match flag {
            None => deadline::within(&self.runtime, options.timeout, run)?,
            Some(flag) => flag.under(run),
        };
        let values = outcome.answer.map_err(|failure| match (outcome.passed, is_exceeded.get()) {
            (true, _) => self.too_late().caused_by(failure.message),
            (false, true) => self.too_large().caused_by(failure.message),
            (false, false) => self.failed(&failure),
        })?;
        self.answer(&values, &rows)
    }

    /// The tensor of each input, in the model's order, checked; and those that have a default and are passed all the same.
    fn bind<'a>(&self, batch: &'a Batch) -> Result<Bound<'a>> {
        let mut tensors = Few::with_capacity(self.inputs.len());
        // Most callers send the inputs in the model's order.
        let mut finder = batch.finder();
        for slot in &self.inputs {
            let Some(tensor) = finder.find(slot.field.name()) else { return Err(self.misfit(batch)) };
            slot.field.check(tensor.dtype(), tensor.shape())?;
            tensors.push(tensor);
        }
        let mut optional = Few::new();
        if batch.len() != tensors.len() {
            for (position, slot) in self.optional.iter().enumerate() {
                if let Some(tensor) = finder.find(slot.field.name()) {
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
    fn rows(&self, tensors: &[&Tensor]) -> Result<Rows> {
        let mut known = Rows::from_elem(None, self.row_axes);
        for (slot, tensor) in self.inputs.iter().zip(tensors) {
            if !has_rows(slot) {
                continue;
            }
            let size = tensor.rows().unwrap_or(0);
            match known.get_mut(slot.rows) {
                Some(rows @ None) => *rows = Some(size),
                Some(Some(first)) if *first != size => {
                    return Err(Error::schema_mismatch(
                        OPERATION,
                        slot.field.name(),
                        format!("it has {size} rows, and an input before it has {first}"),
                    ));
                }
                Some(Some(_)) | None => {}
            }
        }
        Ok(known)
    }

    #[cold]
    fn too_late(&self) -> Error {
        Error::timeout(OPERATION, &*self.name, "it was stopped at its deadline").remedy(LONGER)
    }

    #[cold]
    fn too_large(&self) -> Error {
        let problem = format!("it needs more than the {} bytes that one run may take", self.max_run_bytes);
        Error::overloaded(OPERATION, &*self.name, problem)
            .remedy("send fewer rows, or raise the limit max_run_bytes")
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
        if failure.code == pool::FORKED {
            return self.forked(message);
        }
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
