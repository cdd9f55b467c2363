//! What the machine does while a run goes on.

mod gpu;
#[cfg(target_os = "linux")]
mod machine;
/// Elsewhere only graphics processors are asked.
#[cfg(not(target_os = "linux"))]
mod machine {
    #[derive(Debug)]
    pub(super) struct Machine;

    impl Machine {
        pub(super) fn new() -> Self {
            Self
        }

        pub(super) fn sample(&mut self) -> Vec<(&'static str, f64)> {
            Vec::new()
        }
    }
}

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use self::gpu::Gpus;
use self::machine::Machine;
use super::RunLog;
use crate::error::{Error, Result};

/// How often the machine is looked at, and under which names.
///
/// ```
/// use std::time::Duration;
///
/// use mlcore::tracking::SystemMetricsOptions;
///
/// let options = SystemMetricsOptions::default().with_interval(Duration::from_secs(1)).with_node("node_0");
/// assert_eq!(options.interval.as_secs(), 1);
/// ```
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SystemMetricsOptions {
    /// The time between two samples. Default: 10 s, as in MLflow.
    pub interval: Duration,
    /// The name of this machine among several, which comes into the names: `system/node_0/..`. Default: none.
    pub node: Option<String>,
    /// The step of the first sample; the next one has the next. Default: 0.
    pub first_step: i64,
}

impl Default for SystemMetricsOptions {
    fn default() -> Self {
        Self { interval: Duration::from_secs(10), node: None, first_step: 0 }
    }
}

impl SystemMetricsOptions {
    /// Sets the time between two samples.
    #[must_use]
    pub fn with_interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// Names this machine.
    #[must_use]
    pub fn with_node(mut self, node: impl Into<String>) -> Self {
        self.node = Some(node.into());
        self
    }

    /// Counts steps from here: for a run that resumes, after its last.
    #[must_use]
    pub fn with_first_step(mut self, step: i64) -> Self {
        self.first_step = step;
        self
    }
}

/// Samples the machine in the background and logs it to a run, until it is dropped.
///
/// The names and units are those of MLflow 3.17 (`system/cpu_utilization_percentage`, ...): the processors' use since the sample
/// before, memory, the disk of `/` in use and free, what the network has carried since the beginning, and of each NVIDIA GPU its
/// use, memory and power, where the program `nvidia-smi` answers. On Linux; elsewhere only of GPUs.
///
/// What is read is of the machine, as MLflow reads it, and not of a container's share. A value that cannot be read is left out. A
/// sample that the log's buffer does not accept is counted there. MLflow rounds to one digit; these values are not rounded.
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// use mlcore::name::RunId;
/// use mlcore::time::Timestamp;
/// use mlcore::tracking::{
///     BufferOptions, MemoryTracker, NewRun, SystemMetrics, SystemMetricsOptions, TrackerBuffer, TrackerExt,
/// };
///
/// let (tracker, at) = (Arc::new(MemoryTracker::new()), Timestamp::from_millis(1_000));
/// let experiment = tracker.default_experiment(at)?;
/// let run = tracker.start_run(NewRun::new(RunId::new("a1")?, experiment.id, at))?.info.id;
/// let buffer = TrackerBuffer::new(tracker, &BufferOptions::default())?;
///
/// let options = SystemMetricsOptions::default().with_interval(Duration::from_secs(5));
/// let sampling = SystemMetrics::start(buffer.run(run), &options)?;
/// // Train.
/// drop(sampling);
/// buffer.finish()?;
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Debug)]
pub struct SystemMetrics {
    /// Dropped first, which ends the thread.
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl SystemMetrics {
    /// Starts the thread. The first sample is taken after one interval.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for an interval under 10 ms, and where no thread can be started.
    pub fn start(log: RunLog, options: &SystemMetricsOptions) -> Result<Self> {
        if options.interval < SHORTEST {
            let problem = format!("the interval is {:?}, and {SHORTEST:?} is the shortest", options.interval);
            return Err(Error::invalid_input(START, "interval", problem));
        }
        let (stop, stopped) = mpsc::channel::<()>();
        let options = options.clone();
        let (mut machine, mut gpus) = (Machine::new(), Gpus::new());
        let work = move || {
            let mut step = options.first_step;
            let prefix = match &options.node {
                Some(node) => format!("system/{node}/"),
                None => "system/".to_owned(),
            };
            while stopped.recv_timeout(options.interval) == Err(RecvTimeoutError::Timeout) {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                let now = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
                for (name, value) in machine.sample() {
                    log.metric(&format!("{prefix}{name}"), value, now, step);
                }
                for (name, value) in gpus.sample() {
                    log.metric(&format!("{prefix}{name}"), value, now, step);
                }
                step = step.saturating_add(1);
            }
        };
        let thread = thread::Builder::new().name("mlcore-system".to_owned()).spawn(work);
        let thread = thread.map_err(|cause| Error::from_io(START, "thread", cause))?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for SystemMetrics {
    fn drop(&mut self) {
        drop(self.stop.take());
        // A panic of the thread has been told by its own message.
        self.thread.take().map(JoinHandle::join);
    }
}

const START: &str = "sample system metrics";
const SHORTEST: Duration = Duration::from_millis(10);
