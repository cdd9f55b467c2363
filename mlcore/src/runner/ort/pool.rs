//! How one loaded model serves many threads: the measurements and what follows from them.
//!
//! ONNX Runtime documents `Run` as safe to call from many threads on one session, and its maintainers confirm it for the
//! CPU ("sessions are stateless", microsoft/onnxruntime issues 114, 21946, 22967). The wrapper `ort` forbids it since 2.0.0-rc.10,
//! because of crashes that were all seen on other providers (CUDA, TensorRT, DirectML), and because its own handle of
//! the session's allocator is not made for it (pykeio/ort issues 392, 402, 511). No handle of an allocator is used here.
//!
//! Measured with ONNX Runtime 1.31.1 on 4 cores, one row per run, microseconds per run of the slowest of 1 / 2 / 4 threads:
//!
//! | | forest of 50 trees, 0.3 MB | perceptron 30-64-32-2, 18 kB | memory at 4 threads, forest of 25 MB |
//! |---|---|---|---|
//! | `ort`, a session per thread | 3.6 / 3.6 / 3.7 | 5.8 / 6.0 / 6.1 | 711 MiB, with `PrepackedWeights` too: trees are not packed |
//! | bare calls, a session per thread, no arena | 2.7 / 2.8 / 3.0 | 4.8 / 5.0 / 5.0 | 711 MiB |
//! | bare calls, one session as it comes | 3.0 / 6.5 / 14.3 | 5.2 / 5.3 / 23.9 | 264 MiB |
//! | bare calls, one session, no arena, no memory patterns | 2.7 / 3.4 / 3.3 | 5.3 / 6.2 / 7.4 | 264 MiB |
//! | `OnnxRunner` with what is below | 3.3 / 3.4 / 3.5 | 5.4 / 5.5 / 5.6 | 264 MiB |
//! | the same, every run with a deadline | 3.5 / 3.6 / 4.0 | 5.6 / 5.8 / 5.9 | 264 MiB |
//!
//! 1. The arena and the memory patterns are what threads on one session wait for each other in; a third of what is lost
//!    without them goes to reference counts that threads share. Without the arena memory also returns to the system.
//! 2. A model too large for the caches is 2.6 times faster on one session (perceptron of 68 MB at 4 threads: 2.5 ms
//!    against 6.6 ms), because its weights are in them once.
//!
//! Hence: a large model gets one session that all threads run at once, at 1x memory. A small one, whose copies cost next to
//! nothing, gets a few, and each thread finds one that nobody runs; when there is none, it shares one rather than wait.
//! On other providers than the CPU one thread runs at a time.

use std::cell::Cell;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use ort_sys as sys;

use super::ffi::{Api, Failure, Owned, call};
use super::fork;
use super::options::OnnxOptions;
use super::provider::Provider;

/// The bytes that all copies of a small model have together: what a core's second-level cache holds.
const COPIES_BYTES: usize = 2 << 20;

/// More threads than this seldom run one tabular model in the same microseconds.
const MOST_COPIES: usize = 8;

/// The sessions of one model.
pub(super) enum Sessions {
    /// For the CPU: each may be run by several threads at once, and is faster for one.
    Shared(Box<[Shared]>),
    /// For other providers: one thread at a time.
    Exclusive(Mutex<Owned<sys::OrtSession>>),
}

/// Own cache lines: threads write the flags of different sessions.
#[repr(align(128))]
pub(super) struct Shared {
    /// The process whose thread runs it, as [`fork`] numbers them from 1 on; 0 while nobody does.
    busy: AtomicU32,
    session: Owned<sys::OrtSession>,
}

thread_local! {
    /// The position at which this thread found an idle session last. Threads settle on different ones.
    static POSITION: Cell<usize> = const { Cell::new(0) };
}

