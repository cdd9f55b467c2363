//! The thread on which requests run.

use std::sync::mpsc::{self, RecvTimeoutError};

use tokio::runtime::Builder;
use tokio::task::AbortHandle;

use crate::error::{Error, Result};
use crate::interrupt;

/// A runtime of one thread, and a few more that wait for the network.
pub(super) struct Runtime(Option<tokio::runtime::Runtime>);

impl Runtime {
    pub(super) fn start(subject: &str) -> Result<Self> {
        let made = Builder::new_multi_thread()
            .worker_threads(1)
            .max_blocking_threads(MOST_WAITING)
            .thread_name("mlcore-objects")
            .enable_time()
            .build();
        let runtime = made.map_err(|cause| Error::from_io("open artifact store", subject, cause))?;
        Ok(Self(Some(runtime)))
    }

    /// Begins `work`, whose answer comes through `answers` with the number that it was given.
    pub(super) fn begin<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
        answers: mpsc::Sender<T>,
    ) -> Option<AbortHandle> {
        let runtime = self.0.as_ref()?;
        // Who asked may have given up.
        Some(runtime.spawn(async move { drop(answers.send(work.await)) }).abort_handle())
    }

    /// Waits for `work`, from inside of any runtime or none. An interruption ends it.
    pub(super) fn run<T: Send + 'static>(
        &self,
        operation: &'static str,
        subject: &str,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T> {
        let (told, answer) = mpsc::channel();
        let begun = self.begin(work, told);
        wait(operation, subject, &answer).inspect_err(|_| {
            if let Some(begun) = begun {
                begun.abort();
            }
        })
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        // Waiting for it is forbidden inside of a host's runtime.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// The next answer, unless the caller is told to stop.
pub(super) fn wait<T>(operation: &'static str, subject: &str, answers: &mpsc::Receiver<T>) -> Result<T> {
    loop {
        match answers.recv_timeout(interrupt::INTERVAL) {
            Ok(answer) => return Ok(answer),
            Err(RecvTimeoutError::Timeout) => interrupt::check(operation)?,
            Err(RecvTimeoutError::Disconnected) => {
                return Err(Error::internal(operation, subject, "the thread of its requests is gone"));
            }
        }
    }
}

/// Requests that wait for the network at once: several uploads of a few parts each.
const MOST_WAITING: usize = 64;
