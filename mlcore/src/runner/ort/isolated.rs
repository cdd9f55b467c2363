//! Work on a thread of its own, which is waited for until a deadline or until the caller is asked to stop, and then left alone.
//!
//! ONNX Runtime looks at a stop flag between two kernels only. A kernel that goes on cannot be ended, so the call ends without
//! it: the thread owns everything that it reads, and nobody gets its answer. The threads that were left alone are counted for
//! each runner, and while there are [`MOST_ABANDONED`] a runner starts no further such work.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use super::{fork, helpers};
use crate::error::{Error, Result};
use crate::interrupt;

/// Two, so that one kernel that hangs does not end all service, and a model whose kernels hang does not take every core.
const MOST_ABANDONED: usize = 2;
/// How long work that was told to stop may take to notice. Ordinary kernels need a millisecond, and more where there are many
/// more threads than cores.
const PATIENCE: Duration = Duration::from_millis(100);
/// Often enough for somebody who waits.
const LOOK: Duration = Duration::from_millis(20);

/// The threads of one runner that were left alone and still run.
#[derive(Debug, Default)]
pub(super) struct Abandoned {
    count: AtomicUsize,
    /// The process that they belong to: none of them is in a child after a fork.
    generation: AtomicU32,
}

impl Abandoned {
    pub(super) fn count(&self) -> usize {
        let generation = fork::generation();
        if self.generation.swap(generation, Ordering::Relaxed) != generation {
            self.count.store(0, Ordering::Relaxed);
        }
        self.count.load(Ordering::Relaxed)
    }

    /// Refuses more work while too many threads are left alone. One may end within the time that there is.
    fn check(&self, what: &Work<'_>, deadline: Option<Instant>) -> Result<()> {
        const PAUSE: Duration = Duration::from_millis(1);
        let end = deadline.unwrap_or_else(|| Instant::now() + PATIENCE);
        let count = loop {
            let count = self.count();
            if count < MOST_ABANDONED {
                return Ok(());
            }
            interrupt::check(what.operation)?;
            if Instant::now() >= end {
                break count;
            }
            thread::sleep(PAUSE);
        };
        let problem = format!(
            "{count} threads that did not end in time are still at work on it, and no more is begun until one ends"
        );
        Err(Error::unavailable(what.operation, what.subject, problem)
            .remedy("repeat it later, send fewer rows at a time, or replace the model; only a new process ends a kernel"))
    }
}

/// What is done, and how long it is waited for.
pub(super) struct Work<'a> {
    pub(super) operation: &'static str,
    pub(super) subject: &'a str,
    pub(super) timeout: Option<Duration>,
    /// What to do when it takes too long.
    pub(super) remedy: &'static str,
}

const RUNNING: u8 = 0;
const LEFT: u8 = 1;
const DONE: u8 = 2;

/// Says when the thread is done with it, whatever becomes of the work.
struct End {
    state: Arc<AtomicU8>,
    abandoned: Arc<Abandoned>,
}

