//! A run that is stopped at its deadline.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ort_sys as sys;

use super::ffi::{Api, Failure, Owned, call};
use super::runtime::OnnxRuntime;
use super::watchdog::Timer;
use crate::error::Result;

/// The options of a run and the timer that sets their stop flag. A thread keeps its own from run to run.
struct Stoppable {
    api: Api,
    options: Arc<Owned<sys::OrtRunOptions>>,
    timer: Timer,
}

thread_local! {
    static KEPT: RefCell<Vec<Stoppable>> = const { RefCell::new(Vec::new()) };
}

/// What became of a run with a deadline.
pub(super) struct Outcome<T> {
    pub(super) answer: Result<T, Failure>,
    /// Whether the deadline passed before the run ended.
    pub(super) passed: bool,
}

/// Calls `run` with options whose stop flag is set after `timeout`; without a timeout, with none.
///
/// # Errors
/// [`Error::Unavailable`](crate::Error::Unavailable) when the watchdog cannot be started.
pub(super) fn within<T>(
    runtime: &OnnxRuntime,
    timeout: Option<Duration>,
    run: impl FnOnce(*const sys::OrtRunOptions) -> Result<T, Failure>,
) -> Result<Outcome<T>> {
    let Some(timeout) = timeout else {
        return Ok(Outcome { answer: run(std::ptr::null()), passed: false });
    };
    // Taken out while in use: what ONNX Runtime logs during the run may run another model on this thread.
    let kept = KEPT.with_borrow_mut(|kept| {
        let own = kept.iter().position(|stoppable| std::ptr::eq(stoppable.api.0, runtime.api().0));
        own.map(|position| kept.swap_remove(position))
    });
    let mut stoppable = match kept {
        Some(stoppable) => stoppable,
        None => Stoppable::new(runtime.api()).map_err(|failure| failure.internal("set deadline"))?,
    };
    let deadline = stoppable.timer.set(timeout)?;
    let answer = run(stoppable.options.as_ptr());
    let passed = deadline.finish();
    // Options whose flag cannot be taken back are not kept.
    if !passed || stoppable.reset() {
        KEPT.with_borrow_mut(|kept| kept.push(stoppable));
    }
    Ok(Outcome { answer, passed })
}

/// The options of one run, whose stop flag any thread may set.
pub(super) struct Flag {
    api: Api,
    options: Owned<sys::OrtRunOptions>,
    is_late: AtomicBool,
}

#[expect(unsafe_code, reason = "a foreign interface")]
impl Flag {
    pub(super) fn new(runtime: &OnnxRuntime) -> Result<Self> {
        let api = runtime.api();
        // SAFETY: a function of the table with its own release function.
        let options = unsafe { api.create(api.0.ReleaseRunOptions, |out| (api.0.CreateRunOptions)(out)) };
        let options = options.map_err(|failure| failure.internal("run model"))?;
        Ok(Self { api, options, is_late: AtomicBool::new(false) })
    }

    /// Stops the run at its next kernel, because its deadline passed or for another reason.
    pub(super) fn set(&self, is_late: bool) {
        self.is_late.fetch_or(is_late, Ordering::Relaxed);
        // SAFETY: the options live, and the flag is made to be set by another thread.
        drop(unsafe { call!(self.api, RunOptionsSetTerminate(self.options.as_ptr())) });
    }
}

impl Flag {
    /// Calls `run` with these options.
    pub(super) fn under<T>(
        &self,
        run: impl FnOnce(*const sys::OrtRunOptions) -> Result<T, Failure>,
    ) -> Outcome<T> {
        let answer = run(self.options.as_ptr());
        Outcome { answer, passed: self.is_late.load(Ordering::Relaxed) }
    }
}

#[expect(unsafe_code, reason = "a foreign interface")]
impl Stoppable {
    fn new(api: Api) -> Result<Self, Failure> {
        // SAFETY: a function of the table with its own release function.
        let options = unsafe { api.create(api.0.ReleaseRunOptions, |out| (api.0.CreateRunOptions)(out)) }?;
        let options = Arc::new(options);
        let stopped = options.clone();
        let timer = Timer::new(move || {
            // SAFETY: the options live as long as this closure, and the flag is made to be set by another thread.
            drop(unsafe { call!(api, RunOptionsSetTerminate(stopped.as_ptr())) });
        });
        Ok(Self { api, options, timer })
    }

    fn reset(&mut self) -> bool {
        // SAFETY: no run uses the options any more, and the timer is not running.
        unsafe { call!(self.api, RunOptionsUnsetTerminate(self.options.as_ptr())) }.is_ok()
    }
}