/// How many sessions a model of this size is given. With threads of their own, sessions would multiply those.
pub(super) fn copies(options: &OnnxOptions, provider: Provider, model_bytes: usize) -> usize {
    let is_single_threaded = options.intra_threads == 1 && options.inter_threads == 1;
    match (provider, options.sessions) {
        (Provider::Cpu, Some(asked)) => asked.get(),
        (Provider::Cpu, None) if is_single_threaded => {
            let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
            (COPIES_BYTES / model_bytes.max(1)).clamp(1, MOST_COPIES.min(cores))
        }
        _ => 1,
    }
}

impl Sessions {
    /// The pool of these sessions of one model, at least one.
    pub(super) fn new(
        first: Owned<sys::OrtSession>,
        others: Vec<Owned<sys::OrtSession>>,
        provider: Provider,
    ) -> Self {
        match provider {
            Provider::Cpu => {
                let sessions = std::iter::once(first).chain(others);
                Self::Shared(sessions.map(|session| Shared { busy: AtomicU32::new(0), session }).collect())
            }
            Provider::Cuda { .. } => Self::Exclusive(Mutex::new(first)),
        }
    }

    /// The number of sessions.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Shared(sessions) => sessions.len(),
            Self::Exclusive(_) => 1,
        }
    }

    /// Calls `run` with a session that this thread may run. Nothing waits on the CPU.
    pub(super) fn with<T>(
        &self,
        run: impl FnOnce(*mut sys::OrtSession) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let sessions = match self {
            Self::Exclusive(session) => {
                return run(session.lock().unwrap_or_else(PoisonError::into_inner).as_ptr());
            }
            Self::Shared(sessions) => sessions,
        };
        if let [only] = &**sessions {
            return run(only.session.as_ptr());
        }
        let start = POSITION.get() % sessions.len().max(1);
        let order = (start..sessions.len()).chain(0..start);
        for position in order {
            let Some(shared) = sessions.get(position) else { continue };
            if let Some(_idle) = shared.take() {
                POSITION.set(position);
                return run(shared.session.as_ptr());
            }
        }
        // One that a thread of the parent ran during a fork may be locked for ever.
        let mut shared =
            (start..sessions.len()).chain(0..start).filter_map(|position| sessions.get(position));
        match shared.find(|shared| [0, this_process()].contains(&shared.busy.load(Ordering::Relaxed))) {
            Some(shared) => run(shared.session.as_ptr()),
            None => Err(Failure { code: FORKED, message: "its sessions were in use during a fork".into() }),
        }
    }
}

/// The code of a failure that a fork explains; ONNX Runtime has none of this number.
pub(super) const FORKED: i32 = -1;

fn this_process() -> u32 {
    fork::generation().wrapping_add(1)
}

/// Makes the session at this position the first that this thread tries.
pub(super) fn prefer(position: usize) {
    POSITION.set(position);
}

impl Shared {
    fn take(&self) -> Option<Taken<'_>> {
        // Read first: a write takes the cache line away from the thread that runs.
        let idle = self.busy.load(Ordering::Relaxed) == 0
            && self.busy.compare_exchange(0, this_process(), Ordering::Acquire, Ordering::Relaxed).is_ok();
        idle.then_some(Taken(&self.busy))
    }
}

/// Gives the session back, also while panicking.
struct Taken<'a>(&'a AtomicU32);

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.0.store(0, Ordering::Release);
    }
}

/// Prepares the options of a session for the CPU: no arena, which is what threads wait for each other in. Memory patterns
/// save a tenth where a session is run by one thread, and cost where several run it.
#[expect(unsafe_code, reason = "a foreign interface")]
pub(super) fn prepare(api: Api, settings: *mut sys::OrtSessionOptions, copies: usize) -> Result<(), Failure> {
    // SAFETY: the settings are the caller's own, not yet used for a session.
    unsafe {
        call!(api, DisableCpuMemArena(settings))?;
        match copies {
            1 => call!(api, DisableMemPattern(settings)),
            _ => call!(api, EnableMemPattern(settings)),
        }
    }
}
