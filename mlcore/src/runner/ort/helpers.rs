//! Threads for work that may have to be left alone. A few that are done are kept for a while: starting one takes some 30
//! microseconds, and handing work to one that waits a few.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::fork;
use crate::error::{Error, Result};

type Work = Box<dyn FnOnce() + Send>;

/// More calls than these seldom wait for their deadlines at once; those start a thread.
const MOST_IDLE: usize = 4;
/// How long a thread waits for work before it ends.
const KEPT_FOR: Duration = Duration::from_secs(10);

/// The threads that wait for work, by a number of their own.
pub(super) struct Idle {
    threads: Vec<(u64, Sender<Work>)>,
    next: u64,
}

static IDLE: Mutex<Idle> = Mutex::new(Idle { threads: Vec::new(), next: 0 });

/// The idle threads, locked.
pub(super) fn idle() -> MutexGuard<'static, Idle> {
    IDLE.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Idle {
    /// In a child after a fork, where none of the threads is. Their channels may be in use by them for ever.
    pub(super) fn forget(&mut self) {
        std::mem::forget(std::mem::take(&mut self.threads));
    }
}

/// Does `work` on a thread of its own.
///
/// # Errors
/// [`Error::Unavailable`] when no thread can be started.
pub(super) fn start(operation: &'static str, work: Work) -> Result<()> {
    fork::watch();
    let mut work = work;
    loop {
        let waiting = idle().threads.pop();
        let Some((_, thread)) = waiting else { break };
        match thread.send(work) {
            Ok(()) => return Ok(()),
            Err(unsent) => work = unsent.0,
        }
    }
    let (sender, receiver) = channel();
    let number = {
        let mut idle = idle();
        idle.next += 1;
        idle.next
    };
    thread::Builder::new()
        .name("mlcore-run".into())
        .spawn(move || serve(number, work, &sender, &receiver))
        .map(drop)
        .map_err(|cause| {
            Error::unavailable(operation, "thread", format!("it cannot be started: {cause}")).caused_by(cause)
        })
}

fn serve(number: u64, first: Work, sender: &Sender<Work>, receiver: &Receiver<Work>) {
    let mut work = first;
    loop {
        // Who waits for the answer sees that there is none.
        drop(catch_unwind(AssertUnwindSafe(work)));
        {
            let mut idle = idle();
            if idle.threads.len() >= MOST_IDLE {
                return;
            }
            idle.threads.push((number, sender.clone()));
        }
        work = match receiver.recv_timeout(KEPT_FOR) {
            Ok(next) => next,
            Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => {
                let mut idle = idle();
                match idle.threads.iter().position(|(own, _)| *own == number) {
                    Some(position) => {
                        idle.threads.swap_remove(position);
                        return;
                    }
                    // Taken in this moment: its work is on the way.
                    None => {
                        drop(idle);
                        match receiver.recv() {
                            Ok(next) => next,
                            Err(_) => return,
                        }
                    }
                }
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, mpsc};

    use super::*;

    #[test]
    fn work_is_done_also_after_one_that_panics() {
        let done = Arc::new(AtomicUsize::new(0));
        let (sender, receiver) = mpsc::channel();
        for turn in 0..50 {
            let (done, sender) = (done.clone(), sender.clone());
            let work = move || {
                done.fetch_add(1, Ordering::SeqCst);
                sender.send(turn).unwrap();
                assert!(turn % 10 != 3, "on purpose");
            };
            start("test", Box::new(work)).unwrap();
        }
        for _ in 0..50 {
            receiver.recv_timeout(Duration::from_secs(20)).unwrap();
        }
        assert_eq!(done.load(Ordering::SeqCst), 50);
        assert!(idle().threads.len() <= MOST_IDLE);
    }
}
