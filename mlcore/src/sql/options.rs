//! How a file is opened.

use std::path::PathBuf;
use std::time::Duration;

use super::connect::Target;
use super::place::{SqliteAccess, file_of};
use crate::error::{Error, Result};

/// How an SQLite file is opened: that of a registry, of a tracker, or of the definitions of a feature store.
///
/// ```
/// use std::time::Duration;
///
/// use mlcore::registry::{SqliteAccess, SqliteOptions};
///
/// let options = SqliteOptions::from_url("sqlite:///registry.db?mode=ro")?.with_busy_timeout(Duration::from_secs(1));
/// assert_eq!((options.path.to_str(), options.access), (Some("registry.db"), SqliteAccess::ReadOnly));
/// # Ok::<(), mlcore::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct SqliteOptions {
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

impl SqliteOptions {
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
        Self::of_url("open database", url)
    }

    /// The same for an operation that errors name.
    #[doc(hidden)]
    pub fn of_url(open: &'static str, url: &str) -> Result<Self> {
        let (path, access) = file_of(open, url)?;
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

    /// Whether nothing is written.
    #[doc(hidden)]
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.access == SqliteAccess::ReadOnly
    }

    /// The file that an operation opens, which may be there or be made.
    #[doc(hidden)]
    pub fn target(&self, open: &'static str) -> Result<Target> {
        let path = std::path::absolute(&self.path)
            .map_err(|cause| Error::from_io(open, self.path.display().to_string(), cause))?;
        let target = Target {
            path,
            may_create: self.access == SqliteAccess::Create,
            busy_timeout: self.busy_timeout,
            max_bytes: self.max_bytes,
            open,
        };
        target.check_place()?;
        Ok(target)
    }
}
