//! Whether what SQLite writes is what lies at the path.
//!
//! A process goes on writing a file that somebody deleted, cut or replaced; what it acknowledges then is gone with it.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::holds;
use crate::error::{Error, Result};

/// A file and its write-ahead log, as they were when they were opened.
#[derive(Debug)]
pub struct Files {
    path: PathBuf,
    /// The operation that changes the file.
    change: &'static str,
    file: Option<Identity>,
    log: Option<Log>,
}

/// Device and number.
type Identity = (u64, u64);

#[derive(Debug)]
struct Log {
    path: PathBuf,
    identity: Identity,
    file: File,
    /// How long it was, and the two words that tell apart the logs that one file held one after the other.
    size: u64,
    salts: [u8; 8],
}

impl Files {
    /// The files at `path`, which are open, and the name of the operation that changes them.
    pub fn new(path: &Path, change: &'static str) -> Self {
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let (file, log) = (identity(&path), Log::open(&path));
        Self { path, change, file, log }
    }

    /// Fails where a change must not begin, because what was acknowledged before it is not at its path.
    pub fn check(&self) -> Result<()> {
        match self.problem() {
            None => Ok(()),
            Some(problem) => Err(Error::corrupt(self.change, self.subject(), problem).remedy(self.remedy())),
        }
    }

    /// Fails where a change that was just committed may be in no file that is opened next time.
    pub fn check_written(&mut self) -> Result<()> {
        let problem = self.problem().or_else(|| {
            if self.log.is_none() {
                self.log = Log::open(&self.path);
            }
            self.log.as_mut().and_then(Log::follow)
        });
        match problem {
            None => Ok(()),
            Some(problem) => {
                Err(Error::outcome_unknown(self.change, self.subject(), problem).remedy(self.remedy()))
            }
        }
    }

    fn problem(&self) -> Option<&'static str> {
        if self.file.is_some_and(|file| !is_at(&self.path, file)) {
            return Some("the file was deleted or replaced while it was open");
        }
        let log = self.log.as_ref()?;
        if !is_at(&log.path, log.identity) {
            return Some("its write-ahead log was deleted or replaced while it was open");
        }
        let cut = log.size() < log.size && log.header().is_ok_and(|header| header == Some(log.salts));
        cut.then_some("its write-ahead log was cut while it was open")
    }

    fn remedy(&self) -> String {
        let held = holds(self.change);
        format!(
            "close the {held} in every process, open it again and verify it; restore what is missing from a backup"
        )
    }

    fn subject(&self) -> String {
        self.path.display().to_string()
    }
}

impl Log {
    fn open(database: &Path) -> Option<Self> {
        let mut path = database.as_os_str().to_owned();
        path.push("-wal");
        // SQLite holds no locks on its log, which closing this descriptor could drop.
        let file = File::open(&path).ok()?;
        let found = file.metadata().ok()?;
        let identity = (found.dev(), found.ino());
        let mut log = Self { path: path.into(), identity, file, size: 0, salts: [0; 8] };
        log.follow();
        Some(log)
    }

    /// Notes how the log is after a commit, or says what is wrong with it.
    fn follow(&mut self) -> Option<&'static str> {
        self.size = self.size();
        match self.header() {
            Ok(Some(salts)) => self.salts = salts,
            // All of it went to the file itself.
            Ok(None) if self.size == 0 => {}
            Ok(None) => return Some("its write-ahead log has no beginning: it was cut while it was open"),
            // A disk that does not answer says nothing about what was written.
            Err(_) => {}
        }
        None
    }

    fn size(&self) -> u64 {
        self.file.metadata().map_or(self.size, |found| found.len())
    }

    /// The salts, where the log begins as a log does: <https://sqlite.org/fileformat2.html#walformat>.
    fn header(&self) -> io::Result<Option<[u8; 8]>> {
        let mut header = [0; 24];
        match self.file.read_exact_at(&mut header, 0) {
            Ok(()) => {}
            Err(cause) if cause.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(cause) => return Err(cause),
        }
        Ok(header.last_chunk().copied().filter(|_| header.starts_with(&[0x37, 0x7f, 0x06])))
    }
}

fn identity(path: &Path) -> Option<Identity> {
    fs::metadata(path).ok().map(|found| (found.dev(), found.ino()))
}

/// Says whether the file is still the one at the path, or the system does not say.
fn is_at(path: &Path, file: Identity) -> bool {
    match fs::metadata(path) {
        Ok(found) => (found.dev(), found.ino()) == file,
        Err(cause) => cause.kind() != io::ErrorKind::NotFound,
    }
}
