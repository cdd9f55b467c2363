use std::path::PathBuf;
use std::time::Duration;

use mlcore::Result;
use mlcore::sql;
pub use mlcore::sql::SqliteAccess;

use super::{OPEN, SqliteDefinitions};

/// How the file of a registry of definitions is opened.
///
/// ```
/// use mlcore_features::store::registry::{Definitions, SqliteDefinitionsOptions};
///
/// # let folder = tempfile::tempdir().unwrap();
/// let options = SqliteDefinitionsOptions::new(folder.path().join("store.db"), "rides");
/// assert!(options.open()?.snapshot()?.repository().is_empty());
/// # Ok::<(), mlcore::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct SqliteDefinitionsOptions {
    /// The file. A relative path is resolved when the file is opened.
    pub path: PathBuf,
    /// The project: that of the file, or of a new one.
    pub project: String,
    /// What may be done with the file. Default: everything, and it is created where it does not exist.
    pub access: SqliteAccess,
    /// How long a change waits for another process before it fails with [`Unavailable`](mlcore::Error::Unavailable). Default
    /// 5 s: a change holds the file for milliseconds, so that a longer wait is for something stuck.
    pub busy_timeout: Duration,
    /// The most that the file may grow to, rounded down to pages of 4096 bytes; beyond it changes fail with
    /// [`StorageFull`](mlcore::Error::StorageFull). Default: as much as the disk gives.
    pub max_bytes: Option<u64>,
}

impl SqliteDefinitionsOptions {
    /// Reads, writes and, where it does not exist, creates `path`.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>, project: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            project: project.into(),
            access: SqliteAccess::Create,
            busy_timeout: Duration::from_secs(5),
            max_bytes: None,
        }
    }

    /// The options that a URL means: `sqlite:///relative/path`, `sqlite:////absolute/path`; with `?mode=ro` read-only, with `?mode=rw`
    /// only if the file exists.
    ///
    /// # Errors
    /// [`InvalidInput`](mlcore::Error::InvalidInput) for anything else.
    pub fn from_url(url: &str, project: impl Into<String>) -> Result<Self> {
        let (path, access) = sql::of_url(OPEN, url)?;
        Ok(Self::new(path, project).with_access(access))
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

    /// Opens the registry.
    ///
    /// # Errors
    /// As [`SqliteDefinitions::open`].
    pub fn open(&self) -> Result<SqliteDefinitions> {
        SqliteDefinitions::open_with(self)
    }
}
