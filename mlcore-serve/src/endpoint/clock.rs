use std::time::{Duration, Instant, SystemTime};

use mlcore::registry::Timestamp;

/// What time it is: handed to the endpoint, so that a traffic log can be replayed and a test need not wait.
pub trait Clock: Send + Sync {
    /// The wall clock, for what is written down.
    fn now(&self) -> Timestamp;

    /// Time since some fixed moment, never backwards: for durations.
    fn elapsed(&self) -> Duration;
}

/// The operating system's clocks.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    started: Instant,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self { started: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        SystemTime::now().into()
    }

    fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}
