//! A run that is stopped at its deadline.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use ort_sys as sys;

use super::ffi::{Api, Failure, Owned, call};
use super::runtime::OnnxRuntime;
use super::watchdog::Timer;
use crate::error::{Error, Result};
use crate::interrupt;

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

/// Does `work`, which runs a model under a stop flag, on another thread: this one, which alone may ask within a
/// [scope](interrupt::scope), asks meanwhile whether to stop. That costs tens of microseconds, and is for long runs.
///
/// ONNX Runtime looks at the flag between two kernels. A run that is a single one, such as a forest over many rows, is left to
/// end by itself: its thread owns all that it reads, and nobody gets the answer.
///
/// # Errors
/// [`Error::Interrupted`], and what `work` answers.
pub(super) fn interruptible<T: Send + 'static>(
    runtime: &OnnxRuntime,
    work: impl FnOnce(&Arc<Flag>) -> Result<T> + Send + 'static,
) -> Result<T> {
    /// Often enough for somebody who waits.
    const LOOK: Duration = Duration::from_millis(20);
    /// Long enough for a run of ordinary kernels to see the flag.
    const PATIENCE: Duration = Duration::from_millis(100);
    let failed = |problem: String| Error::unavailable("run model", "thread", problem);
    let flag = Arc::new(Flag::new(runtime.api()).map_err(|failure| failure.internal("run model"))?);
    let (sender, ended) = sync_channel(1);
    let own = flag.clone();
    let thread = thread::Builder::new().name("mlcore-run".into());
    thread
        // Nobody listens any more to a run that was left alone.
        .spawn(move || drop(sender.send(work(&own))))
        .map_err(|cause| failed(format!("it cannot be started: {cause}")).caused_by(cause))?;
    loop {
        match ended.recv_timeout(LOOK) {
            Ok(answer) => return answer,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Err(failed("it ended without an answer".into())),
        }
        if let Err(stopped) = interrupt::check("run model") {
            flag.set();
            drop(ended.recv_timeout(PATIENCE));
            return Err(stopped);
        }
    }
}

/// The options of one run, whose stop flag any thread may set.
pub(super) struct Flag {
    api: Api,
    options: Owned<sys::OrtRunOptions>,
}

#[expect(unsafe_code, reason = "a foreign interface")]
impl Flag {
    fn new(api: Api) -> Result<Self, Failure> {
        // SAFETY: a function of the table with its own release function.
        let options = unsafe { api.create(api.0.ReleaseRunOptions, |out| (api.0.CreateRunOptions)(out)) }?;
        Ok(Self { api, options })
    }

    fn set(&self) {
        // SAFETY: the options live, and the flag is made to be set by another thread.
        drop(unsafe { call!(self.api, RunOptionsSetTerminate(self.options.as_ptr())) });
    }
}

impl Flag {
    /// Calls `run` with these options, and sets their flag after `timeout`.
    ///
    /// # Errors
    /// As [`within`].
    pub(super) fn within<T>(
        self: &Arc<Self>,
        timeout: Option<Duration>,
        run: impl FnOnce(*const sys::OrtRunOptions) -> Result<T, Failure>,
    ) -> Result<Outcome<T>> {
        let Some(timeout) = timeout else {
            return Ok(Outcome { answer: run(self.options.as_ptr()), passed: false });
        };
        let own = self.clone();
        let mut timer = Timer::new(move || own.set());
        let deadline = timer.set(timeout)?;
        let answer = run(self.options.as_ptr());
        Ok(Outcome { answer, passed: deadline.finish() })
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