impl Drop for End {
    fn drop(&mut self) {
        if self.state.swap(DONE, Ordering::AcqRel) == LEFT {
            self.abandoned.count.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// Counts a thread as left alone, unless it is done.
fn leave(state: &AtomicU8, abandoned: &Abandoned) {
    abandoned.count.fetch_add(1, Ordering::Relaxed);
    if state.compare_exchange(RUNNING, LEFT, Ordering::AcqRel, Ordering::Acquire).is_err() {
        abandoned.count.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Does `work` on another thread. `stop` is called, with whether the deadline passed, when it is to end early. The caller, who
/// alone may ask within a [scope](interrupt::scope), asks meanwhile.
///
/// # Errors
/// [`Error::Timeout`] at the deadline, [`Error::Interrupted`], [`Error::Unavailable`] while too many threads are left alone, and
/// what `work` answers.
pub(super) fn run<T: Send + 'static>(
    what: &Work<'_>,
    abandoned: &Arc<Abandoned>,
    stop: impl Fn(bool),
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let deadline = what.timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    abandoned.check(what, deadline)?;
    let state = Arc::new(AtomicU8::new(RUNNING));
    let end = End { state: state.clone(), abandoned: abandoned.clone() };
    let (sender, ended) = sync_channel(1);
    let on_thread = move || {
        let _end = end;
        // Nobody listens any more to work that was left alone.
        drop(sender.send(work()));
    };
    helpers::start(what.operation, Box::new(on_thread))?;
    let is_stoppable = interrupt::is_active();
    loop {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        if left == Some(Duration::ZERO) {
            stop(true);
            if let Ok(answer) = ended.recv_timeout(PATIENCE) {
                return answer;
            }
            leave(&state, abandoned);
            // It may have ended in this moment.
            return ended.try_recv().unwrap_or_else(|_| Err(what.too_late()));
        }
        let wait = match (left, is_stoppable) {
            (Some(left), true) => left.min(LOOK),
            (Some(left), false) => left,
            (None, _) => LOOK,
        };
        match ended.recv_timeout(wait) {
            Ok(answer) => return answer,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                let problem = "its thread ended without an answer";
                return Err(Error::internal(what.operation, what.subject, problem));
            }
        }
        if let Err(stopped) = interrupt::check(what.operation) {
            stop(false);
            if ended.recv_timeout(PATIENCE).is_err() {
                leave(&state, abandoned);
            }
            return Err(stopped);
        }
    }
}

impl Work<'_> {
    fn too_late(&self) -> Error {
        let problem = "it did not end at its deadline, and was left alone in a thread of its own";
        Error::timeout(self.operation, self.subject, problem).remedy(self.remedy)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    const SHORT: Duration = Duration::from_millis(10);

    fn what(timeout: Option<Duration>) -> Work<'static> {
        Work { operation: "run model", subject: "slow", timeout, remedy: "send fewer rows" }
    }

    #[test]
    fn work_that_hangs_is_left_alone_twice_and_then_refused_until_it_ends() {
        let abandoned = Arc::new(Abandoned::default());
        let mut hanging = Vec::new();
        for count in 1..=MOST_ABANDONED {
            let (go_on, waits) = channel::<()>();
            hanging.push(go_on);
            let begin = Instant::now();
            let hangs = move || Ok(waits.recv().is_err());
            let error = run(&what(Some(SHORT)), &abandoned, |late| assert!(late), hangs).unwrap_err();
            assert!(matches!(error, Error::Timeout(_)), "{error}");
            assert!(
                error.to_string().ends_with("left alone in a thread of its own; send fewer rows"),
                "{error}"
            );
            assert!(begin.elapsed() < Duration::from_secs(5));
            assert_eq!(abandoned.count(), count);
        }
        let error = run(&what(Some(SHORT)), &abandoned, |_| {}, || Ok(1)).unwrap_err();
        assert!(matches!(error, Error::Unavailable(_)), "{error}");
        assert!(error.to_string().contains("2 threads that did not end in time"), "{error}");
        hanging.pop();
        let begin = Instant::now();
        while abandoned.count() == MOST_ABANDONED && begin.elapsed() < Duration::from_secs(20) {
            thread::yield_now();
        }
        assert_eq!(run(&what(Some(Duration::from_secs(60))), &abandoned, |_| {}, || Ok(1)).unwrap(), 1);
    }

    #[test]
    fn work_that_notices_is_not_left_alone() {
        let abandoned = Arc::new(Abandoned::default());
        let (told, waits) = channel();
        let notices = move || {
            waits.recv().unwrap();
            Err::<(), _>(Error::timeout("run model", "slow", "it noticed"))
        };
        let error = run(&what(Some(SHORT)), &abandoned, |_| told.send(()).unwrap(), notices).unwrap_err();
        assert!(error.to_string().contains("it noticed"), "{error}");
        assert_eq!(abandoned.count(), 0);
    }

    #[test]
    fn a_thread_that_panics_answers_all_the_same() {
        let abandoned = Arc::new(Abandoned::default());
        let error =
            run(&what(None), &abandoned, |_| {}, || -> Result<()> { panic!("on purpose") }).unwrap_err();
        assert!(matches!(error, Error::Internal(_)), "{error}");
        assert_eq!(abandoned.count(), 0);
    }
}
