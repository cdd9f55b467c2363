use std::path::PathBuf;
use std::time::Duration;

use super::SqliteTracker;
use crate::error::Result;

/// How a tracker's file is opened.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct SqliteTrackerOptions {
    /// The file, which is created where it does not exist. A relative path is resolved when the file is opened.
    pub path: PathBuf,
    /// How long a change waits for another process before it fails with [`Unavailable`](crate::Error::Unavailable). Default
    /// 5 s: a change holds the file for milliseconds, so that a longer wait is for something stuck.
    pub busy_timeout: Duration,
    /// The most that the file may grow to, rounded down to pages of 4096 bytes; beyond it changes fail with
    /// [`StorageFull`](crate::Error::StorageFull). Default: as much as the disk gives.
    pub max_bytes: Option<u64>,
}

impl SqliteTrackerOptions {
    /// Reads, writes and, where it does not exist, creates `path`.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), busy_timeout: Duration::from_secs(5), max_bytes: None }
    }

    /// Waits this long for another process.
    #[must_use]
    pub fn with_busy_timeout(mut self, timeout: Duration) -> Self {
        self.busy_timeout = timeout;
        self
    }

    /// Lets the file grow to this size.
    #[must_use]
    pub fn with_max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = Some(bytes);
        self
    }

    /// Opens the tracker.
    ///
    /// # Errors
    /// As [`SqliteTracker::open`].
    pub fn open(&self) -> Result<SqliteTracker> {
        SqliteTracker::open_with(self)
    }
}
