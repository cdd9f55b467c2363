//! What signals ask of the program. None but those that say so end it: SIGPIPE is ignored from the start of every Rust program.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// The signals that are heard, from when this is made on.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    /// Must be called in a tokio runtime.
    pub(super) fn new() -> mlcore::Result<Self> {
        let of =
            |kind| signal(kind).map_err(|cause| mlcore::Error::from_io("hear signals", "process", cause));
        Ok(Self {
            terminate: of(SignalKind::terminate())?,
            interrupt: of(SignalKind::interrupt())?,
            hangup: of(SignalKind::hangup())?,
        })
    }

    /// Tells `stop` of the first signal to stop and `reload` of each SIGHUP; is ready at the second signal to stop.
    pub(super) async fn second(mut self, stop: watch::Sender<()>, reload: watch::Sender<()>) {
        let mut is_stopping = false;
        loop {
            tokio::select! {
                _ = self.terminate.recv() => {}
                _ = self.interrupt.recv() => {}
                _ = self.hangup.recv() => {
                    // Nobody may have files to read again.
                    let _ = reload.send(());
                    continue;
                }
            }
            if is_stopping {
                return;
            }
            is_stopping = true;
            // Nobody may be left to hear it.
            let _ = stop.send(());
        }
    }
}
