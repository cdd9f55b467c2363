use std::path::PathBuf;
use std::time::Duration;

/// How much a [`TrackerBuffer`](super::TrackerBuffer) holds, and where it spills.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BufferOptions {
    /// The memory of the queue in bytes (default 64 MiB: some 300,000 points).
    pub queue_bytes: usize,
    /// The folder into which a full queue spills; it is made where it does not exist. Default: none.
    ///
    /// Processes may share one: each has files of its own, and takes over those of processes that are gone.
    pub spool: Option<PathBuf>,
    /// The bytes that this buffer may have in the spool (default 1 GiB).
    pub spool_bytes: u64,
    /// How long something may wait for others to be written with (default 0.2 s); a flush, and a batch that is full, waits for
    /// nobody.
    pub interval: Duration,
    /// How long a flush waits for a tracker that is away (default 30 s).
    pub patience: Duration,
}

impl Default for BufferOptions {
    fn default() -> Self {
        Self {
            queue_bytes: 64 << 20,
            spool: None,
            spool_bytes: 1 << 30,
            interval: Duration::from_millis(200),
            patience: Duration::from_secs(30),
        }
    }
}

impl BufferOptions {
    /// Sets the memory of the queue.
    #[must_use]
    pub fn with_queue_bytes(mut self, bytes: usize) -> Self {
        self.queue_bytes = bytes;
        self
    }

    /// Spills into files of this folder.
    #[must_use]
    pub fn with_spool(mut self, folder: impl Into<PathBuf>) -> Self {
        self.spool = Some(folder.into());
        self
    }

    /// Sets how large the spool may become.
    #[must_use]
    pub fn with_spool_bytes(mut self, bytes: u64) -> Self {
        self.spool_bytes = bytes;
        self
    }

    /// Sets how long something may wait for others.
    #[must_use]
    pub fn with_interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// Sets how long a flush waits for a tracker that is away.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }
}
