use std::path::PathBuf;
use std::time::Duration;

use super::{OPEN, SqliteTracker};
use crate::error::Result;
use crate::sql;
pub use crate::sql::SqliteAccess;

/// How a tracker's file is opened.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct SqliteTrackerOptions {
    /// The file. A relative path is resolved when the file is opened.
    pub path: PathBuf,
    /// What may be done with it. Default: everything, and the file is created where it does not exist.
    pub access: SqliteAccess,
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
        let (access, busy_timeout) = (SqliteAccess::Create, Duration::from_secs(5));
        Self { path: path.into(), access, busy_timeout, max_bytes: None }
    }

    /// The options that a URL means, as SQLAlchemy and MLflow write them: `sqlite:///relative/path`,
    /// `sqlite:////absolute/path`; with `?mode=ro` read-only, with `?mode=rw` only if the file exists.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::Error::InvalidInput) for anything else.
    pub fn from_url(url: &str) -> Result<Self> {
        let (path, access) = sql::of_url(OPEN, url)?;
        Ok(Self::new(path).with_access(access))
    }

    /// Sets what may be done with the file.
    #[must_use]
    pub fn with_access(mut self, access: SqliteAccess) -> Self {
        self.access = access;
        self
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
