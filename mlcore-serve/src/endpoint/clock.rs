use std::time::{Duration, Instant, SystemTime};

use mlcore::time::Timestamp;

/// Tells the time: handed to the endpoint, so that a traffic log can be replayed and a test need not wait.
///
/// Contract, proved for any implementation by `conformance::clock`:
/// - [`elapsed`](Clock::elapsed) never goes backwards, from look to look and from thread to thread: all threads see one
///   clock. It may stand still;
/// - a look is cheap and waits for nobody: every request takes two;
/// - [`now`](Clock::now) may be set forwards and backwards by a time service or an operator; nothing is measured by it.
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use std::time::Duration;
///
/// use mlcore::time::Timestamp;
/// use mlcore_serve::endpoint::Clock;
///
/// /// Moves when it is told to.
/// #[derive(Default)]
/// struct ManualClock {
///     millis: AtomicU64,
/// }
///
/// impl Clock for ManualClock {
///     fn now(&self) -> Timestamp {
///         Timestamp::from_millis(1_700_000_000_000 + self.millis.load(Ordering::SeqCst) as i64)
///     }
///
///     fn elapsed(&self) -> Duration {
///         Duration::from_millis(self.millis.load(Ordering::SeqCst))
///     }
/// }
///
/// let clock = ManualClock::default();
/// clock.millis.fetch_add(20, Ordering::SeqCst);
/// assert_eq!(clock.elapsed(), Duration::from_millis(20));
/// ```
pub trait Clock: Send + Sync {
    /// The time of the wall clock, for what is written down.
    fn now(&self) -> Timestamp;

    /// The time since some fixed moment, for durations and deadlines.
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
