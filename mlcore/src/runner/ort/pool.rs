use std::sync::{Mutex, PoisonError};

use ort_sys as sys;

use super::ffi::{Api, Failure, Owned, call};
use super::options::Provider;

/// How one loaded model serves many threads.
pub(super) enum Sessions {
    /// One session, run by all threads at once.
    Shared(Owned<sys::OrtSession>),
    /// One session, run by one thread at a time.
    Exclusive(Mutex<Owned<sys::OrtSession>>),
}

impl Sessions {
    pub(super) fn new(session: Owned<sys::OrtSession>, provider: Provider) -> Self {
        match provider {
            Provider::Cpu => Self::Shared(session),
            Provider::Cuda { .. } => Self::Exclusive(Mutex::new(session)),
        }
    }

    /// Calls `run` with the session.
    pub(super) fn with<T>(&self, run: impl FnOnce(*mut sys::OrtSession) -> T) -> T {
        match self {
            Self::Shared(session) => run(session.as_ptr()),
            Self::Exclusive(session) => run(session.lock().unwrap_or_else(PoisonError::into_inner).as_ptr()),
        }
    }
}

/// Switches off what threads on one session would wait for each other in.
#[expect(unsafe_code, reason = "a foreign interface")]
pub(super) fn prepare_for_sharing(api: Api, settings: *mut sys::OrtSessionOptions) -> Result<(), Failure> {
    // SAFETY: the settings are the caller's own, not yet used for a session.
    unsafe {
        call!(api, DisableCpuMemArena(settings))?;
        call!(api, DisableMemPattern(settings))
    }
}
